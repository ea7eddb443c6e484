"""Answers one call as kubectl does, from a file of objects. It starts often and imports little."""

import json
import os
import sys
from pathlib import Path
from typing import Any

_SHORT = {
    "configmaps": "ConfigMap",
    "secrets": "Secret",
    "namespaces": "Namespace",
    "deployments": "Deployment",
    "bundles": "Bundle",
    "roles": "Role",
    "rolebindings": "RoleBinding",
    "serviceaccounts": "ServiceAccount",
}


def main() -> int:
    """Answer one call."""
    answers = json.loads(Path(os.environ["FAKE_KUBECTL"]).read_text())
    arguments = sys.argv[1:]
    with Path(answers["log"]).open("a") as log:
        log.write(json.dumps(arguments) + "\n")
    options = dict(
        argument.removeprefix("--").partition("=")[::2]
        for argument in arguments
        if argument.startswith("--")
    )
    match [argument for argument in arguments if not argument.startswith("--")]:
        case ["config", "view", *_]:
            print(answers["namespace"], end="")
        case ["config", "get-contexts", *_]:
            print("one\ntwo")
        case ["annotate" | "patch", *_] if "patch" in answers["forbidden"]:
            print(
                'Error from server (Forbidden): configmapsyncers.config.example.com "team" is '
                'forbidden: User "jane" cannot patch resource "configmapsyncers" in API group '
                '"config.example.com" at the cluster scope',
                file=sys.stderr,
            )
            return 1
        case ["annotate", *_]:
            return _annotate(answers)
        case ["patch", _, _]:
            pass
        case ["get", resources, *names]:
            return _get(answers, resources.split(","), names, options)
        case other:
            raise AssertionError(other)
    return 0


def _annotate(answers: dict[str, Any]) -> int:
    calls = Path(answers["log"]).read_text().count('["annotate"')
    if calls > answers["conflicts"]:
        return 0
    print(
        "Error from server (Conflict): Operation cannot be fulfilled: the object has been "
        "modified; please apply your changes to the latest version and try again",
        file=sys.stderr,
    )
    return 1


def _get(
    answers: dict[str, Any], resources: list[str], names: list[str], options: dict[str, str]
) -> int:
    refused = [name for name in resources if name.partition(".")[0] in answers["forbidden"]]
    for name in refused:
        plural, _, group = name.partition(".")
        print(
            f'Error from server (Forbidden): {name} is forbidden: User "jane" cannot list resource '
            f'"{plural}" in API group "{group}" at the cluster scope',
            file=sys.stderr,
        )
    kinds = {_SHORT.get(name.partition(".")[0], "ConfigMapSyncer") for name in resources}
    found = [
        item
        for item in answers["objects"]
        if item["kind"] in kinds
        and options.get("namespace") in (None, item["metadata"].get("namespace"))
        and _selected(item, options.get("selector", ""))
    ]
    if names:
        found = [item for item in found if item["metadata"]["name"] in names]
        if not found and "ignore-not-found" in options:
            return 1 if refused else 0
        if not found:
            print(
                f'Error from server (NotFound): {resources[0]} "{names[0]}" not found',
                file=sys.stderr,
            )
            return 1
        print(json.dumps(found[0]))
    elif options.get("output") == "name":
        print("\n".join(f"{resources[0]}/{item['metadata']['name']}" for item in found))
    else:
        print(json.dumps({"apiVersion": "v1", "kind": "List", "items": found}))
    return 1 if refused else 0


def _selected(item: dict[str, Any], selector: str) -> bool:
    labels = item["metadata"].get("labels") or {}
    for part in filter(None, selector.split(",")):
        key, equals, value = part.lstrip("!").partition("=")
        holds = labels.get(key) == value if equals else key in labels
        if holds is part.startswith("!"):
            return False
    return True

"""A program that answers as kubectl does, from a file of objects: for tests without a cluster.

tests/e2e/test_plugin.py does the same with the real kubectl and a real API server.
"""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

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


@dataclass
class FakeKubectl:
    """What kubectl answers; `calls` is what it was asked.

    `forbidden` are resources that may not be listed, and `patch`, where nothing may be patched.
    """

    folder: Path
    objects: list[dict[str, Any]] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)
    namespace: str = ""
    conflicts: int = 0
    """How many annotations fail, because the object was changed in between."""

    def install(self, patched: pytest.MonkeyPatch) -> None:
        """Put the program first on PATH, with what it is to answer now."""
        self.write()
        patched.setenv("FAKE_KUBECTL", str(self.folder / "answers.json"))
        patched.setenv("PATH", f"{self.folder}:{os.environ['PATH']}")

    def write(self) -> None:
        """Answer from now on with the objects as they are."""
        program = self.folder / "kubectl"
        program.write_text(f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {ROOT!r})\n{_MAIN}")
        program.chmod(0o755)
        answers = {
            "objects": self.objects,
            "forbidden": self.forbidden,
            "namespace": self.namespace,
            "conflicts": self.conflicts,
            "log": str(self.folder / "log"),
        }
        (self.folder / "answers.json").write_text(json.dumps(answers))

    @property
    def calls(self) -> list[list[str]]:
        log = self.folder / "log"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


ROOT = str(Path(__file__).resolve().parents[2])
_MAIN = "from tests.cli import fake_kubectl\nsys.exit(fake_kubectl.main())\n"


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

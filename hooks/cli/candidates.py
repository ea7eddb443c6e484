"""What a shell may offer for an argument: names that kubectl knows.

A completer is called by argcomplete. It answers within seconds or with nothing, and never fails.
"""

import argparse
import json
import subprocess
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from hooks.api.names import REVISION_OF
from hooks.cli.kubectl import SYNCERS, Kubectl, KubectlError
from hooks.preview.options import Trigger

Completer: TypeAlias = Callable[..., list[str]]

_SECONDS: Final = 3
_KINDS: Final[Mapping[str, str]] = {
    "cm": "configmaps",
    "cmsync": SYNCERS,
    "ns": "namespaces",
    "secret": "secrets",
}
"""The kinds of --delete, and how kubectl is asked for them."""


def syncers(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """The names of all syncers."""
    return _names(parsed_args, SYNCERS)


def namespaces(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """The names of all namespaces."""
    return _names(parsed_args, "namespaces")


def contexts(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """The contexts of the kubeconfig."""
    return _printed(
        Kubectl(kubeconfig=getattr(parsed_args, "kubeconfig", None)),
        *("config", "get-contexts", "--output=name"),
    )


def references(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """`KIND/` first, and then the names of that kind in the namespace."""
    kind, slash, _name = prefix.partition("/")
    if not slash:
        return [f"{each}/" for each in _KINDS]
    if kind not in _KINDS:
        return []
    namespace = getattr(parsed_args, "namespace", None)
    inside = [f"--namespace={namespace}"] if namespace else []
    return [f"{kind}/{name}" for name in _names(parsed_args, _KINDS[kind], *inside)]


def revisions(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """The stored revisions of the syncer that is named before."""
    name = getattr(parsed_args, "name", None)
    timeout = f"--request-timeout={_SECONDS}s"
    found = _run(Kubectl.of(parsed_args), "get", SYNCERS, str(name), "--output=json", timeout)
    spec = json.loads(found).get("spec") or {} if name and found else {}
    resource = "secrets" if spec.get("sourceSecret") else "configmaps"
    inside = f"--namespace={spec.get('sourceNamespace')}"
    return _names(parsed_args, resource, inside, f"--selector={REVISION_OF}={name}") if spec else []


def triggers(prefix: str, **_: object) -> list[str]:
    """The words of --fail-on, after those that are there already."""
    before, comma, _word = prefix.rpartition(",")
    return [f"{before}{comma}{word}" for word in Trigger if word not in before.split(",")]


def _names(parsed_args: argparse.Namespace, resource: str, *more: str) -> list[str]:
    timeout = f"--request-timeout={_SECONDS}s"
    found = _printed(Kubectl.of(parsed_args), "get", resource, "--output=name", timeout, *more)
    return [name.rpartition("/")[2] for name in found]


def _printed(kubectl: Kubectl, *arguments: str) -> list[str]:
    return _run(kubectl, *arguments).split()


def _run(kubectl: Kubectl, *arguments: str) -> str:
    try:
        return kubectl.run(*arguments, timeout=2 * _SECONDS).decode()
    except (KubectlError, OSError, subprocess.TimeoutExpired):
        return ""

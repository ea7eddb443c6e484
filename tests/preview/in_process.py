"""The whole command in this process, with the real hook behind it, but without HTTP."""

import contextlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from hooks import settings
from hooks.app import create_app
from hooks.cli import main
from hooks.cli.parser import MODULE, Program
from hooks.preview import service
from hooks.preview.simulator.hook import Hook
from tests.wsgi import hook_of

SYNCER = """\
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: team
spec:
  sourceNamespace: shared
  sourceConfigMap: settings
  targetNamespaces: [dev]
"""
OBJECTS = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shared}
data: {level: info}
---
apiVersion: v1
kind: Namespace
metadata: {name: dev, labels: {team: pay}}
---
apiVersion: v1
kind: Namespace
metadata: {name: prod, labels: {team: pay}}
"""
GOOD = SYNCER.replace("name: team", "name: good").replace("targetN", "targetName: copy\n  targetN")
"""Another syncer, so that an input without the first one is not without any."""


@dataclass(frozen=True)
class Ended:
    """How the command ended."""

    status: int
    printed: str
    complained: str


Run = Callable[..., Ended]


def runner(
    monkeypatch: pytest.MonkeyPatch, command: str | None = "preview", program: Program = MODULE
) -> Run:
    """Runs a command of a program with arguments; without one, the arguments name it."""

    @cache
    def hook(apply_strategy: str) -> Hook:
        configured = settings.read({"APPLY_STRATEGY": apply_strategy})
        return hook_of(create_app(configured, log=io.StringIO()))

    @contextlib.contextmanager
    def running(apply_strategy: str) -> Iterator[Hook]:
        yield hook(apply_strategy)

    monkeypatch.setattr(service, "running", running)

    def run(*arguments: str | Path, given: str | bytes = "") -> Ended:
        content = given.encode() if isinstance(given, str) else given
        printed, complained = io.StringIO(), io.StringIO()
        with (
            monkeypatch.context() as patched,
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(complained),
        ):
            patched.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
            try:
                status = main.main([*filter(None, [command]), *map(str, arguments)], program)
            except SystemExit as end:
                status = int(end.code or 0)
        return Ended(status, printed.getvalue(), complained.getvalue())

    return run


def masked(printed: str) -> list[str]:
    """Lines without the ages, which depend on how fast the machine is."""
    return [re.sub(r"\b\d+s\b", "0s", line).rstrip() for line in printed.splitlines()]

"""The command line in this process, with the real hook but for HTTP, and a kubectl of its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hooks.cli.parser import PLUGIN
from tests.cli.fake_kubectl import FakeKubectl
from tests.preview.in_process import Ended, Run, runner

Plugin = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """The module's commands."""
    return runner(monkeypatch, command=None)


@pytest.fixture
def kubectl(tmp_path: Path) -> FakeKubectl:
    folder = tmp_path / "kubectl"
    folder.mkdir()
    return FakeKubectl(folder)


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch, kubectl: FakeKubectl) -> Plugin:
    """The plugin's commands, with what the fake kubectl answers at the time of the call."""
    as_plugin = runner(monkeypatch, command=None, program=PLUGIN)

    def called(*arguments: str | Path, given: str = "") -> Ended:
        with monkeypatch.context() as patched:
            kubectl.install(patched)
            return as_plugin(*arguments, given=given)

    return called


@pytest.fixture
def settled(run: Run) -> Callable[..., list[dict[str, Any]]]:
    """The objects of manifests, as they are once the hook has done its work."""

    def settle(*arguments: str | Path, given: str = "") -> list[dict[str, Any]]:
        done = run("preview", *arguments, "-o", "json", given=given)
        assert done.status in (0, 1), done.complained
        items: list[dict[str, Any]] = json.loads(done.printed)["items"]
        return items

    return settle

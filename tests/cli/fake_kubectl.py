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
        program.write_text(_PROGRAM)
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
# Without site, which costs more than all the rest: the program needs the standard library alone.
_PROGRAM = f"""\
#!{sys.executable} -S
import sys
sys.path.insert(0, {ROOT!r})
from tests.cli import kubectl_program
sys.exit(kubectl_program.main())
"""

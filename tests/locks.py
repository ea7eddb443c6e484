"""What the lock files pin, read without the tools that are under test."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker

ROOT = Path(__file__).resolve().parents[1]

_PIN = re.compile(r"^([\w.-]+)(?:\[.*\])?==(\S+)(.*)\n((?: .*\n)*)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:(\w+)")


@dataclass(frozen=True)
class LockedPackage:
    version: str
    hashes: frozenset[str]
    is_for_here: bool


def pins(lock: str) -> Mapping[str, LockedPackage]:
    """The packages of a lock by name."""
    text = (ROOT / lock).read_text("utf-8")
    return {
        name: LockedPackage(version, frozenset(_HASH.findall(rest)), _is_for_here(marker))
        for name, version, marker, rest in _PIN.findall(text)
    }


def _is_for_here(marker: str) -> bool:
    condition = marker.strip("\\; ")
    return not condition or Marker(condition).evaluate()


def run(module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a module of the project says when it is run."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )

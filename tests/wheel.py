"""The wheel: built from this checkout, and installed in an environment that has nothing else."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SHIPPED: Mapping[str, str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
"""The manifests that the preview follows, and where they are in the wheel."""


@dataclass(frozen=True, slots=True)
class InstalledWheel:
    """A folder of programs, which come first on PATH, and nothing of this checkout."""

    binaries: Path

    def environment(self, **more: str) -> Mapping[str, str]:
        """The environment of a user who has installed the wheel."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("COV_", "PYTEST", "PYTHON", "VIRTUAL_ENV"))
        }
        return {**kept, "PATH": f"{self.binaries}:{os.environ['PATH']}", **more}

    def run(
        self, *command: str | Path, folder: Path, given: str = "", **more: str
    ) -> subprocess.CompletedProcess[str]:
        """What a program of the wheel, or another on PATH, says in a folder."""
        return run([*map(str, command)], folder, self.environment(**more), given)


def build(folder: Path) -> Path:
    """Build the wheel into a folder with the hatchling of this environment; returns its path."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    done = run([*command, "--directory", str(folder)], ROOT, os.environ)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> InstalledWheel:
    """Install the wheel and what it depends on into a new environment."""
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", str(wheel)],
    ):
        done = run(command, folder.parent, os.environ)
        assert done.returncode == 0, done.stderr
    return InstalledWheel(folder / "bin")


def run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], given: str = ""
) -> subprocess.CompletedProcess[str]:
    """How a command ends."""
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        input=given,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

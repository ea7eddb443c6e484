"""The wheel: built from this checkout, and installed in an environment that has nothing else."""

import os
import subprocess
import sys
import sysconfig
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
    command = [sys.executable, "-m", "hatchling", "build", "--target=wheel"]
    _do([*command, f"--directory={folder}"], ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> InstalledWheel:
    """Install the wheel and what it depends on into a new environment."""
    _do([sys.executable, "-m", "venv", str(folder)], folder.parent)
    python = folder / "bin" / "python"
    _do([str(python), "-m", "pip", "install", "--quiet", str(wheel)], folder.parent)
    return InstalledWheel(folder / "bin")


def install_quickly(wheel: Path, folder: Path) -> InstalledWheel:
    """Install the wheel into a new environment that takes what it depends on from this one.

    That it finds all of that in an empty environment, tests/install/test_wheel.py shows.
    """
    _do([sys.executable, "-m", "venv", "--without-pip", str(folder)], folder.parent)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    _do([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], folder.parent)
    (there,) = folder.glob("lib/python*/site-packages")
    (there / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n", "utf-8")
    return InstalledWheel(folder / "bin")


def _do(command: Sequence[str], folder: Path) -> None:
    done = run(command, folder, os.environ)
    assert done.returncode == 0, done.stderr


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

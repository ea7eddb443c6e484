"""What a recipe of CONTRIBUTING.md is made of, and how its steps are done to a copy of the project.

A recipe is a sequence of steps, one or more for each row of its table.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    *("charts", "crds", "docs", "examples", "hooks", "metacontroller", "monitoring"),
    *("tests", "tools", "pyproject.toml", "Makefile"),
)
LEFT_BEHIND = shutil.ignore_patterns("__pycache__", "mutants")
CRD = "crds/configmapsyncers.config.example.com.yaml"
MODEL_CASE = "new-syncer-desires-a-copy-in-every-target"

Do = Callable[[Path], None]


@dataclass(frozen=True)
class Step:
    """What to do to a copy, and which test fails when it is not done.

    The test is named by its function, or by its function and parameters where one is enough. It is
    empty where no test can know.
    """

    name: str
    do: Do
    fails: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Recipe:
    """The steps under a heading of the guide, and tests that have to pass as well in the end.

    Where it is named with others, the section also names tests that no step is about.
    """

    heading: str
    steps: Sequence[Step]
    also: Sequence[str] = ()
    is_named_with_others: bool = False

    def __str__(self) -> str:
        return self.heading

    @property
    def known_steps(self) -> Sequence[Step]:
        """The steps that a test misses."""
        return [step for step in self.steps if step.fails]


def replaced(path: str, old: str, new: str) -> Do:
    """Replace a text that a file has exactly once."""

    def do(tree: Path) -> None:
        text = (tree / path).read_text("utf-8")
        assert text.count(old) == 1, (path, old)
        (tree / path).write_text(text.replace(old, new), "utf-8")

    return do


def before(path: str, anchor: str, new: str) -> Do:
    return replaced(path, anchor, new + anchor)


def after(path: str, anchor: str, new: str) -> Do:
    return replaced(path, anchor, anchor + new)


def written(path: str, text: str) -> Do:
    """Write a file that is not there yet."""

    def do(tree: Path) -> None:
        assert not (tree / path).exists(), path
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text, "utf-8")

    return do


def like_a_case(model: str, name: str, change: Callable[[Any], None]) -> Do:
    """Write the request of a new case: that of another one, changed."""

    def do(tree: Path) -> None:
        (found,) = (tree / "tests/cases/sync").rglob(model)
        request = json.loads((found / "request.json").read_text("utf-8"))
        change(request)
        folder = found.with_name(name)
        folder.mkdir()
        (folder / "request.json").write_text(json.dumps(request), "utf-8")

    return do


def record(tree: Path) -> None:
    """Record the answers of new cases; there is none where a step before was left out."""
    _run(tree, "tests.cases", "--record")


def together(*parts: Do) -> Do:
    def do(tree: Path) -> None:
        for part in parts:
            part(tree)

    return do


def ran(module: str) -> Do:
    """Run a module of the copy, as the recipe says; it can fail where a step was left out."""

    def do(tree: Path) -> None:
        _run(tree, module)

    return do


def _run(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=tree, capture_output=True, text=True, check=False
    )


def copied(folder: Path, steps: Sequence[Step]) -> Path:
    """A copy of the project to which the steps were done, in their order."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=LEFT_BEHIND)
        elif source.exists():
            shutil.copy(source, folder / part)
    for page in ROOT.glob("*.md"):
        shutil.copy(page, folder)
    for step in steps:
        step.do(folder)
    return folder


def failed(tree: Path, tests: Sequence[str]) -> set[str]:
    """Which of the tests fail in a copy, by their functions. Each has to be there."""
    functions = {test.partition("[")[0] for test in tests}
    modules = {
        str(module.relative_to(tree)): module.read_text("utf-8")
        for folder in ("unit", "http", "install", "preview")
        for module in (tree / "tests" / folder).glob("test_*.py")
    }
    defining = {
        module: text
        for module, text in modules.items()
        if any(f"def {function}(" in text for function in functions)
    }
    assert all(any(f"def {each}(" in text for text in defining.values()) for each in functions)
    chosen = " or ".join(tests)
    run = _run(tree, "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, *sorted(defining))
    # A module that cannot even be imported has failed, too.
    assert run.returncode in (0, 1, 2), run.stdout + run.stderr
    broken = re.findall(r"^ERROR (\S+\.py)", run.stdout, re.MULTILINE)
    return {
        *re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", run.stdout, re.MULTILINE),
        *(each for each in functions for module in broken if f"def {each}(" in defining[module]),
    }

"""Run the tests that the uncommitted changes touch: `python -m tools.changed_tests`.

A test module is touched by a file when it is the file, imports the file's module, directly or
through helpers of the tests, or names the file or one of its folders. What the hook answers comes
out of all of its modules, so a change to any of them also compares the recorded answers. This is a
selection for quick feedback while you work: `make test` runs everything.
"""

import re
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

import grimp
import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
_ALWAYS: Final = {
    "hooks/cli/": "tests/preview/test_golden.py",
    "hooks/preview/": "tests/preview/test_golden.py",
    "hooks/": "tests/unit/test_cases.py::test_the_answer_is_the_recorded_one",
    "": "tests/unit/test_structure.py",
}
"""What compares everything that comes out of these folders' modules; the first that fits, and the
last."""

_READERS: Final = {"crds/": "hooks.preview.simulator.schema", "tests/crds/": "tests.crd_cases"}
"""Modules that read the files of a folder."""

# These need a control plane, or take minutes: `make e2e` and `make test-long` run them.
_APART: Final = ("tests/e2e/", "tests/recipes/")
_GENERIC: Final = frozenset({"hooks", "tests", "tools", "docs", "base"})
"""Folders that too many tests name."""


def changed(root: Path = ROOT) -> list[str]:
    """The files that differ from the last commit or are not in it, as paths from the root."""
    command = ["git", "status", "--porcelain", "--no-renames", "--untracked-files=all", "-z"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return sorted(line[3:] for line in done.stdout.split("\0") if line)


def touched(files: Iterable[str]) -> list[str]:
    """What to give to pytest for these changed files, in order; empty when no test is touched."""
    graph = grimp.build_graph("hooks", "tests", "tools", cache_dir=None)
    texts = {
        path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
    }
    found: set[str] = set()
    for file in files:
        reached = _importers(graph, _modules(file, graph))
        found |= {path for path in texts if path == file or _module(path) in reached}
        if file.endswith(".py"):
            found |= {_always(file), _ALWAYS[""]}
        elif not file.startswith("tests/"):
            found |= {path for path, text in texts.items() if _is_named(file, text)}
    chosen = (each for each in found if not _is_part(each, found))
    return sorted(each for each in chosen if not each.startswith(_APART))


def main(arguments: Sequence[str]) -> int:
    """Run pytest on what is touched, with more arguments for it. Gives its exit code."""
    chosen = touched(changed())
    if not chosen:
        sys.stdout.write("No test is touched by what is not committed.\n")
        return 0
    sys.stdout.write(f"Touched: {' '.join(chosen)}\n")
    sys.stdout.flush()
    return int(pytest.main(["-m", "not long", *arguments, *chosen]))


def _module(file: str) -> str:
    return ".".join(PurePosixPath(file).with_suffix("").parts).removesuffix(".__init__")


def _modules(file: str, graph: grimp.ImportGraph) -> set[str]:
    """The module of a Python file; of another file, those that read it or are next to it."""
    if file.endswith(".py"):
        return {_module(file)} & graph.modules
    for folder, reader in _READERS.items():
        if file.startswith(folder):
            return {reader}
    packages = (".".join(parent.parts) for parent in PurePosixPath(file).parents)
    package = next((each for each in packages if each in graph.modules and "." in each), "")
    return {package, *graph.find_children(package)} if package else set()


def _importers(graph: grimp.ImportGraph, modules: set[str]) -> set[str]:
    """These modules and what imports them, directly or through modules of the tests."""
    found = set(modules)
    waiting = list(modules)
    while waiting:
        for importer in graph.find_modules_that_directly_import(waiting.pop()) - found:
            found.add(importer)
            if importer.startswith("tests."):
                waiting.append(importer)
    return found


def _is_part(test: str, chosen: Collection[str]) -> bool:
    """Whether a test stands in a module that is chosen as a whole."""
    module, separator, _ = test.partition("::")
    return bool(separator) and module in chosen


def _always(file: str) -> str:
    return next(test for folder, test in _ALWAYS.items() if file.startswith(folder))


def _is_named(file: str, text: str) -> bool:
    """Whether a test names the file, or one of its folders, as a part of a path."""
    return any(re.search(rf'["/]{re.escape(name)}["/]', text) for name in _names(file))


def _names(file: str) -> Iterator[str]:
    path = PurePosixPath(file)
    yield path.name
    yield from {folder.name for folder in path.parents} - _GENERIC - {""}
    if path.parts[0] == "docs":
        yield "docs"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The structure of the code is held: sizes, names, who takes what, and who imports whom.

The import contract is in `pyproject.toml`. It is run here on copies of the code that break it in
one place each, because a contract that accepts everything would pass as well.
"""

import ast
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOOKS = ROOT / "hooks"
MODULES = tuple(sorted(HOOKS.rglob("*.py")))
PACKAGES = tuple(str(init.parent.relative_to(ROOT)) for init in sorted(HOOKS.rglob("__init__.py")))
LONGEST_MODULE = 400
CHECKED = (*MODULES, *sorted(ROOT.glob("tests/**/*.py")), *sorted(ROOT.glob("tools/**/*.py")))

FINDS_TARGETS_OR_BUILDS = ("hooks/resolve/", "hooks/adoption.py", "hooks/copies/observation.py")
"""What runs before there is an observation, compares several syncers, or builds the observation."""

OLD_WORDS = ("asked", "echo", "leak", "loss", "obstacle", "question", "told")
"""What these meant has a name of its own. In prose, most are plain: see `test_words.py`."""

Trees = Mapping[str, ast.Module]


@pytest.fixture(scope="module")
def everything() -> Trees:
    """The code of the service, of the tests and of the tools."""
    return {
        module.relative_to(ROOT).as_posix(): ast.parse(module.read_text("utf-8"))
        for module in CHECKED
    }


@pytest.fixture(scope="module")
def trees(everything: Trees) -> Trees:
    return {module: tree for module, tree in everything.items() if module.startswith("hooks/")}


def classes(node: ast.AST) -> Iterator[ast.ClassDef]:
    """The classes in a node, except those that one function has for itself."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from classes(child)


def repeated_classes(trees: Trees) -> dict[str, list[str]]:
    """The names that more than one class has, a leading underscore aside, and their modules."""
    modules = defaultdict(list)
    for module, tree in trees.items():
        for node in classes(tree):
            modules[node.name.lstrip("_")].append(module)
    return {name: found for name, found in modules.items() if len(found) > 1}


def takers_of_both(trees: Trees) -> list[str]:
    """The functions that take a parsed syncer and the request that it came with."""
    return [
        f"{module} {node.name}"
        for module, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and {"Syncer", "SyncRequest"} <= set(_types_of_parameters(node.args))
    ]


def _types_of_parameters(parameters: ast.arguments) -> Iterator[str]:
    """The names in the annotations; `Observation[Syncer]` is an observation, not a syncer."""
    for parameter in (*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs):
        if parameter.annotation is not None:
            annotation = re.sub(r"\bObservation\[[^\]]*\]", "", ast.unparse(parameter.annotation))
            yield from re.findall(r"\w+", annotation)


def identifiers(trees: Trees, parts: Collection[str]) -> list[str]:
    """Where an identifier is one of `parts`, or has it between underscores."""
    found = []
    for module, tree in trees.items():
        for node in ast.walk(tree):
            for field, value in ast.iter_fields(node):
                is_identifier = isinstance(value, str) and not isinstance(node, ast.Constant)
                if is_identifier and not set(re.split(r"[_.]", value)).isdisjoint(parts):
                    found.append(f"{module}:{getattr(node, 'lineno', '?')} {field} {value}")
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(HOOKS)))
def test_no_module_is_too_long(module: Path) -> None:
    assert len(module.read_text("utf-8").splitlines()) <= LONGEST_MODULE


def test_a_class_name_is_one_class(everything: Trees) -> None:
    assert repeated_classes(everything) == {}


def test_only_the_builder_of_an_observation_takes_a_syncer_and_its_request(trees: Trees) -> None:
    others = [
        taker for taker in takers_of_both(trees) if not taker.startswith(FINDS_TARGETS_OR_BUILDS)
    ]
    assert others == []


def test_no_identifier_is_an_old_word(everything: Trees) -> None:
    assert identifiers(everything, OLD_WORDS) == []


def test_a_second_class_of_a_name_is_found() -> None:
    trees = {"a": ast.parse("class Hook: ..."), "b": ast.parse("class _Hook: ...")}
    assert repeated_classes(trees) == {"Hook": ["a", "b"]}


def test_a_class_of_one_function_is_its_own_affair() -> None:
    trees = {"a": ast.parse("class Hook: ..."), "b": ast.parse("def f():\n    class Hook: ...")}
    assert repeated_classes(trees) == {}


def test_a_function_that_takes_both_is_found() -> None:
    both = "def f(syncer: Syncer | InvalidSpec, *, request: SyncRequest): ..."
    observed = "def g(observation: Observation[Syncer], request: SyncRequest): ..."
    trees = {"a": ast.parse(both), "b": ast.parse(observed)}
    assert takers_of_both(trees) == ["a f"]


@pytest.mark.parametrize(
    "line", ["told = 1", "f'{is_told}'", "def tell(told_twice): ...", "a.told"]
)
def test_an_identifier_is_found(line: str) -> None:
    assert len(identifiers({"a": ast.parse(line)}, OLD_WORDS)) == 1


@pytest.mark.parametrize("line", ["'told'", "untold = 1", "# told"])
def test_prose_is_no_identifier(line: str) -> None:
    assert identifiers({"a": ast.parse(line)}, OLD_WORDS) == []


def _lint(folder: Path) -> str:
    """What lint-imports prints of the copy in a folder, nothing where every contract is kept."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    linted = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return "" if linted.returncode == 0 else " ".join(linted.stdout.split())


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(HOOKS, tmp_path / "hooks", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_code_keeps_the_import_contract(copied: Path) -> None:
    assert _lint(copied) == ""


@pytest.mark.parametrize("package", PACKAGES)
def test_a_module_without_a_layer_breaks_the_contract(copied: Path, package: str) -> None:
    (copied / package / "unplaced.py").write_text('"""New."""\n')
    assert f"{package.replace('/', '.')}.unplaced" in _lint(copied)


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("hooks/adoption.py", "hooks.server.metrics"),
        ("hooks/adoption.py", "hooks.settings"),
        ("hooks/sync.py", "hooks.finalize"),
        ("hooks/copies/size.py", "hooks.copies.decision"),
        ("hooks/preview/simulator/controllers.py", "hooks.sync"),
        ("hooks/preview/simulator/controllers.py", "hooks.api.protocol"),
        ("hooks/preview/simulator/controllers.py", "hooks.preview.input.manifests"),
        ("hooks/preview/simulator/cluster.py", "hooks.preview.simulator.controllers"),
    ],
)
def test_an_import_against_the_layers_breaks_the_contract(
    copied: Path, module: str, imported: str
) -> None:
    path = copied / module
    path.write_text(f"{path.read_text('utf-8')}\nimport {imported}  # noqa\n", "utf-8")
    importing = module.removesuffix(".py").replace("/", ".")
    assert f"{importing} -> {imported}" in _lint(copied)

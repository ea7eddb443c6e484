"""The page on the architecture names what there is: packages, modules, functions, layers."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text("utf-8")
PACKAGES = sorted(
    init.parent.relative_to(ROOT).as_posix()
    for init in (ROOT / "hooks").rglob("__init__.py")
    if init.parent.name != "hooks"
)
NAMED = sorted(set(re.findall(r"`((?:hooks|tests)/[\w/.]+)`", PAGE)))

_STEP = re.compile(r"^\| [^|]+ \| `(\w+)` \| `(hooks/[\w/]+\.py)` \|$", re.MULTILINE)
_PROSE = re.compile(r"`(\w+)` in\s+`(hooks/[\w/]+\.py)`")


@pytest.mark.parametrize("path", NAMED)
def test_what_the_page_names_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_on_the_page(package: str) -> None:
    assert package in NAMED


def test_every_folder_of_tests_is_on_the_page() -> None:
    folders = {path.parent.relative_to(ROOT).parts[1] for path in ROOT.glob("tests/*/*.*")}
    folders.discard("__pycache__")
    assert {f"tests/{folder}" for folder in folders} <= set(NAMED)


@pytest.mark.parametrize(("function", "module"), [*_STEP.findall(PAGE), *_PROSE.findall(PAGE)])
def test_the_path_of_a_request_leads_through_functions_that_exist(
    function: str, module: str
) -> None:
    tree = ast.parse((ROOT / module).read_text("utf-8"))
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    assert function in {node.name for node in ast.walk(tree) if isinstance(node, definitions)}


def test_the_path_of_a_request_has_its_steps() -> None:
    assert len(_STEP.findall(PAGE)) > 10


def test_the_layers_on_the_page_are_those_of_the_contract() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = (
        contract["layers"] for contract in contracts if contract.get("containers") == ["hooks"]
    )
    section = PAGE.partition("## Layers")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]+`) \|", section, re.MULTILINE)
    shown = [[Path(path).stem for path in re.findall(r"`([^`]+)`", cell)] for cell in cells]
    assert shown == [layer.split(" | ") for layer in layers]

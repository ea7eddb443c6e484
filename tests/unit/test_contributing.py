"""CONTRIBUTING.md names commands and tests that exist, and one version is everywhere."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import hooks
from tests.recipes.test_recipes import RECIPES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
TESTS = sorted(set(re.findall(r"\b(test_\w+)(?![\w.*])", PAGE)) - {"test_"})
WITH_VERSION = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
KNOWN = {
    name
    for module in (ROOT / "tests").rglob("test_*.py")
    for name in (
        module.stem,
        *re.findall(r"^def (test_\w+)\(", module.read_text("utf-8"), re.MULTILINE),
    )
}


@pytest.mark.parametrize("name", TESTS)
def test_every_test_exists(name: str) -> None:
    assert name in KNOWN


def test_every_command_of_make_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = {
        target
        for command in re.findall(r"(?:`|\$ )make ([a-z0-9 -]+)", PAGE)
        for target in command.split()
    }
    assert targets <= set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))
    assert targets >= {"setup", "check", "test", "e2e"}


def test_every_recipe_is_followed_and_every_followed_recipe_is_one() -> None:
    recipes = PAGE.partition("\n## Recipes\n")[2]
    headings = re.findall(r"^### (.+)$", recipes, re.MULTILINE)
    assert sorted(headings) == sorted(recipe.heading for recipe in RECIPES)


def test_one_version_is_everywhere() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert hooks.__version__ == version
    deployment = yaml.safe_load((ROOT / "metacontroller/base/deployment.yaml").read_text("utf-8"))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"configmap-syncer:{version}"
    chart = yaml.safe_load((ROOT / "charts/configmap-syncer/Chart.yaml").read_text("utf-8"))
    assert chart["version"] == chart["appVersion"] == version
    for page in WITH_VERSION:
        named = re.findall(r"configmap-syncer:(\d[\w.]*)", page.read_text("utf-8"))
        assert set(named) <= {version}, page

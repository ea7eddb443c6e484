"""Follow the recipes of CONTRIBUTING.md on copies of the project: whole, and without each step.

With all steps the named tests pass; without one of them the test fails that its row names.
"""

import re
from pathlib import Path

import pytest

from tests.recipes import (
    alert,
    case,
    condition_reason,
    failure_reason,
    field,
    kind,
    scenario,
    setting,
)
from tests.recipes.steps import ROOT, Recipe, Step, copied, failed

RECIPES = tuple(
    module.RECIPE
    for module in (alert, case, condition_reason, failure_reason, field, kind, scenario, setting)
)

every_recipe = pytest.mark.parametrize("recipe", RECIPES, ids=str)


@every_recipe
def test_with_all_steps_the_named_tests_pass(recipe: Recipe, tmp_path: Path) -> None:
    tests = sorted({step.fails for step in recipe.known_steps})
    assert failed(copied(tmp_path, recipe.steps), [*tests, *recipe.also]) == set()


@pytest.mark.parametrize(
    ("recipe", "left_out"),
    [
        pytest.param(recipe, step, id=f"{recipe}, without {step}")
        for recipe in RECIPES
        for step in recipe.known_steps
    ],
)
def test_without_a_step_the_named_test_fails(
    recipe: Recipe, left_out: Step, tmp_path: Path
) -> None:
    others = [step for step in recipe.steps if step is not left_out]
    missing = failed(copied(tmp_path, others), [left_out.fails])
    assert missing == {left_out.fails.partition("[")[0]}


@every_recipe
def test_the_guide_names_these_tests(recipe: Recipe) -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = page.partition(f"### {recipe.heading}\n")[2].partition("\n### ")[0]
    named = set(re.findall(r"`(test_\w+)`", section))
    tests = {step.fails.partition("[")[0] for step in recipe.known_steps}
    assert named >= tests if recipe.is_named_with_others else named == tests

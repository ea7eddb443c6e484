"""Add a case: one that a cluster can hold, and one in which less is shown than there is."""

from typing import Any

from tests.recipes.steps import (
    MODEL_CASE,
    Recipe,
    Step,
    after,
    like_a_case,
    record,
)

NEW_CASE = "source-of-one-key-is-copied"
BEHIND = "namespace-that-is-not-shown-makes-no-copy"


def _of_one_key(request: Any) -> None:
    request["related"]["ConfigMap.v1"]["default/app-config"]["data"] = {"only": "value"}


def _not_shown(request: Any) -> None:
    request["related"]["Namespace.v1"] = {}


STEPS = (
    Step("the request", like_a_case(MODEL_CASE, NEW_CASE, _of_one_key), ""),
    Step("the request of less than there is", like_a_case(MODEL_CASE, BEHIND, _not_shown), ""),
    Step("the answers", record, f"test_the_answer_is_the_recorded_one[sync/{NEW_CASE}]"),
    Step(
        "why no cluster shows that",
        after(
            "tests/unit/test_cases.py",
            "BEHIND = {\n",
            f'    "sync/{BEHIND}": "a namespace is not shown",\n',
        ),
        f"test_the_answer_comes_true_in_four_steps_at_most[sync/{BEHIND}]",
    ),
)
RECIPE = Recipe(
    "Add a case",
    STEPS,
    also=(f"test_the_answer_comes_true_in_four_steps_at_most[sync/{NEW_CASE}]",),
)

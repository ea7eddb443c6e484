"""Add a failure reason: a namespace that takes no copies."""

from typing import Any

from tests.recipes.steps import (
    CRD,
    MODEL_CASE,
    Recipe,
    Step,
    after,
    before,
    like_a_case,
    ran,
    record,
    replaced,
    together,
)

NEW_CASE = "closed-namespace-fails-alone"


def _of_a_closed_namespace(request: Any) -> None:
    namespace = request["related"]["Namespace.v1"]["dev"]
    namespace["metadata"].setdefault("labels", {})["example.com/closed"] = ""


STEPS = (
    Step(
        "the reason",
        after(
            "hooks/resolve/targets.py",
            '    NOT_REMOVED = "NotRemoved"\n',
            '    NAMESPACE_CLOSED = "NamespaceClosed"\n',
        ),
        "test_the_hook_and_the_definition_have_the_same_reasons_of_failures",
    ),
    Step(
        "the situation",
        before(
            "hooks/resolve/targets.py",
            "    return None\n\n\ndef _consenting(",
            '    if namespace.label("example.com/closed") is not None:\n'
            "        return Failure(\n"
            "            FailureReason.NAMESPACE_CLOSED,\n"
            '            "the namespace takes no copies; remove its label example.com/closed",\n'
            "        )\n",
        ),
        "test_every_reason_is_in_a_recorded_answer[NamespaceClosed]",
    ),
    Step(
        "the definition",
        together(
            replaced(
                CRD,
                "Why, in one word. NamespaceNotFound",
                "Why, in one word. NamespaceClosed (it takes no copies), NamespaceNotFound",
            ),
            after(
                CRD,
                "                          - NotRemoved\n",
                "                          - NamespaceClosed\n",
            ),
        ),
        "test_the_hook_and_the_definition_have_the_same_reasons_of_failures",
    ),
    Step("the API reference", ran("tools.api_reference"), "test_the_page_is_current"),
    Step("the chart", ran("tools.chart"), "test_what_the_chart_has_from_elsewhere_is_current"),
    Step(
        "the table of reasons",
        before(
            "docs/status.md",
            "| `NotRemoved` |",
            "| `NamespaceClosed` | it takes no copies: remove the label |\n",
        ),
        "test_every_reason_is_explained_and_no_other",
    ),
    Step(
        "a case",
        together(like_a_case(MODEL_CASE, NEW_CASE, _of_a_closed_namespace), record),
        "test_every_reason_is_in_a_recorded_answer[NamespaceClosed]",
    ),
)
RECIPE = Recipe(
    "Add a failure reason",
    STEPS,
    also=(
        "test_a_status_that_uses_every_field_is_accepted_whole",
        f"test_the_answer_is_the_recorded_one[sync/{NEW_CASE}]",
        f"test_the_answer_comes_true_in_four_steps_at_most[sync/{NEW_CASE}]",
    ),
)

"""Add a condition reason: a source that says of itself that it is a draft."""

from typing import Any

from tests.recipes.steps import (
    MODEL_CASE,
    Recipe,
    Step,
    after,
    before,
    like_a_case,
    record,
    replaced,
    together,
)

NEW_CASE = "draft-is-not-copied"


def _of_a_draft(request: Any) -> None:
    source = request["related"]["ConfigMap.v1"]["default/app-config"]
    source["metadata"].setdefault("annotations", {})["example.com/draft"] = ""


STEPS = (
    Step(
        "the reason",
        after(
            "hooks/resolve/source.py",
            '    CONTENT_INVALID = "ContentInvalid"\n',
            '    SOURCE_IS_A_DRAFT = "SourceIsADraft"\n',
        ),
        "test_every_reason_is_explained_and_no_other",
    ),
    Step(
        "the situation",
        before(
            "hooks/resolve/source.py",
            "    return (\n        _unsupported(",
            '    if source.annotation("example.com/draft") is not None:\n'
            "        return NoContent(\n"
            "            SourceReason.SOURCE_IS_A_DRAFT,\n"
            '            f"{described(syncer)} is a draft; remove the annotation",\n'
            "        )\n",
        ),
        "test_every_reason_is_in_a_recorded_answer[SourceIsADraft]",
    ),
    Step(
        "a case",
        together(like_a_case(MODEL_CASE, NEW_CASE, _of_a_draft), record),
        "test_every_reason_is_in_a_recorded_answer[SourceIsADraft]",
    ),
    Step(
        "the table of reasons",
        before(
            "docs/status.md",
            "| `False` | `InvalidSpec` |",
            "| `False` | `SourceIsADraft` | the source is a draft: remove the annotation |\n",
        ),
        "test_every_reason_is_explained_and_no_other",
    ),
    Step(
        "the table of health checks",
        replaced(
            "docs/status.md",
            "`TooLarge`, `InvalidSpec` |",
            "`TooLarge`, `InvalidSpec`, `SourceIsADraft` |",
        ),
        "test_every_reason_is_in_the_table_of_what_kstatus_makes_of_it",
    ),
)
RECIPE = Recipe(
    "Add a condition reason",
    STEPS,
    also=(
        f"test_the_answer_is_the_recorded_one[sync/{NEW_CASE}]",
        f"test_the_answer_comes_true_in_four_steps_at_most[sync/{NEW_CASE}]",
    ),
)

"""Add a field to the spec: a boolean that leaves a label off the copies."""

import json
from pathlib import Path

from tests.recipes.steps import (
    CRD,
    MODEL_CASE,
    Recipe,
    Step,
    after,
    before,
    ran,
    replaced,
    written,
)

NEW_CASE = "plain-copies-have-no-label-of-their-manager"
MANIFEST = """\
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: sample
spec:
  sourceNamespace: default
  sourceConfigMap: app-config
  targetNamespaces: [dev]
  plainCopies: {value}
"""


def _add_the_case(tree: Path) -> None:
    (model,) = (tree / "tests/cases").rglob(MODEL_CASE)
    request = json.loads((model / "request.json").read_text("utf-8"))
    request["parent"]["spec"]["plainCopies"] = True
    answer = json.loads((model / "response.json").read_text("utf-8"))
    for child in answer["children"]:
        del child["metadata"]["labels"]["app.kubernetes.io/managed-by"]
    folder = model.with_name(NEW_CASE)
    folder.mkdir()
    (folder / "request.json").write_text(json.dumps(request), "utf-8")
    (folder / "response.json").write_text(json.dumps(answer), "utf-8")


STEPS = (
    Step(
        "the definition",
        before(
            CRD,
            "                suspend:\n",
            "                plainCopies:\n"
            "                  description: Whether copies go without the label of their manager.\n"
            "                  type: boolean\n",
        ),
        "test_the_hook_reads_every_field_of_the_spec_and_no_other",
    ),
    Step("the API reference", ran("tools.api_reference"), "test_the_page_is_current"),
    Step("the chart", ran("tools.chart"), "test_what_the_chart_has_from_elsewhere_is_current"),
    Step(
        "a manifest that is accepted",
        written("tests/crds/valid/plain-copies.yaml", MANIFEST.format(value="true")),
        "test_every_field_of_the_spec_is_in_a_manifest_that_is_accepted",
    ),
    Step(
        "a manifest that is refused",
        written(
            "tests/crds/invalid/plain-copies-in-quotes.yaml",
            "# error: spec.plainCopies: must be of type boolean\n"
            + MANIFEST.format(value='"true"'),
        ),
        "test_every_field_of_the_spec_is_the_reason_why_a_manifest_is_refused",
    ),
    Step(
        "the page on the spec",
        before("docs/syncer.md", "| `suspend` |", "| `plainCopies` | omit a label |\n"),
        "test_every_field_of_the_spec_has_a_row_and_every_row_is_a_field",
    ),
    Step(
        "what the hook reads",
        after(
            "hooks/spec/syncer.py",
            "    suspend: bool = False\n",
            "    plain_copies: bool = False\n",
        ),
        "test_the_hook_reads_every_field_of_the_spec_and_no_other",
    ),
    Step(
        "the use of the value",
        replaced(
            "hooks/copies/desired_metadata.py",
            "        MANAGED_BY: MANAGER,\n",
            "        **({} if syncer.plain_copies else {MANAGED_BY: MANAGER}),\n",
        ),
        f"test_the_answer_is_the_recorded_one[sync/{NEW_CASE}]",
    ),
    Step("a case", _add_the_case, "test_every_field_of_the_spec_is_in_a_case"),
    Step(
        "the model",
        replaced(
            "tests/model/oracle.py",
            '            "app.kubernetes.io/managed-by": "configmap-syncer",\n',
            "            **(\n"
            "                {}\n"
            '                if spec.get("plainCopies")\n'
            '                else {"app.kubernetes.io/managed-by": "configmap-syncer"}\n'
            "            ),\n",
        ),
        # In some part of the histories, the field is drawn.
        "test_every_history_ends_as_the_oracle_promises[server-side-apply",
    ),
)
RECIPE = Recipe(
    "Add a field to the spec",
    STEPS,
    also=("test_every_field_of_the_spec_is_drawn_by_the_histories",),
)

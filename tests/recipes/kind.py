"""Support another kind: a made-up one like ConfigMaps, in the simulator alone."""

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
    written,
)

NEW_CASE = "notebook-is-copied-into-every-target"
SCENARIO = "notebook-follows-its-source"
MANIFEST = """\
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: sample
spec:
  sourceNamespace: default
  sourceNotebook: {value}
  targetNamespaces: [dev]
"""
STORY = """\
namespaces: [x-source, x-dev]
steps:
  - apply:
      - {kind: Notebook, metadata: {name: x-notes, namespace: x-source}, data: {page: one}}
      - kind: ConfigMapSyncer
        metadata: {name: x-sync}
        spec: {sourceNamespace: x-source, sourceNotebook: x-notes, targetNamespaces: [x-dev]}
  - expect: [{kind: Notebook, metadata: {name: x-notes, namespace: x-dev}, data: {page: one}}]
  - patch: {of: Notebook x-source/x-notes, with: {data: {page: two}}}
  - expect: [{kind: Notebook, metadata: {name: x-notes, namespace: x-dev}, data: {page: two}}]
  - delete: ConfigMapSyncer x-sync
  - absent: [ConfigMapSyncer x-sync, Notebook x-dev/x-notes]
"""
NEXT_FIELD = """\
                targetNamespaces:
                  description: >-
                    Names of the namespaces that get a copy, or globs"""
FIELD = """\
                sourceNotebook:
                  description: Name of the source, the Notebook to copy.
                  type: string
                  minLength: 1
                  maxLength: 253
"""
RULE = "has(self.sourceConfigMap) != has(self.sourceSecret)"
COUNTED = (
    ">-\n                    "
    "(has(self.sourceConfigMap) ? 1 : 0) + (has(self.sourceSecret) ? 1 : 0)"
    " + (has(self.sourceNotebook) ? 1 : 0) == 1"
)
RESOURCES = "        resources: [configmaps, secrets"
TEMPLATES = "charts/configmap-syncer/templates"
STORED = "test_a_story_comes_true_in_memory"


def _of_a_notebook(request: Any) -> None:
    spec = request["parent"]["spec"]
    spec["sourceNotebook"] = spec.pop("sourceConfigMap")
    request["children"] = {"Notebook.v1": {}}
    request["related"]["Notebook.v1"] = request["related"].pop("ConfigMap.v1")
    for item in request["related"]["Notebook.v1"].values():
        item["kind"] = "Notebook"
    children = request["controller"]["spec"]["childResources"]
    children.append(children[0] | {"resource": "notebooks"})


STEPS = (
    Step(
        "the kind",
        together(
            before(
                "hooks/api/kinds.py",
                "KINDS: Final = (CONFIG_MAP, SECRET",
                'NOTEBOOK: Final = Kind("Notebook", "notebooks", is_secret=False)\n',
            ),
            after("hooks/api/kinds.py", "KINDS: Final = (CONFIG_MAP, SECRET", ", NOTEBOOK"),
        ),
        "test_every_kind_has_a_field_of_the_spec_that_names_its_source",
    ),
    Step(
        "the definition",
        together(
            before(CRD, NEXT_FIELD, FIELD),
            replaced(CRD, RULE, COUNTED),
        ),
        "test_every_kind_has_a_field_of_the_spec_that_names_its_source",
    ),
    Step(
        "the column",
        replaced(
            CRD,
            "'sourceConfigMap','sourceSecret'",
            "'sourceConfigMap','sourceSecret','sourceNotebook'",
        ),
        "test_the_table_shows_what_an_operator_needs",
    ),
    Step("the API reference", ran("tools.api_reference"), "test_the_page_is_current"),
    Step("the chart", ran("tools.chart"), "test_what_the_chart_has_from_elsewhere_is_current"),
    Step(
        "the field",
        after(
            "hooks/spec/validation.py",
            "    source_secret: str | None = None\n",
            "    source_notebook: str | None = None\n",
        ),
        "test_the_hook_reads_every_field_of_the_spec_and_no_other",
    ),
    Step(
        "the source",
        after(
            "hooks/spec/validation.py",
            "    given = (",
            "(spec.source_notebook, kinds.NOTEBOOK), ",
        ),
        f"{STORED}[{SCENARIO}-server",
    ),
    Step(
        "a manifest that is accepted",
        written("tests/crds/valid/a-notebook.yaml", MANIFEST.format(value="notes")),
        "test_every_field_of_the_spec_is_in_a_manifest_that_is_accepted",
    ),
    Step(
        "a manifest that is refused",
        written(
            "tests/crds/invalid/a-notebook-that-is-a-number.yaml",
            "# error: spec.sourceNotebook: must be of type string\n" + MANIFEST.format(value="1"),
        ),
        "test_every_field_of_the_spec_is_the_reason_why_a_manifest_is_refused",
    ),
    Step(
        "the page on the spec",
        before("docs/syncer.md", "| `targetName` |", "| `sourceNotebook` | name of a Notebook |\n"),
        "test_every_field_of_the_spec_has_a_row_and_every_row_is_a_field",
    ),
    Step(
        "the simulator",
        together(
            before(
                "hooks/preview/simulator/objects.py",
                "COPIED: Final = (CONFIG_MAP, SECRET",
                "NOTEBOOK: Final = Resource(\n"
                '    "Notebook",\n'
                '    "v1",\n'
                '    "notebooks",\n'
                "    namespaced=True,\n"
                "    has_status=False,\n"
                '    fields=("data", "binaryData", "immutable"),\n'
                ")\n",
            ),
            after(
                "hooks/preview/simulator/objects.py",
                "COPIED: Final = (CONFIG_MAP, SECRET",
                ", NOTEBOOK",
            ),
        ),
        "test_the_simulator_has_the_kinds_that_are_copied_and_no_other",
    ),
    Step(
        "the child resource",
        replaced(
            "metacontroller/registration/compositecontroller.yaml",
            "        method: InPlace\n",
            "        method: InPlace\n"
            "    - apiVersion: v1\n"
            "      resource: notebooks\n"
            "      updateStrategy:\n"
            "        method: InPlace\n",
        ),
        "test_the_simulator_is_registered_as_the_manifest_says",
    ),
    Step(
        "the rights",
        after(
            "metacontroller/components/metacontroller/rights.yaml",
            "    resources: [configmaps]\n"
            "    verbs: [get, list, watch, create, update, patch, delete]\n",
            '  - apiGroups: [""]\n'
            "    resources: [notebooks]\n"
            "    verbs: [get, list, watch, create, update, patch, delete]\n",
        ),
        "test_metacontroller_can_be_set_up_to_manage_every_kind",
    ),
    Step(
        "the admission policy",
        after("metacontroller/base/admission.yaml", RESOURCES, ", notebooks"),
        "test_the_admission_policy_is_about_every_kind",
    ),
    Step(
        "the registration and the rights of the chart",
        together(
            replaced(
                f"{TEMPLATES}/compositecontroller.yaml",
                "      resource: configmaps\n      updateStrategy:\n        method: InPlace\n",
                "      resource: configmaps\n      updateStrategy:\n        method: InPlace\n"
                "    - apiVersion: v1\n"
                "      resource: notebooks\n"
                "      updateStrategy:\n"
                "        method: InPlace\n",
            ),
            after(
                f"{TEMPLATES}/metacontroller-rights.yaml",
                "    resources: [configmaps]\n"
                "    verbs: [get, list, watch, create, update, patch, delete]\n",
                '  - apiGroups: [""]\n'
                "    resources: [notebooks]\n"
                "    verbs: [get, list, watch, create, update, patch, delete]\n",
            ),
        ),
        "test_the_chart_lets_metacontroller_manage_every_kind",
    ),
    Step(
        "the admission policy of the chart",
        after(f"{TEMPLATES}/admission.yaml", RESOURCES, ", notebooks"),
        "test_the_admission_policy_of_the_chart_is_about_every_kind",
    ),
    Step(
        "a case",
        together(like_a_case(MODEL_CASE, NEW_CASE, _of_a_notebook), record),
        "test_every_field_of_the_spec_is_in_a_case",
    ),
    Step("a scenario", written(f"tests/scenarios/{SCENARIO}.yaml", STORY), ""),
)
RECIPE = Recipe(
    "Support another kind",
    STEPS,
    also=(
        f"test_the_answer_is_the_recorded_one[sync/{NEW_CASE}]",
        f"test_metacontroller_can_read_the_answer[sync/{NEW_CASE}]",
        "test_every_field_of_the_spec_is_drawn_by_the_histories",
    ),
)

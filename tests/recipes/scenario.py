"""Add a scenario: a source that changes."""

from pathlib import Path

from tests.recipes.steps import (
    Recipe,
    Step,
    written,
)

NAME = "changed-value-is-copied"
FILE = f"tests/scenarios/{NAME}.yaml"
STORY = """\
namespaces: [x-source, dev]
steps:
  - apply:
      - {kind: ConfigMap, metadata: {name: x-config, namespace: x-source}, data: {level: info}}
      - kind: ConfigMapSyncer
        metadata: {name: x-sync}
        spec: {sourceNamespace: x-source, sourceConfigMap: x-config, targetNamespaces: [dev]}
  - expect: [{kind: ConfigMap, metadata: {name: x-config, namespace: dev}, data: {level: info}}]
  - patch: {of: ConfigMap x-source/x-config, with: {data: {level: debug}}}
  - expect: [{kind: ConfigMap, metadata: {name: x-config, namespace: dev}, data: {level: info}}]
"""


def _in_a_namespace_of_its_own(tree: Path) -> None:
    text = (tree / FILE).read_text("utf-8")
    (tree / FILE).write_text(text.replace("dev}", "x-dev}").replace("dev]", "x-dev]"), "utf-8")


def _changed_at_the_end(tree: Path) -> None:
    beginning, _, _ = (tree / FILE).read_text("utf-8").rpartition("info")
    (tree / FILE).write_text(f"{beginning}debug}}}}]\n", "utf-8")


STEPS = (
    Step("the story", written(FILE, STORY), ""),
    Step(
        "names of its own",
        _in_a_namespace_of_its_own,
        "test_the_names_of_a_story_are_its_own",
    ),
    Step(
        "what is expected",
        _changed_at_the_end,
        f"test_a_story_comes_true_in_memory[{NAME}-server",
    ),
)
RECIPE = Recipe(
    "Add a scenario",
    STEPS,
    also=(f"test_a_story_ends_the_same_where_caches_are_late[{NAME}]",),
    is_named_with_others=True,
)

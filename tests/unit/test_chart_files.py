"""What is written in several files of the chart, or comes from elsewhere, is the same."""

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from hooks.settings import Settings
from tools import chart

OF_HELM = {"global", "metacontroller-crds"}
"""Values that Helm adds for the charts in a chart."""


@pytest.mark.parametrize("file", list(chart.generated()), ids=lambda file: file.name)
def test_what_the_chart_has_from_elsewhere_is_current(file: Path) -> None:
    # `make chart` writes it.
    assert file.read_text("utf-8") == chart.generated()[file]


def paths(values: Mapping[str, Any], parents: str = "") -> list[str]:
    """Every value, by its path with dots; what is described as a whole is not taken apart."""
    described = dict(chart.descriptions())
    found = []
    for name, value in values.items():
        path = f"{parents}{name}"
        if path in described or not isinstance(value, dict):
            found.append(path)
        else:
            found += paths(value, f"{path}.")
    return found


def test_every_value_is_described_and_has_a_type() -> None:
    values = yaml.safe_load((chart.CHART / "values.yaml").read_text("utf-8"))
    schema = json.loads((chart.CHART / "values.schema.json").read_text("utf-8"))
    assert paths(values) == [path for path, _ in chart.descriptions()]
    typed = [each for each in chart.typed(schema) if each not in OF_HELM]
    assert sorted(typed) == sorted(paths(values))


NULL_IS_ANSWERED = {
    "podDisruptionBudget.maxUnavailable",
    "metacontroller.podDisruptionBudget.maxUnavailable",
    "metacontroller.image.tag",
}
"""Values that may be null with others: a template says so where those are missing."""


def required(schema: Mapping[str, Any], whole: Mapping[str, Any], parents: str = "") -> set[str]:
    """Every value that a schema refuses to be without, by its path with dots."""
    found = set()
    for name in schema.get("required", ()):
        _, _, definition = schema["properties"][name].get("$ref", "").partition("#/$defs/")
        value = whole["$defs"][definition] if definition else schema["properties"][name]
        inner = required(value, whole, f"{parents}{name}.")
        found |= inner or {f"{parents}{name}"}
    return found


def test_no_value_with_an_effect_can_be_taken_away_with_null() -> None:
    # Helm takes a value out that is null, before it asks the schema.
    values = yaml.safe_load((chart.CHART / "values.yaml").read_text("utf-8"))
    schema = json.loads((chart.CHART / "values.schema.json").read_text("utf-8"))

    def default(path: str) -> Any:
        found = values
        for name in path.split("."):
            found = found[name]
        return found

    effective = {path for path in paths(values) if default(path) not in (None, "", [], {})}
    # What a template writes as it is may be empty; what it reads from may not.
    written = {path for path in effective if isinstance(default(path), list | dict)}
    read = effective - written - NULL_IS_ANSWERED | {"metacontroller.shared.names"}
    sections = {path.rpartition(".")[0] for path in paths(values)} - {""}
    found = required(schema, schema)
    assert read - found == set()
    assert {
        each for each in sections if not any(f"{path}.".startswith(f"{each}.") for path in found)
    } == set()


def test_every_setting_of_the_hook_is_a_value() -> None:
    helpers = chart.HELPERS.read_text("utf-8")
    listed = re.findall(r"^(\w+): ([A-Z_]+)$", helpers, re.MULTILINE)
    for value, variable in listed:
        assert re.sub(r"[A-Z]", lambda c: f"_{c[0]}", value).upper() == variable
    values = yaml.safe_load((chart.CHART / "values.yaml").read_text("utf-8"))
    assert list(chart.settings().values()) == list(values["settings"])
    assert [name for name, _ in listed] == list(values["settings"])
    # By which extraEnv is refused: a value that the hook takes, written as it takes it.
    assert {field.name for field in fields(Settings)} > chart.DECIDED
    for name in chart.DECIDED:
        assert f'"{name.upper()}"' in helpers

"""docs/api-reference.md says what the custom resource definition says, and all of it."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tools.api_reference import CRD, PAGE, page

DEFINITION = yaml.safe_load(CRD.read_text("utf-8"))
SCHEMA = DEFINITION["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def _field(schema: dict[str, Any]) -> str:
    """The row of a spec with one field, the field's name left out."""
    schemas = {
        "properties": {
            "spec": {"description": "", "properties": {"f": schema}, "required": ["f"]},
            "status": {"description": ""},
        }
    }
    version = {"name": "v1", "storage": True, "schema": {"openAPIV3Schema": schemas}}
    (row,) = (
        line
        for line in page({"spec": {"group": "g", "versions": [version]}}).splitlines()
        if line.startswith("| `spec.f` |")
    )
    return row.removeprefix("| `spec.f` |")


def _names(schema: dict[str, Any]) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        yield name
        yield from _names(field)
        yield from _names(field.get("items", {}))


def test_the_page_is_current() -> None:
    # make api-reference
    assert PAGE.read_text("utf-8") == page(DEFINITION)


@pytest.mark.parametrize("part", ["spec", "status"])
def test_every_field_has_a_row(part: str) -> None:
    rows = [line for line in page(DEFINITION).splitlines() if line.startswith(f"| `{part}.")]
    last_names = [row.split("`")[1].rpartition(".")[2] for row in rows]
    assert last_names == list(_names(SCHEMA["properties"][part]))


@pytest.mark.parametrize(
    ("schema", "row"),
    [
        pytest.param(
            {
                "type": "string",
                "default": "Fail",
                "enum": ["Fail", "Overwrite"],
                "description": "D.",
            },
            " string | `Fail` | required, one of `Fail`, `Overwrite` | D. |",
            id="a default and values",
        ),
        pytest.param(
            {"type": "boolean", "default": False, "description": "D."},
            " boolean | `false` | required | D. |",
            id="a boolean as YAML writes it",
        ),
        pytest.param(
            {
                "type": "array",
                "maxItems": 1000,
                "x-kubernetes-list-type": "set",
                "items": {"type": "string", "minLength": 1, "maxLength": 63},
                "description": "D.",
            },
            " list of string | | required, at most 1,000 items, no duplicates, "
            "each 1 to 63 characters | D. |",
            id="limits of a list and of its items",
        ),
        pytest.param(
            {"type": "integer", "format": "int32", "minimum": 0, "description": "'*' | <b>"},
            " integer (int32) | | required, at least 0 | '\\*' \\| \\<b\\> |",
            id="a description without markup",
        ),
    ],
)
def test_a_row_says_type_default_limits_and_description(schema: dict[str, Any], row: str) -> None:
    assert _field(schema) == row

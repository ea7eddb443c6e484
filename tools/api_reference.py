"""Write docs/api-reference.md from the custom resource definition: `python -m tools.api_reference`.

The definition is the only place where the API is written; a page that is generated from it cannot
say anything else.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

ROOT: Final = Path(__file__).resolve().parents[1]
CRD: Final = ROOT / "crds/configmapsyncers.config.example.com.yaml"
PAGE: Final = ROOT / "docs/api-reference.md"

Schema: TypeAlias = Mapping[str, Any]

_HEADER: Final = """\
# API reference

Every field of a `ConfigMapSyncer` (`{api_version}`). This page is generated from
[the custom resource definition](../crds/{crd})
by `make api-reference`; `kubectl explain configmapsyncer.spec` shows the same in a terminal. For
explanations and examples, see [ConfigMapSyncer spec](syncer.md) and [Status](status.md).
"""
_COLUMNS: Final = "| Field | Type | Default | Limits | Description |\n|---|---|---|---|---|"
_COUNTED: Final = (
    ("minLength", "maxLength", "characters"),
    ("minItems", "maxItems", "items"),
    ("minProperties", "maxProperties", "entries"),
    ("minimum", "maximum", ""),
)


def page(crd: Schema) -> str:
    """The page for the version in which objects are stored."""
    spec = crd["spec"]
    version = next(version for version in spec["versions"] if version["storage"])
    schema = version["schema"]["openAPIV3Schema"]
    sections = [_HEADER.format(api_version=f"{spec['group']}/{version['name']}", crd=CRD.name)]
    for name in ("spec", "status"):
        part = schema["properties"][name]
        rows = "\n".join(_row(*field) for field in _fields(part, name))
        sections.append(f"## {name}\n\n{_escaped(part['description'])}\n\n{_COLUMNS}\n{rows}\n")
    rules = "\n".join(f"- {rule}" for rule in _rules(schema, ""))
    refused = "The API server refuses an object that breaks one of these."
    sections.append(f"## Validation rules\n\n{refused}\n\n{rules}\n")
    return "\n".join(sections)


def _fields(schema: Schema, path: str) -> Iterator[tuple[str, Schema, bool]]:
    """Every field below a schema: its path, its schema, and whether it is required."""
    for name, field in schema.get("properties", {}).items():
        inner = f"{path}.{name}"
        yield inner, field, name in schema.get("required", ())
        yield from _fields(field, inner)
        yield from _fields(field.get("items", {}), f"{inner}[]")


def _row(path: str, field: Schema, is_required: bool) -> str:  # noqa: FBT001 - unpacked
    default = f"`{_plain(field['default'])}`" if "default" in field else ""
    limits = ["required"] if is_required else []
    limits += [*_limits(field)]
    if "items" in field:
        limits += [f"each {limit}" for limit in _limits(field["items"])]
    if isinstance(field.get("additionalProperties"), dict):
        limits += [f"each value {limit}" for limit in _limits(field["additionalProperties"])]
    cells = (
        f"`{path}`",
        _type(field),
        default,
        ", ".join(limits),
        _escaped(field.get("description", "")),
    )
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


def _type(field: Schema) -> str:
    if "items" in field:
        return f"list of {_type(field['items'])}"
    if isinstance(field.get("additionalProperties"), dict):
        return f"map of {_type(field['additionalProperties'])}"
    if field.get("x-kubernetes-int-or-string"):
        return "integer or string"
    kind = str(field["type"])
    return f"{kind} ({field['format']})" if field.get("format") else kind


def _limits(field: Schema) -> Iterator[str]:
    for least, most, what in _COUNTED:
        if text := _between(field.get(least), field.get(most)):
            yield f"{text} {what}".rstrip()
    if "enum" in field:
        yield "one of " + ", ".join(f"`{_plain(value)}`" for value in field["enum"])
    if field.get("x-kubernetes-list-type") == "set":
        yield "no duplicates"
    if "pattern" in field:
        pattern = field["pattern"].replace("|", "\\|")
        yield f"matches `{pattern}`"


def _between(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f"{least:,} to {most:,}"
    if most is not None:
        return f"at most {most:,}"
    return f"at least {least:,}" if least is not None else ""


def _rules(schema: Schema, path: str) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        where = f"`{path}`" if path else "the object"
        yield f"{where}: {_escaped(rule['message'])}"
    for name, field in schema.get("properties", {}).items():
        yield from _rules(field, f"{path}.{name}".lstrip("."))
    if "items" in schema:
        yield from _rules(schema["items"], f"{path}[]")


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _escaped(text: str) -> str:
    """A description on one line; what Markdown or a table would read stands for itself."""
    return re.sub(r"([*_<>|\[\]])", r"\\\1", " ".join(text.split()))


if __name__ == "__main__":
    PAGE.write_text(page(yaml.safe_load(CRD.read_text("utf-8"))), "utf-8")

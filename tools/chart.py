"""Write what the Helm chart has from elsewhere: `python -m tools.chart`.

The custom resource definitions are written once, for kustomize; the chart has copies, because Helm
packages nothing that is outside of its folder. The types of the hook's settings and the names of
their variables come from `hooks/settings.py`. The table of values in the README comes from
`values.yaml` (defaults and descriptions) and `values.schema.json` (types).
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
import yaml

from hooks.settings import Settings

ROOT: Final = Path(__file__).resolve().parents[1]
CHART: Final = ROOT / "charts/configmap-syncer"
CRD: Final = ROOT / "crds/configmapsyncers.config.example.com.yaml"
METACONTROLLER_CRDS: Final = ROOT / "metacontroller/complete/metacontroller-crds.yaml"
KINDS: Final = CHART / "charts/metacontroller-crds/crds/metacontroller.yaml"
RULES: Final = ROOT / "monitoring/rules.yaml"
DASHBOARD: Final = ROOT / "monitoring/dashboard.json"
README: Final = CHART / "README.md"
SCHEMA: Final = CHART / "values.schema.json"
HELPERS: Final = CHART / "templates/_helpers.tpl"
DECIDED: Final = frozenset(
    {
        *("apply_strategy", "port", "bearer_token_file", "client_ca_file"),
        *("tls_certificate_file", "tls_key_file"),
    }
)
"""The settings that are no values of their own: other values decide them."""

Schema: TypeAlias = Mapping[str, Any]

_GENERATED: Final = "# Generated from {source} by `make chart`.\n"
_LABELS: Final = re.compile(r"^  labels:\n(?:    app\.kubernetes\.io/\S+: \S+\n)+", re.MULTILINE)
_METADATA: Final = """\
  annotations:
    # Helm leaves it when the chart is uninstalled: without it, every syncer would be deleted.
    helm.sh/resource-policy: keep
  labels:
    {{- include "configmap-syncer.labels" (list $ "api") | nindent 4 }}
"""
_COLUMNS: Final = "| Value | Type | Default | Description |\n|---|---|---|---|\n"
_TABLE: Final = re.compile(r"(?<=<!-- values -->\n).*?(?=<!-- end of values -->\n)", re.DOTALL)
_VARIABLES: Final = re.compile(
    r'(?<={{- define "configmap-syncer.variables" -}}\n).*?(?={{- end }}\n)', re.DOTALL
)
_LONGEST: Final = 60
"""How long a default may be in the table."""
_KEY: Final = re.compile(r"( *)([A-Za-z]\w*):(?: |$)")


def generated() -> dict[Path, str]:
    """The files of the chart that come from elsewhere, by their paths, and what they contain."""
    schema = _with_settings(json.loads(SCHEMA.read_text("utf-8")))
    variables = "".join(f"{value}: {name.upper()}\n" for name, value in settings().items())
    return {
        SCHEMA: f"{json.dumps(schema, indent=2, ensure_ascii=False)}\n",
        HELPERS: _VARIABLES.sub(lambda _: variables, HELPERS.read_text("utf-8")),
        CHART / "templates/customresourcedefinition.yaml": definition(CRD.read_text("utf-8")),
        KINDS: _source(METACONTROLLER_CRDS) + METACONTROLLER_CRDS.read_text("utf-8"),
        CHART / "files/rules.yaml": _source(RULES) + RULES.read_text("utf-8"),
        # JSON has no comments.
        CHART / "files/dashboard.json": DASHBOARD.read_text("utf-8"),
        README: _TABLE.sub(lambda _: f"\n{table(schema)}\n", README.read_text("utf-8")),
    }


def definition(text: str) -> str:
    """The template of our own definition: with Helm's labels, and kept when it is uninstalled.

    Raises ValueError where the text is not one that can be a template.
    """
    if "{{" in text:
        raise ValueError(f"{CRD} has a {{{{, which Helm would read as a part of a template")
    text, found = _LABELS.subn(lambda _: _METADATA, text, count=1)
    if not found:
        raise ValueError(f"{CRD} has no labels")
    return f"{{{{- if .Values.crds.enabled }}}}\n{_source(CRD)}{text}{{{{- end }}}}\n"


def settings() -> Mapping[str, str]:
    """The settings of the hook that are values of the chart: the value's name for each."""
    names = (field.name for field in fields(Settings) if field.name not in DECIDED)
    return {name: re.sub(r"_(.)", lambda letter: letter[1].upper(), name) for name in names}


def _with_settings(schema: Mapping[str, Any]) -> Schema:
    """The schema of the values, with the types that the hook's settings have; each may be null."""
    types = msgspec.json.schema(Settings)["$defs"]["Settings"]["properties"]
    limits = {
        value: {key: limit for key, limit in types[name].items() if key not in ("type", "default")}
        for name, value in settings().items()
    }
    typed = {
        value: {"type": [types[name]["type"], "null"], **limits[value]}
        for name, value in settings().items()
    }
    properties = schema["properties"]
    section = {**properties["settings"], "properties": typed}
    return {**schema, "properties": {**properties, "settings": section}}


def table(schema: Schema) -> str:
    """The rows of the README's table, one for each value that has a description."""
    defaults = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    rows = "".join(
        f"| `{path}` | {kind(_at(schema, path))} | {_default(path, defaults)} | {text} |\n"
        for path, text in descriptions()
    )
    return _COLUMNS + rows


def descriptions() -> Iterator[tuple[str, str]]:
    """Every value that is described: its path with dots, and the comment before it on one line."""
    parents: list[str] = []
    described: list[str] = []
    for line in (CHART / "values.yaml").read_text("utf-8").splitlines():
        comment = line.strip()
        if comment.startswith("# -- "):
            described = [comment.removeprefix("# -- ")]
        elif comment.startswith("# ") and described:
            described.append(comment.removeprefix("# "))
        elif key := _KEY.match(line):
            parents[len(key[1]) // 2 :] = [key[2]]
            if described:
                yield ".".join(parents), " ".join(described).replace("|", "\\|")
            described = []
        else:
            described = []


def kind(schema: Schema) -> str:
    """A type as the table names it."""
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(name for name in types if name != "null")


def typed(root: Schema) -> Iterator[str]:
    """Every value that the schema knows, by its path with dots; one that is described is whole."""
    return _typed(root, root, "", frozenset(path for path, _ in descriptions()))


def _typed(root: Schema, schema: Schema, parents: str, whole: Collection[str]) -> Iterator[str]:
    for name, value in schema["properties"].items():
        found = _resolved(root, value)
        path = f"{parents}{name}"
        if "properties" in found and path not in whole:
            yield from _typed(root, found, f"{path}.", whole)
        else:
            yield path


def _at(schema: Schema, path: str) -> Schema:
    """The schema of one value, with what it refers to in its place."""
    found = schema
    for name in path.split("."):
        found = _resolved(schema, found["properties"][name])
    return found


def _resolved(root: Schema, schema: Schema) -> Schema:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Schema = root["$defs"][reference.removeprefix("#/$defs/")]
    return found


def _default(path: str, defaults: Mapping[str, Any]) -> str:
    *parents, name = path.split(".")
    for parent in parents:
        defaults = defaults[parent]
    text = json.dumps(defaults[name])
    if len(text) > _LONGEST:
        return "[values.yaml](values.yaml)"
    return "" if defaults[name] is None else f"`{text}`"


def _source(path: Path) -> str:
    return _GENERATED.format(source=path.relative_to(ROOT).as_posix())


if __name__ == "__main__":
    for file, content in generated().items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(content, "utf-8")

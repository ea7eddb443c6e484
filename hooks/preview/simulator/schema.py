"""Judge a ConfigMapSyncer as the API server would, from the CRD and without a cluster.

A manifest that is only refused once it meets a cluster costs its author a
round trip, so the offline run and the tests ask the CRD itself: its schema
through jsonschema, its rules (`x-kubernetes-validations`) through a CEL
interpreter. Only what Kubernetes does beyond JSON Schema is written here:
pruning, defaulting, list types, number formats, and that rules are skipped
while the object's shape is wrong. tests/e2e/test_crds.py holds the verdicts
against the real API server's.

Not covered: rules about changes (those that use `oldSelf`), CEL's extension
functions of Kubernetes (`isSorted`, `format` and the like: evaluating one
raises RuntimeError), and what Kubernetes demands of metadata (validation.py).
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import cel
import yaml
from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators

from hooks.preview.simulator.files import YAML_LOADER, shipped
from hooks.preview.simulator.objects import Object

CRD: Final = shipped("crds/configmapsyncers.config.example.com.yaml")

Schemas: TypeAlias = Mapping[str, Any]

_RANGES: Final = {"int32": range(-(2**31), 2**31), "int64": range(-(2**63), 2**63)}
# While one of these fails, the API server does not evaluate any rule.
_SHAPE: Final = frozenset({"type", "required", "enum", "maxLength", "maxItems", "maxProperties"})


@dataclass(frozen=True, slots=True)
class SchemaViolation:
    """One refusal: the field's path, such as `spec.targetNamespaces[3]`, and a sentence."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


@dataclass(frozen=True, slots=True)
class PrinterColumn:
    """One of `additionalPrinterColumns`; a priority above zero is only shown by `-o wide`."""

    name: str
    type: str
    json_path: str
    priority: int


@dataclass(frozen=True, slots=True)
class Schema:
    """One version of a CRD: the schema of its objects, and the columns that kubectl prints."""

    open_api: Schemas
    columns: Sequence[PrinterColumn]

    @classmethod
    @cache
    def load(cls, path: Path = CRD) -> Self:
        """The version of a CRD's file in which objects are stored."""
        crd = yaml.load(path.read_text("utf-8"), YAML_LOADER)  # noqa: S506 - a safe loader
        version = next(version for version in crd["spec"]["versions"] if version["storage"])
        return cls(
            open_api=version["schema"]["openAPIV3Schema"],
            columns=tuple(
                PrinterColumn(
                    name=column["name"],
                    type=column["type"],
                    json_path=column["jsonPath"],
                    priority=column.get("priority", 0),
                )
                for column in version["additionalPrinterColumns"]
            ),
        )

    def default(self, item: Object) -> Object:
        """A copy as the API server would store it: defaults set, unknown fields left out."""
        stored: Object = _stored(item, self.open_api)
        # The schema says nothing about metadata: it belongs to Kubernetes.
        if "metadata" in item:
            stored["metadata"] = copy.deepcopy(item["metadata"])
        return stored

    def violations(self, item: Object) -> Sequence[SchemaViolation]:
        """Why a new object would be refused, in the schema's order; empty when it would not be.

        Unknown fields are refused, as `kubectl apply` asks the API server to do.
        """
        unknown = [
            SchemaViolation("", f'unknown field "{path}"') for path in _unknown(item, self.open_api)
        ]
        return [*unknown, *_judged(self.default(item), self.open_api)]

    def shape_violations(self, item: Object) -> Sequence[SchemaViolation]:
        """Why an object as it was read cannot be what the schema describes."""
        return _judged(item, self.open_api)

    def status_violations(self, status: object) -> Sequence[SchemaViolation]:
        """Why a new status would be refused: as much as a write of the status alone can break."""
        schema = self.open_api["properties"]["status"]
        return [
            SchemaViolation(".".join(("status", *filter(None, [found.path]))), found.message)
            for found in _judged(_stored(status, schema), schema)
        ]


def _judged(stored: Any, schema: Schemas) -> Sequence[SchemaViolation]:  # noqa: ANN401 - decoded JSON
    """What a value that is stored breaks; its rules are only asked while its shape is right."""
    errors = list(_SHAPES(schema, format_checker=_FORMATS).iter_errors(stored))
    wrong = [SchemaViolation(_path(error.absolute_path), _sentence(error)) for error in errors]
    if any(error.validator in _SHAPE for error in errors):
        return wrong
    broken = [
        SchemaViolation(_path(error.absolute_path), error.message)
        for error in _RULES(schema).iter_errors(_with_name(stored))
    ]
    return wrong + broken


def _stored(value: Any, schema: Schemas) -> Any:  # noqa: ANN401 - decoded JSON
    """A copy of a value, pruned and with defaults."""
    if isinstance(value, dict) and "properties" in schema:
        known: Mapping[str, Schemas] = schema["properties"]
        is_open = schema.get("x-kubernetes-preserve-unknown-fields", False)
        filled = {
            name: known[name]["default"]
            for name in known
            # A null where null is not allowed counts as absent where there is a default.
            if "default" in known[name] and value.get(name) is None
        }
        return {
            name: _stored(inner, known.get(name, {}))
            for name, inner in (value | filled).items()
            if (name in known and not _is_dropped(inner, known[name]))
            or (name not in known and is_open)
        }
    if isinstance(value, dict) and "additionalProperties" in schema:
        inner_schema = schema["additionalProperties"]
        return {
            name: _stored(inner, inner_schema)
            for name, inner in value.items()
            if not _is_dropped(inner, inner_schema)
        }
    if isinstance(value, float) and value.is_integer() and schema.get("type") == "integer":
        return int(value)
    if isinstance(value, list) and "items" in schema:
        inner_schema = schema["items"]
        return [_stored(inner, inner_schema) for inner in value]
    return copy.deepcopy(value)


def _is_dropped(value: object, schema: Schemas) -> bool:
    """Whether the API server leaves a field out: one that is null and must not be."""
    return value is None and not schema.get("nullable")


def _unknown(value: Any, schema: Schemas, path: str = "") -> Iterator[str]:  # noqa: ANN401
    """Paths of the fields that the schema does not know and the API server would drop."""
    if isinstance(value, dict) and "properties" in schema:
        if schema.get("x-kubernetes-preserve-unknown-fields"):
            return
        for name, inner in value.items():
            inner_path = f"{path}.{name}" if path else str(name)
            if name in schema["properties"]:
                yield from _unknown(inner, schema["properties"][name], inner_path)
            else:
                yield inner_path
    elif isinstance(value, list) and "properties" in schema.get("items", ()):
        for index, inner in enumerate(value):
            yield from _unknown(inner, schema["items"], f"{path}[{index}]")


def _with_name(item: Object) -> Object:
    """The object with the part of its metadata that rules may see.

    An object without a name gets one from the API server before any rule is asked.
    """
    metadata = item.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return item | {"metadata": {"name": name if isinstance(name, str) else ""}}


def _path(parts: Sequence[str | int]) -> str:
    """A path in the API server's spelling."""
    written = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return written.removeprefix(".")


def _sentence(error: ValidationError) -> str:
    """What the API server says of a mistake; jsonschema's words where it is not in the table."""
    say = _SENTENCES.get(str(error.validator))
    return say(error) if say else str(error.message)


def _quoting(error: ValidationError) -> str:
    """What to do about a word that YAML takes for a number or a boolean."""
    is_word = isinstance(error.instance, bool | int | float)
    return ": put it in quotes" if is_word and error.validator_value == "string" else ""


_SENTENCES: Final[Mapping[str, Callable[[ValidationError], str]]] = {
    "type": lambda error: f"must be of type {error.validator_value}{_quoting(error)}",
    "enum": lambda error: f"Unsupported value: supported values: {error.validator_value}",
    "minItems": lambda error: f"should have at least {error.validator_value} items",
    "maxItems": lambda error: f"must have at most {error.validator_value} items",
    "minLength": lambda error: f"should be at least {error.validator_value} chars long",
    "maxLength": lambda error: f"may not be more than {error.validator_value} bytes",
    "minimum": lambda error: f"should be greater than or equal to {error.validator_value}",
    "maximum": lambda error: f"should be less than or equal to {error.validator_value}",
    "pattern": lambda error: f"should match '{error.validator_value}'",
}


def _required(
    _: object, names: Sequence[str], value: object, __: Schemas
) -> Iterator[ValidationError]:
    """Each missing field at its own path, where jsonschema names the object that lacks it."""
    if isinstance(value, dict):
        for name in names:
            if name not in value:
                yield ValidationError("Required value", path=(name,))


def _list_type(
    _: object, list_type: str, value: object, schema: Schemas
) -> Iterator[ValidationError]:
    """Each later one of two equal items of a set, or of two items of a map with the same keys."""
    if list_type not in {"set", "map"} or not isinstance(value, list):
        return
    keys = schema.get("x-kubernetes-list-map-keys", ())
    seen: set[str] = set()
    for index, item in enumerate(value):
        found = repr([item.get(key) for key in keys] if isinstance(item, dict) else item)
        if found in seen:
            yield ValidationError(f"Duplicate value: {found}", path=(index,))
        seen.add(found)


def _number_format(
    validator: Any,  # noqa: ANN401 - jsonschema's validators have no public type
    name: str,
    value: object,
    schema: Schemas,
) -> Iterator[ValidationError]:
    """A number that does not fit its format; other formats are jsonschema's."""
    if name not in _RANGES:
        yield from Draft202012Validator.VALIDATORS["format"](validator, name, value, schema)
    elif isinstance(value, int) and value not in _RANGES[name]:
        yield ValidationError(f"must fit into {name}")


def _nullable_type(
    validator: Any,  # noqa: ANN401 - jsonschema's validators have no public type
    name: str,
    value: object,
    schema: Schemas,
) -> Iterator[ValidationError]:
    if value is None and schema.get("nullable"):
        return
    yield from Draft202012Validator.VALIDATORS["type"](validator, name, value, schema)


def _rules(
    _: object, rules: Sequence[Mapping[str, str]], value: object, __: Schemas
) -> Iterator[ValidationError]:
    """The message of each rule that the value breaks."""
    for rule in rules:
        # A rule about a change says nothing about a new object.
        if (
            "oldSelf" not in rule["rule"]
            and _compiled(rule["rule"]).execute({"self": value}) is not True
        ):
            yield ValidationError(_message(rule, value))


def _message(rule: Mapping[str, str], value: object) -> str:
    if "messageExpression" in rule:
        return str(_compiled(rule["messageExpression"]).execute({"self": value}))
    return rule.get("message", f"failed rule: {rule['rule']}").strip()


@cache
def _compiled(expression: str) -> cel.Program:
    return cel.compile(expression)


_FORMATS: Final = FormatChecker(formats=["date-time"])
_SHAPES: Final = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        "format": _number_format,
        "required": _required,
        "type": _nullable_type,
        "x-kubernetes-list-type": _list_type,
    },
)
_RULES: Final = validators.create(
    meta_schema=Draft202012Validator.META_SCHEMA,
    validators={
        **{
            name: Draft202012Validator.VALIDATORS[name]
            for name in ("additionalProperties", "items", "properties")
        },
        "x-kubernetes-validations": _rules,
    },
)

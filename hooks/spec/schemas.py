"""JSON Schemas (2020-12) of spec.validation: whether one can be used, and what it refers to.

The metaschema would say most of this, but checking a large schema against it takes seconds. Two
things are left out on purpose: what is not in the schema itself (`$ref` to other documents), and
the `unevaluated` keywords, whose cost cannot be counted while it arises.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from urllib.parse import unquote

import msgspec

from hooks.api.text import excerpt
from hooks.spec.json_values import (
    JsonArray,
    JsonObject,
    JsonValue,
    NestedTooDeeplyError,
    quiet,
)
from hooks.spec.regular_expressions import RegularExpression, UnusableExpressionError

JsonSchema: TypeAlias = JsonObject | bool

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_PATTERNS_LIMIT: Final = 200
_PATTERNS_SIZE_LIMIT: Final = 100_000
"""How large all regular expressions of a schema may be together, in instructions of RE2."""

_TYPES: Final = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_SUBSCHEMA: Final = frozenset(
    {"additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"}
)
_SUBSCHEMA_LISTS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SUBSCHEMA_MAPS: Final = frozenset(
    {"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"}
)
_UNSUPPORTED: Final[Mapping[str, str]] = {
    "$recursiveRef": "use $ref",
    "additionalItems": "use items after prefixItems",
    "dependencies": "use dependentRequired or dependentSchemas",
    "unevaluatedItems": "use items",
    "unevaluatedProperties": "use additionalProperties",
}


def _is_count(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_positive(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _is_names(value: JsonValue) -> bool:
    return isinstance(value, JsonArray) and all(isinstance(each, str) for each in value)


def _is_names_of_names(value: JsonValue) -> bool:
    return isinstance(value, JsonObject) and all(map(_is_names, value.values()))


def _is_type(value: JsonValue) -> bool:
    if isinstance(value, str):
        return value in _TYPES
    return isinstance(value, JsonArray) and bool(value) and _TYPES.issuperset(_texts(value))


def _texts(value: JsonArray) -> Iterator[str]:
    return (each if isinstance(each, str) else "" for each in value)


_COUNTS: Final = (
    *("maxContains", "maxItems", "maxLength", "maxProperties"),
    *("minContains", "minItems", "minLength", "minProperties"),
)
_NUMBERS: Final = ("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum")
_SIMPLE: Final[Mapping[str, tuple[Callable[[JsonValue], bool], str]]] = {
    **dict.fromkeys(_COUNTS, (_is_count, "a number from 0")),
    **dict.fromkeys(_NUMBERS, (_is_number, "a number")),
    "multipleOf": (_is_positive, "a number above 0"),
    "type": (_is_type, "a type of JSON, or a list of them"),
    "required": (_is_names, "a list of names"),
    "dependentRequired": (_is_names_of_names, "an object of lists of names"),
    "enum": (lambda value: isinstance(value, JsonArray), "a list"),
    "uniqueItems": (lambda value: isinstance(value, bool), "true or false"),
    "$schema": (lambda value: value in (_DIALECT, f"{_DIALECT}#"), _DIALECT),
    "$anchor": (lambda value: isinstance(value, str), "a string"),
    "$dynamicAnchor": (lambda value: isinstance(value, str), "a string"),
    "$ref": (lambda value: isinstance(value, str), "a string"),
    "$dynamicRef": (lambda value: isinstance(value, str), "a string"),
    "pattern": (lambda value: isinstance(value, str), "a string"),
}
"""What the values of keywords without subschemas have to be."""


class UnusableSchemaError(ValueError):
    """Why a schema cannot be used: a clause that names the place and the keyword."""


@dataclass(frozen=True, slots=True)
class UsableSchema:
    """A schema that can be used.

    `references` are the subschemas by the references to them, and `names` the properties that it
    mentions: what a message may say of a content's structure.
    """

    root: JsonSchema
    references: Mapping[str, JsonSchema]
    names: frozenset[str]


def parse(raw: msgspec.Raw) -> UsableSchema:
    """Read and check a schema. Raises UnusableSchemaError."""
    try:
        root = quiet(msgspec.json.decode(raw))
    except (NestedTooDeeplyError, RecursionError):
        raise UnusableSchemaError("it is nested too deeply") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise UnusableSchemaError("it is not JSON") from None
    return _Reader().read(root)


@dataclass(slots=True)
class _Reader:
    """What is found in a schema while all of it is read."""

    subschemas: dict[str, JsonSchema] = field(default_factory=dict)
    references: dict[str, tuple[str, str]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)
    patterns_size: int = 0

    def read(self, root: JsonValue) -> UsableSchema:
        checked = self._check(root, "")
        resolved = {}
        for reference, (where, keyword) in self.references.items():
            target = self.subschemas.get(unquote(reference))
            if not reference.startswith("#") or target is None:
                raise _unusable(
                    where, keyword, "has to refer to a place in the schema itself that is a schema"
                )
            resolved[reference] = target
        return UsableSchema(checked, resolved, frozenset(self.names))

    def _check(self, schema: JsonValue, where: str) -> JsonSchema:
        if not isinstance(schema, JsonObject | bool):
            if not where:
                raise UnusableSchemaError("a schema is an object")
            raise UnusableSchemaError(f"what is at {excerpt(where)} is no schema")
        self.subschemas[f"#{where}"] = schema
        if isinstance(schema, JsonObject):
            for name, value in schema.items():
                self._check_keyword(name, value, where)
        return schema

    def _check_keyword(self, keyword: str, value: JsonValue, where: str) -> None:
        if keyword in _UNSUPPORTED:
            raise _unusable(where, keyword, f"is not supported; {_UNSUPPORTED[keyword]}")
        if keyword == "$id" and where:
            raise _unusable(where, keyword, "is supported only at the top")
        if keyword in _SIMPLE:
            is_right, expected = _SIMPLE[keyword]
            if not is_right(value):
                raise _unusable(where, keyword, f"has to be {expected}")
        for place, subschema in _subschemas(keyword, value, where):
            self._check(subschema, place)
        self._note(keyword, value, where)

    def _note(self, keyword: str, value: JsonValue, where: str) -> None:
        """Keep what is needed of a keyword when all of the schema is read."""
        if keyword == "pattern":
            self._check_pattern(str(value), where, keyword)
        elif keyword == "patternProperties" and isinstance(value, JsonObject):
            for pattern in value:
                self._check_pattern(pattern, where, keyword)
        elif keyword in {"properties", "dependentSchemas"} and isinstance(value, JsonObject):
            self.names.update(value)
        elif keyword in {"$ref", "$dynamicRef"}:
            self.references[str(value)] = (where, keyword)
        elif keyword in {"$anchor", "$dynamicAnchor"}:
            place = f"#{value}"
            if place in self.subschemas:
                raise _unusable(where, keyword, "is there twice")
            self.subschemas[place] = self.subschemas[f"#{where}"]

    def _check_pattern(self, pattern: str, where: str, keyword: str) -> None:
        if pattern in self.patterns:
            return
        try:
            expression = RegularExpression(pattern)
        except UnusableExpressionError:
            raise _unusable(
                where, keyword, "is no regular expression of RE2 (which has no lookaround)"
            ) from None
        self.patterns.add(pattern)
        self.patterns_size += expression.size
        if len(self.patterns) > _PATTERNS_LIMIT or self.patterns_size > _PATTERNS_SIZE_LIMIT:
            raise _unusable(where, keyword, "is one regular expression too many")


def _subschemas(keyword: str, value: JsonValue, where: str) -> Iterator[tuple[str, JsonValue]]:
    """The schemas in the value of a keyword, with their places as JSON pointers."""
    place = f"{where}/{keyword}"
    if keyword in _SUBSCHEMA:
        yield place, value
    elif keyword in _SUBSCHEMA_LISTS:
        if not isinstance(value, JsonArray) or not value:
            raise _unusable(where, keyword, "has to be a list of schemas")
        for index, each in enumerate(value):
            yield f"{place}/{index}", each
    elif keyword in _SUBSCHEMA_MAPS:
        if not isinstance(value, JsonObject):
            raise _unusable(where, keyword, "has to be an object of schemas")
        for name, each in value.items():
            yield f"{place}/{escaped(name)}", each


def escaped(name: str) -> str:
    """A name as a part of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def _unusable(where: str, keyword: str, problem: str) -> UnusableSchemaError:
    place = f" at {excerpt(where)}" if where else ""
    return UnusableSchemaError(f"{excerpt(keyword)}{place} {problem}")

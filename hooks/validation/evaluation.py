"""Check a value against a JSON Schema, one counted step after another.

The keywords are those of `jsonschema`; what drives them is here, because a schema of 1 KB can ask
for more work than there is time, and because the library reports what it refuses with its value.
Keywords whose cost is not in proportion to what is counted are defined here, too.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from hooks.spec.json_values import JsonArray, JsonObject, JsonText, JsonValue
from hooks.spec.regular_expressions import RegularExpression
from hooks.spec.schemas import JsonSchema, UsableSchema
from hooks.validation.budget import Budget, TooCostlyError

_LEVELS_LIMIT: Final = 128
"""How many subschemas may be evaluated inside each other; Python has room for as many."""

_CHARACTERS_PER_STEP: Final = 16
_MATCHING_PER_STEP: Final = 500
"""How many characters, each times the size of the expression, RE2 matches in one step."""

_LIBRARY: Final = (
    *("allOf", "anyOf", "const", "contains", "dependentRequired", "dependentSchemas", "enum"),
    *("exclusiveMaximum", "exclusiveMinimum", "if", "items", "maximum", "maxItems", "maxLength"),
    *("maxProperties", "minimum", "minItems", "minLength", "minProperties", "not", "oneOf"),
    *("prefixItems", "properties", "propertyNames", "required", "type"),
)


@dataclass(frozen=True, slots=True)
class Breach:
    """The first thing that does not satisfy a schema: its path, and the keyword it breaks."""

    path: tuple[str | int, ...]
    keyword: str


@dataclass(slots=True)
class Evaluation:
    """What the keywords of `jsonschema` take for a validator."""

    schema: UsableSchema
    budget: Budget
    levels: int = 0
    expressions: dict[str, RegularExpression] = field(default_factory=dict)
    format_checker: None = None

    def breach(self, value: JsonValue) -> Breach | None:
        """What does not satisfy the schema first, if anything. Raises TooCostlyError."""
        error = next(self.descend(value, self.schema.root), None)
        if error is None:
            return None
        return Breach(tuple(error.path), str(error.schema_path[-1]) if error.schema_path else "")

    def descend(
        self,
        instance: JsonValue,
        schema: JsonSchema,
        path: str | int | None = None,
        schema_path: object = None,  # noqa: ARG002 - the keywords of jsonschema say it
    ) -> Iterator[ValidationError]:
        """What does not satisfy a subschema."""
        for error in self._errors(instance, schema):
            if path is not None:
                error.path.appendleft(path)
            yield error

    def _errors(self, instance: JsonValue, schema: JsonSchema) -> Iterator[ValidationError]:
        if isinstance(schema, bool):
            self.budget.spend(1)
            if not schema:
                yield ValidationError("")
            return
        self.budget.spend(1 + len(schema))
        self.levels += 1
        if self.levels > _LEVELS_LIMIT:
            raise TooCostlyError
        for keyword, value in schema.items():
            check = _CHECKS.get(keyword)
            if check is None:
                continue
            self.budget.spend(1 + _width(keyword, value))
            for error in check(self, value, instance, schema) or ():
                error.schema_path.appendleft(keyword)
                yield error
        self.levels -= 1

    def is_type(self, instance: JsonValue, name: str) -> bool:
        """Whether a value has a type of JSON."""
        return bool(Draft202012Validator.TYPE_CHECKER.is_type(instance, name))

    def evolve(self, schema: JsonSchema) -> "_Branch":
        """A validator for a subschema."""
        return _Branch(self, schema)

    def is_in(self, pattern: str, text: str) -> bool:
        """Whether a part of a text matches a pattern."""
        expression = self.expressions.get(pattern)
        if expression is None:
            expression = self.expressions[pattern] = RegularExpression(pattern)
            self.budget.spend(1 + expression.size // 10)
        self.budget.spend(1 + len(text) * (expression.size + 10) // _MATCHING_PER_STEP)
        return expression.is_in(text)


@dataclass(frozen=True, slots=True)
class _Branch:
    """A subschema whose errors do not matter, only whether there are any."""

    evaluation: Evaluation
    schema: JsonSchema

    def is_valid(self, instance: JsonValue) -> bool:
        levels = self.evaluation.levels
        is_valid = next(self.evaluation.descend(instance, self.schema), None) is None
        # What is broken off does not count down.
        self.evaluation.levels = levels
        return is_valid


def _width(keyword: str, value: JsonValue) -> int:
    """How many steps the value of a keyword asks for by itself."""
    if keyword in {"const", "enum"}:
        return _nodes(value)
    if keyword == "dependentRequired" and isinstance(value, JsonObject):
        return sum(len(each) for each in value.values() if isinstance(each, JsonArray))
    return len(value) if isinstance(value, JsonArray | JsonObject) else 0


def _nodes(value: JsonValue) -> int:
    if isinstance(value, JsonObject):
        return 1 + sum(map(_nodes, value.values()))
    return 1 + sum(map(_nodes, value)) if isinstance(value, JsonArray) else 1


_Errors = Iterable[ValidationError]


def _reference(
    evaluation: Evaluation, reference: JsonText, instance: JsonValue, _: JsonObject
) -> _Errors:
    return evaluation.descend(instance, evaluation.schema.references[reference])


def _pattern(
    evaluation: Evaluation, pattern: JsonText, instance: JsonValue, _: JsonObject
) -> _Errors:
    if isinstance(instance, JsonText) and not evaluation.is_in(pattern, instance):
        yield ValidationError("")


def _pattern_properties(
    evaluation: Evaluation, patterns: JsonObject, instance: JsonValue, _: JsonObject
) -> _Errors:
    if not isinstance(instance, JsonObject):
        return
    for pattern, subschema in patterns.items():
        for name, value in instance.items():
            if evaluation.is_in(pattern, name):
                yield from evaluation.descend(value, _schema(subschema), path=name)


def _additional_properties(
    evaluation: Evaluation, allowed: JsonSchema, instance: JsonValue, schema: JsonObject
) -> _Errors:
    if not isinstance(instance, JsonObject):
        return
    named, patterns = schema.get("properties"), schema.get("patternProperties")
    evaluation.budget.spend(len(instance) // 4)
    for name, value in instance.items():
        if isinstance(named, JsonObject) and name in named:
            continue
        if isinstance(patterns, JsonObject) and any(
            evaluation.is_in(pattern, name) for pattern in patterns
        ):
            continue
        if allowed is False:
            yield ValidationError("")
            return
        yield from evaluation.descend(value, allowed, path=name)


def _unique_items(
    evaluation: Evaluation, is_unique: JsonValue, instance: JsonValue, _: JsonObject
) -> _Errors:
    if is_unique is not True or not isinstance(instance, JsonArray):
        return
    seen = set()
    for each in instance:
        # As text, because numbers can be chosen so that they fall into one place of a set.
        text = json.dumps(each, sort_keys=True)
        evaluation.budget.spend(1 + len(text) // _CHARACTERS_PER_STEP)
        if text in seen:
            yield ValidationError("")
            return
        seen.add(text)


def _multiple_of(_: Evaluation, divisor: float, instance: JsonValue, __: JsonObject) -> _Errors:
    if isinstance(instance, bool) or not isinstance(instance, int | float):
        return
    # By their decimal digits, so that 0.3 is a multiple of 0.1.
    if (Fraction(str(instance)) / Fraction(str(divisor))).denominator != 1:
        yield ValidationError("")


def _schema(value: JsonValue) -> JsonSchema:
    """A value that was checked to be a schema when the spec was read."""
    return value if isinstance(value, JsonObject) else bool(value)


_Check = Callable[[Any, Any, Any, Any], Iterable[ValidationError] | None]
_CHECKS: Final[dict[str, _Check]] = {
    **{keyword: Draft202012Validator.VALIDATORS[keyword] for keyword in _LIBRARY},
    "$ref": _reference,
    "$dynamicRef": _reference,
    "additionalProperties": _additional_properties,
    "multipleOf": _multiple_of,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "uniqueItems": _unique_items,
}

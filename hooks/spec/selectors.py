"""A LabelSelector, read and matched as Kubernetes does, and its shorthand, a plain map of labels.

The API server cannot see into the shorthand, so what it gets wrong (a typo such as `matchLabel`, a
value that is not a string) is found here, before it selects what nobody meant. Facts: Kubernetes,
`LabelSelectorAsSelector` and the syntax of labels.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from msgspec import Raw

from hooks.api.text import excerpt

_FIELDS: Final = ("matchLabels", "matchExpressions")
_WITH_VALUES: Final = ("In", "NotIn")
_WITHOUT_VALUES: Final = ("Exists", "DoesNotExist")
_NAME: Final = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]")
_PREFIX: Final = re.compile(
    r"(?=.{1,253}/)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/"
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one label must be like: an operator of Kubernetes', and the values that it is about."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet the requirement."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case _:
                return self.key not in labels

    @property
    def as_rule(self) -> Mapping[str, object]:
        """The requirement as an item of `matchExpressions`."""
        values = {"values": sorted(self.values)} if self.values else {}
        return {"key": self.key, "operator": self.operator, **values}


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """All of its requirements must hold; without any it selects everything."""

    requirements: Sequence[Requirement] = ()

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """Whether an object with these labels is selected."""
        return all(requirement.holds(labels or {}) for requirement in self.requirements)

    @property
    def as_rule(self) -> Mapping[str, object]:
        """The same as Metacontroller's rules and Kubernetes' lists spell it, in one form."""
        return {"matchExpressions": [requirement.as_rule for requirement in self.requirements]}


class MalformedSelector(ValueError):
    """A selector that cannot be followed; the message names the key, without a full stop."""


def parse(raw: Raw) -> LabelSelector:
    """Read a selector in either form. Raises MalformedSelector."""
    try:
        given = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MalformedSelector("it is not a map") from None
    if given.keys().isdisjoint(_FIELDS):
        return LabelSelector(tuple(_of_labels(given)))
    others = sorted(given.keys() - set(_FIELDS))
    if others:
        raise MalformedSelector(
            f"{excerpt(others[0])} cannot be used together with {' and '.join(_FIELDS)}"
        )
    labels, expressions = given.get("matchLabels") or {}, given.get("matchExpressions") or []
    if not isinstance(labels, dict) or not isinstance(expressions, list):
        raise MalformedSelector("matchLabels is a map and matchExpressions a list")
    return LabelSelector((*_of_labels(labels), *map(_of_expression, expressions)))


def _of_labels(labels: Mapping[str, Any]) -> Iterator[Requirement]:
    for key, value in labels.items():
        if not isinstance(value, str):
            raise MalformedSelector(
                f"the value of {excerpt(key)} is not a string, put it in quotes"
            )
        yield Requirement(_key(key), "In", frozenset({_value(key, value)}))


def _of_expression(expression: Any) -> Requirement:  # noqa: ANN401 - decoded JSON
    if not isinstance(expression, dict) or not isinstance(expression.get("key"), str):
        raise MalformedSelector("an item of matchExpressions has no key")
    key, operator = expression["key"], expression.get("operator")
    values = expression.get("values") or []
    if operator not in (*_WITH_VALUES, *_WITHOUT_VALUES):
        raise MalformedSelector(f"the operator of {excerpt(key)} is unknown")
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise MalformedSelector(f"the values of {excerpt(key)} are not a list of strings")
    if (operator in _WITH_VALUES) is not bool(values):
        what = "needs values" if operator in _WITH_VALUES else "takes no values"
        raise MalformedSelector(f"the operator {operator} of {excerpt(key)} {what}")
    return Requirement(_key(key), operator, frozenset(_value(key, value) for value in values))


def is_label(key: str) -> bool:
    """Whether a text can be the key of a label: a name, with or without a prefix."""
    prefix = _PREFIX.match(key)
    return _NAME.fullmatch(key[prefix.end() :] if prefix else key) is not None


def is_label_value(value: str) -> bool:
    """Whether a text can be the value of a label."""
    return not value or _NAME.fullmatch(value) is not None


def _key(key: str) -> str:
    if not is_label(key):
        raise MalformedSelector(f"{excerpt(key)} is not a valid label")
    return key


def _value(key: str, value: str) -> str:
    if not is_label_value(value):
        raise MalformedSelector(f"the value of {excerpt(key)} is not a valid label value")
    return value

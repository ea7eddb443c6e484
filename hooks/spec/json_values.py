"""JSON values whose `repr` shows nothing.

Libraries put what they refuse into the text of their errors. A value of a ConfigMap or Secret must
not get there, and writing a whole document for each error would cost more than finding it.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias, cast

DEPTH_LIMIT: Final = 64
"""How deeply lists and objects may be nested, in a content and in a schema."""

_LARGEST: Final = 1.7976931348623157e308


class JsonText(str):
    """A string."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "a string"


class JsonArray(list["JsonValue"]):
    """An array."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "an array"


class JsonObject(dict[str, "JsonValue"]):
    """An object."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "an object"


JsonValue: TypeAlias = JsonText | JsonArray | JsonObject | int | float | bool | None


class NestedTooDeeplyError(ValueError):
    """A value has more levels than DEPTH_LIMIT."""


def quiet(value: object, depth: int = 0) -> JsonValue:
    """A decoded JSON value as one whose `repr` shows nothing. Raises NestedTooDeeplyError."""
    if isinstance(value, str):
        return JsonText(value)
    if isinstance(value, Mapping | list) and depth >= DEPTH_LIMIT:
        raise NestedTooDeeplyError
    if isinstance(value, Mapping):
        items = value.items()
        return JsonObject((JsonText(name), quiet(each, depth + 1)) for name, each in items)
    if isinstance(value, list):
        return JsonArray(quiet(each, depth + 1) for each in value)
    if isinstance(value, float):
        return number(value)
    return cast("int | bool | None", value)


def number(value: float) -> int | float:
    """A number as JSON Schema compares it: 1.0 is the integer 1, and none is infinite."""
    finite = max(-_LARGEST, min(value, _LARGEST))
    return int(finite) if finite.is_integer() else finite

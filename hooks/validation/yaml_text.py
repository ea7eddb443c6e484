"""Parse YAML from the events of its parser, which are counted before anything is made of them.

libyaml's parser takes linear time and little memory for whatever it is given (it refuses more than
1,000 levels), but PyYAML's own composer recurses in C until the process crashes, and follows
aliases that grow a document beyond all limits.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, cast

import yaml
from yaml.error import Mark
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from hooks.spec.json_values import (
    DEPTH_LIMIT,
    JsonArray,
    JsonObject,
    JsonText,
    JsonValue,
    number,
)
from hooks.validation.budget import Budget, TooCostlyError, TooDeepError
from hooks.validation.unreadable import UnreadableError

_DIRECTIVES_LIMIT: Final = 1000
"""libyaml compares each directive with all before it."""

_DIRECTIVE: Final = re.compile(r"(?:^|[\n\r\x85\u2028\u2029])%")
_TAG_CHARACTERS_PER_STEP: Final = 1000
"""A directive can give each node a tag that is as long as the text."""

_LONGEST_NUMBER: Final = 300
_STEPS_PER_NODE: Final = 2
_TAG: Final = "tag:yaml.org,2002:"
_TEXT_TAGS: Final = frozenset({"!", f"{_TAG}str"})
_MERGE: Final = "<<"
_BOOLEANS: Final = yaml.SafeLoader.bool_values
_BASES: Final = {"0x": 16, "0b": 2}


def parse(text: str, budget: Budget) -> Sequence[JsonValue]:
    """The documents as JSON values. Raises UnreadableError and TooCostlyError.

    Scalars mean what they mean in YAML 1.1, except that times and numbers in base 60 are strings,
    as they are to the YAML of Kubernetes. A mapping's key is its text. A text without any document
    is null, as it is to those who load it: a schema decides whether it may be.
    """
    if len(_DIRECTIVE.findall(text)) > _DIRECTIVES_LIMIT:
        raise TooCostlyError
    documents: list[JsonValue] = []
    composer = _Composer(budget)
    for event in _events(text):
        if isinstance(event, DocumentStartEvent):
            composer = _Composer(budget)
        elif isinstance(event, NodeEvent | MappingEndEvent | SequenceEndEvent):
            composer.read(event)
            if not composer.open:
                documents.append(composer.root)
    return documents or [None]


def _events(text: str) -> Iterator[Event]:
    try:
        parser = yaml.CSafeLoader(text)
        while (event := parser.get_event()) is not None:
            yield event
    except yaml.MarkedYAMLError as error:
        mark = cast("Mark", error.problem_mark)
        # What is missed at the end of the text was begun somewhere.
        is_at_end = mark.index >= len(text) and error.context_mark is not None
        begun = cast("Mark", error.context_mark)
        raise _at(begun if is_at_end else mark) from None
    except yaml.reader.ReaderError as error:
        raise UnreadableError.at(
            text, _character(text, error.position), "a character is not allowed"
        ) from None


def _character(text: str, offset: int) -> int:
    """The offset in characters of an offset in bytes."""
    return len(text.encode()[:offset].decode(errors="ignore"))


@dataclass(frozen=True, slots=True)
class _Anchored:
    """What an anchor stands for: a value, with all its nodes and levels counted."""

    value: JsonValue
    nodes: int
    levels: int


@dataclass(slots=True)
class _Open:
    """A list or object whose end is not reached."""

    value: JsonArray | JsonObject
    anchor: str | None
    key: JsonText | None = None
    nodes: int = 1
    levels: int = 1
    merged: JsonObject = field(default_factory=JsonObject)
    is_merging: bool = False
    has_merged: bool = False


_Node: TypeAlias = NodeEvent | MappingEndEvent | SequenceEndEvent


class _Composer:
    """One document as it grows."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._anchors: dict[str, _Anchored] = {}
        self.open: list[_Open] = []
        self.root: JsonValue = None

    def read(self, event: _Node) -> None:
        if isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._end(event)
            return
        tag: str | None = getattr(event, "tag", None)
        self._budget.spend(_STEPS_PER_NODE + len(tag or "") // _TAG_CHARACTERS_PER_STEP)
        if isinstance(event, ScalarEvent):
            is_key = self._expects_key
            text = JsonText(event.value)
            value = text if is_key else _scalar(event)
            self._add(_Anchored(value, 1, 0), event, event.anchor)
        elif isinstance(event, AliasEvent):
            self._add(self._aliased(event), event, None)
        else:
            if self._expects_key:
                raise _unreadable(event, "a key is a list or an object")
            if len(self.open) >= DEPTH_LIMIT:
                raise TooDeepError
            is_list = isinstance(event, SequenceStartEvent)
            self.open.append(_Open(JsonArray() if is_list else JsonObject(), event.anchor))

    @property
    def _expects_key(self) -> bool:
        if not self.open:
            return False
        innermost = self.open[-1]
        return isinstance(innermost.value, JsonObject) and innermost.key is None

    def _aliased(self, event: AliasEvent) -> _Anchored:
        anchored = self._anchors.get(event.anchor or "")
        if anchored is None:
            raise _unreadable(event, "an alias has no anchor before it")
        self._budget.spend(anchored.nodes)
        if len(self.open) + anchored.levels > DEPTH_LIMIT:
            raise TooDeepError
        return anchored

    def _end(self, event: Event) -> None:
        done = self.open.pop()
        if done.merged and isinstance(done.value, JsonObject):
            done.value = JsonObject({**done.merged, **done.value})
        self._add(_Anchored(done.value, done.nodes, done.levels), event, done.anchor)

    def _add(self, node: _Anchored, event: Event, anchor: str | None) -> None:
        """Put a whole node into what is open around it."""
        if anchor is not None:
            self._anchors[anchor] = node
        if not self.open:
            self.root = node.value
            return
        around = self.open[-1]
        around.nodes += node.nodes
        around.levels = max(around.levels, node.levels + 1)
        if isinstance(around.value, JsonArray):
            around.value.append(node.value)
        elif around.key is None:
            around.key = _key(node.value, around, around.value, event)
        else:
            _set(around, around.value, around.key, node.value, event)
            around.key = None


def _key(value: JsonValue, around: _Open, mapping: JsonObject, event: Event) -> JsonText:
    if isinstance(value, JsonArray | JsonObject):
        raise _unreadable(event, "a key is a list or an object")
    key = JsonText(value)
    around.is_merging = isinstance(event, ScalarEvent) and event.implicit[0] and key == _MERGE
    if around.has_merged if around.is_merging else key in mapping:
        raise _unreadable(event, "a key is there twice")
    return key


def _set(around: _Open, mapping: JsonObject, key: JsonText, value: JsonValue, event: Event) -> None:
    if not around.is_merging:
        mapping[key] = value
        return
    around.has_merged = True
    for source in value if isinstance(value, JsonArray) else [value]:
        if not isinstance(source, JsonObject):
            raise _unreadable(event, "what is merged with << is no object")
        # Of several, the first one has a key; copying what is merged each time would be quadratic.
        for name, each in source.items():
            around.merged.setdefault(name, each)


def _scalar(event: ScalarEvent) -> JsonValue:
    text = JsonText(event.value)
    is_text = event.tag in _TEXT_TAGS or (event.tag is None and not event.implicit[0])
    if is_text or len(text) > _LONGEST_NUMBER:
        return text
    # Most scalars begin with a character with which nothing but a string begins.
    for tag, expression in yaml.SafeLoader.yaml_implicit_resolvers.get(text[:1], ()):
        if expression.match(text):
            return _resolved(tag.removeprefix(_TAG), text)
    return text


def _resolved(tag: str, text: JsonText) -> JsonValue:
    if tag == "null":
        return None
    if tag == "bool":
        return _BOOLEANS[text.lower()]
    if tag == "int" and ":" not in text:
        return _integer(text.replace("_", "").lower())
    if tag == "float" and ":" not in text and text.strip("+-.")[:1].isdigit():
        return number(float(text.replace("_", "")))
    return text


def _integer(digits: str) -> int:
    sign, digits = (-1 if digits.startswith("-") else 1), digits.lstrip("+-")
    base = _BASES.get(digits[:2])
    if base is not None:
        return sign * int(digits[2:] or "0", base)
    return sign * int(digits, 8 if digits.startswith("0") else 10)


def _unreadable(event: Event, reason: str) -> UnreadableError:
    mark = cast("Mark", event.start_mark)
    return _at(mark, reason)


def _at(mark: Mark, reason: str = "") -> UnreadableError:
    """The error at a mark; of those that libyaml sets, none is missing."""
    return UnreadableError(mark.line + 1, mark.column + 1, reason)

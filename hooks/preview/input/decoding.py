"""Decode one document of YAML or JSON without letting it cost more than its size.

A few lines of anchors can stand for billions of values, and a few thousand brackets end the
process inside the C library. Both are refused before anything is built. What comes out is JSON as
Kubernetes takes it. Errors: `DecodingError`, with the line where it is known. No text of the
document gets into a message, because it may be a Secret's.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Final

import yaml

from hooks.preview.input import scalars
from hooks.preview.simulator.files import YAML_LOADER

_DEEPEST: Final = 200
TOO_DEEP: Final = f"nested more than {_DEEPEST} levels deep"
"""Why nothing walks through a document."""

HALF_A_CHARACTER: Final = "contains half of a surrogate pair"
"""Why a text cannot be written as UTF-8, and so cannot be looked at any further."""

_MOST_VALUES: Final = 1_000_000
"""What the anchors of one document may stand for, all repetitions counted."""

_MANY_OPENED: Final = 1000
_FAR_INDENTED: Final = re.compile(r"^[ ?:-]{100}", re.MULTILINE)
_NUMBERS: Final = range(-(2**63), 2**64)
_TOO_LARGE: Final = "holds a number that does not fit into 64 bits"
_IN_QUOTES: Final = "must be a string: put it in quotes"


class DecodingError(Exception):
    """A document that cannot be used; where it is known, the line and column counted from zero."""

    def __init__(self, message: str, line: int = 0, column: int | None = None) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class _Loader(YAML_LOADER):  # type: ignore[valid-type,misc]
    """YAML as kubectl reads it: a key stands once in a map, and words mean what they mean there."""

    yaml_implicit_resolvers = scalars.AS_KUBECTL
    bool_values = {**yaml.SafeLoader.bool_values, **scalars.Y_BOOLEANS}  # noqa: RUF012 - PyYAML's own

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:  # noqa: FBT001, FBT002 - PyYAML's signature
        _refuse_twins(node)
        constructed: dict[object, object] = super().construct_mapping(node, deep=deep)
        return constructed


def decode(text: str) -> object:
    """The value of a document. Raises DecodingError."""
    if text.lstrip()[:1] not in ("{", "["):
        return _decode_yaml(text)
    try:
        return json.loads(text, object_pairs_hook=_without_twins)
    except json.JSONDecodeError as error:
        try:
            return _decode_yaml(text)  # YAML may begin with a brace, too.
        except DecodingError as other:
            if str(other) == TOO_DEEP:
                raise
        said = f"not JSON: {error.msg}"
        raise DecodingError(said, error.lineno - 1, error.colno - 1) from None
    except _TwinsError:
        return _decode_yaml(text)  # It refuses them too, and knows the line.
    except RecursionError:
        raise DecodingError(TOO_DEEP) from None
    except ValueError:
        raise DecodingError(_TOO_LARGE) from None


def refusals(value: object, path: str = "", depth: int = 0) -> Iterator[str]:
    """What JSON cannot hold, or Kubernetes cannot read: sentences that begin with the field."""
    if depth > _DEEPEST:
        yield TOO_DEEP
    elif isinstance(value, dict):
        for key, part in value.items():
            said = _refusal(key) if isinstance(key, str) else f"the key {key!r} {_IN_QUOTES}"
            if said:
                yield _of(path, said)
            yield from refusals(part, f"{path}.{key}".removeprefix("."), depth + 1)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from refusals(part, f"{path}[{number}]", depth + 1)
    elif said := _refusal(value):
        yield _of(path, said)


def _of(path: str, said: str) -> str:
    return f"{path}: {said}" if path else said


def _refusal(value: object) -> str:
    """Why a single value cannot be used; empty where it can."""
    match value:
        case None | bool():
            return ""
        case str():
            # JSON can escape one half of a character that needs two.
            whole = value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)
            return "" if whole else HALF_A_CHARACTER
        case int():
            return "" if value in _NUMBERS else _TOO_LARGE
        case float():
            return "" if math.isfinite(value) else "is a number that JSON does not know"
        case _:
            return f"is a value that JSON does not know, of the type {type(value).__name__}"


def _decode_yaml(text: str) -> object:
    _refuse_depth(text)
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if "&" in text and "*" in text and _size(node, {}, set()) > _MOST_VALUES:
            raise DecodingError(f"its anchors stand for more than {_MOST_VALUES:,} values")
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = f"not YAML: {_sentence(error)}"
        raise DecodingError(said, mark.line if mark else 0, mark.column if mark else None) from None
    except yaml.reader.ReaderError as error:
        said = "not YAML: a character that is not allowed"
        raise DecodingError(said, text.count("\n", 0, error.position)) from None
    except (yaml.YAMLError, ValueError) as error:
        is_number = "integer string conversion" in str(error)
        said = _TOO_LARGE if is_number else "cannot be read as YAML or JSON"
        raise DecodingError(said) from None
    finally:
        loader.dispose()


def _sentence(error: yaml.MarkedYAMLError) -> str:
    """PyYAML's message without the text that it quotes, which can be a password."""
    said = error.problem or error.context or "unreadable"
    if said.startswith("found undefined alias"):
        return "an alias without its anchor: put a text that begins with * in quotes"
    if said.startswith("could not determine a constructor for the tag"):
        return "a tag that Kubernetes does not know: put a text that begins with ! in quotes"
    return said


def _refuse_depth(text: str) -> None:
    """Count how deep the document goes, where it looks as if it went too deep to be composed."""
    opened = text.count("[") + text.count("{")
    if opened < _MANY_OPENED and not _FAR_INDENTED.search(text):
        return
    depth = 0
    try:
        for event in yaml.parse(text, Loader=YAML_LOADER):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > _DEEPEST:
                mark = event.start_mark
                raise DecodingError(TOO_DEEP, mark.line if mark else 0)
    except yaml.YAMLError:
        pass  # It is reported with its line when it is composed.


def _size(node: yaml.Node, sizes: dict[int, int], above: set[int]) -> int:
    """How many values there are, everything counted as often as it stands there."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) in above:
        raise yaml.composer.ComposerError(None, None, "an anchor contains itself", node.start_mark)
    if id(node) not in sizes:
        above.add(id(node))
        parts = node.value
        if isinstance(node, yaml.MappingNode):
            parts = [part for pair in node.value for part in pair]
        sizes[id(node)] = 1 + sum(_size(part, sizes, above) for part in parts)
        above.remove(id(node))
    return sizes[id(node)]


def _refuse_twins(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen and key.value != "<<":
                said = f'the key "{key.value}" occurs twice'
                raise yaml.constructor.ConstructorError(None, None, said, key.start_mark)
            seen.add(key.value)


class _TwinsError(Exception):
    """A key stands twice in a map."""


def _without_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    decoded = dict(pairs)
    if len(decoded) != len(pairs):
        raise _TwinsError
    return decoded

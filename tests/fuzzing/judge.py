"""What every answer keeps, whatever was asked.

Only MalformedRequest is ever raised, the same call gives the same bytes, Metacontroller can
read them, the API server can store the status, no value of a ConfigMap or Secret is shown anywhere
but in the data of a copy, and a lot of what others write costs as much as it is long.
"""

import base64
import json
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from hooks.api.protocol import MalformedRequest
from hooks.preview.simulator.hook import ask, ask_related
from hooks.preview.simulator.schema import Schema
from hooks.resolve import source
from tests.fuzzing.calls import HookCall, decoded
from tests.fuzzing.crowding import crowded
from tests.fuzzing.work import counted

# Twelve bytes, so that it can stand before a value in Base64 as well.
_MARK: Final = "never-tell-x"
_CODED: Final = base64.b64encode(_MARK.encode()).decode()
_MARKS: Final = (_MARK, _CODED)
_HASH: Final = "config.example.com/content-hash"
_SCHEMA: Final = Schema.load()
_LINES: Final = 5_000
"""How many lines of Python may run for any call."""
_LINES_OF_RULES: Final = 12_000_000
"""How many more where a content is checked, which has a budget of its own."""
_LINES_PER_BYTE: Final = 10
"""How many more for each of its bytes: a namespace with a name of ten runs some eighty."""
_BYTES_PER_LINE: Final = 10
"""For how many bytes that a crowd takes one more line may run: most of them are skipped."""


class BrokenAnswer(Exception):
    """An answer that does not keep what all must keep."""


def judge(call: HookCall) -> None:
    """Ask, and check the answer. Raises BrokenAnswer, and whatever the hook lets through."""
    answer = _answer(call)
    if answer != _answer(call):
        raise BrokenAnswer("the same call has two answers")
    if isinstance(answer, bytes):
        _readable(call, answer)
    _keeps_secrets(call)
    # Counting takes longer than all else but the schema.
    if zlib.crc32(call.body) % 16 == 0:
        _works_in_proportion(call)


def _works_in_proportion(call: HookCall) -> None:
    body = crowded(call.body)
    _, lines = counted(lambda: _answer(replace(call, body=body)))
    rules = _LINES_OF_RULES if b'"validation"' in body else 0
    most = rules + _LINES + _LINES_PER_BYTE * len(call.body) + len(body) // _BYTES_PER_LINE
    if lines > most:
        raise BrokenAnswer(
            f"{len(body):,} bytes take {lines:,} lines of work, and {most:,} are allowed"
        )


def _answer(call: HookCall) -> bytes | str:
    """The bytes of an answer, or the line of a refusal or of a deferred one."""
    try:
        return call.answer()
    except MalformedRequest as refusal:
        return str(refusal)


def _readable(call: HookCall, answer: bytes) -> None:
    if call.hook == "customize":
        ask_related(lambda _, __: (200, answer), {})
        return
    response = ask(lambda _, __: (200, answer), call.hook, {})
    request = decoded(call.body)
    names = [(c["metadata"]["namespace"], c["metadata"]["name"]) for c in response.children]
    if len(set(names)) != len(names) and _is_keyed(request):
        raise BrokenAnswer("a copy is returned twice")
    # The schema takes longer than all else, so it is asked about one answer in 32. A status that
    # was no status before is none that an API server has shown.
    if (
        zlib.crc32(answer) % 32 == 0
        and (violations := _SCHEMA.status_violations(response.status))
        and not _SCHEMA.status_violations(request["parent"].get("status") or {})
    ):
        raise BrokenAnswer(f"the API server would not store the status: {violations[0]}")


def _is_keyed(request: Any) -> bool:
    """Whether objects are under their own kinds and names, as Metacontroller puts them."""
    return all(
        key == f"{found['metadata'].get('namespace')}/{found['metadata']['name']}"
        and kind == f"{found.get('kind')}.v1"
        for kind, group in (request.get("children") or {}).items()
        for key, found in group.items()
    )


def _keeps_secrets(call: HookCall) -> None:
    request, marked = decoded(call.body), decoded(call.body)
    if not isinstance(marked, dict):
        return
    for found in _objects(marked):
        _mark(found)
    if marked == request:
        return
    answer = _answer(replace(call, body=json.dumps(marked).encode()))
    if isinstance(answer, bytes):
        response = json.loads(answer)
        for child in response.get("children", ()):
            child.pop("data", None)
            child.pop("binaryData", None)
        answer = json.dumps(response)
    if any(mark in answer and mark not in json.dumps(request) for mark in _MARKS):
        raise BrokenAnswer("a value is shown")


def _objects(request: Any) -> Iterator[Any]:
    for field in ("children", "related"):
        for group in _values(request.get(field)):
            yield from (found for found in _values(group) if isinstance(found, dict))


def _values(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()


def _mark(found: Any) -> None:
    """Let every value begin with a mark, and the hash still be what it was the hash of."""
    before = _hash(found)
    for field in ("data", "binaryData"):
        values = found.get(field)
        if isinstance(values, dict):
            mark = _MARK if field == "data" and found.get("kind") != "Secret" else _CODED
            for key, value in values.items():
                if isinstance(value, str):
                    values[key] = mark + value
    metadata = found.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if before and isinstance(annotations, dict) and annotations.get(_HASH) == before:
        annotations[_HASH] = _hash(found)


def _hash(found: Any) -> str | None:
    data, binary_data = found.get("data") or {}, found.get("binaryData") or {}
    try:
        return source.content_hash(data, binary_data)
    except (AttributeError, TypeError, ValueError):
        return None

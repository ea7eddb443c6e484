"""Ask the hook exactly as Metacontroller does, and read its answers as strictly.

The bytes are those that Go's encoder writes (sorted keys, `<`, `>` and `&` escaped), because the
hook compares content as bytes. An unknown field, or one of the wrong type, fails the whole sync.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from hooks.preview.simulator.objects import RESOURCES, Object, key_of

Hook: TypeAlias = Callable[[str, bytes], tuple[int, bytes] | tuple[int, bytes, Mapping[str, str]]]
"""Takes a path and a body, gives a status and a body, and headers where they matter (429)."""

_OK: Final = 200
_LONGEST_SENTENCE: Final = 500
_LONGEST_SECONDS: Final = 10 * 365 * 24 * 3600.0
_TOO_MANY_REQUESTS: Final = 429
_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_ESCAPED: Final = {
    character.encode(): f"\\u{ord(character):04x}".encode() for character in "<>&\u2028\u2029"
}


class HookError(Exception):
    """The hook did not answer, or with something that Metacontroller cannot use."""


class TooManyRequestsError(Exception):
    """The hook is overloaded; how long Metacontroller waits before it asks again."""

    def __init__(self, after_seconds: float) -> None:
        super().__init__(f"too many requests, again after {after_seconds} seconds")
        self.after_seconds = after_seconds


@dataclass(frozen=True, slots=True)
class SyncAnswer:
    """What `/sync` and `/finalize` answer."""

    status: Object
    children: tuple[Object, ...]
    resync_after_seconds: float
    finalized: bool


def encode(value: object) -> bytes:
    """JSON as Go's encoder writes a map."""
    text = _ENCODER.encode(value)
    for character, escape in _ESCAPED.items():
        text = text.replace(character, escape)
    return text


def grouped(items: Iterable[Object], kinds: Iterable[str]) -> dict[str, dict[str, Object]]:
    """Objects as a request groups them: by kind and version, then by namespace and name."""
    groups: dict[str, dict[str, Object]] = {RESOURCES[kind].group_key: {} for kind in kinds}
    for item in items:
        groups[RESOURCES[item["kind"]].group_key][key_of(item)] = item
    return groups


def ask(hook: Hook, name: str, request: Object) -> SyncAnswer:
    """Call `/sync` or `/finalize`. Raises HookError and TooManyRequestsError."""
    answer = _call(hook, name, request)
    known: dict[str, type | tuple[type, ...]] = {
        "status": dict,
        "children": list,
        "resyncAfterSeconds": (int, float),
        "finalized": bool,
    }
    _strict(name, answer, known)
    children = tuple(answer.get("children") or ())
    for position, child in enumerate(children):
        if not isinstance(child, dict) or not isinstance(child.get("kind"), str):
            raise HookError(_unreadable(name, f"Object 'Kind' is missing in children[{position}]"))
        if not _is_named(child):
            raise HookError(_unreadable(name, f"metadata is missing in children[{position}]"))
    return SyncAnswer(
        status=answer.get("status") or {},
        children=children,
        resync_after_seconds=min(answer.get("resyncAfterSeconds") or 0.0, _LONGEST_SECONDS),
        finalized=bool(answer.get("finalized")),
    )


def ask_labels(hook: Hook, request: Object) -> dict[str, str]:
    """Call `/adopt` for the labels to set. Raises HookError and TooManyRequestsError."""
    answer = _call(hook, "adopt", request)
    _strict("adopt", answer, {"labels": dict})
    labels = answer.get("labels") or {}
    _strict("adopt", labels, dict.fromkeys(labels, str))
    return dict(labels)


def ask_related(hook: Hook, request: Object, name: str = "customize") -> tuple[Object, ...]:
    """Call `/customize`, or another hook like it. Raises HookError and TooManyRequestsError."""
    answer = _call(hook, name, request)
    _strict(name, answer, {"relatedResources": list})
    rules = tuple(answer.get("relatedResources") or ())
    known = {
        "apiVersion": str,
        "resource": str,
        "namespace": str,
        "names": list,
        "labelSelector": dict,
        "namespaceSelector": dict,
    }
    for rule in rules:
        _strict(name, rule, known)
    return rules


def _call(hook: Hook, name: str, request: Object) -> Object:
    answered = hook(f"/{name}", encode(request))
    status, body = answered[0], answered[1]
    if status == _TOO_MANY_REQUESTS:
        headers = answered[2] if len(answered) == 3 else {}  # noqa: PLR2004 - status, body, headers
        raise TooManyRequestsError(_retry_after(headers))
    if status != _OK:
        # The hook answers with one line; whatever else answers may send back what it was sent.
        is_short = len(body) <= _LONGEST_SENTENCE
        said = body.decode(errors="replace").strip() if is_short else f"{len(body):,} bytes"
        raise HookError(
            f"{name} hook failed (version=v2): unsupported status code: {status} body: {said}"
        )
    try:
        decoded = json.loads(
            body, object_pairs_hook=_without_duplicates, parse_constant=_no_constant
        )
    except RecursionError as error:
        raise HookError(_unreadable(name, "it is nested too deeply")) from error
    except ValueError as error:
        raise HookError(_unreadable(name, str(error))) from error
    return _object(name, decoded)


def _is_named(child: Object) -> bool:
    """Whether a child can be identified; the API server finds whatever else is wrong."""
    metadata = child.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        return False
    return isinstance(metadata.get("namespace"), str | None) and all(
        isinstance(metadata.get(field), dict | None) for field in ("labels", "annotations")
    )


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds; one where the hook callable hands on no headers, so that the retry ends."""
    for header, value in headers.items():
        if header.lower() == "retry-after":
            return float(value) if value.isdigit() else 0.0
    return 1.0


def _without_duplicates(pairs: list[tuple[str, object]]) -> Object:
    decoded = dict(pairs)
    if len(decoded) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f'duplicate field "{twice}"')
    return decoded


def _no_constant(word: str) -> float:
    """Python would take Infinity and NaN, which Go does not."""
    raise ValueError(f"{word} is no number of JSON")


def _object(name: str, value: object) -> Object:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise HookError(_unreadable(name, "the answer is not an object"))
    return value


def _strict(name: str, answer: object, known: Mapping[str, type | tuple[type, ...]]) -> None:
    if not isinstance(answer, dict):
        raise HookError(_unreadable(name, "an object was expected"))
    for field, value in answer.items():
        if field not in known:
            raise HookError(
                f"{name} hook failed (version=v2): strict validation failed for v2 "
                f'webhookResponse: unknown field "{field}"'
            )
        expected = known[field]
        fits = isinstance(value, expected) and (expected is bool or not isinstance(value, bool))
        if value is not None and not fits:
            raise HookError(_unreadable(name, f'field "{field}" has the wrong type'))


def _unreadable(name: str, reason: str) -> str:
    return f"{name} hook failed (version=v2): can't unmarshal webhookResponse: {reason}"

"""Change a body of JSON so that it stays one, and now and then so that it does not.

Changed bytes seldom get past the decoder, so what is behind it is reached by changing values: one
goes, comes twice, moves, or becomes what programmers forget.
"""

import copy
import json
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, Final

import msgspec

from hooks.api.names import APPROVE_ROLLOUT, REVISION, REVISION_OF, ROLLOUT_FAILED
from hooks.rollout.types import Phase, RolloutStatus
from hooks.spec.rollout import RolloutFields, StageFields
from hooks.spec.validation import Spec
from tests.fuzzing.calls import decoded

STRANGE: Final[Sequence[Any]] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, -(2**63) - 1, 1.5, 1e308, 10**400),
    *("", " ", "*", "?", "team-*", "a,b", "0", "50%", "-1%", "é", "\u2028", "\0", "\n", "\ud800"),
    *("x" * 63, "x" * 64, "x" * 253, "x" * 300, "A.B", "-a", "a/b", "a/b/c", "../a", "{}", "null"),
    *("default", "dev", "kube-system", "kube-root-ca.crt", "sample", "app-config", "app"),
    *("Delete", "Retain", "Fail", "Overwrite", "Terminating", "True", "False", "In", "Exists"),
    *("2026-01-01T11:59:00Z", "2026-01-01T12:00:00Z", "0001-01-01T00:00:00Z", "yesterday"),
    *("9999-12-31T23:59:60Z", "2026-01-01T12:00:00.5+14:00", "foregroundDeletion", "orphan"),
    *('{"a":' + "[" * 5000, "[" * 5000, '{"metadata":{"labels":[]}}', '{"metadata":null}'),
    *(*Phase, "Halt", "Rollback", "Manual", "configmapsyncer-sample-5caae5389a4d4f4b", "canary"),
    *("YAML", "JSON", "PEM", "#", "#/$defs/a", "^(a+)+$", "(?=a)", {"$ref": "#"}, [{"$ref": "#"}]),
    *([], [None], [""], ["*"], {}, {"": ""}, {"*": "*"}, {"name": None}, [[]], [{}]),
)
"""Values at the edges of what a field may hold, and beyond them."""

NAMES: Final = (
    *("spec", "status", "metadata", "labels", "annotations", "data", "binaryData", "immutable"),
    *("name", "namespace", "uid", "generation", "resourceVersion", "ownerReferences", "finalizers"),
    *("deletionTimestamp", "managedFields", "controller", "children", "related", "finalizing"),
    *("ConfigMap.v1", "Secret.v1", "Namespace.v1", "type", "kind"),
    "matchLabels",
    *("format", "schema", "properties", "required", "items", "allOf", "not", "$ref", "$defs"),
    *("pattern", "patternProperties", "enum", "const", "uniqueItems", "multipleOf"),
    *(
        field.encode_name
        for fields in (Spec, RolloutFields, StageFields, RolloutStatus)
        for field in msgspec.structs.fields(fields)
    ),
    *(APPROVE_ROLLOUT, REVISION, REVISION_OF, ROLLOUT_FAILED),
    *(
        "synced-by",
        "controller-uid",
        "config.example.com/content-hash",
        "config.example.com/source",
    ),
    "metacontroller.k8s.io/last-applied-configuration",
    *("config.example.com/allow-sync-to", "config.example.com/accept-sync-from", "", "\n"),
)
"""Names that mean something to the hook somewhere."""

_Place = tuple[Any, Any]
"""A map or a list, and a key or an index in it."""


def mutated(body: bytes, random: Random) -> bytes:
    """Another body, mostly of JSON."""
    value = decoded(body)
    if value is None or random.random() < 0.1:
        return mutated_bytes(body, random)
    # A list around it, so that the whole can be replaced like any part.
    whole = [value]
    for _ in range(random.choice((1, 1, 1, 2, 3, 5))):
        _change(whole, random)
    return json.dumps(whole[0] if whole else None, ensure_ascii=True).encode()


def mutated_bytes(body: bytes, random: Random) -> bytes:
    """Other bytes: some go, some come twice, some are others."""
    given = bytearray(body)
    for _ in range(random.choice((1, 1, 2, 4))):
        start = random.randrange(len(given) + 1)
        end = min(len(given), start + random.choice((0, 1, 1, 4, 64, len(given))))
        piece = random.choice(
            (
                b"",
                bytes(given[start:end]) * 2,
                random.randbytes(random.choice((1, 1, 4))),
                random.choice((b'"', b"{", b"}", b"[" * 2000, b",", b"\\u0000", b"\xff", b"1e999")),
            )
        )
        given[start:end] = piece
    return bytes(given)


def _change(whole: Any, random: Random) -> None:
    places = list(_places(whole))
    if not places:
        return
    within, at = random.choice(places)
    other_within, other_at = random.choice(places)
    match random.randrange(8):
        case 0:
            del within[at]
        case 1 | 2:
            within[at] = copy.deepcopy(random.choice(STRANGE))
        case 3:
            within[at] = copy.deepcopy(other_within[other_at])
        case 4 if isinstance(within, dict):
            within[random.choice(NAMES)] = within.pop(at)
        case 5 if isinstance(within, dict):
            within[random.choice(NAMES)] = copy.deepcopy(random.choice(STRANGE))
        case 6 if isinstance(within, list):
            within.insert(at, copy.deepcopy(within[at]))
        case _:
            within[at] = _nearly(within[at], random)


def _places(value: Any) -> Iterator[_Place]:
    keys: Any = ()
    if isinstance(value, dict):
        keys = list(value)
    elif isinstance(value, list):
        keys = range(len(value))
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _nearly(value: Any, random: Random) -> Any:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + random.choice((-1, 1))
        case str():
            at = random.randrange(len(value) + 1)
            return value[:at] + random.choice(("", "a", "-", "*", "é", "/", ".")) + value[at + 1 :]
        case list():
            return value[::-1]
        case dict():
            return dict(list(value.items())[::-1])
        case _:
            return copy.deepcopy(random.choice(STRANGE))

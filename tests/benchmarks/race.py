"""For how long what comes into being is not seen: from the hook's look to Metacontroller's write.

The hook decides by what Metacontroller showed it; the API server's audit log says when the first
write into a namespace came. What somebody creates in between is overwritten under server-side
apply, and left alone under dynamic apply.
"""

import statistics
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from tests.benchmarks.end_to_end import Loop
from tests.benchmarks.objects import manifest
from tests.benchmarks.ratio import Ratio
from tests.controlplane import STRATEGIES, Stack

COPIES: Final = 100
_ROUNDS: Final = 5
_SECONDS_TO_SETTLE: Final = 300
_SOURCE_NAMESPACE: Final = "race-source"
_NAME: Final = "race"
_FIRST_LIMIT: Final = 6
_LAST_LIMIT: Final = 3


def measure() -> Iterator[Ratio]:
    """The window of the first and of the last of 100 new copies, under each strategy."""
    for strategy in STRATEGIES:
        with Stack(strategy, audited=True) as stack, Loop(stack.client) as loop:
            yield from _windows(stack, loop)


def _windows(stack: Stack, loop: Loop) -> Iterator[Ratio]:
    client = stack.client
    client.apply(manifest("Namespace", _SOURCE_NAMESPACE))
    source = manifest("ConfigMap", _NAME, _SOURCE_NAMESPACE)
    client.apply(source | {"data": {"key": "x" * 1_000}})
    namespaces = [f"race-{number:03}" for number in range(COPIES)]
    for namespace in namespaces:
        client.apply(manifest("Namespace", namespace))
    loop.apply_all(namespaces, "first")
    firsts, lasts = [], []
    for number in range(_ROUNDS):
        windows = _round(stack, f"{_NAME}-{number}", namespaces)
        bare = loop.apply_all(namespaces, f"round-{number}")
        firsts.append((min(windows), bare / COPIES))
        lasts.append((max(windows), bare))
    what = f"Between look and write under {stack.strategy},"
    yield Ratio.of_pairs(
        f"{what} the first of {COPIES} copies ({_milliseconds(firsts)})",
        "one apply of a bare loop",
        firsts,
        _FIRST_LIMIT,
    )
    yield Ratio.of_pairs(
        f"{what} the last of {COPIES} copies ({_milliseconds(lasts)})",
        f"a bare loop of {COPIES} applies",
        lasts,
        _LAST_LIMIT,
    )


def _milliseconds(pairs: Sequence[tuple[float, float]]) -> str:
    return f"{1_000 * statistics.median(window for window, _ in pairs):.0f} ms"


def _round(stack: Stack, name: str, namespaces: Sequence[str]) -> list[float]:
    """For each namespace the seconds from the look to the write of a new syncer's copy."""
    client = stack.client
    spec = {
        "sourceNamespace": _SOURCE_NAMESPACE,
        "sourceConfigMap": _NAME,
        "targetName": name,
        "targetNamespaces": list(namespaces),
    }
    client.apply(manifest("ConfigMapSyncer", name) | {"spec": spec})
    client.wait_for(
        "ConfigMapSyncer",
        name,
        lambda syncer: syncer.get("status", {}).get("syncedCount") == len(namespaces),
        "all copies",
        seconds=_SECONDS_TO_SETTLE,
    )
    looks = [_look(call) for call in stack.hook.calls("sync", name)]
    writes: dict[str, datetime] = {}
    for entry in stack.audited():
        written = entry.get("objectRef", {})
        is_write = entry["verb"] in ("create", "patch", "update")
        if is_write and written.get("resource") == "configmaps" and _is_about(entry, name):
            at = datetime.fromisoformat(entry["requestReceivedTimestamp"])
            place = written["namespace"]
            writes[place] = min(at, writes.get(place, at))
    client.delete("ConfigMapSyncer", name)
    client.wait_until_gone("ConfigMapSyncer", name, seconds=_SECONDS_TO_SETTLE)
    return [
        (at - max(look for look in looks if look <= at)).total_seconds() for at in writes.values()
    ]


def _is_about(entry: dict[str, object], name: str) -> bool:
    """Whether a request is about an object of a name; who creates says it in the body alone."""
    written = entry["objectRef"]
    assert isinstance(written, dict)
    return bool(written.get("name", name) == name)


def _look(call: dict[str, object]) -> datetime:
    """When the hook got a request, by the end that its log gives and how long it took."""
    ended = datetime.fromisoformat(str(call["time"]))
    return ended - timedelta(milliseconds=float(str(call["milliseconds"])))

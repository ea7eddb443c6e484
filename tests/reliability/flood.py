"""Too much at once: what comes out in the end, what it costs, and who has to wait for whom."""

import argparse
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tests.benchmarks.objects import manifest
from tests.conditions import ready
from tests.controlplane import (
    SERVER_SIDE_APPLY,
    Client,
    MetacontrollerProcess,
    Object,
    Stack,
    wait_for,
)
from tests.reliability.memory import Sampler

SYNCERS: Final = 100
NAMESPACES_EACH: Final = 100
CHANGE_SECONDS: Final = 0.1
LARGE: Final = 5_000
SMALL: Final = 50
RESTLESS_SECONDS: Final = 60
_SMALL_NAMESPACES: Final = 5
_ARGUMENTS: Final = (
    "--workers=5",
    "--workers=1",
    "--workers=20",
    "--client-go-qps=100 --client-go-burst=200",
)
"""Metacontroller's flags for each comparison, over QPS 500 and burst 1000."""
_CHANGED_NAMESPACES: Final = 50
_SECONDS_TO_SETTLE: Final = 1_800
_SOURCES: Final = "overload-source"
_LABEL: Final = "overload"


class Unbounded(AssertionError):
    """Something grew that has to stay within a limit."""


def run(options: argparse.Namespace) -> int:
    """The situations that are asked for, each on a stack of its own; a failure raises."""
    situations: dict[str, Callable[[Stack], Iterator[str]]] = {
        "many": lambda stack: _many_at_once(stack, SYNCERS, NAMESPACES_EACH),
        "restless": lambda stack: _restless_source(
            stack, options.seconds or RESTLESS_SECONDS, random.Random(options.seed)
        ),
        "large": lambda stack: _large_with_small(stack, options.metacontroller or _ARGUMENTS),
    }
    for name in options.only or situations:
        with Stack(SERVER_SIDE_APPLY) as stack:
            for line in situations[name](stack):
                print(f"{name}: {line}", flush=True)
    return 0


def _many_at_once(stack: Stack, syncers: int, namespaces: int) -> Iterator[str]:
    """So many syncers of so many namespaces, made in one go."""
    client = stack.client
    _make_namespaces(client, namespaces)
    names = [f"many-{number:03d}" for number in range(syncers)]
    for name in names:
        _write_source(client, name, "value")
    with Sampler(stack.hook.pid) as memory:
        started = time.monotonic()
        for name in names:
            client.apply(_syncer(name, {"namespaceSelector": {_LABEL: "yes"}}))
        made = time.monotonic() - started
        settled = _settled(client, dict.fromkeys(names, namespaces))
    _check_values(client, dict.fromkeys(names, "value"), namespaces)
    calls = len(stack.hook.calls("sync"))
    yield (
        f"{syncers} syncers x {namespaces} namespaces, made in {made:.1f} s: the first was Ready "
        f"after {min(settled.values()) - started:.1f} s, half of them after "
        f"{statistics.median(settled.values()) - started:.1f} s, the last after "
        f"{max(settled.values()) - started:.1f} s; {calls / syncers:.1f} syncs each; the hook's "
        f"memory went from {memory.first:.0f} to {memory.peak:.0f} MiB at most"
    )


def _restless_source(stack: Stack, seconds: float, chance: random.Random) -> Iterator[str]:
    """A source that is changed without a pause: the last value wins, and nothing piles up."""
    client = stack.client
    _make_namespaces(client, _CHANGED_NAMESPACES)
    _write_source(client, "restless", "first")
    client.apply(_syncer("restless", {"namespaceSelector": {_LABEL: "yes"}}))
    _settled(client, {"restless": _CHANGED_NAMESPACES})
    before = len(stack.hook.calls("sync"))
    changes = 0
    value = "first"
    with Sampler(stack.hook.pid) as memory:
        end = time.monotonic() + seconds
        tick = threading.Event()
        while time.monotonic() < end:
            value = f"change-{changes}-{chance.random()}"
            due = time.monotonic() + CHANGE_SECONDS
            _write_source(client, "restless", value)
            changes += 1
            tick.wait(max(0.0, due - time.monotonic()))
        stopped = time.monotonic()

        def has_last() -> bool:
            copies = client.list("ConfigMap", labels="synced-by=restless")
            return {copy["data"]["key"] for copy in copies} == {value}

        wait_for(has_last, "the last value everywhere", _SECONDS_TO_SETTLE)
        late = time.monotonic() - stopped
        _settled(client, {"restless": _CHANGED_NAMESPACES})
    calls = len(stack.hook.calls("sync")) - before
    # Each change, and the writes that follow it, may ask once more; a loop would ask without end.
    if calls > 3 * changes + 3:
        raise Unbounded(f"{calls} syncs for {changes} changes of the source")
    if memory.peak > memory.first + 32:
        raise Unbounded(f"the hook's memory went from {memory.first} to {memory.peak} MiB")
    yield (
        f"a source of {_CHANGED_NAMESPACES} copies, changed {changes} times in {seconds:.0f} s; "
        f"the last value was everywhere {late:.1f} s after it was written; {calls} syncs, "
        f"{calls / changes:.2f} for a change; the hook's memory went from {memory.first:.0f} to "
        f"{memory.peak:.0f} MiB at most"
    )


def _large_with_small(stack: Stack, settings: Sequence[str]) -> Iterator[str]:
    """One syncer of very many namespaces, and small ones that are made while it is being served."""
    client = stack.client
    _make_namespaces(client, LARGE)
    names = [f"small-{number:02d}" for number in range(SMALL)]
    for name in ("large", *names):
        _write_source(client, name, "value")
    chosen = [f"{_LABEL}-{number:04d}" for number in range(_SMALL_NAMESPACES)]
    for flags in settings:
        _restart_metacontroller(stack, flags.split())
        alone = _time_for_small(client, names, chosen)
        _remove(client, names)
        started = time.monotonic()
        client.apply(_syncer("large", {"namespaceSelector": {_LABEL: "yes"}}))
        wait_for(
            lambda: client.find("ConfigMap", "large", chosen[0]), "the large one to begin", 600
        )
        with_large = _time_for_small(client, names, chosen)
        was_served = (client.get("ConfigMapSyncer", "large").get("status") or {}).get("syncedCount")
        lasted = _settled(client, {"large": LARGE})["large"] - started
        _remove(client, ["large", *names])
        yield (
            f"{SMALL} syncers of {_SMALL_NAMESPACES} namespaces with {flags or 'the defaults'}: "
            f"{_waits(alone)} alone, {_waits(with_large)} next to one of {LARGE:,}, which took "
            f"{lasted:.1f} s{' and was done before' if was_served == LARGE else ''}"
        )


def _waits(seconds: Sequence[float]) -> str:
    return f"half Ready in {statistics.median(seconds):.1f} s and all in {max(seconds):.1f} s"


def _restart_metacontroller(stack: Stack, flags: Sequence[str]) -> None:
    stack.metacontroller.kill()
    stack.metacontroller = MetacontrollerProcess(
        stack.control_plane, SERVER_SIDE_APPLY, flags, kubeconfig=stack._kubeconfig
    )
    stack.metacontroller.start()
    stack.wait_until_syncing()


def _remove(client: Client, names: Sequence[str]) -> None:
    for name in names:
        client.delete("ConfigMapSyncer", name)
    for name in names:
        client.wait_until_gone("ConfigMapSyncer", name, seconds=_SECONDS_TO_SETTLE)


def _time_for_small(client: Client, names: Sequence[str], chosen: list[str]) -> list[float]:
    made = {}
    for name in names:
        made[name] = time.monotonic()
        client.apply(_syncer(name, {"targetNamespaces": chosen}))
    settled = _settled(client, dict.fromkeys(names, len(chosen)))
    return [settled[name] - made[name] for name in names]


def _settled(client: Client, expected: dict[str, int]) -> dict[str, float]:
    """For each syncer, the moment at which it was Ready with so many copies."""
    moments: dict[str, float] = {}

    def look() -> bool:
        for syncer in client.list("ConfigMapSyncer"):
            name = syncer["metadata"]["name"]
            if name in expected and name not in moments and _is_ready(syncer, expected[name]):
                moments[name] = time.monotonic()
        return moments.keys() == expected.keys()

    wait_for(look, "all syncers to be ready", _SECONDS_TO_SETTLE)
    return moments


def _is_ready(syncer: Object, synced: int) -> bool:
    status = syncer.get("status", {})
    return bool(
        status.get("syncedCount") == synced
        and ready(status).get("status") == "True"
        and status["observedGeneration"] == syncer["metadata"]["generation"]
    )


def _check_values(client: Client, values: dict[str, str], namespaces: int) -> None:
    for name, value in values.items():
        copies = client.list("ConfigMap", labels=f"synced-by={name}")
        if [copy["data"] for copy in copies] != [{"key": value}] * namespaces:
            raise Unbounded(f"the copies of {name} are not what they should be")


def _make_namespaces(client: Client, number: int) -> None:
    client.apply(manifest("Namespace", _SOURCES))
    for each in range(number):
        client.apply(manifest("Namespace", f"{_LABEL}-{each:04d}", labels={_LABEL: "yes"}))


def _write_source(client: Client, name: str, value: str) -> None:
    client.apply(manifest("ConfigMap", name, _SOURCES) | {"data": {"key": value}})


def _syncer(name: str, chosen: dict[str, object]) -> Object:
    spec = {"sourceNamespace": _SOURCES, "sourceConfigMap": name, **chosen}
    return manifest("ConfigMapSyncer", name) | {"spec": spec}

"""What an event costs Metacontroller that concerns no syncer at all.

Every event of a cluster is matched against every rule of every syncer, so rules that are many or
wide are paid for by everybody. The syncers' source is missing: matching looks at what they asked to
see, never at their copies, so that a thousand copies for each need not be made first.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.objects import manifest
from tests.benchmarks.ratio import Ratio
from tests.controlplane import SERVER_SIDE_APPLY, Client, Stack

SYNCERS: Final = 100
NAMESPACES: Final = 1_000
EVENTS: Final = 1_000
_ROUNDS: Final = 3
_LIMIT: Final = 1
_SECONDS_TO_SETTLE: Final = 300
_ELSEWHERE: Final = "events-elsewhere"
_LABEL: Final = "events"
_LAST: Final = "last"


def measure() -> Iterator[Ratio]:
    """Milliseconds of Metacontroller's CPU time for one event; half of the syncers have a list."""
    with Stack(SERVER_SIDE_APPLY) as stack:
        _fill(stack.client)
        spent = [_spent(stack, number) * 1_000 / EVENTS for number in range(_ROUNDS)]
    yield Ratio(
        f"Metacontroller, CPU time for an event of a ConfigMap that concerns none of {SYNCERS} "
        f"syncers of {NAMESPACES:,} namespaces",
        "one millisecond",
        spent,
        _LIMIT,
    )


def _fill(client: Client) -> None:
    """Make all there is; returns when every syncer's targets have been counted."""
    namespaces = [f"{_LABEL}-{number:04d}" for number in range(NAMESPACES)]
    client.apply(manifest("Namespace", _ELSEWHERE))
    for name in namespaces:
        client.apply(manifest("Namespace", name, labels={_LABEL: "yes"}))
    chosen: list[dict[str, Any]] = [
        {"targetNamespaces": namespaces},
        {"namespaceSelector": {_LABEL: "yes"}},
    ]
    for number in range(SYNCERS):
        client.apply(_syncer(f"{_LABEL}-{number}", chosen[number % 2]))
    client.apply(_syncer(_LAST, {"targetNamespaces": namespaces[:1]}))
    for number in range(SYNCERS):
        client.wait_for(
            "ConfigMapSyncer",
            f"{_LABEL}-{number}",
            lambda found: found.get("status", {}).get("targetCount") == NAMESPACES,
            f"{NAMESPACES} targets",
            seconds=_SECONDS_TO_SETTLE,
        )


def _spent(stack: Stack, number: int) -> float:
    """Seconds of CPU time for so many events, until Metacontroller has seen the last of them."""
    calls_before = len(stack.hook.calls("sync"))
    before = _cpu_seconds(stack.metacontroller.pid)
    for event in range(EVENTS):
        other = manifest("ConfigMap", f"other-{event % 10}", _ELSEWHERE)
        stack.client.apply(other | {"data": {"key": f"{number}-{event}"}})
    # Events come in their order, so what is seen of this one proves that the others were.
    last = manifest("ConfigMap", _LAST, _ELSEWHERE) | {"data": {"key": f"{number}"}}
    stack.client.apply(last)
    stack.client.wait_for(
        "ConfigMap",
        _LAST,
        lambda copy: copy["data"] == last["data"],
        "the last event to be seen",
        f"{_LABEL}-0000",
        seconds=_SECONDS_TO_SETTLE,
    )
    spent = _cpu_seconds(stack.metacontroller.pid) - before
    concerned = {call["syncer"] for call in stack.hook.calls("sync")[calls_before:]} - {_LAST}
    if concerned:
        raise RuntimeError(f"the events were to concern nobody and concerned {sorted(concerned)}")
    return spent


def _cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, its own and the kernel's for it; see proc(5), `stat`."""
    _, _, fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")
    user, system = fields.split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _syncer(name: str, chosen: dict[str, Any]) -> dict[str, Any]:
    spec = {"sourceNamespace": _ELSEWHERE, "sourceConfigMap": name, **chosen}
    return manifest("ConfigMapSyncer", name) | {"spec": spec}

"""What Prometheus reads: requests by their number, size and time, and the state of each syncer.

A replica knows only what it was asked, so each state carries the time of the answer: queries take
the newest one (docs/metrics.md). A syncer's state goes when the syncer is deleted. The time of the
deletion stays, for the other replica may have been asked before and not learn about it. Both go a
day after the last answer.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

CONTENT_TYPE: Final = prometheus_client.CONTENT_TYPE_LATEST
SIZE_BUCKETS: Final = tuple(float(1 << shift) for shift in range(10, 31, 2))
SYNCERS: Final = 10_000
"""How many syncers have a state; beyond it, the one goes whose last answer is the oldest."""

_ALERTED_CODES: Final = (413, 429, 500, 503)
"""The errors of which monitoring/rules.yaml warns."""
_KEPT: Final = timedelta(hours=24)
_NAME: Final = re.compile(r"[a-z0-9][-.a-z0-9]{0,252}")
"""What an object can be called. A client may send anything else, and it is not counted."""


@dataclass(frozen=True, slots=True)
class SyncerState:
    """What an answer says about a syncer, in numbers."""

    name: str
    is_ready: bool
    is_stalled: bool
    is_near_limit: bool
    is_rolling_out: bool
    targets: int
    synced: int
    pending: int
    failed: int
    phase: str | None = None
    """Where its rollout is; None without one."""
    soak_end: datetime | None = None
    """When the soak of the stage is over; None where nothing soaks."""


_Series = tuple[str, str, Callable[[SyncerState], int]]
_STATES: Final[tuple[_Series, ...]] = (
    ("ready", "Whether the condition Ready is True.", lambda state: int(state.is_ready)),
    ("stalled", "Whether the condition Stalled is True.", lambda state: int(state.is_stalled)),
    (
        "request_near_limit",
        "Whether the last request had at least 80 % of MAX_REQUEST_BYTES.",
        lambda state: int(state.is_near_limit),
    ),
    (
        "rolling_out",
        "Whether the syncer is not Ready because a rollout goes on.",
        lambda state: int(state.is_rolling_out),
    ),
    ("targets", "Target namespaces.", lambda state: state.targets),
    ("synced_targets", "Target namespaces whose copy is current.", lambda state: state.synced),
    ("pending_targets", "Target namespaces whose copy is on its way.", lambda state: state.pending),
    ("failed_targets", "Target namespaces that fail.", lambda state: state.failed),
)


@dataclass(slots=True)
class Syncers:
    """The last answer about each syncer, the oldest first: its state, or None where it is gone."""

    clock: Callable[[], datetime]
    _answers: OrderedDict[str, tuple[datetime, SyncerState | None]] = field(
        default_factory=OrderedDict
    )

    def answered(self, state: SyncerState) -> None:
        """Note the state that an answer tells."""
        self._note(state.name, state)

    def deleted(self, name: str) -> None:
        """Note that a syncer is gone."""
        self._note(name, None)

    def page(self) -> str:
        """All series in Prometheus' text format."""
        self._forget(self.clock())
        answers = [
            (f'syncer="{name}"', f"{at.timestamp():.3f}", state)
            for name, (at, state) in self._answers.items()
        ]
        states = [(label, state) for label, _, state in answers if state]
        times = ((label, time) for label, time, state in answers if state)
        deletions = ((label, time) for label, time, state in answers if not state)
        phases = ((f'{label},phase="{s.phase}"', 1) for label, s in states if s.phase)
        soaks = ((label, int(s.soak_end.timestamp())) for label, s in states if s.soak_end)
        return "".join(
            chain(
                _gauge(
                    "last_answer_timestamp_seconds",
                    "When this replica last answered about the syncer.",
                    times,
                ),
                _gauge(
                    "deleted_timestamp_seconds",
                    "When this replica finished the deletion of the syncer.",
                    deletions,
                ),
                *(
                    _gauge(name, explanation, [(label, value(state)) for label, state in states])
                    for name, explanation, value in _STATES
                ),
                _gauge("rollout_phase", "1 for the phase in which the rollout is.", phases),
                _gauge(
                    "rollout_soak_end_timestamp_seconds",
                    "When the soak of the stage is over.",
                    soaks,
                ),
            )
        )

    def _note(self, name: str, state: SyncerState | None) -> None:
        if not _NAME.fullmatch(name):
            return
        now = self.clock()
        self._answers[name] = now, state
        self._answers.move_to_end(name)
        self._forget(now)

    def _forget(self, now: datetime) -> None:
        while self._answers:
            answered, _ = next(iter(self._answers.values()))
            if len(self._answers) <= SYNCERS and now - answered < _KEPT:
                break
            self._answers.popitem(last=False)


def _gauge(name: str, explanation: str, samples: Iterable[tuple[str, str | int]]) -> Iterator[str]:
    # prometheus_client takes fifteen times as long, and nobody else is answered meanwhile.
    name = f"configmap_syncer_{name}"
    yield f"# HELP {name} {explanation}\n# TYPE {name} gauge\n"
    yield from (f"{name}{{{labels}}} {value}\n" for labels, value in samples)


@dataclass(frozen=True, slots=True)
class Metrics:
    """All that is counted. One registry an application, so that two in one process stay apart."""

    registry: CollectorRegistry
    requests: Counter
    seconds: Histogram
    request_bytes: Histogram
    in_flight: Gauge
    in_flight_bytes: Gauge
    syncers: Syncers

    @classmethod
    def create(cls, clock: Callable[[], datetime]) -> "Metrics":
        """Nothing counted yet."""
        registry = CollectorRegistry()
        prefix = "configmap_syncer_hook"
        return cls(
            registry=registry,
            requests=Counter(
                f"{prefix}_requests",
                "Requests by hook and HTTP code.",
                ["hook", "code"],
                registry=registry,
            ),
            seconds=Histogram(
                f"{prefix}_request_seconds",
                "Seconds from the first byte read to the answer.",
                ["hook"],
                registry=registry,
            ),
            request_bytes=Histogram(
                f"{prefix}_request_bytes",
                "Bytes of the requests' bodies.",
                ["hook"],
                buckets=SIZE_BUCKETS,
                registry=registry,
            ),
            in_flight=Gauge(
                f"{prefix}_in_flight_requests",
                "Requests being read or answered.",
                registry=registry,
            ),
            in_flight_bytes=Gauge(
                f"{prefix}_in_flight_bytes",
                "Bytes of bodies that arrive or are decided, and of answers being fetched.",
                registry=registry,
            ),
            syncers=Syncers(clock),
        )

    def expect(self, hook: str) -> None:
        """Begin to count the errors of a hook at 0, because an increase needs two values."""
        for code in _ALERTED_CODES:
            self.requests.labels(hook, code)

    def page(self) -> bytes:
        """All of it in Prometheus' text format."""
        return prometheus_client.generate_latest(self.registry) + self.syncers.page().encode()

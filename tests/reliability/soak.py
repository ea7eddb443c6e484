"""Random acts without end, and whether the hook grows by them.

A round is some random acts of owners, operators and users who edit copies, one upon the other,
without waiting; then all must come out as `_Model` says. Memory and file descriptors are sampled
all the while.

The histories of `tests/model` are not used here: they wait after every step until everything has
settled, which is a tenth of the load, and their oracle cannot say how acts that overlap end. The
acts here are few and chosen so that their order does not matter.
"""

import argparse
import base64
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tests.benchmarks.objects import manifest
from tests.conditions import ready
from tests.controlplane import SERVER_SIDE_APPLY, ApiStatusError, Client, Object, Stack, TimedOut
from tests.reliability.memory import Sample, sample

SYNCERS: Final = 20
NAMESPACES: Final = 10
_ACTS: Final = 20
_SECONDS_TO_SETTLE: Final = 300
_POLL_SECONDS: Final = 0.5
_REPORT_SECONDS: Final = 60
# What a program takes in its first minutes it keeps for ever after; that is no growth.
_WARM_UP: Final = 0.25
_SOURCES: Final = "soak-source"
_LARGEST_VALUE: Final = 20_000


@dataclass(slots=True)
class _Model:
    """What should be: each source's content, each namespace's labels, who is immutable."""

    sources: dict[str, Object] = field(default_factory=dict)
    labels: dict[str, set[str]] = field(default_factory=dict)
    immutable: set[str] = field(default_factory=set)
    syncers: set[str] = field(default_factory=set)

    def copies(self) -> dict[tuple[str, str], tuple[Any, Any, bool]]:
        """Every copy that should exist, and what it should hold."""
        return {
            (namespace, name): (
                self.sources[name].get("data"),
                self.sources[name].get("binaryData"),
                name in self.immutable,
            )
            for namespace, labels in self.labels.items()
            for name in labels & self.syncers
        }


class Soak:
    """One run, from a seed."""

    def __init__(self, client: Client, seed: int) -> None:
        self._client = client
        self._chance = random.Random(seed)
        self._model = _Model()
        self._names = [f"soak-{number:02d}" for number in range(SYNCERS)]
        self._namespaces = [f"soaked-{number:02d}" for number in range(NAMESPACES)]
        self._acts: tuple[Callable[[], None], ...] = (
            self._change_source,
            self._change_source,
            self._replace_source,
            self._relabel,
            self._relabel,
            self._toggle_immutable,
            self._replace_syncer,
            self._edit_copy,
            self._edit_copy,
            self._delete_copy,
            self._strip_copy,
        )
        self.acts = 0

    def make(self) -> None:
        """Make all there is in the beginning."""
        self._client.apply(manifest("Namespace", _SOURCES))
        for namespace in self._namespaces:
            self._label(namespace, set(self._chance.sample(self._names, SYNCERS // 2)))
        for name in self._names:
            self._write_source(name)
            self._make_syncer(name)

    def round(self) -> None:
        """Some acts; returns when all has come out as it should."""
        for _ in range(_ACTS):
            self._chance.choice(self._acts)()
            self.acts += 1
        deadline = time.monotonic() + _SECONDS_TO_SETTLE
        while difference := self._difference():
            if time.monotonic() > deadline:
                raise TimedOut(f"Not all has come out after {self.acts} acts: {difference}")
            time.sleep(_POLL_SECONDS)

    def _difference(self) -> str:
        expected = self._model.copies()
        found = {
            _place(copy): (
                copy.get("data"),
                copy.get("binaryData"),
                bool(copy.get("immutable")),
            )
            for copy in self._client.list("ConfigMap")
            if _place(copy) in expected
            or (
                copy["metadata"]["namespace"] in self._namespaces
                # A released copy that is no longer in a target is unmanaged, and stays.
                and "ownerReferences" in copy["metadata"]
            )
        }
        places = found.keys() | expected.keys()
        wrong = sorted(place for place in places if found.get(place) != expected.get(place))
        unready = [
            syncer["metadata"]["name"]
            for syncer in self._client.list("ConfigMapSyncer")
            if ready(syncer.get("status", {})).get("status") != "True"
        ]
        return f"copies {wrong}, not ready {unready}" if wrong or unready else ""

    def _name(self) -> str:
        return self._chance.choice(self._names)

    def _change_source(self) -> None:
        self._write_source(self._name())

    def _replace_source(self) -> None:
        name = self._name()
        self._client.delete("ConfigMap", name, _SOURCES)
        self._write_source(name)

    def _relabel(self) -> None:
        namespace = self._chance.choice(self._namespaces)
        self._label(namespace, self._model.labels[namespace] ^ {self._name()})

    def _toggle_immutable(self) -> None:
        name = self._name()
        self._model.immutable ^= {name}
        self._client.apply(self._syncer(name))

    def _replace_syncer(self) -> None:
        name = self._name()
        self._client.delete("ConfigMapSyncer", name)
        self._client.wait_until_gone("ConfigMapSyncer", name, seconds=_SECONDS_TO_SETTLE)
        self._make_syncer(name)

    def _edit_copy(self) -> None:
        # A change of content, a key that is not in the source, a label that is not ours.
        patch: Object = self._chance.choice(
            [{"data": {"key": "edited"}}, {"data": {"foreign": "x"}}, {"data": {"key": None}}]
        )
        self._at_copy(
            lambda place: self._client.merge_patch("ConfigMap", place[1], patch, place[0])
        )

    def _delete_copy(self) -> None:
        self._at_copy(lambda place: self._client.delete("ConfigMap", place[1], place[0]))

    def _strip_copy(self) -> None:
        patch: Object = {"metadata": {"labels": {"controller-uid": None}}}
        self._at_copy(
            lambda place: self._client.merge_patch("ConfigMap", place[1], patch, place[0])
        )

    def _at_copy(self, act: Callable[[tuple[str, str]], object]) -> None:
        places = sorted(self._model.copies())
        try:
            act(self._chance.choice(places))
        except ApiStatusError as error:
            # It is not there yet or is being replaced, or it is immutable: that is no failure.
            if error.reason not in {"NotFound", "Invalid"}:
                raise

    def _label(self, namespace: str, labels: set[str]) -> None:
        self._model.labels[namespace] = labels
        expected = dict.fromkeys(sorted(labels), "yes")
        self._client.apply(manifest("Namespace", namespace, labels=expected))

    def _write_source(self, name: str) -> None:
        data = {
            f"key-{number}": "x" * self._chance.randrange(_LARGEST_VALUE)
            for number in range(self._chance.randrange(4))
        }
        content: Object = {"data": data | {"key": str(self._chance.random())}}
        if self._chance.random() < 0.5:
            content["binaryData"] = {"binary": base64.b64encode(self._chance.randbytes(9)).decode()}
        self._model.sources[name] = content
        self._client.apply(manifest("ConfigMap", name, _SOURCES) | content)

    def _make_syncer(self, name: str) -> None:
        self._model.syncers.add(name)
        self._client.apply(self._syncer(name))

    def _syncer(self, name: str) -> Object:
        spec = {
            "sourceNamespace": _SOURCES,
            "sourceConfigMap": name,
            "namespaceSelector": {name: "yes"},
            "immutable": name in self._model.immutable,
        }
        return manifest("ConfigMapSyncer", name) | {"spec": spec}


def _place(copy: Object) -> tuple[str, str]:
    return copy["metadata"]["namespace"], copy["metadata"]["name"]


def run(options: argparse.Namespace) -> int:
    """Rounds until the time is over, or for ever; a round that does not come out raises."""
    with Stack(SERVER_SIDE_APPLY) as stack:
        soak = Soak(stack.client, options.seed)
        soak.make()
        started = reported = time.monotonic()
        samples: list[tuple[float, Sample]] = []
        rounds = 0
        try:
            while not options.seconds or time.monotonic() - started < options.seconds:
                soak.round()
                rounds += 1
                now = time.monotonic()
                samples.append((now - started, sample(stack.hook.pid)))
                if now - reported > _REPORT_SECONDS:
                    reported = now
                    print(_report(soak, rounds, samples), flush=True)
        except BaseException:
            print(stack.logs())
            raise
        finally:
            print(_report(soak, rounds, samples), flush=True)
            print(f"Seed {options.seed}; syncs: {len(stack.hook.calls('sync'))}", flush=True)
    return 0


def _report(soak: Soak, rounds: int, samples: list[tuple[float, Sample]]) -> str:
    if not samples:
        return "No round was over."
    elapsed, last = samples[-1]
    line = (
        f"{elapsed:6.0f} s: {soak.acts} acts in {rounds} rounds, all came out; the hook holds "
        f"{last.mebibytes:.1f} MiB and {last.descriptors} file descriptors"
    )
    warm = [(at, each) for at, each in samples if at >= elapsed * _WARM_UP]
    if len(warm) < 3:
        return line
    hours = [at / 3_600 for at, _ in warm]
    memory = statistics.linear_regression(hours, [each.mebibytes for _, each in warm]).slope
    files = statistics.linear_regression(hours, [each.descriptors for _, each in warm]).slope
    return f"{line}; growth in an hour: {memory:+.1f} MiB, {files:+.1f} file descriptors"

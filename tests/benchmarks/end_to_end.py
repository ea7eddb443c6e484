"""How long the real thing takes, next to a bare loop that only writes the same objects.

The loop is the least that anybody could do: one process, one kept-alive TLS connection, bodies
encoded before, one server-side apply after the other on the same API server.
"""

import contextlib
import http.client
import json
import ssl
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from tests.benchmarks.objects import manifest
from tests.benchmarks.ratio import Ratio
from tests.controlplane import SERVER_SIDE_APPLY, Client, Stack, wait_for

COPIES = 1_000
DRIFT_COPIES = 100
CONTENT_BYTES = 1_000
_FAN_OUT_ROUNDS = 3
_DRIFT_ROUNDS = 20
_FAN_OUT_LIMIT = 1.4
_CALLS_LIMIT = 3
_DRIFT_LIMIT = 10
_REPLACED_COPIES = 100
_REPLACEMENT_ROUNDS = 5
_REPLACEMENT_LIMIT = 3
_SECONDS_TO_SETTLE = 300
_SOURCE_NAMESPACE = "benchmark-source"
_BARE = "bare"
_LABEL = "benchmark"


def measure() -> Iterator[Ratio]:
    """One drifted copy among 100, 100 replaced ones, and a change that fans out to 1,000."""
    # The small clusters come first: what the large one leaves behind would be measured with them.
    with Stack(SERVER_SIDE_APPLY) as stack, Loop(stack.client) as loop:
        yield _drift(stack, loop)
        yield _replacement(stack, loop)
        yield from _fan_out(stack, loop)


def _fan_out(stack: Stack, loop: "Loop") -> Iterator[Ratio]:
    many = MeasuredSyncer(stack, "many", COPIES)
    many.make()
    loop.apply_all(many.namespaces, "first")
    pairs, calls = [], []
    for number in range(_FAN_OUT_ROUNDS):
        before = many.calls()
        ours = many.change(f"change-{number}")
        many.wait_until_ready(f"change-{number}")
        calls.append(float(many.calls() - before))
        pairs.append((ours, loop.apply_all(many.namespaces, f"change-{number}")))
    what = f"after a change of the source, the last of {COPIES:,} copies of {CONTENT_BYTES:,} bytes"
    yield Ratio.of_pairs(
        f"End to end, {what} ({_seconds(ours for ours, _ in pairs)})",
        f"a bare loop of {COPIES:,} applies ({_seconds(bare for _, bare in pairs)})",
        pairs,
        _FAN_OUT_LIMIT,
    )
    yield Ratio("End to end, calls of the hook for a change", "one call", calls, _CALLS_LIMIT)
    yield Ratio(
        f"End to end, copies written or deleted when one of {COPIES:,} namespaces is relabelled",
        "one copy",
        [many.relabel(many.namespaces[number]) for number in range(_FAN_OUT_ROUNDS)],
        1,
    )
    many.remove()


def _drift(stack: Stack, loop: "Loop") -> Ratio:
    some = MeasuredSyncer(stack, "some", DRIFT_COPIES)
    some.make()
    drifted = some.namespaces[DRIFT_COPIES // 2]
    pairs = []
    for number in range(_DRIFT_ROUNDS):
        single = loop.apply_all(some.namespaces[:10], f"drift-{number}") / 10
        pairs.append((some.drift(drifted), single))
        some.wait_until_ready("first")
    some.remove()
    return Ratio.of_pairs(
        f"End to end, a drifted copy among {DRIFT_COPIES} is back",
        "one apply (each the mean of ten)",
        pairs,
        _DRIFT_LIMIT,
    )


def _replacement(stack: Stack, loop: "Loop") -> Ratio:
    frozen = MeasuredSyncer(stack, "frozen", _REPLACED_COPIES, {"immutable": True})
    frozen.make()
    loop.apply_all(frozen.namespaces, "first")
    pairs: list[tuple[float, float]] = []
    gaps: list[float] = []
    for number in range(_REPLACEMENT_ROUNDS):
        away = frozen.replace(f"change-{number}")
        frozen.wait_until_ready(f"change-{number}")
        gaps += away
        pairs.append((max(away), loop.apply_all(frozen.namespaces, f"change-{number}")))
    frozen.remove()
    one, longest = statistics.median(gaps), max(gaps)
    return Ratio.of_pairs(
        f"End to end, the longest that one of {_REPLACED_COPIES} immutable copies is away "
        f"when the source changes (half of them {one:.2f} s at most, all {longest:.2f} s)",
        f"a bare loop of {_REPLACED_COPIES} applies",
        pairs,
        _REPLACEMENT_LIMIT,
    )


def _seconds(values: Iterator[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values) + " s"


def _value(mark: str, size: int = CONTENT_BYTES) -> str:
    return f"{mark} ".ljust(size, "x")


class MeasuredSyncer:
    """One syncer with its source and targets, and the moments at which its copies change."""

    def __init__(
        self,
        stack: Stack,
        name: str,
        targets: int,
        wishes: Mapping[str, Any] | None = None,
        content_bytes: int = CONTENT_BYTES,
    ) -> None:
        self._content_bytes = content_bytes
        self._wishes = wishes or {}
        self._stack = stack
        self._client = stack.client
        self._editor = _RawConnection(stack.client)
        self.name = name
        self.namespaces = [f"{name}-{number:04d}" for number in range(targets)]

    def make(self) -> None:
        """Make namespaces, source and syncer; returns when all copies are there."""
        self.make_namespaces()
        self.ask()
        self.wait_until_ready("first")

    def make_namespaces(self) -> None:
        """Make the namespaces that are not there yet."""
        self._client.apply(manifest("Namespace", _SOURCE_NAMESPACE))
        for namespace in self.namespaces:
            self._client.apply(manifest("Namespace", namespace, labels={_LABEL: self.name}))

    def ask(self) -> None:
        """Make source and syncer."""
        source = manifest("ConfigMap", self.name, _SOURCE_NAMESPACE)
        self._client.apply(
            source | {"data": {"key": self._value("first")}}, field_manager="kubectl"
        )
        spec = {
            "sourceNamespace": _SOURCE_NAMESPACE,
            "sourceConfigMap": self.name,
            "namespaceSelector": {_LABEL: self.name},
            **self._wishes,
        }
        self._client.apply(manifest("ConfigMapSyncer", self.name) | {"spec": spec})

    def change(self, mark: str) -> float:
        """Change the source; the seconds from its write to the last copy's, as a watch sees it."""
        with _CopyTimes.of(self._client, self.name) as watch:
            started = time.perf_counter()
            self._write_source(mark)
            return watch.until_all(len(self.namespaces), self._value(mark)) - started

    def replace(self, mark: str) -> Sequence[float]:
        """Change the source of immutable copies; for each the seconds from its end to the next."""
        with _CopyTimes.of(self._client, self.name) as watch:
            self._write_source(mark)
            return watch.gaps(len(self.namespaces))

    def drift(self, namespace: str) -> float:
        """Edit one copy; the seconds from the edit, itself included, until it is put back."""
        with _CopyTimes.of(self._client, self.name) as watch:
            path = f"/api/v1/namespaces/{namespace}/configmaps/{self.name}?fieldManager=editor"
            edited = json.dumps({"data": {"key": "edited"}}).encode()
            started = time.perf_counter()
            self._editor.send("PATCH", path, edited, "application/merge-patch+json").read()
            return watch.until_all(1, self._value("first")) - started

    def relabel(self, namespace: str) -> float:
        """Take the label off a namespace and give it back; the most copies that one of it moved."""
        moved = []
        for label, number in ((None, len(self.namespaces) - 1), (self.name, len(self.namespaces))):
            before = self._versions()
            patch = {"metadata": {"labels": {_LABEL: label}}}
            self._client.merge_patch("Namespace", namespace, patch)
            self._client.wait_for(
                "ConfigMapSyncer",
                self.name,
                lambda syncer, expected=number: syncer["status"]["syncedCount"] == expected,  # type: ignore[misc]
                f"{number} copies",
                seconds=_SECONDS_TO_SETTLE,
            )
            after = self._versions()
            places = before.keys() | after.keys()
            moved.append(sum(before.get(place) != after.get(place) for place in places))
        return float(max(moved))

    def _versions(self) -> dict[str, str]:
        copies = self._client.list("ConfigMap", labels=f"synced-by={self.name}")
        return {
            copy["metadata"]["namespace"]: copy["metadata"]["resourceVersion"] for copy in copies
        }

    def wait_until_ready(self, mark: str) -> None:
        """Return when the status says that all is in sync, and the content is the marked one."""

        def settled() -> bool:
            first = self._client.find("ConfigMap", self.name, self.namespaces[0]) or {}
            status = self._client.get("ConfigMapSyncer", self.name).get("status", {})
            ready = status.get("conditions", [{}])[-1].get("status") == "True"
            held = first.get("metadata", {}).get("annotations", {})
            return (
                ready
                and first.get("data") == {"key": self._value(mark)}
                and held.get("config.example.com/content-hash") == status.get("contentHash")
                and status.get("syncedCount") == len(self.namespaces)
            )

        wait_for(settled, f"syncer {self.name} to be ready", _SECONDS_TO_SETTLE)

    def calls(self) -> int:
        """How often the hook has been asked to sync."""
        return len(self._stack.hook.calls("sync", self.name))

    def remove(self) -> None:
        """Delete the syncer; returns when it is gone, and with it the copies."""
        self._editor.close()
        self._client.delete("ConfigMapSyncer", self.name)
        self._client.wait_until_gone("ConfigMapSyncer", self.name, seconds=_SECONDS_TO_SETTLE)

    def _value(self, mark: str) -> str:
        return _value(mark, self._content_bytes)

    def _write_source(self, mark: str) -> None:
        patch = {"data": {"key": self._value(mark)}}
        self._client.merge_patch("ConfigMap", self.name, patch, _SOURCE_NAMESPACE)


class _RawConnection:
    """A kept-alive TLS connection that adds as little as can be to what the API server does."""

    def __init__(self, client: Client) -> None:
        host, _, port = client.server.removeprefix("https://").partition(":")
        context = ssl.create_default_context(cafile=str(client._session.verify))
        self._connection = http.client.HTTPSConnection(host, int(port), context=context)
        self._authorization = str(client._session.headers["Authorization"])

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        content_type: str = "application/apply-patch+yaml",
    ) -> http.client.HTTPResponse:
        """The response to one request, its body unread."""
        headers = {
            "Authorization": self._authorization,
            "Content-Type": content_type,
            "Accept": "application/json",
        }
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            raise RuntimeError(f"{method} {path}: {response.status} {response.read()!r}")
        return response

    def close(self) -> None:
        self._connection.close()


class Loop:
    """The bare loop."""

    def __init__(self, client: Client) -> None:
        self._connection = _RawConnection(client)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def apply_all(
        self, namespaces: Sequence[str], mark: str, content_bytes: int = CONTENT_BYTES
    ) -> float:
        """The seconds that one apply in each namespace takes."""
        bodies = [
            (
                f"/api/v1/namespaces/{namespace}/configmaps/{_BARE}?fieldManager=bare&force=true",
                json.dumps(self._copy(namespace, _value(mark, content_bytes))).encode(),
            )
            for namespace in namespaces
        ]
        started = time.perf_counter()
        for path, body in bodies:
            self._connection.send("PATCH", path, body).read()
        return time.perf_counter() - started

    def remove_all(self, namespaces: Sequence[str]) -> None:
        """Delete what was applied, so that nobody has to keep it in memory."""
        for namespace in namespaces:
            path = f"/api/v1/namespaces/{namespace}/configmaps/{_BARE}"
            self._connection.send("DELETE", path).read()

    def _copy(self, namespace: str, value: str) -> Mapping[str, Any]:
        """An object like a copy, with as many fields for the API server to keep track of."""
        copy = manifest("ConfigMap", _BARE, namespace) | {"data": {"key": value}}
        copy["metadata"] |= {
            "labels": {
                "app.kubernetes.io/managed-by": "bare",
                "controller-uid": "00000000-0000-4000-8000-000000000000",
                "bare": "bare",
                "from": _SOURCE_NAMESPACE,
            },
            "annotations": {"bare/source": _SOURCE_NAMESPACE, "bare/mark": value.partition(" ")[0]},
        }
        return copy


class _CopyTimes:
    """When the copies of one syncer got a value, went and came, as a watch shows it."""

    def __init__(self, events: Iterator[bytes]) -> None:
        self._events = events

    @classmethod
    @contextlib.contextmanager
    def of(cls, client: Client, syncer: str) -> Iterator[Self]:
        """Watch from now on."""
        path, selected = "/api/v1/configmaps", {"labelSelector": f"synced-by={syncer}"}
        listed = client.request("GET", path, parameters=selected)
        version = listed["metadata"]["resourceVersion"]
        with client.watch(path, selected, version, _SECONDS_TO_SETTLE) as events:
            yield cls(events)

    def until_all(self, number: int, value: str) -> float:
        """The moment at which the last of so many objects was seen with the value."""
        expected = json.dumps(value).encode()
        seen = set()
        for line in self._events:
            if expected in line:
                seen.add(json.loads(line)["object"]["metadata"]["uid"])
                if len(seen) == number:
                    return time.perf_counter()
        raise RuntimeError(f"the watch ended with {len(seen)} of {number} objects changed")

    def gaps(self, number: int) -> Sequence[float]:
        """The seconds between deletion and creation in so many namespaces, as they happen."""
        deleted: dict[str, float] = {}
        away = []
        for line in self._events:
            now = time.perf_counter()
            event = json.loads(line)
            namespace = event["object"]["metadata"]["namespace"]
            if event["type"] == "DELETED":
                deleted[namespace] = now
            elif event["type"] == "ADDED":
                away.append(now - deleted[namespace])
                if len(away) == number:
                    return away
        raise RuntimeError(f"the watch ended with {len(away)} of {number} objects replaced")

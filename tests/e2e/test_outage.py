"""After the hook was away, the regular resync heals, long before Metacontroller's next retry."""

import contextlib
import json
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from tests.controlplane import Object, Stack, wait_for
from tests.http.client import metrics_of

PERIOD_SECONDS = 10
FAILURES = 14
"""After so many, Metacontroller's next retry comes 82 s later: 5 ms, doubled with each."""


@pytest.fixture
def stack_with_short_period(stack: Stack) -> Iterator[Stack]:
    """The product, with every syncer synced every few seconds."""
    _set_period(stack, PERIOD_SECONDS)
    yield stack
    _set_period(stack, 300)


def _set_period(stack: Stack, seconds: int) -> None:
    patch = {"spec": {"resyncPeriodSeconds": seconds}}
    stack.client.merge_patch("CompositeController", "configmap-syncer", patch)
    stack.wait_until_syncing()


@contextlib.contextmanager
def _away(stack: Stack) -> Iterator[list[str]]:
    """In the hook's place somebody who answers nothing but 503; gives the syncers asked about."""
    failed: list[str] = []

    class Unavailable(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            failed.append(request["parent"]["metadata"]["name"])
            self.send_error(503)

        def log_message(self, *_: object) -> None:
            pass

    def listening() -> ThreadingHTTPServer | None:
        # What was killed may hold its port for a moment.
        with contextlib.suppress(OSError):
            return ThreadingHTTPServer(("127.0.0.1", port or 0), Unavailable)
        return None

    port = urlsplit(stack.hook.url).port
    stack.hook.kill()
    try:
        server = wait_for(listening, "the hook's port to be free")
        assert server
        with server:
            serving = threading.Thread(target=server.serve_forever)
            serving.start()
            try:
                yield failed
            finally:
                server.shutdown()
                serving.join()
    finally:
        stack.hook.start()


def _syncer(stack: Stack, name: str) -> None:
    stack.client.add_syncer(name, [f"{name}-dev"], {"a": "old"})
    stack.client.wait_for("ConfigMapSyncer", name, _is_ready, "the syncer to be Ready")


def _is_ready(syncer: Object) -> bool:
    conditions = syncer.get("status", {}).get("conditions", ())
    return any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)


def _series(stack: Stack, name: str) -> dict[str, float]:
    with urllib.request.urlopen(f"{stack.hook.url}/metrics") as page:
        samples = metrics_of(page.read().decode())
    return {series: values[(name,)] for series, values in samples.items() if (name,) in values}


def test_a_resync_heals_after_an_outage_while_the_next_retry_is_far_away(
    stack_with_short_period: Stack,
) -> None:
    stack = stack_with_short_period
    name = f"outage-{stack.strategy.split('-', maxsplit=1)[0]}"
    _syncer(stack, name)
    with _away(stack) as failed:
        stack.client.merge_patch("ConfigMap", "settings", {"data": {"a": "new"}}, namespace=name)
        wait_for(lambda: failed.count(name) >= FAILURES, "so many tries to fail", 120)

    stack.client.wait_for(
        "ConfigMap",
        "settings",
        lambda copy: copy["data"] == {"a": "new"},
        "the copy to follow",
        namespace=f"{name}-dev",
        seconds=3 * PERIOD_SECONDS,
    )
    stack.client.delete("ConfigMapSyncer", name)
    stack.client.wait_until_gone("ConfigMapSyncer", name)


def test_the_metrics_follow_a_syncer_from_its_first_answer_to_its_deletion(stack: Stack) -> None:
    name = f"measured-{stack.strategy.split('-', maxsplit=1)[0]}"
    _syncer(stack, name)
    living = _series(stack, name)
    stack.client.delete("ConfigMapSyncer", name)
    stack.client.wait_until_gone("ConfigMapSyncer", name)
    gone = _series(stack, name)

    prefix = "configmap_syncer_"
    assert living.pop(f"{prefix}last_answer_timestamp_seconds") > 0
    assert living == {
        f"{prefix}ready": 1,
        f"{prefix}stalled": 0,
        f"{prefix}request_near_limit": 0,
        f"{prefix}rolling_out": 0,
        f"{prefix}targets": 1,
        f"{prefix}synced_targets": 1,
        f"{prefix}pending_targets": 0,
        f"{prefix}failed_targets": 0,
    }
    assert list(gone) == [f"{prefix}deleted_timestamp_seconds"]

"""The application by itself: what it is handed (clock, settings, log), and what bugs do.

Gunicorn's part of the edge is not in these; see the other files here.
"""

import io
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import flask
import gevent
import pytest
from werkzeug.wrappers import Response

from hooks import app as shell
from hooks.api.protocol import ApplyStrategy
from hooks.server.admission import Evicted
from hooks.server.decisions import DECIDE
from hooks.settings import Settings
from tests.cases import find
from tests.conditions import ready
from tests.http.client import CUSTOMIZE, JSON, SYNC, TEXT, Reply, metrics_of

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ADOPT = find("adopt", "object-that-is-handed-over-gets-the-label").body
DELETED = json.dumps(
    {
        "parent": {
            "metadata": {"name": "sample", "deletionTimestamp": "2026-01-02T03:04:04Z"},
        },
        "children": {
            "ConfigMap.v1": {"dev/settings": {"metadata": {"name": "settings", "namespace": "dev"}}}
        },
    }
).encode()
"""A syncer that was deleted a second ago, and its copy."""
CUSTOMIZING = ("/customize", "/adopt/customize")


class HookClient:
    """An application with a clock that stands still, and its log."""

    def __init__(self, **settings: Any) -> None:
        self.printed = io.StringIO()
        self.app: flask.Flask = shell.create_app(Settings(**settings), lambda: NOW, self.printed)

    def ask(self, path: str, body: bytes = b"", **said: Any) -> Reply:
        """Post a body; what else is said goes into the WSGI environment as it is."""
        said = {"content_type": JSON, "data": body, "method": "POST"} | said
        # Closed as soon as it is read: gunicorn closes an answer when its client has fetched it.
        with self.app.test_client().open(path, **said) as response:
            return reply(response)

    def log(self) -> list[dict[str, Any]]:
        """The log's lines without those parts that no test can foresee."""
        lines = [json.loads(line) for line in self.printed.getvalue().splitlines()]
        unforeseen = ("time", "milliseconds")
        return [{k: v for k, v in line.items() if k not in unforeseen} for line in lines]


def reply(response: Response) -> Reply:
    headers = {
        n: response.headers[n] for n in ("Content-Type", "Retry-After") if n in response.headers
    }
    return Reply(response.status_code, response.get_data(as_text=True), headers)


class CallbackBody(io.BytesIO):
    """A body during whose reading something happens."""

    def __init__(self, content: bytes, happens: Callable[[], None]) -> None:
        super().__init__(content)
        self.happens = happens

    def read(self, size: int | None = -1) -> bytes:
        self.happens()
        return super().read(size)


def stream(body: io.BytesIO, size: int, **more: object) -> Mapping[str, Any]:
    return {
        "data": None,
        "input_stream": body,
        "environ_overrides": {"CONTENT_LENGTH": str(size), **more},
    }


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_is_answered(path: str) -> None:
    assert HookClient().ask(path, method="GET") == Reply(200, "ok\n")


def test_the_time_in_a_status_is_that_of_the_given_clock() -> None:
    answer = json.loads(HookClient().ask("/sync", SYNC).body)

    assert {c["lastTransitionTime"] for c in answer["status"]["conditions"]} == {
        "2026-01-02T03:04:05Z"
    }


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [("ConfigMap", {"requestBytes": len(DELETED), "responseBytes": 19}), ("Secret", {})],
)
def test_a_deletion_that_waits_is_sent_back_but_not_counted_as_overload(
    kind: str, sizes: Mapping[str, int]
) -> None:
    hook = HookClient()

    reply = hook.ask("/finalize", DELETED.replace(b"ConfigMap.v1", f"{kind}.v1".encode()))

    assert reply == Reply(429, "the deletion waits\n", {"Content-Type": TEXT, "Retry-After": "1"})
    assert hook.log() == [
        {
            "hook": "finalize",
            "syncer": "sample",
            "observed": 1,
            "related": 0,
            "deferred": True,
            "resyncAfterSeconds": 1,
            **sizes,
            "code": 429,
        }
    ]
    page = metrics_of(hook.ask("/metrics", method="GET").body)
    counted = page["configmap_syncer_hook_requests_total"]
    assert (counted["deferred", "finalize"], counted["429", "finalize"]) == (1, 0)


def test_the_same_request_gets_the_same_bytes_from_two_replicas() -> None:
    assert HookClient().ask("/sync", SYNC) == HookClient().ask("/sync", SYNC)


def test_no_request_sets_the_clock() -> None:
    then = {"headers": {"Date": "Thu, 01 Jan 1970 00:00:00 GMT", "X-Now": "1970-01-01T00:00:00Z"}}

    assert HookClient().ask("/sync?now=1970-01-01T00:00:00Z", SYNC, **then) == HookClient().ask(
        "/sync", SYNC
    )


def test_each_hook_answers_in_json() -> None:
    hook = HookClient()
    answers = [
        hook.ask("/sync", SYNC),
        hook.ask("/finalize", SYNC),
        hook.ask("/customize", CUSTOMIZE),
        hook.ask("/adopt", ADOPT),
        hook.ask("/adopt/customize", CUSTOMIZE),
    ]

    assert [(answer.code, answer.headers) for answer in answers] == [
        (200, {"Content-Type": JSON})
    ] * 5


@pytest.mark.parametrize(
    ("group", "name"),
    [("ConfigMapSyncer.config.example.com/v1alpha1", "sample"), ("Namespace.v1", "dev")],
)
def test_what_is_related_to_an_object_and_malformed_is_named_without_its_value(
    group: str, name: str
) -> None:
    request = json.loads(ADOPT)
    request["related"][group][name]["metadata"] = {"name": ["hunter2"]}
    refused = HookClient(apply_strategy=ApplyStrategy.DYNAMIC_APPLY).ask(
        "/adopt", json.dumps(request).encode()
    )

    assert refused == Reply(
        400,
        f"related {group}: Expected `str`, got `array` - at `$.metadata.name`\n",
    )


def test_the_log_says_who_gets_which_object() -> None:
    hook = HookClient(apply_strategy=ApplyStrategy.DYNAMIC_APPLY)
    hook.ask("/adopt", ADOPT)
    hook.ask("/adopt/customize", CUSTOMIZE)
    synced, customized = hook.log()

    assert (synced["hook"], synced["object"], synced["adopter"]) == (
        "adopt",
        "dev/app-config",
        "sample",
    )
    assert (customized["hook"], customized["rules"]) == ("adopt/customize", 2)


def test_a_client_without_a_required_certificate_is_refused() -> None:
    refused = HookClient(client_ca_file="/tls/ca.crt").ask("/sync", SYNC)

    assert (refused.code, refused.body) == (401, "show a client certificate\n")


def test_a_bug_is_reported_only_in_the_log_and_without_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("hunter2")

    monkeypatch.setattr(shell, "sync", broken)
    hook = HookClient()

    assert hook.ask("/sync", SYNC) == Reply(500, "internal error\n")
    [line] = hook.log()
    place = line.pop("place")
    assert line == {
        "hook": "sync",
        "requestBytes": len(SYNC),
        "error": "ValueError",
        "code": 500,
        "responseBytes": 15,
    }
    assert place.split()[-1].startswith("test_app.py:")
    assert "hunter2" not in place


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        pytest.param({"method": "GET"}, (405, "method not allowed\n"), id="GET"),
        pytest.param({"path": "/else"}, (404, "not found\n"), id="elsewhere"),
        pytest.param(
            {"content_type": "text/plain"},
            (415, "send Content-Type: application/json without Content-Encoding\n"),
            id="text",
        ),
        pytest.param(
            {"headers": {"Content-Encoding": "gzip"}},
            (415, "send Content-Type: application/json without Content-Encoding\n"),
            id="compressed",
        ),
        pytest.param(
            {"headers": {"Transfer-Encoding": "chunked"}},
            (411, "send Content-Length\n"),
            id="no length",
        ),
        pytest.param(
            {"data": b" " * 1001},
            (413, "the body has 1001 bytes, MAX_REQUEST_BYTES allows 1000\n"),
            id="too large",
        ),
        pytest.param(
            {"data": b"[]"}, (400, "Expected `object`, got `array`\n"), id="not an object"
        ),
    ],
)
def test_what_cannot_be_answered_is_refused_in_one_line(
    said: dict[str, Any], answer: tuple[int, str]
) -> None:
    hook = HookClient(max_request_bytes=1000)

    assert hook.ask(said.pop("path", "/sync"), **said) == Reply(*answer)


@pytest.mark.parametrize("customize", CUSTOMIZING)
def test_what_does_not_fit_with_a_body_in_flight_is_sent_back_but_never_customize(
    customize: str,
) -> None:
    hook = HookClient(max_in_flight_bytes=len(SYNC), retry_after_seconds=3)
    meanwhile: list[Reply] = []

    def ask_others() -> None:
        meanwhile.extend((hook.ask("/sync", SYNC), hook.ask(customize, CUSTOMIZE)))

    first = hook.ask("/sync", **stream(CallbackBody(SYNC, ask_others), len(SYNC)))

    overloaded, customized = meanwhile
    assert overloaded == Reply(
        429, "too many bytes in flight\n", {"Content-Type": TEXT, "Retry-After": "3"}
    )
    assert (first.code, customized.code, hook.ask("/sync", SYNC).code) == (200, 200, 200)


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        pytest.param(TimeoutError, (408, "the body did not arrive in time\n"), id="slow"),
        pytest.param(ConnectionResetError, (400, "the client went away\n"), id="gone"),
    ],
)
def test_a_body_that_does_not_arrive_is_the_clients_fault(
    fault: type[OSError], answer: tuple[int, str]
) -> None:
    def stop() -> None:
        raise fault

    assert HookClient().ask("/sync", **stream(CallbackBody(b"", stop), 10)) == Reply(*answer)


class Stalled(io.BytesIO):
    """A body that stops after what it is made of."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() == len(self.getvalue()):
            gevent.sleep(3600)
        return super().read(size)


def stalled(hook: HookClient, path: str, body: bytes, size: int) -> "gevent.Greenlet[Reply]":
    """A request that the service waits for, in a greenlet of its own."""
    asking = gevent.spawn(hook.ask, path, **stream(Stalled(body), size))
    gevent.sleep(0)
    return asking


def test_a_body_that_keeps_the_service_waiting_gives_its_room_to_one_that_comes() -> None:
    # All of its first piece came, and all the room is the piece's.
    size = 64 * 1024
    hook = HookClient(max_in_flight_bytes=size, body_patience_seconds=0)
    slow = stalled(hook, "/sync", b" " * size, 2 * size)

    assert hook.ask("/sync", SYNC).code == 200
    assert slow.get().code == 429
    assert [line["code"] for line in hook.log()] == [200, 429]


def test_of_those_that_are_quick_the_first_is_done_and_the_last_comes_back_later() -> None:
    size = 64 * 1024
    hook = HookClient(max_in_flight_bytes=4 * size, body_patience_seconds=600)
    # The first waits for its second piece, which is twice as large.
    first = stalled(hook, "/sync", b" " * size, 3 * size)
    second = stalled(hook, "/sync", b"", size)

    assert hook.ask("/sync", SYNC).code == 429
    assert (first.ready(), second.ready()) == (False, False)
    gevent.killall([first, second])


@pytest.mark.parametrize("customize", CUSTOMIZING)
def test_customize_never_gets_a_429_even_when_its_own_budget_is_used(
    monkeypatch: pytest.MonkeyPatch, customize: str
) -> None:
    size = 64 * 1024
    monkeypatch.setattr("hooks.server.endpoint.CUSTOMIZE_BUDGET_BYTES", size)
    hook = HookClient(body_patience_seconds=600)
    slow = stalled(hook, customize, b" " * size, 2 * size)

    assert hook.ask(customize, CUSTOMIZE).code == 200
    assert slow.get() == Reply(408, "the body did not arrive in time\n")


def test_an_answer_takes_room_until_it_is_fetched() -> None:
    hook = HookClient()
    client = hook.app.test_client()

    with client.post("/sync", data=SYNC, content_type=JSON) as response:
        held = metrics_of(client.get("/metrics").text)["configmap_syncer_hook_in_flight_bytes"]
        assert held == {(): len(response.data)}
    held = metrics_of(client.get("/metrics").text)["configmap_syncer_hook_in_flight_bytes"]
    assert held == {(): 0}


@pytest.mark.parametrize(
    ("path", "body", "interruption", "answer"),
    [
        pytest.param("/sync", SYNC, Evicted(), (429, "too many bytes in flight\n"), id="evicted"),
        pytest.param(
            "/customize", CUSTOMIZE, Evicted(), (503, "no decision in time\n"), id="customize"
        ),
        pytest.param(
            "/sync", SYNC, ConnectionResetError(), (503, "no decision in time\n"), id="too late"
        ),
    ],
)
def test_a_decision_that_is_no_longer_waited_for_is_answered_in_one_line(
    path: str, body: bytes, interruption: Exception, answer: tuple[int, str]
) -> None:
    def decide(*_: object) -> None:
        raise interruption

    hook = HookClient()
    refused = hook.ask(path, body, environ_overrides={DECIDE: decide})

    assert (refused.code, refused.body) == answer
    assert [line["error"] for line in hook.log()] == [answer[1].strip()]


@pytest.mark.parametrize("customize", CUSTOMIZING)
def test_a_body_of_customize_is_no_larger_than_one_object_can_be(customize: str) -> None:
    size = 16 * 1024 * 1024 + 1

    assert HookClient().ask(customize, **stream(io.BytesIO(), size)) == Reply(
        413, f"the body has {size} bytes, more than one object can have\n"
    )


def test_copies_that_no_request_could_hold_are_not_in_the_answer() -> None:
    request = json.loads(SYNC)
    names = [f"namespace-{number}" for number in range(100)]
    request["parent"]["spec"]["targetNamespaces"] = names
    request["related"]["ConfigMap.v1"]["default/app-config"]["binaryData"] = {"key": "AAAA" * 250}
    request["related"]["Namespace.v1"] |= {name: {"metadata": {"name": name}} for name in names}
    body = json.dumps(request).encode()

    refused = json.loads(HookClient(max_request_bytes=100_000).ask("/sync", body).body)

    assert refused["children"] == []
    assert ready(refused["status"])["reason"] == "TooLarge"
    assert len(json.loads(HookClient().ask("/sync", body).body)["children"]) == 100


def test_a_large_body_is_read_in_pieces_and_whole() -> None:
    body = SYNC + b" " * 5_000_000

    assert HookClient().ask("/sync", body) == HookClient().ask("/sync", SYNC)


def test_a_body_that_ends_too_early_is_refused() -> None:
    assert HookClient().ask("/sync", **stream(io.BytesIO(b"{"), 10)) == Reply(
        400, "the body ends after 1 of 10 bytes\n"
    )


def test_two_applications_count_apart() -> None:
    first, second = HookClient(), HookClient()
    first.ask("/sync", SYNC)

    counted = [metrics_of(hook.ask("/metrics", method="GET").body) for hook in (first, second)]

    name = "configmap_syncer_hook_requests_total"
    seen = [{of: count for of, count in each[name].items() if count} for each in counted]
    assert seen == [{("200", "sync"): 1}, {}]


def test_by_default_settings_come_from_the_environment_and_the_log_is_the_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAX_REQUEST_BYTES", "10")
    client = shell.create_app().test_client()

    refused = reply(client.post("/sync", data=SYNC, content_type=JSON))

    line = f"the body has {len(SYNC)} bytes, MAX_REQUEST_BYTES allows 10"
    assert refused == Reply(413, f"{line}\n")
    assert json.loads(capsys.readouterr().out)["error"] == line


def test_by_default_the_clock_is_the_machines() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    client = shell.create_app(Settings(), log=io.StringIO()).test_client()

    answer = client.post("/sync", data=SYNC, content_type=JSON).get_json()

    stamped = datetime.fromisoformat(ready(answer["status"])["lastTransitionTime"])
    assert before <= stamped <= datetime.now(UTC)

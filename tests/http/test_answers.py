"""What a request gets that is as it should be."""

import json
import re
from typing import Any

import pytest

from tests.http.client import CUSTOMIZE, JSON, SYNC, SYNCER, Reply, call, metrics
from tests.http.conftest import Start


def decoded(answer: Reply) -> tuple[int, str, dict[str, Any]]:
    return answer.code, answer.headers["Content-Type"], json.loads(answer.body)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_gets_200(port: int, path: str) -> None:
    assert call(port, "GET", path) == Reply(200, "ok\n")


def test_customize_returns_what_the_hook_needs_to_see(port: int) -> None:
    answer = decoded(call(port, "POST", "/customize", CUSTOMIZE))

    rules = [
        {"apiVersion": "v1", "resource": "namespaces", "names": ["default", "dev"]},
        {"apiVersion": "v1", "resource": "configmaps", "names": ["app-config"]},
    ]
    assert answer == (200, JSON, {"relatedResources": rules})


def test_sync_returns_the_desired_copies(port: int) -> None:
    code, content_type, body = decoded(call(port, "POST", "/sync", SYNC))

    assert (code, content_type) == (200, JSON)
    [copy] = body["children"]
    assert copy == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "app-config",
            "namespace": "dev",
            "labels": {
                "app.kubernetes.io/managed-by": "configmap-syncer",
                "synced-by": "sample",
                "synced-from": "default",
            },
            "annotations": {
                "config.example.com/content-hash": body["status"]["contentHash"],
                "config.example.com/source": "default/app-config",
            },
        },
        "data": {"password": "hunter2"},
    }


def test_finalize_returns_finalized_when_nothing_is_left_to_do(port: int) -> None:
    request = json.loads(SYNC)
    request["finalizing"] = True
    request["parent"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    code, content_type, body = decoded(
        call(port, "POST", "/finalize", json.dumps(request).encode())
    )

    assert (code, content_type) == (200, JSON)
    assert (body["finalized"], body["children"]) == (True, [])


def test_an_answer_is_the_same_once_its_status_was_written(port: int) -> None:
    first = call(port, "POST", "/sync", SYNC)
    request = json.loads(SYNC)
    request["parent"]["status"] = json.loads(first.body)["status"]

    second = json.loads(call(port, "POST", "/sync", json.dumps(request).encode()).body)

    # Only how long it is until the deadline goes on.
    answer = json.loads(first.body)
    assert {**second, "resyncAfterSeconds": 0} == {**answer, "resyncAfterSeconds": 0}


def test_a_content_type_may_have_a_charset(port: int) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}

    assert call(port, "POST", "/customize", CUSTOMIZE, headers).code == 200


def test_each_request_is_counted_by_hook_and_code(start: Start) -> None:
    edge = start()
    call(edge.port, "POST", "/sync", SYNC)
    call(edge.port, "POST", "/sync", SYNC)
    call(edge.port, "POST", "/finalize", b"[]")

    seen = metrics(edge.port)

    # Prometheus sees no increase from a first value: what alerts count begins at 0.
    hooks = ("sync", "finalize", "customize", "adopt", "adopt/customize")
    errors = {(code, hook): 0 for code in ("413", "429", "500", "503") for hook in hooks}
    assert seen["configmap_syncer_hook_requests_total"] == errors | {
        ("200", "sync"): 2,
        ("400", "finalize"): 1,
    }
    # Each size is rounded up to its bucket: a sum of exact ones tells the lengths of values.
    assert len(SYNC) <= 1024
    assert seen["configmap_syncer_hook_request_bytes_sum"] == {
        ("sync",): 2 * 1024,
        ("finalize",): 1024,
    }
    assert seen["configmap_syncer_hook_request_seconds_count"] == {("sync",): 2, ("finalize",): 1}
    assert seen["configmap_syncer_hook_in_flight_requests"] == {(): 0}
    assert seen["configmap_syncer_hook_in_flight_bytes"] == {(): 0}


def test_each_request_leaves_one_line_in_the_log_without_data(start: Start) -> None:
    edge = start()
    answers = [
        call(edge.port, "POST", "/sync", SYNC),
        call(edge.port, "POST", "/customize", CUSTOMIZE),
        call(edge.port, "POST", "/sync", b'{"parent": "hunter2"}'),
    ]

    lines = edge.log()

    assert "hunter2" not in edge.output.read_text()
    stamps = [line.pop("time") for line in lines]
    assert all(
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", stamp) for stamp in stamps
    )
    assert all(line.pop("milliseconds") > 0 for line in lines)
    sizes = [len(answer.body.encode()) for answer in answers]
    assert lines == [
        {
            "hook": "sync",
            "requestBytes": len(SYNC),
            "syncer": "sample",
            "observed": 0,
            "related": 3,
            "desired": 1,
            "targets": 1,
            "synced": 0,
            "pending": 1,
            "failed": 0,
            "ready": "False",
            "reason": "Progressing",
            "resyncAfterSeconds": json.loads(answers[0].body)["resyncAfterSeconds"],
            "code": 200,
            "responseBytes": sizes[0],
        },
        {
            "hook": "customize",
            "requestBytes": len(CUSTOMIZE),
            "syncer": SYNCER["metadata"]["name"],
            "rules": len(json.loads(answers[1].body)["relatedResources"]),
            "code": 200,
            "responseBytes": sizes[1],
        },
        {
            "hook": "sync",
            "requestBytes": 21,
            "error": "Expected `object`, got `str` - at `$.parent`",
            "code": 400,
            "responseBytes": sizes[2],
        },
    ]


def test_what_is_nested_as_deeply_as_kubernetes_stores_is_answered(port: int) -> None:
    # Anybody may write such managedFields on an object of the copies' name, in any namespace.
    deep = '{"f:data": ' + '{"f:a": ' * 9_990 + "{}" + "}" * 9_991
    entry = f'{{"manager": "somebody", "operation": "Update", "fieldsV1": {deep}}}'
    body = SYNC.replace(
        b'"namespace": "default"', f'"managedFields": [{entry}], "namespace": "default"'.encode(), 1
    )
    assert deep.encode() in body

    answers = [call(port, "POST", hook, body).code for hook in ("/sync", "/finalize")]

    assert answers == [200, 200]

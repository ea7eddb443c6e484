"""What a request gets that is not as it should be: one line, and no value of what was sent."""

import pytest

from tests.http.client import CUSTOMIZE, JSON, SYNC, TEXT, Pieces, Reply, call
from tests.http.conftest import Start

HOOKS = ("sync", "finalize", "customize", "adopt", "adopt/customize")
SECRET = "hunter2"


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_a_hook_is_called_by_post_only(port: int, hook: str, method: str) -> None:
    refused = call(port, method, f"/{hook}")

    assert refused.allows("POST")
    assert (refused.code, refused.body) == (405, "method not allowed\n")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_a_probe_is_not_posted_to(port: int, path: str) -> None:
    refused = call(port, "POST", path, b"{}")

    assert refused.allows("GET")
    assert (refused.code, refused.body) == (405, "method not allowed\n")


def test_there_is_nothing_elsewhere(port: int) -> None:
    assert call(port, "GET", "/elsewhere") == Reply(404, "not found\n")


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"Content-Type": "text/plain"}, id="text"),
        pytest.param({"Content-Type": "application/yaml"}, id="yaml"),
        pytest.param({"Content-Type": JSON, "Content-Encoding": "gzip"}, id="compressed"),
    ],
)
def test_a_body_that_is_not_plain_json_is_refused(
    port: int, hook: str, headers: dict[str, str]
) -> None:
    assert call(port, "POST", f"/{hook}", CUSTOMIZE, headers) == Reply(
        415, "send Content-Type: application/json without Content-Encoding\n"
    )


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param((), b"", id="nothing"),
        pytest.param(("Transfer-Encoding: chunked",), b"2\r\n{}\r\n0\r\n\r\n", id="chunked"),
    ],
)
def test_a_body_without_a_length_is_refused(
    port: int, hook: str, headers: tuple[str, ...], body: bytes
) -> None:
    with Pieces(port) as client:
        client.head(f"/{hook}", f"Content-Type: {JSON}", *headers)
        client.body(body)

        assert client.answer() == Reply(411, "send Content-Length\n")


@pytest.mark.parametrize(
    ("body", "line"),
    [
        pytest.param(b"", "Input data was truncated", id="empty"),
        pytest.param(b'{"parent": ', "Input data was truncated", id="cut off"),
        pytest.param(b'{"hunter2"; 1}', "JSON is malformed: expected ':' (byte 10)", id="not JSON"),
        pytest.param(
            b'{"parent": {"metadata": {"name": "hunter2\xff"}}}',
            "JSON is malformed: not UTF-8",
            id="not UTF-8",
        ),
        pytest.param(
            b'{"parent": ' + b"[" * 100_000,
            "Expected `object`, got `array` - at `$.parent`",
            id="nested deeply where a type is known",
        ),
        pytest.param(
            b'{"unknown": ' + b"[" * 100_000,
            "JSON is nested too deeply",
            id="nested deeply where all is skipped",
        ),
        pytest.param(b"[]", "Expected `object`, got `array`", id="a list"),
        pytest.param(b"{}", "Object missing required field `parent`", id="no parent"),
        pytest.param(
            b'{"parent": {"spec": {}}}',
            "Object missing required field `metadata` - at `$.parent`",
            id="no metadata",
        ),
        pytest.param(
            b'{"parent": {"metadata": {"name": ["hunter2"]}}}',
            "Expected `str`, got `array` - at `$.parent.metadata.name`",
            id="the name is a list",
        ),
        pytest.param(
            b'{"parent": {"metadata": {"name": "a", "labels": {"hunter2": 1}}}}',
            "Expected `str`, got `int` - at `$.parent.metadata.labels[...]`",
            id="a label is a number",
        ),
    ],
)
@pytest.mark.parametrize("hook", HOOKS)
def test_what_is_wrong_in_a_body_is_named_by_its_path_and_shows_no_value(
    port: int, hook: str, body: bytes, line: str
) -> None:
    if hook == "adopt":
        body, line = body.replace(b'"parent"', b'"object"'), line.replace("parent", "object")
    assert SECRET not in line
    assert call(port, "POST", f"/{hook}", body) == Reply(400, f"{line}\n")


def test_malformed_data_of_the_source_is_named_and_not_shown(port: int) -> None:
    body = SYNC.replace(b'"hunter2"', b'["hunter2"]')

    assert call(port, "POST", "/sync", body) == Reply(
        400, "data of default/app-config: Expected `str`, got `array` - at `$[...]`\n"
    )


def test_a_body_over_the_limit_is_refused_before_it_is_read(start: Start) -> None:
    edge = start(MAX_REQUEST_BYTES="1000")
    with Pieces(edge.port) as client:
        client.promise("/sync", 1001)

        assert client.answer() == Reply(
            413, "the body has 1001 bytes, MAX_REQUEST_BYTES allows 1000\n"
        )


@pytest.mark.parametrize("hook", HOOKS)
def test_a_client_that_sends_all_before_it_reads_also_gets_the_refusal(
    start: Start, hook: str
) -> None:
    edge = start(MAX_REQUEST_BYTES="1000")
    body = b" " * 20_000_000

    assert call(edge.port, "POST", f"/{hook}", body) == Reply(
        413, "the body has 20000000 bytes, MAX_REQUEST_BYTES allows 1000\n"
    )


def test_a_body_at_the_limit_is_read(start: Start) -> None:
    edge = start(MAX_REQUEST_BYTES=str(len(SYNC)))

    assert call(edge.port, "POST", "/sync", SYNC).code == 200


def test_the_limit_is_half_a_gibibyte_by_default(port: int) -> None:
    with Pieces(port) as client:
        client.promise("/sync", 512 * 1024 * 1024 + 1)

        assert client.answer() == Reply(
            413, "the body has 536870913 bytes, MAX_REQUEST_BYTES allows 536870912\n"
        )


def test_the_body_of_a_refused_request_is_not_read_as_another_request(port: int) -> None:
    hidden = b"GET /healthz HTTP/1.1\r\nHost: service\r\n\r\n"
    with Pieces(port) as client:
        client.head("/sync", "Content-Type: text/plain", f"Content-Length: {len(hidden)}")
        client.body(hidden)
        refused = client.answer()
        client.body(b"GET /elsewhere HTTP/1.1\r\nHost: service\r\n\r\n")

        assert (refused.code, client.answer()) == (415, Reply(404, "not found\n"))


def test_a_refused_connection_goes_on_with_the_next_request(port: int) -> None:
    with Pieces(port) as client:
        client.promise("/customize", 2)
        client.body(b"[]")
        refused = client.answer()
        client.promise("/customize", len(CUSTOMIZE))
        client.body(CUSTOMIZE)

        assert (refused, client.answer().code) == (
            Reply(400, "Expected `object`, got `array`\n", {"Content-Type": TEXT}),
            200,
        )

"""What an attacker who reaches the port may want, each with the test that shows its prevention.

Time limits are set so high here that only what gives way to others can explain an answer.
"""

import contextlib
import gzip
import json
import re
import resource
import shutil
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conditions import ready
from tests.http.client import (
    CUSTOMIZE,
    JSON,
    SYNC,
    TEXT,
    Pieces,
    Reply,
    call,
    in_flight,
    wait_until,
)
from tests.http.conftest import Edge, Start, refusal_to_start
from tests.http.test_tls import Files, files
from tests.smoke import COMMAND

pytestmark = pytest.mark.long

__all__ = ["files"]

HOOKS = {"sync": SYNC, "finalize": SYNC, "customize": CUSTOMIZE}
PLACES = 50
PATIENT = {
    "HEAD_TIMEOUT_SECONDS": "600",
    "BODY_TIMEOUT_SECONDS": "600",
    "BODY_PATIENCE_SECONDS": "600",
}
TRACES = ("Traceback", "Error(", ".py", "Exception", "hunter2")


def silent(_: Pieces) -> None:
    """Connect, and say nothing."""


def slow_head(client: Pieces) -> None:
    client.body(b"POST /sync HTTP/1.1\r\nHost: service\r\nContent-Ty")


def slow_body(client: Pieces) -> None:
    client.promise("/sync", 1000)
    client.body(b"{")


def slow_reader(client: Pieces) -> None:
    client.promise("/sync", len(SYNC))
    client.body(SYNC)


@contextlib.contextmanager
def crowd(port: int, count: int, does: Callable[[Pieces], None]) -> Iterator[list[Pieces]]:
    """So many clients at once that each do the same and then nothing."""
    with contextlib.ExitStack() as connections:
        clients = []
        for _ in range(count):
            client = connections.enter_context(Pieces(port))
            with contextlib.suppress(ConnectionError):
                does(client)
            clients.append(client)
        yield clients


@pytest.fixture
def descriptors() -> Iterator[None]:
    """As many open files for this process as it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Where there is no limit at all, macOS takes no number that says so.
    most = 4096 if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def code_of(port: int, hook: str = "sync") -> int:
    return call(port, "POST", f"/{hook}", HOOKS[hook]).code


def test_to_lock_everybody_out_with_more_silent_connections_than_there_are_places(
    start: Start, descriptors: None
) -> None:
    edge = start(**PATIENT)
    with crowd(edge.port, 1200, silent):
        assert [code_of(edge.port, hook) for hook in HOOKS] == [200] * 3
        assert call(edge.port, "GET", "/readyz") == Reply(200, "ok\n")


@pytest.mark.parametrize("does", [silent, slow_head, slow_body, slow_reader])
def test_to_delay_others_with_twice_as_many_slow_clients_as_there_are_places(
    start: Start, does: Callable[[Pieces], None]
) -> None:
    edge = start(MAX_CONNECTIONS=str(PLACES), **PATIENT)
    with crowd(edge.port, 2 * PLACES, does):
        assert [code_of(edge.port, hook) for hook in HOOKS] == [200] * 3
        assert call(edge.port, "GET", "/readyz") == Reply(200, "ok\n")


def test_to_delay_others_with_handshakes_that_stop(start: Start, files: Files) -> None:
    edge = start(files.trusting(), MAX_CONNECTIONS=str(PLACES), **PATIENT, **files.settings())
    with crowd(edge.port, 2 * PLACES, silent):
        answer = call(edge.port, "POST", "/sync", SYNC, tls=files.trusting())

    assert answer.code == 200


def test_to_push_metacontroller_off_the_connection_that_it_keeps(start: Start) -> None:
    edge = start(MAX_CONNECTIONS=str(PLACES), **PATIENT)
    with Pieces(edge.port) as metacontroller:
        slow_reader(metacontroller)
        first = metacontroller.answer()
        with crowd(edge.port, 2 * PLACES, slow_head):
            assert call(edge.port, "GET", "/readyz") == Reply(200, "ok\n")
            slow_reader(metacontroller)

            assert (first.code, metacontroller.answer().code) == (200, 200)


@pytest.mark.parametrize("does", [silent, slow_head])
def test_to_keep_a_place_without_ever_asking_anything(
    start: Start, does: Callable[[Pieces], None]
) -> None:
    edge = start(HEAD_TIMEOUT_SECONDS="1")
    with Pieces(edge.port) as client:
        does(client)

        assert client.socket.recv(1) == b""


def test_to_keep_a_place_by_a_handshake_that_stops(start: Start, files: Files) -> None:
    edge = start(files.trusting(), **files.settings(), HEAD_TIMEOUT_SECONDS="1")
    with Pieces(edge.port) as client:
        assert client.socket.recv(1) == b""


def test_to_have_more_places_promised_than_the_process_has_files() -> None:
    shell = shutil.which("sh")
    assert shell is not None
    said = refusal_to_start([shell, "-c", 'ulimit -n 1000; exec "$@"', shell, *COMMAND])

    assert (
        "Correct the environment variable MAX_CONNECTIONS: it needs 1164 file descriptors, "
        "and the process may have 1000" in said
    )


def test_to_have_others_sent_back_by_a_large_promise(start: Start) -> None:
    edge = start(**PATIENT)
    with Pieces(edge.port) as client:
        client.promise("/sync", 512 * 1024 * 1024)
        wait_until(lambda: in_flight(edge.port)[0] == 1)

        assert [code_of(edge.port, hook) for hook in HOOKS] == [200] * 3


def test_to_have_others_sent_back_by_using_the_whole_budget(start: Start) -> None:
    size = 1024 * 1024
    edge = start(MAX_IN_FLIGHT_BYTES=str(size), BODY_TIMEOUT_SECONDS="600")
    with Pieces(edge.port) as client:
        client.promise("/sync", 2 * size)
        client.body(b" " * (size - 1))
        wait_until(lambda: in_flight(edge.port)[1] >= size - 1)

        wait_until(lambda: code_of(edge.port) == 200)

        assert client.answer() == Reply(
            429, "too many bytes in flight\n", {"Content-Type": TEXT, "Retry-After": "1"}
        )


def large_answer(copies: int, size: int) -> bytes:
    """A small request whose answer holds the content once for each of so many namespaces."""
    request = json.loads(SYNC)
    names = [f"namespace-{number}" for number in range(copies)]
    request["parent"]["spec"]["targetNamespaces"] = names
    request["related"]["ConfigMap.v1"]["default/app-config"]["data"] = {"key": "x" * size}
    request["related"]["Namespace.v1"] |= {
        name: {"metadata": {"name": name}, "status": {"phase": "Active"}} for name in names
    }
    return json.dumps(request).encode()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's peak")
def test_to_fill_the_memory_with_answers_that_nobody_fetches(start: Start) -> None:
    # More than the buffers of a connection take.
    request = large_answer(300, 100_000)
    edge = start(MAX_IN_FLIGHT_BYTES="40000000", BODY_TIMEOUT_SECONDS="600")
    before = peak(edge)
    with crowd(edge.port, 10, silent) as clients:
        for client in clients:
            client.promise("/sync", len(request))
            client.body(request)
        wait_until(lambda: in_flight(edge.port)[1] > 30_000_000)

        wait_until(lambda: code_of(edge.port) == 200)

        assert in_flight(edge.port)[1] <= 40_000_000
        assert call(edge.port, "POST", "/sync", request).code in {200, 429}
    # The room, and what one answer needs to be made; all ten at once were 300 MB.
    assert peak(edge) - before < 40 + 30 + 50


def test_to_fill_the_memory_with_one_answer_to_a_small_request(port: int) -> None:
    # The content once for each namespace; the request holds it once.
    answer = call(port, "POST", "/sync", large_answer(2_000, 300_000))

    assert ready(json.loads(answer.body)["status"])["reason"] == "TooLarge"
    assert len(answer.body) < 10_000


def peak(edge: Edge) -> float:
    """The most memory that a process of the service has had, in MiB."""
    children = Path(f"/proc/{edge.process.pid}/task/{edge.process.pid}/children")
    status = Path(f"/proc/{children.read_text().split()[0]}/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert found
    return int(found[1]) / 1024


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's peak")
def test_to_fill_the_memory_with_heads_and_bodies_that_never_end(start: Start) -> None:
    edge = start(MAX_CONNECTIONS="400", MAX_IN_FLIGHT_BYTES=str(32 * 1024 * 1024), **PATIENT)
    code_of(edge.port)
    before = peak(edge)
    head = b"POST /sync HTTP/1.1\r\n" + b"".join(
        b"X-%d: %s\r\n" % (number, b"x" * 4000) for number in range(31)
    )
    with (
        crowd(edge.port, 200, lambda client: client.body(head)),
        crowd(edge.port, 200, lambda client: client.promise("/sync", 10_000_000)) as senders,
    ):
        for sender in senders:
            # As much as is taken at once.
            sender.socket.setblocking(False)
            with contextlib.suppress(ConnectionError, BlockingIOError):
                sender.body(b" " * 1_000_000)
        wait_until(lambda: code_of(edge.port, "customize") == 200)

        assert in_flight(edge.port)[1] <= 32 * 1024 * 1024
    # The bodies' room, 128 KiB for each head and 64 KiB beyond each piece, and what they stand on.
    assert peak(edge) - before < 32 + 200 / 8 + 200 / 16 + 50


@pytest.mark.parametrize("hook", HOOKS)
def test_to_have_a_small_body_become_a_large_one(port: int, hook: str) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    said = {"Content-Type": JSON, "Content-Encoding": "gzip"}

    assert call(port, "POST", f"/{hook}", bomb, said) == Reply(
        415, "send Content-Type: application/json without Content-Encoding\n"
    )
    assert call(port, "POST", f"/{hook}", bomb) == Reply(
        400, "JSON is malformed: invalid character (byte 0)\n"
    )


def with_generation(number: bytes) -> Callable[[bytes], bytes]:
    return lambda body: body.replace(b'"generation": 1', b'"generation": ' + number)


def with_more(value: bytes) -> Callable[[bytes], bytes]:
    return lambda body: body[:-1] + b', "unknown": ' + value + b"}"


@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        pytest.param(with_generation(b"9" * 100_000), {400}, id="a huge number that is read"),
        pytest.param(with_generation(b"1e999999999"), {400}, id="a huge exponent that is read"),
        pytest.param(with_generation(b"NaN"), {400}, id="no number"),
        pytest.param(with_more(b"9" * 1_000_000), {200}, id="a huge number that is skipped"),
        pytest.param(with_more(b"1e999999999"), {200}, id="a huge exponent that is skipped"),
        pytest.param(with_more(b"[" * 1_000_000), {400}, id="lists without an end"),
        pytest.param(
            with_more(b"[" * 100_000 + b"]" * 100_000), {400}, id="lists in lists in lists"
        ),
        pytest.param(
            with_more(b'{"a":' * 100_000 + b"1" + b"}" * 100_000), {400}, id="maps in maps in maps"
        ),
        pytest.param(with_more(b'"\xff\xfe"'), {400}, id="bytes that are not UTF-8"),
        pytest.param(with_more(b'"\xed\xa0\x80"'), {200, 400}, id="half of a surrogate pair"),
        pytest.param(with_more(b'"\\ud800"'), {400}, id="half an escaped character"),
        pytest.param(lambda body: b"\xef\xbb\xbf" + body, {400}, id="a mark before the JSON"),
        pytest.param(lambda body: body + body, {400}, id="two bodies in one"),
        pytest.param(lambda body: body.replace(b" ", b"\x00"), {400}, id="zeros for blanks"),
    ],
)
@pytest.mark.parametrize("hook", HOOKS)
def test_to_have_json_end_the_service_or_show_its_inside(
    port: int, hook: str, changed: Callable[[bytes], bytes], codes: set[int]
) -> None:
    answer = call(port, "POST", f"/{hook}", changed(HOOKS[hook]))

    assert answer.code in codes
    if answer.code == 400:
        assert len(answer.body.splitlines()) == 1
        assert [trace for trace in TRACES if trace in answer.body] == []
    assert call(port, "GET", "/readyz") == Reply(200, "ok\n")


@pytest.mark.parametrize("hook", HOOKS)
def test_to_have_two_of_a_key_read_as_two_different_things(port: int, hook: str) -> None:
    other = b'{"parent": {"metadata": {"name": "other"}}, '
    twice = other + HOOKS[hook][1:]

    # The last one is read, and nothing of the first.
    [first, second] = (
        json.loads(call(port, "POST", f"/{hook}", body).body) for body in (HOOKS[hook], twice)
    )
    assert {**first, "resyncAfterSeconds": 0} | {"status": 0} == {
        **second,
        "resyncAfterSeconds": 0,
    } | {"status": 0}
    assert "other" not in json.dumps(second)


@pytest.mark.parametrize("hook", HOOKS)
def test_to_hide_a_request_in_the_body_of_another(port: int, hook: str) -> None:
    hidden = b"GET /metrics HTTP/1.1\r\nHost: service\r\n\r\n"
    body = HOOKS[hook]
    with Pieces(port) as client:
        # Both lengths at once, and a length with chunks: a proxy in between reads the other one.
        client.head(
            f"/{hook}", f"Content-Length: {len(body)}", f"Content-Length: {len(body + hidden)}"
        )
        client.body(body + hidden)

        assert client.answer() == Reply(400, "bad request\n", {"Content-Type": "text/plain"})
    with Pieces(port) as client:
        client.head(f"/{hook}", "Transfer-Encoding: chunked", f"Content-Length: {len(body)}")
        client.body(body + hidden)

        assert client.answer().code == 400


def received(client: Pieces) -> bytes:
    """All that the service sends until it ends the connection."""
    pieces = []
    with contextlib.suppress(ConnectionResetError):
        while piece := client.socket.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


def test_to_have_a_body_read_that_is_longer_than_it_says(port: int) -> None:
    with Pieces(port) as client:
        client.promise("/customize", len(CUSTOMIZE))
        client.body(CUSTOMIZE + b"and more\r\n\r\n")

        assert re.findall(rb"HTTP/1.1 (\d+)", received(client)) == [b"200", b"400"]


def test_to_have_a_body_waited_for_that_is_shorter_than_it_says(port: int) -> None:
    with Pieces(port) as client:
        client.promise("/customize", len(CUSTOMIZE) + 1)
        client.body(CUSTOMIZE)
        client.end()

        size = len(CUSTOMIZE)
        assert client.answer() == Reply(400, f"the body ends after {size} of {size + 1} bytes\n")


GARBAGE = {
    "no request": b"\x00\xff\x16\x03\x01 hunter2\r\n\r\n",
    "TLS in the clear": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03hunter2\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nAuthorization Bearer hunter2\r\n\r\n",
    "a header with a zero": b"GET / HTTP/1.1\r\nAuthorization: hunter2\x00\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\nAuthorization: Bearer\r\n hunter2\r\n\r\n",
    "another version": b"GET / HTTP/hunter2\r\n\r\n",
    "another method": b"hunter2 / HTTP/1.1\r\nHost: service\r\n\r\n",
    "a length that is none": b"POST /sync HTTP/1.1\r\nContent-Length: hunter2\r\n\r\n",
    "a negative length": b"POST /sync HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "another coding": b"POST /sync HTTP/1.1\r\nTransfer-Encoding: hunter2\r\n\r\n",
    "an expectation": b"POST /sync HTTP/1.1\r\nExpect: hunter2\r\n\r\n",
    "a long line": b"GET /hunter2" + b"x" * 10_000 + b" HTTP/1.1\r\n\r\n",
    "a long header": b"GET / HTTP/1.1\r\nX: hunter2" + b"x" * 10_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"X: hunter2\r\n" * 100 + b"\r\n",
    "a chunk that is none": (
        b"POST /sync HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nhunter2\r\n\r\n"
    ),
}


@pytest.mark.parametrize("head", GARBAGE.values(), ids=GARBAGE)
def test_to_see_the_inside_of_the_service_or_have_a_token_logged(
    start: Start, capfd: pytest.CaptureFixture[str], head: bytes
) -> None:
    edge = start()
    with Pieces(edge.port) as client:
        client.body(head)
        client.end()
        answered = received(client)
    assert re.match(rb"HTTP/1\.1 4\d\d ", answered)
    assert call(edge.port, "GET", "/readyz") == Reply(200, "ok\n")

    printed = edge.output.read_text() + capfd.readouterr().err
    assert [trace for trace in TRACES if trace in answered.decode()] == []
    assert [trace for trace in ("Traceback", "hunter2") if trace in printed] == []


def go_away(client: Pieces) -> None:
    """End the connection at once, and what was sent with it."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()


@pytest.mark.parametrize(
    "sent", [b"", b"\x16\x03", b"GET / HTTP/1.1\r\n\r\n"], ids=["nothing", "half", "no TLS"]
)
@pytest.mark.parametrize("gone", [True, False])
def test_to_fill_the_log_with_tracebacks_by_handshakes_that_fail(
    start: Start, files: Files, capfd: pytest.CaptureFixture[str], sent: bytes, gone: bool
) -> None:
    edge = start(files.trusting(), **files.settings())
    with crowd(edge.port, 20, lambda client: client.body(sent)) as clients:
        for client in clients:
            if gone:
                go_away(client)
            else:
                # What is no handshake may have been cut off already.
                with contextlib.suppress(OSError):
                    client.end()

    assert call(edge.port, "GET", "/readyz", tls=files.trusting()).code == 200
    printed = capfd.readouterr().err
    assert "Traceback" not in printed
    assert len(printed.splitlines()) <= 20


def edited_consents(edit: int) -> bytes:
    """A sync whose source and target have the longest lists of consents, with new names in them."""
    request = json.loads(SYNC)
    related = request["related"]
    globs = [f"*{edit}-{number}*" for number in range(100)]
    names = [f"team-{edit}-{number}" for number in range(250_000 // len(f"team-{edit}-00000,"))]
    consented = ",".join([*globs, *names, "dev", "default"])
    for found, annotation in (
        (related["ConfigMap.v1"]["default/app-config"], "allow-sync-to"),
        (related["Namespace.v1"]["dev"], "accept-sync-from"),
    ):
        found["metadata"]["annotations"] = {f"config.example.com/{annotation}": consented}
    request["parent"]["spec"]["excludeNamespaces"] = globs
    return json.dumps(request).encode()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's peak")
def test_to_fill_the_memory_with_edits_of_consent(start: Start) -> None:
    edge = start(REQUIRE_TARGET_CONSENT="true")
    assert call(edge.port, "POST", "/sync", SYNC).code == 200
    before = peak(edge)

    answers = [call(edge.port, "POST", "/sync", edited_consents(n)) for n in range(200)]

    assert {ready(json.loads(answer.body)["status"])["reason"] for answer in answers} == {
        "Progressing"
    }
    assert peak(edge) - before < 64

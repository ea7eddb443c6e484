"""What a client may send on one connection: whole requests, strange ones, halves, several."""

from random import Random
from typing import Final

from tests.fuzzing.calls import HookCall
from tests.fuzzing.mutations import mutated, mutated_bytes

MARK: Final = "never-tell-x"
"""Stands where a client sends what is secret."""

_METHODS: Final = ("GET", "POST", "HEAD", "PUT", "OPTIONS", "TRACE", "CONNECT", "post", "P ST", "")
_PATHS: Final = (
    *("/sync", "/finalize", "/customize", "/metrics", "/healthz", "/readyz", "/", "*", ""),
    *("/sync/", "//sync", "/sync?a=b", "/%73ync", "/sync%00", "/\xff", "/../sync", "/sync#a"),
    *("http://service/sync", "http://[::1/", "//[", "/" + "x" * 5000, f"/{MARK}", "/a b"),
)
_VERSIONS: Final = ("HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1", "http/1.1", "X", "")
_HEADERS: Final = (
    *("Content-Type: application/json", "Content-Type: application/json; charset=utf-16"),
    *("Content-Type:", "Content-Type: a/b, application/json", "Content-Encoding: gzip"),
    *("Content-Length: 0", "Content-Length: 3", "Content-Length: -1", "Content-Length: +3"),
    *("Content-Length: 1e3", "Content-Length: 99999999999999999999", "Content-Length: 3, 3"),
    *("Content-Length: ", "Content-Length: 0x3", "Content-Length:\t3", "Content-Length : 3"),
    *("Content-Length: 1000000", "Content-Length: \u0663"),
    *("Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: x"),
    *("Transfer-Encoding: identity", "Transfer-Encoding: chunked, chunked", "Transfer-Encoding:"),
    *("Expect: 100-continue", "Expect: x", "Connection: close", "Connection: keep-alive"),
    *("Connection: Upgrade", "Upgrade: h2c", "Upgrade: websocket", "HTTP2-Settings: AAMAAABk"),
    *("Host: a", "Host:", "Host: a\r\nHost: b", "Host: [", "Host: a:b", "Host: \xff"),
    *(f"Authorization: Bearer {MARK}", f"Authorization {MARK}", f"Authorization: {MARK}\0"),
    *(f"Cookie: {MARK}", f"X: a\r\n {MARK}", "X: " + "x" * 5000, "X_Y: z", ": x", "\0: x", " : "),
    *("X-Forwarded-Proto: https", "SCRIPT_NAME: /x", "Trailer: x", "Range: bytes=0-1", "Accept: x"),
    *("Proxy: x", "Forwarded: for=x", "If-Modified-Since: x", "TE: trailers", "Date: x"),
)
_CHUNKS: Final = (
    *(b"3\r\nabc\r\n0\r\n\r\n", b"3\r\nabc\r\n", b"-1\r\n", b"ffffffffffffffffff\r\nx", b"0\r\n"),
    *(b"3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n", b"3\nabc\n0\n\n", b"0x3\r\nabc", b"x", b"\r\n\r\n"),
)


def conversation(recorded: list[HookCall], random: Random) -> bytes:
    """All that is sent on one connection."""
    spoken = b"".join(_request(recorded, random) for _ in range(random.choice((1, 1, 1, 1, 2, 4))))
    match random.randrange(12):
        case 0:
            return spoken[: random.randrange(len(spoken) + 1)]
        case 1:
            return mutated_bytes(spoken, random)
        case _:
            return spoken


def _request(recorded: list[HookCall], random: Random) -> bytes:
    call = random.choice(recorded)
    if random.random() < 0.6:
        body = mutated(call.body, random)
        return _post(call.hook, body)
    return _strange(call, random)


def _post(hook: str, body: bytes) -> bytes:
    return (
        f"POST /{hook} HTTP/1.1\r\nHost: service\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def _strange(call: HookCall, random: Random) -> bytes:
    """A request whose head or framing is not as Metacontroller's."""
    line = " ".join(
        (
            random.choice(("POST", "POST", "GET", random.choice(_METHODS))),
            random.choice((f"/{call.hook}", random.choice(_PATHS))),
            random.choice(("HTTP/1.1", "HTTP/1.1", random.choice(_VERSIONS))),
        )
    )
    headers = random.choices(_HEADERS, k=random.choice((0, 1, 2, 3, 40)))
    body = random.choice((call.body, b"{}", b"", random.choice(_CHUNKS), random.randbytes(9)))
    if random.random() < 0.5:
        headers += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    end = random.choice(("\r\n", "\r\n", "\r\n", "\n"))
    return end.join((line, *headers, "", "")).encode("latin-1", "replace") + body

"""How long everybody else waits while one decision is computed, under TLS.

A decision that computes for five seconds, in plain Python; and a request of hundreds of megabytes,
whose body is read, decoded, decided and answered. Decoding and encoding let nobody else compute, so
they are what the others wait for.
"""

import json
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tests import smoke
from tests.benchmarks import busy, grown
from tests.benchmarks.ratio import Ratio
from tools.certificates.authority import Authority

_ROOT: Final = Path(__file__).parents[2]
_CONTENT_BYTES: Final = 100_000
_ROUNDS: Final = 3
_BUSY_LIMIT: Final = 0.1
_LARGE_LIMIT: Final = 0.25
_HOOKS: Final = ("/sync", "/customize")


def measure() -> Iterator[Ratio]:
    """The longest wait of a probe, a small sync and a small customize, to the long request."""
    small = grown.recorded()
    small["parent"]["metadata"]["name"] = busy.NAME
    large = grown.encoded(grown.changed(_CONTENT_BYTES))
    authority = Authority()
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = authority.server().write(Path(folder))
        environment = {
            "PATH": "/usr/bin:/bin",
            "TLS_CERTIFICATE_FILE": str(certificate),
            "TLS_KEY_FILE": str(key),
        }
        tls = ssl.create_default_context(cadata=authority.certificate.decode())
        command = (*smoke.GUNICORN, "tests.benchmarks.busy:create_app()")
        with (
            (Path(folder) / "log").open("wb") as log,
            smoke.started(command, environment, _ROOT, log, tls) as service,
        ):
            for what, body, limit in (
                (f"a decision computes for {busy.SECONDS:g} s", grown.encoded(small), _BUSY_LIMIT),
                (f"a request of {len(large):,} bytes is answered", large, _LARGE_LIMIT),
            ):
                yield Ratio.of_pairs(
                    f"Hook under TLS, the longest wait of anybody else while {what}",
                    "what that takes",
                    [_waits(service.port, body, tls) for _ in range(_ROUNDS)],
                    limit,
                )


def _waits(port: int, body: bytes, tls: ssl.SSLContext) -> tuple[float, float]:
    """The longest wait of a small request, and how long the long one took, in seconds."""
    small = json.dumps(grown.recorded()).encode()
    requests = [("GET", "/healthz", None), *(("POST", hook, small) for hook in _HOOKS)]
    waits: list[float] = []
    taken: list[float] = []
    asking = threading.Thread(
        target=lambda: taken.append(_seconds(port, "POST", "/sync", body, tls))
    )

    def probe(method: str, path: str, body: bytes | None) -> None:
        while asking.is_alive():
            waits.append(_seconds(port, method, path, body, tls))
            time.sleep(0.01)

    probing = [threading.Thread(target=probe, args=request) for request in requests]
    _run([asking, *probing])
    return max(waits), taken[0]


def _run(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _seconds(port: int, method: str, path: str, body: bytes | None, tls: ssl.SSLContext) -> float:
    started = time.perf_counter()
    code, _ = smoke.call(port, method, path, body, tls)
    if code != 200:
        raise RuntimeError(f"{method} {path} was answered with {code}")
    return time.perf_counter() - started

"""Fuzz the running service over its socket: gunicorn, the worker, the shell and what is behind.

It is a black box here. What it answers, what it prints and the memory that it takes are looked at;
which of its lines were reached is measured in its own process, and reported at the end.
"""

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from tests import smoke
from tests.fuzzing.calls import recorded
from tests.fuzzing.conversations import MARK, conversation
from tests.fuzzing.report import FuzzReport

ROOT: Final = Path(__file__).parents[2]
_DEADLINE_SECONDS: Final = 30
_REMEMBERED: Final = 10
"""What is printed may belong to one of the last so many connections."""
_SAMPLE: Final = 25
"""The memory is looked at after so many connections."""
_ENOUGH: Final = 40
"""With fewer samples, growth cannot be distinguished from warming up."""
_GROWTH_MEBIBYTES: Final = 8.0
_STATUS: Final = re.compile(rb"^HTTP/1\.[01] (\d{3}) ", re.MULTILINE)
_PRINTED: Final = ("Traceback", '"code":5', "internal error", MARK)
_ENDED: Final = (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)
_SETTINGS: Final = {"HEAD_TIMEOUT_SECONDS": "2", "BODY_TIMEOUT_SECONDS": "2"}


class BrokenService(Exception):
    """The service did what it must not do, whatever it is sent."""


@dataclass(slots=True)
class FuzzedService:
    """The running service, and what was seen of it so far."""

    port: int
    pid: int
    output: Path
    connections: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    read: int = 0
    mebibytes: list[float] = field(default_factory=list)

    def hear(self, sent: bytes, *, goes_away: bool) -> None:
        """Send all of it on one connection, read all answers, and hold them to what they keep."""
        self.connections += 1
        with socket.create_connection(("127.0.0.1", self.port), _DEADLINE_SECONDS) as client:
            if goes_away:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            answered = _spoken(client, sent, goes_away=goes_away)
        # 100 is no answer: it asks for the body of who waits for that.
        codes = [code.decode() for code in _STATUS.findall(answered) if code != b"100"]
        if answered and not answered.startswith(b"HTTP/1."):
            raise BrokenService("what came is no HTTP")
        self.codes.update(codes or ["nothing"])
        if unwanted := [code for code in codes if code != "200" and not code.startswith("4")]:
            raise BrokenService(f"answered with {unwanted[0]}")
        if self.connections % _SAMPLE == 0:
            self.look()
            self.mebibytes.append(_memory(self.pid))

    def look(self) -> None:
        """See that the service is well, and that it has printed nothing that it must not print."""
        if smoke.call(self.port, "GET", "/readyz")[0] != 200:
            raise BrokenService("not ready")
        with self.output.open("rb") as printed:
            printed.seek(self.read)
            said = printed.read()
        self.read += len(said)
        for line in said.decode(errors="replace").splitlines():
            if any(sign in line for sign in _PRINTED):
                raise BrokenService(f"printed: {line[:500]}")

    @property
    def growth(self) -> float | None:
        """By how many MiB the memory grew once warm; None where there is too little to tell."""
        if len(self.mebibytes) < _ENOUGH:
            return None
        quarter = len(self.mebibytes) // 4
        warm, end = self.mebibytes[quarter : 2 * quarter], self.mebibytes[-quarter:]
        return statistics.median(end) - statistics.median(warm)


def fuzz(seconds: int, seed: int, findings: Path) -> FuzzReport:
    """Run for so many seconds, or until the service does what it must not do."""
    random = Random(seed)
    calls = list(recorded())
    last: deque[bytes] = deque(maxlen=_REMEMBERED)
    with tempfile.TemporaryDirectory() as folder:
        with _started(Path(folder)) as service:
            deadline = time.monotonic() + seconds
            try:
                while time.monotonic() < deadline:
                    last.append(conversation(calls, random))
                    service.hear(last[-1], goes_away=random.random() < 0.02)
                service.look()
            except (BrokenService, OSError, RuntimeError) as broken:
                why = f"{type(broken).__name__}: {broken}, on connection {service.connections:,}"
                return FuzzReport("edge", seed, (why,), _saved(last, findings), is_broken=True)
        codes = ", ".join(f"{code} {times:,}" for code, times in sorted(service.codes.items()))
        growth = service.growth
        sentences = (
            f"{service.connections:,} connections; answers by code: {codes}",
            "no traceback, and nothing printed of what was sent",
            "too few connections to tell whether the memory grows"
            if growth is None
            else f"memory: {service.mebibytes[-1]:.1f} MiB at the end, {growth:+.1f} MiB since it "
            f"was warm; at most {_GROWTH_MEBIBYTES:+}",
            _reached(Path(folder)),
        )
    return FuzzReport(
        "edge", seed, sentences, is_broken=growth is not None and growth > _GROWTH_MEBIBYTES
    )


def replay(file: Path) -> None:
    """Send what a finding sent. Raises BrokenService."""
    with tempfile.TemporaryDirectory() as folder, _started(Path(folder)) as service:
        service.hear(file.read_bytes(), goes_away=False)
        service.look()


def _spoken(client: socket.socket, sent: bytes, *, goes_away: bool) -> bytes:
    """What comes until the service ends the connection; nobody has to read who goes away."""
    answered = bytearray()
    try:
        client.sendall(sent)
        if not goes_away:
            client.shutdown(socket.SHUT_WR)
            while piece := client.recv(1 << 16):
                answered += piece
    except TimeoutError:
        raise BrokenService(f"no end after {_DEADLINE_SECONDS} seconds") from None
    except OSError as error:
        # A service that refuses a head does not wait for the rest, and may have ended it already.
        if error.errno not in _ENDED:
            raise
    return bytes(answered)


@contextlib.contextmanager
def _started(folder: Path) -> Iterator[FuzzedService]:
    """The service as the image starts it, with its lines measured, its output in one file."""
    shell = shutil.which("sh")
    if shell is None:
        raise RuntimeError("there is no sh on PATH")
    measured = f"--data-file={folder}/coverage"
    command = [
        *(shell, "-c", 'exec "$@" 2>&1', shell, sys.executable),
        *("-m", "coverage", "run", measured, "-p", "--branch", "--concurrency=gevent"),
        *("--source=hooks", "--omit=hooks/preview/*", *smoke.COMMAND[1:]),
    ]
    output = folder / "output"
    with (
        output.open("wb") as printed,
        smoke.started(command, os.environ | _SETTINGS, ROOT, printed) as service,
    ):
        yield FuzzedService(service.port, service.process.pid, output)


def _memory(pid: int) -> float:
    """The resident memory of the service's worker in MiB."""
    ps = shutil.which("ps")
    if ps is None:
        raise RuntimeError("there is no ps on PATH")
    listed = subprocess.run(
        [ps, "-A", "-o", "ppid=,rss="], capture_output=True, text=True, check=True
    ).stdout
    rows = (map(int, line.split()) for line in listed.splitlines())
    return sum(kibibytes for parent, kibibytes in rows if parent == pid) / 1024


def _reached(folder: Path) -> str:
    """How much of the service was reached, by module."""
    coverage = [sys.executable, "-m", "coverage"]
    data = f"--data-file={folder}/coverage"
    for arguments in (["combine", "-q", data], ["json", "-q", data, "-o", f"{folder}/json"]):
        subprocess.run([*coverage, *arguments], cwd=ROOT, capture_output=True, check=True)
    measured = json.loads((folder / "json").read_text("utf-8"))
    modules = ("app", "server/worker", "api/protocol")
    parts = (
        f"{name} {measured['files'][f'hooks/{name}.py']['summary']['percent_covered']:.0f} %"
        for name in modules
    )
    total = measured["totals"]["percent_covered"]
    return f"{total:.1f} % of the service's lines and branches reached: {', '.join(parts)}"


def _saved(last: deque[bytes], findings: Path) -> tuple[Path, ...]:
    """The file of the last connection; next to it are those before, which may be the cause."""
    name = hashlib.sha256(last[-1]).hexdigest()[:12]
    files = [findings / f"edge-{name}-{number}" for number in range(len(last))]
    for file, sent in zip(files, reversed(last), strict=True):
        file.write_bytes(sent)
    return tuple(files[:1])

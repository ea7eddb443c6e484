"""What one sync costs the hook in CPU time and in memory: 1,000 targets of 10 KB, or hostile ones.

Compared with Python's `json.loads` of the same body, which anybody pays who wants to look at it in
Python; and with the body itself, which nobody can do without.
"""

import gc
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tests.benchmarks import grown, hostile
from tests.benchmarks.ratio import Ratio
from tests.conditions import ready

CONTENT_BYTES = 10_000
_ROUNDS = 9
_HOSTILE = 30_000
_HOSTILE_ROUNDS = 3
_CPU_LIMIT = 1.0
MEMORY_LIMIT = 3.0
_KIB = 1024


def measure() -> Iterator[Ratio]:
    """CPU time and peak memory: nothing changes, all has changed, or others have written a lot."""
    for situation, request, expected in (
        ("nothing changed", grown.settled(CONTENT_BYTES), "AllCopiesCurrent"),
        ("the source changed", grown.changed(CONTENT_BYTES), "Progressing"),
    ):
        body = grown.encoded(request)
        _check(body, expected, grown.TARGETS)
        what = f"{grown.TARGETS:,} targets of {CONTENT_BYTES:,} bytes ({len(body):,} in all)"
        yield Ratio.of_pairs(
            f"Hook, CPU time, {situation}, {what}",
            "json.loads of the same body",
            _cpu_times(body),
            _CPU_LIMIT,
        )
        yield Ratio(
            f"Hook, growth of peak memory, {situation}, {what}",
            "the body",
            [_memory_growth(body) / len(body) for _ in range(3)],
            MEMORY_LIMIT,
        )
    for written, case in hostile.SITUATIONS.items():
        body = hostile.encoded(case.make(_HOSTILE))
        _check(body, case.reason)
        yield Ratio.of_pairs(
            f"Hook, CPU time, {_HOSTILE:,} {written} ({len(body):,} bytes)",
            "json.loads of the same body",
            _cpu_times(body, _HOSTILE_ROUNDS),
            case.limit,
        )


def _check(body: bytes, expected: str, children: int | None = None) -> None:
    """What is measured must be the sync that it is said to be."""
    answer = json.loads(grown.ask(grown.application(), io.BytesIO(body), len(body)))
    reason = ready(answer["status"])["reason"]
    number = len(answer["children"])
    if reason != expected or (children is not None and number != children):
        raise RuntimeError(f"not {expected} but {reason}, {number} children")


def _cpu_times(body: bytes, rounds: int = _ROUNDS) -> Iterable[tuple[float, float]]:
    app = grown.application()

    def hook() -> object:
        return grown.ask(app, io.BytesIO(body), len(body))

    def loads() -> object:
        return json.loads(body)

    return [(cpu_time(hook), cpu_time(loads)) for _ in range(rounds)]


def cpu_time(work: Callable[[], object]) -> float:
    """Seconds of CPU time that some work takes, without what was left to collect before."""
    gc.collect()
    started = time.process_time()
    done = work()
    taken = time.process_time() - started
    del done
    return taken


def _memory_growth(body: bytes) -> int:
    """Bytes by which the peak grows, in a process of its own that reads the body from a file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "body.json"
        file.write_bytes(body)
        completed = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.hook", file],
            check=True,
            capture_output=True,
            text=True,
        )
    return int(completed.stdout)


def _print_memory_growth(file: Path) -> None:
    app = grown.application()
    small = grown.encoded(grown.recorded())
    grown.ask(app, io.BytesIO(small), len(small))
    before = _peak()
    with file.open("rb") as body:
        grown.ask(app, body, file.stat().st_size)
    print(_peak() - before)


def _peak() -> int:
    """Bytes of the largest resident set since exec; what getrusage says begins with the parent."""
    status = Path("/proc/self/status").read_text("utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * _KIB


if __name__ == "__main__":
    _print_memory_growth(Path(sys.argv[1]))

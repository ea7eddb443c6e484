"""`make scale`: how time, memory and requests grow with targets and content, and where it ends.

From small to large, until the time is over or the hook says that no request could hold the
copies. Every size has a hook and a Metacontroller of its own, so that the peaks are theirs.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.benchmarks.end_to_end import Loop, MeasuredSyncer
from tests.benchmarks.picture import Panel, draw
from tests.controlplane import SERVER_SIDE_APPLY, Stack, missing, wait_for
from tests.reliability.memory import sample

TARGETS: Final = (100, 1_000, 5_000)
KILOBYTES: Final = (1, 10, 100)
PICTURE: Final = Path(__file__).parents[2] / "docs" / "scale.svg"
_SECONDS: Final = 480
_DRIFT_ROUNDS: Final = 3
_CHEAP_TARGETS: Final = 1_000
_CHEAP_KILOBYTES: Final = 10_000
_SECONDS_TO_SETTLE: Final = 120
_TICK_SECONDS: Final = 0.01
"""No CPU time is known more exactly."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a change of one source, and an edit of one copy, came to."""

    targets: int
    kilobytes: int
    seconds: float
    ratio: float | None
    drift_seconds: float
    hook_cpu_seconds: float
    hook_mebibytes: float
    metacontroller_mebibytes: float
    request_bytes: int


_QUANTITIES: Final[dict[str, Callable[[Measured], float]]] = {
    "Last copy after a change (s)": lambda m: m.seconds,
    "One edited copy is put back (s)": lambda m: m.drift_seconds,
    "Request to the hook (MB)": lambda m: m.request_bytes / 1e6,
    "CPU time of the hook for a change (s)": lambda m: max(m.hook_cpu_seconds, _TICK_SECONDS),
    "Memory of the hook at most (MiB)": lambda m: m.hook_mebibytes,
    "Memory of Metacontroller at most (MiB)": lambda m: m.metacontroller_mebibytes,
}


def panels(measured: Sequence[Measured]) -> Sequence[Panel]:
    """What is drawn: each quantity over the number of targets, a line for each size."""
    sizes = sorted({m.kilobytes for m in measured})
    return [
        Panel(
            title,
            "targets",
            {
                f"{size} KB": [(m.targets, quantity(m)) for m in measured if m.kilobytes == size]
                for size in sizes
            },
        )
        for title, quantity in _QUANTITIES.items()
    ]


def table(measured: Sequence[Measured]) -> str:
    """The same in numbers, as Markdown."""
    titles = ["Targets", "Content", *_QUANTITIES, "to a bare loop of applies"]
    lines = [titles, ["---"] * len(titles)]
    for m in measured:
        numbers = [f"{quantity(m):,.3g}" for quantity in _QUANTITIES.values()]
        ratio = "" if m.ratio is None else f"{m.ratio:.2f}"
        lines.append([f"{m.targets:,}", f"{m.kilobytes} KB", *numbers, ratio])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    """Measure, print and draw; 0 when everything came to be that was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale", description=__doc__)
    parser.add_argument("--seconds", type=float, default=_SECONDS, help="begin no size after that")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="the SVG to write")
    options = parser.parse_args()
    if absent := missing():
        print("Cannot start:", *absent, sep="\n  ", file=sys.stderr)
        return 1
    started = time.monotonic()
    measured: list[Measured] = []
    with Stack(SERVER_SIDE_APPLY) as stack:
        for found in _all(stack, started + options.seconds):
            measured.append(found)
            # A run that is ended by hand leaves what it got through.
            print(table([found]).splitlines()[-1], flush=True)
            options.picture.write_text(draw(panels(measured)), "utf-8")
    print(table(measured))
    sizes = len(TARGETS) * len(KILOBYTES)
    print(f"{len(measured)} of {sizes} sizes in {time.monotonic() - started:.0f} s")
    return 0


def _all(stack: Stack, end: float) -> Iterator[Measured]:
    made = set()
    sizes = [(targets, size) for targets in TARGETS for size in KILOBYTES]
    for targets, size in sorted(sizes, key=lambda pair: (pair[0] * pair[1], pair[0])):
        name = f"{targets} x {size} KB"
        if time.monotonic() >= end:
            print(f"{name}: not measured, the time is over", flush=True)
            continue
        syncer = MeasuredSyncer(stack, f"scale-{targets}", targets, content_bytes=1_000 * size)
        if targets not in made:
            syncer.make_namespaces()
            made.add(targets)
        # What was before would be measured with it.
        stack.hook.restart()
        stack.metacontroller.restart()
        syncer.ask()
        if (refusal := _refusal(stack, syncer)) is None:
            yield _measured(stack, syncer, targets, size)
        else:
            print(f"{name}: the end. {refusal}", flush=True)
        syncer.remove()


def _refusal(stack: Stack, syncer: MeasuredSyncer) -> str | None:
    """What the hook says where it writes nothing, None where it begins to write."""

    def resolved() -> tuple[str, str] | None:
        status = stack.client.get("ConfigMapSyncer", syncer.name).get("status", {})
        condition = next(iter(status.get("conditions", ())), None)
        return condition and (condition["reason"], condition["message"])

    reason, message = wait_for(resolved, "the hook to say something", _SECONDS_TO_SETTLE) or (
        "",
        "",
    )
    return message if reason == "TooLarge" else None


def _measured(stack: Stack, syncer: MeasuredSyncer, targets: int, size: int) -> Measured:
    syncer.wait_until_ready("first")
    middle = syncer.namespaces[targets // 2]
    drifts = []
    for _ in range(_DRIFT_ROUNDS):
        drifts.append(syncer.drift(middle))
        syncer.wait_until_ready("first")
    before = sample(stack.hook.pid)
    seconds = syncer.change("changed")
    syncer.wait_until_ready("changed")
    after = sample(stack.hook.pid)
    controller = sample(stack.metacontroller.pid)
    calls = stack.hook.calls("sync", syncer.name)
    return Measured(
        targets=targets,
        kilobytes=size,
        seconds=seconds,
        ratio=_ratio(stack, syncer, seconds, size),
        drift_seconds=statistics.median(drifts),
        hook_cpu_seconds=after.cpu_seconds - before.cpu_seconds,
        hook_mebibytes=after.peak_mebibytes,
        metacontroller_mebibytes=controller.peak_mebibytes,
        request_bytes=max(call["requestBytes"] for call in calls),
    )


def _ratio(stack: Stack, syncer: MeasuredSyncer, seconds: float, size: int) -> float | None:
    """The seconds to those of a bare loop of applies, where that takes no long time."""
    number = len(syncer.namespaces)
    if number > _CHEAP_TARGETS or number * size > _CHEAP_KILOBYTES:
        return None
    with Loop(stack.client) as loop:
        loop.apply_all(syncer.namespaces, "first", 1_000 * size)
        bare = loop.apply_all(syncer.namespaces, "changed", 1_000 * size)
        loop.remove_all(syncer.namespaces)
    return seconds / bare


if __name__ == "__main__":
    sys.exit(main())

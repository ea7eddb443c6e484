"""`make chaos`, `make flood` and `make soak`: break, flood and wear the product."""

import argparse
import random
import sys
import time
from collections.abc import Callable
from typing import Final

from reliability import flood, soak
from reliability.chaos import Chaos, Healing, table
from reliability.parts import Parts
from reliability.watch import Watch
from reliability.world import SUBJECT, World
from tests.controlplane import missing

TARGETS: Final = 300


def main() -> int:
    """Run one of them; 0 when all is well, 1 when something is not."""
    parser = argparse.ArgumentParser(prog="python -m reliability", description=__doc__)
    parser.add_argument("run", choices=_RUNS)
    parser.add_argument("--seconds", type=float, help="how long")
    parser.add_argument("--faults", type=int, default=200, help="chaos: how many, if no --seconds")
    parser.add_argument("--targets", type=int, default=TARGETS, help="chaos: how many namespaces")
    parser.add_argument("--only", action="append", choices=("many", "restless", "large"))
    parser.add_argument(
        "--metacontroller",
        action="append",
        help="flood: flags to run Metacontroller with, once for each comparison",
    )
    parser.add_argument("--seed", type=int, default=None)
    asked = parser.parse_args()
    if absent := missing():
        print("Cannot start:", *absent, sep="\n  ", file=sys.stderr)
        return 1
    if asked.seed is None:
        asked.seed = random.SystemRandom().randrange(1_000_000)
    print(f"Seed {asked.seed}", flush=True)
    return _RUNS[asked.run](asked)


def _chaos(asked: argparse.Namespace) -> int:
    parts = Parts()
    with parts.running():
        world = World(parts.client, asked.targets)
        world.make()
        with Watch(parts.client, SUBJECT, world.untargeted) as watch:
            chaos = Chaos(parts, world, watch, asked.seed)
            started = time.monotonic()
            for number, each in enumerate(chaos.live(), 1):
                seconds = time.monotonic() - started
                print(
                    f"{number:4} {seconds:6.0f} s  {each.operation:12} {each.fault:28} "
                    f"after {each.after_writes:3} writes, lasted {each.lasted:5.1f} s, "
                    f"healed after {each.healed:5.1f} s {each.healing.value}, "
                    f"away {each.away:5.2f} s",
                    *(f"FAILED: {failure}" for failure in each.failures),
                    sep="\n     ",
                    flush=True,
                )
                if each.failures:
                    print(parts.logs(), file=sys.stderr)
                if seconds > asked.seconds if asked.seconds else number >= asked.faults:
                    break
            report = chaos.report
    lost = sum(each.healing is Healing.LOST_EVENT for each in report.injected)
    print(table(report.injected))
    print(f"Without a fault, a replaced copy was away for {report.undisturbed_away:.2f} s at most")
    print(
        f"{len(report.injected)} faults in {seconds:.0f} s with seed {asked.seed} "
        f"({report.missed} more came too late); {lost} healed by a resync after a lost event; "
        f"failures: {len(report.failures)}"
    )
    return 1 if report.failures else 0


_RUNS: Final[dict[str, Callable[[argparse.Namespace], int]]] = {
    "chaos": _chaos,
    "flood": flood.run,
    "soak": soak.run,
}


if __name__ == "__main__":
    sys.exit(main())

"""`make chaos`, `make flood` and `make soak`: break, flood and wear the product."""

import argparse
import random
import sys
import time
from collections.abc import Callable
from itertools import islice
from typing import Final

from tests.controlplane import TimedOut, missing
from tests.reliability import flood, soak
from tests.reliability.chaos import Chaos
from tests.reliability.history import STORED_AS_JSON
from tests.reliability.parts import Parts
from tests.reliability.rollouts import RolloutChaos
from tests.reliability.watch import Watch
from tests.reliability.world import SUBJECT, LiveCluster

TARGETS: Final = 300


def main() -> int:
    """Run one of them; 0 when all is well, 1 when something is not."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("run", choices=_RUNS)
    parser.add_argument("--seconds", type=float, help="how long")
    parser.add_argument("--faults", type=int, default=200, help="chaos: how many, if no --seconds")
    parser.add_argument(
        "--rollout-faults", type=int, default=50, help="chaos: how many more during rollouts"
    )
    parser.add_argument("--targets", type=int, default=TARGETS, help="chaos: how many namespaces")
    parser.add_argument("--only", action="append", choices=("many", "restless", "large"))
    parser.add_argument(
        "--metacontroller",
        action="append",
        help="flood: flags to run Metacontroller with, once for each comparison",
    )
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    if absent := missing():
        print("Cannot start:", *absent, sep="\n  ", file=sys.stderr)
        return 1
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1_000_000)
    print(f"Seed {options.seed}", flush=True)
    return _RUNS[options.run](options)


def _chaos(options: argparse.Namespace) -> int:
    failures = 0
    if options.seconds or options.faults:
        failures += _in_lives(options)
    if options.rollout_faults:
        failures += _in_rollouts(options)
    return 1 if failures else 0


def _in_lives(options: argparse.Namespace) -> int:
    parts = Parts()
    with parts.running():
        world = LiveCluster(parts.client, options.targets)
        world.make()
        with Watch(parts.client, SUBJECT, world.untargeted) as watch:
            chaos = Chaos(parts, world, watch, options.seed)
            started = time.monotonic()
            try:
                for each in chaos.live():
                    seconds = time.monotonic() - started
                    print(f"{len(chaos.report.injected):4} {seconds:6.0f} s  {each}", flush=True)
                    if each.failures:
                        print(parts.logs(), file=sys.stderr)
                    done = seconds if options.seconds else len(chaos.report.injected)
                    if done >= (options.seconds or options.faults):
                        break
            except TimedOut:
                print(parts.logs(), file=sys.stderr)
                raise
            finally:
                print(chaos.report)
                print(f"In {time.monotonic() - started:.0f} s with seed {options.seed}", flush=True)
    return chaos.report.failures


def _in_rollouts(options: argparse.Namespace) -> int:
    parts = Parts(STORED_AS_JSON)
    with parts.running():
        chaos = RolloutChaos(parts, options.seed)
        started = time.monotonic()
        try:
            for number, each in enumerate(islice(chaos.live(), options.rollout_faults), 1):
                print(f"{number:4} {time.monotonic() - started:6.0f} s  {each}", flush=True)
                if each.failures:
                    print(parts.logs(), file=sys.stderr)
        except TimedOut:
            print(parts.logs(), file=sys.stderr)
            raise
        finally:
            print(chaos.report)
            print(f"{chaos.rule.copies} writes of copies and {chaos.rule.statuses} of the status")
            print(f"In {time.monotonic() - started:.0f} s with seed {options.seed}", flush=True)
    return chaos.report.failures


_RUNS: Final[dict[str, Callable[[argparse.Namespace], int]]] = {
    "chaos": _chaos,
    "flood": flood.run,
    "soak": soak.run,
}


if __name__ == "__main__":
    sys.exit(main())

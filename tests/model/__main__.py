"""Draw histories for a while, and hold every one of them against what is promised.

    python -m tests.model --seconds 60 --seed 1 [--real]

Half of the time goes to each strategy. The first history that ends otherwise is shortened, written
as a story (see tests/scenarios) and named; then the exit code is 1. With `--real` the histories
run on a real control plane, one after another, and are shorter.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import Phase

from tests.controlplane import STRATEGIES, Stack
from tests.model.trial import Trial, in_memory, live, on_control_plane

_AT_ONCE = 25
_AT_ONCE_REALLY = 3
"""How many histories are drawn from one seed, before the next one is taken."""
_REAL_STEPS = 8
_MEMORY_STEPS = 20

Start = Callable[[], Trial]


@dataclass
class _Tally:
    """What has been run so far."""

    histories: int = 0
    steps: int = 0
    calls: int = 0
    most_calls: float = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def count(self, trial: Trial) -> None:
        self.histories += 1
        self.steps += trial.steps
        self.calls += trial.calls()
        self.reasons += trial.reasons
        self.most_calls = max(self.most_calls, trial.most_calls)

    def __str__(self) -> str:
        return (
            f"{self.histories} histories with {self.steps} actions, {self.calls} hook calls, "
            f"for one action at most {self.most_calls:.0f} a syncer; said were "
            + ", ".join(f"{reason} {number}" for reason, number in self.reasons.most_common())
        )


@contextmanager
def _in_memory(strategy: str) -> Iterator[Start]:
    yield lambda: in_memory(strategy)


@contextmanager
def _on_a_control_plane(strategy: str) -> Iterator[Start]:
    with Stack(strategy, components=["secrets"]) as stack:
        yield on_control_plane(stack)


def _search(start: Start, number: int, tally: _Tally, *, is_real: bool) -> Trial | None:
    """Draw some histories; the shortest one found that fails, if one does.

    On a real control plane it is the one that was found: to shorten it takes minutes there.
    """
    last: Trial | None = None

    def begin() -> Trial:
        nonlocal last
        last = start()
        return last

    try:
        live(
            begin,
            number,
            histories=_AT_ONCE_REALLY if is_real else _AT_ONCE,
            most_steps=_REAL_STEPS if is_real else _MEMORY_STEPS,
            phases=[Phase.generate] if is_real else [Phase.generate, Phase.shrink],
            then=tally.count,
        )
    except Exception as error:  # noqa: BLE001
        print(error.__cause__ or error)  # The story is a file.
        return last
    return None


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.model")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--strategy", choices=STRATEGIES, action="append")
    parser.add_argument("--into", type=Path, default=Path())
    options = parser.parse_args(arguments)
    strategies = options.strategy or STRATEGIES
    make = _on_a_control_plane if options.real else _in_memory
    for strategy in strategies:
        tally, number, failed = _Tally(), options.seed, None
        end = time.monotonic() + options.seconds / len(strategies)
        with make(strategy) as start:
            while failed is None and time.monotonic() < end:
                failed = _search(start, number, tally, is_real=options.real)
                number += 1
        where = "on a control plane" if options.real else "in memory"
        print(f"{strategy} {where}, seeds {options.seed} to {number - 1}: {tally}")
        if failed is not None:
            path = options.into / f"a-history-of-seed-{number - 1}-{strategy}.yaml"
            path.write_text(failed.story(), "utf-8")
            print(f"The history that ends otherwise: {path}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

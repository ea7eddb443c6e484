"""`make bench`: measure every ratio, and fail when one is over its limit."""

import argparse
import sys
from collections.abc import Iterator
from typing import Final

from tests.benchmarks import (
    admission,
    end_to_end,
    events,
    hook,
    hostile_validation,
    preview,
    race,
    rollout,
    validation,
    waiting,
)
from tests.benchmarks.ratio import Benchmark, Ratio
from tests.controlplane import missing

_BENCHMARKS: Final[dict[str, Benchmark]] = {
    "hook": hook.measure,
    "validation": validation.measure,
    "hostile-validation": hostile_validation.measure,
    "waiting": waiting.measure,
    "preview": preview.measure,
    "rollout": rollout.measure,
    "end-to-end": end_to_end.measure,
    "events": events.measure,
    "admission": admission.measure,
    "race": race.measure,
}

_REAL: Final = frozenset({"admission", "end-to-end", "events", "race"})
"""The benchmarks that need a real control plane."""


def main() -> int:
    """Run the benchmarks; 0 when all limits are kept, 1 when one is not."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(_BENCHMARKS)}; default all"
    )
    names: list[str] = parser.parse_args().names or list(_BENCHMARKS)
    if unknown := set(names) - _BENCHMARKS.keys():
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    broken = [ratio for ratio in _measured(names) if not ratio.is_kept]
    for ratio in broken:
        print(f"Over its limit: {ratio}", file=sys.stderr)
    return 1 if broken else 0


def _measured(names: list[str]) -> Iterator[Ratio]:
    for name in names:
        if name in _REAL and (absent := missing()):
            # A run that measured half must not look like one that measured all.
            print(f"NOT MEASURED, {name}, because there is no real control plane:")
            print("\n".join(f"  {sentence}" for sentence in absent))
            continue
        for ratio in _BENCHMARKS[name]():
            print(ratio, flush=True)
            yield ratio


if __name__ == "__main__":
    sys.exit(main())

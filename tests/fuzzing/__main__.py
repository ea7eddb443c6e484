"""`make fuzz`: put mutated requests to the hook and to the running service, for so many seconds.

Exit code 0 when all was kept, 1 when something was not; then the input is a file, and the last
lines say how to send it again. The same seed gives the same mutations, but not the same number of
them, and what the guided part makes of them depends on that.
"""

import argparse
import secrets
import sys
from pathlib import Path
from typing import Final

from tests.fuzzing import contents, decisions, edge
from tests.fuzzing.report import NotFuzzed

_PARTS: Final = {"contents": contents, "decisions": decisions, "edge": edge}
FINDINGS: Final = Path(".fuzzing")


def main() -> int:
    """Run one part or all, or replay findings of one."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"{', '.join(_PARTS)}; default all"
    )
    parser.add_argument("--seconds", type=int, default=60, help="how long each part runs")
    parser.add_argument("--seed", type=int, help="default: another one each time")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="ask what a finding asked")
    given = parser.parse_args()
    parts: list[str] = given.parts or list(_PARTS)
    if unknown := set(parts) - _PARTS.keys():
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    if given.replay:
        if len(parts) != 1:
            parser.error("say of which part the finding is")
        _PARTS[parts[0]].replay(given.replay)
        print("kept")
        return 0
    seed = secrets.randbelow(2**31) + 1 if given.seed is None else given.seed
    FINDINGS.mkdir(exist_ok=True)
    is_broken = False
    for part in parts:
        try:
            report = _PARTS[part].fuzz(given.seconds, seed, FINDINGS)
        except NotFuzzed as reason:
            # A run that did half must not look like one that did all.
            print(f"NOT FUZZED, {part}: {reason}")
            continue
        print(report, flush=True)
        is_broken |= report.is_broken
    return 1 if is_broken else 0


if __name__ == "__main__":
    sys.exit(main())

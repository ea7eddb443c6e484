"""`make mutation`: mutate the modules that decide, and fail where a change is noticed by no test.

What was run is remembered in `mutants/`, so a run that its seconds ended goes on where it was, and
only what has changed since, or survived, is run again. Exit code 1 when a survivor is not explained
in tests/mutation/explained.toml, or when what is explained there does not survive.
"""

import argparse
import contextlib
import signal
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from tests.mutation import survivors
from tests.mutation.survivors import Mutant, MutationResult

ROOT = Path(__file__).parents[2]
LONGEST_END_SECONDS = 60
"""How long mutmut may take to end what it has begun."""


def main() -> int:
    """Run the mutants of some modules or of all, and tell what became of them."""
    known = modules()
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument(
        "modules", nargs="*", metavar="MODULE", help=f"{', '.join(known)}; default all"
    )
    parser.add_argument("--seconds", type=float, help="when to end; default when all were run")
    given = parser.parse_args()
    if unknown := set(given.modules) - set(known):
        parser.error(f"there is no module {', '.join(sorted(unknown))} that is mutated")
    chosen = given.modules or known
    run(chosen, given.seconds)
    return report(list(survivors.outcomes(chosen)))


def modules() -> Sequence[str]:
    """The modules that mutmut is set to mutate."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    left_alone = settings["tool"]["mutmut"]["do_not_mutate"]
    files = [file.relative_to(ROOT) for file in sorted((ROOT / "hooks").rglob("*.py"))]
    return [
        ".".join(file.with_suffix("").parts[1:])
        for file in files
        if file.name != "__init__.py" and not any(fnmatch(str(file), each) for each in left_alone)
    ]


def run(chosen: Sequence[str], seconds: float | None) -> None:
    """Have mutmut put the mutants to the tests, for so many seconds at most."""
    # Named mutants are run again each time, and what all are is remembered, so none is named.
    survivors.ask_again(chosen)
    names = [f"hooks.{module}.*" for module in chosen] if list(chosen) != modules() else []
    mutmut = subprocess.Popen(
        [sys.executable, "-c", "from mutmut.__main__ import cli; cli()", "run", *names], cwd=ROOT
    )
    try:
        code = mutmut.wait(seconds)
    except subprocess.TimeoutExpired:
        mutmut.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            mutmut.wait(LONGEST_END_SECONDS)
        mutmut.kill()
        mutmut.wait()
    else:
        if code:
            sys.exit(f"mutmut ended with {code}")


def report(found: Sequence[MutationResult]) -> int:
    """Print the score and what has to be done; 1 when there is something."""
    explained = survivors.explained()
    alive = [mutant for outcome in found for mutant in outcome.survivors]
    unexplained = sorted(set(alive) - explained.keys())
    is_whole = {outcome.module for outcome in found if not outcome.not_run}
    stale = [
        mutant
        for mutant in explained
        if any(mutant.function.startswith(f"{module}.") for module in is_whole)
        and mutant not in alive
    ]
    for outcome in found:
        rest = f", {outcome.too_long} of them by taking too long" if outcome.too_long else ""
        rest += f", {outcome.not_run} NOT RUN" if outcome.not_run else ""
        print(f"{outcome.module}: {outcome.killed} of {outcome.run} killed{rest}")
    killed, total = (
        sum(getattr(outcome, field) for outcome in found) for field in ("killed", "run")
    )
    score = f"{100 * killed / total:.1f} %" if total else "none"
    known = len(alive) - sum(mutant in unexplained for mutant in alive)
    print(f"Score: {score} ({killed} of {total}); {known} of the survivors explained")
    _list("Survives and is not explained", unexplained)
    _list("Explained, and does not survive", stale)
    if unexplained:
        print("\nKill each with a test, or explain it in tests/mutation/explained.toml:\n")
        print("\n".join(survivors.entry(mutant) for mutant in unexplained))
    return 1 if unexplained or stale else 0


def _list(what: str, mutants: Sequence[Mutant]) -> None:
    for mutant in mutants:
        print(f"{what}: {mutant}")


if __name__ == "__main__":
    sys.exit(main())

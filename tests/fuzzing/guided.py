"""Fuzz the pure hook for a while, guided by the coverage of its code; its own process.

    python -m tests.fuzzing.guided SECONDS SEED CORPUS FINDINGS

Inputs that reach new code are added to the folder CORPUS, the one that breaks something is left in
FINDINGS, and ends it. What libFuzzer prints is what `fuzzing.decisions` reads.
"""

import sys
from random import Random

import atheris

# What judges is no part of what is judged: imported before, it is not instrumented.
import hooks.preview.simulator.hook
import hooks.preview.simulator.schema  # noqa: F401 - as the one above

with atheris.instrument_imports(include=["hooks"]):
    from tests.fuzzing.calls import LARGEST, HookCall
    from tests.fuzzing.judge import judge
    from tests.fuzzing.mutations import mutated

_MOST_MEGABYTES = 1024
_LONGEST_SECONDS = 300


def _ask(given: bytes) -> None:
    judge(HookCall.read(given))


def _mutate(given: bytes, most: int, seed: int) -> bytes:
    random = Random(seed)
    if not given or random.random() < 0.1:
        return bytes(atheris.Mutate(given, most))
    setting = random.choice((given[:1], given[:1], random.randbytes(1)))
    return (setting + mutated(given[1:], random))[:most]


def main() -> None:
    """Run libFuzzer; it ends the process itself."""
    seconds, seed, corpus, findings = sys.argv[1:]
    options = (
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        f"-max_len={2 * LARGEST}",
        f"-rss_limit_mb={_MOST_MEGABYTES}",
        f"-artifact_prefix={findings}/",
        # Its alarm must not ring while the process ends, or the finding would not be written.
        f"-timeout={_LONGEST_SECONDS}",
        "-print_final_stats=1",
    )
    atheris.Setup([sys.argv[0], *options, corpus], _ask, custom_mutator=_mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

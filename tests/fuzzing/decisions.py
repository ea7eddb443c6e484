"""Fuzz what decides: the decoder and the three hooks behind it, without HTTP.

Guided by coverage: an input that reaches new code is changed further. The first inputs are the
recorded requests of tests/cases.
"""

import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tests.fuzzing.calls import HookCall, recorded
from tests.fuzzing.judge import judge
from tests.fuzzing.report import FuzzReport, NotFuzzed

IS_MISSING: Final = find_spec("atheris") is None
_STATISTIC: Final = re.compile(r"^stat::(\w+): +(\d+)$", re.MULTILINE)
_REACHED: Final = re.compile(r" cov: (\d+) ft: (\d+) corp: (\d+)/")
_LAST_LINES: Final = 15
"""How many lines are shown of what a finding printed."""


def fuzz(seconds: int, seed: int, findings: Path) -> FuzzReport:
    """Run for so many seconds, or until an answer breaks what all must keep. Raises NotFuzzed."""
    if IS_MISSING:
        raise NotFuzzed("there is no atheris for this platform (see requirements-dev.in)")
    with tempfile.TemporaryDirectory() as name:
        corpus = Path(name)
        for call in recorded():
            given = call.written
            (corpus / hashlib.sha256(given).hexdigest()).write_bytes(given)
        first = sum(1 for _ in corpus.iterdir())
        before = set(findings.iterdir())
        command = [
            "-m",
            "tests.fuzzing.guided",
            str(seconds),
            str(seed),
            str(corpus),
            str(findings),
        ]
        run = subprocess.run(
            [sys.executable, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if run.returncode == 0 and not _REACHED.search(run.stdout):
            raise RuntimeError(f"nothing was fuzzed:\n{_last(run.stdout)}")
        sentences = list(_sentences(run.stdout, first, corpus)) if run.returncode == 0 else []
    found = tuple(sorted(set(findings.iterdir()) - before))
    if run.returncode:
        why = f"ended with {run.returncode}\n{_last(run.stdout)}"
        return FuzzReport("decisions", seed, (why,), found, is_broken=True)
    return FuzzReport("decisions", seed, tuple(sentences), found)


def replay(file: Path) -> None:
    """Ask what a finding asked. Raises what it raised."""
    judge(HookCall.read(file.read_bytes()))


def _sentences(output: str, first: int, corpus: Path) -> Iterator[str]:
    statistics = dict(_STATISTIC.findall(output))
    places, features, kept = _REACHED.findall(output)[-1]
    yield f"{int(statistics['number_of_executed_units']):,} inputs, and none broke anything"
    yield f"{first} recorded requests became {kept} inputs that each reach something of their own"
    yield f"{places} places of the bytecode reached, {features} counting how often"
    yield f"{statistics['peak_rss_mb']} MiB of memory at most"
    reached = subprocess.run(
        [sys.executable, "-m", "tests.fuzzing.reached", str(corpus)],
        capture_output=True,
        text=True,
        check=True,
    )
    yield reached.stdout.strip()


def _last(output: str) -> str:
    said = [line for line in output.splitlines() if not line.startswith(("#", "INFO:", "Base64"))]
    return "\n".join(said[-_LAST_LINES:])

"""Whether a known vulnerability is in what the locks pin, and never a yes that nobody gave.

pip-audit asks an index about every package. Where it cannot be asked, pip-audit stops with a
traceback; where the index does not know a package, it says "No known vulnerabilities found" all
the same. Here a finding fails, and everything that was not answered is reported, and fails nothing:
a check that needs the network would else be switched off where there is none.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
LOCK: Final = ROOT / "requirements-dev.txt"
"""The lock of the image is a part of it."""

_PATIENCE: Final = 60
"""Seconds for all answers together; an index that is slower is as good as none."""
_CONNECTION: Final = 5
"""Seconds for one connection: behind a firewall that says nothing, this is what a check waits."""
_WIDTH: Final = 80
"""Characters of an error's last line that say enough."""

# How pip-audit ends where the service that it asks is away, or answers with something else.
_UNANSWERED: Final = re.compile(
    r"requests\.exceptions\.|pip_audit\._service\.interface\.|JSONDecodeError"
    r"|your network may be blocking this service"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to say, and whether it is a failure."""

    is_failure: bool
    lines: Sequence[str]


def judged(answer: str, errors: str) -> Verdict:
    """What pip-audit's answer (JSON, or nothing) and its errors mean."""
    if not answer.strip():
        last = (errors.strip().splitlines() or ["it ended without a message"])[-1]
        if _UNANSWERED.search(errors):
            return _not_audited(f"no answer from the index ({last[:_WIDTH]})")
        return Verdict(is_failure=True, lines=[f"pip-audit failed: {last}"])
    packages = json.loads(answer)["dependencies"]
    found = [
        f"{package['name']} {package['version']}: {vulnerability['id']}, "
        f"mended in {', '.join(vulnerability['fix_versions']) or 'no version yet'}"
        for package in packages
        for vulnerability in package.get("vulns", ())
    ]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    not_audited = _not_audited(
        f"the index does not know {len(unknown)} of {len(packages)} packages "
        f"({', '.join(unknown[:3])}{', …' if unknown[3:] else ''})"
    )
    if found:
        advice = "Known vulnerabilities; newer versions: make lock LOCK_ARGS=--upgrade"
        return Verdict(
            is_failure=True, lines=[advice, *found, *(not_audited.lines if unknown else ())]
        )
    if unknown:
        return not_audited
    return Verdict(is_failure=False, lines=[f"No known vulnerability in {len(packages)} packages"])


def _not_audited(why: str) -> Verdict:
    return Verdict(is_failure=False, lines=[f"NOT AUDITED for vulnerabilities: {why}"])


def audited(arguments: Sequence[str]) -> Verdict:
    """Ask pip-audit about every package that the locks pin for this system."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), "--disable-pip"]
    options = ["--format", "json", "--progress-spinner", "off", "--timeout", str(_CONNECTION)]
    try:
        done = subprocess.run(
            [*command, *options, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return _not_audited(f"the index did not answer within {_PATIENCE} s")
    return judged(done.stdout, done.stderr)


def main() -> int:
    """Say what is known; 1 for a vulnerability. What is given goes to pip-audit."""
    verdict = audited(sys.argv[1:])
    for line in verdict.lines:
        print(line)
    return int(verdict.is_failure)


if __name__ == "__main__":
    sys.exit(main())

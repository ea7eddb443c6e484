"""How every test of laws is run, and what a run without Prometheus' tool says of itself."""

import shutil

import pytest
from hypothesis import settings

# The same examples every time: a red run must be red again, and a green one green. No deadline:
# how long an example takes says how busy the machine is.
settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("repeatable")

PROMTOOL = shutil.which("promtool")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", ())
    if not PROMTOOL and any("test_alerts.py" in report.nodeid for report in skipped):
        # A green run that tested nothing must not look like one that did.
        title = "ALERTS NOT TESTED: promtool is not on PATH (Debian's package prometheus has it)"
        terminalreporter.section(title, sep="!", red=True, bold=True)

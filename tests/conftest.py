"""How every test of laws is run, and what a run without a tool says of itself."""

import os
import shutil

import pytest
from hypothesis import settings

from tests import helm

# The same examples every time: a red run must be red again, and a green one green. No deadline:
# how long an example takes says how busy the machine is.
settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("repeatable")

PROMTOOL = shutil.which("promtool")
NO_ACTIONLINT = "WORKFLOWS NOT CHECKED: actionlint is not on PATH, and ACTIONLINT does not name it"


def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are processors: a test waits for a third of its time."""
    return -(-(os.cpu_count() or 1) * 3 // 2)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", ())
    if not PROMTOOL and any("test_alerts.py" in report.nodeid for report in skipped):
        # A green run that tested nothing must not look like one that did.
        title = "ALERTS NOT TESTED: promtool is not on PATH (Debian's package prometheus has it)"
        terminalreporter.section(title, sep="!", red=True, bold=True)
    if any(NO_ACTIONLINT in str(report.longrepr) for report in skipped):
        terminalreporter.section(NO_ACTIONLINT, sep="!", red=True, bold=True)
    if absent := helm.missing():
        reasons = {str(getattr(report, "longrepr", "")) for report in skipped}
        if any(absent in reason for reason in reasons):
            title = "HELM CHART NOT TESTED"
            terminalreporter.section(title, sep="!", red=True, bold=True)
            terminalreporter.write_line(absent, red=True)

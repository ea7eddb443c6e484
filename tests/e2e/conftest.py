"""The real control plane for the tests of this folder, started when the first of them asks."""

import os
import re
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.controlplane import STRATEGIES, ControlPlane, Stack, Workspace, missing
from tests.controlplane.stack import CRD, LOCAL
from tests.controlplane.tools import kubernetes_version, metacontroller, metacontroller_crds
from tests.e2e.selection import is_short
from tests.wheel import InstalledWheel, build, install_quickly

_FOLDER = Path(__file__).parent

_ON_ADOPTED = re.compile(r"(create|patch) /api/v1/namespaces/(?!default/)[^/]+/events[/:]")

DIFFERED = "differed"
"""Property of a test that played a story in both worlds: whether they differed at the end."""


NO_KSTATUS = "kstatus was not asked: "
"""How the reason begins for which tests skip that need the library kstatus."""

NO_PROMETHEUS = "prometheus is not on PATH (Debian's package prometheus has it)."
NO_KUBE_STATE_METRICS = (
    "kube-state-metrics is not on PATH, and KUBE_STATE_METRICS does not name it."
)
NO_TOOL = "a tool to migrate from is not on PATH: "
"""How the reason begins for which tests skip that need the program of another tool."""

_LACKING = (NO_KSTATUS, NO_PROMETHEUS, NO_KUBE_STATE_METRICS, NO_TOOL)
"""Why tests skip while the others of this folder run."""


def pytest_configure() -> None:
    expected = os.environ.get("KUBERNETES")
    # A run on another version than it was asked for would be reported as one that it is not.
    if expected and not missing() and (version := kubernetes_version()) != expected:
        raise pytest.UsageError(f"KUBEBUILDER_ASSETS has Kubernetes {version}, not {expected}.")


def pytest_report_header() -> str:
    """The versions that a run is about."""
    if missing():
        return "no real control plane"
    return f"Kubernetes {kubernetes_version()}, {metacontroller()}"


@pytest.hookimpl(tryfirst=True)  # pytest then puts together what shares a stack.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # A preview reads all that is there, so it comes before others leave theirs.
    items.sort(key=lambda item: item.path != _FOLDER / "test_preview.py")
    for item in items:
        if item.path.parent == _FOLDER and is_short(item.nodeid.rpartition("/")[2]):
            item.add_marker(pytest.mark.short)
    if absent := missing():
        skip = pytest.mark.skip(reason=" ".join(absent))
        for item in items:
            if _FOLDER in item.path.parents:
                item.add_marker(skip)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [each for ended in terminalreporter.stats.values() for each in ended]
    if compared := [
        differed
        for report in reports
        for name, differed in getattr(report, "user_properties", ())
        if name == DIFFERED and report.when == "call"
    ]:
        terminalreporter.write_line(
            f"Stories compared between the simulator and the real control plane: {len(compared)}, "
            f"of which differed: {sum(compared)}"
        )
    # A green run that tested nothing must not look like one that did.
    if absent := missing():
        title = "END-TO-END TESTS SKIPPED: no real control plane was tested"
        terminalreporter.section(title, sep="!", red=True, bold=True)
        for sentence in absent:
            terminalreporter.write_line(sentence, red=True)
    elif skipped := {
        reason for each in reports if any(lacking in (reason := _why(each)) for lacking in _LACKING)
    }:
        title = "TESTS SKIPPED: something that they need is not here"
        terminalreporter.section(title, sep="!", red=True, bold=True)
        for reason in sorted(skipped):
            terminalreporter.write_line(reason, red=True)


def _why(report: object) -> str:
    """Why a test was skipped; empty where it was not."""
    place = getattr(report, "longrepr", None)
    return str(place[2]) if getattr(report, "skipped", False) and isinstance(place, tuple) else ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    stack = item.funcargs.get("stack") if isinstance(item, pytest.Function) else None
    if report.failed and isinstance(stack, Stack):
        # The stack is gone, with its logs, before anybody reads the report.
        report.sections.append(("Metacontroller and hook", stack.logs()))
    return report


@pytest.fixture(scope="module")
def fresh() -> Iterator[ControlPlane]:
    """A cluster in which Metacontroller is installed and nothing of ours."""
    with Workspace() as workspace:
        plane = ControlPlane(workspace)
        try:
            plane.start(crds=[metacontroller_crds()])
            yield plane
        finally:
            plane.close()


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """An API server with our CRD, without Metacontroller: nobody but the test writes."""
    with Workspace() as workspace:
        plane = ControlPlane(workspace)
        try:
            plane.start(crds=[CRD])
            yield plane
        finally:
            plane.close()


@pytest.fixture(scope="session", params=STRATEGIES)
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The whole product with Secrets under one apply strategy, shared by the tests of a session.

    A parameter that is no mere strategy has the folder that is registered and the hook's settings
    behind it. Whatever the tests made Metacontroller do, its role must have allowed it.
    """
    parameter: tuple[str, str, *tuple[tuple[str, str], ...]]
    parameter = (request.param, LOCAL) if isinstance(request.param, str) else request.param
    strategy, registration, *settings = parameter
    with Stack(
        strategy,
        hook_settings=dict(settings),
        components=["secrets"],
        audited=True,
        registration=registration,
    ) as running:
        yield running
        # What adoption could not do would be an event on the object, where it may write none.
        assert [line for line in running.refused() if not _ON_ADOPTED.match(line)] == []


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> InstalledWheel:
    """The plugin from the wheel that is built of this checkout."""
    folder = tmp_path_factory.mktemp("plugin")
    return install_quickly(build(folder), folder / "venv")

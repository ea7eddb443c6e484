"""The real control plane for the tests of this folder, started when the first of them asks."""

import re
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.controlplane import STRATEGIES, ControlPlane, Stack, Workspace, missing
from tests.controlplane.stack import CRD, LOCAL

_FOLDER = Path(__file__).parent
_ON_ADOPTED = re.compile(r"(create|patch) /api/v1/namespaces/(?!default/)[^/]+/events[/:]")

COMPARED = pytest.StashKey[list[bool]]()
"""For every story that was lived through in both worlds, whether they differed at the end."""


UNBUILT = pytest.StashKey[str]()
"""Why kstatus could not be built; empty where it could, or was not wanted."""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[COMPARED] = []
    config.stash[UNBUILT] = ""


@pytest.hookimpl(tryfirst=True)  # pytest then puts together what shares a stack.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # A preview reads all that is there, so it comes before others leave theirs.
    items.sort(key=lambda item: item.path != _FOLDER / "test_preview.py")
    if absent := missing():
        skip = pytest.mark.skip(reason=" ".join(absent))
        for item in items:
            if _FOLDER in item.path.parents:
                item.add_marker(skip)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if compared := config.stash[COMPARED]:
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
    elif config.stash[UNBUILT]:
        title = "TESTS SKIPPED: kstatus was not asked"
        terminalreporter.section(title, sep="!", red=True, bold=True)
        terminalreporter.write_line(config.stash[UNBUILT], red=True)


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
    told: tuple[str, str, *tuple[tuple[str, str], ...]]
    told = (request.param, LOCAL) if isinstance(request.param, str) else request.param
    strategy, registration, *settings = told
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

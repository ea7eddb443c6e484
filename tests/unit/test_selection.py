"""The short selection of end-to-end tests names tests that exist, and runs on what the docs say."""

import re
from pathlib import Path

import pytest

from tests.documents import IN_A_CLUSTER
from tests.e2e.selection import SHORT, is_short
from tests.scenarios.story import Story, paths

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/versions.md").read_text("utf-8")
STORY = "test_scenarios.py::test_a_story_ends_on_a_control_plane_as_it_does_in_memory"
DOCUMENT = "test_readme.py::test_the_commands_of_a_document_print_what_it_shows"
# The ids of tests with parameters of which not all are selected.
IDS = {
    STORY: {
        f"{story.name}-{strategy}"
        for story in map(Story.read, paths())
        for strategy in story.strategies
    },
    DOCUMENT: set(IN_A_CLUSTER),
}


@pytest.mark.parametrize("test", SHORT)
def test_every_selected_test_exists(test: str) -> None:
    file, _, name = test.partition("::")
    assert f"\ndef {name}(" in (ROOT / "tests/e2e" / file).read_text("utf-8")


def test_every_selected_id_exists() -> None:
    selected = {test: set(ids) for test, ids in SHORT.items() if ids is not None}
    assert selected.keys() == IDS.keys()
    assert [(test, ids - IDS[test]) for test, ids in selected.items() if ids - IDS[test]] == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("test_role.py::test_every_right_is_used_and_no_request_is_refused", True),
        ("test_crds.py::test_a_sensible_syncer_is_accepted[of-any-name]", True),
        (f"{DOCUMENT}[README.md]", True),
        (f"{DOCUMENT}[docs/uninstall.md]", False),
        (f"{STORY}[label-of-another-tool-stays-on-a-copy-server-side-apply]", True),
        (f"{STORY}[label-of-another-tool-stays-on-a-copy-dynamic-apply]", False),
        ("test_local.py::test_of_another_file", False),
    ],
)
def test_a_test_is_selected_by_its_name_and_its_id(name: str, expected: bool) -> None:
    assert is_short(name) is expected


def test_ci_runs_on_the_versions_of_kubernetes_that_the_docs_name() -> None:
    row = re.compile(r"^\| Kubernetes ([\d.]+) \| (all|selection) \| `\.ci/run`", re.MULTILINE)
    rows = row.findall(PAGE)
    ci = (ROOT / ".ci/run").read_text("utf-8")
    everything = re.findall(r"make e2e KUBERNETES=(\S+)", ci)
    selection = re.findall(r"make e2e-short KUBERNETES=(\S+)", ci)
    ran = {"all": everything, "selection": selection}
    assert sorted(rows) == sorted((version, kind) for kind in ran for version in ran[kind])

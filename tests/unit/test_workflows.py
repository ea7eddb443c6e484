"""The workflows of GitHub pin what they use, ask for few rights, and run on the versions we name.

actionlint judges them where it is on PATH, or ACTIONLINT names it.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import NO_ACTIONLINT

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github/workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
IDS = [path.name for path in WORKFLOWS]
CI = yaml.safe_load((FOLDER / "ci.yml").read_text("utf-8"))
RELEASE = yaml.safe_load((FOLDER / "release.yml").read_text("utf-8"))


def _jobs() -> Iterator[Any]:
    for path in WORKFLOWS:
        for name, job in yaml.safe_load(path.read_text("utf-8"))["jobs"].items():
            yield pytest.param(job, id=f"{path.name} {name}")


def actionlint(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    path = shutil.which(os.environ.get("ACTIONLINT") or "actionlint")
    if path is None:
        pytest.skip(NO_ACTIONLINT)
    return subprocess.run([path, *arguments], check=False, capture_output=True, text=True, cwd=ROOT)


def test_actionlint_finds_nothing() -> None:
    judged = actionlint(*WORKFLOWS)
    assert (judged.returncode, judged.stdout) == (0, "")


def test_actionlint_would_find_a_mistake(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text((FOLDER / "ci.yml").read_text("utf-8").replace("matrix.tests", "matrix.test"))
    assert 'property "test" is not defined' in actionlint(wrong).stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=IDS)
def test_every_action_is_pinned_by_digest_and_names_its_version(path: Path) -> None:
    used = re.findall(r"^ +(?:- )?uses: (.+)$", path.read_text("utf-8"), re.MULTILINE)
    pinned = re.compile(
        r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\./\.github/workflows/\w+\.yml"
    )
    assert used
    assert [each for each in used if not pinned.fullmatch(each)] == []


def test_an_action_is_used_in_one_version() -> None:
    texts = "".join(path.read_text("utf-8") for path in WORKFLOWS)
    versions = set(re.findall(r"uses: ([\w.-]+/[\w./-]+)@(\w+) # (\S+)", texts))
    assert len(versions) == len({action for action, *_ in versions})


@pytest.mark.parametrize("path", WORKFLOWS, ids=IDS)
def test_a_workflow_says_that_it_has_not_been_run(path: Path) -> None:
    assert "has not been run yet" in " ".join(path.read_text("utf-8").replace("\n#", "").split())


def test_a_workflow_may_read_and_no_more_unless_a_job_says_so() -> None:
    assert CI["permissions"] == {"contents": "read"}
    assert RELEASE["permissions"] == {}
    assert {
        name: job["permissions"] for name, job in CI["jobs"].items() if "permissions" in job
    } == {}
    assert {
        name: {right for right, access in job["permissions"].items() if access == "write"}
        for name, job in RELEASE["jobs"].items()
    } == {
        "version": set(),
        "ci": set(),
        "image": {"packages", "id-token"},
        "chart": {"packages", "id-token"},
        "package": {"id-token"},
        "release": {"contents"},
    }


def test_a_release_does_not_wait_for_the_tests_that_wait_for_it() -> None:
    # A workflow that is called has the caller's name, and case makes no group another one.
    groups = [
        workflow["concurrency"]["group"]
        .replace("${{ github.workflow }}", RELEASE["name"])
        .replace("${{ github.ref }}", "refs/tags/v1.2.3")
        .lower()
        for workflow in (CI, RELEASE)
    ]
    assert groups == ["ci-release-refs/tags/v1.2.3", "release-refs/tags/v1.2.3"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=IDS)
def test_a_script_ends_where_a_part_of_a_pipe_fails(path: Path) -> None:
    # GitHub gives pipefail only to a shell that is named.
    workflow = yaml.safe_load(path.read_text("utf-8"))
    assert workflow["defaults"] == {"run": {"shell": "bash"}}


def test_the_names_of_what_is_published_have_no_capital_letters(tmp_path: Path) -> None:
    jobs = RELEASE["jobs"]
    for job, name in (("image", "IMAGE"), ("chart", "CHARTS")):
        assert jobs[job]["env"][name].startswith("ghcr.io/${{ needs.version.outputs.owner }}/")
    (script,) = (step["run"] for step in jobs["version"]["steps"] if step.get("id") == "version")
    (tmp_path / "pyproject.toml").write_text('version = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text("## [1.2.3]\n")
    settings = {"GITHUB_REPOSITORY_OWNER": "Example-Org", "GITHUB_REF_NAME": "v1.2.3"}
    subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        check=True,
        capture_output=True,
        cwd=tmp_path,
        env=os.environ | settings | {"GITHUB_OUTPUT": str(tmp_path / "output")},
    )
    assert (tmp_path / "output").read_text() == "version=1.2.3\nowner=example-org\n"


@pytest.mark.parametrize("job", list(_jobs()))
def test_a_job_ends_in_time_and_leaves_no_credentials_behind(job: Any) -> None:
    assert "timeout-minutes" in job or job["uses"] == "./.github/workflows/ci.yml"
    checkouts = [
        step
        for step in job.get("steps", ())
        if step.get("uses", "").startswith("actions/checkout@")
    ]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("job", list(_jobs()))
def test_no_expression_is_a_part_of_a_script(job: Any) -> None:
    # What stands in it would run as a command; a script reads an environment variable.
    assert [step["run"] for step in job.get("steps", ()) if "${{" in step.get("run", "")] == []


def test_the_end_to_end_tests_run_on_the_versions_that_the_docs_name() -> None:
    page = (ROOT / "docs/versions.md").read_text("utf-8")
    rows = re.findall(r"^\| Kubernetes (\d+\.\d+\.\d+) \| (all|selection) \|", page, re.MULTILINE)
    named = {"e2e": "all", "e2e-short": "selection"}
    matrix = CI["jobs"]["e2e"]["strategy"]["matrix"]["include"]
    assert sorted((each["kubernetes"], named[each["tests"]]) for each in matrix) == sorted(rows)


def test_the_end_to_end_tests_use_the_metacontroller_that_is_shipped() -> None:
    shipped = ROOT / "metacontroller/components/metacontroller/deployment.yaml"
    (container,) = yaml.safe_load(shipped.read_text("utf-8"))["spec"]["template"]["spec"][
        "containers"
    ]
    assert CI["jobs"]["e2e"]["env"]["METACONTROLLER_IMAGE"] == container["image"]


def test_every_command_of_make_in_a_workflow_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    jobs = CI["jobs"]
    named = {each["tests"] for each in jobs["e2e"]["strategy"]["matrix"]["include"]}
    named |= set(jobs["test"]["strategy"]["matrix"]["tests"])
    texts = "".join(path.read_text("utf-8") for path in WORKFLOWS)
    named |= set(re.findall(r"\bmake ([a-z][a-z0-9-]*)", texts))
    assert named <= set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))
    assert named >= {"check", "test", "test-long", "e2e", "e2e-short", "sbom"}

"""`make test-changed` chooses the tests of what is not committed, and says when there are none."""

import subprocess
from pathlib import Path

import pytest

from tools import changed_tests
from tools.changed_tests import changed, touched

RECORDED = "tests/unit/test_cases.py::test_the_answer_is_the_recorded_one"
STRUCTURE = "tests/unit/test_structure.py"


@pytest.mark.parametrize(
    ("file", "chosen"),
    [
        pytest.param(
            "hooks/spec/globs.py",
            {RECORDED, STRUCTURE, "tests/unit/test_globs.py"},
            id="a module of the hook",
        ),
        pytest.param(
            "hooks/preview/output/diff.py",
            {STRUCTURE, "tests/preview/test_diff.py", "tests/preview/test_golden.py"},
            id="a module of the preview",
        ),
        pytest.param(
            "tests/scenarios/copy-is-no-source.yaml",
            {"tests/unit/test_scenarios.py"},
            id="a scenario",
        ),
        pytest.param(
            "tests/scenarios/story.py",
            {STRUCTURE, "tests/unit/test_scenarios.py", "tests/unit/test_model.py"},
            id="a helper that another helper imports",
        ),
        pytest.param("tests/crds/valid/new.yaml", {"tests/unit/test_crds.py"}, id="a manifest"),
        pytest.param("docs/new.md", {"tests/unit/test_docs.py"}, id="a page"),
        pytest.param("Dockerfile", {"tests/install/test_image.py"}, id="a file that a test names"),
    ],
)
def test_the_tests_of_a_changed_file_are_chosen(file: str, chosen: set[str]) -> None:
    assert chosen <= set(touched([file]))


def test_a_test_that_changed_is_chosen_alone() -> None:
    file = "tests/unit/test_globs.py"
    assert touched([file]) == [file, STRUCTURE]


def test_a_part_of_a_module_that_is_chosen_is_not_chosen_twice() -> None:
    chosen = touched(["tests/unit/test_cases.py", "hooks/spec/globs.py"])
    assert "tests/unit/test_cases.py" in chosen
    assert RECORDED not in chosen


def test_tests_that_need_a_cluster_are_left_to_make_e2e() -> None:
    assert touched(["tests/e2e/test_crds.py"]) == [STRUCTURE]


def test_what_no_test_knows_of_chooses_none() -> None:
    assert touched([f"LICENSE.{Path(__file__).stem[::-1]}"]) == []


def test_a_file_is_changed_until_it_is_committed(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "--quiet")
    (tmp_path / "kept").touch()
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-m", "first")
    assert changed(tmp_path) == []
    (tmp_path / "kept").write_text("edited", "utf-8")
    (tmp_path / "new folder").mkdir()
    (tmp_path / "new folder" / "a file").touch()
    assert changed(tmp_path) == ["kept", "new folder/a file"]


def test_nothing_is_run_where_nothing_is_touched(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(changed_tests, "changed", list)
    assert changed_tests.main([]) == 0
    assert capsys.readouterr().out == "No test is touched by what is not committed.\n"


def test_what_is_touched_is_run_and_its_result_is_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given: list[list[str]] = []

    def run(arguments: list[str]) -> int:
        given.append(arguments)
        return 1

    file = "tests/unit/test_globs.py"
    monkeypatch.setattr(changed_tests, "changed", lambda: [file])
    monkeypatch.setattr(pytest, "main", run)
    assert changed_tests.main(["-x"]) == 1
    assert given == [["-m", "not long", "-x", file, STRUCTURE]]
    assert capsys.readouterr().out == f"Touched: {file} {STRUCTURE}\n"

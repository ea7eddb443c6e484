"""The command lines keep kubectl's conventions, and a mistake is answered with what is right."""

from pathlib import Path

import pytest

from hooks.cli import parser
from hooks.cli.parser import MODULE, PLUGIN, Program
from tests.preview.in_process import OBJECTS, SYNCER, Run, runner


@pytest.fixture
def preview(monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in this process."""
    return runner(monkeypatch)


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    (tmp_path / "syncer.yaml").write_text(SYNCER)
    (tmp_path / "objects.yaml").write_text(OBJECTS)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str, program: Program = PLUGIN) -> str:
    """The last line of what is said about a mistake in the arguments."""
    with pytest.raises(SystemExit) as ended:
        parser.parse(program, arguments)
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "html"], '-o/--output: "html" is none of table, wide, diff, plan, yaml, json'),
        (["--cascade", "all"], '--cascade: "all" is none of background, foreground, orphan'),
        (
            ["--fail-on", "x"],
            '--fail-on: "x" is none of deletion, take-over, no-targets, invalid-content, change',
        ),
        (
            ["--apply-strategy", "x"],
            '--apply-strategy: "x" is none of server-side-apply, dynamic-apply',
        ),
    ],
)
def test_a_mistaken_choice_is_answered_with_the_choices(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    line = refused(capsys, "preview", *arguments)
    assert line == f"kubectl cmsync preview: error: argument {said}"


def test_a_change_does_not_swallow_what_follows() -> None:
    options = parser.parse(MODULE, ["preview", "--change", "a", "--change", "b", "c", "d"])
    assert (options.change, options.path) == (["a", "b"], ["c", "d"])


def test_a_second_path_after_a_change_is_answered_with_how_to_repeat_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert refused(capsys, "preview", "given", "--change", "a", "b", program=MODULE) == (
        "python -m hooks preview: error: unrecognized arguments: b; --change takes one PATH, a "
        "file or a folder, and can be repeated"
    )


def test_options_are_not_abbreviated(capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, "preview", "--out=yaml")
    assert line == "kubectl cmsync preview: error: unrecognized arguments: --out=yaml"


def test_without_a_path_the_module_does_not_guess_which_cluster_is_meant(preview: Run) -> None:
    done = preview("--change", "a")
    assert (done.status, done.printed) == (2, "")
    assert done.complained.endswith("error: the following arguments are required: PATH\n")


def test_filename_is_another_way_to_give_a_path(preview: Run, deploy: Path) -> None:
    both = preview("-f", deploy / "syncer.yaml", deploy / "objects.yaml", "-o", "json")
    either = preview(
        "-f", deploy / "syncer.yaml", "--filename", deploy / "objects.yaml", "-o", "json"
    )
    assert both.status == either.status == 0
    assert preview(deploy).status == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--prune"], "--prune needs --change"),
        (["--watch", "--fail-on", "change"], "--watch does not end, so there is no exit status"),
        (["--context", "c"], "--context and --kubeconfig are for reading the cluster"),
        (["--delete", "pod/a"], "argument --delete: pod/a: no such kind; the kinds are Namespace"),
        (["--delete", "cm/a/b/c"], "argument --delete: cm/a/b/c: write ConfigMap/[NAMESPACE/]NAME"),
        (["--delete", "ns/a/b"], "argument --delete: ns/a/b: write KIND/NAME"),
    ],
)
def test_what_does_not_go_together_is_refused(
    preview: Run, deploy: Path, arguments: list[str], said: str
) -> None:
    done = preview(deploy, *arguments)
    assert (done.status, done.printed) == (2, "")
    assert f"error: {said}" in done.complained


def test_the_namespace_is_that_of_deletions_and_of_manifests_that_name_none(
    preview: Run, deploy: Path
) -> None:
    (deploy / "more.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\n")
    done = preview(
        *(deploy, "-n", "shared", "-o", "diff"),
        *("--delete", "cm/more", "--delete", "cm/shared/settings"),
    )
    assert (done.status, done.complained) == (1, "")
    assert [line for line in done.printed.splitlines() if line.startswith("- ConfigMap ")] == [
        "- ConfigMap shared/more",
        "- ConfigMap shared/settings",
    ]


def test_wide_shows_every_column(preview: Run, deploy: Path) -> None:
    done = preview(deploy, "-o", "wide")
    assert done.status == 0
    assert done.printed.splitlines()[0].split()[-5:] == [
        *("AGE", "PENDING", "ROLLOUT", "STAGE", "MESSAGE")
    ]
    assert "MESSAGE" not in preview(deploy).printed

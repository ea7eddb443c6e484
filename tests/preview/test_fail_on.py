"""`--fail-on`: what a pull request must not do unseen ends with 3."""

from pathlib import Path

import pytest

from tests.preview.in_process import OBJECTS, SYNCER, Run, masked

SELECTING = SYNCER.replace("targetNamespaces: [dev]", "namespaceSelector: {team: pay}")
RENAMED = SYNCER.replace("targetNamespaces", "targetName: other\n  targetNamespaces")
IN_THE_WAY = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: dev}
data: {theirs: "1"}
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """What is there: a syncer that serves two namespaces by their label."""
    file = tmp_path / "old.yaml"
    file.write_text(f"{SELECTING}---\n{OBJECTS}")
    return file


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "new.yaml"
    file.write_text(text)
    return file


TYPO = SELECTING.replace("pay", "pya")


@pytest.mark.parametrize("output", ["table", "diff", "plan", "yaml", "json"])
@pytest.mark.parametrize(
    "new",
    [
        pytest.param(TYPO, id="a typo in a selector"),
        pytest.param(f"{TYPO}  pruneLimit: 100%\n", id="and nothing holds it"),
        pytest.param(f"{TYPO}  pruneLimit: 0\n", id="and it is held"),
        pytest.param(f"{TYPO}  suspend: true\n", id="and all is suspended"),
        pytest.param(
            SELECTING.replace("{team: pay}", "{key: team, operator: Exists}"),
            id="an expression without matchExpressions",
        ),
        pytest.param(SYNCER, id="one target less"),
        pytest.param(f"{SYNCER}  excludeNamespaces: [dev]\n", id="a spec that contradicts itself"),
        pytest.param(SELECTING.replace("{team", "{matchLabels: {}, team"), id="a mixed selector"),
        pytest.param(RENAMED, id="copies of another name"),
    ],
)
def test_no_change_that_takes_copies_away_ends_with_0(
    run: Run, old: Path, tmp_path: Path, new: str, output: str
) -> None:
    ended = run(old, "--change", written(tmp_path, new), "-o", output, "--fail-on", "deletion")
    assert ended.status in (1, 2, 3)


def test_every_deletion_is_named_next_to_what_is_printed(
    run: Run, old: Path, tmp_path: Path
) -> None:
    new = written(tmp_path, f"{SYNCER}  pruneLimit: 100%\n")
    ended = run(old, "--change", new, "--fail-on", "deletion")
    assert ended.status == 3
    assert ended.complained == "--fail-on deletion: ConfigMap prod/settings is deleted\n"
    assert masked(run(old, "--change", new).printed) == masked(ended.printed)
    assert run(old, "--change", new).status == 0


def test_a_held_deletion_is_one_too(run: Run, old: Path, tmp_path: Path) -> None:
    new = written(tmp_path, f"{SYNCER}  pruneLimit: 0\n")
    said = "--fail-on deletion: ConfigMapSyncer team: "
    ended = run(old, "--change", new, "--fail-on", "deletion")
    assert (ended.status, ended.complained) == (3, f"{said}copies are held back from deletion\n")
    ended = run(old, "--change", new, "--fail-on", "deletion", "--output", "plan")
    assert (ended.status, ended.complained) == (
        3,
        f"{said}1 copy would be held back from deletion\n",
    )
    assert run(old, "--change", new, "--output", "plan").status == 1


@pytest.mark.parametrize("output", ["table", "plan"])
def test_a_manifest_that_is_gone_deletes_where_that_is_said(
    run: Run, old: Path, tmp_path: Path, output: str
) -> None:
    new = written(tmp_path, OBJECTS)
    arguments = [old, "--change", new, "--fail-on", "deletion", "--output", output]
    assert run(*arguments).status == 0
    ended = run(*arguments, "--prune")
    assert ended.status == 3
    assert ended.complained.splitlines() == [
        "--fail-on deletion: ConfigMap dev/settings is deleted",
        "--fail-on deletion: ConfigMap prod/settings is deleted",
    ]


def test_an_object_that_is_only_in_a_dump_is_not_pruned(
    run: Run, old: Path, tmp_path: Path
) -> None:
    dump = tmp_path / "dump.json"
    dump.write_text(run(old, "-o", "json").printed)
    ended = run(dump, "--change", written(tmp_path, OBJECTS), "--prune", "--fail-on", "change")
    assert (ended.status, ended.complained) == (0, "")


def test_taking_over_objects_of_others_is_noticed(run: Run, tmp_path: Path) -> None:
    given = f"{SYNCER}  conflictPolicy: Overwrite\n---\n{OBJECTS}---\n{IN_THE_WAY}"
    ended = run("-", "--fail-on", "take-over", given=given)
    assert (ended.status, ended.complained) == (
        3,
        "--fail-on take-over: ConfigMap dev/settings is taken over\n",
    )
    ended = run("-", "--fail-on", "take-over", "--output", "plan", given=given)
    assert (ended.status, ended.complained) == (
        3,
        "--fail-on take-over: ConfigMap dev/settings would be taken over\n",
    )
    ours = given.replace("namespace: dev}", "namespace: dev, labels: {synced-by: team}}")
    assert run("-", "--fail-on", "take-over", given=ours).status == 0


def test_a_syncer_without_targets_is_noticed(run: Run) -> None:
    given = f"{TYPO}---\n{OBJECTS}"
    assert run("-", given=given).status == 0
    ended = run("-", "--fail-on", "no-targets", given=given)
    assert (ended.status, ended.complained) == (
        3,
        "--fail-on no-targets: ConfigMapSyncer team selects no namespace\n",
    )


def test_every_change_of_a_copy_is_noticed_and_nothing_else(
    run: Run, old: Path, tmp_path: Path
) -> None:
    fail_on = ("--fail-on", "change")
    assert run(old, "--change", old, *fail_on).status == 0
    assert (
        run(old, "--change", written(tmp_path, TYPO.replace("team\n", "b\n")), *fail_on).status == 0
    )
    new = written(tmp_path, OBJECTS.replace("info", "debug"))
    ended = run(old, "--change", new, *fail_on)
    assert (ended.status, ended.complained.splitlines()) == (
        3,
        [
            "--fail-on change: the copy dev/settings of team is updated",
            "--fail-on change: the copy prod/settings of team is updated",
        ],
    )
    ended = run(old, "--change", new, *fail_on, "-o", "plan")
    assert (ended.status, ended.complained) == (
        3,
        "--fail-on change: ConfigMapSyncer team: 2 copies would be updated\n",
    )


def test_several_can_be_named_in_one_word_or_more(run: Run) -> None:
    given = f"{TYPO}---\n{OBJECTS}"
    for words in (["deletion,no-targets"], ["deletion", "--fail-on", "no-targets"]):
        assert run("-", "--fail-on", *words, given=given).status == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--fail-on", "deletions"],
            (
                '--fail-on: "deletions" is none of deletion, take-over, no-targets, '
                "invalid-content, change"
            ),
        ),
        (["--fail-on", "change", "--watch"], "--watch does not end, so there is no exit status"),
        (["--prune"], "--prune needs --change"),
    ],
)
def test_what_makes_no_sense_ends_with_2(run: Run, arguments: list[str], said: str) -> None:
    ended = run("examples", *arguments)
    assert ended.status == 2
    assert said in ended.complained

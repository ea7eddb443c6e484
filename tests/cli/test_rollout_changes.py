"""What changes a rollout: it is shown, it is asked for, and it is exactly what was shown."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hooks.rollout.types import FAILURES_LIMIT
from tests.cli import rollouts
from tests.cli.conftest import Plugin
from tests.cli.fake_kubectl import FakeKubectl
from tests.cli.rollouts import EARLY, REST, Settled, syncer_in

SYNCERS = "configmapsyncers.config.example.com"
APPROVE = "config.example.com/approve-rollout"
FIRST = {"name": "first", "targetNamespaces": ["dev"], "approval": "Manual"}
OTHER = "0123456789abcdef"


@pytest.fixture
def syncer(kubectl: FakeKubectl, settled: Settled, tmp_path: Path) -> dict[str, Any]:
    """A syncer whose rollout waits for approval in its first stage."""
    kubectl.objects = rollouts.changed(settled, tmp_path, (FIRST, EARLY, REST))
    return syncer_in(kubectl.objects)


def recorded(syncer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = syncer["status"]["rollout"]
    return found


def shown(syncer: dict[str, Any], last: str, stage: str = "first (1 of 3, 1 target)") -> list[str]:
    return [
        "The rollout of ConfigMapSyncer team waits for approval:",
        f"    update revision: {recorded(syncer)['updateRevision']}",
        f"    stable revision: {recorded(syncer)['stableRevision']}",
        f"    stage: {stage}",
        "    targets with the update revision: 1 of 3",
        last,
    ]


GOES_ON = "    if approved: the rollout goes on, with stage early (2 of 3, 1 target)"


def annotations(cluster: FakeKubectl) -> list[list[str]]:
    return [call for call in cluster.calls if call[0] == "annotate"]


def patches(cluster: FakeKubectl) -> list[object]:
    patch = [call[-1].removeprefix("--patch=") for call in cluster.calls if call[0] == "patch"]
    return [json.loads(each) for each in patch]


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "status team --watch -o json",
        "rollout status team --watch",
        "rollout approve team --yes",
        "rollout pause team",
        "rollout history team",
    ],
)
def test_a_full_disk_is_named(
    command: str, kubectl: FakeKubectl, syncer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert recorded(syncer)["phase"] == "AwaitingApproval"
    kubectl.install(monkeypatch)
    started = "from hooks.cli.main import plugin; raise SystemExit(plugin())"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", started, *command.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    message = "The result cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, message)


def test_a_step_is_shown_and_then_approved_with_the_token_that_was_shown(
    plugin: Plugin, kubectl: FakeKubectl, syncer: dict[str, Any]
) -> None:
    done = plugin("rollout", "approve", "team", "--yes", "--context", "one")
    assert (done.status, done.complained) == (0, "")
    assert done.printed.splitlines() == [
        *shown(syncer, GOES_ON),
        (
            "The step is approved; watch it with: kubectl cmsync rollout status team --watch "
            "--context=one"
        ),
    ]
    assert annotations(kubectl) == [
        [
            *("annotate", SYNCERS, "team", f"{APPROVE}={recorded(syncer)['approvalToken']}"),
            "--overwrite",
            f"--resource-version={syncer['metadata']['resourceVersion']}",
            "--context=one",
        ]
    ]


def test_tokens_that_are_listed_stay_because_a_halt_may_still_need_them(
    plugin: Plugin, kubectl: FakeKubectl, syncer: dict[str, Any]
) -> None:
    token = recorded(syncer)["approvalToken"]
    syncer["metadata"]["annotations"] = {APPROVE: f" {OTHER} ,\x1b[2J,{OTHER}"}
    assert plugin("rollout", "approve", "team", "-y").status == 0
    assert annotations(kubectl)[0][3] == f"{APPROVE}={OTHER},{token}"


def test_only_so_many_tokens_are_listed_as_the_hook_reads(
    plugin: Plugin, kubectl: FakeKubectl, syncer: dict[str, Any]
) -> None:
    listed = [f"{number:016x}" for number in range(25)]
    syncer["metadata"]["annotations"] = {APPROVE: ",".join(listed)}
    assert plugin("rollout", "approve", "team", "-y").status == 0
    tokens = annotations(kubectl)[0][3].partition("=")[2].split(",")
    assert tokens == [*listed[1:20], recorded(syncer)["approvalToken"]]


@pytest.mark.parametrize(("conflicts", "status", "tries"), [(2, 0, 3), (9, 2, 5)])
def test_an_edit_in_between_is_not_overwritten(
    plugin: Plugin,
    kubectl: FakeKubectl,
    syncer: dict[str, Any],
    conflicts: int,
    status: int,
    tries: int,
) -> None:
    kubectl.conflicts = conflicts
    done = plugin("rollout", "approve", "team", "--yes")
    assert (done.status, len(annotations(kubectl))) == (status, tries)
    assert ("the object has been modified" in done.complained) is (status == 2)


@pytest.mark.parametrize(
    ("answer", "status"), [("y\n", 0), ("YES\n", 0), ("n\n", 1), ("\n", 1), ("", 1)]
)
def test_nothing_is_approved_without_a_yes(
    plugin: Plugin,
    kubectl: FakeKubectl,
    syncer: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    status: int,
) -> None:
    monkeypatch.setattr("hooks.cli.confirmation.can_answer", lambda: True)
    done = plugin("rollout", "approve", "team", given=answer)
    assert done.status == status
    assert done.complained == "Approve this step of team? [y/N] "
    assert bool(annotations(kubectl)) is (status == 0)


def test_a_rollout_that_goes_on_while_it_is_shown_is_not_approved(
    plugin: Plugin,
    kubectl: FakeKubectl,
    syncer: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer() -> bool:
        recorded(syncer)["approvalToken"] = OTHER
        kubectl.write()
        return True

    monkeypatch.setattr("hooks.cli.confirmation.can_answer", answer)
    done = plugin("rollout", "approve", "team", given="y\n")
    assert (done.status, annotations(kubectl)) == (2, [])
    assert done.complained.endswith(
        "The rollout of ConfigMapSyncer team has gone on in the meantime, so nothing is approved: "
        "look at its status again\n"
    )


def test_a_halt_is_shown_with_the_namespaces_that_fail(
    plugin: Plugin, syncer: dict[str, Any]
) -> None:
    failure = {
        "namespace": "dev",
        "reason": "RolloutFailed",
        "message": "Broken \x1b[2J.\n    if approved: nothing",
    }
    recorded(syncer).update(phase="Halted", failures=[failure])
    done = plugin("rollout", "approve", "team", "--yes")
    assert done.status == 0
    lines = done.printed.splitlines()
    assert lines[0] == "The rollout of ConfigMapSyncer team is halted:"
    assert lines[-3:-1] == [
        "    fails: dev: RolloutFailed: Broken \\x1b[2J.\\n    if approved: nothing",
        "    if approved: the rollout goes on, although these namespaces fail",
    ]


def test_a_halt_says_where_more_may_fail_than_are_listed(
    plugin: Plugin, syncer: dict[str, Any]
) -> None:
    failures = [
        {"namespace": f"t{number}", "reason": "RolloutFailed"} for number in range(FAILURES_LIMIT)
    ]
    recorded(syncer).update(phase="Halted", failures=failures)
    done = plugin("rollout", "approve", "team", "--yes")
    assert "    fails: the first 20 are listed, and others may fail, too\n" in done.printed


@pytest.mark.parametrize(
    ("stage", "last"),
    [
        ("rest", "the rollout is complete"),
        (None, "the rollout begins, with stage first (1 of 3, 1 target)"),
    ],
)
def test_what_follows_depends_on_the_stage(
    plugin: Plugin, syncer: dict[str, Any], stage: str | None, last: str
) -> None:
    recorded(syncer)["stage"] = stage
    done = plugin("rollout", "approve", "team", "--yes")
    assert done.printed.splitlines()[-2] == f"    if approved: {last}"


def test_without_the_right_to_list_namespaces_a_step_can_be_approved(
    plugin: Plugin, kubectl: FakeKubectl, syncer: dict[str, Any]
) -> None:
    kubectl.forbidden = ["namespaces"]
    done = plugin("rollout", "approve", "team", "--yes")
    assert done.status == 0
    lines = done.printed.splitlines()
    assert lines[5] == "    if approved: the rollout goes on, with stage early (2 of 3)"
    assert lines[6].startswith("The targets of the stages are not counted: jane may not list")


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        ("Soaking", "its phase is Soaking; it goes on by itself"),
        ("RolledBack", "its phase is RolledBack; correct the source to begin a new rollout"),
        ("Complete", "its phase is Complete"),
    ],
)
@pytest.mark.parametrize("token", [None, "x,y"])
def test_where_nothing_waits_there_is_nothing_to_approve(
    plugin: Plugin,
    kubectl: FakeKubectl,
    syncer: dict[str, Any],
    phase: str,
    said: str,
    token: str | None,
) -> None:
    recorded(syncer).update(phase=phase, approvalToken=token)
    done = plugin("rollout", "approve", "team", "--yes")
    assert (done.status, done.printed, annotations(kubectl)) == (2, "", [])
    assert done.complained == (
        f"The rollout of ConfigMapSyncer team does not wait for approval: {said}\n"
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"conditions": [{"type": "Stalled", "status": "True", "message": ""}]},
            "what it waits for is shown by: kubectl cmsync rollout status team",
        ),
        (
            {"conditions": [{"type": "SourceResolved", "status": "False", "message": ""}]},
            "what it waits for is shown by: kubectl cmsync rollout status team",
        ),
        (
            {"suspend": True},
            "the syncer is suspended; resume it with: kubectl cmsync rollout resume team",
        ),
    ],
)
def test_a_rollout_that_does_not_go_on_by_itself_says_so(
    plugin: Plugin, syncer: dict[str, Any], changes: dict[str, Any], said: str
) -> None:
    recorded(syncer).update(phase="Progressing", approvalToken=None)
    syncer["status"]["conditions"] = changes.pop("conditions", syncer["status"]["conditions"])
    syncer["spec"] |= changes
    done = plugin("rollout", "approve", "team", "--yes")
    assert done.complained.endswith(f"its phase is Progressing; {said}\n")


def test_a_spec_that_is_not_observed_has_nothing_to_approve(
    plugin: Plugin, kubectl: FakeKubectl, syncer: dict[str, Any]
) -> None:
    syncer["metadata"]["generation"] += 1
    done = plugin("rollout", "approve", "team", "--yes")
    assert (done.status, annotations(kubectl)) == (2, [])
    assert done.complained.startswith("The hook has not observed the spec of ConfigMapSyncer team")


def test_a_step_is_approved_once(
    plugin: Plugin, kubectl: FakeKubectl, syncer: dict[str, Any]
) -> None:
    syncer["metadata"]["annotations"] = {APPROVE: recorded(syncer)["approvalToken"]}
    syncer["spec"]["suspend"] = True
    done = plugin("rollout", "approve", "team", "--yes")
    assert (done.status, annotations(kubectl)) == (0, [])
    assert done.printed.splitlines()[-1] == (
        "This step is approved already, and counts when the syncer is resumed"
    )


def test_pause_holds_everything_and_says_how_to_go_on(
    plugin: Plugin, kubectl: FakeKubectl, syncer: dict[str, Any]
) -> None:
    done = plugin("rollout", "pause", "team", "--context", "one")
    assert (done.status, done.complained) == (0, "")
    assert done.printed == (
        "ConfigMapSyncer team is suspended. Not only the rollout is held: every copy stays as it "
        "is, unless consent for it is withdrawn; go on with: kubectl cmsync rollout resume team "
        "--context=one\n"
    )
    assert kubectl.calls[-1] == [
        *("patch", SYNCERS, "team", "--type=merge"),
        *('--patch={"spec": {"suspend": true}}', "--context=one"),
    ]
    syncer["spec"]["suspend"] = True
    again = plugin("rollout", "pause", "team")
    assert (again.status, kubectl.calls[-1][0]) == (0, "get")
    assert "is suspended already; go on with:" in again.printed


def test_resume_lets_everything_go_on_and_removes_no_pin(
    plugin: Plugin, kubectl: FakeKubectl, syncer: dict[str, Any]
) -> None:
    syncer["spec"] |= {"suspend": True, "pinnedRevision": "team-1"}
    done = plugin("rollout", "resume", "team")
    assert (done.status, done.complained) == (0, "")
    assert done.printed.splitlines() == [
        (
            "ConfigMapSyncer team is resumed: the rollout and everything else of it goes on, and a "
            "soak time begins again; watch it with: kubectl cmsync rollout status team --watch"
        ),
        (
            "Revision team-1 stays pinned; remove the pin with: kubectl cmsync rollout undo team "
            "--unpin"
        ),
    ]
    assert patches(kubectl) == [{"spec": {"suspend": False}}]


def test_there_may_be_nothing_to_resume(
    plugin: Plugin, kubectl: FakeKubectl, syncer: dict[str, Any]
) -> None:
    done = plugin("rollout", "resume", "team")
    assert (done.status, patches(kubectl)) == (0, [])
    assert done.printed == ("ConfigMapSyncer team is not suspended, so nothing has to be resumed\n")


def test_undo_pins_the_stable_revision_and_says_how_to_remove_the_pin(
    plugin: Plugin, kubectl: FakeKubectl, syncer: dict[str, Any]
) -> None:
    stable, update = recorded(syncer)["stableRevision"], recorded(syncer)["updateRevision"]
    (stored,) = (o for o in kubectl.objects if o["metadata"]["name"] == stable)
    done = plugin("rollout", "undo", "team", "--yes")
    assert (done.status, done.complained) == (0, "")
    assert done.printed.splitlines() == [
        f"Every target of ConfigMapSyncer team would get ConfigMap shared/{stable} at once.",
        f"    stored: {stored['metadata']['creationTimestamp']}",
        "    targets: 3",
        f"    keys, compared with {update}: new: old; changed: level and text; gone: new",
        (
            f"Revision {stable} is pinned. Changes of the source are not followed until the pin is "
            "removed with: kubectl cmsync rollout undo team --unpin"
        ),
    ]
    assert patches(kubectl) == [{"spec": {"pinnedRevision": stable}}]


def test_undo_pins_the_revision_that_is_named(
    plugin: Plugin, kubectl: FakeKubectl, syncer: dict[str, Any]
) -> None:
    update = recorded(syncer)["updateRevision"]
    syncer["spec"]["suspend"] = True
    done = plugin("rollout", "undo", "team", "--to-revision", update, "--yes")
    assert done.status == 0
    assert f"    keys, compared with {update}: nothing\n" in done.printed
    assert "is pinned, which counts when the syncer is resumed. Changes" in done.printed
    assert patches(kubectl) == [{"spec": {"pinnedRevision": update}}]


def test_where_no_rollout_can_be_undone_the_revision_has_to_be_named(
    plugin: Plugin, kubectl: FakeKubectl, syncer: dict[str, Any]
) -> None:
    stable = recorded(syncer)["stableRevision"]
    hint = (
        "name the revision with --to-revision; the stored ones are listed by: kubectl cmsync "
        "rollout history team\n"
    )
    recorded(syncer).update(phase="Complete", updateRevision=stable)
    done = plugin("rollout", "undo", "team", "--yes")
    assert (done.status, patches(kubectl)) == (2, [])
    assert done.complained == (
        f"There is no rollout of ConfigMapSyncer team to undo: {stable} is the stable revision "
        f"and the update revision. To go back further, {hint}"
    )
    del recorded(syncer)["stableRevision"]
    done = plugin("rollout", "undo", "team", "--yes")
    assert done.complained == f"ConfigMapSyncer team has no stable revision: {hint}"


def test_a_revision_is_pinned_once(
    plugin: Plugin, kubectl: FakeKubectl, syncer: dict[str, Any]
) -> None:
    stable = syncer["spec"]["pinnedRevision"] = recorded(syncer)["stableRevision"]
    done = plugin("rollout", "undo", "team", "--yes")
    assert (done.status, patches(kubectl)) == (0, [])
    assert done.printed == (
        f"Revision {stable} is pinned already; remove the pin with: kubectl cmsync rollout undo "
        "team --unpin\n"
    )


def test_undo_removes_the_pin_only_with_the_option_for_it(
    plugin: Plugin, kubectl: FakeKubectl, syncer: dict[str, Any]
) -> None:
    done = plugin("rollout", "undo", "team", "--unpin", "--yes")
    assert (done.status, done.complained) == (2, "ConfigMapSyncer team pins no revision\n")
    syncer["spec"]["pinnedRevision"] = "team-1"
    done = plugin("rollout", "undo", "team", "--unpin", "--yes")
    assert (done.status, done.complained) == (0, "")
    assert done.printed.splitlines() == [
        (
            "ConfigMapSyncer team would no longer hold revision team-1: what the source has then "
            "is rolled out in stages."
        ),
        "The pin is removed; watch the rollout with: kubectl cmsync rollout status team --watch",
    ]
    assert patches(kubectl) == [{"spec": {"pinnedRevision": None}}]


@pytest.mark.parametrize(
    "arguments",
    [["approve"], ["undo"], ["undo", "--unpin"]],
    ids="-".join,
)
def test_where_nobody_can_answer_nothing_is_changed(
    plugin: Plugin, kubectl: FakeKubectl, syncer: dict[str, Any], arguments: list[str]
) -> None:
    if "--unpin" in arguments:
        syncer["spec"]["pinnedRevision"] = "team-1"
    action, *more = arguments
    done = plugin("rollout", action, "team", *more)
    assert (done.status, done.complained) == (
        1,
        "Standard input is not a terminal, so nobody can answer; confirm with --yes\n",
    )
    assert {call[0] for call in kubectl.calls} == {"get"}


@pytest.mark.parametrize("arguments", [["approve", "--yes"], ["pause"], ["undo", "--yes"]])
def test_a_missing_right_to_patch_is_named(
    plugin: Plugin,
    kubectl: FakeKubectl,
    syncer: dict[str, Any],
    arguments: list[str],
) -> None:
    kubectl.forbidden = ["patch"]
    action, *more = arguments
    done = plugin("rollout", action, "team", *more)
    assert done.status == 2
    assert done.complained == (
        "jane may not patch configmapsyncers.config.example.com at the cluster scope: a role needs "
        'the verb "patch" on the resource "configmapsyncers" of the API group '
        '"config.example.com"\n'
    )


def test_a_revision_and_the_removal_of_the_pin_exclude_each_other(
    plugin: Plugin, syncer: dict[str, Any]
) -> None:
    done = plugin("rollout", "undo", "team", "--unpin", "--to-revision", "team-1")
    assert done.status == 2
    assert done.complained.endswith(
        "kubectl cmsync rollout undo: error: argument --to-revision: not allowed with argument "
        "--unpin\n"
    )

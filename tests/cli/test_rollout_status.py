"""How far a rollout is: a tree for people, the same for programs, and a line for each change."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli import rollouts
from tests.cli.conftest import Plugin
from tests.cli.fake_kubectl import FakeKubectl
from tests.cli.rollouts import CANARY, EARLY, REST, STAGES, Settled, syncer_in
from tests.cli.test_status import TerminalStream
from tests.preview.in_process import Run

Rolling = Callable[..., dict[str, Any]]
WAITING = ({"name": "first", "targetNamespaces": ["dev"], "approval": "Manual"}, EARLY, REST)


@pytest.fixture
def rolling(kubectl: FakeKubectl, settled: Settled, tmp_path: Path) -> Rolling:
    """Puts a syncer in a rollout into the cluster, and returns it."""

    def put(*stages: dict[str, Any], **changes: Any) -> dict[str, Any]:
        kubectl.objects = rollouts.changed(settled, tmp_path, stages or STAGES)
        syncer = syncer_in(kubectl.objects)
        syncer["status"]["rollout"] |= changes
        return syncer

    return put


def masked(syncer: dict[str, Any], printed: str) -> list[str]:
    """The lines without what differs from run to run."""
    recorded = syncer["status"]["rollout"]
    for name in ("updateRevision", "stableRevision"):
        printed = printed.replace(recorded[name], f"<{name}>")
    printed = re.sub(r"\d{4}-\d\d-\d\dT[\d:]{8}Z", "<time>", printed)
    printed = re.sub(r"\d:\d\d:\d\d left", "<some> left", printed)
    return [line for line in printed.splitlines() if "The rollout of revision" not in line]


def test_a_tree_has_the_stages_in_order_with_how_far_each_is(
    plugin: Plugin, rolling: Rolling
) -> None:
    syncer = rolling()
    done = plugin("rollout", "status", "team", "--context", "one")
    assert (done.status, done.complained) == (1, "")
    assert masked(syncer, done.printed) == [
        "ConfigMapSyncer team: Soaking, stage canary (1 of 3, 1 target)",
        "├── update revision: <updateRevision>",
        "├── stable revision: <stableRevision>",
        "├── begun: <time>",
        "├── 1 of 3 targets holds the update revision",
        "├── stage canary (1 of 3, 1 target): soaks until <time>, <some> left",
        "├── stage early (2 of 3, 1 target): not begun",
        "├── stage rest (3 of 3, 1 target): not begun",
        "├── hold it with: kubectl cmsync rollout pause team --context=one",
        "└── go back with: kubectl cmsync rollout undo team --context=one",
    ]


@pytest.mark.parametrize(("output", "load"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_programs_get_every_field_of_a_rollout(
    plugin: Plugin, rolling: Rolling, output: str, load: Callable[[str], Any]
) -> None:
    syncer = rolling(*WAITING)
    recorded = syncer["status"]["rollout"]
    (message,) = (c["message"] for c in syncer["status"]["conditions"] if c["type"] == "Ready")
    done = plugin("rollout", "status", "team", "-o", output)
    assert done.status == 1
    stage = {"targetCount": 1, "soakSeconds": 0, "approval": "Manual"}
    assert load(done.printed) == {
        "name": "team",
        "phase": "AwaitingApproval",
        "message": message,
        "complete": False,
        "stopped": False,
        "suspended": False,
        "updateRevision": recorded["updateRevision"],
        "stableRevision": recorded["stableRevision"],
        "stage": "first",
        "startedAt": recorded["startedAt"],
        "approvalToken": recorded["approvalToken"],
        "updatedCount": 1,
        "targetCount": 3,
        "stages": [
            {"name": "first", "state": "AwaitingApproval", **stage},
            {"name": "early", "state": "NotBegun", **stage},
            {"name": "rest", "state": "NotBegun", **stage, "approval": "Automatic"},
        ],
        "failures": [],
        "next": [
            {"purpose": "approve it", "command": "kubectl cmsync rollout approve team"},
            {"purpose": "go back", "command": "kubectl cmsync rollout undo team"},
        ],
    }


@pytest.mark.parametrize(
    ("phase", "stage", "states"),
    [
        ("Complete", None, ["done", "done", "done"]),
        ("Pinned", None, ["not used while a revision is pinned"] * 3),
        (
            *("Progressing", "early"),
            ["done", "its targets get the revision now", "not begun"],
        ),
        ("AwaitingApproval", "rest", ["done", "done", "waits for approval"]),
        ("AwaitingApproval", None, ["not begun", "not begun", "not begun"]),
        ("Halted", "early", ["done", "halted", "not begun"]),
        ("RolledBack", "early", ["rolled back", "rolled back", "not begun"]),
        ("Progressing", "removed", ["not begun", "not begun", "not begun"]),
    ],
)
def test_every_stage_has_a_state(
    plugin: Plugin, rolling: Rolling, phase: str, stage: str | None, states: list[str]
) -> None:
    rolling(phase=phase, stage=stage)
    done = plugin("rollout", "status", "team")
    stages = [line for line in done.printed.splitlines() if line.startswith("├── stage ")]
    assert [line.partition("): ")[2] for line in stages] == states


@pytest.mark.parametrize("phase", ["Progressing", "Soaking", "AwaitingApproval", "Halted"])
def test_the_stage_of_a_suspended_rollout_is_held(
    plugin: Plugin, rolling: Rolling, phase: str
) -> None:
    rolling(phase=phase, stage="early")["spec"]["suspend"] = True
    done = plugin("rollout", "status", "team")
    said = "halted" if phase == "Halted" else "held while the syncer is suspended"
    assert f"├── stage early (2 of 3, 1 target): {said}\n" in done.printed
    assert "now" not in done.printed.partition("stage canary")[2]
    state = json.loads(plugin("rollout", "status", "team", "-o", "json").printed)
    assert state["stages"][1]["state"] == ("Halted" if phase == "Halted" else "Held")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(None, id="it is gone"),
        pytest.param({"immutable": False}, id="it can change"),
    ],
)
def test_undo_needs_a_revision_where_the_stable_one_is_not_stored(
    plugin: Plugin, kubectl: FakeKubectl, rolling: Rolling, changes: dict[str, Any] | None
) -> None:
    stable = rolling(phase="Halted")["status"]["rollout"]["stableRevision"]
    (found,) = (each for each in kubectl.objects if each["metadata"]["name"] == stable)
    if changes is None:
        kubectl.objects.remove(found)
    found.update(changes or {})
    ways = plugin("rollout", "status", "team").printed.splitlines()[-2:]
    assert ways == [
        "├── list the stored revisions with: kubectl cmsync rollout history team",
        "└── go back to one of them with: kubectl cmsync rollout undo team --to-revision REV",
    ]
    kubectl.forbidden = ["configmaps"]
    unknown = plugin("rollout", "status", "team")
    assert unknown.printed.endswith("└── go back with: kubectl cmsync rollout undo team\n")


def test_a_watch_asks_once_whether_the_stable_revision_is_stored(
    plugin: Plugin, kubectl: FakeKubectl, rolling: Rolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncer = rolling()
    polled(monkeypatch, kubectl, lambda: None, lambda: completed(syncer))
    assert plugin("rollout", "status", "team", "--watch").status == 0
    assert sum(call[:2] == ["get", "configmaps"] for call in kubectl.calls) == 1


def test_a_halt_names_what_fails_and_both_ways_on(plugin: Plugin, rolling: Rolling) -> None:
    failure = {"namespace": "dev", "reason": "RolloutFailed", "message": "Broken \x1b[2J[red]."}
    syncer = rolling(phase="Halted", approvalToken="0123456789abcdef", failures=[failure])
    done = plugin("rollout", "status", "team")
    assert done.status == 1
    assert masked(syncer, done.printed)[5:] == [
        "├── stage canary (1 of 3, 1 target): halted",
        "├── stage early (2 of 3, 1 target): not begun",
        "├── stage rest (3 of 3, 1 target): not begun",
        "├── failures: 1",
        "│   └── dev: RolloutFailed: Broken \\x1b[2J[red].",
        "├── approve it with: kubectl cmsync rollout approve team",
        "└── go back with: kubectl cmsync rollout undo team",
    ]
    syncer["metadata"]["annotations"] = {
        "config.example.com/approve-rollout": "fedcba9876543210, 0123456789abcdef"
    }
    approved = plugin("rollout", "status", "team", "-o", "json")
    assert json.loads(approved.printed)["stopped"] is False


@pytest.mark.parametrize("phase", ["Complete", "Pinned"])
def test_where_every_target_gets_the_same_content_it_ends_with_0(
    plugin: Plugin, rolling: Rolling, phase: str
) -> None:
    syncer = rolling(phase=phase)
    conditions = syncer["status"]["conditions"]
    assert plugin("rollout", "status", "team").status == 1
    syncer["status"]["conditions"] = [c for c in conditions if c["type"] != "Reconciling"]
    assert plugin("rollout", "status", "team").status == 0
    syncer["spec"]["suspend"] = True
    assert plugin("rollout", "status", "team").status == 1


def test_a_status_of_another_spec_is_no_end(plugin: Plugin, rolling: Rolling) -> None:
    syncer = rolling(phase="Halted")
    syncer["metadata"]["generation"] += 1
    state = json.loads(plugin("rollout", "status", "team", "-o", "json").printed)
    assert (state["complete"], state["stopped"]) == (False, False)
    assert state["message"].startswith("The hook has not observed this spec yet")


def test_the_pin_and_a_suspension_have_the_commands_that_end_them(
    plugin: Plugin, rolling: Rolling
) -> None:
    syncer = rolling(phase="Pinned")
    syncer["spec"] |= {"pinnedRevision": "team-1", "suspend": True}
    done = plugin("rollout", "status", "team")
    assert "├── pinned revision: team-1\n" in done.printed
    assert done.printed.splitlines()[-2:] == [
        "├── resume it with: kubectl cmsync rollout resume team",
        "└── remove the pin with: kubectl cmsync rollout undo team --unpin",
    ]


def test_without_the_right_to_list_namespaces_no_target_is_counted(
    plugin: Plugin, kubectl: FakeKubectl, rolling: Rolling
) -> None:
    rolling()
    kubectl.forbidden = ["namespaces"]
    done = plugin("rollout", "status", "team")
    assert "├── stage early (2 of 3): not begun\n" in done.printed
    assert (
        "├── The targets of the stages are not counted: jane may not list namespaces at the "
        'cluster scope: a role needs the verb "list" on the resource "namespaces" of the API group '
        '""\n'
    ) in done.printed


def test_the_module_has_the_same_commands_under_its_own_name(
    run: Run, kubectl: FakeKubectl, rolling: Rolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    rolling()
    kubectl.install(monkeypatch)
    done = run("rollout", "status", "team")
    assert done.status == 1
    assert done.printed.endswith("go back with: python -m hooks rollout undo team\n")


def test_a_syncer_without_stages_has_no_rollout(
    plugin: Plugin, kubectl: FakeKubectl, rolling: Rolling
) -> None:
    del rolling()["spec"]["rollout"]
    done = plugin("rollout", "status", "team")
    assert (done.status, done.printed) == (2, "")
    assert done.complained == (
        "ConfigMapSyncer team has no spec.rollout: a changed content reaches all targets at once, "
        "and no revision is stored\n"
    )
    done = plugin("rollout", "status", "absent")
    assert (done.status, done.complained) == (
        2,
        'Error from server (NotFound): configmapsyncers.config.example.com "absent" not found\n',
    )


def test_a_rollout_that_is_not_recorded_yet_says_so(plugin: Plugin, rolling: Rolling) -> None:
    del rolling()["status"]["rollout"]
    done = plugin("rollout", "status", "team")
    assert done.status == 1
    assert done.printed.startswith("ConfigMapSyncer team: no rollout is recorded\n")


def polled(
    monkeypatch: pytest.MonkeyPatch, kubectl: FakeKubectl, *changes: Callable[[], None]
) -> list[float]:
    """Change the cluster at each poll of a watch; returns the waits."""
    polls: list[float] = []

    def poll(seconds: float) -> None:
        changes[len(polls)]()
        polls.append(seconds)
        kubectl.write()

    monkeypatch.setattr("time.sleep", poll)
    return polls


def completed(syncer: dict[str, Any]) -> None:
    """The rollout is over."""
    status = syncer["status"]
    status["rollout"] |= {"phase": "Complete", "updatedCount": 3}
    for field in ("stage", "approvalToken"):
        status["rollout"].pop(field, None)
    status["conditions"] = [c for c in status["conditions"] if c["type"] != "Reconciling"]


def test_a_watch_in_a_pipe_prints_a_line_for_each_change(
    plugin: Plugin, kubectl: FakeKubectl, rolling: Rolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncer = rolling(CANARY, EARLY, REST)
    recorded = syncer["status"]["rollout"]
    waiting = {"phase": "AwaitingApproval", "stage": "early", "approvalToken": "0123456789abcdef"}
    polls = polled(
        *(monkeypatch, kubectl),
        lambda: None,
        lambda: recorded.update(waiting, updatedCount=2),
        lambda: None,
        lambda: completed(syncer),
    )
    done = plugin("rollout", "status", "team", "--watch")
    assert (done.status, done.complained, len(polls)) == (0, "", 4)
    assert masked(syncer, done.printed) == [
        (
            "team: Soaking, stage canary (1 of 3, 1 target); 1 of 3 targets holds the update "
            "revision; soaks until <time>"
        ),
        (
            "team: AwaitingApproval, stage early (2 of 3, 1 target); 2 of 3 targets hold the "
            "update revision; approve it with: kubectl cmsync rollout approve team; go back with: "
            "kubectl cmsync rollout undo team"
        ),
        "team: Complete; 3 of 3 targets hold the update revision",
    ]


def test_a_watch_ends_with_1_where_the_rollout_is_halted(
    plugin: Plugin, kubectl: FakeKubectl, rolling: Rolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncer = rolling()
    failure = {"namespace": "dev", "reason": "RolloutFailed"}
    halted = {"phase": "Halted", "approvalToken": "0123456789abcdef", "failures": [failure]}
    polled(monkeypatch, kubectl, lambda: syncer["status"]["rollout"].update(halted))
    done = plugin("rollout", "status", "team", "--watch")
    assert done.status == 1
    assert done.printed.splitlines()[-1] == (
        "team: Halted, stage canary (1 of 3, 1 target); 1 of 3 targets holds the update revision; "
        "dev fails with RolloutFailed; approve it with: kubectl cmsync rollout approve team; go "
        "back with: kubectl cmsync rollout undo team"
    )


def test_a_watch_for_programs_prints_each_state_once(
    plugin: Plugin, kubectl: FakeKubectl, rolling: Rolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncer = rolling()
    polled(monkeypatch, kubectl, lambda: None, lambda: completed(syncer))
    done = plugin("rollout", "status", "team", "--watch", "-o", "yaml")
    states = list(yaml.safe_load_all(done.printed))
    assert (done.status, [state["phase"] for state in states]) == (0, ["Soaking", "Complete"])


@pytest.mark.parametrize("no_color", ["", "1"])
def test_a_watch_on_a_terminal_draws_a_bar_unless_no_color_is_set(
    kubectl: FakeKubectl, rolling: Rolling, monkeypatch: pytest.MonkeyPatch, no_color: str
) -> None:
    from hooks.cli import main  # noqa: PLC0415 - the plugin's own streams are no terminal
    from hooks.cli.parser import PLUGIN  # noqa: PLC0415

    syncer = rolling()
    kubectl.install(monkeypatch)
    stream = TerminalStream()
    polled(monkeypatch, kubectl, lambda: completed(syncer))
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", stream)
        patched.setenv("TERM", "xterm")
        patched.setenv("COLUMNS", "200")
        patched.setenv("NO_COLOR", no_color)
        assert main.main(["rollout", "status", "team", "--watch"], PLUGIN) == 0
    shown = stream.getvalue()
    assert ("━" in shown, "\x1b[" in shown) == (not no_color, not no_color)
    assert "Complete" in shown

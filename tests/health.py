"""What docs/status.md promises about the health of a syncer, and every state that one can be in.

kstatus (tests/e2e/test_kstatus.py) and Argo CD (tests/unit/test_gitops.py) are held to it.
"""

from collections.abc import Iterator
from functools import partial

from hooks.preview.simulator.objects import Object
from hooks.preview.simulator.store import WatchEvent
from tests.cases import cases
from tests.conditions import condition, ready
from tests.scenarios.simulated import SimulatedWorld
from tests.scenarios.story import Story, paths, play

_ROLLING_OUT = ("Progressing", "Soaking", "AwaitingApproval")
_BLOCKED = ("TargetsBlocked", "ProgressDeadlineExceeded", "PruneHeld")
_WITHOUT_CONTENT = (
    "ContentInvalid",
    "SourceNotFound",
    "SourceIsACopy",
    "KeyNotFound",
    "ConsentMissing",
    "SecretsNotEnabled",
    "UnsupportedType",
    "TooLarge",
    "InvalidSpec",
    "RevisionNotFound",
)
_WAITING = (
    *("Progressing", "Held", "Suspended"),
    *("RolloutProgressing", "AwaitingApproval", "RevisionNotStored"),
)


def kstatus_of(syncer: Object) -> str:
    """What docs/status.md promises, from everything but the conditions that kstatus reads."""
    status = syncer["status"]
    summary = ready(status)
    if "deletionTimestamp" in syncer["metadata"]:
        return "Terminating"
    if status["observedGeneration"] != syncer["metadata"]["generation"]:
        return "InProgress"
    if summary["status"] == "True":
        return "Current"
    if summary["reason"] in _BLOCKED:
        # Where nobody consents, the copy is being deleted until the deadline is over.
        late = {"NotApplied", "NotRemoved"}.intersection(f["reason"] for f in status["failures"])
        is_leaving = "pendingSince" in status and not late
        # A rollout goes on though a target fails. A held deletion waits for a person; nothing is
        # written for what waits for its stage, though it is pending.
        is_rolling_out = status.get("rollout", {}).get("phase") in _ROLLING_OUT
        is_held = summary["reason"] == "PruneHeld"
        is_going_on = not is_held if is_rolling_out else status["pendingCount"]
        return "InProgress" if is_going_on or is_leaving else "Failed"
    if summary["reason"] in _WITHOUT_CONTENT:
        is_deleting = condition(status, "Synced")["reason"] == "Progressing"
        return "InProgress" if is_deleting else "Failed"
    # Of a revision that is not stored, nothing else tells whether the deadline is over.
    is_stalled = any(each["type"] == "Stalled" for each in status["conditions"])
    is_stopped = summary["reason"] in ("RolloutHalted", "RolledBack")
    assert is_stopped or summary["reason"] in _WAITING
    is_late = is_stalled and summary["reason"] == "RevisionNotStored"
    return "Failed" if is_stopped or is_late else "InProgress"


def of_stories() -> Iterator[Object]:
    """Every state of every syncer of the stories, from its creation on."""
    for story in map(Story.read, paths()):
        for strategy in story.strategies:
            states: list[Object] = []
            world = SimulatedWorld(strategy, story.settings, has_adoption=story.has_adoption)
            world.cluster.subscribe(partial(_keep, states))
            play(story, world)
            yield from states


def _keep(states: list[Object], event: WatchEvent) -> None:
    if event.kind == "ConfigMapSyncer" and event.new is not None:
        states.append(event.new)


def of_cases() -> Iterator[Object]:
    """The syncer of every recorded answer, with the status that is answered."""
    for case in cases():
        if case.hook == "sync":
            yield case.request["parent"] | {"status": case.response["status"]}

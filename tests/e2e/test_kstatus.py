"""kstatus, the library with which Flux and others judge health, reads every state of a syncer."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from hooks.preview.simulator.objects import Object
from hooks.preview.simulator.store import WatchEvent
from tests import crd_cases
from tests.cases import cases
from tests.conditions import condition, ready
from tests.controlplane import ControlPlane, Stack
from tests.e2e.conftest import NO_KSTATUS
from tests.kstatus import Kstatus, missing
from tests.scenarios.simulated import SimulatedWorld
from tests.scenarios.story import Story, paths, play

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
)


@pytest.fixture(scope="session")
def kstatus(tmp_path_factory: pytest.TempPathFactory) -> Kstatus:
    if absent := missing():
        pytest.skip(f"{NO_KSTATUS}{absent}")
    return Kstatus(tmp_path_factory.mktemp("kstatus"))


def expected(syncer: Object) -> str:
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
        return "InProgress" if status["pendingCount"] or is_leaving else "Failed"
    if summary["reason"] in _WITHOUT_CONTENT:
        is_deleting = condition(status, "Synced")["reason"] == "Progressing"
        return "InProgress" if is_deleting else "Failed"
    assert summary["reason"] in ("Progressing", "Held", "Suspended")
    return "InProgress"


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


@pytest.mark.parametrize("states", [of_stories, of_cases])
def test_every_state_reads_as_the_page_says(
    kstatus: Kstatus, states: Callable[[], Iterator[Object]]
) -> None:
    syncers = list(states())
    verdicts = kstatus.of(syncers)

    wrong = [
        (verdict, syncer["status"])
        for syncer, verdict in zip(syncers, verdicts, strict=True)
        if verdict != expected(syncer)
    ]
    assert wrong == []
    assert Counter(verdicts).keys() >= {"InProgress", "Failed", "Current"}


def test_a_syncer_that_nobody_has_looked_at_is_in_progress(
    kstatus: Kstatus, control_plane: ControlPlane
) -> None:
    client = control_plane.client
    created = client.create(crd_cases.with_targets(1))
    name = created["metadata"]["name"]
    try:
        found = client.get("ConfigMapSyncer", name)
        written = client.merge_patch(
            "ConfigMapSyncer", name, {"status": {"observedGeneration": 1}}, subresource="status"
        )
        emptied = client.merge_patch(
            "ConfigMapSyncer", name, {"status": None}, subresource="status"
        )
    finally:
        client.delete("ConfigMapSyncer", name)

    assert created["status"] == found["status"] == emptied["status"] == {"observedGeneration": -1}
    assert kstatus.of([created, found, written, emptied]) == [
        "InProgress",
        "InProgress",
        "Current",
        "InProgress",
    ]


def test_what_metacontroller_writes_reads_as_the_page_says(kstatus: Kstatus, stack: Stack) -> None:
    prefix = f"kstatus-{stack.strategy.split('-', maxsplit=1)[0]}"
    client = stack.client
    for name in (f"{prefix}-source", f"{prefix}-target"):
        client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    metadata = {"name": "settings", "namespace": f"{prefix}-source"}
    client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {}})
    ends: dict[str, tuple[Object, str, str]] = {
        "current": ({}, "AllCopiesCurrent", "Current"),
        "blocked": ({"targetNamespaces": [f"{prefix}-absent"]}, "TargetsBlocked", "Failed"),
        "stalled": ({"sourceConfigMap": "absent"}, "SourceNotFound", "Failed"),
        "suspended": ({"suspend": True}, "Suspended", "InProgress"),
    }
    for name, (spec, reason, verdict) in ends.items():
        usual = {
            "sourceNamespace": f"{prefix}-source",
            "sourceConfigMap": "settings",
            "targetNamespaces": [f"{prefix}-target"],
            "targetName": name,
        }
        manifest = {
            "apiVersion": "config.example.com/v1alpha1",
            "kind": "ConfigMapSyncer",
            "metadata": {"name": f"{prefix}-{name}"},
            "spec": usual | spec,
        }
        client.create(manifest)
        client.wait_for("ConfigMapSyncer", f"{prefix}-{name}", partial(_is, reason), reason)
        found = client.get("ConfigMapSyncer", f"{prefix}-{name}")
        assert kstatus.of([found]) == [verdict] == [expected(found)]
    for name in ends:
        client.delete("ConfigMapSyncer", f"{prefix}-{name}")
        client.wait_until_gone("ConfigMapSyncer", f"{prefix}-{name}")


def _is(reason: str, syncer: Object) -> bool:
    return bool(ready(syncer["status"]).get("reason") == reason)

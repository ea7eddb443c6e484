"""Every write of every story with a rollout: no target ever gets what its stage may not have.

What a story expects is the end of its steps; this looks at each write in between. The rule is
written here once more, from docs/rollout.md and without the service.
"""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest

from hooks.preview.simulator.store import WatchEvent
from tests.scenarios.simulated import SimulatedWorld
from tests.scenarios.story import Manifest, ObjectReference, Story, paths, play

REVISION = "config.example.com/revision"
SYNCER = ObjectReference("ConfigMapSyncer", "x-sync")
STORIES = [
    pytest.param(strategy, story, id=f"{story.name}-{strategy}")
    for story in map(Story.read, paths())
    if "rollout:" in next(p for p in paths() if p.stem == story.name).read_text("utf-8")
    for strategy in story.strategies
]


def _place(stages: list[Manifest], namespace: Manifest) -> int:
    """The place of the first stage that selects a Namespace."""
    name, labels = namespace["metadata"]["name"], namespace["metadata"].get("labels", {})
    for place, stage in enumerate(stages[:-1]):
        selector = stage.get("namespaceSelector", {"x-nothing": "x"})
        if any(fnmatchcase(name, glob) for glob in stage.get("targetNamespaces", ())) or (
            selector.items() <= labels.items()
        ):
            return place
    return len(stages) - 1


def _permitted(syncer: Manifest, namespace: Manifest) -> Iterator[str]:
    """The revisions that a target may hold by what is recorded."""
    spec, status = syncer["spec"], syncer["status"]["rollout"]
    yield from (status.get("stableRevision"), spec.get("pinnedRevision"))
    names = [stage["name"] for stage in spec["rollout"]["stages"]]
    is_everywhere = status["phase"] in ("Complete", "Pinned")
    stage = status.get("stage")
    if status["phase"] != "RolledBack" and (
        is_everywhere
        or stage not in names
        or _place(spec["rollout"]["stages"], namespace) <= names.index(stage)
    ):
        yield status["updateRevision"]


class CopyWatch:
    """What every write of a copy broke."""

    def __init__(self, world: SimulatedWorld) -> None:
        self.broken: list[str] = []
        self.seen = 0
        self._world = world
        world.cluster.subscribe(self._look)

    def _look(self, event: WatchEvent) -> None:
        copy = event.new
        if event.kind not in ("ConfigMap", "Secret") or copy is None:
            return
        held = copy["metadata"].get("annotations", {}).get(REVISION)
        syncer = self._world.find(SYNCER)
        if held is None or syncer is None or "rollout" not in syncer.get("status", {}):
            return
        if "rollout" not in syncer["spec"] or _is_the_same(event.old, copy):
            return
        self.seen += 1
        name = copy["metadata"]["namespace"]
        namespace = self._world.find(ObjectReference("Namespace", name))
        assert namespace is not None
        if held not in _permitted(syncer, namespace):
            rollout = syncer["status"]["rollout"]
            self.broken.append(f"{name} got {held}, while {rollout} was recorded")


def _is_the_same(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> bool:
    """Whether a write leaves a copy the revision that it held."""
    annotations = (old or {}).get("metadata", {}).get("annotations", {})
    return bool(annotations.get(REVISION) == new["metadata"]["annotations"][REVISION])


@pytest.mark.parametrize(("strategy", "story"), STORIES)
def test_no_target_ever_gets_what_its_stage_may_not_have(strategy: str, story: Story) -> None:
    world = SimulatedWorld(strategy, story.settings, has_adoption=story.has_adoption)
    watch = CopyWatch(world)
    play(story, world)

    assert watch.seen
    assert watch.broken == []


def test_a_write_beyond_the_stage_is_found() -> None:
    story = next(
        story
        for story in map(Story.read, paths())
        if story.name.startswith("changed-content-reaches-one-stage")
    )
    world = SimulatedWorld("server-side-apply")
    watch = CopyWatch(world)
    for name in story.namespaces:
        world.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for manifest in story.steps[0]["apply"]:
        api_version = "config.example.com/v1alpha1" if "spec" in manifest else "v1"
        world.apply({"apiVersion": api_version} | manifest)
    world.metacontroller.settle()
    world.patch(
        ObjectReference("ConfigMap", "x-config", "x-prod"),
        {"metadata": {"annotations": {REVISION: "x-sync-0123456789abcdef"}}},
    )

    assert len(watch.broken) == 1

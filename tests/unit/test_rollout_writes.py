"""Every write of every story with a rollout: no target ever gets what its stage may not have.

What a story expects is the end of its steps; this looks at each write in between.
"""

import pytest

from tests.scenarios.copy_watch import SYNCER, CopyWatch
from tests.scenarios.rollout_rule import REVISION
from tests.scenarios.simulated import SimulatedWorld
from tests.scenarios.story import ObjectReference, Story, paths, play

STORIES = [
    pytest.param(strategy, Story.read(path), id=f"{path.stem}-{strategy}")
    for path in paths()
    if "rollout:" in path.read_text("utf-8")
    for strategy in Story.read(path).strategies
]


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
        {
            "metadata": {"annotations": {REVISION: "x-sync-0123456789abcdef"}},
            "data": {"level": "other"},
        },
    )

    assert len(watch.broken) == 1


def test_a_stage_costs_what_its_targets_cost() -> None:
    names = [f"x-{number:03}" for number in range(200)]
    world = SimulatedWorld("server-side-apply")
    for name in ("x-source", *names):
        world.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    stages = [
        {"name": f"stage-{n}", "targetNamespaces": [f"x-{n}*"], "soakSeconds": 5} for n in range(2)
    ]
    world.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "x-config", "namespace": "x-source"},
            "data": {"level": "info"},
        }
    )
    world.apply(
        {
            "apiVersion": "config.example.com/v1alpha1",
            "kind": "ConfigMapSyncer",
            "metadata": {"name": "x-sync"},
            "spec": {
                "sourceNamespace": "x-source",
                "sourceConfigMap": "x-config",
                "targetNamespaces": ["x-*"],
                "rollout": {"stages": [*stages, {"name": "rest"}]},
            },
        }
    )
    world.metacontroller.settle()
    world.metacontroller.advance(10)
    world.metacontroller.settle()
    written: list[str] = []
    world.cluster.subscribe(
        lambda event: (
            written.append(event.new["metadata"]["namespace"])
            if event.kind == "ConfigMap" and event.new is not None
            else None
        )
    )
    calls = len(world.calls("x-sync"))
    world.patch(ObjectReference("ConfigMap", "x-config", "x-source"), {"data": {"level": "debug"}})
    for _ in range(30):
        world.metacontroller.settle()
        world.metacontroller.advance(1)

    syncer = world.find(SYNCER)
    assert syncer is not None
    assert syncer["status"]["rollout"]["phase"] == "Complete"
    # The source and its revision, and each copy once.
    assert sorted(written) == sorted(["x-source", "x-source", *names])
    assert len(world.calls("x-sync")) - calls <= 5 * 3

"""What is said to have become of a copy is what happened in the cluster."""

from hooks.preview import outcome
from hooks.preview.outcome import Copy, Happened
from tests.preview.world import World, config_map, syncer


def test_each_copy_is_reported_with_its_keys_and_what_became_of_it() -> None:
    world = World()
    world.cluster.create(config_map("settings", "prod", data={"a": "0"}))
    world.cluster.create(config_map("settings", "default", data={"a": "0"}))
    world.hook.copies("dev", "prod", data={"a": "1", "b": "1"})
    world.cluster.create(syncer())
    world.cluster.create(config_map("bystander", "dev"))
    before = list(world.cluster.look_all("ConfigMap"))
    world.metacontroller.settle()
    first = outcome.copies(before, world.cluster)
    middle = list(world.cluster.look_all("ConfigMap"))
    world.hook.copies("prod", data={"a": "2", "b": "1"})
    world.cluster.patch("ConfigMapSyncer", "sample", None, {"spec": {"targetName": "x"}})
    world.metacontroller.settle()
    second = outcome.copies(middle, world.cluster)
    assert first == [
        Copy("dev", "settings", "sample", ("a", "b"), Happened.CREATED),
        Copy("prod", "settings", "sample", ("a", "b"), Happened.TAKEN_OVER),
    ]
    assert second == [
        Copy("dev", "settings", "sample", ("a", "b"), Happened.DELETED),
        Copy("prod", "settings", "sample", ("a", "b"), Happened.UPDATED),
    ]
    assert outcome.copies(list(world.cluster.look_all("ConfigMap")), world.cluster) == [
        Copy("prod", "settings", "sample", ("a", "b"), Happened.UNCHANGED)
    ]


def test_a_copy_that_is_let_go_and_one_that_is_made_anew_are_told_apart() -> None:
    world = World()
    world.hook.copies("dev", "prod")
    world.cluster.create(syncer())
    world.metacontroller.settle()
    before = list(world.cluster.look_all("ConfigMap"))
    world.cluster.delete("ConfigMap", "settings", "prod")
    world.metacontroller.settle()
    world.cluster.patch("ConfigMap", "settings", "dev", {"metadata": {"ownerReferences": None}})
    assert [(copy.namespace, copy.happened) for copy in outcome.copies(before, world.cluster)] == [
        ("dev", Happened.RELEASED),
        ("prod", Happened.REPLACED),
    ]

"""What is said to have become of a copy is what happened in the cluster, and why."""

import pytest

from hooks.preview.kubectl import Reference
from hooks.preview.output import changes
from hooks.preview.output.changes import Copy, Happened
from hooks.preview.simulation import State
from hooks.preview.simulator.objects import RESOURCES, Object
from tests.preview.world import PreviewCluster, config_map, namespace, syncer


def state(world: PreviewCluster) -> State:
    return {Reference.of(item): item for kind in RESOURCES for item in world.cluster.look_all(kind)}


def failing(reason: str, *namespaces: str) -> Object:
    return {
        "failures": [{"namespace": name, "reason": reason, "message": "x"} for name in namespaces],
        "failedNamespaces": list(namespaces),
    }


def unresolved(reason: str) -> Object:
    return {"conditions": [{"type": "SourceResolved", "status": "False", "reason": reason}]}


@pytest.fixture
def world() -> PreviewCluster:
    world = PreviewCluster()
    world.cluster.create(syncer(sourceConfigMap="settings"))
    return world


def test_a_new_copy_shows_what_was_not_there_before(world: PreviewCluster) -> None:
    before = state(world)
    world.hook.copies("dev")
    world.metacontroller.settle()
    middle = state(world)
    world.cluster.create(namespace("qa"))
    world.hook.copies("dev", "prod", "qa")
    world.cluster.patch(
        "ConfigMapSyncer", "sample", None, {"spec": {"progressDeadlineSeconds": 61}}
    )
    world.metacontroller.settle()
    assert [copy.why for copy in changes.copies(before, middle)] == ["the syncer is new"]
    assert changes.copies(middle, state(world))[1:] == [
        Copy("prod", "settings", "sample", Happened.CREATED, (), "is a target now"),
        Copy("qa", "settings", "sample", Happened.CREATED, (), "the namespace is new"),
    ]


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({"syncedNamespaces": ["dev"]}, "was missing"),
        ({"syncedNamespaces": []}, "is a target now"),
        ({"syncedNamespaces": ["a"], "targetCount": 1}, "is a target now"),
        ({"syncedNamespaces": ["a"], "targetCount": 2, "pendingCount": 1}, "was not there"),
        (unresolved("SourceNotFound"), "was SourceNotFound"),
        (failing("NamespaceTerminating", "dev"), "was NamespaceTerminating"),
    ],
)
def test_a_copy_that_comes_back_shows_what_was_said_of_its_namespace(
    world: PreviewCluster, status: Object, why: str
) -> None:
    parent = world.cluster.look("ConfigMapSyncer", "sample")
    assert parent is not None
    world.cluster.update_status(parent, status)
    before = state(world)
    world.hook.copies("dev")
    world.metacontroller.settle()
    assert [copy.why for copy in changes.copies(before, state(world))] == [why]


def test_a_change_is_shown_by_its_keys_and_never_by_a_value(world: PreviewCluster) -> None:
    world.hook.copies("dev", "prod", data={"a": "1", "b": "1"}, binaryData={"c": "MQ=="})
    world.metacontroller.settle()
    before = state(world)
    world.hook.copies("dev", "prod", data={"a": "2", "c": "1", "d": "1"})
    world.cluster.patch(
        "ConfigMapSyncer", "sample", None, {"spec": {"progressDeadlineSeconds": 61}}
    )
    world.metacontroller.settle()
    assert changes.copies(before, state(world))[0] == Copy(
        "dev",
        "settings",
        "sample",
        Happened.UPDATED,
        ("a", "c", "d"),
        "new: d; changed: a, c; gone: b",
    )


def test_many_keys_are_counted(world: PreviewCluster) -> None:
    before = state(world)
    world.hook.copies("dev", data=dict.fromkeys("abcde", "1"))
    world.metacontroller.settle()
    middle = state(world)
    world.hook.copies("dev", data={})
    world.cluster.patch(
        "ConfigMapSyncer", "sample", None, {"spec": {"progressDeadlineSeconds": 61}}
    )
    world.metacontroller.settle()
    assert changes.copies(before, middle)[0].happened is Happened.CREATED
    assert changes.copies(middle, state(world))[0].why == "gone: 5 keys"


def test_a_deletion_shows_its_reason(world: PreviewCluster) -> None:
    world.hook.copies("dev", "prod")
    world.metacontroller.settle()
    before = state(world)
    world.hook.copies()
    world.cluster.patch(
        "ConfigMapSyncer", "sample", None, {"spec": {"progressDeadlineSeconds": 61}}
    )
    world.cluster.delete("Namespace", "prod")
    world.metacontroller.settle()
    renamed = {"spec": {"sourceConfigMap": "other"}}
    after = state(world)
    world.cluster.patch("ConfigMapSyncer", "sample", None, renamed)
    assert [(copy.namespace, copy.why) for copy in changes.copies(before, after)] == [
        ("dev", "is no longer a target"),
        ("prod", "the namespace is gone"),
    ]
    assert changes.copies(before, state(world))[0].why == "the copies are named other now"


def test_a_deleted_copy_of_a_missing_source_has_the_reason_of_the_source(
    world: PreviewCluster,
) -> None:
    world.hook.copies("dev")
    world.metacontroller.settle()
    before = state(world)
    world.hook.sync = lambda _: {"status": unresolved("SourceNotFound"), "children": []}
    world.cluster.patch(
        "ConfigMapSyncer", "sample", None, {"spec": {"progressDeadlineSeconds": 61}}
    )
    world.metacontroller.settle()
    assert [copy.why for copy in changes.copies(before, state(world))] == ["SourceNotFound"]


@pytest.mark.parametrize(
    ("cascade", "happened", "why"),
    [
        ("background", Happened.DELETED, "the syncer is gone"),
        ("orphan", Happened.RELEASED, "the syncer is gone, its copies stay"),
    ],
)
def test_what_becomes_of_the_copies_of_a_syncer_that_is_deleted(
    world: PreviewCluster, cascade: str, happened: Happened, why: str
) -> None:
    world.hook.copies("dev")
    world.metacontroller.settle()
    before = state(world)
    world.cluster.delete("ConfigMapSyncer", "sample", propagation=cascade)
    world.metacontroller.settle()
    assert changes.copies(before, state(world)) == [
        Copy("dev", "settings", "sample", happened, (), why)
    ]


def test_taken_over_released_and_recreated_copies_are_distinguished(world: PreviewCluster) -> None:
    for name in ("dev", "prod", "default"):
        immutable = name == "default"
        world.cluster.create(config_map("settings", name, data={"a": "0"}, immutable=immutable))
    world.hook.copies("dev", "prod", data={"a": "0"})
    before = state(world)
    world.metacontroller.settle()
    middle = state(world)
    world.cluster.delete("ConfigMap", "settings", "prod")
    world.metacontroller.settle()
    world.cluster.patch("ConfigMap", "settings", "dev", {"metadata": {"ownerReferences": None}})
    after = state(world)
    assert [(c.happened, c.why) for c in changes.copies(before, middle)] == [
        (Happened.TAKEN_OVER, "was unmanaged"),
        (Happened.TAKEN_OVER, "was unmanaged"),
    ]
    assert [(c.happened, c.why) for c in changes.copies(middle, after)] == [
        (Happened.RELEASED, "lost the label controller-uid"),
        (Happened.REPLACED, "was deleted"),
    ]
    assert [c.happened for c in changes.copies(middle, middle)] == [Happened.UNCHANGED] * 2


def test_a_change_of_metadata_alone_is_shown_and_so_is_a_copy_that_hangs(
    world: PreviewCluster,
) -> None:
    world.hook.copies("dev", "prod")
    world.metacontroller.settle()
    before = state(world)
    world.cluster.patch("ConfigMap", "settings", "dev", {"metadata": {"labels": {"team": "x"}}})
    world.cluster.patch("ConfigMap", "settings", "prod", {"metadata": {"finalizers": ["a/b"]}})
    middle = state(world)
    world.cluster.delete("ConfigMap", "settings", "prod")
    after = state(world)
    assert [c.why for c in changes.copies(before, middle)] == ["labels", "finalizers"]
    assert changes.copies(after, after)[1].why == "is being deleted"


def test_a_copy_that_could_not_be_made_is_listed_with_its_reason(world: PreviewCluster) -> None:
    world.hook.sync = lambda _: {"status": failing("Conflict", "dev"), "children": []}
    world.metacontroller.settle()
    assert changes.copies(state(world), state(world)) == [
        Copy("dev", "settings", "sample", Happened.NOT_MADE, (), "Conflict")
    ]

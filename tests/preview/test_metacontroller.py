"""When the in-memory Metacontroller asks the hook, what it sends, and what it makes of it."""

from collections.abc import Iterator

import pytest

from hooks.preview.simulator.hook import encode
from hooks.preview.simulator.metacontroller import DoesNotSettleError, SyncError
from hooks.preview.simulator.objects import Object
from hooks.preview.simulator.registration import RESYNC_PERIOD_SECONDS
from tests.preview.world import (
    NAMESPACES_AND_COPIES,
    OWNED_BY_NOBODY,
    PreviewCluster,
    config_map,
    namespace,
    syncer,
)

FINALIZER = "metacontroller.io/compositecontroller-configmap-syncer"


@pytest.fixture
def world() -> PreviewCluster:
    return PreviewCluster()


def test_a_sync_request_has_the_shape_of_hook_version_2(world: PreviewCluster) -> None:
    world.hook.rules = NAMESPACES_AND_COPIES
    world.hook.copies("dev", data={"a": "1"})
    world.cluster.create(syncer())
    world.metacontroller.settle()
    path, request = world.hook.requests[-1]
    assert path == "/sync"
    assert sorted(request) == ["children", "controller", "finalizing", "parent", "related"]
    assert request["controller"]["spec"]["childResources"] == [
        {"apiVersion": "v1", "resource": "configmaps", "updateStrategy": {"method": "InPlace"}}
    ]
    assert request["parent"]["metadata"]["finalizers"] == [FINALIZER]
    assert request["finalizing"] is False
    assert request["children"] == {"ConfigMap.v1": {"dev/settings": world.copy_in("dev")}}
    assert request["related"] == {
        "ConfigMap.v1": {"dev/settings": world.copy_in("dev")},
        "Namespace.v1": {name: world.cluster.get("Namespace", name) for name in ("dev", "prod")},
    }


def test_a_request_is_written_as_go_writes_json() -> None:
    assert encode({"b": "<ä&\u2028>\n", "a": 1}) == (
        b'{"a":1,"b":"\\u003c\xc3\xa4\\u0026\\u2028\\u003e\\n"}'
    )


def test_a_copy_gets_the_label_and_the_owner_by_which_it_is_claimed(world: PreviewCluster) -> None:
    world.hook.copies("dev", data={"a": "1"})
    parent = world.cluster.create(syncer())
    world.metacontroller.settle()
    uid = parent["metadata"]["uid"]
    found = world.copy_in("dev")
    assert found is not None
    assert found["metadata"]["labels"] == {"controller-uid": uid}
    assert found["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "config.example.com/v1alpha1",
            "kind": "ConfigMapSyncer",
            "name": "sample",
            "uid": uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    assert world.metacontroller.calls == {("customize", "sample"): 1, ("sync", "sample"): 2}
    assert world.metacontroller.events == []


def test_a_child_that_is_no_longer_wanted_is_deleted(world: PreviewCluster) -> None:
    world.hook.rules = NAMESPACES_AND_COPIES
    world.hook.copies("dev", "prod")
    world.cluster.create(syncer())
    world.metacontroller.settle()
    world.hook.copies("prod")
    world.cluster.patch("ConfigMapSyncer", "sample", None, {"spec": {"targetName": "x"}})
    world.metacontroller.settle()
    assert (world.data_in("dev"), world.data_in("prod")) == (None, {})


def test_a_child_that_loses_its_label_is_released_and_taken_back_when_it_is_desired(
    world: PreviewCluster,
) -> None:
    world.hook.copies("dev", data={"a": "1"})
    parent = world.cluster.create(syncer())
    world.metacontroller.settle()
    seen = len(world.hook.requests)
    world.cluster.patch(
        "ConfigMap", "settings", "dev", {"metadata": {"labels": {"controller-uid": None}}}
    )
    world.metacontroller.settle()
    observed = [request["children"]["ConfigMap.v1"] for _, request in world.hook.requests[seen:]]
    assert [sorted(group) for group in observed] == [[], ["dev/settings"]]
    found = world.copy_in("dev")
    assert found is not None
    assert found["metadata"]["ownerReferences"][0]["uid"] == parent["metadata"]["uid"]


def test_an_orphan_with_the_label_is_adopted_and_so_deleted_when_it_is_not_wanted(
    world: PreviewCluster,
) -> None:
    parent = world.cluster.create(syncer())
    world.metacontroller.settle()
    labels = {"controller-uid": parent["metadata"]["uid"]}
    world.cluster.create(config_map("settings", "dev", metadata={"labels": labels}))
    world.metacontroller.settle()
    assert world.copy_in("dev") is None


def test_an_object_of_another_controller_is_no_child_and_fails_when_it_is_desired(
    world: PreviewCluster,
) -> None:
    owner = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "a",
        "uid": OWNED_BY_NOBODY,
        "controller": True,
    }
    metadata = {"ownerReferences": [owner]}
    world.cluster.create(config_map("settings", "dev", metadata=metadata))
    world.hook.copies("dev", "prod", data={"a": "1"})
    world.cluster.create(syncer())
    world.metacontroller.settle()
    assert (world.data_in("dev"), world.data_in("prod")) == ({}, {"a": "1"})
    assert {event.message for event in world.metacontroller.events} == {
        (
            "Sync error: can't reconcile children for ConfigMapSyncer /sample: ConfigMap "
            '"settings" is invalid: metadata.ownerReferences: Invalid value: Only one '
            "reference can "
            'have Controller set to true. Found "true" in references for Deployment/a and '
            "ConfigMapSyncer/sample"
        )
    }


def test_a_child_that_waits_for_its_finalizer_is_observed_but_neither_written_nor_an_error(
    world: PreviewCluster,
) -> None:
    world.hook.copies("dev", data={"a": "1"})
    world.cluster.create(syncer())
    world.metacontroller.settle()
    world.cluster.patch("ConfigMap", "settings", "dev", {"metadata": {"finalizers": ["x.io/y"]}})
    world.cluster.delete("ConfigMap", "settings", "dev")
    world.hook.copies("dev", data={"a": "2"})
    world.metacontroller.settle()
    assert world.data_in("dev") == {"a": "1"}
    assert world.metacontroller.events == []
    world.cluster.patch("ConfigMap", "settings", "dev", {"metadata": {"finalizers": None}})
    world.metacontroller.settle()
    assert world.data_in("dev") == {"a": "2"}


def test_a_refusal_for_one_child_stops_no_other_writes_the_status_and_is_tried_again_ever_later(
    world: PreviewCluster,
) -> None:
    world.cluster.admission.append(
        lambda _, item, old: "policy" if item["metadata"]["namespace"] == "dev" else None
    )
    world.hook.sync = lambda _: {
        "status": {"targetCount": 2},
        "children": [config_map("settings", name) for name in ("dev", "prod")],
    }
    world.cluster.create(syncer())
    world.metacontroller.settle()
    assert (world.data_in("dev"), world.data_in("prod")) == (None, {})
    assert world.status() == {"targetCount": 2, "observedGeneration": 1}
    assert world.metacontroller.events[0] == SyncError(
        "sample",
        "Sync error: can't reconcile children for ConfigMapSyncer /sample: "
        'configmaps "settings" is forbidden: policy',
    )
    tried = world.metacontroller.calls["sync", "sample"]
    world.metacontroller.advance(1)
    assert world.metacontroller.calls["sync", "sample"] == tried + 6
    world.cluster.admission.clear()
    world.metacontroller.advance(2)
    assert world.data_in("dev") == {}
    assert world.metacontroller.waiting() == {}


def test_a_namespace_that_is_absent_fails_the_sync_with_the_servers_sentence(
    world: PreviewCluster,
) -> None:
    world.hook.copies("absent")
    world.cluster.create(syncer())
    world.metacontroller.settle()
    assert world.metacontroller.events == [
        SyncError(
            "sample",
            "Sync error: can't reconcile children for ConfigMapSyncer /sample: "
            'namespaces "absent" not found',
        )
    ]


def test_the_status_gets_the_observed_generation_and_does_not_ask_again(
    world: PreviewCluster,
) -> None:
    world.hook.sync = lambda request: {
        "status": {"seen": request["parent"]["metadata"]["generation"]},
        "children": [],
    }
    world.cluster.create(syncer(targetName="a"))
    world.metacontroller.settle()
    world.cluster.patch("ConfigMapSyncer", "sample", None, {"spec": {"targetName": "b"}})
    world.metacontroller.settle()
    assert world.status() == {"seen": 2, "observedGeneration": 2}
    assert world.metacontroller.calls == {("customize", "sample"): 2, ("sync", "sample"): 2}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"resource": "configmaps", "names": ["a"]}, ["dev/a", "prod/a"]),
        ({"resource": "configmaps", "namespace": "dev", "names": ["a"]}, ["dev/a"]),
        ({"resource": "configmaps", "namespace": "dev"}, ["dev/a", "dev/b"]),
        (
            {"resource": "configmaps", "labelSelector": {"matchLabels": {"team": "x"}}},
            ["dev/b", "prod/a"],
        ),
        (
            {
                "resource": "configmaps",
                "namespace": "dev",
                "labelSelector": {"matchExpressions": [{"key": "team", "operator": "Exists"}]},
            },
            ["dev/b"],
        ),
        (
            {
                "resource": "configmaps",
                "namespaceSelector": {
                    "matchExpressions": [
                        {
                            "key": "kubernetes.io/metadata.name",
                            "operator": "In",
                            "values": ["prod"],
                        }
                    ]
                },
            },
            ["prod/a"],
        ),
        ({"resource": "namespaces", "names": ["dev", "absent"]}, ["dev"]),
        (
            {
                "resource": "namespaces",
                "labelSelector": {
                    "matchExpressions": [
                        {
                            "key": "kubernetes.io/metadata.name",
                            "operator": "NotIn",
                            "values": ["default", "kube-system", "kube-public"],
                        },
                        {"key": "absent", "operator": "DoesNotExist"},
                    ]
                },
            },
            ["dev", "kube-node-lease", "prod"],
        ),
    ],
    ids=str,
)
def test_a_rule_selects_what_it_says(
    world: PreviewCluster, rule: dict[str, object], expected: list[str]
) -> None:
    labelled = {"labels": {"team": "x"}}
    world.cluster.create(config_map("a", "dev"))
    world.cluster.create(config_map("b", "dev", metadata=labelled))
    world.cluster.create(config_map("a", "prod", metadata=labelled))
    world.hook.rules = [{"apiVersion": "v1", **rule}]
    world.cluster.create(syncer())
    world.metacontroller.settle()
    (group,) = world.hook.requests[-1][1]["related"].values()
    assert sorted(group) == expected


def test_only_the_syncers_whose_rules_match_an_object_are_synced_when_it_changes(
    world: PreviewCluster,
) -> None:
    world.hook.rules = [{"apiVersion": "v1", "resource": "configmaps", "names": ["source"]}]
    world.cluster.create(syncer("reader"))
    world.metacontroller.settle()
    world.cluster.create(config_map("other", "dev"))
    world.metacontroller.settle()
    assert world.metacontroller.calls["sync", "reader"] == 1
    world.cluster.create(config_map("source", "dev"))
    world.metacontroller.settle()
    world.cluster.delete("ConfigMap", "source", "dev")
    world.metacontroller.settle()
    assert world.metacontroller.calls == {("customize", "reader"): 1, ("sync", "reader"): 3}


def test_related_rules_are_requested_once_a_generation_and_again_after_twenty_minutes(
    world: PreviewCluster,
) -> None:
    world.cluster.create(syncer())
    world.metacontroller.settle()
    world.metacontroller.advance(1000)
    assert world.metacontroller.calls == {("customize", "sample"): 1, ("sync", "sample"): 4}
    world.metacontroller.advance(1000)
    assert world.metacontroller.calls == {("customize", "sample"): 2, ("sync", "sample"): 7}


def test_a_resync_happens_when_it_was_requested_and_the_earlier_of_two_wins(
    world: PreviewCluster,
) -> None:
    answers: Iterator[Object] = iter([{"resyncAfterSeconds": 60}, {"resyncAfterSeconds": 30.5}])
    world.hook.sync = lambda _: {"status": {}, "children": [], **next(answers, {})}
    world.cluster.create(syncer())
    world.metacontroller.settle()
    world.cluster.patch("ConfigMapSyncer", "sample", None, {"metadata": {"labels": {"a": "b"}}})
    world.metacontroller.settle()
    world.metacontroller.advance(30)
    assert world.metacontroller.calls["sync", "sample"] == 2
    world.metacontroller.advance(1)
    assert world.metacontroller.calls["sync", "sample"] == 3
    world.metacontroller.advance(60)
    assert world.metacontroller.calls["sync", "sample"] == 3


def test_after_an_outage_a_resync_asks_at_once_however_far_the_next_retry_is(
    world: PreviewCluster,
) -> None:
    world.hook.refuse = (503, b"", {})
    world.cluster.create(syncer())
    world.metacontroller.settle()
    # The next retry would come after 327 s.
    world.metacontroller.advance(200)
    world.hook.refuse = None

    world.metacontroller.advance(RESYNC_PERIOD_SECONDS - 201)
    assert world.metacontroller.calls["sync", "sample"] == 0
    world.metacontroller.advance(1)
    assert world.metacontroller.calls["sync", "sample"] == 1


def test_an_overloaded_hook_is_called_again_at_the_time_it_set(world: PreviewCluster) -> None:
    world.hook.refuse = (429, b"", {"Retry-After": "7"})
    world.cluster.create(syncer())
    world.metacontroller.settle()
    world.metacontroller.advance(6)
    assert world.metacontroller.calls["customize", "sample"] == 1
    world.hook.refuse = None
    world.metacontroller.advance(1)
    assert world.metacontroller.calls == {("customize", "sample"): 2, ("sync", "sample"): 1}
    assert world.metacontroller.events == []


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (
            500,
            b"a bug\n",
            "sync hook failed (version=v2): unsupported status code: 500 body: a bug",
        ),
        (
            200,
            b'{"children":[],"childs":[]}',
            (
                "sync hook failed (version=v2): strict validation failed for v2 webhookResponse: "
                'unknown field "childs"'
            ),
        ),
        (
            200,
            b'{"status":{},"status":{}}',
            (
                "sync hook failed (version=v2): can't unmarshal webhookResponse: "
                'duplicate field "status"'
            ),
        ),
        (
            200,
            b'{"children":{}}',
            (
                "sync hook failed (version=v2): can't unmarshal webhookResponse: "
                'field "children" has the wrong type'
            ),
        ),
        (
            200,
            b'{"finalized":1}',
            (
                "sync hook failed (version=v2): can't unmarshal webhookResponse: "
                'field "finalized" has the wrong type'
            ),
        ),
        (
            200,
            b'{"children":[{"apiVersion":"v1"}]}',
            (
                "sync hook failed (version=v2): can't unmarshal webhookResponse: "
                "Object 'Kind' is missing in children[0]"
            ),
        ),
    ],
)
def test_an_answer_that_metacontroller_cannot_use_is_an_event_and_changes_nothing(
    world: PreviewCluster, status: int, body: bytes, expected: str
) -> None:
    world.hook.copies("dev")
    world.cluster.create(syncer())
    world.metacontroller.settle()
    before = world.copy_in("dev")
    world.hook.refuse = (status, body, {})
    world.cluster.patch("ConfigMapSyncer", "sample", None, {"metadata": {"labels": {"a": "b"}}})
    world.metacontroller.settle()
    assert world.metacontroller.events == [SyncError("sample", f"Sync error: {expected}")]
    assert world.copy_in("dev") == before


def test_a_controller_uid_from_the_hook_fails_the_whole_sync(world: PreviewCluster) -> None:
    world.hook.copies("dev", metadata={"labels": {"controller-uid": "mine"}})
    world.cluster.create(syncer())
    world.metacontroller.settle()
    assert world.copy_in("dev") is None
    assert world.metacontroller.events == [
        SyncError(
            "sample",
            "Sync error: labels on desired child ConfigMap dev/settings "
            "don't match parent selector",
        )
    ]


def test_a_deleted_syncer_goes_when_the_hook_says_that_it_has_finished(
    world: PreviewCluster,
) -> None:
    world.hook.copies("dev", "prod")
    world.hook.finalize = lambda request: {
        "status": {},
        "children": [],
        "finalized": not request["children"]["ConfigMap.v1"],
    }
    world.cluster.create(syncer())
    world.metacontroller.settle()
    world.cluster.delete("ConfigMapSyncer", "sample")
    world.metacontroller.settle()
    assert world.cluster.get("ConfigMapSyncer", "sample") is None
    assert world.cluster.list("ConfigMap") == []
    assert world.metacontroller.calls["finalize", "sample"] == 2


def test_an_answer_that_finishes_applies_nothing(world: PreviewCluster) -> None:
    world.hook.copies("dev")
    world.cluster.create(syncer())
    world.metacontroller.settle()
    world.hook.finalize = lambda _: {
        "children": [config_map("settings", "prod")],
        "finalized": True,
    }
    world.cluster.delete("ConfigMapSyncer", "sample")
    world.metacontroller.settle()
    assert world.cluster.get("ConfigMapSyncer", "sample") is None
    assert world.copy_in("prod") is None
    assert world.copy_in("dev") is None  # The garbage collector's work, not the answer's.


@pytest.mark.parametrize(("propagation", "left"), [("foreground", None), ("orphan", {"a": "1"})])
def test_while_the_garbage_collector_deletes_the_children_the_hook_is_called_but_nothing_is_applied(
    world: PreviewCluster, propagation: str, left: dict[str, str] | None
) -> None:
    world.hook.copies("dev", data={"a": "1"})
    world.cluster.create(syncer())
    world.metacontroller.settle()
    world.hook.finalize = lambda _: {
        "children": [config_map("settings", "prod")],
        "finalized": True,
    }
    world.cluster.delete("ConfigMapSyncer", "sample", propagation=propagation)
    world.metacontroller.settle()
    assert world.cluster.get("ConfigMapSyncer", "sample") is None
    assert (world.data_in("dev"), world.data_in("prod")) == (left, None)
    assert world.metacontroller.calls["finalize", "sample"] >= 1


def test_an_answer_that_never_comes_to_rest_is_reported_with_the_syncers_name(
    world: PreviewCluster,
) -> None:
    numbers = iter(range(1000))
    world.hook.sync = lambda _: {
        "children": [config_map("settings", "dev", data={"a": str(next(numbers))})]
    }
    world.cluster.create(syncer("restless"))
    with pytest.raises(DoesNotSettleError) as error:
        world.metacontroller.settle()
    assert str(error.value) == (
        "ConfigMapSyncer restless does not settle: it still changes after 100 syncs"
    )


def test_a_terminating_namespace_is_shown_before_it_is_gone(world: PreviewCluster) -> None:
    world.hook.rules = NAMESPACES_AND_COPIES
    world.cluster.create(syncer())
    world.metacontroller.settle()
    seen = len(world.hook.requests)
    world.cluster.delete("Namespace", "dev")
    world.metacontroller.settle()
    phases = [
        request["related"]["Namespace.v1"].get("dev", {}).get("status")
        for _, request in world.hook.requests[seen:]
    ]
    assert phases == [{"phase": "Terminating"}, None]
    world.cluster.create(namespace("dev"))
    world.metacontroller.settle()
    assert "dev" in world.hook.requests[-1][1]["related"]["Namespace.v1"]


def test_the_same_story_gives_the_same_bytes() -> None:
    def end_state() -> bytes:
        world = PreviewCluster()
        world.hook.rules = NAMESPACES_AND_COPIES
        world.hook.copies("dev", "prod", data={"a": "1"})
        world.cluster.create(syncer())
        world.metacontroller.advance(100)
        return encode([world.cluster.list(kind) for kind in ("ConfigMap", "ConfigMapSyncer")])

    assert end_state() == end_state()

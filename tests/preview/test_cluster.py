"""What the API server in memory takes, refuses, keeps and deletes."""

import base64
import json
from typing import Any

import pytest

from hooks.preview.simulator.clock import Clock
from hooks.preview.simulator.cluster import Cluster
from hooks.preview.simulator.controllers import Controllers
from hooks.preview.simulator.objects import ApiError, Object
from hooks.preview.simulator.ownership import LAST_APPLIED
from hooks.preview.simulator.schema import Schema
from hooks.preview.simulator.store import WatchEvent
from tests.preview.world import config_map, namespace, syncer

IMMUTABLE = "Forbidden: field is immutable when `immutable` is set"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cluster(clock: Clock) -> Cluster:
    cluster = Cluster(clock)
    cluster.create(namespace("dev"))
    return cluster


def owner(item: Object, **fields: object) -> Object:
    return {
        "apiVersion": item["apiVersion"],
        "kind": item["kind"],
        "name": item["metadata"]["name"],
        "uid": item["metadata"]["uid"],
        **fields,
    }


def refusal(error: pytest.ExceptionInfo[ApiError]) -> tuple[int, str, str]:
    return error.value.status, error.value.reason, error.value.message


def test_a_created_object_gets_what_the_server_fills_in_and_keeps_nothing_it_should_not(
    cluster: Cluster,
) -> None:
    given = {**syncer("team", sourceNamespace="default"), "status": {"targetCount": 9}}
    given["metadata"]["uid"] = "mine"
    assert cluster.create(given) == {
        "apiVersion": "config.example.com/v1alpha1",
        "kind": "ConfigMapSyncer",
        "metadata": {
            "name": "team",
            "uid": "00000000-0000-4000-8000-000000000006",
            "creationTimestamp": "2025-01-01T00:00:00Z",
            "generation": 1,
            "resourceVersion": "6",
            "managedFields": [
                {
                    "manager": "user",
                    "operation": "Update",
                    "apiVersion": "config.example.com/v1alpha1",
                    "time": "2025-01-01T00:00:00Z",
                    "fieldsType": "FieldsV1",
                    "fieldsV1": {"f:spec": {}},
                }
            ],
        },
        "spec": {"sourceNamespace": "default"},
    }


def test_a_new_namespace_is_active_and_labelled_with_its_name(cluster: Cluster) -> None:
    found = cluster.get("Namespace", "dev")
    assert found is not None
    assert found["metadata"]["labels"] == {"kubernetes.io/metadata.name": "dev"}
    assert found["status"] == {"phase": "Active"}


def test_a_write_that_changes_nothing_keeps_the_resource_version_and_sends_no_event(
    cluster: Cluster,
) -> None:
    before = cluster.create(config_map("settings", "dev", data={"a": "1"}))
    events: list[WatchEvent] = []
    cluster.subscribe(events.append)
    assert cluster.apply(config_map("settings", "dev", data={"a": "1"})) == before
    assert cluster.patch("ConfigMap", "settings", "dev", {}) == before
    assert events == []


def test_what_is_handed_out_can_be_changed_without_changing_the_cluster(cluster: Cluster) -> None:
    cluster.create(config_map("settings", "dev", data={"a": "1"}))
    handed = cluster.list("ConfigMap")[0]
    handed["data"]["a"] = "2"
    found = cluster.get("ConfigMap", "settings", "dev")
    assert found is not None
    assert found["data"] == {"a": "1"}


def test_generation_moves_with_the_spec_alone(cluster: Cluster) -> None:
    created = cluster.create(syncer(targetName="a"))
    cluster.patch("ConfigMapSyncer", "sample", None, {"metadata": {"labels": {"team": "x"}}})
    cluster.update_status(created, {"targetCount": 1})
    first = cluster.get("ConfigMapSyncer", "sample")
    cluster.patch("ConfigMapSyncer", "sample", None, {"spec": {"targetName": "b"}, "status": {}})
    second = cluster.get("ConfigMapSyncer", "sample")
    assert first is not None
    assert second is not None
    assert (first["metadata"]["generation"], second["metadata"]["generation"]) == (1, 2)
    assert second["status"] == {"targetCount": 1}


def test_metacontroller_wrote_a_status_when_it_last_changed(cluster: Cluster, clock: Clock) -> None:
    created = cluster.create(syncer(targetName="a"))
    for count in (1, 2, 2):
        clock.advance(10)
        cluster.update_status(created, {"targetCount": count})
    found = cluster.get("ConfigMapSyncer", "sample")
    assert found is not None
    written = {entry["manager"]: entry["time"] for entry in found["metadata"]["managedFields"]}
    assert written == {"metacontroller": "2025-01-01T00:00:20Z", "user": "2025-01-01T00:00:00Z"}


def test_a_syncer_that_no_controller_has_seen_says_so(clock: Clock) -> None:
    cluster = Cluster(clock, Schema.load())
    manifest = syncer(sourceNamespace="default", sourceConfigMap="a", targetNamespaces=["dev"])

    created = cluster.create({**manifest, "status": {"targetCount": 9}})
    cluster.update_status(created, {"observedGeneration": 1, "targetCount": 1})
    patched = cluster.patch("ConfigMapSyncer", "sample", None, {"spec": {"suspend": True}})

    assert created["status"] == {"observedGeneration": -1}
    assert patched["status"] == {"observedGeneration": 1, "targetCount": 1}


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        (
            config_map("settings", "absent"),
            (404, "NotFound", 'namespaces "absent" not found'),
        ),
        (
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}},
            (404, "NotFound", "the server could not find the requested resource"),
        ),
        (
            namespace("default"),
            (409, "AlreadyExists", 'namespaces "default" already exists'),
        ),
        (
            config_map("Upper", "dev"),
            (
                422,
                "Invalid",
                (
                    'ConfigMap "Upper" is invalid: metadata.name: Invalid value: "Upper": '
                    "a lowercase "
                    "RFC 1123 subdomain: at most 253 of a-z, 0-9, '-' and '.', each part "
                    "beginning and "
                    "ending with a letter or digit"
                ),
            ),
        ),
        (
            config_map("settings", "dev", data={"a": "1"}, binaryData={"a": "MQ=="}),
            (
                422,
                "Invalid",
                (
                    'ConfigMap "settings" is invalid: data[a]: Invalid value: duplicate '
                    "of key present "
                    "in binaryData"
                ),
            ),
        ),
        (
            config_map("settings", "dev", data={"a": "x" * 1024 * 1024, "b": "y"}),
            (
                422,
                "Invalid",
                (
                    'ConfigMap "settings" is invalid: data: Too long: may not be more than 1048576 '
                    "bytes, it has 1048577"
                ),
            ),
        ),
        (
            config_map("settings", "dev", data={"a": 1}, binaryData={"b": "no base64"}),
            (
                422,
                "Invalid",
                (
                    'ConfigMap "settings" is invalid: [data[a]: must be a string, not a '
                    "number: put it "
                    "in quotes, binaryData[b]: Invalid value: not base64]"
                ),
            ),
        ),
        (
            config_map(
                "settings",
                "dev",
                metadata={
                    "ownerReferences": [
                        {
                            "apiVersion": "v1",
                            "kind": "A",
                            "name": "a",
                            "uid": "1",
                            "controller": True,
                        },
                        {
                            "apiVersion": "v1",
                            "kind": "B",
                            "name": "b",
                            "uid": "2",
                            "controller": True,
                        },
                    ]
                },
            ),
            (
                422,
                "Invalid",
                (
                    'ConfigMap "settings" is invalid: metadata.ownerReferences: Invalid '
                    "value: Only one "
                    'reference can have Controller set to true. Found "true" in references for A/a '
                    "and B/b"
                ),
            ),
        ),
    ],
    ids=lambda value: value[2][:60] if isinstance(value, tuple) else None,
)
def test_what_the_api_server_refuses_is_refused_with_its_sentence(
    cluster: Cluster, manifest: Object, expected: tuple[int, str, str]
) -> None:
    with pytest.raises(ApiError) as error:
        cluster.create(manifest)
    assert refusal(error) == expected


@pytest.mark.parametrize("key", ["..", ".", "..a", "a b", "a/b", "x" * 254, ""])
def test_a_key_that_no_config_map_may_have_is_refused(cluster: Cluster, key: str) -> None:
    with pytest.raises(ApiError, match="a valid config key must consist of"):
        cluster.create(config_map("settings", "dev", data={key: ""}))


def test_as_many_bytes_as_allowed_are_taken_counted_as_decoded(cluster: Cluster) -> None:
    half = "x" * (512 * 1024)
    encoded = base64.b64encode(half.encode()).decode()
    cluster.create(config_map("settings", "dev", data={"a": half}, binaryData={"b": encoded}))


def test_an_immutable_config_map_changes_its_metadata_only(cluster: Cluster) -> None:
    cluster.create(config_map("settings", "dev", data={"a": "1"}, immutable=True))
    cluster.patch("ConfigMap", "settings", "dev", {"metadata": {"labels": {"team": "x"}}})
    with pytest.raises(ApiError) as error:
        cluster.patch("ConfigMap", "settings", "dev", {"data": {"a": "2"}, "immutable": None})
    assert refusal(error) == (
        422,
        "Invalid",
        f'ConfigMap "settings" is invalid: [immutable: {IMMUTABLE}, data: {IMMUTABLE}]',
    )


def test_an_object_with_a_finalizer_waits_for_it(cluster: Cluster, clock: Clock) -> None:
    cluster.create(syncer("team") | {"metadata": {"name": "team", "finalizers": ["a.example/b"]}})
    clock.advance(5)
    cluster.delete("ConfigMapSyncer", "team")
    held = cluster.get("ConfigMapSyncer", "team")
    assert held is not None
    assert held["metadata"]["deletionTimestamp"] == "2025-01-01T00:00:05Z"
    assert held["metadata"]["generation"] == 2
    cluster.patch("ConfigMapSyncer", "team", None, {"metadata": {"finalizers": None}})
    assert cluster.get("ConfigMapSyncer", "team") is None


def test_deleting_another_object_of_the_same_name_is_refused(cluster: Cluster) -> None:
    cluster.create(config_map("settings", "dev"))
    with pytest.raises(ApiError) as error:
        cluster.delete("ConfigMap", "settings", "dev", uid="another")
    assert error.value.status == 409


def test_a_namespace_that_is_deleted_terminates_takes_nothing_new_and_goes_when_empty(
    cluster: Cluster,
) -> None:
    cluster.create(config_map("held", "dev", metadata={"finalizers": ["a.example/b"]}))
    cluster.create(config_map("free", "dev"))
    cluster.delete("Namespace", "dev")
    found = cluster.get("Namespace", "dev")
    assert found is not None
    assert found["status"] == {"phase": "Terminating"}
    assert found["metadata"]["deletionTimestamp"] == "2025-01-01T00:00:00Z"
    with pytest.raises(ApiError) as error:
        cluster.create(config_map("new", "dev"))
    assert refusal(error) == (
        403,
        "Forbidden",
        (
            'configmaps "new" is forbidden: unable to create new content in namespace dev '
            "because it "
            "is being terminated"
        ),
    )
    assert Controllers(cluster).run() is True
    assert [item["metadata"]["name"] for item in cluster.list("ConfigMap", "dev")] == ["held"]
    cluster.patch("ConfigMap", "held", "dev", {"metadata": {"finalizers": None}})
    assert Controllers(cluster).run() is True
    assert cluster.get("Namespace", "dev") is None
    assert Controllers(cluster).run() is False


def test_the_namespaces_of_the_system_cannot_be_deleted(cluster: Cluster) -> None:
    with pytest.raises(ApiError) as error:
        cluster.delete("Namespace", "default")
    assert error.value.status == 403


@pytest.mark.parametrize(
    ("propagation", "left"),
    [("background", None), ("foreground", None), ("orphan", [])],
)
def test_deleting_an_owner_does_to_its_dependents_what_the_policy_says(
    cluster: Cluster, propagation: str, left: list[Object] | None
) -> None:
    parent = cluster.create(syncer())
    reference = owner(parent, controller=True, blockOwnerDeletion=True)
    cluster.create(config_map("settings", "dev", metadata={"ownerReferences": [reference]}))
    cluster.delete("ConfigMapSyncer", "sample", propagation=propagation)
    Controllers(cluster).run()
    found = cluster.get("ConfigMap", "settings", "dev")
    assert cluster.get("ConfigMapSyncer", "sample") is None
    assert (found and found["metadata"].get("ownerReferences", [])) == left


def test_a_foreground_deletion_waits_for_a_dependent_that_waits_for_its_finalizer(
    cluster: Cluster,
) -> None:
    parent = cluster.create(syncer())
    reference = owner(parent, controller=True, blockOwnerDeletion=True)
    metadata = {"ownerReferences": [reference], "finalizers": ["a.example/b"]}
    cluster.create(config_map("settings", "dev", metadata=metadata))
    cluster.delete("ConfigMapSyncer", "sample", propagation="foreground")
    Controllers(cluster).run()
    waiting = cluster.get("ConfigMapSyncer", "sample")
    assert waiting is not None
    assert waiting["metadata"]["finalizers"] == ["foregroundDeletion"]
    cluster.patch("ConfigMap", "settings", "dev", {"metadata": {"finalizers": None}})
    Controllers(cluster).run()
    assert cluster.get("ConfigMapSyncer", "sample") is None


def test_a_dependent_with_a_second_living_owner_loses_only_the_dead_one(cluster: Cluster) -> None:
    parent = cluster.create(syncer())
    home = cluster.get("Namespace", "dev")
    assert home is not None
    kept = owner(home, controller=False, blockOwnerDeletion=False)
    references = [owner(parent, controller=True, blockOwnerDeletion=True), kept]
    cluster.create(config_map("settings", "dev", metadata={"ownerReferences": references}))
    cluster.delete("ConfigMapSyncer", "sample", propagation="foreground")
    Controllers(cluster).run()
    found = cluster.get("ConfigMap", "settings", "dev")
    assert found is not None
    assert found["metadata"]["ownerReferences"] == [kept]
    assert cluster.get("ConfigMapSyncer", "sample") is None


def test_an_owner_of_the_same_name_but_another_uid_does_not_keep_its_dependents(
    cluster: Cluster,
) -> None:
    parent = cluster.create(syncer())
    reference = owner(parent) | {"uid": "an earlier one"}
    cluster.create(config_map("settings", "dev", metadata={"ownerReferences": [reference]}))
    Controllers(cluster).run()
    assert cluster.get("ConfigMap", "settings", "dev") is None


def test_an_owner_of_a_kind_that_is_not_simulated_is_taken_as_existing(cluster: Cluster) -> None:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a", "uid": "1"}
    cluster.create(config_map("settings", "dev", metadata={"ownerReferences": [reference]}))
    Controllers(cluster).run()
    assert cluster.get("ConfigMap", "settings", "dev") is not None


def applied(cluster: Cluster, **fields: Any) -> Object:
    return cluster.server_side_apply(config_map("settings", "dev", **fields), "metacontroller")


def test_a_key_that_is_not_applied_again_is_removed_and_a_key_added_by_others_stays(
    cluster: Cluster,
) -> None:
    applied(cluster, data={"a": "1", "b": "1"}, metadata={"labels": {"x": "1", "y": "1"}})
    cluster.patch("ConfigMap", "settings", "dev", {"data": {"foreign": "1"}})
    result = applied(cluster, data={"a": "2"}, metadata={"labels": {"x": "1"}})
    assert result["data"] == {"a": "2", "foreign": "1"}
    assert result["metadata"]["labels"] == {"x": "1"}


def test_a_key_that_two_own_stays_when_one_drops_it(cluster: Cluster) -> None:
    cluster.create(config_map("settings", "dev", data={"a": "same"}))
    applied(cluster, data={"a": "same"})
    assert applied(cluster, data={})["data"] == {"a": "same"}


def test_a_key_taken_with_another_value_is_removed_when_its_new_owner_drops_it(
    cluster: Cluster,
) -> None:
    cluster.create(config_map("settings", "dev", data={"a": "theirs"}))
    assert applied(cluster, data={"a": "ours"})["data"] == {"a": "ours"}
    assert "data" not in applied(cluster, data={})


def test_a_users_edit_takes_the_key_and_force_takes_it_back(cluster: Cluster) -> None:
    applied(cluster, data={"a": "1", "b": "1"})
    cluster.patch("ConfigMap", "settings", "dev", {"data": {"a": "2"}})
    found = cluster.get("ConfigMap", "settings", "dev")
    assert found is not None
    assert [entry["manager"] for entry in found["metadata"]["managedFields"]] == [
        "metacontroller",
        "user",
    ]
    result = applied(cluster, data={"a": "1", "b": "1"})
    assert result["data"] == {"a": "1", "b": "1"}
    assert [entry["manager"] for entry in result["metadata"]["managedFields"]] == ["metacontroller"]


def test_a_key_moves_between_data_and_binary_data_in_one_apply(cluster: Cluster) -> None:
    applied(cluster, data={"a": "1"})
    result = applied(cluster, binaryData={"a": "MQ=="})
    assert (result.get("data"), result["binaryData"]) == (None, {"a": "MQ=="})


def test_applying_the_same_again_changes_nothing(cluster: Cluster) -> None:
    once = applied(cluster, data={"a": "1"})
    assert applied(cluster, data={"a": "1"}) is once


def test_a_second_controller_applied_by_force_is_refused(cluster: Cluster) -> None:
    parent = cluster.create(syncer())
    other = {"apiVersion": "apps/v1", "kind": "A", "name": "a", "uid": "1", "controller": True}
    cluster.create(config_map("settings", "dev", metadata={"ownerReferences": [other]}))
    with pytest.raises(ApiError) as error:
        applied(cluster, metadata={"ownerReferences": [owner(parent, controller=True)]})
    assert error.value.status == 422


def test_a_restored_object_keeps_its_uid_its_times_its_status_and_the_owners_of_its_fields(
    cluster: Cluster,
) -> None:
    created = applied(cluster, data={"a": "1"})
    cluster.patch("ConfigMap", "settings", "dev", {"data": {"b": "1"}})
    dumped = cluster.get("ConfigMap", "settings", "dev")
    assert dumped is not None
    other = Cluster(Clock())
    other.create(namespace("dev"))
    restored = other.restore(dumped)
    assert restored["metadata"]["uid"] == created["metadata"]["uid"]
    assert restored["metadata"]["managedFields"] == dumped["metadata"]["managedFields"]
    assert other.server_side_apply(config_map("settings", "dev"), "metacontroller")["data"] == {
        "b": "1"
    }


def test_an_admission_policy_refuses_what_it_names(cluster: Cluster) -> None:
    cluster.admission.append(
        lambda _, item, old: "not here" if item["metadata"]["namespace"] == "dev" else None
    )
    cluster.create(config_map("settings", "default"))
    with pytest.raises(ApiError) as error:
        cluster.create(config_map("settings", "dev"))
    assert refusal(error) == (422, "Invalid", 'configmaps "settings" is forbidden: not here')


def secret(**fields: Any) -> Object:
    metadata = {"name": "token", "namespace": "dev", **fields.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **fields}


def test_a_secret_is_stored_encoded_and_has_a_type(cluster: Cluster) -> None:
    created = cluster.create(secret(stringData={"a": "plain"}, data={"b": "Ym9sZA=="}))
    assert created["data"] == {"a": "cGxhaW4=", "b": "Ym9sZA=="}
    assert created["type"] == "Opaque"
    assert "stringData" not in created


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param(
            {"data": {"a": "no base64 MARKER"}}, "data[a]: Invalid value: not base64", id="base64"
        ),
        pytest.param(
            {"type": "kubernetes.io/tls", "data": {"tls.crt": "TUFSS0VS"}},
            "data[tls.key]: Required value",
            id="a key of its type lacks",
        ),
        pytest.param(
            {"type": "kubernetes.io/basic-auth"}, "data[username]: Required value", id="basic-auth"
        ),
        pytest.param(
            {"type": "kubernetes.io/service-account-token"},
            "metadata.annotations[kubernetes.io/service-account.name]: Required value",
            id="no account",
        ),
        pytest.param(
            {"stringData": {"a": "MARKER" * 200_000}},
            "data: Too long: may not be more than 1048576 bytes, it has 1200000",
            id="size",
        ),
    ],
)
def test_what_makes_no_secret_is_refused_without_a_value(
    cluster: Cluster, fields: Object, message: str
) -> None:
    with pytest.raises(ApiError) as error:
        cluster.create(secret(**fields))
    assert message in error.value.message
    assert "MARKER" not in error.value.message


def test_the_type_of_a_secret_cannot_change(cluster: Cluster) -> None:
    cluster.create(secret())
    with pytest.raises(ApiError, match="type: Invalid value: field is immutable"):
        cluster.patch("Secret", "token", "dev", {"type": "example.com/other"})


def test_a_terminating_namespace_takes_its_secrets_along(cluster: Cluster) -> None:
    cluster.create(secret())
    cluster.delete("Namespace", "dev")
    Controllers(cluster).run()
    assert (cluster.get("Secret", "token", "dev"), cluster.get("Namespace", "dev")) == (None, None)


def test_ownership_is_not_tracked_until_something_is_applied(
    cluster: Cluster,
) -> None:
    cluster.create(config_map("settings", "dev", data={"a": "1"}))
    cluster.patch("ConfigMap", "settings", "dev", {"data": {"a": None}})
    untracked = cluster.patch("ConfigMap", "settings", "dev", {"data": {"b": "1"}})
    assert untracked["metadata"]["managedFields"] == []
    tracked = applied(cluster, data={"b": "1"})
    assert {entry["manager"] for entry in tracked["metadata"]["managedFields"]} == {
        "before-first-apply",
        "metacontroller",
    }


def copy_without_managed_fields(parent: Object, **metadata: object) -> Object:
    labels = {"synced-by": "sample", "controller-uid": parent["metadata"]["uid"], "team": "theirs"}
    owners = [owner(parent, controller=True)]
    return config_map(
        "settings",
        "dev",
        metadata={"labels": labels, "ownerReferences": owners, **metadata},
        data={"a": "1", "b": "1"},
    )


def test_without_managed_fields_a_copy_is_taken_for_metacontrollers_but_for_the_labels_of_others(
    cluster: Cluster,
) -> None:
    restored = cluster.restore(copy_without_managed_fields(cluster.create(syncer())))
    assert cluster.assumed == ["ConfigMap dev/settings"]
    assert restored["metadata"]["managedFields"][0]["manager"] == "metacontroller"
    result = applied(cluster, data={"a": "1"})
    assert (result["data"], result["metadata"]["labels"]) == ({"a": "1"}, {"team": "theirs"})


def test_without_managed_fields_the_annotation_of_dynamic_apply_says_who_owns_a_key(
    cluster: Cluster,
) -> None:
    parent = cluster.create(syncer())
    memory = {LAST_APPLIED: json.dumps({"data": {"a": "1"}})}
    restored = cluster.restore(copy_without_managed_fields(parent, annotations=memory))
    owners = {
        entry["manager"]: list(entry["fieldsV1"].get("f:data", {}))
        for entry in restored["metadata"]["managedFields"]
    }
    assert owners == {"metacontroller": ["f:a"], "user": ["f:b"]}


def test_what_is_no_copy_is_a_users_without_any_assumption(cluster: Cluster) -> None:
    restored = cluster.restore(config_map("settings", "dev", data={"a": "1"}))
    assert [entry["manager"] for entry in restored["metadata"]["managedFields"]] == ["user"]
    assert cluster.assumed == []

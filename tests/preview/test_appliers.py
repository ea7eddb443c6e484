"""How each strategy writes a child: what it takes over, leaves alone and refuses."""

import json
from typing import Any

import pytest

from hooks.preview.simulator.appliers import APPLIERS, DynamicApply, ServerSideApply
from hooks.preview.simulator.clock import Clock
from hooks.preview.simulator.cluster import Cluster
from hooks.preview.simulator.objects import ApiError, Object
from hooks.preview.simulator.ownership import LAST_APPLIED
from tests.preview.world import config_map, namespace, syncer


@pytest.fixture
def cluster() -> Cluster:
    cluster = Cluster(Clock())
    cluster.create(namespace("dev"))
    cluster.create(syncer())
    return cluster


def parent(cluster: Cluster) -> Object:
    found = cluster.get("ConfigMapSyncer", "sample")
    assert found is not None
    return found


def copy(cluster: Cluster) -> Object | None:
    return cluster.get("ConfigMap", "settings", "dev")


def dynamic(cluster: Cluster, **fields: Any) -> Object:
    """What is there after one more dynamic apply."""
    DynamicApply(cluster).apply(
        parent(cluster), copy(cluster), config_map("settings", "dev", **fields)
    )
    found = copy(cluster)
    assert found is not None
    return found


def test_there_is_an_applier_for_every_strategy() -> None:
    assert {"server-side-apply": ServerSideApply, "dynamic-apply": DynamicApply} == APPLIERS


def test_dynamic_apply_keeps_what_it_wrote_as_go_writes_it(cluster: Cluster) -> None:
    created = dynamic(cluster, data={"page": "<a>&\u2028"})
    assert created["metadata"]["annotations"][LAST_APPLIED] == (
        '{"apiVersion":"v1","data":{"page":"\\u003ca\\u003e\\u0026\\u2028"},"kind":"ConfigMap",'
        '"metadata":{"name":"settings","namespace":"dev"}}'
    )
    assert [owner["name"] for owner in created["metadata"]["ownerReferences"]] == ["sample"]


def test_dynamic_apply_of_the_same_writes_nothing(cluster: Cluster) -> None:
    once = dynamic(cluster, data={"a": "1"})
    assert dynamic(cluster, data={"a": "1"}) == once


def test_dynamic_apply_writes_when_only_what_it_remembers_changes(cluster: Cluster) -> None:
    dynamic(cluster, data={"a": "1"})
    cluster.patch("ConfigMap", "settings", "dev", {"data": {"b": "1"}})
    written = dynamic(cluster, data={"a": "1", "b": "1"})
    assert json.loads(written["metadata"]["annotations"][LAST_APPLIED])["data"] == {
        "a": "1",
        "b": "1",
    }
    assert dynamic(cluster, data={"a": "1"})["data"] == {"a": "1"}


def test_dynamic_apply_silently_leaves_an_object_that_is_not_observed(
    cluster: Cluster,
) -> None:
    there = cluster.create(config_map("settings", "dev", data={"theirs": "1"}))
    desired = config_map("settings", "dev", data={"a": "1"})
    DynamicApply(cluster).apply(parent(cluster), None, desired)
    assert copy(cluster) == there


def test_dynamic_apply_leaves_a_newer_version_to_the_next_sync(cluster: Cluster) -> None:
    observed = dynamic(cluster, data={"a": "1"})
    newer = cluster.patch("ConfigMap", "settings", "dev", {"data": {"b": "1"}})
    desired = config_map("settings", "dev", data={"a": "2"})
    DynamicApply(cluster).apply(parent(cluster), observed, desired)
    assert copy(cluster) == newer


def test_dynamic_apply_does_not_mind_that_a_child_has_just_gone(cluster: Cluster) -> None:
    observed = dynamic(cluster, data={"a": "1"})
    cluster.delete("ConfigMap", "settings", "dev")
    desired = config_map("settings", "dev", data={"a": "2"})
    DynamicApply(cluster).apply(parent(cluster), observed, desired)
    assert copy(cluster) is None


@pytest.mark.parametrize("strategy", APPLIERS)
def test_a_child_that_is_being_deleted_is_left_alone(cluster: Cluster, strategy: str) -> None:
    applier = APPLIERS[strategy](cluster)
    applier.apply(parent(cluster), None, config_map("settings", "dev", data={"a": "1"}))
    cluster.patch("ConfigMap", "settings", "dev", {"metadata": {"finalizers": ["a/b"]}})
    cluster.delete("ConfigMap", "settings", "dev")
    deleted = copy(cluster)
    applier.apply(parent(cluster), deleted, config_map("settings", "dev", data={"a": "2"}))
    assert copy(cluster) == deleted


def test_content_that_does_not_fit_into_the_annotation_is_refused(cluster: Cluster) -> None:
    with pytest.raises(ApiError, match="annotations: Too long"):
        dynamic(cluster, data={"a": "x" * 262_144})
    assert copy(cluster) is None


@pytest.mark.parametrize("strategy", APPLIERS)
def test_an_immutable_child_refuses_new_content(cluster: Cluster, strategy: str) -> None:
    applier = APPLIERS[strategy](cluster)
    applier.apply(
        parent(cluster), None, config_map("settings", "dev", data={"a": "1"}, immutable=True)
    )
    desired = config_map("settings", "dev", data={"a": "2"}, immutable=True)
    with pytest.raises(ApiError, match="field is immutable"):
        applier.apply(parent(cluster), copy(cluster), desired)


@pytest.mark.parametrize(
    "nonsense", ["{", "[]", '"text"', '{"a": NaN}', '{"a": 1e999}', '{"a": ' + "[" * 100_000]
)
def test_a_damaged_last_applied_annotation_fails_the_write_and_nothing_is_lost(
    cluster: Cluster, nonsense: str
) -> None:
    dynamic(cluster, data={"a": "1"})
    damaged = {"metadata": {"annotations": {LAST_APPLIED: nonsense}}}
    there = cluster.patch("ConfigMap", "settings", "dev", damaged)
    with pytest.raises(ApiError, match="can't unmarshal"):
        dynamic(cluster, data={"a": "2"})
    assert copy(cluster) == there


def test_server_side_apply_takes_the_memory_of_dynamic_apply_away(cluster: Cluster) -> None:
    observed = dynamic(cluster, data={"a": "1"})
    ServerSideApply(cluster).apply(
        parent(cluster), observed, config_map("settings", "dev", data={"a": "2"})
    )
    found = copy(cluster)
    assert found is not None
    assert found["data"] == {"a": "2"}
    assert LAST_APPLIED not in found["metadata"].get("annotations", {})

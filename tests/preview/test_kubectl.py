"""A change is made as kubectl would make it."""

import json

import pytest

from hooks.preview import kubectl
from hooks.preview.kubectl import LAST_APPLIED, Reference
from hooks.preview.options import Propagation
from hooks.preview.simulator.clock import Clock
from hooks.preview.simulator.cluster import Cluster
from hooks.preview.simulator.controllers import Controllers
from hooks.preview.simulator.objects import NAMESPACE, ApiError, Object
from tests.preview.world import config_map, namespace


@pytest.fixture
def cluster() -> Cluster:
    cluster = Cluster(Clock())
    cluster.create(namespace("dev"))
    return cluster


def found(cluster: Cluster) -> Object:
    item = cluster.get("ConfigMap", "settings", "dev")
    assert item is not None
    return item


def test_an_object_that_is_not_there_is_created(cluster: Cluster) -> None:
    assert kubectl.apply(cluster, config_map("settings", "dev", data={"a": "1"}), None)
    assert found(cluster)["data"] == {"a": "1"}


def test_what_the_manifest_of_before_had_goes_and_what_others_added_stays(
    cluster: Cluster,
) -> None:
    earlier = config_map("settings", "dev", data={"a": "1", "b": "1"})
    cluster.create(earlier)
    cluster.patch("ConfigMap", "settings", "dev", {"data": {"foreign": "1"}})
    assert kubectl.apply(cluster, config_map("settings", "dev", data={"a": "2"}), earlier)
    assert found(cluster)["data"] == {"a": "2", "foreign": "1"}


def test_the_annotation_of_kubectl_wins_over_the_manifest_and_is_renewed(
    cluster: Cluster,
) -> None:
    applied = config_map("settings", "dev", data={"a": "1"})
    remembered = {"annotations": {LAST_APPLIED: json.dumps(applied)}}
    cluster.create(config_map("settings", "dev", remembered, data={"a": "1", "b": "1"}))
    desired = config_map("settings", "dev", data={"c": "1"})
    assert kubectl.apply(cluster, desired, config_map("settings", "dev", data={"b": "1"}))
    item = found(cluster)
    assert item["data"] == {"b": "1", "c": "1"}
    assert json.loads(item["metadata"]["annotations"][LAST_APPLIED]) == desired


def test_without_a_manifest_before_nothing_is_deleted_and_apply_says_so(cluster: Cluster) -> None:
    cluster.create(config_map("settings", "dev", data={"a": "1"}))
    assert not kubectl.apply(cluster, config_map("settings", "dev", data={"b": "1"}), None)
    assert found(cluster)["data"] == {"a": "1", "b": "1"}


def test_a_damaged_annotation_is_an_error(cluster: Cluster) -> None:
    cluster.create(config_map("settings", "dev", {"annotations": {LAST_APPLIED: "{"}}))
    with pytest.raises(ApiError, match="is damaged"):
        kubectl.apply(cluster, config_map("settings", "dev"), None)


def test_what_is_deleted_is_gone_and_cannot_be_deleted_again(cluster: Cluster) -> None:
    reference = Reference(NAMESPACE, "", "dev")
    kubectl.delete(cluster, reference, Propagation.BACKGROUND)
    Controllers(cluster).run()
    with pytest.raises(ApiError, match='namespaces "dev" not found'):
        kubectl.delete(cluster, reference, Propagation.BACKGROUND)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ConfigMap/dev/settings", "ConfigMap dev/settings"),
        ("cm/settings", "ConfigMap default/settings"),
        ("secrets/dev/token", "Secret dev/token"),
        ("ns/dev", "Namespace dev"),
        ("cmsync/sample", "ConfigMapSyncer sample"),
        ("configmapsyncers/sample", "ConfigMapSyncer sample"),
    ],
)
def test_an_object_is_named_as_for_kubectl(text: str, expected: str) -> None:
    assert str(Reference.parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pod/a", "no such kind; the kinds are Namespace, ConfigMap, Secret, ConfigMapSyncer"),
        ("ns", "write KIND/NAME"),
        ("ns/a/b", "write KIND/NAME"),
        ("cm/a/b/c", "write ConfigMap/.NAMESPACE/.NAME"),
        ("cm//b", "write ConfigMap/.NAMESPACE/.NAME"),
    ],
)
def test_what_names_no_object_is_refused_with_the_shape(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Reference.parse(text)


def test_where_an_applier_owns_fields_it_applies_once_more(cluster: Cluster) -> None:
    cluster.server_side_apply(config_map("settings", "dev", data={"a": "1", "b": "1"}), "flux")
    cluster.patch("ConfigMap", "settings", "dev", {"data": {"foreign": "1"}})
    desired = config_map("settings", "dev", data={"a": "2"})
    assert kubectl.apply(cluster, desired, None)
    assert found(cluster)["data"] == {"a": "2", "foreign": "1"}
    assert desired == config_map("settings", "dev", data={"a": "2"})


@pytest.mark.parametrize("appliers", [["metacontroller"], ["flux", "argo"]])
def test_where_it_is_not_one_applier_nothing_goes(cluster: Cluster, appliers: list[str]) -> None:
    for applier in appliers:
        cluster.server_side_apply(config_map("settings", "dev", data={applier: "1"}), applier)
    assert not kubectl.apply(cluster, config_map("settings", "dev", data={"a": "1"}), None)
    assert found(cluster)["data"].keys() == {*appliers, "a"}

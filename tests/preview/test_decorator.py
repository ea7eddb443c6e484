"""The DecoratorController in memory: whom it asks about, what it shows, and what it writes."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from hooks.preview.simulator.clock import Clock
from hooks.preview.simulator.cluster import Cluster
from hooks.preview.simulator.metacontroller import DoesNotSettleError, Metacontroller, SyncError
from hooks.preview.simulator.objects import Object
from hooks.preview.simulator.registration import RESYNC_PERIOD_SECONDS, Installation
from tests.preview.world import config_map, namespace

HANDED_OVER = {"labels": {"synced-by": "sample"}}
OWN_NAMESPACE = {"apiVersion": "v1", "resource": "namespaces", "names": ["dev"]}


class DecoratorCluster:
    """A cluster with the namespace dev, and a hook that a test answers for."""

    def __init__(self) -> None:
        self.requests: list[Object] = []
        self.customized = 0
        self.adopt: Callable[[Object], Any] = lambda _: {}
        self.code = 200
        self.cluster = Cluster(Clock())
        self.cluster.create(namespace("dev"))
        self.metacontroller = Metacontroller(
            self.cluster, self._hook, self.cluster.clock, installed=Installation(has_adoption=True)
        )

    def _hook(self, path: str, body: bytes) -> tuple[int, bytes]:
        request = json.loads(body)
        if path == "/adopt/customize":
            self.customized += 1
            return 200, json.dumps({"relatedResources": [OWN_NAMESPACE]}).encode()
        self.requests.append(request)
        return self.code, json.dumps(self.adopt(request)).encode()

    def make(self, metadata: Object) -> None:
        self.cluster.create(config_map("settings", "dev", metadata, data={"a": "1"}))
        self.metacontroller.settle()

    def labels(self) -> Object:
        found = self.cluster.get("ConfigMap", "settings", "dev")
        assert found is not None
        labels: Object = found["metadata"]["labels"]
        return labels


@pytest.fixture
def world() -> DecoratorCluster:
    return DecoratorCluster()


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param({"team": "blue"}, id="nobody handed it over"),
        pytest.param({"synced-by": "sample", "controller-uid": "1"}, id="it has a mark already"),
    ],
)
def test_the_hook_is_not_called_about_objects_that_are_not_selected(
    world: DecoratorCluster, labels: Object
) -> None:
    world.make({"labels": labels})

    assert (world.requests, world.customized) == ([], 0)


def test_the_hook_is_shown_the_object_and_what_it_wants_to_see(world: DecoratorCluster) -> None:
    world.make(HANDED_OVER)

    (request,) = world.requests
    assert request["object"] == world.cluster.get("ConfigMap", "settings", "dev")
    assert request["related"] == {"Namespace.v1": {"dev": world.cluster.get("Namespace", "dev")}}
    assert (request["attachments"], request["finalizing"]) == ({}, False)
    assert request["controller"]["metadata"]["name"] == "configmap-syncer-adoption"


def test_labels_are_added_to_those_that_are_there_and_unselect_the_object(
    world: DecoratorCluster,
) -> None:
    world.adopt = lambda _: {"labels": {"controller-uid": "1"}}
    world.make(HANDED_OVER)

    assert world.labels() == {"synced-by": "sample", "controller-uid": "1"}
    world.cluster.patch("Namespace", "dev", None, {"metadata": {"labels": {"a": "b"}}})
    world.metacontroller.settle()
    assert len(world.requests) == 1


def test_a_change_of_the_object_or_of_what_is_related_asks_again(world: DecoratorCluster) -> None:
    world.make(HANDED_OVER)
    world.cluster.patch("ConfigMap", "settings", "dev", {"data": {"a": "2"}})
    world.metacontroller.settle()
    world.cluster.patch("Namespace", "dev", None, {"metadata": {"labels": {"a": "b"}}})
    world.metacontroller.settle()
    world.cluster.create(namespace("prod"))
    world.metacontroller.settle()

    assert (len(world.requests), world.customized) == (3, 1)


def test_the_hook_is_called_about_waiting_objects_at_every_resync(world: DecoratorCluster) -> None:
    world.make(HANDED_OVER)
    world.metacontroller.advance(RESYNC_PERIOD_SECONDS)

    assert len(world.requests) == 2


def test_the_hook_is_not_called_about_objects_that_are_gone(world: DecoratorCluster) -> None:
    world.cluster.create(config_map("settings", "dev", HANDED_OVER))
    world.cluster.delete("ConfigMap", "settings", "dev")
    world.metacontroller.settle()

    assert world.requests == []


def test_a_failure_is_reported_and_tried_again_with_the_next_change(
    world: DecoratorCluster,
) -> None:
    world.code = 500
    world.make(HANDED_OVER)
    assert world.metacontroller.events == [
        SyncError(
            "dev/settings",
            "Sync error: adopt hook failed (version=v2): unsupported status code: 500 body: {}",
        )
    ]

    world.code, world.adopt = 200, lambda _: {"labels": {"controller-uid": "1"}}
    world.cluster.patch("ConfigMap", "settings", "dev", {"data": {"a": "2"}})
    world.metacontroller.settle()
    assert world.labels()["controller-uid"] == "1"


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        pytest.param({"label": {}}, 'unknown field "label"', id="an unknown field"),
        pytest.param({"labels": []}, 'field "labels" has the wrong type', id="a list"),
        pytest.param({"labels": {"a": 1}}, 'field "a" has the wrong type', id="a number"),
    ],
)
def test_an_answer_is_read_as_strictly_as_metacontroller_does(
    world: DecoratorCluster, answer: Object, fault: str
) -> None:
    world.adopt = lambda _: answer
    world.make(HANDED_OVER)

    (event,) = world.metacontroller.events
    assert fault in event.message
    assert world.labels() == {"synced-by": "sample"}


def test_an_object_that_gets_another_label_every_time_does_not_settle(
    world: DecoratorCluster,
) -> None:
    world.adopt = lambda _: {"labels": {"number": str(len(world.requests))}}

    with pytest.raises(DoesNotSettleError, match="ConfigMap dev/settings does not settle"):
        world.make(HANDED_OVER)


def test_the_hook_is_called_about_objects_handed_over_before_metacontroller_started(
    world: DecoratorCluster,
) -> None:
    world.cluster.create(config_map("other", "dev", {"labels": {"team": "blue"}}))
    world.make(HANDED_OVER)
    world.requests.clear()

    Metacontroller(
        world.cluster, world._hook, world.cluster.clock, installed=Installation(has_adoption=True)
    ).settle()

    assert [request["object"]["metadata"]["name"] for request in world.requests] == ["settings"]

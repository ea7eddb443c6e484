"""Small objects and a hook whose answers a test chooses, to look at one rule at a time."""

import json
from collections.abc import Callable
from typing import Any

from hooks.preview.kubectl import Reference
from hooks.preview.simulation import State
from hooks.preview.simulator.clock import Clock
from hooks.preview.simulator.cluster import Cluster
from hooks.preview.simulator.metacontroller import Metacontroller
from hooks.preview.simulator.objects import Object

OWNED_BY_NOBODY = "00000000-0000-4000-8000-ffffffffffff"
NAMESPACES_AND_COPIES = [
    {"apiVersion": "v1", "resource": "namespaces", "names": ["dev", "prod"]},
    {"apiVersion": "v1", "resource": "configmaps", "names": ["settings"]},
]


def config_map(
    name: str, namespace: str, metadata: Object | None = None, **fields: object
) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, **(metadata or {})},
        **fields,
    }


def namespace(name: str, **labels: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def syncer(name: str = "sample", **spec: object) -> Object:
    return {
        "apiVersion": "config.example.com/v1alpha1",
        "kind": "ConfigMapSyncer",
        "metadata": {"name": name},
        "spec": spec,
    }


def state(*items: Object) -> State:
    """The objects of a cluster at one moment."""
    return {Reference.of(item): item for item in items}


class StubHook:
    """Answers with what the test set, and remembers what it was asked."""

    def __init__(self) -> None:
        self.rules: list[Object] = []
        self.requests: list[tuple[str, Any]] = []
        self.sync: Callable[[Any], Object] = lambda _: {"status": {}, "children": []}
        self.finalize: Callable[[Any], Object] = lambda _: {"finalized": True}
        self.refuse: tuple[int, bytes, dict[str, str]] | None = None

    def __call__(self, path: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        request = json.loads(body)
        self.requests.append((path, request))
        if self.refuse is not None:
            return self.refuse
        match path:
            case "/customize":
                answer: Object = {"relatedResources": self.rules}
            case "/sync":
                answer = self.sync(request)
            case _:
                answer = self.finalize(request)
        return 200, json.dumps(answer).encode(), {}

    def copies(self, *namespaces: str, **fields: Any) -> None:
        """Want a copy in each of these namespaces."""
        self.sync = lambda _: {
            "status": {},
            "children": [config_map("settings", name, **fields) for name in namespaces],
        }


class PreviewCluster:
    """A cluster with the namespaces dev and prod, a Metacontroller, and the stub that it asks."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.cluster = Cluster(self.clock)
        self.hook = StubHook()
        self.metacontroller = Metacontroller(self.cluster, self.hook, self.clock)
        for name in ("dev", "prod"):
            self.cluster.create(namespace(name))

    def copy_in(self, name: str) -> Object | None:
        return self.cluster.get("ConfigMap", "settings", name)

    def data_in(self, name: str) -> Object | None:
        found = self.copy_in(name)
        return None if found is None else found.get("data", {})

    def status(self, name: str = "sample") -> Object | None:
        found = self.cluster.get("ConfigMapSyncer", name)
        return None if found is None else found.get("status")

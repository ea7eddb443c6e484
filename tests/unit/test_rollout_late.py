"""A rollout where the hook is shown a status that is one write old, as caches do."""

import pytest

from tests.scenarios.simulated import SimulatedWorld
from tests.scenarios.story import API_VERSIONS, STRATEGIES, Manifest, ObjectReference

SYNCER = ObjectReference("ConfigMapSyncer", "sync")
COPY = ObjectReference("ConfigMap", "config", "dev")


def written(kind: str, name: str, namespace: str | None = None, **fields: object) -> Manifest:
    place = {} if namespace is None else {"namespace": namespace}
    metadata = {"name": name, **place}
    return {"apiVersion": API_VERSIONS[kind], "kind": kind, "metadata": metadata, **fields}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("lost", ["edited", "deleted"])
def test_a_copy_that_is_lost_restarts_the_soak_though_its_status_comes_late(
    strategy: str, lost: str
) -> None:
    world = SimulatedWorld(strategy, is_late=True)
    for name in ("source", "dev", "prod"):
        world.apply(written("Namespace", name))
    world.apply(written("ConfigMap", "config", "source", data={"level": "info"}))
    stages = [
        {"name": "canary", "targetNamespaces": ["dev"], "soakSeconds": 60},
        {"name": "everyone-else"},
    ]
    spec = {
        "sourceNamespace": "source",
        "sourceConfigMap": "config",
        "targetNamespaces": ["dev", "prod"],
        "rollout": {"stages": stages},
    }
    world.apply(written("ConfigMapSyncer", "sync", spec=spec))
    world.metacontroller.settle()
    world.apply(written("ConfigMap", "config", "source", data={"level": "debug"}))
    world.metacontroller.settle()
    world.metacontroller.advance(40)
    world.metacontroller.settle()

    if lost == "edited":
        world.patch(COPY, {"data": {"level": "other"}})
    else:
        world.delete(COPY, None)
    world.metacontroller.settle()
    copy = world.find(COPY)
    assert copy is not None
    assert copy["data"] == {"level": "debug"}

    # Longer than what was left of the first soak, and shorter than another one.
    world.metacontroller.advance(40)
    world.metacontroller.settle()
    syncer = world.find(SYNCER)
    assert syncer is not None
    assert syncer["status"]["rollout"]["phase"] == "Soaking"
    assert syncer["status"]["rollout"]["stage"] == "canary"

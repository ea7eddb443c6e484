"""Every write of a rollout on the real control plane, as a watch shows it afterwards, in order."""

import json
from collections.abc import Iterator

import pytest

from tests.controlplane import Client, Object, Stack
from tests.scenarios.real import RealWorld
from tests.scenarios.rollout_rule import REVISION, broken
from tests.scenarios.story import Story, paths, play

STORIES = [
    "approval-passes-one-stage-and-a-target-of-two-stages-belongs-to-the-first",
    "changed-content-reaches-one-stage-after-the-other",
    "immutable-copies-are-replaced-one-stage-after-the-other",
    "namespace-that-joins-a-rollout-gets-what-its-stage-has",
    "rollout-halts-where-a-namespace-reports-a-failure-and-ends-with-the-former-content",
    "rollout-that-fails-goes-back-to-the-former-content-where-onfailure-says-so",
    "rollout-whose-status-is-edited-skips-stages-and-spreads-nothing-that-is-not-stored",
    "rollout-whose-status-is-lost-writes-nothing-until-a-person-approves",
]
_PATHS = {
    "ConfigMap": "/api/v1/configmaps",
    "Namespace": "/api/v1/namespaces",
    "ConfigMapSyncer": "/apis/config.example.com/v1alpha1/configmapsyncers",
}


def _events(client: Client, since: dict[str, str]) -> Iterator[tuple[str, str, Object]]:
    """Every event after these versions, in the order of the writes."""
    found: list[tuple[int, str, str, Object]] = []
    for kind, path in _PATHS.items():
        with client.watch(path, {"timeoutSeconds": "2"}, since[kind]) as lines:
            for line in lines:
                event = json.loads(line)
                version = int(event["object"]["metadata"]["resourceVersion"])
                found.append((version, kind, event["type"], event["object"]))
    for _, kind, what, item in sorted(found, key=lambda each: each[0]):
        yield kind, what, item


@pytest.mark.parametrize("name", STORIES)
def test_no_target_ever_gets_what_its_stage_may_not_have(stack: Stack, name: str) -> None:
    world = RealWorld(stack)
    versions = {
        kind: world.client.request("GET", path)["metadata"]["resourceVersion"]
        for kind, path in _PATHS.items()
    }
    (path,) = (path for path in paths() if path.stem == name)
    prefix = f"watched-{STORIES.index(name)}-"
    play(Story.read(path, prefix), world)

    there: dict[tuple[str, str, str], Object] = {}
    breaches = []
    writes = 0
    for kind, what, item in _events(world.client, versions):
        metadata = item["metadata"]
        key = (kind, metadata.get("namespace", ""), metadata["name"])
        if kind == "ConfigMap" and what != "DELETED" and key[1].startswith(prefix):
            writes += REVISION in metadata.get("annotations", {})
            syncer = there.get(("ConfigMapSyncer", "", f"{prefix}sync"))
            namespace = there.get(("Namespace", "", metadata["namespace"]))
            breaches.append(broken(syncer, namespace, there.get(key), item))
        if what == "DELETED":
            there.pop(key, None)
        else:
            there[key] = item
    assert writes
    assert [breach for breach in breaches if breach is not None] == []

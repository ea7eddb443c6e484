"""Every write of a rollout on the real control plane, as a watch shows it afterwards, in order.

And rollouts by hooks that are as they hardly ever are: digests begin alike, clocks differ.
"""

import json
from collections.abc import Iterator
from datetime import datetime

import pytest

from hooks.rollout import revisions
from tests.controlplane import SERVER_SIDE_APPLY, STRATEGIES, Client, Object, Stack, wait_for
from tests.scenarios.end_state import differences, end_state
from tests.scenarios.real import RealWorld
from tests.scenarios.rollout_rule import REVISION, broken
from tests.scenarios.simulated import SimulatedWorld
from tests.scenarios.story import COLLISIONS, Story, paths, play
from tests.scenarios.unusual_hooks import SKEW_SECONDS, equal_digits
from tests.smoke import GUNICORN

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
SOAK_SECONDS = 2 * SKEW_SECONDS
_TOUCHES = 6
"""So often the hook is asked until the status rests, and so often after that."""
_HOOKS = "tests.scenarios.unusual_hooks"
_PATHS = {
    "ConfigMap": "/api/v1/configmaps",
    "Namespace": "/api/v1/namespaces",
    "ConfigMapSyncer": "/apis/config.example.com/v1alpha1/configmapsyncers",
}


def _versions(client: Client) -> dict[str, str]:
    """What is there now, so that what comes later can be watched."""
    return {
        kind: client.request("GET", path)["metadata"]["resourceVersion"]
        for kind, path in _PATHS.items()
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
    versions = _versions(world.client)
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


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_contents_whose_digits_collide_end_on_a_control_plane_as_they_do_in_memory(
    strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions, "_digits", equal_digits)
    command = (*GUNICORN, f"{_HOOKS}:with_equal_digits()")
    with Stack(strategy, hook_command=command) as stack:
        for story in map(Story.read, COLLISIONS):
            real, simulated = RealWorld(stack), SimulatedWorld(strategy)
            play(story, real)
            play(story, simulated)
            found = differences(end_state(story, real), end_state(story, simulated))
            assert list(found) == []


@pytest.fixture(scope="module")
def two_clocks() -> Iterator[Stack]:
    """Two replicas of the hook whose clocks differ."""
    command = (*GUNICORN, f"{_HOOKS}:with_two_clocks()")
    with Stack(SERVER_SIDE_APPLY, hook_command=command) as stack:
        yield stack


def test_a_soak_is_shorter_by_no_more_than_the_clocks_differ_and_the_status_rests(
    two_clocks: Stack,
) -> None:
    client, name = two_clocks.client, "clocks"
    client.add_syncer(name, ["dev", "prod"], {"level": "info"})
    stages = [
        {"name": "canary", "targetNamespaces": ["dev"], "soakSeconds": SOAK_SECONDS},
        {"name": "everyone-else"},
    ]
    client.merge_patch("ConfigMapSyncer", name, {"spec": {"rollout": {"stages": stages}}})
    _wait_for_phase(client, name, "Complete")
    versions = _versions(client)
    client.merge_patch("ConfigMap", "settings", {"data": {"level": "debug"}}, name)
    _wait_for_phase(client, name, "Soaking")
    for number in range(2 * _TOUCHES):
        _touch(two_clocks, name, number)
    _wait_for_phase(client, name, "Complete")

    written = {target: _written(client, target) for target in ("dev", "prod")}
    held = (written["prod"] - written["dev"]).total_seconds()
    assert held >= SOAK_SECONDS - SKEW_SECONDS
    soaking = [
        (int(item["metadata"].get("annotations", {}).get("touched", 0)), item["status"])
        for kind, _, item in _events(client, versions)
        if (kind, item["metadata"]["name"]) == ("ConfigMapSyncer", name)
        and item["status"]["rollout"]["phase"] == "Soaking"
    ]
    # What the fast clock dated may be dated again, but not each time that the hook is asked.
    rested = [status for touched, status in soaking if touched >= _TOUCHES]
    assert [status for status in rested if status != rested[0]] == []


def _wait_for_phase(client: Client, name: str, phase: str) -> None:
    def is_reached(syncer: Object) -> bool:
        return bool(syncer.get("status", {}).get("rollout", {}).get("phase") == phase)

    client.wait_for("ConfigMapSyncer", name, is_reached, phase)


def _touch(stack: Stack, name: str, number: int) -> None:
    """Have the hook asked, though nothing that it decides by has changed."""
    before = len(stack.hook.calls("sync", name))
    touched = {"metadata": {"annotations": {"touched": str(number)}}}
    stack.client.merge_patch("ConfigMapSyncer", name, touched)
    wait_for(lambda: len(stack.hook.calls("sync", name)) > before, "the hook to be asked")


def _written(client: Client, namespace: str) -> datetime:
    """When the API server says that the content of a copy was last written, to the second."""
    copy = client.get("ConfigMap", "settings", namespace)
    return max(datetime.fromisoformat(each["time"]) for each in copy["metadata"]["managedFields"])

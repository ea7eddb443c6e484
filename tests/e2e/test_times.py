"""Every change and every repair moves `lastSyncTime`, with the real cache's old statuses."""

import time
from typing import Any

import pytest

from tests.controlplane import Object, Stack, wait_for

_CHANGES = 20
"""One a second; tests/unit/test_times.py makes two hundred in memory."""
_TARGETS = ("dev", "prod")
_KINDS = {"server-side-apply": ("ConfigMap", "Secret"), "dynamic-apply": ("ConfigMap",)}


def make(stack: Stack, name: str, kind: str) -> None:
    """A syncer with its source and namespaces, all of one name."""
    for namespace in (name, *(f"{name}-{target}" for target in _TARGETS)):
        stack.client.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        )
    consent = {"config.example.com/allow-sync-to": "*"}
    stack.client.create(
        {
            "apiVersion": "v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": name, "annotations": consent},
            "data": {"key": "0000"},
        }
    )
    stack.client.create(
        {
            "apiVersion": "config.example.com/v1alpha1",
            "kind": "ConfigMapSyncer",
            "metadata": {"name": name},
            "spec": {
                "sourceNamespace": name,
                f"source{kind}": name,
                "targetNamespaces": [f"{name}-{target}" for target in _TARGETS],
            },
        }
    )


def synced_after(stack: Stack, name: str, last: str | None) -> str:
    """The time of the last sync as soon as it is another one and all is well."""

    def is_so(found: Object) -> bool:
        status: dict[str, Any] = found.get("status", {})
        statuses = {c["type"]: c["status"] for c in status.get("conditions", ())}
        return statuses.get("Ready") == "True" and status.get("lastSyncTime", last) != last

    what = f"another time than {last}"
    found = stack.client.wait_for("ConfigMapSyncer", name, is_so, what, seconds=30)
    return str(found["status"]["lastSyncTime"])


def when_the_next_second_has_begun() -> None:
    second = int(time.time())
    wait_for(lambda: int(time.time()) > second, "the next second")


@pytest.mark.parametrize("edited", ["source", "copy"])
def test_every_change_and_every_repair_moves_the_time_of_the_last_sync(
    stack: Stack, edited: str
) -> None:
    for kind in _KINDS[stack.strategy]:
        name = f"times-{edited}-{kind.lower()}"
        make(stack, name, kind)
        namespace = name if edited == "source" else f"{name}-{_TARGETS[0]}"
        times = [synced_after(stack, name, None)]
        for number in range(1, _CHANGES + 1):
            when_the_next_second_has_begun()
            stack.client.merge_patch(kind, name, {"data": {"key": f"{number:04}"}}, namespace)
            times.append(synced_after(stack, name, times[-1]))

        assert times == sorted(set(times))

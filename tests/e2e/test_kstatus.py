"""kstatus, the library with which Flux and others judge health, reads every state of a syncer."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from hooks.preview.simulator.objects import Object
from tests import crd_cases
from tests.conditions import ready
from tests.controlplane import ControlPlane, Stack
from tests.e2e.conftest import NO_KSTATUS
from tests.health import kstatus_of, of_cases, of_stories
from tests.kstatus import Kstatus, missing


@pytest.fixture(scope="session")
def kstatus(tmp_path_factory: pytest.TempPathFactory) -> Kstatus:
    if absent := missing():
        pytest.skip(f"{NO_KSTATUS}{absent}")
    # Workers of xdist have folders of their own in one.
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    folder = tmp_path_factory.getbasetemp()
    return Kstatus(folder.parent if is_worker else folder)


@pytest.mark.parametrize("states", [of_stories, of_cases])
def test_every_state_reads_as_the_page_says(
    kstatus: Kstatus, states: Callable[[], Iterator[Object]]
) -> None:
    syncers = list(states())
    verdicts = kstatus.of(syncers)

    wrong = [
        (verdict, syncer["status"])
        for syncer, verdict in zip(syncers, verdicts, strict=True)
        if verdict != kstatus_of(syncer)
    ]
    assert wrong == []
    assert Counter(verdicts).keys() >= {"InProgress", "Failed", "Current"}


def test_a_syncer_that_nobody_has_looked_at_is_in_progress(
    kstatus: Kstatus, control_plane: ControlPlane
) -> None:
    client = control_plane.client
    created = client.create(crd_cases.with_targets(1))
    name = created["metadata"]["name"]
    try:
        found = client.get("ConfigMapSyncer", name)
        written = client.merge_patch(
            "ConfigMapSyncer", name, {"status": {"observedGeneration": 1}}, subresource="status"
        )
        emptied = client.merge_patch(
            "ConfigMapSyncer", name, {"status": None}, subresource="status"
        )
    finally:
        client.delete("ConfigMapSyncer", name)

    assert created["status"] == found["status"] == emptied["status"] == {"observedGeneration": -1}
    assert kstatus.of([created, found, written, emptied]) == [
        "InProgress",
        "InProgress",
        "Current",
        "InProgress",
    ]


def test_what_metacontroller_writes_reads_as_the_page_says(kstatus: Kstatus, stack: Stack) -> None:
    prefix = f"kstatus-{stack.strategy.split('-', maxsplit=1)[0]}"
    client = stack.client
    for name in (f"{prefix}-source", f"{prefix}-target"):
        client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    metadata = {"name": "settings", "namespace": f"{prefix}-source"}
    client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {}})
    ends: dict[str, tuple[Object, str, str]] = {
        "current": ({}, "AllCopiesCurrent", "Current"),
        "blocked": ({"targetNamespaces": [f"{prefix}-absent"]}, "TargetsBlocked", "Failed"),
        "stalled": ({"sourceConfigMap": "absent"}, "SourceNotFound", "Failed"),
        "suspended": ({"suspend": True}, "Suspended", "InProgress"),
    }
    for name, (spec, reason, verdict) in ends.items():
        usual = {
            "sourceNamespace": f"{prefix}-source",
            "sourceConfigMap": "settings",
            "targetNamespaces": [f"{prefix}-target"],
            "targetName": name,
        }
        manifest = {
            "apiVersion": "config.example.com/v1alpha1",
            "kind": "ConfigMapSyncer",
            "metadata": {"name": f"{prefix}-{name}"},
            "spec": usual | spec,
        }
        client.create(manifest)
        client.wait_for("ConfigMapSyncer", f"{prefix}-{name}", partial(_is, reason), reason)
        found = client.get("ConfigMapSyncer", f"{prefix}-{name}")
        assert kstatus.of([found]) == [verdict] == [kstatus_of(found)]
    for name in ends:
        client.delete("ConfigMapSyncer", f"{prefix}-{name}")
        client.wait_until_gone("ConfigMapSyncer", f"{prefix}-{name}")


def test_what_is_installed_for_metacontroller_reads_as_current(
    kstatus: Kstatus, stack: Stack
) -> None:
    names = {
        "CompositeController": "configmap-syncer",
        "CustomResourceDefinition": "configmapsyncers.config.example.com",
    }
    installed = [stack.client.get(kind, name) for kind, name in names.items()]
    assert kstatus.of(installed) == ["Current", "Current"]


def _is(reason: str, syncer: Object) -> bool:
    return bool(ready(syncer["status"]).get("reason") == reason)

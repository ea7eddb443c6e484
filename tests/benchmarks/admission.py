"""What the shipped admission policy costs a write that it looks at, with many syncers there."""

import statistics
from collections.abc import Iterator, Sequence
from typing import Final

from tests.benchmarks.end_to_end import Loop
from tests.benchmarks.objects import manifest
from tests.benchmarks.ratio import Ratio
from tests.controlplane import Client, ControlPlane, Object, Workspace, wait_for
from tests.controlplane.stack import CRD, admission

SYNCERS: Final = 500
_WRITES: Final = 60
_ROUNDS: Final = 20
_LIMIT: Final = 1.5
_NAMESPACE: Final = "admission"
_ACCOUNT: Final = "writer"
_GROUP: Final = "rbac.authorization.k8s.io"


def measure() -> Iterator[Ratio]:
    """An edit, and the making of an object that only who may update syncers can make."""
    with Workspace() as workspace:
        plane = ControlPlane(workspace)
        try:
            plane.start(crds=[CRD])
            yield from _measured(plane)
        finally:
            plane.close()


def _measured(plane: ControlPlane) -> Iterator[Ratio]:
    policy, binding = admission()
    plane.client.apply(policy)
    _make_syncers(plane)
    namespaces = [f"{_NAMESPACE}-{number:03}" for number in range(_WRITES)]
    for namespace in namespaces:
        plane.client.apply(manifest("Namespace", namespace))
    edits, creations = [], []
    with Loop(_writer(plane)) as loop:
        # What is cold at first is no cost of the policy.
        _round(loop, namespaces, "warm")
        for number in range(_ROUNDS):
            pair = {}
            # In turns, and each of them first as often as the other.
            for is_guarded in (True, False) if number % 2 else (False, True):
                _switch(plane, binding, is_guarded=is_guarded)
                pair[is_guarded] = _round(loop, namespaces, f"{number}-{is_guarded}")
            creations.append((pair[True][0], pair[False][0]))
            edits.append((pair[True][1], pair[False][1]))
    for what, pairs in (("edited", edits), ("made", creations)):
        extra = 1_000 * statistics.median(ours - bare for ours, bare in pairs) / _WRITES
        yield Ratio.of_pairs(
            f"Admission, an object with the label controller-uid is {what}, with {SYNCERS} syncers "
            f"({extra:+.2f} ms)",
            "the same without the policy",
            pairs,
            _LIMIT,
        )


def _round(loop: Loop, namespaces: Sequence[str], mark: str) -> tuple[float, float]:
    """The seconds in which one object in each namespace is made, and edited."""
    made = loop.apply_all(namespaces, f"made-{mark}")
    edited = loop.apply_all(namespaces, f"edited-{mark}")
    loop.remove_all(namespaces)
    return made, edited


def _switch(plane: ControlPlane, binding: Object, *, is_guarded: bool) -> None:
    if is_guarded:
        plane.client.apply(binding)
    elif plane.client.find(binding["kind"], binding["metadata"]["name"]):
        plane.client.delete(binding["kind"], binding["metadata"]["name"])
    wait_for(
        lambda: plane.is_guarded(plane.tenant) is is_guarded,
        "the policy to be in force" if is_guarded else "the policy to be out of force",
    )


def _make_syncers(plane: ControlPlane) -> None:
    spec = {
        "sourceNamespace": "default",
        "sourceConfigMap": _NAMESPACE,
        "targetNamespaces": ["kube-public"],
    }
    for number in range(SYNCERS):
        name = f"{_NAMESPACE}-{number:03}"
        plane.client.create(manifest("ConfigMapSyncer", name) | {"spec": spec})


def _writer(plane: ControlPlane) -> Client:
    """A ServiceAccount that may write ConfigMaps and update syncers, as Metacontroller's."""
    client = plane.client
    client.apply(manifest("ServiceAccount", _ACCOUNT, "default"))
    rules = [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]},
        {"apiGroups": ["config.example.com"], "resources": ["configmapsyncers"], "verbs": ["*"]},
    ]
    named: Object = {"apiVersion": f"{_GROUP}/v1", "metadata": {"name": _ACCOUNT}}
    client.apply(named | {"kind": "ClusterRole", "rules": rules})
    client.apply(
        named
        | {
            "kind": "ClusterRoleBinding",
            "roleRef": {"apiGroup": _GROUP, "kind": "ClusterRole", "name": _ACCOUNT},
            "subjects": [{"kind": "ServiceAccount", "name": _ACCOUNT, "namespace": "default"}],
        }
    )
    path = plane.workspace.folder / "kubeconfig-writer"
    return plane.add_service_account(path, _ACCOUNT, "default")

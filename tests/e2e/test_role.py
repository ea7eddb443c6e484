"""Metacontroller's role is exactly what it needs, by the API server's own audit log.

Every stack of these tests runs with that role, and none may see a request refused; here each of
its rights is seen used.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.controlplane import (
    SERVER_SIDE_APPLY,
    ApiStatusError,
    Client,
    Object,
    Stack,
    audit,
    wait_for,
)
from tests.controlplane.metacontroller import MetacontrollerProcess
from tests.controlplane.stack import COMPLETE, IDENTITY, rights, shipped_arguments
from tests.scenarios.real import RealWorld
from tests.scenarios.story import Story, paths, play

# Those in which Metacontroller writes in every way it has.
STORIES = (
    "copy-stripped-of-its-owner-or-labels-is-put-back",
    "copy-that-the-api-server-refuses-is-not-applied-and-heals",
    "immutable-copies-are-replaced-when-the-source-changes",
    "secret-is-copied-with-its-type-and-follows-its-source",
    "released-copy-of-a-secret-is-taken-back",
)
SHARED = "system:serviceaccount:metacontroller:metacontroller"
WIDGETS: Object = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.org"},
    "spec": {
        "group": "example.org",
        "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets", "singular": "widget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object"}},
            }
        ],
    },
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The whole installation with Secrets, as it is shipped, before an older API server.

    That one cannot begin a watch with all there is, so that Metacontroller lists first.
    """
    stack = Stack(
        SERVER_SIDE_APPLY,
        metacontroller_arguments=shipped_arguments(),
        api_server_arguments=["--feature-gates=WatchList=false"],
        audited=True,
        registration=COMPLETE,
        components=["secrets"],
    )
    widgets = stack.workspace.folder / "widgets.json"
    widgets.write_text(json.dumps(WIDGETS), "utf-8")
    try:
        stack.start(crds=[widgets])
        yield stack
    finally:
        stack.close()


def test_every_right_is_used_and_no_request_is_refused(stack: Stack) -> None:
    for number, path in enumerate(path for path in paths() if path.stem in STORIES):
        play(Story.read(path, f"role-{number}-"), RealWorld(stack))

    installed = rights(["secrets"])
    roles = [each for each in installed if each["kind"] in {"ClusterRole", "Role"}]
    granted = set().union(*(audit.granted(role) for role in roles if _is_metacontrollers(role)))
    assert audit.used(stack.audited()) & granted == granted
    assert audit.refused(stack.audited()) == []


def test_neither_metacontroller_touches_objects_of_the_other(stack: Stack) -> None:
    client = stack.client
    shared = _shared_metacontroller(stack)
    shared.start()
    try:
        client.apply(_registration_of_widgets())
        wait_for(lambda: "widgets" in _touched(stack, SHARED), "the shared one to take its own")
        # Ours gets the change of its registration after that of the other one.
        before = _lists_of_syncers(stack)
        ours = {"spec": {"resyncPeriodSeconds": 301}}
        client.merge_patch("CompositeController", "configmap-syncer", ours)
        wait_for(lambda: _lists_of_syncers(stack) > before, "ours to begin again")
        stack.wait_until_syncing()
    finally:
        shared.kill()

    assert "configmapsyncers" not in _touched(stack, SHARED)
    assert "widgets" not in _touched(stack, IDENTITY)
    assert audit.refused(stack.audited()) == []


@pytest.mark.parametrize("verbs", [["get"], ["patch"]], ids=["all writing", "making"])
def test_what_no_rule_allows_is_seen_as_refused(stack: Stack, verbs: list[str]) -> None:
    name = f"may-only-{verbs[0]}"
    rules: list[Object] = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": verbs}]
    somebody = _service_account(stack, name, "default", rules)
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {}}

    with pytest.raises(ApiStatusError, match="cannot"):
        somebody.apply(made)

    user = f"system:serviceaccount:default:{name}"
    (request,) = audit.refused(stack.audited(user))
    assert request.startswith(f"patch /api/v1/namespaces/default/configmaps/{name}?")


def test_where_owners_finalizers_are_guarded_the_right_of_the_component_is_enough() -> None:
    guarded = ["--enable-admission-plugins=OwnerReferencesPermissionEnforcement"]
    with Stack(SERVER_SIDE_APPLY, api_server_arguments=guarded) as stack:
        for name in ("guarded-source", "guarded-target"):
            stack.client.create(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            )
        metadata = {"name": "settings", "namespace": "guarded-source"}
        stack.client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
        stack.client.create(
            {
                "apiVersion": "config.example.com/v1alpha1",
                "kind": "ConfigMapSyncer",
                "metadata": {"name": "guarded"},
                "spec": {
                    "sourceNamespace": "guarded-source",
                    "sourceConfigMap": "settings",
                    "targetNamespaces": ["guarded-target"],
                    "progressDeadlineSeconds": 1,
                },
            }
        )
        _wait_for_ready(stack, "False", "ProgressDeadlineExceeded")

        for each in rights(["openshift"]):
            stack.client.apply(each)

        _wait_for_ready(stack, "True", "AllCopiesCurrent")


def _wait_for_ready(stack: Stack, status: str, reason: str) -> None:
    def is_so(syncer: Object) -> bool:
        conditions = syncer.get("status", {}).get("conditions", ())
        ready: Object = next((each for each in conditions if each["type"] == "Ready"), {})
        return (ready.get("status"), ready.get("reason")) == (status, reason)

    stack.client.wait_for("ConfigMapSyncer", "guarded", is_so, reason, seconds=60)


def _shared_metacontroller(stack: Stack) -> MetacontrollerProcess:
    """Another Metacontroller with all rights, which leaves our registrations alone."""
    _service_account(
        stack,
        "metacontroller",
        "metacontroller",
        [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
    )
    return MetacontrollerProcess(
        stack.control_plane,
        stack.strategy,
        ["--target-label-selector=!config.example.com/metacontroller"],
        kubeconfig=_kubeconfig(stack, "metacontroller"),
        name="shared-metacontroller",
    )


def _service_account(
    stack: Stack, name: str, namespace: str, rules: Sequence[Mapping[str, list[str]]]
) -> Client:
    """A ServiceAccount with rights of its own in the whole cluster."""
    group = "rbac.authorization.k8s.io"
    reference = {"apiGroup": group, "kind": "ClusterRole", "name": name}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    metadata = {"name": name}
    for each in (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": namespace},
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRole",
            "metadata": metadata,
            "rules": list(rules),
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": metadata,
            "roleRef": reference,
            "subjects": [subject],
        },
    ):
        stack.client.apply(each)
    return stack.control_plane.add_service_account(_kubeconfig(stack, name), name, namespace)


def _kubeconfig(stack: Stack, name: str) -> Path:
    return stack.workspace.folder / f"kubeconfig-of-{name}"


def _registration_of_widgets() -> Object:
    """A CompositeController of somebody else; there are no widgets, so its hook is never called."""
    return {
        "apiVersion": "metacontroller.k8s.io/v1alpha1",
        "kind": "CompositeController",
        "metadata": {"name": "widgets"},
        "spec": {
            "parentResource": {"apiVersion": "example.org/v1", "resource": "widgets"},
            "childResources": [{"apiVersion": "v1", "resource": "configmaps"}],
            "hooks": {"sync": {"webhook": {"url": "http://widgets.example.org/sync"}}},
        },
    }


def _touched(stack: Stack, user: str) -> set[str]:
    """The resources that somebody asked for."""
    return {entry.get("objectRef", {}).get("resource", "") for entry in stack.audited(user)}


def _lists_of_syncers(stack: Stack) -> int:
    return sum(
        entry["verb"] == "list" and entry["objectRef"]["resource"] == "configmapsyncers"
        for entry in stack.audited()
    )


def _is_metacontrollers(role: Object) -> bool:
    labels = role["metadata"].get("labels", {})
    return bool(labels.get("app.kubernetes.io/component") == "metacontroller")

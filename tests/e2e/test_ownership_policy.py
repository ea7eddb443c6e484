"""One object that Metacontroller cannot adopt stops a whole syncer: who can make one, and who not.

With the identity of a tenant, who may write every ConfigMap and Secret and no ConfigMapSyncer, on
the real API server with the shipped admission policy, and once without it.
"""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pytest

from hooks.api.names import LAST_APPLIED
from tests.controlplane import ApiStatusError, Client, Object, Stack, wait_for
from tests.controlplane.stack import admission

_SYNCERS = "config.example.com/v1alpha1"
_COLLECTOR = "system:serviceaccount:kube-system:generic-garbage-collector"
_REFUSAL = "may set the label controller-uid"
_SOURCE = "owned-source"
_NAME = "settings"
DEAD_UID = "00000000-0000-4000-8000-000000000000"
# What etcd takes is reached by several fields together: the API server limits each of them, and
# leaves managedFields out where an object would be too large with them.
_VALUE_BYTES = 1_040_000
_KEYS = 1_700
_KEY_BYTES = 200
_ANNOTATION_BYTES = 262_000


@pytest.fixture
def tenant(stack: Stack) -> Client:
    """Somebody who may write every ConfigMap and Secret, and no ConfigMapSyncer."""
    tenant = stack.control_plane.tenant
    wait_for(lambda: stack.control_plane.is_guarded(tenant), "the admission policy to be in force")
    return tenant


class Tenancy:
    """A syncer of one source with two targets, under names that no other test has."""

    def __init__(self, stack: Stack, **wishes: Any) -> None:
        self._stack = stack
        self._client = stack.client
        self.name = f"owned-{uuid.uuid4().hex[:8]}"
        self.theirs, self.other = f"{self.name}-theirs", f"{self.name}-other"
        self._spec = {
            "sourceNamespace": self.name,
            "sourceConfigMap": _NAME,
            "targetNamespaces": [self.theirs, self.other],
            **wishes,
        }
        for namespace in (self.name, self.theirs, self.other):
            self._client.apply(_manifest("Namespace", namespace))
        self.give("first")
        self.make()

    def make(self) -> None:
        self._client.create(
            _manifest("ConfigMapSyncer", self.name, apiVersion=_SYNCERS) | {"spec": self._spec}
        )
        self.uid = self._client.get("ConfigMapSyncer", self.name)["metadata"]["uid"]
        self.wait_for_copies("first")

    def give(self, value: str) -> None:
        self._client.apply(_manifest("ConfigMap", _NAME, self.name) | {"data": {"key": value}})

    def copy(self, namespace: str) -> Object:
        return self._client.get("ConfigMap", _NAME, namespace)

    def wait_for_copies(self, value: str) -> None:
        """Both copies hold the value, and the syncer is ready."""
        for namespace in (self.theirs, self.other):
            self._client.wait_for(
                "ConfigMap",
                _NAME,
                lambda copy: copy["data"] == {"key": value} and _is_controlled(copy, self.uid),
                f"the value {value}",
                namespace,
            )
        self._client.wait_for("ConfigMapSyncer", self.name, _is_ready, "Ready", seconds=60)

    def owner(self, **other: Any) -> Object:
        """What Metacontroller writes into a copy to control it."""
        return {
            "apiVersion": _SYNCERS,
            "kind": "ConfigMapSyncer",
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        } | other

    def namespace_owner(self) -> Object:
        uid = self._client.get("Namespace", self.theirs)["metadata"]["uid"]
        return {"apiVersion": "v1", "kind": "Namespace", "name": self.theirs, "uid": uid}

    def labelled(self, name: str, owners: Sequence[Object] = (), kind: str = "ConfigMap") -> Object:
        """An object of the tenant's under this syncer's uid."""
        made = _manifest(kind, name, self.theirs)
        made["metadata"] |= {"labels": {"controller-uid": self.uid}}
        if owners:
            made["metadata"] |= {"ownerReferences": list(owners)}
        return made

    def poke(self) -> None:
        """Have Metacontroller look at once, whatever it waits for."""
        stamp = {"metadata": {"annotations": {"poked": uuid.uuid4().hex}}}
        self._client.merge_patch("ConfigMapSyncer", self.name, stamp)

    def remove(self) -> None:
        self._client.delete("ConfigMapSyncer", self.name)
        self._client.wait_until_gone("ConfigMapSyncer", self.name)

    def failures_to_claim(self) -> int:
        """How often Metacontroller said that it could not claim this syncer's children."""
        return sum(
            event.get("count", 1)
            for event in self._client.list("Event", "default")
            if event["involvedObject"].get("name") == self.name
            and "can't claim" in event["message"]
        )


@pytest.fixture
def tenancy(stack: Stack) -> Iterator[Tenancy]:
    made = Tenancy(stack)
    yield made
    made.remove()


@pytest.fixture
def without_policy(stack: Stack, tenant: Client) -> Iterator[None]:
    """As in a cluster where the policy was not installed."""
    (binding,) = [each for each in admission() if each["kind"].endswith("Binding")]
    stack.client.delete(binding["kind"], binding["metadata"]["name"])
    wait_for(
        lambda: not stack.control_plane.is_guarded(tenant),
        "the admission policy to be out of force",
    )
    yield
    stack.client.apply(binding)
    wait_for(
        lambda: stack.control_plane.is_guarded(tenant), "the admission policy to be in force again"
    )


def test_without_the_policy_one_object_that_cannot_be_adopted_stops_the_syncer(
    stack: Stack, tenant: Client, tenancy: Tenancy, without_policy: None
) -> None:
    # The garbage collector does the last part, and may do everything: it takes off an owner that is
    # gone, and what is left is to be adopted. By then it is as large as etcd takes.
    uid = tenant.create(_manifest("ConfigMap", "x", tenancy.theirs))["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": uid, "controller": True}
    _fill(tenant, tenancy.labelled("full", [owner, tenancy.namespace_owner()]))
    tenant.delete("ConfigMap", "x", tenancy.theirs)
    wait_for(lambda: tenancy.failures_to_claim() > 0, "a failure to claim", 60)
    before = [tenancy.copy(namespace) for namespace in (tenancy.theirs, tenancy.other)]

    tenancy.give("second")
    _wait_until_failing(tenancy)

    after = [tenancy.copy(namespace) for namespace in (tenancy.theirs, tenancy.other)]
    assert after == before
    tenant.delete("ConfigMap", "full", tenancy.theirs)
    tenancy.poke()
    tenancy.wait_for_copies("second")


def test_a_tenant_cannot_make_an_object_that_a_syncer_would_adopt(
    tenant: Client, tenancy: Tenancy
) -> None:
    dead = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": DEAD_UID}
    living = tenant.create(_manifest("ConfigMap", "living", tenancy.theirs))["metadata"]
    own = {"apiVersion": "v1", "kind": "ConfigMap", "name": "living", "uid": living["uid"]}
    namespace = tenancy.namespace_owner()
    for owners in (
        [],
        # Owners that the garbage collector takes off: gone already, or orphaning what they own.
        [dead | {"controller": True}, namespace],
        [own | {"controller": True}],
        [tenancy.owner(name="nobody"), namespace],
        [tenancy.owner(kind="Nothing"), namespace],
        # Owners that do not control.
        [namespace],
        [tenancy.owner(controller=False)],
    ):
        for kind in ("ConfigMap", "Secret"):
            _assert_refused(partial(tenant.create, tenancy.labelled("new", owners, kind)))
            _assert_refused(partial(tenant.apply, tenancy.labelled("new", owners, kind)))
    made = tenant.create(_manifest("ConfigMap", "mine", tenancy.theirs))["metadata"]["name"]
    label: Object = {"metadata": {"labels": {"controller-uid": tenancy.uid}}}
    _assert_refused(partial(tenant.merge_patch, "ConfigMap", made, label, tenancy.theirs))

    tenancy.give("second")
    tenancy.wait_for_copies("second")


def test_a_tenant_can_let_no_copy_be_adopted_again(
    stack: Stack, tenant: Client, tenancy: Tenancy
) -> None:
    others = Tenancy(stack)
    owners = "/metadata/ownerReferences"
    for patch in (
        [{"op": "remove", "path": owners}],
        [{"op": "replace", "path": f"{owners}/0/controller", "value": False}],
        [{"op": "replace", "path": f"{owners}/0/uid", "value": DEAD_UID}],
        [{"op": "add", "path": f"{owners}/-", "value": tenancy.namespace_owner()}],
        [{"op": "replace", "path": "/metadata/labels/controller-uid", "value": others.uid}],
        [{"op": "replace", "path": "/metadata/labels/controller-uid", "value": DEAD_UID}],
    ):
        write = partial(tenant.json_patch, "ConfigMap", _NAME, patch, tenancy.theirs)
        _assert_refused(write)
    tenancy.give("second")
    tenancy.wait_for_copies("second")
    others.remove()


def test_a_tenant_edits_a_copy_and_it_is_put_back(tenant: Client, tenancy: Tenancy) -> None:
    edit = {"data": {"key": "edited", "more": "mine"}}
    tenant.merge_patch("ConfigMap", _NAME, edit, tenancy.theirs)
    tenancy.wait_for_copies("first")
    # Applied again as it was read, owner and all.
    copy = tenancy.copy(tenancy.theirs)
    fields = ("name", "namespace", "labels", "annotations", "ownerReferences")
    copy["metadata"] = {field: copy["metadata"][field] for field in fields}
    tenant.delete("ConfigMap", _NAME, tenancy.theirs)
    tenant.apply(copy)
    tenancy.wait_for_copies("first")


def test_a_tenant_takes_a_copy_and_gives_it_back_by_the_syncers_name(
    stack: Stack, tenant: Client, tenancy: Tenancy
) -> None:
    unlabelled: Object = {"metadata": {"labels": {"controller-uid": None, "synced-by": None}}}
    tenant.merge_patch("ConfigMap", _NAME, unlabelled, tenancy.theirs)
    stack.client.wait_for(
        "ConfigMapSyncer",
        tenancy.name,
        lambda syncer: _failures(syncer) == [(tenancy.theirs, "Conflict")],
        "the conflict",
        seconds=60,
    )
    assert "ownerReferences" not in tenancy.copy(tenancy.theirs)["metadata"]

    label = {"metadata": {"labels": {"synced-by": tenancy.name}}}
    tenant.merge_patch("ConfigMap", _NAME, label, tenancy.theirs)

    tenancy.wait_for_copies("first")


def test_a_tenant_edits_retained_copies_and_a_later_syncer_takes_them_back(
    stack: Stack, tenant: Client
) -> None:
    tenancy = Tenancy(stack, deletionPolicy="Retain")
    dead = tenancy.uid
    tenancy.remove()

    def is_retained(copy: Object) -> bool:
        owners = [owner["kind"] for owner in copy["metadata"]["ownerReferences"]]
        return owners == ["Namespace"] and copy["metadata"]["labels"]["controller-uid"] == dead

    for namespace in (tenancy.theirs, tenancy.other):
        stack.client.wait_for("ConfigMap", _NAME, is_retained, "a retained copy", namespace)
    # Its content, its owner, and the label of the syncer that is gone.
    for namespace in (tenancy.theirs, tenancy.other):
        for patch in (
            {"data": {"key": "edited"}},
            {"metadata": {"ownerReferences": None}},
            {"metadata": {"labels": {"controller-uid": None}}},
        ):
            tenant.merge_patch("ConfigMap", _NAME, patch, namespace)

    tenancy.make()
    tenancy.remove()


def test_orphaning_is_done_by_the_collectors_own_identity(stack: Stack, tenant: Client) -> None:
    tenancy = Tenancy(stack)
    stack.client.delete("ConfigMapSyncer", tenancy.name, propagation="Orphan")
    stack.client.wait_until_gone("ConfigMapSyncer", tenancy.name, seconds=60)

    for namespace in (tenancy.theirs, tenancy.other):
        copy = tenancy.copy(namespace)
        assert "ownerReferences" not in copy["metadata"]
        assert copy["metadata"]["labels"]["controller-uid"] == tenancy.uid
        uri = f"/api/v1/namespaces/{namespace}/configmaps/{_NAME}"
        codes = [
            entry["responseStatus"]["code"]
            for entry in stack.audited(_COLLECTOR)
            if entry["requestURI"] == uri and entry["verb"] == "patch"
        ]
        assert codes == [200]
    tenant.merge_patch("ConfigMap", _NAME, {"data": {"key": "edited"}}, tenancy.theirs)


@pytest.mark.parametrize("recorded", [None, [{}], [{"name": "somebody"}]])
def test_a_tenant_cannot_have_metacontroller_take_the_owner_off(
    stack: Stack, tenant: Client, tenancy: Tenancy, recorded: object
) -> None:
    # Dynamic apply takes off what this annotation says that it wrote and nobody asks for.
    applied: Object = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"key": "first"}}
    applied |= {"metadata": {"ownerReferences": recorded}}
    annotations = {LAST_APPLIED: json.dumps(applied)}
    edit = {"metadata": {"annotations": annotations}, "data": {"key": "edited"}}
    tenant.merge_patch("ConfigMap", _NAME, edit, tenancy.theirs)
    tenancy.wait_for_copies("first")
    tenancy.give("second")
    tenancy.wait_for_copies("second")

    adopted = [
        line
        for line in stack.metacontroller.log.read_text("utf-8").splitlines()
        if '"Adopting"' in line and tenancy.theirs in line
    ]
    assert adopted == []


def test_another_metacontroller_without_that_right_makes_children_of_its_own(
    tenant: Client, tenancy: Tenancy
) -> None:
    # Its parents' uids are in the same label, and its children have one owner, who controls them.
    parent = tenant.create(_manifest("ConfigMap", "parent", tenancy.theirs))["metadata"]
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "parent", "uid": parent["uid"]}
    child = _manifest("ConfigMap", "child", tenancy.theirs)
    child["metadata"] |= {
        "labels": {"controller-uid": parent["uid"]},
        "ownerReferences": [owner | {"controller": True, "blockOwnerDeletion": True}],
    }
    tenant.create(child)
    tenant.merge_patch("ConfigMap", "child", {"data": {"key": "value"}}, tenancy.theirs)
    tenant.delete("ConfigMap", "child", tenancy.theirs)


def _manifest(
    kind: str,
    name: str,
    namespace: str | None = None,
    apiVersion: str = "v1",  # noqa: N803
) -> Object:
    metadata: Object = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": apiVersion, "kind": kind, "metadata": metadata}


def _assert_refused(write: Callable[[], Object]) -> None:
    with pytest.raises(ApiStatusError, match=_REFUSAL) as refusal:
        write()
    assert refusal.value.code == 403


def _is_controlled(copy: Object, uid: str) -> bool:
    return any(
        owner["uid"] == uid and owner.get("controller")
        for owner in copy["metadata"].get("ownerReferences", ())
    )


def _is_ready(syncer: Object) -> bool:
    return _ready(syncer).get("status") == "True"


def _ready(syncer: Object) -> Mapping[str, str]:
    conditions = syncer.get("status", {}).get("conditions", ())
    found: Object = next((each for each in conditions if each["type"] == "Ready"), {})
    return found


def _failures(syncer: Object) -> list[tuple[str, str]]:
    failures = syncer["status"].get("failures", ())
    return [(failure["namespace"], failure["reason"]) for failure in failures]


def _wait_until_failing(tenancy: Tenancy) -> None:
    before = tenancy.failures_to_claim()
    tenancy.poke()
    wait_for(
        lambda: tenancy.failures_to_claim() > before,
        "Metacontroller to say that it cannot claim the children",
        60,
    )


def _fill(client: Client, object_: Object) -> None:
    """Make an object that is as large as etcd takes, to the byte."""
    metadata = object_["metadata"]
    padding = {f"{number:05}".ljust(_KEY_BYTES, "k"): "" for number in range(_KEYS)}
    client.create(object_ | {"data": {"padding": "x" * _VALUE_BYTES, **padding}})
    fits, refused = 0, _ANNOTATION_BYTES
    while refused - fits > 1:
        middle = (fits + refused) // 2
        annotation = {"metadata": {"annotations": {"padding": "x" * middle}}}
        try:
            client.merge_patch("ConfigMap", metadata["name"], annotation, metadata["namespace"])
        except ApiStatusError as error:
            assert "too large" in error.message  # noqa: PT017
            refused = middle
        else:
            fits = middle
    assert refused < _ANNOTATION_BYTES

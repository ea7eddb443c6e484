"""What there is in a run: one syncer under test, another one, and objects that stay untouched."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests

from tests.benchmarks.objects import manifest
from tests.controlplane import ApiStatusError, Client, Object

SOURCE_NAMESPACE: Final = "chaos-source"
SUBJECT: Final = "chaos"
"""The syncer that is made, changed and deleted, and with it the name of its source and copies."""
BYSTANDER: Final = "blocked"
"""A syncer that exists through the whole run, with objects of its copies' name in its way."""
CONTENT_BYTES: Final = 1_000
_BLOCKED: Final = tuple(f"blocked-{number}" for number in range(5))
_CONFLICTS: Final = _BLOCKED[3:]
_ELSEWHERE: Final = tuple(f"elsewhere-{number}" for number in range(5))
_LABEL: Final = "chaos"
_DECOYS_INSIDE: Final = 20
_ANNOTATION: Final = "resync"

Shortcomings = list[str]
"""Sentences about what is wrong; none when all is well."""


@dataclass(slots=True)
class Expected:
    """What the subject should look like in the end; `exists` is False once it is deleted."""

    exists: bool = False
    immutable: bool = False
    mark: str = ""


class LiveCluster:
    """Makes everything, and tells what it lacks. No unmanaged object ever changes its version."""

    def __init__(self, client: Client, targets: int) -> None:
        self.client = client
        self.namespaces = [f"target-{number:04d}" for number in range(targets)]
        self.expected = Expected()
        self._marks = 0
        self._decoys: dict[tuple[str, str], str] = {}

    @property
    def untargeted(self) -> frozenset[str]:
        """The namespaces in which an object of the copies' name is not a copy."""
        return frozenset({SOURCE_NAMESPACE, *_ELSEWHERE})

    def make(self) -> None:
        """Make namespaces, sources, decoys and the bystander; the subject comes later."""
        for name in (SOURCE_NAMESPACE, *_BLOCKED, *_ELSEWHERE):
            self.client.apply(manifest("Namespace", name))
        for name in self.namespaces:
            self.client.apply(manifest("Namespace", name, labels={_LABEL: "yes"}))
        places = [(name, SUBJECT) for name in _ELSEWHERE]
        places += [(name, BYSTANDER) for name in (*_CONFLICTS, *_ELSEWHERE)]
        places += [(name, "decoy") for name in self.namespaces[:_DECOYS_INSIDE]]
        for namespace, name in places:
            made = self.client.create(manifest("ConfigMap", name, namespace) | {"data": {"a": "b"}})
            self._decoys[namespace, name] = made["metadata"]["resourceVersion"]
        self.write_sources()
        self.client.apply(_syncer(BYSTANDER, {"targetNamespaces": list(_BLOCKED)}))

    def write_sources(self) -> None:
        """Give both sources new content."""
        self._marks += 1
        self.expected.mark = f"mark-{self._marks}"
        for name in (BYSTANDER, SUBJECT):
            source = manifest("ConfigMap", name, SOURCE_NAMESPACE)
            self.client.apply(source | {"data": self._data})

    def make_subject(self, *, by_label: bool) -> None:
        """Make the subject, its targets selected by a label or listed."""
        listed = {"targetNamespaces": self.namespaces}
        chosen = {"namespaceSelector": {_LABEL: "yes"}} if by_label else listed
        self.client.create(_syncer(SUBJECT, chosen))
        self.expected.exists = True
        self.expected.immutable = False

    def freeze_subject(self) -> None:
        """Have the subject's copies immutable."""
        self.client.merge_patch("ConfigMapSyncer", SUBJECT, {"spec": {"immutable": True}})
        self.expected.immutable = True

    def delete_subject(self) -> None:
        """Delete the subject."""
        self.client.delete("ConfigMapSyncer", SUBJECT)
        self.expected.exists = False

    def resync(self, syncers: set[str], mark: str) -> None:
        """Only what the resync does: have Metacontroller sync once, with its rules as kept.

        It takes the same path as an annotation that changes: the generation stays, and so do the
        rules that Metacontroller keeps for it (pkg/controller/composite, updateParentObject).
        """
        for name in syncers:
            if self.client.find("ConfigMapSyncer", name):
                patch = {"metadata": {"annotations": {_ANNOTATION: mark}}}
                self.client.merge_patch("ConfigMapSyncer", name, patch)

    def shortcomings(self) -> dict[str, Shortcomings]:
        """What is wrong, for each syncer, and under "" for unmanaged objects."""
        try:
            # The status first: as long as that is not right, the long list need not be read.
            found = {name: list(self._of_status(name)) for name in (SUBJECT, BYSTANDER)}
            if not any(found.values()):
                found |= self._of_objects()
        except (ApiStatusError, requests.RequestException) as error:
            return {"": [f"the API server cannot be asked: {error}"]}
        return {name: sentences for name, sentences in found.items() if sentences}

    @property
    def _data(self) -> Mapping[str, str]:
        return {"key": f"{self.expected.mark} ".ljust(CONTENT_BYTES, "x")}

    def _of_status(self, name: str) -> Iterator[str]:
        syncer = self.client.find("ConfigMapSyncer", name)
        if name == SUBJECT and not self.expected.exists:
            if syncer is not None:
                yield f"{name} is still there, with {syncer.get('status')}"
            return
        if syncer is None:
            yield f"{name} is not there"
            return
        status = syncer.get("status", {})
        conditions = {each["type"]: each for each in status.get("conditions", ())}
        ready = conditions.get("Ready", {})
        if name == SUBJECT:
            synced: list[str] = self.namespaces
            expected: tuple[str, str, list[tuple[str, str]]] = ("True", "AllCopiesCurrent", [])
        else:
            synced = list(_BLOCKED[:3])
            expected = ("False", "TargetsBlocked", [(each, "Conflict") for each in _CONFLICTS])
        failures = [(each["namespace"], each["reason"]) for each in status.get("failures", ())]
        if (ready.get("status"), ready.get("reason"), failures) != expected:
            yield f"{name} is Ready {ready}, with the failures {failures}"
        if status.get("observedGeneration") != syncer["metadata"]["generation"]:
            yield f"{name} has the status of an older generation"
        counts = [status.get(f"{each}Count") for each in ("target", "synced", "pending", "failed")]
        total = len(synced) + len(failures)
        if counts != [total, len(synced), 0, len(failures)]:
            yield f"{name} counts {counts}"
        if status.get("syncedNamespaces") != synced:
            yield f"{name} has not all of its namespaces in the status"

    def _of_objects(self) -> dict[str, Shortcomings]:
        items = self.client.list("ConfigMap")
        objects = {
            (each["metadata"]["namespace"], each["metadata"]["name"]): each
            for each in items
            if each["metadata"]["namespace"] != "kube-system"
        }
        found: dict[str, Shortcomings] = {"": []}
        for place, version in self._decoys.items():
            decoy = objects.pop(place, None)
            if decoy is None:
                found[""].append(f"the unmanaged {place} is gone")
            elif decoy["metadata"]["resourceVersion"] != version:
                found[""].append(f"the unmanaged {place} was touched")
        targets = {
            SUBJECT: self.namespaces if self.expected.exists else [],
            BYSTANDER: _BLOCKED[:3],
        }
        for name, namespaces in targets.items():
            objects.pop((SOURCE_NAMESPACE, name), None)
            syncer = self.client.find("ConfigMapSyncer", name) if namespaces else None
            found[name] = [
                f"{namespace}/{name}: {wrong}"
                for namespace in namespaces
                for wrong in self._of_copy(syncer or {}, objects.pop((namespace, name), None))
            ]
        found[""] += [f"{place} was left behind" for place in objects]
        return found

    def _of_copy(self, syncer: Object, copy: Object | None) -> Iterator[str]:
        if copy is None:
            yield "missing"
            return
        name = syncer["metadata"]["name"]
        metadata = copy["metadata"]
        source = f"{SOURCE_NAMESPACE}/{name}"
        owner = {
            "apiVersion": syncer["apiVersion"],
            "kind": syncer["kind"],
            "name": name,
            "uid": syncer["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
        group, _, _ = syncer["apiVersion"].partition("/")
        attributes: dict[str, tuple[Any, Any]] = {
            "data": (copy.get("data"), self._data),
            "binaryData": (copy.get("binaryData"), None),
            "immutable": (
                bool(copy.get("immutable")),
                name == SUBJECT and self.expected.immutable,
            ),
            "owners": (metadata.get("ownerReferences"), [owner]),
            "labels": (
                metadata.get("labels"),
                {
                    "app.kubernetes.io/managed-by": "configmap-syncer",
                    "controller-uid": syncer["metadata"]["uid"],
                    "synced-by": name,
                    "synced-from": SOURCE_NAMESPACE,
                },
            ),
            "annotations": (
                metadata.get("annotations"),
                {
                    f"{group}/source": source,
                    f"{group}/content-hash": syncer["status"].get("contentHash"),
                },
            ),
            "deletion": (metadata.get("deletionTimestamp"), None),
        }
        for what, (is_so, expected) in attributes.items():
            if is_so != expected:
                yield f"its {what} are {is_so!r:.200} and should be {expected!r:.200}"


def _syncer(name: str, chosen: Mapping[str, Any]) -> Object:
    spec = {"sourceNamespace": SOURCE_NAMESPACE, "sourceConfigMap": name, **chosen}
    return manifest("ConfigMapSyncer", name) | {"spec": spec}

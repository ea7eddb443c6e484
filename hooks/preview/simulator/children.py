"""Claim, delete and write the children of a syncer, as Metacontroller does.

A child belongs to the syncer whose uid its label `controller-uid` holds. One that lost the label is
released, an orphan that has it is adopted.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from hooks.preview.simulator.appliers import Applier, controller_reference
from hooks.preview.simulator.cluster import Cluster
from hooks.preview.simulator.hook import HookError
from hooks.preview.simulator.objects import (
    CONTROLLER_UID,
    SYNCER,
    ApiError,
    Object,
    Objects,
    is_deleting,
    key_of,
    labels_of,
    name_of,
    owners_of,
    uid_of,
    with_metadata,
)
from hooks.preview.simulator.ownership import METACONTROLLER

_NOT_FOUND: Final = 404

ChildKey: TypeAlias = tuple[str, str]
"""A child's kind, and its `namespace/name`."""


def key_of_child(child: Object) -> ChildKey:
    """The key of a child."""
    return str(child["kind"]), key_of(child)


class ChildrenError(Exception):
    """Some children could not be deleted or applied; the others were."""


class Children:
    """The children of all syncers of one CompositeController."""

    def __init__(self, cluster: Cluster, applier: Applier, kinds: Sequence[str]) -> None:
        self._cluster = cluster
        self._applier = applier
        self._kinds = kinds

    def claim(self, parent: Object) -> dict[ChildKey, Object]:
        """The observed children; one that lost our label is released, an orphan with it adopted."""
        uid = uid_of(parent)
        claimed: dict[ChildKey, Object] = {}
        for child in self._children_of(uid):
            if labels_of(child).get(CONTROLLER_UID) == uid:
                claimed[key_of_child(child)] = child
            elif not is_deleting(parent):
                self._release(child, uid)
        if is_deleting(parent):
            return claimed
        for child in self._children_of(None):
            if labels_of(child).get(CONTROLLER_UID) == uid and not is_deleting(child):
                self._adopt(child, parent)
                claimed[key_of_child(child)] = child
        return claimed

    def _children_of(self, uid: str | None) -> Objects:
        return [item for item in self._cluster.controlled_by(uid) if item["kind"] in self._kinds]

    def _release(self, child: Object, uid: str) -> None:
        owners = [owner for owner in owners_of(child) if owner["uid"] != uid]
        self._cluster.update(with_metadata(child, ownerReferences=owners or None), METACONTROLLER)

    def _adopt(self, child: Object, parent: Object) -> None:
        reference = controller_reference(parent)
        others = [owner for owner in owners_of(child) if owner["uid"] != reference["uid"]]
        adopted = with_metadata(child, ownerReferences=[*others, reference])
        self._cluster.update(adopted, METACONTROLLER)

    def labelled(self, parent: Object, children: Iterable[Object]) -> list[Object]:
        """The desired children with the label by which they are claimed. Raises HookError."""
        uid = uid_of(parent)
        labelled = []
        for child in children:
            metadata = child.get("metadata") or {}
            labels = metadata.get("labels") or {}
            if labels.get(CONTROLLER_UID, uid) != uid:
                raise HookError(
                    f"labels on desired child {child['kind']} {metadata.get('namespace')}/"
                    f"{metadata.get('name')} don't match parent selector"
                )
            labelled.append(
                {**child, "metadata": {**metadata, "labels": {**labels, CONTROLLER_UID: uid}}}
            )
        return labelled

    def manage(
        self, parent: Object, observed: dict[ChildKey, Object], desired: dict[ChildKey, Object]
    ) -> ChildrenError | None:
        """Delete what is not desired, then write what is; a failure of one stops no other."""
        failures: list[str] = []
        for key, child in sorted(observed.items()):
            if key in desired or is_deleting(child):
                continue
            try:
                self._cluster.delete(
                    child["kind"],
                    name_of(child),
                    child["metadata"]["namespace"],
                    uid=uid_of(child),
                )
            except ApiError as error:
                if error.status != _NOT_FOUND:
                    failures.append(f"can't delete {child['kind']} {key[1]}: {error}")
        for key, child in sorted(desired.items()):
            try:
                self._applier.apply(parent, observed.get(key), child)
            except ApiError as error:
                failures.append(str(error))
        if not failures:
            return None
        said = failures[0] if len(failures) == 1 else f"[{', '.join(failures)}]"
        return ChildrenError(
            f"can't reconcile children for {SYNCER.kind} /{name_of(parent)}: {said}"
        )

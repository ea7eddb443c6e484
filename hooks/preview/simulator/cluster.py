"""An API server in memory, with as much of Kubernetes as a copied ConfigMap can meet.

It keeps Namespaces, ConfigMaps, Secrets and ConfigMapSyncers as JSON, refuses what the real one
refuses, knows who owns which field, and notifies every subscriber of every change. What the
controllers of a control plane do in the background (garbage collection, emptying a Namespace that
is being deleted) is in `controllers`, so that what comes in between can be seen.

Uids are counted and times come from the clock handed in: the same story gives the same bytes.
Errors: `ApiError`, with the HTTP status, reason and sentence of the real API server.
"""

import copy
from typing import TYPE_CHECKING, Final

from hooks.preview.options import Propagation
from hooks.preview.simulator import ownership, refusals, validation
from hooks.preview.simulator.clock import Clock
from hooks.preview.simulator.objects import (
    COPIED,
    FOREGROUND,
    NAMESPACE,
    ORPHAN,
    SYNCER,
    ApiError,
    Object,
    Resource,
    controller_of,
    finalizers_of,
    is_deleting,
    key_of,
    merge,
    name_of,
    namespace_of,
    not_found,
    uid_of,
    with_metadata,
)
from hooks.preview.simulator.ownership import USER, Writer
from hooks.preview.simulator.store import ObjectStore, StoredObject, without_bookkeeping
from hooks.preview.simulator.submitted import SyncerSchema, accepted, namespace_in, resource_of

if TYPE_CHECKING:
    from collections.abc import Callable

_ALWAYS_THERE: Final = ("default", "kube-node-lease", "kube-public", "kube-system")
_RESTORED_FIELDS: Final = ("uid", "creationTimestamp", "deletionTimestamp", "generation")


class Cluster(ObjectStore):
    """The objects of one cluster, and the API through which users and controllers change them."""

    def __init__(self, clock: Clock, schema: SyncerSchema | None = None) -> None:
        super().__init__(clock)
        self.admission: list[Callable[[str, Object, Object | None], str | None]] = []
        """Asked before what is copied is stored, with what it replaces, or deleted (`DELETE`).

        A sentence refuses it.
        """
        self.assumed: list[str] = []
        """The copies that came without managedFields, so that who wrote what had to be assumed."""
        self._schema = schema
        self._uids = 0
        for name in _ALWAYS_THERE:
            self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    # What users do.

    def create(self, manifest: Object, writer: str = USER) -> Object:
        """Create an object. Refused: 409 when it exists, 404 and 403 for its namespace, 422."""
        resource = resource_of(manifest.get("kind"))
        given = accepted(resource, copy.deepcopy(manifest), self._schema)
        return copy.deepcopy(self._create(resource, given, Writer("Update", writer)))

    def apply(self, manifest: Object, writer: str = USER) -> Object:
        """Create an object, or merge what the manifest says into it, as `kubectl apply` does."""
        resource = resource_of(manifest.get("kind"))
        name = str((manifest.get("metadata") or {}).get("name"))
        namespace = namespace_in(resource, manifest)
        if self.look(resource.kind, name, namespace) is None:
            return self.create(manifest, writer)
        return self.patch(resource.kind, name, namespace, manifest, writer)

    def patch(
        self, kind: str, name: str, namespace: str | None, merge_patch: Object, writer: str = USER
    ) -> Object:
        """Merge a patch into an object: null deletes. `status` is not reached this way."""
        resource = resource_of(kind)
        stored = self._existing(resource, name, namespace)
        patched = accepted(resource, merge(stored.item, copy.deepcopy(merge_patch)), self._schema)
        return copy.deepcopy(self._update(resource, stored, patched, Writer("Update", writer)))

    def delete(
        self,
        kind: str,
        name: str,
        namespace: str | None = None,
        propagation: str = Propagation.BACKGROUND,
        uid: str | None = None,
    ) -> None:
        """Delete an object, or mark it where finalizers hold it; 409 when the uid is another."""
        resource = resource_of(kind)
        stored = self._existing(resource, name, namespace)
        if uid is not None and uid_of(stored.item) != uid:
            raise ApiError(
                409,
                "Conflict",
                f'Operation cannot be fulfilled on {resource.qualified} "{name}": '
                f"the UID in the precondition ({uid}) does not match the UID in record",
            )
        if resource is NAMESPACE:
            self._terminate(stored)
            return
        self._admit("DELETE", resource, stored.item, stored.item)
        finalizers = [
            item for item in finalizers_of(stored.item) if item not in (FOREGROUND, ORPHAN)
        ]
        match Propagation(propagation):
            case Propagation.FOREGROUND:
                finalizers.append(FOREGROUND)
            case Propagation.ORPHAN:
                finalizers.append(ORPHAN)
            case Propagation.BACKGROUND:
                pass
        if not finalizers:
            self._remove(resource, stored)
            return
        marked = with_metadata(stored.item, finalizers=finalizers)
        if not is_deleting(marked):
            marked = with_metadata(
                marked, deletionTimestamp=self._now(), deletionGracePeriodSeconds=0
            )
            if "generation" in marked["metadata"]:
                generation = marked["metadata"]["generation"] + 1
                marked = with_metadata(marked, generation=generation)
        self._store(resource, stored, StoredObject(marked, stored.ownership))

    def restore(self, manifest: Object) -> Object:
        """Put in an object as a dump shows it: with its uid, times, status and field owners.

        It has been validated before: a dump may hold what today's schema would refuse.
        """
        resource = resource_of(manifest.get("kind"))
        given = manifest["metadata"]
        item = accepted(resource, copy.deepcopy(manifest), self._schema)
        item = with_metadata(
            self._new(resource, item),
            **{field: given[field] for field in _RESTORED_FIELDS if given.get(field) is not None},
        )
        if resource.has_status and manifest.get("status") is not None:
            item = {**item, "status": copy.deepcopy(manifest["status"])}
        owned = ownership.from_managed_fields(given.get("managedFields") or [], item)
        if not owned and _is_copy(item):
            owned = ownership.assumed(item)
            self.assumed.append(f"{resource.kind} {key_of(item)}")
        elif not owned:
            owned, _ = ownership.after_update({}, Writer("Update", USER), None, item)
        # Where it is not known when a manager wrote, it was not now.
        created = item["metadata"]["creationTimestamp"]
        known = ownership.times_of(given.get("managedFields") or [])
        times = {**dict.fromkeys(owned, created), **known}
        return self._store(resource, None, StoredObject(item, owned, times))

    # What controllers do.

    def update(self, item: Object, writer: str) -> Object:
        """Replace an object by its new form, `status` excepted; it is the cluster's from then on.

        Refused: 409 where the form was made from another version than the one that is stored.
        """
        resource = resource_of(item.get("kind"))
        stored = self._existing(resource, name_of(item), namespace_of(item))
        version = item["metadata"].get("resourceVersion")
        if version not in (None, stored.item["metadata"]["resourceVersion"]):
            raise ApiError(
                409,
                "Conflict",
                f'Operation cannot be fulfilled on {resource.qualified} "{name_of(item)}": the '
                "object has been modified; please apply your changes to the latest version and "
                "try again",
            )
        cleaned = accepted(resource, item, self._schema)
        return self._update(resource, stored, cleaned, Writer("Update", writer))

    def update_status(
        self, item: Object, status: Object, writer: str = ownership.METACONTROLLER
    ) -> Object:
        """Replace the `status` of an object, and nothing else of it."""
        resource = resource_of(item.get("kind"))
        stored = self._existing(resource, name_of(item), namespace_of(item))
        new = {**stored.item, "status": status}
        if self._schema is not None and resource is SYNCER:
            new = self._schema.default(new)
            if found := self._schema.status_violations(new["status"]):
                raise refusals.invalid(resource, name_of(item), found)
        manager = Writer("Update", writer)
        held = stored.ownership.get(manager, frozenset()) | {ownership.STATUS}
        owned = {**stored.ownership, manager: held}
        return self._store(resource, stored, StoredObject(new, owned), manager)

    def server_side_apply(self, applied: Object, writer: str) -> Object:
        """Apply a partial object by force; what `writer` applied earlier and not now goes.

        What is handed in is the cluster's from then on.
        """
        resource = resource_of(applied.get("kind"))
        manager = Writer("Apply", writer)
        partial = accepted(resource, applied, self._schema)
        name, namespace = name_of(partial), namespace_of(partial)
        stored = self._stored[resource.kind].get((namespace, name))
        if stored is None:
            return self._create(resource, partial, manager)
        fields, owned = ownership.apply(stored.ownership, manager, stored.item, partial)
        new = StoredObject(ownership.with_fields(stored.item, fields), owned)
        return self._replace(resource, stored, new, manager)

    def finish(self, namespace: Object) -> None:
        """Let a Namespace go that is being deleted and is empty."""
        self._remove(NAMESPACE, self._existing(NAMESPACE, name_of(namespace), None))

    def _terminate(self, stored: StoredObject) -> None:
        if name_of(stored.item) in _ALWAYS_THERE:
            name = name_of(stored.item)
            raise ApiError(
                403,
                "Forbidden",
                f'namespaces "{name}" is forbidden: this namespace may not be deleted',
            )
        if not is_deleting(stored.item):
            marked = with_metadata(stored.item, deletionTimestamp=self._now())
            marked["status"] = {**marked["status"], "phase": "Terminating"}
            self._store(NAMESPACE, stored, StoredObject(marked, stored.ownership))

    # How a write goes.

    def _new(self, resource: Resource, item: Object) -> Object:
        self._uids += 1
        item = with_metadata(
            item,
            uid=f"00000000-0000-4000-8000-{self._uids:012x}",
            creationTimestamp=self._now(),
        )
        if resource is NAMESPACE:
            item = {**item, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
        elif resource.has_status:
            item = with_metadata(item, generation=1)
        return item

    def _create(self, resource: Resource, item: Object, writer: Writer) -> Object:
        name = str(item["metadata"].get("name"))
        namespace = str(item["metadata"].get("namespace") or "")
        if (namespace, name) in self._stored[resource.kind]:
            raise ApiError(409, "AlreadyExists", f'{resource.qualified} "{name}" already exists')
        if resource.namespaced:
            self._admit_into(namespace, resource, name)
        created = self._new(resource, item)
        self._validate(resource, created)
        self._admit("CREATE", resource, created, None)
        owned, _ = ownership.after_update({}, writer, None, created)
        return self._store(resource, None, StoredObject(created, owned), writer)

    def _update(
        self, resource: Resource, stored: StoredObject, item: Object, writer: Writer
    ) -> Object:
        old = stored.item
        kept = {
            field: value
            for field, value in old["metadata"].items()
            if field not in ("labels", "annotations", "ownerReferences", "finalizers")
        }
        new = {**item, "metadata": {**item["metadata"], **kept}}
        for untouched in ("status", *(("spec",) if resource is NAMESPACE else ())):
            if untouched in old:
                new[untouched] = old[untouched]
        owned, has_taken = ownership.after_update(stored.ownership, writer, old, new)
        # Who only takes fields away has no new time.
        return self._replace(
            resource, stored, StoredObject(new, owned), writer if has_taken else None
        )

    def _replace(
        self, resource: Resource, stored: StoredObject, new: StoredObject, writer: Writer | None
    ) -> Object:
        old, item = stored.item, new.item
        if without_bookkeeping(old) == without_bookkeeping(item) and (
            stored.ownership == new.ownership
        ):
            return old
        self._validate(resource, item, old)
        if changes := validation.forbidden_changes(old, item):
            raise refusals.invalid(resource, name_of(item), changes)
        self._admit("UPDATE", resource, item, old)
        if is_deleting(item) and not finalizers_of(item) and resource is not NAMESPACE:
            self._remove(resource, stored)
            return item
        if "generation" in item["metadata"] and old.get("spec") != item.get("spec"):
            item = with_metadata(item, generation=old["metadata"]["generation"] + 1)
        return self._store(resource, stored, StoredObject(item, new.ownership), writer)

    def _admit_into(self, namespace: str, resource: Resource, name: str) -> None:
        found = self.look("Namespace", namespace)
        if found is None:
            raise not_found(NAMESPACE, namespace)
        if is_deleting(found):
            raise ApiError(
                403,
                "Forbidden",
                f'{resource.qualified} "{name}" is forbidden: unable to create new content in '
                f"namespace {namespace} because it is being terminated",
            )

    def _admit(self, operation: str, resource: Resource, item: Object, old: Object | None) -> None:
        if resource not in COPIED:
            return
        for admit in self.admission:
            if refusal := admit(operation, item, old):
                raise ApiError(
                    422,
                    "Invalid",
                    f'{resource.qualified} "{name_of(item)}" is forbidden: {refusal}',
                )

    def _validate(self, resource: Resource, item: Object, old: Object | None = None) -> None:
        found: list[object] = [*validation.violations(resource, item)]
        is_another = old is None or old.get("spec") != item.get("spec")
        if resource is SYNCER and self._schema is not None and is_another:
            found += self._schema.violations(item)
        if found:
            raise refusals.invalid(resource, str(item["metadata"].get("name")), found)


def _is_copy(item: Object) -> bool:
    controller = controller_of(item)
    return controller is not None and controller["kind"] == SYNCER.kind

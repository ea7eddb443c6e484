"""The real world of the stories: API server, Metacontroller and hook, all as they run for users."""

from collections.abc import Callable, Collection, Sequence

from hooks.copies.prune_guard import RECORDED_SECONDS
from tests.controlplane import ApiStatusError, Client, Stack, wait_for
from tests.scenarios.canary import Canary
from tests.scenarios.story import Manifest, ObjectReference, World

_PATIENCE_SECONDS = 90
_FLIGHTS = 3
_CASCADES = {"foreground": "Foreground", "orphan": "Orphan", None: None}


class RealWorld:
    """A running stack, seen as a world, by its administrator or by whom `client` says."""

    def __init__(self, stack: Stack, client: Client | None = None) -> None:
        self.stack = stack
        self.client = client or stack.client

    def find(self, reference: ObjectReference) -> Manifest | None:
        return self.client.find(reference.kind, reference.name, reference.namespace)

    def apply(self, manifest: Manifest) -> None:
        try:
            self.client.create(manifest)
        except ApiStatusError as error:
            if error.reason != "AlreadyExists":
                raise
            self.patch(ObjectReference.of(manifest), manifest)

    def apply_as(self, manager: str, manifest: Manifest) -> None:
        self.client.apply(manifest, field_manager=manager)

    def patch(self, reference: ObjectReference, patch: Manifest) -> None:
        self.client.merge_patch(reference.kind, reference.name, patch, reference.namespace)

    def patch_status(self, reference: ObjectReference, patch: Manifest) -> None:
        status = {"status": patch}
        kind, name = reference.kind, reference.name
        self.client.merge_patch(kind, name, status, subresource="status")

    def delete(self, reference: ObjectReference, cascade: str | None) -> None:
        self.client.delete(
            reference.kind,
            reference.name,
            reference.namespace,
            propagation=_CASCADES[cascade],  # type: ignore[arg-type]
        )

    def eventually(self, look: Callable[[], str | None], what: str) -> None:
        missing: str | None = None

        def found() -> bool:
            nonlocal missing
            missing = look()
            return missing is None

        wait_for(found, what, _PATIENCE_SECONDS, lambda: f"{missing}\n{self.stack.logs(15)}")
        # What was expected may be there while the sync that confirms it is still to come; a change
        # before that gets one sync for both.
        self.stack.wait_until_syncing()

    def refuses(self, manifest: Manifest) -> bool:
        try:
            self.client.create(manifest, dry_run=True)
        except ApiStatusError as error:
            return error.reason != "AlreadyExists"
        return False

    def as_tenant(self, write: Callable[[World], None]) -> str | None:
        plane = self.stack.control_plane
        wait_for(lambda: plane.is_guarded(plane.tenant), "the admission policy to be in force")
        try:
            write(RealWorld(self.stack, plane.tenant))
        except ApiStatusError as error:
            return str(error)
        return None

    def rest(self, syncers: Collection[str]) -> None:
        """Nothing asks about these syncers while the canary flies.

        A timer that is left over may fire meanwhile, once: then it flies again.
        """
        canary = Canary(self.client)
        again: Sequence[Manifest] = ()

        def rests() -> bool:
            nonlocal again
            before = len(self.stack.hook.calls())
            canary.fly(_FLIGHTS)
            after = self.stack.hook.calls()[before:]
            again = [call for call in after if call.get("syncer") in syncers]
            return not again and not any(map(self._reads_back, syncers))

        wait_for(
            rests,
            f"{', '.join(syncers)} to rest",
            _PATIENCE_SECONDS,
            lambda: f"the hook was asked though nothing changed: {again[-1:]}",
        )

    def _reads_back(self, syncer: str) -> bool:
        """Whether the hook is about to be asked what it has recorded."""
        last = [call for call in self.calls(syncer) if call["hook"] != "customize"][-1:]
        is_asking = any(call.get("resyncAfterSeconds") == RECORDED_SECONDS for call in last)
        return is_asking and self.find(ObjectReference("ConfigMapSyncer", syncer)) is not None

    def calls_of(self, prefix: str) -> int:
        """How often the hook was asked about syncers whose names begin so."""
        calls = self.stack.hook.calls()
        return sum(str(call.get("syncer", "")).startswith(prefix) for call in calls)

    def calls(self, syncer: str) -> Sequence[Manifest]:
        return self.stack.hook.calls(syncer=syncer)

    def objects(self, kind: str) -> list[Manifest]:
        """All objects of a kind."""
        return self.client.list(kind)

"""The simulated world of the stories: Metacontroller in memory, and the hook called in process."""

import io
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from hooks import settings
from hooks.app import create_app
from hooks.copies.prune_guard import RECORDED_SECONDS
from hooks.preview.options import Propagation
from hooks.preview.simulator.clock import Clock
from hooks.preview.simulator.cluster import Cluster
from hooks.preview.simulator.controllers import Controllers
from hooks.preview.simulator.hook import encode
from hooks.preview.simulator.metacontroller import Metacontroller
from hooks.preview.simulator.objects import (
    RESOURCES,
    SYNCER,
    ApiError,
    Object,
    Objects,
    is_deleting,
    merge,
    uid_of,
    with_metadata,
)
from hooks.preview.simulator.registration import (
    CHILDREN_WITH_SECRETS,
    RESYNC_PERIOD_SECONDS,
    Installation,
)
from hooks.preview.simulator.schema import Schema
from hooks.preview.simulator.store import WatchEvent
from hooks.status.types import RETRY_SECONDS
from tests.scenarios.admission import Admission
from tests.scenarios.story import Manifest, ObjectReference, World
from tests.wsgi import HookAnswer, hook_of

_PATIENCE_SECONDS = 90
_READ_BACK = 5
"""How often what is recorded is read back; what asks for more never rests."""
_CASCADES = {
    "foreground": Propagation.FOREGROUND,
    "orphan": Propagation.ORPHAN,
    None: Propagation.BACKGROUND,
}


class _LateStatuses:
    """Shows each status only when a moment has passed since it was written, as caches do.

    Until then the hook is shown the one before, and when that was written. Of a syncer that is
    being deleted every status is an event that asks the hook, and with it the cache has it.
    """

    def __init__(self, cluster: Cluster, hook: Callable[[str, bytes], HookAnswer]) -> None:
        self._cluster = cluster
        self._hook = hook
        self._former: dict[str, tuple[datetime, Object]] = {}
        cluster.subscribe(self._on_change)

    def _on_change(self, event: WatchEvent) -> None:
        if event.kind != SYNCER.kind or event.old is None or event.new is None:
            return
        if event.old.get("status") != event.new.get("status"):
            self._former[uid_of(event.new)] = (self._cluster.clock.now(), event.old)

    def __call__(self, path: str, body: bytes) -> HookAnswer:
        request = json.loads(body)
        parent = request.get("parent", {"metadata": {}})
        written, former = self._former.get(parent["metadata"].get("uid"), (None, {}))
        if written == self._cluster.clock.now() and not is_deleting(parent):
            fields = former["metadata"]["managedFields"]
            shown = with_metadata(parent, managedFields=fields) | {"status": former.get("status")}
            body = encode(request | {"parent": shown})
        return self._hook(path, body)


class _LateCluster(Cluster):
    """Shows a moment too late which copies the garbage collector has orphaned, as caches do.

    It is done with the syncer before the hook is called; what it did to the copies comes with
    another watch.
    """

    _orphaned: tuple[datetime, str | None] | None = None
    _former: Mapping[str, Object] = MappingProxyType({})

    def delete(
        self,
        kind: str,
        name: str,
        namespace: str | None = None,
        propagation: str = Propagation.BACKGROUND,
        uid: str | None = None,
    ) -> None:
        owner = self.look(kind, name, namespace)
        super().delete(kind, name, namespace, propagation, uid)
        if owner is not None and propagation == Propagation.ORPHAN:
            copies = self.controlled_by(uid_of(owner))
            Controllers(self).run()
            self._orphaned = self.clock.now(), uid_of(owner)
            self._former = {uid_of(copy): copy for copy in copies}

    def controlled_by(self, uid: str | None) -> Objects:
        if self._orphaned == (self.clock.now(), uid):
            return list(self._former.values())
        return [item for item in super().controlled_by(uid) if uid_of(item) not in self._shown]

    def look_named(self, kind: str, name: str) -> Objects:
        return [self._shown.get(uid_of(item), item) for item in super().look_named(kind, name)]

    @property
    def _shown(self) -> Mapping[str, Object]:
        is_late = self._orphaned is not None and self._orphaned[0] == self.clock.now()
        return self._former if is_late else {}


class SimulatedWorld:
    """Everything in memory, on a clock that moves only when something is waited for.

    Where `is_late`, a status that is read back is one write old, and copies are orphaned unseen.
    """

    def __init__(
        self,
        strategy: str,
        environment: Mapping[str, str] | None = None,
        *,
        has_adoption: bool = True,
        is_late: bool = False,
    ) -> None:
        self.clock = Clock()
        self._log = io.StringIO()
        configured = settings.read({"APPLY_STRATEGY": strategy, **(environment or {})})
        app = create_app(configured, self.clock, self._log)
        hook = hook_of(app)
        self.cluster = (_LateCluster if is_late else Cluster)(self.clock, Schema.load())
        self._is_late = is_late
        self.admission = Admission(self.cluster.look_all)
        self.cluster.admission.append(self.admission.refusal)
        self.metacontroller = Metacontroller(
            self.cluster,
            _LateStatuses(self.cluster, hook) if is_late else hook,
            self.clock,
            installed=Installation(strategy, CHILDREN_WITH_SECRETS, has_adoption),
        )

    def find(self, reference: ObjectReference) -> Manifest | None:
        return self.cluster.get(reference.kind, reference.name, reference.namespace)

    def objects(self, kind: str) -> list[Manifest]:
        """All objects of a kind."""
        return self.cluster.list(kind)

    def apply(self, manifest: Manifest) -> None:
        self._pause()
        if self.admission.knows(manifest["kind"]):
            self.admission.apply(manifest)
        else:
            self.cluster.apply(manifest)

    def apply_as(self, manager: str, manifest: Manifest) -> None:
        self._pause()
        self.cluster.server_side_apply(manifest, manager)

    def patch(self, reference: ObjectReference, patch: Manifest) -> None:
        self._pause()
        self.cluster.patch(reference.kind, reference.name, reference.namespace, patch)

    def patch_status(self, reference: ObjectReference, patch: Manifest) -> None:
        self._pause()
        found = self.find(reference)
        assert found is not None, f"{reference} is not there"
        self.cluster.update_status(found, merge(found.get("status", {}), patch))

    def delete(self, reference: ObjectReference, cascade: str | None) -> None:
        self._pause()
        if self.admission.knows(reference.kind):
            self.admission.delete(reference)
        else:
            propagation = _CASCADES[cascade]
            self.cluster.delete(reference.kind, reference.name, reference.namespace, propagation)

    def _pause(self) -> None:
        """Let the caches catch up: users are no quicker than that."""
        if self._is_late:
            self.clock.advance(0.1)

    def eventually(self, look: Callable[[], str | None], what: str) -> None:
        self.metacontroller.settle()
        for _ in range(_PATIENCE_SECONDS):
            if look() is None:
                return
            self.metacontroller.advance(1)
            self.metacontroller.settle()
        missing = look()
        assert missing is None, f"{what}: {missing}"

    def refuses(self, manifest: Manifest) -> bool:
        return self.admission.refusal("CREATE", manifest, None) is not None

    def as_tenant(self, write: Callable[[World], None]) -> str | None:
        with self.admission.tenant():
            try:
                write(self)
            except ApiError as error:
                return str(error)
        return None

    def rest(self, syncers: Collection[str]) -> None:
        """Nothing is left to do but what a timer asks for later than what is recorded is read."""
        self.metacontroller.settle()
        for _ in range(_READ_BACK):
            if any(map(self._reads_back, syncers)):
                self.metacontroller.advance(RECORDED_SECONDS)
                self.metacontroller.settle()

    def _reads_back(self, syncer: str) -> bool:
        """Whether the hook is about to be asked what it has recorded."""
        last = [call for call in self.calls(syncer) if call["hook"] != "customize"][-1:]
        is_asking = any(call.get("resyncAfterSeconds") == RECORDED_SECONDS for call in last)
        return is_asking and self.find(ObjectReference("ConfigMapSyncer", syncer)) is not None

    def unrest(self, waiting: Collection[str]) -> list[str]:
        """What happens in hours in which nobody changes anything, one sentence each.

        Of a syncer the hook hears once a resync period, and in the first hour once more: a timer
        that was left over. Those that are `waiting` are also looked at again and again. When the
        last patience is over, nothing is written.
        """
        first = list(self._too_much(1, waiting, left_over=1))
        before = self._versions()
        later = list(self._too_much(3, waiting, left_over=0))
        written = sorted({name for name, _ in before ^ self._versions()})
        return [*first, *later, *(f"{name} was written" for name in written)]

    def _too_much(self, hours: int, waiting: Collection[str], left_over: int) -> Iterator[str]:
        before = self.metacontroller.calls.copy()
        self.metacontroller.advance(hours * 3600)
        syncers = {syncer["metadata"]["name"] for syncer in self.objects("ConfigMapSyncer")}
        for (hook, syncer), number in (self.metacontroller.calls - before).items():
            allowed = hours * 3600 // RESYNC_PERIOD_SECONDS + left_over if syncer in syncers else 0
            if syncer in waiting:
                allowed += hours * 3600 // RETRY_SECONDS
            if number > allowed:
                yield (
                    f"{hook} was asked about {syncer} {number} times in {hours} hours, "
                    f"at most {allowed} times are allowed"
                )

    def _versions(self) -> set[tuple[str, str]]:
        """Every object with its version."""
        return {
            (str(ObjectReference.of(item | {"kind": kind})), item["metadata"]["resourceVersion"])
            for kind in RESOURCES
            for item in self.objects(kind)
        }

    def calls(self, syncer: str) -> Sequence[Manifest]:
        lines = [json.loads(line) for line in self._log.getvalue().splitlines()]
        return [line for line in lines if line.get("syncer") == syncer]

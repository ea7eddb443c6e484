"""Simulate what a cluster would do with given objects: settle, change something, settle again.

What is shown is the difference between two states at rest. So the given objects are first put
into a cluster in memory, where nothing moves until the hook is asked; a change is made on what
came to rest before.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from hooks.preview import kubectl
from hooks.preview.input.manifests import Input, Manifest
from hooks.preview.input.source_locations import Problem
from hooks.preview.kubectl import Reference
from hooks.preview.options import Propagation
from hooks.preview.redaction import Redactor
from hooks.preview.simulator.clock import Clock
from hooks.preview.simulator.cluster import Cluster
from hooks.preview.simulator.hook import Hook
from hooks.preview.simulator.metacontroller import DoesNotSettleError, Metacontroller
from hooks.preview.simulator.objects import (
    NAMESPACE,
    RESOURCES,
    SYNCER,
    ApiError,
    Object,
    is_deleting,
    name_of,
    uid_of,
)
from hooks.preview.simulator.registration import Installation
from hooks.preview.simulator.schema import Schema
from hooks.preview.stages import StagedRollout, staged_rollouts

State = Mapping[Reference, Object]
"""All objects at one moment."""

_BEHIND: Final = timedelta(seconds=2)
"""How far the clock of the objects in memory is behind that of the hook.

The hook defers the first seconds of a deletion, and nothing happens here meanwhile.
"""
_ORDER: Final = (NAMESPACE, *(r for r in RESOURCES.values() if r.namespaced), SYNCER)


class RefusedError(Exception):
    """Objects or changes that the API server would not take."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class RequestedChange:
    """What is done to the objects that came to rest: manifests applied, then objects deleted."""

    applied: Input
    deleted: Sequence[Reference] = ()
    propagation: Propagation = Propagation.BACKGROUND


@dataclass(frozen=True, slots=True)
class Simulation:
    """Two states, and what happened on the way from one to the other.

    `waiting` tells in how many seconds the hook is asked again about which syncer; `errors` are
    the events of Metacontroller and a syncer that does not come to rest. `rollouts` are what the
    stages of a rollout would change, for as long as time passes and people approve.
    """

    before: State
    after: State
    now: datetime
    waiting: Mapping[str, float]
    errors: Sequence[str]
    assumptions: Sequence[str]
    rollouts: Sequence[StagedRollout] = ()


def simulate(
    given: Input,
    change: RequestedChange | None,
    hook: Hook,
    schema: Schema,
    installed: Installation,
) -> Simulation:
    """Let the given objects come to rest, and with a change again. Raises RefusedError."""
    stage = _Stage(hook, schema, installed)
    before = _prepare(stage, given, change)
    stage.settle()
    return stage.simulation(before, resumes=False)


def plan(
    given: Input,
    change: RequestedChange | None,
    hook: Hook,
    schema: Schema,
    installed: Installation,
) -> Simulation:
    """Do as `simulate` does, but suspend every syncer at last: it says what it would do.

    The given objects come to rest before a change is made, and not where there is none: then what
    would be done to them is what is asked.
    """
    stage = _Stage(hook, schema, installed)
    before = _prepare(stage, given, change)
    stage.suspend()
    stage.settle()
    return stage.simulation(before, resumes=True)


def _prepare(stage: "_Stage", given: Input, change: RequestedChange | None) -> State:
    """Put the given objects on, at rest and changed where there is a change; what was before."""
    stage.fill(given.manifests)
    before = stage.state()
    if change is not None:
        stage.settle()
        before = stage.state()
        stage.errors.clear()
        stage.change(change)
    return before


class _Stage:
    """A cluster in memory with its Metacontroller."""

    def __init__(self, hook: Hook, schema: Schema, installed: Installation) -> None:
        self.errors: list[str] = []
        self._hook = hook
        self._installed = installed
        self._clock = Clock(datetime.now(UTC) - _BEHIND)
        self._cluster = Cluster(self._clock, schema)
        self._metacontroller: Metacontroller | None = None
        self._manifests: dict[Reference, Object] = {}
        self._assumptions: list[str] = []

    def fill(self, given: Sequence[Manifest]) -> None:
        """Put the objects into the cluster; what it cannot hold is refused."""
        self._assume_namespaces(given)
        problems = []
        for resource in _ORDER:
            for manifest in given:
                if manifest.item["kind"] == resource.kind:
                    try:
                        self._restore(manifest)
                    except ApiError as error:
                        problems.append(Problem(str(manifest.location), error.message))
        if problems:
            raise RefusedError(problems)
        if assumed := self._cluster.assumed:
            what = f"{assumed[0]} was" if len(assumed) == 1 else f"{len(assumed):,} copies were"
            self._assumptions.append(
                f"Assumed to be written by Metacontroller alone, because {what} given without "
                "managedFields (kubectl get --show-managed-fields shows them)"
            )

    def change(self, change: RequestedChange) -> None:
        """Apply and delete, as kubectl does; what the API server would refuse is refused."""
        problems = []
        # Namespaces first, whatever the order of files: so do tools for deployment, and so it is
        # once kubectl has been asked again.
        for manifest in sorted(change.applied.manifests, key=_is_no_namespace):
            reference = Reference.of(manifest.item)
            try:
                known = kubectl.apply(self._cluster, manifest.item, self._manifests.get(reference))
            except ApiError as error:
                problems.append(Problem(str(manifest.location), error.message))
            else:
                if not known:
                    self._assumptions.append(
                        f"Assumed not to come from kubectl apply: {reference}; what the change "
                        "does not name stays as it is"
                    )
        for reference in change.deleted:
            try:
                kubectl.delete(self._cluster, reference, change.propagation)
            except ApiError as error:
                problems.append(Problem(f"--delete {reference}", error.message))
        if problems:
            raise RefusedError(problems)

    def suspend(self) -> None:
        """Suspend every syncer that is not being deleted."""
        for item in self._cluster.look_all(SYNCER.kind):
            if not is_deleting(item):
                self._cluster.patch(SYNCER.kind, name_of(item), None, {"spec": {"suspend": True}})

    def settle(self, seconds: float = 0.0) -> None:
        """Work until only more time than these seconds would move things on."""
        if self._metacontroller is None:
            self._metacontroller = Metacontroller(
                self._cluster,
                self._hook,
                self._clock,
                installed=self._installed,
            )
        try:
            if seconds:
                self._metacontroller.advance(seconds)
            else:
                self._metacontroller.settle()
        except DoesNotSettleError as error:
            self.errors.append(str(error))
        self.errors += dict.fromkeys(
            f"{event.syncer}: {event.message}" for event in self._metacontroller.events
        )
        self._metacontroller.events.clear()
        self._clock.move_to(max(self._clock.now(), datetime.now(UTC) - _BEHIND))

    def state(self) -> State:
        """All objects as they are now."""
        return {
            Reference.of(item): item
            for resource in _ORDER
            for item in self._cluster.look_all(resource.kind)
        }

    def simulation(self, before: State, *, resumes: bool) -> Simulation:
        """What there is to tell of the way from an earlier state to this one, and then beyond it.

        `resumes` tells of rollouts as if suspended syncers were resumed. It is the last that
        happens here.
        """
        now = self._clock.now()
        waiting = self._metacontroller.waiting() if self._metacontroller else {}
        simulation = Simulation(
            before=before,
            after=self.state(),
            now=now,
            waiting={name: max(0.0, (due - now).total_seconds()) for name, due in waiting.items()},
            errors=tuple(dict.fromkeys(map(self._redactor(before).clean, self.errors))),
            assumptions=tuple(self._assumptions),
        )
        rollouts = staged_rollouts(self._cluster, self.settle, before.values(), resumes=resumes)
        return replace(simulation, rollouts=rollouts)

    def _redactor(self, before: State) -> Redactor:
        """For what the hook said: it was sent the values of Secrets, and may send them back."""
        return Redactor((*before.values(), *self.state().values()))

    def _restore(self, manifest: Manifest) -> None:
        self._cluster.restore(manifest.item)
        if manifest.is_applied:
            self._manifests[Reference.of(manifest.item)] = manifest.item

    def _assume_namespaces(self, given: Iterable[Manifest]) -> None:
        """Namespaces that hold an object but have no manifest: they must exist, or it could not."""
        known = {name_of(item) for item in self._cluster.look_all(NAMESPACE.kind)}
        known |= {name_of(m.item) for m in given if m.item["kind"] == NAMESPACE.kind}
        held = {
            m.item["metadata"]["namespace"] for m in given if RESOURCES[m.item["kind"]].namespaced
        }
        if assumed := sorted(held - known):
            for name in assumed:
                metadata = {"name": name}
                self._cluster.create(
                    {"apiVersion": "v1", "kind": NAMESPACE.kind, "metadata": metadata}
                )
            self._assumptions.append(
                f"Assumed to exist, because objects are in them: namespace {', '.join(assumed)}"
            )


def _is_no_namespace(manifest: Manifest) -> bool:
    return bool(manifest.item["kind"] != NAMESPACE.kind)


def is_same(old: Object, new: Object) -> bool:
    """Whether nobody has written an object between two states."""
    return (
        uid_of(old) == uid_of(new)
        and old["metadata"]["resourceVersion"] == new["metadata"]["resourceVersion"]
    )

"""Metacontroller in memory: watch, ask the hook, write what it wants, until nothing changes.

To know what a syncer will do, one must know when Metacontroller asks, what it shows, and what it
makes of the answer. This follows its CompositeController (4.17.2) step by step: claim children,
gather related objects, call the hook, delete, apply, write the status, and queue again whatever a
change concerns; with it works the DecoratorController, where one is installed. Its informers are
never behind here, so the number of calls is the least that the real one makes.

Errors: `DoesNotSettleError`. What Metacontroller would report as an event is in `events`.
"""

import contextlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from hooks.preview.simulator.appliers import APPLIERS
from hooks.preview.simulator.children import (
    ChildKey,
    Children,
    ChildrenError,
    key_of_child,
)
from hooks.preview.simulator.clock import Clock
from hooks.preview.simulator.cluster import Cluster
from hooks.preview.simulator.controllers import Controllers
from hooks.preview.simulator.decorator import Decorator
from hooks.preview.simulator.hook import (
    Hook,
    HookError,
    SyncAnswer,
    TooManyRequestsError,
    ask,
    ask_related,
    grouped,
)
from hooks.preview.simulator.objects import (
    CONFIG_MAP,
    CONTROLLER_UID,
    FOREGROUND,
    ORPHAN,
    SYNCER,
    ApiError,
    Object,
    controller_of,
    finalizers_of,
    group_of,
    is_deleting,
    labels_of,
    name_of,
    uid_of,
    with_metadata,
)
from hooks.preview.simulator.ownership import METACONTROLLER
from hooks.preview.simulator.registration import (
    BASE,
    FINALIZER,
    RESYNC_PERIOD_SECONDS,
    Installation,
    composite_controller,
)
from hooks.preview.simulator.related import Audience, Rule
from hooks.preview.simulator.store import WatchEvent
from hooks.preview.simulator.work_queue import WorkQueue

_RULES_ARE_KEPT: Final = timedelta(minutes=20)


class DoesNotSettleError(Exception):
    """A syncer is asked about again and again: the hook's answer never becomes what it sees."""


@dataclass(frozen=True, slots=True)
class SyncError:
    """An event of type Warning that Metacontroller writes about a syncer, or what it adopts."""

    syncer: str
    message: str


@dataclass(frozen=True, slots=True)
class _Answered:
    """What `/customize` answered for one generation of a syncer, and until when it is kept."""

    generation: tuple[str, int]
    rules: tuple[Object, ...]
    until: datetime


class Metacontroller:
    """One CompositeController's worker over an in-memory cluster."""

    def __init__(
        self,
        cluster: Cluster,
        hook: Hook,
        clock: Clock,
        *,
        installed: Installation = BASE,
        most_calls: int = 100,
    ) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        """How often each hook was called for each syncer, by (hook, syncer)."""
        self.events: list[SyncError] = []
        self._cluster = cluster
        self._controllers = Controllers(cluster)
        self._hook = hook
        self._clock = clock
        self._controller = composite_controller(installed.children)
        self._kinds = tuple(child.kind for child in installed.children)
        self._children = Children(cluster, APPLIERS[installed.strategy](cluster), self._kinds)
        self._most_calls = most_calls
        self._queue = WorkQueue(clock)
        self._answered: dict[str, _Answered] = {}
        self._without_rules: set[str] = set()
        self._audience = Audience(cluster)
        self._watched: set[str] = set()
        self._next_resync = clock.now() + timedelta(seconds=RESYNC_PERIOD_SECONDS)
        cluster.subscribe(self._on_change)
        self._decorator: Decorator | None = None
        if installed.has_adoption:
            self._decorator = Decorator(cluster, hook)
        for parent in cluster.look_all(SYNCER.kind):
            self._without_rules.add(name_of(parent))
            self._queue.add(name_of(parent))

    def settle(self) -> None:
        """Work until nothing is queued but timers. Raises DoesNotSettleError."""
        calls: Counter[str] = Counter()
        while self._queue or self._decorate(calls) or self._controllers.run():
            while self._queue:
                name = self._queue.take()
                self._count(calls, f"{SYNCER.kind} {name}")
                self._work(name)
                self._decorate(calls)

    def _decorate(self, calls: Counter[str]) -> bool:
        """Ask about all that is handed over, for that is quicker than a sync; whether any was."""
        if self._decorator is None or not self._decorator.queue:
            return False
        while self._decorator.queue:
            key = self._decorator.queue.popleft()
            try:
                # Whatever happens to any syncer asks about every object that waits, so calls
                # tell nothing of a loop.
                if self._decorator.work(key):
                    self._count(calls, f"{CONFIG_MAP.kind} {key}")
            except (ApiError, HookError, TooManyRequestsError) as error:
                self.events.append(SyncError(key, f"Sync error: {error}"))
        return True

    def _count(self, calls: Counter[str], what: str) -> None:
        calls[what] += 1
        if calls[what] > self._most_calls:
            raise DoesNotSettleError(
                f"{what} does not settle: it still changes after {self._most_calls} syncs"
            )

    def advance(self, seconds: float) -> None:
        """Let time pass: settle, and settle again at every moment at which a timer fires."""
        end = self._clock.now() + timedelta(seconds=seconds)
        self.settle()
        while (due := self.next_timer()) <= end:
            self._clock.move_to(max(due, self._clock.now()))
            self._fire()
            self.settle()
        self._clock.move_to(end)

    def next_timer(self) -> datetime:
        """When something happens next if nobody changes anything; at the latest a resync."""
        return min((*self._queue.timers.values(), self._next_resync))

    def waiting(self) -> dict[str, datetime]:
        """Which syncers are asked about again, and when, the periodic resync left aside."""
        return dict(sorted(self._queue.timers.items()))

    # The queue and its timers.

    def _fire(self) -> None:
        self._queue.fire()
        if self._next_resync <= self._clock.now():
            self._next_resync += timedelta(seconds=RESYNC_PERIOD_SECONDS)
            for parent in self._cluster.look_all(SYNCER.kind):
                self._queue.add(name_of(parent))
            if self._decorator is not None:
                self._decorator.resync()

    def _work(self, name: str) -> None:
        parent = self._cluster.look(SYNCER.kind, name)
        if parent is not None and is_deleting(parent) and FINALIZER not in finalizers_of(parent):
            # The garbage collector can be quicker than the queue, and then nobody is asked.
            self._controllers.run()
            parent = self._cluster.look(SYNCER.kind, name)
        if parent is None:
            self._queue.succeed(name)
            return
        try:
            self._sync(parent)
        except TooManyRequestsError as overload:
            self._queue.add_after(name, timedelta(seconds=overload.after_seconds))
        except (ApiError, HookError, ChildrenError) as error:
            self.events.append(SyncError(name, f"Sync error: {error}"))
            self._queue.retry(name)
        else:
            self._queue.succeed(name)

    # Which syncers a change concerns.

    def _on_change(self, event: WatchEvent) -> None:
        if event.kind == SYNCER.kind:
            self._on_parent(event)
        elif event.kind in self._kinds:
            self._on_child(event)
        if event.kind in self._watched:
            self._on_related(event)

    def _on_parent(self, event: WatchEvent) -> None:
        old, new = event.old, event.new
        if old is not None and new is not None and not is_deleting(new):
            fields = ("generation", "labels", "annotations")
            if all(old["metadata"].get(field) == new["metadata"].get(field) for field in fields):
                return  # ignoreStatusChanges
        name = name_of(new or old or {})
        if new is None:
            self._forget(name)
        elif old is None or old["metadata"]["generation"] != new["metadata"]["generation"]:
            self._without_rules.add(name)
        self._queue.add(name)

    def _forget(self, name: str) -> None:
        self._without_rules.discard(name)
        self._answered.pop(name, None)
        self._audience.forget(name)

    def _on_child(self, event: WatchEvent) -> None:
        child = event.new or event.old or {}
        controller = controller_of(child)
        if controller is not None:
            parent = self._cluster.look(SYNCER.kind, controller["name"])
            ours = (group_of(controller["apiVersion"]), controller["kind"]) == (
                SYNCER.group,
                SYNCER.kind,
            )
            if ours and parent is not None and uid_of(parent) == controller["uid"]:
                self._queue.add(name_of(parent))
            return
        if event.new is None or is_deleting(child) or CONTROLLER_UID not in labels_of(child):
            return  # An orphan that is being deleted is not adopted.
        for parent in self._cluster.look_all(SYNCER.kind):
            if labels_of(child)[CONTROLLER_UID] == uid_of(parent):
                self._queue.add(name_of(parent))

    def _on_related(self, event: WatchEvent) -> None:
        now = self._clock.now()
        old = {name for name, answer in self._answered.items() if answer.until <= now}
        for name in sorted(self._without_rules | old):
            parent = self._cluster.look(SYNCER.kind, name)
            # Where the hook gives no rules, Metacontroller drops the event for this syncer, too.
            if parent is not None:
                with contextlib.suppress(HookError, TooManyRequestsError):
                    self._rules_of(parent)
        shown = [item for item in (event.old, event.new) if item is not None]
        for name in sorted(self._audience.of(shown)):
            self._queue.add(name)

    # One sync, in Metacontroller's order.

    def _sync(self, parent: Object) -> None:
        if FINALIZER not in finalizers_of(parent) and not is_deleting(parent):
            finalizers = [*finalizers_of(parent), FINALIZER]
            parent = self._cluster.update(
                with_metadata(parent, finalizers=finalizers), METACONTROLLER
            )
        children = self._children.claim(parent)
        answer = self._ask(parent, children)
        if answer.resync_after_seconds > 0:
            self._queue.add_after(name_of(parent), timedelta(seconds=answer.resync_after_seconds))
        if answer.finalized and FINALIZER in finalizers_of(parent):
            finalizers = [name for name in finalizers_of(parent) if name != FINALIZER]
            parent = self._cluster.update(
                with_metadata(parent, finalizers=finalizers or None), METACONTROLLER
            )
        desired = {
            key_of_child(child): child for child in self._children.labelled(parent, answer.children)
        }
        failure = None
        if not is_deleting(parent) or _can_finalize(parent):
            failure = self._children.manage(parent, children, desired)
        self._write_status(parent, answer.status)
        if failure is not None:
            raise failure

    def _ask(self, parent: Object, children: dict[ChildKey, Object]) -> SyncAnswer:
        rules = self._rules_of(parent)
        kinds = {rule.resource.kind for rule in rules}
        self._watched |= kinds
        hook = "finalize" if is_deleting(parent) else "sync"
        request = {
            "controller": self._controller,
            "parent": parent,
            "children": grouped(children.values(), self._kinds),
            "related": grouped(
                (item for rule in rules for item in rule.find(self._cluster)), kinds
            ),
            "finalizing": hook == "finalize",
        }
        self.calls[hook, name_of(parent)] += 1
        return ask(self._hook, hook, request)

    def _rules_of(self, parent: Object) -> tuple[Rule, ...]:
        """The rules of a syncer; asked for once a generation, and again when they are old.

        Raises HookError and TooManyRequestsError; then the syncer hears of no related change.
        """
        name = name_of(parent)
        generation = (uid_of(parent), parent["metadata"]["generation"])
        kept = self._answered.get(name)
        if kept is None or kept.generation != generation or kept.until <= self._clock.now():
            self._forget(name)
            self._without_rules.add(name)
            self.calls["customize", name] += 1
            request = {"controller": self._controller, "parent": parent}
            answer = ask_related(self._hook, request)
            kept = _Answered(generation, answer, self._clock.now() + _RULES_ARE_KEPT)
            self._answered[name] = kept
            self._without_rules.discard(name)
            self._audience.seat(name, self._parsed(kept))
        return self._parsed(kept)

    def _parsed(self, answered: _Answered) -> tuple[Rule, ...]:
        return tuple(Rule.parse(rule) for rule in answered.rules)

    def _write_status(self, parent: Object, status: Object) -> None:
        desired_status = {**status, "observedGeneration": parent["metadata"]["generation"]}
        living = self._cluster.look(SYNCER.kind, name_of(parent))
        if living is None or uid_of(living) != uid_of(parent):
            return
        if living.get("status") != desired_status:
            self._cluster.update_status(living, desired_status)


def _can_finalize(parent: Object) -> bool:
    """Whether children are still managed: not once the garbage collector has them."""
    finalizers = finalizers_of(parent)
    return FINALIZER in finalizers and FOREGROUND not in finalizers and ORPHAN not in finalizers

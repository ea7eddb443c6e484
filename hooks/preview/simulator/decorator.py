"""Metacontroller's DecoratorController in memory, as far as adoption needs it: labels only.

It asks about the ConfigMaps that its selector matches, shows what `/adopt/customize` wants to see,
and sets the labels that `/adopt` answers. What the selector no longer matches it leaves as it is; a
call that failed comes again with the next change that concerns the object. Facts: Metacontroller
4.17.2, measured on a real API server.
"""

from collections import deque
from typing import Final

from hooks.preview.simulator.cluster import Cluster
from hooks.preview.simulator.hook import Hook, ask_labels, ask_related, grouped
from hooks.preview.simulator.objects import (
    CONFIG_MAP,
    Object,
    key_of,
    labels_of,
    selects,
    with_metadata,
)
from hooks.preview.simulator.ownership import METACONTROLLER
from hooks.preview.simulator.registration import ADOPTION
from hooks.preview.simulator.related import Audience, Rule
from hooks.preview.simulator.store import WatchEvent

_SELECTOR: Final[Object] = ADOPTION["spec"]["resources"][0]["labelSelector"]


class Decorator:
    """The DecoratorController's worker over an in-memory cluster.

    `queue` holds the keys of the objects to ask about, `namespace/name`.
    """

    def __init__(self, cluster: Cluster, hook: Hook) -> None:
        self.queue: deque[str] = deque()
        self._cluster = cluster
        self._hook = hook
        self._rules: dict[str, tuple[Rule, ...]] = {}
        self._audience = Audience(cluster)
        cluster.subscribe(self._on_change)
        self.resync()

    def resync(self) -> None:
        """Ask about every selected object once more."""
        for item in self._cluster.look_all(CONFIG_MAP.kind):
            if _is_selected(item):
                self._enqueue(key_of(item))

    def work(self, key: str) -> bool:
        """Ask about one object; whether that changed it.

        Raises HookError, TooManyRequestsError and ApiError.
        """
        namespace, _, name = key.partition("/")
        found = self._cluster.look(CONFIG_MAP.kind, name, namespace)
        if found is None or not _is_selected(found):
            return False
        rules = self._rules_of(found)
        kinds = {rule.resource.kind for rule in rules}
        request = {
            "controller": ADOPTION,
            "object": found,
            "attachments": {},
            "related": grouped(
                (item for rule in rules for item in rule.find(self._cluster)), kinds
            ),
            "finalizing": False,
        }
        labels = {**labels_of(found), **ask_labels(self._hook, request)}
        if labels == labels_of(found):
            return False
        self._cluster.update(with_metadata(found, labels=labels), METACONTROLLER)
        return True

    def _on_change(self, event: WatchEvent) -> None:
        if event.kind == CONFIG_MAP.kind:
            if event.new is None or not _is_selected(event.new):
                self._forget(key_of(event.new or event.old or {}))
            else:
                self._enqueue(key_of(event.new))
        shown = [item for item in (event.old, event.new) if item is not None]
        for key in sorted(self._audience.of(shown)):
            self._enqueue(key)

    def _enqueue(self, key: str) -> None:
        if key not in self.queue:
            self.queue.append(key)

    def _forget(self, key: str) -> None:
        self._rules.pop(key, None)
        self._audience.forget(key)

    def _rules_of(self, found: Object) -> tuple[Rule, ...]:
        key = key_of(found)
        if key not in self._rules:
            request = {"controller": ADOPTION, "parent": found}
            answer = ask_related(self._hook, request, "adopt/customize")
            self._rules[key] = tuple(Rule.parse(rule) for rule in answer)
            self._audience.seat(key, self._rules[key])
        return self._rules[key]


def _is_selected(item: Object) -> bool:
    return selects(_SELECTOR, labels_of(item))

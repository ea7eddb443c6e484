"""Find the objects that the hook asked to see, by the rules that `/customize` gave.

A rule means the same twice: which objects a sync request shows, and which changes in the cluster
ask for a sync. Every change is held against every rule of every syncer, so rules that give names
are looked up and not walked through. Facts: Metacontroller's guide, "Customize hook", v2,
cluster-scoped parent.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hooks.preview.simulator.cluster import Cluster
from hooks.preview.simulator.hook import HookError
from hooks.preview.simulator.objects import (
    RESOURCES,
    Object,
    Resource,
    labels_of,
    name_of,
    namespace_of,
    selects,
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of `relatedResources`; no namespace, names or selector means any."""

    resource: Resource
    namespace: str = ""
    names: frozenset[str] = frozenset()
    label_selector: Object | None = None
    namespace_selector: Object | None = None

    @classmethod
    def parse(cls, rule: Object) -> "Rule":
        """Read a rule. Raises HookError where Metacontroller could not follow it."""
        resource = _resource_of(rule)
        if rule.get("names") and ("labelSelector" in rule or "namespaceSelector" in rule):
            raise HookError(
                "related rule cannot have both names and labelSelector/namespaceSelector specified"
            )
        if rule.get("namespace") and "namespaceSelector" in rule:
            raise HookError(
                "related rule cannot have both namespace and namespaceSelector specified"
            )
        if "namespaceSelector" in rule and not resource.namespaced:
            raise HookError("namespaceSelector is only supported for namespaced related resources")
        return cls(
            resource,
            (rule.get("namespace") or "") if resource.namespaced else "",
            frozenset(rule.get("names") or ()),
            rule.get("labelSelector"),
            rule.get("namespaceSelector"),
        )

    def matches(self, cluster: Cluster, item: Object) -> bool:
        """Whether the rule is about an object, living or just gone."""
        if item["kind"] != self.resource.kind:
            return False
        if self.namespace and self.namespace != namespace_of(item):
            return False
        if self.names and name_of(item) not in self.names:
            return False
        if self.label_selector is not None and not selects(self.label_selector, labels_of(item)):
            return False
        if self.namespace_selector is None:
            return True
        namespace = cluster.look("Namespace", namespace_of(item))
        return namespace is not None and selects(self.namespace_selector, labels_of(namespace))

    def find(self, cluster: Cluster) -> Iterator[Object]:
        """Every object that the rule matches."""
        kind = self.resource.kind
        if not self.names:
            everything = cluster.look_all(kind, self.namespace or None)
            return (item for item in everything if self.matches(cluster, item))
        if self.resource.namespaced and not self.namespace:
            return (item for name in sorted(self.names) for item in cluster.look_named(kind, name))
        named = (cluster.look(kind, name, self.namespace) for name in sorted(self.names))
        return (item for item in named if item is not None)


class Audience:
    """Who asked to see what: the syncers whose rules match an object."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._rules: dict[str, Sequence[Rule]] = {}
        self._by_name: dict[tuple[str, str], dict[str, list[Rule]]] = {}
        self._nameless: dict[str, list[Rule]] = {}

    def seat(self, syncer: str, rules: Sequence[Rule]) -> None:
        """Replace the rules of one syncer."""
        self.forget(syncer)
        self._rules[syncer] = rules
        for rule in rules:
            if not rule.names:
                self._nameless.setdefault(syncer, []).append(rule)
            for name in rule.names:
                named = self._by_name.setdefault((rule.resource.kind, name), {})
                named.setdefault(syncer, []).append(rule)

    def forget(self, syncer: str) -> None:
        """Let a syncer hear of nothing from now on."""
        for rule in self._rules.pop(syncer, ()):
            for name in rule.names:
                self._by_name[rule.resource.kind, name].pop(syncer, None)
        self._nameless.pop(syncer, None)

    def of(self, items: Iterable[Object]) -> set[str]:
        """The syncers that asked to see one of the objects."""
        found: set[str] = set()
        for item in items:
            named = self._by_name.get((item["kind"], name_of(item)), {})
            for candidates in (named, self._nameless):
                found.update(
                    syncer
                    for syncer, rules in candidates.items()
                    if any(rule.matches(self._cluster, item) for rule in rules)
                )
        return found


def _resource_of(rule: Object) -> Resource:
    """The kind that a rule is about. Raises HookError where the cluster does not know it."""
    for resource in RESOURCES.values():
        if (resource.api_version, resource.plural) == (
            rule.get("apiVersion"),
            rule.get("resource"),
        ):
            return resource
    raise HookError(
        f"discovery: can't find resource {rule.get('resource')} "
        f"in apiVersion {rule.get('apiVersion')}"
    )

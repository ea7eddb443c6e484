"""Find the objects that the hook asked to see, by the rules that `/customize` gave.

A rule means the same twice: which objects a sync request shows, and which changes in the cluster
ask for a sync. Facts: Metacontroller's guide, "Customize hook", v2, cluster-scoped parent.
"""

from collections.abc import Iterable, Iterator

from hooks.preview.cluster import Cluster
from hooks.preview.hook import HookError
from hooks.preview.objects import (
    RESOURCES,
    Object,
    Resource,
    labels_of,
    name_of,
    namespace_of,
    selects,
)


def check(rules: Iterable[Object]) -> None:
    """Refuse rules that Metacontroller cannot follow. Raises HookError."""
    for rule in rules:
        resource = resource_of(rule)
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


def resource_of(rule: Object) -> Resource:
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


def find(cluster: Cluster, rules: Iterable[Object]) -> Iterator[Object]:
    """Every object that one of the rules matches; one that two rules match comes twice."""
    for rule in rules:
        resource = resource_of(rule)
        namespace = rule.get("namespace") if resource.namespaced else None
        names = rule.get("names")
        if namespace and names:
            found = (cluster.look(resource.kind, name, namespace) for name in sorted(set(names)))
            yield from (item for item in found if item is not None)
        elif names and not resource.namespaced:
            found = (cluster.look(resource.kind, name) for name in sorted(set(names)))
            yield from (item for item in found if item is not None)
        else:
            yield from (
                item
                for item in cluster.look_all(resource.kind, namespace or None)
                if matches(cluster, rule, item)
            )


def matches(cluster: Cluster, rule: Object, item: Object) -> bool:
    """Whether a rule matches an object, living or just gone."""
    resource = resource_of(rule)
    if item["kind"] != resource.kind:
        return False
    if resource.namespaced and rule.get("namespace") not in (None, "", namespace_of(item)):
        return False
    if rule.get("names") and name_of(item) not in rule["names"]:
        return False
    if rule.get("labelSelector") is not None and not selects(
        rule["labelSelector"], labels_of(item)
    ):
        return False
    if rule.get("namespaceSelector") is None:
        return True
    namespace = cluster.look("Namespace", namespace_of(item))
    return namespace is not None and selects(rule["namespaceSelector"], labels_of(namespace))

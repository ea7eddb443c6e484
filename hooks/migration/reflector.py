"""What Reflector mirrors, from the annotations of sources and mirrors.

Facts: emberstack/kubernetes-reflector, `Mirroring/Core` (Annotations, ResourceMirror,
MirroringPropertiesExtensions). A source permits mirrors, and may have them made automatically. A
mirror names its source; one that was not made automatically was created by somebody, and is only
filled. Reflector deletes an automatic mirror as soon as its source does not permit it any more.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from hooks.migration.choice import NamespaceChoice
from hooks.migration.inventory import Inventory, annotations_of, called
from hooks.migration.replication import Finding, Findings, Marks, Replication
from hooks.preview.simulator.objects import COPIED, Object, Resource, name_of, namespace_of

_PREFIX: Final = "reflector.v1.k8s.emberstack.com/"
_ALLOWED: Final = f"{_PREFIX}reflection-allowed"
_ALLOWED_NAMESPACES: Final = f"{_PREFIX}reflection-allowed-namespaces"
_ALLOWED_SELECTOR: Final = f"{_PREFIX}reflection-allowed-namespaces-selector"
_AUTO: Final = f"{_PREFIX}reflection-auto-enabled"
_AUTO_NAMESPACES: Final = f"{_PREFIX}reflection-auto-namespaces"
_AUTO_SELECTOR: Final = f"{_PREFIX}reflection-auto-namespaces-selector"
_REFLECTS: Final = f"{_PREFIX}reflects"
_IS_AUTOMATIC: Final = f"{_PREFIX}auto-reflects"
_VERSION: Final = f"{_PREFIX}reflected-version"

_MARKS: Final = Marks(annotations=(_REFLECTS, _IS_AUTOMATIC, _VERSION, f"{_PREFIX}reflected-at"))
_SOURCE_MARKS: Final = (_AUTO, _AUTO_NAMESPACES, _AUTO_SELECTOR)
_PERMISSIONS: Final = (_ALLOWED, _ALLOWED_NAMESPACES, _ALLOWED_SELECTOR)


def find(inventory: Inventory) -> Findings:
    """Everything that Reflector mirrors, and the mirrors that it does not fill."""
    replications: list[Replication] = []
    not_carried: list[Finding] = []
    for resource in COPIED:
        mirrors = _mirrors(inventory, resource, not_carried)
        for source in inventory.of_kind(resource.kind):
            key = (namespace_of(source), name_of(source))
            if _REFLECTS in annotations_of(source):
                not_carried += _chained(source, bool(mirrors.pop(key, None)))
                continue
            by_name = mirrors.pop(key, {})
            _without_the_refused(inventory, source, by_name, not_carried)
            if _is_automatic(source):
                by_name.setdefault(name_of(source), [])
            replications += (
                _replication(resource, source, name, found) for name, found in by_name.items()
            )
        for (namespace, name), by_name in mirrors.items():
            why = f"its source {namespace}/{name} does not exist, so it is not mirrored"
            for found in by_name.values():
                not_carried += (Finding(called(mirror), why) for mirror in found)
    return Findings(replications, not_carried)


def _mirrors(
    inventory: Inventory, resource: Resource, not_carried: list[Finding]
) -> dict[tuple[str, str], dict[str, list[Object]]]:
    """The mirrors by source and then by their own name."""
    mirrors: dict[tuple[str, str], dict[str, list[Object]]] = defaultdict(dict)
    for item in inventory.of_kind(resource.kind):
        annotations = annotations_of(item)
        if _REFLECTS not in annotations:
            continue
        namespace, slash, name = annotations[_REFLECTS].partition("/")
        if not slash:
            why = f"{_REFLECTS} names no source: write NAMESPACE/NAME"
            not_carried.append(Finding(called(item), why))
        elif not annotations.get(_VERSION):
            why = f"Reflector has not mirrored into it: {namespace}/{name} does not permit it"
            not_carried.append(Finding(called(item), why))
        else:
            mirrors[(namespace, name)].setdefault(name_of(item), []).append(item)
    return mirrors


def _without_the_refused(
    inventory: Inventory,
    source: Object,
    mirrors: dict[str, list[Object]],
    not_carried: list[Finding],
) -> None:
    """Take out the mirrors that Reflector has filled once, and may not any more."""
    permitted = _chosen(source, _ALLOWED_NAMESPACES, _ALLOWED_SELECTOR)
    known = {name_of(namespace): namespace for namespace in inventory.namespaces}
    for name, found in list(mirrors.items()):
        refused = []
        for mirror in found:
            place = namespace_of(mirror)
            namespace = known.get(place, {"metadata": {"name": place}})
            is_unclear = permitted.lost or (permitted.selector is not None and place not in known)
            is_permitted = _is_true(source, _ALLOWED) and (
                is_unclear or permitted.matches(namespace)
            )
            if not is_permitted:
                refused.append(mirror)
        why = f"it is not mirrored any more: {called(source)} does not permit it"
        not_carried += (Finding(called(mirror), why) for mirror in refused)
        mirrors[name] = [mirror for mirror in found if mirror not in refused]
        if not mirrors[name]:
            del mirrors[name]


def _chained(source: Object, has_mirrors: bool) -> Iterator[Finding]:  # noqa: FBT001
    if has_mirrors:
        original = annotations_of(source)[_REFLECTS]
        why = (
            "is mirrored and is itself a mirror, and a copy cannot be a source: let its mirrors "
            f"reflect {original}, and run the command again"
        )
        yield Finding(called(source), why)


def _replication(
    resource: Resource, source: Object, name: str, mirrors: list[Object]
) -> Replication:
    copies = {namespace_of(mirror): mirror for mirror in mirrors}
    pulled = [place for place, mirror in copies.items() if not _is_made(mirror)]
    automatic = name == name_of(source) and _is_automatic(source)
    choice = (_choice(source) if automatic else NamespaceChoice()).and_also(pulled)
    differences = []
    if pulled:
        differences.append(
            f"is pulled by {', '.join(f'{place}/{name}' for place in pulled)}, with {_REFLECTS}: "
            "a syncer names its targets itself, so a further one is added to its targetNamespaces"
        )
    return Replication(
        resource,
        source,
        name,
        choice,
        copies,
        _MARKS,
        pulled=pulled,
        source_marks=_SOURCE_MARKS,
        permissions=_PERMISSIONS,
        differences=differences,
    )


def _choice(source: Object) -> NamespaceChoice:
    """The namespaces for automatic mirrors: those that both pairs of annotations choose."""
    automatic = _chosen(source, _AUTO_NAMESPACES, _AUTO_SELECTOR)
    permitted = _chosen(source, _ALLOWED_NAMESPACES, _ALLOWED_SELECTOR)
    what = "the namespaces that are allowed and those for automatic mirrors"
    return automatic.within(permitted, what)


def _chosen(source: Object, list_key: str, selector_key: str) -> NamespaceChoice:
    annotations = dict(annotations_of(source))
    if not annotations.get(list_key) and not annotations.get(selector_key):
        return NamespaceChoice(is_everywhere=True)
    return NamespaceChoice.of(annotations, list_key, selector_key)


def _is_automatic(source: Object) -> bool:
    return _is_true(source, _ALLOWED) and _is_true(source, _AUTO)


def _is_made(mirror: Object) -> bool:
    return _is_true(mirror, _IS_AUTOMATIC)


def _is_true(item: Object, annotation: str) -> bool:
    return annotations_of(item).get(annotation, "").strip().lower() == "true"

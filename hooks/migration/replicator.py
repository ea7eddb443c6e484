"""What kubernetes-replicator copies, from the annotations of sources and copies.

Facts: mittwald/kubernetes-replicator, `replicate/common` and `replicate/configmap`. A source pushes
to names and to labels. What it pushed carries the source's resourceVersion and not its name. A copy
can also pull, from a source that permits it. Keys of their own stay in copies of both kinds.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import re2

from hooks.api.names import CONTROLLER_UID, GROUP, MANAGED_BY, SYNCED_BY, SYNCED_FROM
from hooks.migration.choice import NamespaceChoice
from hooks.migration.inventory import Inventory, annotations_of, called, content_of
from hooks.migration.replication import Finding, Findings, Marks, Replication
from hooks.preview.simulator.objects import (
    COPIED,
    Object,
    Resource,
    key_of,
    labels_of,
    name_of,
    namespace_of,
    owners_of,
)

_PREFIX: Final = "replicator.v1.mittwald.de/"
_TO: Final = f"{_PREFIX}replicate-to"
_TO_MATCHING: Final = f"{_PREFIX}replicate-to-matching"
_FROM: Final = f"{_PREFIX}replicate-from"
_VERSION: Final = f"{_PREFIX}replicated-from-version"
_STRIP_LABELS: Final = f"{_PREFIX}strip-labels"
_KEEP_OWNERS: Final = f"{_PREFIX}keep-owner-references"

_MARKS: Final = (_FROM, _VERSION, f"{_PREFIX}replicated-at", f"{_PREFIX}replicated-keys")
_SOURCE_MARKS: Final = (_TO, _TO_MATCHING, _STRIP_LABELS, _KEEP_OWNERS)
_PERMISSIONS: Final = (f"{_PREFIX}replication-allowed", f"{_PREFIX}replication-allowed-namespaces")

_TRUE: Final = ("1", "t", "T", "TRUE", "true", "True")
"""What Go's strconv.ParseBool takes for true."""

OTHER_KINDS: Final = ("Role", "RoleBinding", "ServiceAccount")
"""What replicator copies, too, and no syncer does."""

_OF_OTHER_TOOLS: Final = (
    f"{GROUP}/",
    "metacontroller.k8s.io/",
    "kubectl.kubernetes.io/",
    "argocd.argoproj.io/",
    "helm.sh/",
    "helm.toolkit.fluxcd.io/",
    "kustomize.toolkit.fluxcd.io/",
)
_LABELS_OF_OTHERS: Final = (
    *(SYNCED_BY, SYNCED_FROM, MANAGED_BY, CONTROLLER_UID),
    "app.kubernetes.io/instance",
)
"""Labels that would make other tools take a copy for an object of theirs."""


def find(inventory: Inventory, *, allows_all: bool) -> Findings:
    """Everything that replicator pushes or lets be pulled, and what no syncer copies.

    With `allows_all`, sources need not permit that copies pull.
    """
    replications: list[Replication] = []
    not_carried = list(_of_other_kinds(inventory))
    for resource in COPIED:
        sources = [item for item in inventory.of_kind(resource.kind) if _pushes(item)]
        pushed = _pushed(inventory, resource, sources)
        for source in sources:
            copies = pushed[key_of(source)]
            contested = {*copies} & {
                place
                for rival in sources
                if rival is not source and name_of(rival) == name_of(source)
                for place in pushed[key_of(rival)]
            }
            if contested:
                places = ", ".join(f"{place}/{name_of(source)}" for place in sorted(contested))
                why = f"pushes to {places}, and so does another source: let one of them push there"
                not_carried.append(Finding(called(source), why))
            else:
                replications.append(_push(resource, source, copies))
        replications += _pulls(inventory, resource, not_carried, allows_all=allows_all)
    return Findings(replications, not_carried)


def _of_other_kinds(inventory: Inventory) -> Iterator[Finding]:
    for kind in OTHER_KINDS:
        for item in inventory.of_kind(kind):
            if not annotations_of(item).keys().isdisjoint((_TO, _TO_MATCHING, _FROM)):
                yield Finding(called(item), "a syncer copies ConfigMaps and Secrets only")


def _pushes(item: Object) -> bool:
    annotations = annotations_of(item)
    # A copy that pulls is never pushed on.
    return _FROM not in annotations and not annotations.keys().isdisjoint((_TO, _TO_MATCHING))


def _choice(source: Object) -> NamespaceChoice:
    return NamespaceChoice.of(dict(annotations_of(source)), _TO, _TO_MATCHING)


def _pushed(
    inventory: Inventory, resource: Resource, sources: Sequence[Object]
) -> Mapping[str, Mapping[str, Object]]:
    """What is pushed, by the source and by namespace.

    Where a namespace is no longer a target, its copy stays, and nothing updates it; that is none
    of these. A copy does not name its source, so it can be among those of several.
    """
    known = {name_of(namespace): namespace for namespace in inventory.namespaces}
    pushed: dict[str, dict[str, Object]] = defaultdict(dict)
    for copy in inventory.of_kind(resource.kind):
        annotations, place = annotations_of(copy), namespace_of(copy)
        if _VERSION not in annotations or _FROM in annotations:
            continue
        reaching = [
            source
            for source in sources
            if name_of(source) == name_of(copy) and _reaches(source, place, known)
        ]
        latest = [
            source
            for source in reaching
            if source["metadata"].get("resourceVersion") == annotations[_VERSION]
        ]
        is_unclear = any(_choice(source).lost for source in reaching)
        for source in latest if is_unclear and latest else reaching:
            pushed[key_of(source)][place] = copy
    return pushed


def _reaches(source: Object, place: str, known: Mapping[str, Object]) -> bool:
    """Whether a source pushes into a namespace, as far as its annotations can be understood."""
    choice = _choice(source)
    is_unknown = choice.selector is not None and place not in known
    namespace = known.get(place, {"metadata": {"name": place}})
    return bool(choice.lost) or is_unknown or choice.matches(namespace)


def _push(resource: Resource, source: Object, copies: Mapping[str, Object]) -> Replication:
    annotations = annotations_of(source)
    labels, differences = _labels(source)
    owners: Sequence[str] = ()
    if annotations.get(_KEEP_OWNERS) == "true":
        owners = [owner["uid"] for owner in owners_of(source)]
        differences.append(f"{_KEEP_OWNERS}: a copy has its syncer as its owner, and no other")
    return Replication(
        resource,
        source,
        name_of(source),
        _choice(source),
        copies,
        Marks(annotations=_MARKS, owners=owners),
        source_marks=_SOURCE_MARKS,
        permissions=_PERMISSIONS,
        fields={"targetLabels": labels} if labels else {},
        differences=differences,
    )


def _labels(source: Object) -> tuple[dict[str, str], list[str]]:
    """The labels that replicator copies from the source, and what is different about ours."""
    labels = {} if _STRIP_LABELS in annotations_of(source) else dict(labels_of(source))
    left_out = sorted(
        key for key in labels if key.startswith(_OF_OTHER_TOOLS) or key in _LABELS_OF_OTHERS
    )
    kept = {key: value for key, value in labels.items() if key not in left_out}
    differences = []
    if kept:
        differences.append(
            f"targetLabels has its labels {', '.join(sorted(kept))} as they are now: a syncer does "
            "not copy labels, so change them there"
        )
    if left_out:
        differences.append(
            f"targetLabels leaves out {', '.join(left_out)}: other tools would take the copies for "
            "their own objects"
        )
    return kept, differences


def _pulls(
    inventory: Inventory, resource: Resource, not_carried: list[Finding], *, allows_all: bool
) -> Iterator[Replication]:
    """A replication for each source and name that copies pull."""
    pulled: dict[tuple[str, str], dict[str, Object]] = defaultdict(dict)
    sources: dict[str, Object] = {}
    for copy in inventory.of_kind(resource.kind):
        if _FROM not in annotations_of(copy):
            continue
        location = annotations_of(copy)[_FROM]
        source = inventory.find(resource, *location.partition("/")[::2])
        if source is None:
            why = f"its source {location} does not exist, so nothing is copied"
        elif _FROM in annotations_of(source):
            why = (
                f"its source {location} is itself a copy, and that cannot be a source: let it pull "
                f"{annotations_of(source)[_FROM]}, and run the command again"
            )
        elif not _is_filled(copy, source):
            why = f"nothing was copied into it: {location} does not permit it"
        elif not allows_all and not _is_permitted(copy, source):
            why = (
                f"it is not copied any more: {location} does not permit it, and no Deployment of "
                "replicator with --allow-all was read"
            )
        else:
            sources[location] = source
            pulled[(location, name_of(copy))][namespace_of(copy)] = copy
            continue
        not_carried.append(Finding(called(copy), why))
    for (location, name), copies in sorted(pulled.items()):
        yield _pull(resource, sources[location], name, copies)


def _is_permitted(copy: Object, source: Object) -> bool:
    """Whether a copy may pull; anybody who can create one can mark it as if it had done so."""
    allowed, namespaces = (annotations_of(source).get(mark, "") for mark in _PERMISSIONS)
    place = namespace_of(copy)
    return allowed in _TRUE and any(_matches(each, place) for each in namespaces.split(","))


def _matches(expression: str, namespace: str) -> bool:
    """Whether Go takes a namespace for a match; it is none where the expression is not valid."""
    inner = expression.strip()
    begun = inner if inner.startswith("^") else f"^{inner}"
    try:
        return re2.search(begun if begun.endswith("$") else f"{begun}$", namespace) is not None
    except re2.error:
        return False


def _is_filled(copy: Object, source: Object) -> bool:
    """Replicator writes no version where the content was the same from the beginning."""
    return _VERSION in annotations_of(copy) or content_of(copy) == content_of(source)


def _pull(
    resource: Resource, source: Object, name: str, copies: Mapping[str, Object]
) -> Replication:
    names = ", ".join(f"{place}/{name}" for place in copies)
    pulled_by = (
        f"is pulled by {names}, with {_FROM}: a syncer names its targets itself, so a further one "
        "is added to its targetNamespaces"
    )
    return Replication(
        resource,
        source,
        name,
        NamespaceChoice(patterns=tuple(copies)),
        copies,
        Marks(annotations=_MARKS),
        pulled=tuple(copies),
        permissions=_PERMISSIONS,
        differences=[pulled_by],
    )

"""What trust-manager distributes, from its Bundles and their targets.

Facts: cert-manager/trust-manager, `pkg/bundle` and `pkg/util/cert_pool.go`. A Bundle is made of the
certificates of its sources, sorted, without what stands between them, and written as one key of an
object of the Bundle's name. That object has the Bundle as its controller, so the garbage collector
deletes it with the Bundle, and trust-manager restores the owner as long as it runs.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from hooks.api.names import CONTROLLER_UID, GROUP, MANAGED_BY, SYNCED_BY, SYNCED_FROM
from hooks.migration import certificates
from hooks.migration.choice import NamespaceChoice
from hooks.migration.inventory import Inventory, called
from hooks.migration.replication import Finding, Findings, Marks, Replication
from hooks.preview.simulator.objects import (
    CONFIG_MAP,
    Object,
    controller_of,
    labels_of,
    name_of,
    namespace_of,
)

BUNDLE: Final = "Bundle"
BUNDLES: Final = "bundles.trust.cert-manager.io"
_GROUP: Final = "trust.cert-manager.io/"
BUNDLE_LABEL: Final = f"{_GROUP}bundle"
_HASH: Final = f"{_GROUP}hash"
_RESERVED: Final = (SYNCED_BY, SYNCED_FROM, MANAGED_BY, CONTROLLER_UID)
_RESERVED_PREFIXES: Final = (f"{GROUP}/", "metacontroller.k8s.io/", "kubectl.kubernetes.io/")


_CHECKS: Final = (
    "trust-manager checks, sorts and joins certificates; a syncer copies the value as it is, so "
    "check a change before you make it"
)


class _NotCarriedError(Exception):
    """A Bundle that no syncer can stand for; the message says why."""


def find(inventory: Inventory, trust_namespace: str) -> Findings:
    """A replication for each Bundle whose content is that of one source."""
    replications = []
    not_carried = []
    for bundle in inventory.of_kind(BUNDLE):
        try:
            replications.append(_replication(inventory, bundle, trust_namespace))
        except _NotCarriedError as error:
            not_carried.append(Finding(called(bundle), str(error)))
    return Findings(replications, not_carried)


def _replication(inventory: Inventory, bundle: Object, trust_namespace: str) -> Replication:
    """Raises _NotCarriedError."""
    target = _spec(bundle).get("target") or {}
    source = _only_source(bundle)
    _refuse_target(target)
    copies = _copies(inventory, bundle)
    key = target["configMap"]["key"]
    content = _content(copies, key)
    if "inLine" in source:
        found, more = _moved_source(inventory, bundle, trust_namespace, key, content)
        # Anybody who can write a target could have put other certificates into it.
        if certificates.in_pem(source["inLine"]) != certificates.in_pem(content):
            raise _NotCarriedError(
                "leaves out or adds certificates: its targets hold others than it does itself"
            )
        source_key = key
    else:
        source_key = source["configMap"]["key"]
        found, more = _source(inventory, source["configMap"], trust_namespace, content)
    # The targets are taken for what the source will be like once it has been patched.
    found = {**found, "data": {**found["data"], source_key: content}}
    renamed = {"renameKeys": {source_key: key}} if source_key != key else {}
    metadata, differences = _metadata(target["configMap"].get("metadata") or {})
    return Replication(
        CONFIG_MAP,
        found,
        name_of(bundle),
        _choice(target),
        copies,
        Marks(
            annotations=(_HASH,), labels=(BUNDLE_LABEL,), owners=(bundle["metadata"].get("uid"),)
        ),
        fields={"keys": [source_key], **renamed, **metadata},
        differences=[*differences, _CHECKS],
        retired=[bundle],
        **more,
    )


def _spec(bundle: Object) -> Object:
    spec: Object = bundle.get("spec") or {}
    return spec


def _only_source(bundle: Object) -> Object:
    sources: list[Object] = _spec(bundle).get("sources") or []
    used = [source for source in sources if source.get("useDefaultCAs", True) is not False]
    if len(used) != 1:
        raise _NotCarriedError(
            f"puts {len(used)} sources into one object, and a syncer copies one source as it is"
        )
    (source,) = used
    if "useDefaultCAs" in source:
        raise _NotCarriedError(
            "distributes the certificates that come with trust-manager, which are in no object"
        )
    if not source.keys() & {"configMap", "inLine", "secret"}:
        raise _NotCarriedError("has a source of a kind that is not known here")
    if "secret" in source:
        raise _NotCarriedError("makes a ConfigMap of a Secret, and a syncer copies within one kind")
    reference = source.get("configMap")
    if reference is not None and "name" not in reference:
        raise _NotCarriedError(
            "selects its sources by labels, which can be several; a syncer copies one source"
        )
    if reference is not None and "key" not in reference:
        raise _NotCarriedError(
            "puts all keys of its source into one, and a syncer copies a key as it is"
        )
    return source


def _refuse_target(target: Object) -> None:
    if "configMap" not in target or "secret" in target:
        raise _NotCarriedError("writes Secrets, and a syncer copies within one kind")
    if target.get("additionalFormats"):
        formats = ", ".join(sorted(target["additionalFormats"]))
        raise _NotCarriedError(f"writes further formats ({formats}), and a syncer converts nothing")


def _copies(inventory: Inventory, bundle: Object) -> Mapping[str, Object]:
    """The targets that the Bundle controls, by namespace."""
    found = {}
    for item in inventory.of_kind(CONFIG_MAP.kind):
        owner = controller_of(item)
        is_ours = (
            owner is not None
            and owner.get("uid") == bundle["metadata"].get("uid")
            and name_of(item) == name_of(bundle)
        )
        if is_ours and labels_of(item).get(BUNDLE_LABEL) == name_of(bundle):
            found[namespace_of(item)] = item
    if not found:
        raise _NotCarriedError("has no target yet: its status says why")
    return found


def _content(copies: Mapping[str, Object], key: str) -> str:
    """What the targets hold; where they differ, what most of them do."""
    held = Counter(str((copy.get("data") or {}).get(key, "")) for copy in copies.values())
    return held.most_common(1)[0][0]


def _source(
    inventory: Inventory, reference: Object, trust_namespace: str, content: str
) -> tuple[Object, dict[str, Any]]:
    """The ConfigMap of which the Bundle is made, and how it becomes what the targets are."""
    name, key = reference["name"], reference["key"]
    source = inventory.find(CONFIG_MAP, trust_namespace, name)
    if source is None:
        raise _NotCarriedError(
            f"has its source in another namespace: there is no ConfigMap {trust_namespace}/{name}; "
            "-n names the namespace of trust-manager's sources"
        )
    value = (source.get("data") or {}).get(key)
    if value == content:
        return source, {}
    if value is None or certificates.in_pem(value) != certificates.in_pem(content):
        raise _NotCarriedError(
            f"leaves out or adds certificates: its targets hold others than {called(source)} does "
            f"in {key}"
        )
    return source, {"source_patch": {"data": {key: content}}}


def _moved_source(
    inventory: Inventory, bundle: Object, trust_namespace: str, key: str, content: str
) -> tuple[Object, dict[str, Any]]:
    """A new ConfigMap with the certificates that stand in the Bundle itself."""
    name = f"{name_of(bundle)}-source"
    if inventory.find(CONFIG_MAP, trust_namespace, name) is not None:
        raise _NotCarriedError(
            f"holds its certificates itself, and the name for a ConfigMap with them is taken: "
            f"{trust_namespace}/{name}"
        )
    source: Object = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": trust_namespace},
        "data": {key: content},
    }
    return source, {"new_objects": [source]}


def _choice(target: Object) -> NamespaceChoice:
    selector: Object | None = target.get("namespaceSelector")
    if not selector:
        return NamespaceChoice(is_everywhere=True)
    return NamespaceChoice(selector=selector)


def _metadata(metadata: Object) -> tuple[Mapping[str, object], list[str]]:
    """The labels and annotations of the targets as fields of the spec."""
    fields: dict[str, object] = {}
    differences = []
    for name, field in (("labels", "targetLabels"), ("annotations", "targetAnnotations")):
        given: Mapping[str, str] = metadata.get(name) or {}
        kept = {
            key: value
            for key, value in given.items()
            if key not in _RESERVED and not key.startswith(_RESERVED_PREFIXES)
        }
        if kept:
            fields[field] = kept
        if len(kept) < len(given):
            others = ", ".join(sorted(given.keys() - kept.keys()))
            differences.append(f"{field} leaves out {others}, which mean something to a syncer")
    return fields, differences

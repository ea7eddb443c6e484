"""Make syncers of what a tool copies, and find what must be left out of them.

The rules of the hook stand behind every reason: which object becomes a copy without being deleted,
and which namespaces a spec reaches (docs/conflicts.md, docs/syncer.md).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from hooks.api.names import ALLOW_SYNC_TO, SYNCED_BY, SYNCER_API_VERSION
from hooks.migration.choice import NamespaceChoice
from hooks.migration.inventory import Inventory, annotations_of, called, content_of
from hooks.migration.replication import Finding, Replication
from hooks.preview.simulator.objects import (
    SYNCER,
    Object,
    controller_of,
    is_deleting,
    labels_of,
    name_of,
    namespace_of,
)
from hooks.spec.globs import is_glob

_BY_FULL_NAME: Final = ("kube-node-lease", "kube-public", "kube-system")
"""The namespaces that no glob and no selector of a spec reaches."""

_NO_TARGET: Final = "there is no copy of it, and no namespace in which a syncer could make one"
_MOST_EXCLUDED: Final = 100
"""The limit of `excludeNamespaces`."""

_MISSING: Final = (
    "named, but not there: a syncer would report that as a failure, so it is left out; add it to "
    "targetNamespaces when you create it"
)
_TAKEN: Final = "another object has the name of the copy; the syncer makes none there either"
_EMPTY: Final = "selected, but without a copy; the syncer makes none there either"
_TOO_MANY: Final = (
    f"more than {_MOST_EXCLUDED} namespaces would have to be excluded: those with a copy are named "
    "instead, and one that is created later gets none"
)


@dataclass(frozen=True, slots=True)
class Carried:
    """A syncer that takes over `kept`, by namespace; `released` only lose the tool's marks."""

    replication: Replication
    spec: Object
    kept: Mapping[str, Object]
    released: Sequence[Object]
    name: str = ""

    @property
    def manifest(self) -> Object:
        """The syncer, as it is applied."""
        return {
            "apiVersion": SYNCER_API_VERSION,
            "kind": SYNCER.kind,
            "metadata": {"name": self.name},
            "spec": self.spec,
        }

    def named(self, name: str) -> "Carried":
        """The same under a name."""
        return replace(self, name=name)


@dataclass(frozen=True, slots=True)
class CarryingResult:
    """What becomes of a replication: a syncer or none, what is left out, and what differs."""

    carried: Carried | None
    not_carried: Sequence[Finding]
    differences: Sequence[Finding]


def carry(replication: Replication, inventory: Inventory) -> CarryingResult:
    """The syncer that makes the same copies."""
    source = called(replication.source)
    reasons = dict(_refused(replication))
    kept = {place: copy for place, copy in replication.copies.items() if place not in reasons}
    free = dict(_absent(replication, inventory))
    free |= dict(_without_copy(replication, inventory)) if replication.copies else {}
    left_out = [Finding(called(replication.copies[place]), why) for place, why in reasons.items()]
    pulled = [
        each for each, place in zip(left_out, reasons, strict=True) if place in replication.pulled
    ]
    differences = [
        *(Finding(source, why) for why in (*replication.choice.lost, *replication.differences)),
        *_by_reason(free),
        *(each for each in left_out if each not in pulled),
        *_changed(replication, kept),
    ]
    spec = _spec(replication, inventory, kept, {*reasons, *free})
    if spec is None:
        left_out += (Finding(source, why) for why in replication.choice.lost)
        return CarryingResult(None, left_out or [Finding(source, _NO_TARGET)], ())
    choice = replication.choice
    is_wide = (
        choice.is_everywhere or choice.selector is not None or any(map(is_glob, choice.patterns))
    )
    if is_wide and len({*reasons, *free}) > _MOST_EXCLUDED and "excludeNamespaces" not in spec:
        differences.append(Finding(source, _TOO_MANY))
    released = [
        copy
        for place, copy in replication.copies.items()
        if place in reasons and place not in replication.pulled
    ]
    return CarryingResult(Carried(replication, spec, kept, released), pulled, differences)


def _refused(replication: Replication) -> Iterator[tuple[str, str]]:
    """The namespaces whose copy cannot be taken over, and why."""
    for place, copy in replication.copies.items():
        why = _refusal(replication, place, copy)
        if why and place not in replication.pulled:
            why += "; it stays as it is, and nothing updates it"
        if why:
            yield place, why


def _refusal(replication: Replication, place: str, copy: Object) -> str:
    """Why the hook would leave a copy alone, delete it first, or take keys from it; else empty."""
    source, content, expected = replication.source, content_of(copy), _expected(replication)
    own = sorted(content.keys() - expected.keys())
    owner = controller_of(copy) or {}
    syncer = labels_of(copy).get(SYNCED_BY)
    reasons = (
        (
            place == namespace_of(source),
            "is in the namespace of the source, where a syncer makes no copy",
        ),
        (is_deleting(copy), "is being deleted"),
        (
            owner.get("uid", "") not in ("", *replication.marks.owners),
            f"is controlled by {owner.get('kind')} {owner.get('name')}, which a syncer respects",
        ),
        (syncer is not None, f"is handed over to the syncer {syncer} already"),
        (
            ALLOW_SYNC_TO in annotations_of(copy),
            f"is itself a source: it has the annotation {ALLOW_SYNC_TO}",
        ),
        (
            bool(own),
            f"holds keys that the source does not have, and would lose them: {', '.join(own)}",
        ),
        (
            copy.get("type") != source.get("type"),
            f"has the type {copy.get('type')} and the source another, so it would be deleted first",
        ),
        (
            bool(copy.get("immutable")) and content != expected,
            "is immutable and differs from the source, so it would be deleted first",
        ),
    )
    return next((why for holds, why in reasons if holds), "")


def _expected(replication: Replication) -> Mapping[str, str]:
    """The content that the syncer gives to a copy."""
    content = content_of(replication.source)
    keys, renamed = replication.fields.get("keys"), replication.fields.get("renameKeys")
    if not isinstance(keys, list):
        return content
    names: Mapping[str, str] = renamed if isinstance(renamed, dict) else {}
    return {names.get(key, key): value for key, value in content.items() if key in keys}


def _absent(replication: Replication, inventory: Inventory) -> Iterator[tuple[str, str]]:
    """The namespaces that are named and do not exist, as far as namespaces were read."""
    known = {name_of(namespace) for namespace in inventory.namespaces}
    for place in replication.choice.patterns:
        if known and not is_glob(place) and place not in known and place not in replication.copies:
            yield place, _MISSING


def _without_copy(replication: Replication, inventory: Inventory) -> Iterator[tuple[str, str]]:
    """The namespaces that are chosen and have no copy, and why the syncer leaves them out, too."""
    own = namespace_of(replication.source)
    for namespace in inventory.namespaces:
        place = name_of(namespace)
        if place in (own, *replication.copies) or not replication.choice.matches(namespace):
            continue
        if place in _BY_FULL_NAME and place not in replication.choice.patterns:
            continue
        there = inventory.find(replication.resource, place, replication.name)
        yield place, _TAKEN if there else _EMPTY


def _by_reason(left_out: Mapping[str, str]) -> Iterator[Finding]:
    """One finding for all namespaces that are left out for the same reason."""
    for why in dict.fromkeys(left_out.values()):
        places = [place for place, reason in left_out.items() if reason == why]
        yield Finding(f"Namespace{'s' if len(places) > 1 else ''} {', '.join(places)}", why)


def _changed(replication: Replication, kept: Mapping[str, Object]) -> Iterator[Finding]:
    """The copies that will not stay as they are."""
    expected = _expected(replication)
    for copy in kept.values():
        content = content_of(copy)
        changed = sorted(key for key in expected if content.get(key) != expected[key])
        if changed:
            keys = ", ".join(changed)
            yield Finding(called(copy), f"differs from the source and becomes like it: {keys}")


def _spec(
    replication: Replication,
    inventory: Inventory,
    kept: Mapping[str, Object],
    left_out: Collection[str],
) -> Object | None:
    """The spec of the syncer; None where it would have no target."""
    choice = replication.choice
    patterns = [each for each in choice.patterns if is_glob(each) or each not in left_out]
    patterns += ["*"] if choice.is_everywhere and "*" not in patterns else []
    expressed = NamespaceChoice(patterns=tuple(patterns), selector=choice.selector)
    known = {name_of(namespace): namespace for namespace in inventory.namespaces}
    for place in kept:
        namespace = known.get(place, {"metadata": {"name": place}})
        is_named = place in patterns
        if not is_named and (place in _BY_FULL_NAME or not expressed.matches(namespace)):
            patterns.append(place)
    excluded = sorted(
        place
        for place in left_out
        if place != namespace_of(replication.source)
        and place not in _BY_FULL_NAME
        and expressed.matches(known.get(place, {"metadata": {"name": place}}))
    )
    selector = choice.selector
    if len(excluded) > _MOST_EXCLUDED:
        patterns, selector, excluded = sorted(kept), None, []
    if not patterns and selector is None:
        return None
    return {
        "sourceNamespace": namespace_of(replication.source),
        f"source{replication.resource.kind}": name_of(replication.source),
        **(
            {"targetName": replication.name}
            if replication.name != name_of(replication.source)
            else {}
        ),
        **({"targetNamespaces": patterns} if patterns else {}),
        **({"namespaceSelector": selector} if selector is not None else {}),
        **({"excludeNamespaces": excluded} if excluded else {}),
        **replication.fields,
    }

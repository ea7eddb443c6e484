"""The stored revisions of a syncer, and which keys differ between two of them.

Values are compared and never leave this module but by `values`, which has none of a Secret.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hooks.api.names import REVISION_OF
from hooks.api.text import named
from hooks.cli.kubectl import Kubectl, KubectlError
from hooks.cli.rollout.syncer import NotPossibleError, home_of, pinned_of, rollout_of
from hooks.preview.simulator.objects import (
    SECRET,
    Object,
    Resource,
    controller_of,
    is_deleting,
    name_of,
    namespace_of,
    uid_of,
)

_DATA = "data"
_SIDES = (_DATA, "binaryData")


@dataclass(frozen=True, slots=True)
class KeyChanges:
    """The names of the keys that differ, and whether the type of a Secret does."""

    new: Sequence[str]
    changed: Sequence[str]
    gone: Sequence[str]
    has_other_type: bool = False

    def __str__(self) -> str:
        """The names in one line; of many, the first ones."""
        groups = {"new": self.new, "changed": self.changed, "gone": self.gone}
        parts = [f"{what}: {named(names)}" for what, names in groups.items() if names]
        return "; ".join([*parts, *(["another type"] if self.has_other_type else [])]) or "nothing"


@dataclass(frozen=True, slots=True)
class StoredRevision:
    """A content that is stored whole and cannot be changed."""

    item: Object = field(repr=False)

    @property
    def name(self) -> str:
        """Its name, which is that of the revision."""
        return name_of(self.item)

    @property
    def created(self) -> str:
        """When it was stored: RFC 3339."""
        return str(self.item["metadata"].get("creationTimestamp") or "")

    @property
    def is_secret(self) -> bool:
        """Whether no value may be shown."""
        return bool(self.item["kind"] == SECRET.kind)

    @property
    def described(self) -> str:
        """Kind, namespace and name."""
        return f"{self.item['kind']} {namespace_of(self.item)}/{self.name}"

    @property
    def keys(self) -> Sequence[str]:
        """The names of all keys, sorted."""
        return sorted(_content(self.item))

    def values(self, side: str = _DATA) -> Mapping[str, str]:
        """The values of a ConfigMap in one of its fields; none of a Secret."""
        return {} if self.is_secret else dict(self.item.get(side) or {})

    def changes(self, before: "StoredRevision | None") -> KeyChanges:
        """What differs from another revision, or from nothing."""
        old, new = _content(before.item) if before else {}, _content(self.item)
        types = {each.item.get("type") for each in (before, self) if each}
        return KeyChanges(
            new=sorted(new.keys() - old.keys()),
            changed=sorted(key for key in new.keys() & old.keys() if new[key] != old[key]),
            gone=sorted(old.keys() - new.keys()),
            has_other_type=len(types) > 1,
        )


@dataclass(frozen=True, slots=True)
class RevisionHistory:
    """The revisions of a syncer, the newest first, and what they are in use as."""

    kind: Resource
    namespace: str
    syncer: str
    stored: Sequence[StoredRevision]
    uses: Mapping[str, Sequence[str]]

    @classmethod
    def read(cls, kubectl: Kubectl, syncer: Object) -> "RevisionHistory":
        """What is stored. Raises KubectlError and NotPossibleError."""
        kind, namespace = home_of(syncer)
        name = name_of(syncer)
        printed = kubectl.run(
            *("get", kind.plural, f"--namespace={namespace}"),
            *(f"--selector={REVISION_OF}={name}", "--output=json"),
        )
        items = [item for item in json.loads(printed)["items"] if _is_revision(item, syncer)]
        items.sort(key=_age, reverse=True)
        return cls(kind, namespace, name, [*map(StoredRevision, items)], _uses(syncer))

    def get(self, name: str) -> StoredRevision:
        """The revision of a name. Raises NotPossibleError."""
        for each in self.stored:
            if each.name == name:
                return each
        among = named([each.name for each in self.stored])
        raise NotPossibleError(
            f"{self.kind.kind} {self.namespace}/{name} is not stored as a revision of "
            f"{self.syncer}; stored {'are: ' + among if among else 'is none'}"
        )

    def find(self, name: str) -> StoredRevision | None:
        """The revision of a name; None where it is not stored."""
        return next((each for each in self.stored if each.name == name), None)

    def before(self, revision: StoredRevision) -> StoredRevision | None:
        """The revision that was stored before another one."""
        older = self.stored[self.stored.index(revision) + 1 :]
        return older[0] if older else None

    def use_of(self, revision: StoredRevision) -> str:
        """What a revision is in use as; empty where it is not."""
        return ", ".join(self.uses.get(revision.name, ()))


def is_stored(kubectl: Kubectl, syncer: Object, name: str) -> bool:
    """Whether a revision is stored, as far as one may know. Raises NotPossibleError."""
    kind, namespace = home_of(syncer)
    try:
        printed = kubectl.run(
            *("get", kind.plural, name, f"--namespace={namespace}"),
            *("--ignore-not-found=true", "--output=json"),
        )
    except KubectlError:
        return True
    return bool(printed.strip()) and _is_revision(json.loads(printed), syncer)


def _content(item: Object) -> Mapping[str, tuple[str, str]]:
    return {key: (side, value) for side in _SIDES for key, value in (item.get(side) or {}).items()}


def _is_revision(item: Object, syncer: Object) -> bool:
    """Whether the syncer stored an object: anybody may set the label."""
    owner = controller_of(item)
    is_ours = owner is not None and owner["uid"] == uid_of(syncer)
    return is_ours and item.get("immutable") is True and not is_deleting(item)


def _age(item: Object) -> tuple[str, int, str]:
    """What sorts revisions by when they were stored, also within a second."""
    metadata = item["metadata"]
    version = str(metadata.get("resourceVersion") or "")
    number = int(version) if version.isdecimal() else 0
    return str(metadata.get("creationTimestamp") or ""), number, name_of(item)


def _uses(syncer: Object) -> Mapping[str, Sequence[str]]:
    return dict(_used(syncer))


def _used(syncer: Object) -> Iterator[tuple[str, Sequence[str]]]:
    recorded = rollout_of(syncer)
    names = {
        "stable": recorded.get("stableRevision"),
        "update": recorded.get("updateRevision"),
        "pinned": pinned_of(syncer),
    }
    for name in filter(None, names.values()):
        yield name, [use for use, used in names.items() if used == name]

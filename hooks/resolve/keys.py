"""Which keys of the source go into the copies, and under which names.

A copy that silently lacks a key breaks its readers, so a key that is asked for and not there
is a problem with a name, never a smaller copy. The same holds where two keys would become one.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum

from hooks.api.text import excerpt, named
from hooks.spec.globs import Patterns
from hooks.spec.syncer import Syncer


class Fault(Enum):
    """Whose the problem is: the source's, which may change, or the spec's."""

    KEY_NOT_FOUND = "key not found"
    KEYS_COLLIDE = "keys collide"


@dataclass(frozen=True, slots=True)
class NoSelection:
    """Why no keys can be chosen: a sentence without full stop that names the keys.

    Where the fault is the source's, the sentence's subject is left out: the source itself.
    """

    fault: Fault
    message: str


def select(syncer: Syncer, present: Collection[str]) -> Mapping[str, str] | NoSelection:
    """The name in the copies of every key that is copied, by its name in the source.

    `present` are all keys of the source, those of `data` and of `binaryData` together.
    """
    chosen = present
    if syncer.keys:
        selection = Patterns.of(syncer.keys).select(present)
        if selection.unmatched:
            return _missing(selection.unmatched, "spec.keys")
        chosen = selection.names
    names = {key: syncer.rename_keys.get(key, key) for key in chosen}
    missing = [key for key in syncer.rename_keys if key not in names]
    if missing:
        return _missing(missing, "spec.renameKeys")
    if len(set(names.values())) < len(names):
        return _colliding(names)
    return names


def _colliding(names: Mapping[str, str]) -> NoSelection:
    olds: dict[str, list[str]] = {}
    for old, new in names.items():
        olds.setdefault(new, []).append(old)
    first = min(new for new, old in olds.items() if len(old) > 1)
    return NoSelection(
        Fault.KEYS_COLLIDE,
        f"Correct spec.renameKeys: the keys {named(sorted(olds[first]))} would both become "
        f"{excerpt(first)}",
    )


def _missing(names: Collection[str], where: str) -> NoSelection:
    lacking = sorted(set(names))
    what = "key" if len(lacking) == 1 else "keys"
    return NoSelection(
        Fault.KEY_NOT_FOUND,
        f"has no {what} {named(lacking)}, which {where} asks for; add what is missing, or "
        f"remove it from {where}",
    )

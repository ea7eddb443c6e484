"""The prune guard: how many namespaces one change may leave without a copy.

A slip in a selector, in a list or in the labels of namespaces takes the copies from many at once.
Where it takes more than spec.pruneLimit allows, none of them is deleted until somebody says that
this very change is meant. Without a limit the same is true of an edit of the spec after which no
target is left, however few the copies are. What was asked for by other means is no slip: withdrawn
consent, and namespaces that go away themselves.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from msgspec import UNSET, UnsetType

from hooks.api.names import CONFIRM_PRUNE
from hooks.api.protocol import Child, Parent
from hooks.api.tokens import token_of
from hooks.copies.child import preserve
from hooks.copies.observation import ExistingCopy, Observation
from hooks.spec.limit import Limit
from hooks.spec.syncer import Syncer

_FEW: Final = 10
"""So many copies may all go at once where the spec sets no limit."""
_HALF: Final = Limit(50, is_percentage=True)

RECORDED_SECONDS: Final = 1.0
"""After how long a status that was written can be read back."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the last status remembers: the token of a held change, and which spec it has seen.

    `synced` are the targets that were in sync, among which no held copy is.

    `is_of_this_spec` is false after an edit of the spec that no status has judged yet. The status
    may be one write old: then an edit that was judged looks new once more, which at worst holds a
    change that came with it.
    """

    token: str | UnsetType = UNSET
    is_of_this_spec: bool = True
    synced: AbstractSet[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PruneGuard:
    """A change that is held: which namespaces, sorted, it would leave without a copy.

    `present` counts the namespaces with a copy, and `limit` those of them that may lose it; None
    where so few are left that none is set. `occupied` are the namespaces with a copy or what
    others made look like one. `is_emptying` tells that no target is left. `token` confirms the
    change, and `is_recorded` tells that the last status holds it. `children` are the copies
    concerned, as they are.
    """

    namespaces: Sequence[str]
    present: int
    occupied: Collection[str]
    limit: int | None
    is_emptying: bool
    token: str
    is_recorded: bool
    children: Sequence[Child]

    @property
    def is_exceeded(self) -> bool:
        """Whether the change is still too large, not only held since it was."""
        return self.limit is not None and len(self.namespaces) > self.limit

    def allows(self, child: Child) -> bool:
        """Whether a child can be requested already.

        A copy that is made again raises the number that a percentage refers to. So the status gets
        the token first, and the next sync makes the copy.
        """
        return self.is_recorded or child.metadata.namespace in self.occupied


def held(observation: Observation[Syncer], recorded: Recorded) -> PruneGuard | None:
    """The change that is held, None where nothing is.

    A held change stays held while copies come elsewhere, or go by other hands: else it would be
    let through by what it has nothing to do with. Through another change it stays held, too,
    unless the limit allows as many as are still held; a percentage then counts of these alone.
    Where only such copies would go as were in sync in a target until now, what was held before is
    undone, and this is a change of its own. For a suspended syncer this is what resuming would
    hold, and that is another change.
    """
    syncer = observation.syncer
    names = _names(observation)
    losing = list(_losing(observation, names))
    if not losing:
        return None
    token = _token(observation.parent, names)
    living = [copy for copy in observation.copies if not copy.is_terminating]
    # What others made can be deleted, and is not counted.
    present = len({copy.namespace for copy in living if copy.is_ours})
    limit = syncer.prune_limit or (_HALF if present > _FEW else None)
    guard = PruneGuard(
        namespaces=sorted({copy.namespace for copy in losing}),
        present=present,
        occupied={copy.namespace for copy in living},
        limit=None if limit is None else limit.of(present),
        is_emptying=_is_emptying(observation),
        token=token,
        is_recorded=recorded.token == token and not syncer.suspend,
        children=[preserve(copy, observation) for copy in losing],
    )
    number = len(guard.namespaces)
    is_undone = recorded.synced >= set(guard.namespaces)
    was_held = (
        recorded.token is not UNSET
        and not is_undone
        and number > (syncer.prune_limit or _HALF).of(number)
    )
    is_edited = syncer.suspend or not recorded.is_of_this_spec
    is_held = (
        guard.is_exceeded or guard.is_recorded or was_held or (guard.is_emptying and is_edited)
    )
    return guard if is_held and not _is_confirmed(observation, token) else None


def still_recorded(observation: Observation[Syncer], recorded: Recorded) -> str | UnsetType:
    """The token to remember while every copy is held; it goes with the last that it is about.

    An edit that leaves no target is remembered from the start: when copies are written again, the
    status has long seen it.
    """
    names = _names(observation)
    if not any(_losing(observation, names)):
        return UNSET
    is_edited = not (recorded.is_of_this_spec or observation.syncer.suspend)
    is_new = is_edited and _is_emptying(observation)
    return _token(observation.parent, names) if is_new else recorded.token


def _is_emptying(observation: Observation[Syncer]) -> bool:
    """Whether no target is left that is there, and no limit says what may happen then."""
    syncer = observation.syncer
    is_left = any(
        not target.is_closed and target.namespace != syncer.source.namespace
        for target in observation.targets
    )
    return syncer.prune_limit is None and not is_left


def _names(observation: Observation[Syncer]) -> set[str]:
    """The namespaces that get a copy; the source's own never does."""
    names = {target.namespace for target in observation.targets}
    return names - {observation.syncer.source.namespace}


def _is_confirmed(observation: Observation[Syncer], token: str) -> bool:
    """Whether somebody said that just this change is meant, which resuming would not be."""
    said = (observation.parent.metadata.annotations or {}).get(CONFIRM_PRUNE)
    return said == token and not observation.syncer.suspend


def _losing(observation: Observation[Syncer], names: set[str]) -> Iterator[ExistingCopy]:
    """The living copies that only a change of the targets takes away."""
    for copy in observation.copies:
        if (
            not copy.is_terminating
            and copy.namespace not in names
            and not observation.is_closing(copy.namespace)
            and not copy.is_withdrawn
            and copy.is_ours
        ):
            yield copy


def _token(parent: Parent, names: Iterable[str]) -> str:
    """The digest of what is wanted now, which no deletion changes and every change of mind does.

    It is of this very syncer: where no target is left there is nothing else to tell two apart.
    """
    metadata = parent.metadata
    return token_of([metadata.uid, metadata.generation, sorted(names)])

"""Find in a simulation what `--fail-on` names, so that a pull request cannot do it unseen.

A syncer that lost its last target is Ready: nothing is wrong with it. So what is looked at here is
what happens to the copies, done, planned or held.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from hooks.preview.kubectl import Reference
from hooks.preview.options import Trigger
from hooks.preview.output import changes
from hooks.preview.output.changes import Happened
from hooks.preview.output.invalid_content import invalid
from hooks.preview.simulation import State
from hooks.preview.simulator.objects import (
    COPIED,
    SYNCED_BY,
    SYNCER,
    Object,
    is_deleting,
    is_revision,
    labels_of,
    name_of,
)

_PLANNED: Final = {
    "create": "created",
    "update": "updated",
    "takeOver": "taken over",
    "delete": "deleted",
    "hold": "held back from deletion",
}


def found(before: State, after: State, triggers: Collection[Trigger]) -> list[str]:
    """One sentence, which begins with the trigger, for everything that was asked for."""
    return [
        f"{trigger}: {sentence}"
        for trigger in Trigger
        if trigger in triggers
        for sentence in _FINDERS[trigger](before, after)
    ]


def _deletions(before: State, after: State) -> Iterator[str]:
    """The copies that go, those that are on their way, and those that are held."""
    for reference, old in before.items():
        if reference.resource in COPIED and _is_copy(old):
            new = after.get(reference)
            if new is None:
                yield f"{reference} is deleted"
            elif is_deleting(new) and not is_deleting(old):
                yield f"{reference} is being deleted"
    for syncer in _syncers(after):
        yield from _planned(syncer, "delete")
        yield from _planned(syncer, "hold")
        if "pruneToken" in _status(syncer):
            yield f"{SYNCER.kind} {name_of(syncer)}: copies are held back from deletion"


def _take_overs(before: State, after: State) -> Iterator[str]:
    """The objects of others that a syncer makes its copies, replaced ones too."""
    for reference, new in after.items():
        old = before.get(reference)
        if old is not None and not _is_copy(old) and changes.syncer_of(new) is not None:
            yield f"{reference} is taken over"
    for syncer in _syncers(after):
        plan = _status(syncer).get("plan") or {}
        for copy in (plan.get("takeOver") or {}).get("copies") or ():
            namespace, name = copy["namespace"], changes.copy_name(syncer)
            reference = Reference(changes.copied(syncer), namespace, name)
            if not _is_copy(before.get(reference, {"metadata": {}})):
                yield f"{reference} would be taken over"


def _without_targets(_: State, after: State) -> Iterator[str]:
    for syncer in _syncers(after):
        if _status(syncer).get("targetCount") == 0:
            yield f"{SYNCER.kind} {name_of(syncer)} selects no namespace"


def _invalid_contents(_: State, after: State) -> Iterator[str]:
    for syncer in invalid(after):
        yield f"the content of {SYNCER.kind} {name_of(syncer)} is not copied"


def _changes(before: State, after: State) -> Iterator[str]:
    for copy in changes.copies(before, after):
        if copy.happened not in (Happened.UNCHANGED, Happened.NOT_MADE):
            yield f"the copy {copy.namespace}/{copy.name} of {copy.syncer} is {copy.happened}"
    for syncer in _syncers(after):
        for part in _PLANNED:
            yield from _planned(syncer, part)


def _planned(syncer: Object, part: str) -> Iterator[str]:
    """What a suspended syncer would do."""
    count = ((_status(syncer).get("plan") or {}).get(part) or {}).get("count", 0)
    if count:
        copies = "1 copy" if count == 1 else f"{count:,} copies"
        yield f"{SYNCER.kind} {name_of(syncer)}: {copies} would be {_PLANNED[part]}"


_FINDERS: Final[Mapping[Trigger, Callable[[State, State], Iterator[str]]]] = {
    Trigger.DELETION: _deletions,
    Trigger.TAKE_OVER: _take_overs,
    Trigger.NO_TARGETS: _without_targets,
    Trigger.INVALID_CONTENT: _invalid_contents,
    Trigger.CHANGE: _changes,
}


def _is_copy(item: Object) -> bool:
    """Whether a syncer controls an object, or did; revisions come and go with the copies."""
    is_of_syncer = changes.syncer_of(item) is not None or SYNCED_BY in labels_of(item)
    return is_of_syncer and not is_revision(item)


def _syncers(state: State) -> Iterator[Object]:
    return (item for reference, item in state.items() if reference.resource is SYNCER)


def _status(syncer: Object) -> Object:
    status: Object = syncer.get("status") or {}
    return status

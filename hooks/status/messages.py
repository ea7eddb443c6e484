"""The conditions of a status: their reasons and their sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hooks.api.names import CONFIRM_PRUNE, CONTROLLER_UID, RESOURCE
from hooks.api.text import as_fragment, counted, have, it_is, listed, named
from hooks.copies.prune_guard import PruneGuard
from hooks.copies.source_deletion import SourceDeletion
from hooks.resolve.source import Content, SourceReason
from hooks.status.context import StatusContext
from hooks.status.plan import Plan
from hooks.status.progress import Assessment
from hooks.status.types import SyncedReason

_AS_SPECIFIED: Final = "as spec.sourceDeletionPolicy says"


@dataclass(frozen=True, slots=True)
class ConditionState:
    """A condition without its times."""

    status: str
    reason: str
    message: str


def resolved(subject: str, content: Content) -> ConditionState:
    """SourceResolved where there is a content; `subject` names the source."""
    keys = counted(len(content.data) + len(content.binary_data), "key")
    return ConditionState("True", SourceReason.RESOLVED, f"{subject} has {keys} to copy.")


def failing(assessment: Assessment) -> ConditionState:
    """Where namespaces fail: how many, and the first of them."""
    refused = assessment.refused
    first = refused[0] if refused else assessment.failures[0]
    number = len(assessment.failures)
    rest = "" if number == 1 else "; status.failures lists the others"
    failing = f"{number:,} of {targets_counted(assessment)}"
    if assessment.is_beyond:
        failing = counted(number, "namespace")
    return ConditionState(
        "False",
        SyncedReason.PROGRESS_DEADLINE_EXCEEDED if refused else SyncedReason.TARGETS_BLOCKED,
        f"{failing} {'fails' if number == 1 else 'fail'}, {first.namespace} "
        f"({first.reason}): {as_fragment(first.message)}{rest}.",
    )


def synced(context: StatusContext, assessment: Assessment, what: str) -> ConditionState:
    """Synced of a syncer that writes; `what` names the content that the copies hold."""
    if assessment.failures:
        return failing(assessment)
    if assessment.pending:
        return waiting(context, assessment)
    if not assessment.targets:
        return ConditionState(
            "True",
            SyncedReason.NO_TARGETS,
            "No namespace matches spec.targetNamespaces or spec.namespaceSelector, so there is "
            "nothing to copy to.",
        )
    return ConditionState(
        "True", SyncedReason.ALL_COPIES_CURRENT, f"{all_hold(assessment)} {what}."
    )


def all_hold(assessment: Assessment) -> str:
    """That every target holds what is named next; a clause without its object."""
    total = targets_counted(assessment)
    return f"All {total} hold" if assessment.targets > 1 else f"The {total} holds"


def waiting(context: StatusContext, assessment: Assessment) -> ConditionState:
    """Where copies are asked for, or being deleted, and their deadline is not over."""
    leaving = frozenset(assessment.leaving)
    awaiting = [name for name in assessment.pending if name not in leaving]
    parts = []
    if awaiting:
        number = len(awaiting)
        verb = "waits" if number == 1 else "wait"
        parts.append(
            f"{number:,} of {targets_counted(assessment)} {verb} for the copy ({named(awaiting)})"
        )
    if assessment.leaving:
        number = len(assessment.leaving)
        parts.append(
            f"{counted(number, 'namespace')} still {have(assessment.leaving)} a copy that is being "
            f"deleted ({named(assessment.leaving)})"
        )
    return ConditionState(
        "False",
        SyncedReason.PROGRESSING,
        f"{' and '.join(parts)}, which needs no action unless it lasts longer than "
        f"{counted(context.deadline, 'second')}.",
    )


def targets_counted(assessment: Assessment) -> str:
    """How many target namespaces there are."""
    return counted(assessment.targets, "target namespace")


def foreign_children_note(keys: Sequence[str]) -> str:
    """What to do about objects of others that Metacontroller takes for copies."""
    return (
        f"Objects of others name this syncer as their controller ({named(keys)}): remove the "
        f"label {CONTROLLER_UID} from them, or they are deleted with the syncer."
    )


def prune_held(context: StatusContext, guard: PruneGuard) -> ConditionState:
    """A change that is held needs a person, whatever the state of the targets is."""
    number = len(guard.namespaces)
    why = "which has been held since the change was made"
    if guard.is_exceeded:
        why = f"more than the {guard.limit} that spec.pruneLimit allows"
    elif guard.is_emptying:
        why = "because the spec leaves no target"
    command = (
        f"kubectl annotate {RESOURCE} {context.parent.metadata.name} "
        f"{CONFIRM_PRUNE}={guard.token} --overwrite"
    )
    return ConditionState(
        "False",
        SyncedReason.PRUNE_HELD,
        f"{number:,} of {counted(guard.present, 'namespace')} would lose the copy "
        f"({named(guard.namespaces)}), {why}, so nothing is deleted there; undo the change, "
        f"or let it through with `{command}`.",
    )


def following(deletion: SourceDeletion) -> str:
    """What becomes of the copies whose source is missing, and of those of another source."""
    number = len(deletion.staying)
    others = counted(number, "copy of another source", "copies of another source")
    keeping = f"{others} {'is' if number == 1 else 'are'} kept as {it_is(deletion.staying)}"
    if not deletion.deleting:
        return keeping if deletion.staying else f"the source's copies are deleted, {_AS_SPECIFIED}"
    places = f"{counted(len(deletion.deleting), 'namespace')} ({named(deletion.deleting)})"
    deleting = f"the source's copies in {places} are being deleted, {_AS_SPECIFIED}"
    return f"{deleting}, and {keeping}" if deletion.staying else deleting


def planned(planned: Plan, rollout: str = "", *, is_staged: bool = False) -> str:
    """What resuming a suspended syncer would do; `rollout` is a clause about the one it has.

    Where it `is_staged`, not all of that is done at once.
    """
    counts = {
        "create": planned.create.count,
        "update": planned.update.count,
        "take over": planned.take_over.count,
        "delete": planned.delete.count,
    }
    doing = [(verb, number) for verb, number in counts.items() if number]
    subject = "with all its stages, it" if is_staged else "setting spec.suspend to false"
    what = f"{subject} would change none of them"
    if doing:
        (verb, number), *others = doing
        parts = [f"{verb} {counted(number, 'copy', 'copies')}"]
        parts += [f"{verb} {number:,}" for verb, number in others]
        begin = f"{subject} would" if is_staged else "set spec.suspend to false to"
        what = f"{begin} {listed(parts)}"
    failing = counted(planned.fail.count, "namespace")
    failures = f"; {failing} would fail, as status.failures says" if planned.fail.count else ""
    number = planned.hold.count
    guarded = f"; {counted(number, 'deletion')} would be held" if number else ""
    return f"Every copy is kept as it is; {rollout}{what}{guarded}{failures}."


def keeping(preserved: Sequence[str], without: Sequence[str]) -> str:
    """How many copies are kept, and which namespaces, `without`, have none; a clause."""
    if not preserved:
        return "there is no copy to keep"
    copies = counted(len(preserved), "copy", "copies")
    keeping = f"{copies} {'is' if len(preserved) == 1 else 'are'} kept as {it_is(preserved)}"
    return f"{keeping}, and {named(without)} {have(without)} none" if without else keeping

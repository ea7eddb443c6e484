"""The command `rollout undo`: pin a stored revision, or remove the pin.

Removing it begins a rollout, so it is asked for here, where that is shown first, and no command
does it along with something else. It needs the rights to get and patch ConfigMapSyncers, and to pin
a revision, to list the kind of the source in its namespace.
"""

import argparse
from collections.abc import Iterator

from hooks.cli.confirmation import is_meant
from hooks.cli.exit_status import ExitStatus
from hooks.cli.kubectl import Kubectl
from hooks.cli.rollout.revisions import RevisionHistory, StoredRevision
from hooks.cli.rollout.syncer import (
    NotPossibleError,
    command,
    is_suspended,
    patch_spec,
    pinned_of,
    read_syncer,
    rollout_of,
)
from hooks.cli.streams import print_lines
from hooks.preview.simulator.objects import SYNCER, Object, name_of
from hooks.preview.terminal import one_line

_FIELD = "pinnedRevision"


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit status.

    Raises KubectlError, NotPossibleError and OutputError.
    """
    kubectl = Kubectl.of(options)
    syncer = read_syncer(kubectl, options.name)
    return _unpin(kubectl, syncer, options) if options.unpin else _pin(kubectl, syncer, options)


def _pin(kubectl: Kubectl, syncer: Object, options: argparse.Namespace) -> int:
    name, unpin = options.name, command(options, "undo", "--unpin")
    wanted = options.to_revision or _stable(syncer, command(options, "history"))
    history = RevisionHistory.read(kubectl, syncer)
    revision = history.get(wanted)
    if pinned_of(syncer) == wanted:
        print_lines(one_line(f"Revision {wanted} is pinned already; remove the pin with: {unpin}"))
        return ExitStatus.ALL_READY
    print_lines(*map(one_line, _shown(syncer, history, revision)))
    if not options.yes and not is_meant(f"Pin revision {revision.name} of {name}?"):
        return ExitStatus.NOT_READY
    patch_spec(kubectl, name, {_FIELD: revision.name})
    print_lines(
        f"Revision {revision.name} is pinned{_held(syncer)}. Changes of the source are not "
        f"followed until the pin is removed with: {unpin}"
    )
    return ExitStatus.ALL_READY


def _stable(syncer: Object, history: str) -> str:
    """The stable revision. Raises NotPossibleError where pinning it would undo nothing."""
    recorded, name = rollout_of(syncer), name_of(syncer)
    stable = recorded.get("stableRevision")
    hint = f"name the revision with --to-revision; the stored ones are listed by: {history}"
    if not stable:
        raise NotPossibleError(f"{SYNCER.kind} {name} has no stable revision: {hint}")
    is_everywhere = stable == recorded.get("updateRevision")
    if is_everywhere and pinned_of(syncer) in ("", stable):
        raise NotPossibleError(
            f"There is no rollout of {SYNCER.kind} {name} to undo: {stable} is the stable revision "
            f"and the update revision. To go back further, {hint}"
        )
    return str(stable)


def _shown(syncer: Object, history: RevisionHistory, revision: StoredRevision) -> Iterator[str]:
    """What would be pinned, and which keys differ from what is rolled out now."""
    total = rollout_of(syncer).get("targetCount", 0)
    yield f"Every target of {SYNCER.kind} {name_of(syncer)} would get {revision.described} at once."
    yield f"    stored: {revision.created}"
    yield f"    targets: {total:,}"
    update = history.find(str(rollout_of(syncer).get("updateRevision") or ""))
    if update is None:
        yield f"    keys: {revision.changes(None)}"
    else:
        yield f"    keys, compared with {update.name}: {revision.changes(update)}"


def _unpin(kubectl: Kubectl, syncer: Object, options: argparse.Namespace) -> int:
    name, pinned = options.name, pinned_of(syncer)
    if not pinned:
        raise NotPossibleError(f"{SYNCER.kind} {name} pins no revision")
    print_lines(
        one_line(
            f"{SYNCER.kind} {name} would no longer hold revision {pinned}: what the source has "
            "then is rolled out in stages."
        )
    )
    if not options.yes and not is_meant(f"Remove the pin of {name}?"):
        return ExitStatus.NOT_READY
    patch_spec(kubectl, name, {_FIELD: None})
    watch = command(options, "status", "--watch")
    print_lines(f"The pin is removed{_held(syncer)}; watch the rollout with: {watch}")
    return ExitStatus.ALL_READY


def _held(syncer: Object) -> str:
    return ", which counts when the syncer is resumed" if is_suspended(syncer) else ""

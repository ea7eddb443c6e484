"""The command `rollout approve`: approve the one step that a rollout waits for.

The token is the one of the step that was shown: if the rollout has gone on in the meantime, nothing
is approved. Tokens that the annotation lists already stay, because a halt that was approved before
needs its token for as long as the rollout lasts. It needs the rights to get and patch
ConfigMapSyncers; with the right to list Namespaces it also counts the targets of each stage.
"""

import argparse
from collections.abc import Iterator
from typing import Final

from hooks.api.names import APPROVE_ROLLOUT
from hooks.cli.confirmation import is_meant
from hooks.cli.exit_status import ExitStatus
from hooks.cli.kubectl import SYNCERS, Kubectl, KubectlError
from hooks.cli.rollout.stages import Stages
from hooks.cli.rollout.syncer import (
    NotPossibleError,
    approved_of,
    command,
    conditions_of,
    is_observed,
    is_suspended,
    is_token,
    read_syncer,
    rollout_of,
)
from hooks.cli.streams import print_lines
from hooks.preview.simulator.objects import SYNCER, Object, name_of
from hooks.preview.terminal import one_line
from hooks.rollout.types import FAILURES_LIMIT, TOKENS_LIMIT, Phase

_TOKEN: Final = "approvalToken"  # noqa: S105 - a field of the status; it lets only one step through
_ATTEMPTS: Final = 5
CHANGED: Final = "the object has been modified"
"""What kubectl says where the resource version is another one by now."""


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit status.

    Raises KubectlError, NotPossibleError and OutputError.
    """
    kubectl = Kubectl.of(options)
    name = options.name
    syncer = read_syncer(kubectl, name)
    token = _token(syncer, options)
    print_lines(*map(one_line, _shown(syncer, Stages.read(kubectl, syncer))))
    if token in approved_of(syncer):
        print_lines(f"This step is approved already{_held(syncer)}")
        return ExitStatus.ALL_READY
    if not options.yes and not is_meant(f"Approve this step of {name}?"):
        return ExitStatus.NOT_READY
    _approve(kubectl, name, token)
    watch = command(options, "status", "--watch")
    print_lines(f"The step is approved{_held(syncer)}; watch it with: {watch}")
    return ExitStatus.ALL_READY


def _approve(kubectl: Kubectl, name: str, token: str) -> None:
    """Add the token to those that the annotation lists, for as long as that is what is awaited."""
    for attempt in range(1, _ATTEMPTS + 1):
        syncer = read_syncer(kubectl, name)
        if rollout_of(syncer).get(_TOKEN) != token:
            raise NotPossibleError(
                f"The rollout of {SYNCER.kind} {name} has gone on in the meantime, so nothing is "
                "approved: look at its status again"
            )
        # The hook reads only so many, and the last ones are about what goes on now.
        listed = dict.fromkeys([*approved_of(syncer), token])
        tokens = ",".join([*listed][-TOKENS_LIMIT:])
        version = syncer["metadata"].get("resourceVersion", "")
        try:
            kubectl.run(
                *("annotate", SYNCERS, name, f"{APPROVE_ROLLOUT}={tokens}"),
                *("--overwrite", f"--resource-version={version}"),
            )
        except KubectlError as error:
            if CHANGED not in str(error) or attempt == _ATTEMPTS:
                raise
        else:
            return


def _token(syncer: Object, options: argparse.Namespace) -> str:
    """The token of the step that is waited for. Raises NotPossibleError where there is none."""
    name, recorded = name_of(syncer), rollout_of(syncer)
    if not is_observed(syncer):
        raise NotPossibleError(
            f"The hook has not observed the spec of {SYNCER.kind} {name} yet, so what it waits for "
            "is not known: try again, and look at the status if that lasts"
        )
    token = str(recorded.get(_TOKEN) or "")
    if is_token(token):
        return token
    phase = recorded.get("phase")
    hint = ""
    if phase == Phase.ROLLED_BACK:
        hint = "; correct the source to begin a new rollout"
    elif phase in (Phase.PROGRESSING, Phase.SOAKING):
        hint = f"; {_going_on(syncer, options)}"
    shown = f"its phase is {phase}" if phase else "no rollout is recorded"
    raise NotPossibleError(
        f"The rollout of {SYNCER.kind} {name} does not wait for approval: {shown}{hint}"
    )


def _going_on(syncer: Object, options: argparse.Namespace) -> str:
    """Whether a rollout that waits for no person goes on by itself, and what to do otherwise."""
    if is_suspended(syncer):
        return f"the syncer is suspended; resume it with: {command(options, 'resume')}"
    states = {(each["type"], each["status"]) for each in conditions_of(syncer).values()}
    if not states.isdisjoint({("Stalled", "True"), ("SourceResolved", "False")}):
        return f"what it waits for is shown by: {command(options, 'status')}"
    return "it goes on by itself"


def _shown(syncer: Object, stages: Stages) -> Iterator[str]:
    """What would be approved."""
    recorded = rollout_of(syncer)
    is_halted = recorded["phase"] == Phase.HALTED
    place = stages.index(recorded.get("stage"))
    last = len(stages.written) - 1
    doing = "is halted" if is_halted else "waits for approval"
    yield f"The rollout of {SYNCER.kind} {name_of(syncer)} {doing}:"
    yield f"    update revision: {recorded['updateRevision']}"
    yield f"    stable revision: {recorded.get('stableRevision') or 'not known'}"
    if place is not None:
        yield f"    stage: {stages.described(place)}"
    done, total = recorded.get("updatedCount", 0), recorded.get("targetCount", 0)
    yield f"    targets with the update revision: {done:,} of {total:,}"
    for failure in recorded.get("failures") or ():
        where, reason = failure["namespace"], failure["reason"]
        yield f"    fails: {where}: {reason}: {failure.get('message', '')}"
    if len(recorded.get("failures") or ()) == FAILURES_LIMIT:
        yield f"    fails: the first {FAILURES_LIMIT} are listed, and others may fail, too"
    if is_halted:
        yield "    if approved: the rollout goes on, although these namespaces fail"
    elif place is None:
        yield f"    if approved: the rollout begins, with stage {stages.described(0)}"
    elif place == last:
        yield "    if approved: the rollout is complete"
    else:
        yield f"    if approved: the rollout goes on, with stage {stages.described(place + 1)}"
    if stages.unknown:
        yield f"The targets of the stages are not counted: {stages.unknown}"


def _held(syncer: Object) -> str:
    return ", and counts when the syncer is resumed" if is_suspended(syncer) else ""

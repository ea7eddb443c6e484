"""The commands `rollout pause` and `rollout resume`: hold everything of a syncer, and let it go on.

They need the rights to get and patch ConfigMapSyncers.
"""

import argparse

from hooks.cli.exit_status import ExitStatus
from hooks.cli.kubectl import Kubectl
from hooks.cli.rollout.syncer import command, is_suspended, patch_spec, pinned_of, read_syncer
from hooks.cli.streams import print_lines
from hooks.preview.simulator.objects import SYNCER
from hooks.preview.terminal import one_line


def run(options: argparse.Namespace) -> int:
    """Run `pause`; returns its exit status.

    Raises KubectlError, NotPossibleError and OutputError.
    """
    kubectl, name = Kubectl.of(options), options.name
    how = f"go on with: {command(options, 'resume')}"
    if is_suspended(read_syncer(kubectl, name)):
        print_lines(f"{SYNCER.kind} {name} is suspended already; {how}")
        return ExitStatus.ALL_READY
    patch_spec(kubectl, name, {"suspend": True})
    print_lines(
        f"{SYNCER.kind} {name} is suspended. Not only the rollout is held: every copy stays as "
        f"it is, unless consent for it is withdrawn; {how}"
    )
    return ExitStatus.ALL_READY


def resume(options: argparse.Namespace) -> int:
    """Run `resume`; returns its exit status.

    Raises KubectlError, NotPossibleError and OutputError.
    """
    kubectl, name = Kubectl.of(options), options.name
    syncer = read_syncer(kubectl, name)
    pinned = pinned_of(syncer)
    if not is_suspended(syncer):
        print_lines(f"{SYNCER.kind} {name} is not suspended, so nothing has to be resumed")
    else:
        patch_spec(kubectl, name, {"suspend": False})
        print_lines(
            f"{SYNCER.kind} {name} is resumed: the rollout and everything else of it goes on, and "
            f"a soak time begins again; watch it with: {command(options, 'status', '--watch')}"
        )
    if pinned:
        how = command(options, "undo", "--unpin")
        print_lines(one_line(f"Revision {pinned} stays pinned; remove the pin with: {how}"))
    return ExitStatus.ALL_READY

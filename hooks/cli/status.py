"""The command `status`: the status of syncers, and what to do about it.

It needs the right to list ConfigMapSyncers; with the right to list ConfigMaps it also shows the
objects that only look like copies. Exit status: 0 when every syncer is Ready, 1 when one is not.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import yaml
from rich.console import Group
from rich.live import Live

from hooks.api.names import CONTROLLER_UID, SYNCED_BY
from hooks.cli import tree
from hooks.cli.arguments import Format
from hooks.cli.exit_status import ExitStatus
from hooks.cli.kubectl import SYNCERS, Kubectl, KubectlError
from hooks.cli.streams import whole_output, writable_output
from hooks.cli.syncer_state import ClusterState, state_of
from hooks.preview.simulator.objects import CONFIG_MAP, COPIED, Object
from hooks.preview.terminal import is_plain, progress

_POLL_SECONDS: Final = 1.0


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit status. Raises KubectlError and OutputError."""

    def read() -> ClusterState:
        return read_state(Kubectl.of(options), options.name, has_secrets=options.secrets)

    if options.watch:
        last = _watch(read, options.output)
    else:
        with progress("Reading the cluster"):
            last = read()
        with whole_output():
            _write(last, options.output)
    return ExitStatus.ALL_READY if last.is_ready else ExitStatus.NOT_READY


def read_state(kubectl: Kubectl, name: str | None, *, has_secrets: bool) -> ClusterState:
    """How the syncer of a name is, or all of them. Raises KubectlError."""
    named = [name] if name else []
    found = json.loads(kubectl.run("get", SYNCERS, *named, "--output=json"))
    syncers = [found] if name else found["items"]
    try:
        copies = list(_copies(kubectl, name, has_secrets=has_secrets))
    except KubectlError as error:
        return ClusterState(state_of(syncers, (), are_all=False).syncers, unknown=str(error))
    return state_of(syncers, copies, are_all=name is None)


def _copies(kubectl: Kubectl, name: str | None, *, has_secrets: bool) -> Iterator[Object]:
    """Everything that carries the label of a copy, or of a child."""
    kinds = COPIED if has_secrets else (CONFIG_MAP,)
    labelled = f"{SYNCED_BY}={name}" if name else SYNCED_BY
    for selector in (labelled, f"{CONTROLLER_UID},!{SYNCED_BY}"):
        printed = kubectl.run(
            *("get", ",".join(kind.plural for kind in kinds), "--all-namespaces"),
            *(f"--selector={selector}", "--output=json"),
        )
        yield from json.loads(printed)["items"]


def _watch(read: Callable[[], ClusterState], output: Format) -> ClusterState:
    """Show every change until nothing goes on any more; returns the last state."""
    with _writer(output) as write:
        shown: ClusterState | None = None
        while True:
            state = read()
            if state != shown:
                with writable_output():
                    write(state)
                shown = state
            if not state.is_in_progress:
                return state
            time.sleep(_POLL_SECONDS)


@contextmanager
def _writer(output: Format) -> Iterator[Callable[[ClusterState], None]]:
    """What shows one state after another: on a terminal, trees in the place of the last ones."""
    if output is not Format.TREE or is_plain(sys.stdout):
        yield lambda state: _write(state, output)
        return
    console = tree.console(sys.stdout)
    with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
        yield lambda state: live.update(Group(*tree.trees(state)), refresh=True)


def _write(state: ClusterState, output: Format) -> None:
    match output:
        case Format.JSON:
            json.dump(state.as_json(), sys.stdout, indent=4)
            sys.stdout.write("\n")
        case Format.YAML:
            yaml.safe_dump(state.as_json(), sys.stdout, sort_keys=False, explicit_start=True)
        case Format.TREE:
            console = tree.console(sys.stdout)
            for drawn in tree.trees(state):
                console.print(drawn)
    sys.stdout.flush()

"""The command `confirm-prune`: confirm one change that mass-deletion protection holds.

What would go is found by the hook itself: the cluster is read, and the preview confirms the change
there first. Exit status: 0 when the change is confirmed, 1 when the answer is no, 2 when there is
nothing to confirm.
"""

import argparse
import json
import sys
from dataclasses import replace
from typing import Final

from hooks.api.names import CONFIRM_PRUNE
from hooks.api.text import counted
from hooks.cli.cluster import read_cluster
from hooks.cli.confirmation import is_meant
from hooks.cli.exit_status import ExitStatus
from hooks.cli.hook import installed, opened
from hooks.cli.kubectl import SYNCERS, Kubectl
from hooks.cli.streams import print_lines
from hooks.preview import service
from hooks.preview.input.manifests import Input
from hooks.preview.kubectl import Reference
from hooks.preview.output import changes, render
from hooks.preview.output.changes import Happened
from hooks.preview.simulation import RefusedError, RequestedChange, Simulation, simulate
from hooks.preview.simulator.objects import SECRET, SYNCER, Object, sources_of
from hooks.preview.simulator.schema import Schema
from hooks.preview.terminal import printable, progress

_TOKEN: Final = "pruneToken"  # noqa: S105 - a field of the status; it lets only one change through


class NothingHeldError(Exception):
    """There is no change to confirm; the message says why."""


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit status. Raises KubectlError and OutputError."""
    kubectl = Kubectl.of(options)
    name = options.name
    try:
        with progress("Finding what would be deleted"):
            token, simulation = _confirmed(kubectl, options)
    except (
        NothingHeldError,
        RefusedError,
        service.ServiceError,
        service.UnreachableError,
    ) as error:
        print(error, file=sys.stderr)
        return ExitStatus.BAD_INPUT
    print_lines(_table(name, simulation))
    if not options.yes and not is_meant(f"Confirm this change of {name}?"):
        return ExitStatus.NOT_READY
    kubectl.run("annotate", SYNCERS, name, f"{CONFIRM_PRUNE}={token}", "--overwrite")
    print_lines(f"The change is confirmed; watch it with: kubectl cmsync status {name} --watch")
    return ExitStatus.ALL_READY


def _confirmed(kubectl: Kubectl, options: argparse.Namespace) -> tuple[str, Simulation]:
    """The token of the held change, and what happens in a cluster where it is confirmed.

    Raises NothingHeldError, KubectlError, RefusedError, ServiceError and UnreachableError.
    """
    name = options.name
    syncer: Object = json.loads(kubectl.run("get", SYNCERS, name, "--output=json"))
    token = _token(syncer)
    if not token:
        raise NothingHeldError(
            f"{SYNCER.kind} {name} holds no change, so there is nothing to confirm"
        )
    has_secrets = any(kind is SECRET for kind, _ in sources_of(syncer))
    schema = Schema.load()
    given = read_cluster(kubectl, schema, has_secrets=has_secrets)
    if given.problems:
        raise RefusedError(given.problems)
    manifest = next(m for m in given.manifests if m.reference == (SYNCER.kind, name))
    annotations = manifest.item["metadata"].get("annotations") or {}
    metadata = {"name": name, "annotations": annotations | {CONFIRM_PRUNE: token}}
    confirmed = replace(manifest, item={**manifest.item, "metadata": metadata})
    change = RequestedChange(Input((confirmed,)))
    installation = installed(options, has_secrets=has_secrets)
    with opened(options) as hook:
        simulation = simulate(given, change, hook, schema, installation)
    before = simulation.before[Reference(SYNCER, "", name)]
    if _token(before) != token:
        raise NothingHeldError(
            f"{SYNCER.kind} {name} now holds another change, or its hook has other settings or "
            "another version than the one here: look at its status again, or use --hook-url"
        )
    return token, simulation


def _token(syncer: Object) -> str:
    """The token of the change that a syncer holds; empty where it holds none."""
    return str((syncer.get("status") or {}).get(_TOKEN) or "")


def _table(name: str, simulation: Simulation) -> str:
    """The copies of the syncer that would go."""
    copies = [
        copy
        for copy in changes.copies(simulation.before, simulation.after)
        if copy.syncer == name and copy.happened is Happened.DELETED
    ]
    rows = [[f"{copy.namespace}/{copy.name}", copy.happened, copy.why] for copy in copies]
    heading = f"{SYNCER.kind} {name} would delete {counted(len(copies), 'copy', 'copies')}:"
    return "\n".join(
        map(printable, [heading, *render.table(["copy", "result", "why"], rows).split("\n")])
    )

"""The command `migrate`: carry the copies of another tool over to syncers.

It reads the cluster or a dump of one, and changes nothing. Exit status: 0 when everything is
carried over, 1 when something stays with the tool, 2 when the input cannot be used.
"""

import argparse
import contextlib
import io
import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from hooks.cli.exit_status import ExitStatus
from hooks.cli.kubectl import SYNCERS, Kubectl, KubectlError
from hooks.cli.streams import whole_output
from hooks.migration import dump_validation, report, script
from hooks.migration.controller import DEPLOYMENT
from hooks.migration.inventory import Inventory
from hooks.migration.migration import Migration, Way, migrate
from hooks.migration.options import Delivery, Tool
from hooks.migration.replicator import OTHER_KINDS
from hooks.migration.sources import Destination
from hooks.migration.trust_manager import BUNDLES
from hooks.preview.input import documents
from hooks.preview.input.documents import STANDARD_INPUT
from hooks.preview.input.source_locations import Problem
from hooks.preview.output import export
from hooks.preview.simulator.objects import (
    CONFIG_MAP,
    DEFAULT_NAMESPACE,
    NAMESPACE,
    SECRET,
    Object,
    Resource,
)
from hooks.preview.terminal import printable, progress

_OWN_KINDS: Final = {
    Tool.REFLECTOR: (),
    Tool.REPLICATOR: tuple(f"{kind.lower()}s" for kind in OTHER_KINDS),
    Tool.TRUST_MANAGER: (BUNDLES,),
}
"""What is read of each tool in addition to what is copied."""

_OPTIONAL: Final = (f"{DEPLOYMENT.lower()}s", SYNCERS)
"""What makes the steps better and need not be readable."""


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit status. Raises KubectlError and OutputError."""
    paths = [*options.path, *options.filename]
    _check(options, paths)
    problems: list[Problem] = []
    if paths:
        items = [*_dumped(paths, problems)]
    else:
        with progress("Reading the cluster"):
            items = [*_in_cluster(options)]
    if problems:
        print(*problems, sep="\n", file=sys.stderr)
        return ExitStatus.BAD_INPUT
    tool: Tool = getattr(options, "from")
    destination = Destination(options.apply_strategy, options.secrets)
    migration = migrate(
        tool, Inventory.of(items), destination, options.namespace, _way(options, paths)
    )
    with whole_output():
        _write(migration, options.output)
    return ExitStatus.ALL_READY if migration.is_complete else ExitStatus.NOT_READY


def _check(options: argparse.Namespace, paths: Sequence[str]) -> None:
    """End the program where options do not go together."""
    refuse = options.parser.error
    if not paths and not options.program.reads_cluster:
        refuse("the following arguments are required: DUMP")
    if paths.count(STANDARD_INPUT) > 1:
        refuse("standard input can be read only once")


def _dumped(paths: Sequence[str], problems: list[Problem]) -> Iterator[Object]:
    """The objects of a dump; what cannot be used is added to `problems`."""
    standard_input = sys.stdin.buffer if sys.stdin is not None else io.BytesIO()
    for location, item in documents.read(paths, standard_input, problems):
        if not all(isinstance(item.get(field), str) for field in ("apiVersion", "kind")):
            problems.append(Problem(str(location), "apiVersion and kind: Required value"))
            continue
        resource = dump_validation.resource_of(item)
        if resource is None:
            continue
        placed = _placed(resource, item)
        found = list(dump_validation.violations(resource, placed))
        problems += (Problem(location.at(said.partition(":")[0]), said) for said in found)
        if not found:
            yield placed


def _placed(resource: Resource, item: Object) -> Object:
    """An object; one that names no namespace where kubectl would create it."""
    metadata = item.get("metadata")
    if not resource.namespaced or not isinstance(metadata, dict) or metadata.get("namespace"):
        return item
    return {**item, "metadata": {**metadata, "namespace": DEFAULT_NAMESPACE}}


def _in_cluster(options: argparse.Namespace) -> Iterator[Object]:
    """The objects of the cluster. Raises KubectlError."""
    kubectl = Kubectl.of(options)
    copied = [CONFIG_MAP, *([SECRET] if options.secrets else [])]
    kinds = [NAMESPACE.plural, *(kind.plural for kind in copied)]
    yield from _listed(kubectl, [*kinds, *_OWN_KINDS[getattr(options, "from")]])
    for kind in _OPTIONAL:
        with contextlib.suppress(KubectlError):
            yield from _listed(kubectl, [kind])


def _listed(kubectl: Kubectl, kinds: Sequence[str]) -> Sequence[Object]:
    printed = kubectl.run("get", ",".join(kinds), "--all-namespaces", "--output=json")
    items: Sequence[Object] = json.loads(printed)["items"]
    return items


def _way(options: argparse.Namespace, paths: Sequence[str]) -> Way:
    """How the same command is called for the manifests alone."""
    tool = getattr(options, "from")
    cluster = [
        f"--{name}={value}"
        for name in ("context", "kubeconfig")
        if (value := getattr(options, name))
    ]
    command = [*options.program.name.split(), "migrate", "--from", tool, *paths]
    command += ["-n", options.namespace] if options.namespace else []
    command += ["--secrets"] if options.secrets else []
    if options.apply_strategy != options.parser.get_default("apply_strategy"):
        command += ["--apply-strategy", options.apply_strategy]
    manifests = f"from-{tool}.yaml"
    writing = shlex.join([*command, *cluster, "-o", "yaml"])
    return Way(f"{writing} > {manifests}", manifests, cluster)


def _write(migration: Migration, output: Delivery) -> None:
    match output:
        case Delivery.YAML:
            sys.stdout.write(export.documents(migration.manifests))
        case Delivery.JSON:
            json.dump(migration.as_json(), sys.stdout, indent=4)
            sys.stdout.write("\n")
        case Delivery.SCRIPT:
            print(*script.lines(migration), sep="\n")
        case Delivery.REPORT:
            for line in report.lines(migration):
                print(printable(line))

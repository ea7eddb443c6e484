"""The command `preview`: show what syncers do with given objects, or with those of a cluster.

The real hook is started and asked by an in-memory Metacontroller until only time would move things
on. Exit status: 0 when every syncer is Ready, 1 when one is not, 2 when the input cannot be used,
3 when something happens that --fail-on names.
"""

import argparse
import gc
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hooks.cli.cluster import CLUSTER, read_cluster
from hooks.cli.exit_status import ExitStatus
from hooks.cli.hook import installed, opened
from hooks.cli.kubectl import Kubectl
from hooks.cli.streams import whole_output
from hooks.preview import service, watch
from hooks.preview.input import manifests
from hooks.preview.input.documents import STANDARD_INPUT
from hooks.preview.input.manifests import Input
from hooks.preview.input.source_locations import Problem
from hooks.preview.kubectl import Reference
from hooks.preview.options import Output
from hooks.preview.output import fail_on
from hooks.preview.output.table import SimulationReport
from hooks.preview.simulation import RefusedError, RequestedChange, Simulation, plan, simulate
from hooks.preview.simulator.hook import Hook
from hooks.preview.simulator.objects import DEFAULT_NAMESPACE, SYNCER
from hooks.preview.simulator.schema import Schema
from hooks.preview.terminal import printable, progress


@dataclass(frozen=True, slots=True)
class _Request:
    """What is previewed: objects under `paths` or else of the cluster, and the change to them."""

    options: argparse.Namespace
    paths: list[str]
    namespace: str
    deleted: list[Reference]

    @classmethod
    def of(cls, options: argparse.Namespace) -> "_Request":
        """Check what the parser cannot; a mistake ends the program. Raises KubectlError."""
        refuse = options.parser.error
        paths = [*options.path, *options.filename]
        if not paths and not options.program.reads_cluster:
            refuse("the following arguments are required: PATH")
        if options.prune and not options.change:
            refuse("--prune needs --change")
        if options.fail_on and options.watch:
            refuse("--watch does not end, so there is no exit status for --fail-on")
        if paths and (options.context or options.kubeconfig):
            refuse("--context and --kubeconfig are for reading the cluster, and PATH is given")
        for option in ("watch", "prune"):
            if not paths and getattr(options, option):
                refuse(f"--{option} needs PATH: it is about files")
        namespace = options.namespace or DEFAULT_NAMESPACE
        if not paths and not options.namespace and (options.change or options.delete):
            namespace = Kubectl.of(options).namespace()
        deleted = []
        for text in options.delete:
            try:
                deleted.append(Reference.parse(text, namespace))
            except ValueError as error:
                refuse(f"argument --delete: {error}")
        return cls(options, paths, namespace, deleted)

    @property
    def sources(self) -> list[str]:
        """Everything that is read."""
        return [*(self.paths or [CLUSTER]), *self.options.change]


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit status. Raises KubectlError and OutputError."""
    request = _Request.of(options)
    schema = Schema.load()
    try:
        if options.watch:
            return _watch(request, schema)
        given, change = _read(request, schema)
        with progress("Simulating"), opened(options) as hook:
            simulation = _simulated(options, schema, given, change, hook)
    except RefusedError as error:
        print(error, file=sys.stderr)
        return ExitStatus.BAD_INPUT
    except service.UnreachableError as error:
        print(f"--hook-url: {error}", file=sys.stderr)
        return ExitStatus.BAD_INPUT
    except service.ServiceError as error:
        print(error, file=sys.stderr)
        return ExitStatus.NOT_READY
    return _show(_report(options, schema, given, change), simulation, options)


def _show(
    report: SimulationReport, simulation: Simulation, options: argparse.Namespace
) -> ExitStatus:
    with whole_output():
        report.write(simulation, sys.stdout)
    if found := fail_on.found(simulation.before, simulation.after, options.fail_on):
        for sentence in found:
            print(printable(f"--fail-on {sentence}"), file=sys.stderr)
        return ExitStatus.FAILED_ON
    return ExitStatus.ALL_READY if report.is_in_order(simulation) else ExitStatus.NOT_READY


def _simulated(
    options: argparse.Namespace,
    schema: Schema,
    given: Input,
    change: RequestedChange | None,
    hook: Hook,
) -> Simulation:
    way = plan if options.output is Output.PLAN else simulate
    return way(given, change, hook, schema, installed(options, has_secrets=options.secrets))


def _read(request: _Request, schema: Schema) -> tuple[Input, RequestedChange | None]:
    """The given objects, and the change to them.

    Raises RefusedError with every mistake, and KubectlError.
    """
    options = request.options
    if request.sources.count(STANDARD_INPUT) > 1:
        raise RefusedError([Problem(STANDARD_INPUT, "standard input can be read only once")])
    if request.paths:
        given = _read_files(request, request.paths, schema)
    else:
        with progress("Reading the cluster"):
            given = read_cluster(Kubectl.of(options), schema, has_secrets=options.secrets)
    applied = _read_files(request, options.change, schema)
    problems = [*given.problems, *applied.problems]
    is_shown = any(m.item["kind"] == SYNCER.kind for m in given.manifests + applied.manifests)
    if not problems and not is_shown and not options.allow_empty:
        where = ", ".join(request.sources)
        problems.append(Problem(where, f"there is no {SYNCER.kind} to show"))
    if problems:
        raise RefusedError(problems)
    if not options.change and not request.deleted:
        return given, None
    deleted = [*request.deleted, *(_pruned(given, applied) if options.prune else ())]
    return given, RequestedChange(applied, list(dict.fromkeys(deleted)), options.cascade)


def _read_files(request: _Request, paths: list[str], schema: Schema) -> Input:
    # A process can be started without a standard input.
    standard_input = sys.stdin.buffer if sys.stdin is not None else io.BytesIO()
    return manifests.read(
        paths,
        standard_input,
        schema,
        namespace=request.namespace,
        allow_empty=request.options.allow_empty,
    )


def _pruned(given: Input, applied: Input) -> Iterator[Reference]:
    """What somebody applied and no longer has in their manifests; a dump shows more than that."""
    kept = {manifest.reference for manifest in applied.manifests}
    return (
        Reference.of(manifest.item)
        for manifest in given.manifests
        if manifest.is_applied and manifest.reference not in kept
    )


def _report(
    options: argparse.Namespace, schema: Schema, given: Input, change: RequestedChange | None
) -> SimulationReport:
    inputs = [given, *([change.applied] if change else [])]
    return SimulationReport(
        schema,
        options.output,
        changes_only=change is not None,
        ignored=sum(each.ignored for each in inputs),
        without_namespace={
            Reference.of(manifest.item)
            for each in inputs
            for manifest in each.manifests
            if manifest.names_no_namespace
        },
        locations={
            Reference.of(manifest.item): manifest.location
            for each in inputs
            for manifest in each.manifests
        },
    )


def _watch(request: _Request, schema: Schema) -> int:
    """Run again and again until Ctrl-C; a mistake in a file is reported, and the run goes on."""
    options = request.options
    if STANDARD_INPUT in request.sources:
        raise RefusedError([Problem(STANDARD_INPUT, "standard input cannot be watched")])
    last: Simulation | None = None
    with opened(options) as hook:
        for _ in watch.changes(request.sources):
            try:
                given, change = _read(request, schema)
                simulation = _simulated(options, schema, given, change, hook)
            except RefusedError as error:
                print(error, file=sys.stderr)
                continue
            report = _report(options, schema, given, change)
            shown = simulation
            if last is not None:
                # A plan is shown next to what is there now, not next to the plan before it.
                if options.output is not Output.PLAN:
                    report = replace(report, changes_only=True)
                    shown = replace(simulation, before=watch.in_line(last.after, simulation.after))
                print(f"\n{simulation.now:%H:%M:%S} UTC, a file has changed:\n")
            report.write(shown, sys.stdout)
            sys.stdout.flush()
            last = simulation
            gc.collect()
    return ExitStatus.ALL_READY

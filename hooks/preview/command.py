"""The command line: show what syncers do with given objects, without a cluster.

The real hook is started and asked by an in-memory Metacontroller until only time would move things
on. Exit status: 0 when every syncer is Ready, 1 when one is not, 2 when the input cannot be used,
3 when something happens that --fail-on names.
"""

import argparse
import gc
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import IntEnum
from typing import TypeAlias

from hooks.preview import service, watch
from hooks.preview.input import manifests
from hooks.preview.input.documents import STANDARD_INPUT
from hooks.preview.input.manifests import Input
from hooks.preview.input.source_locations import Problem, printable
from hooks.preview.kubectl import Reference
from hooks.preview.output import fail_on
from hooks.preview.output.fail_on import Trigger
from hooks.preview.output.table import Output, SimulationReport
from hooks.preview.simulation import RefusedError, RequestedChange, Simulation, plan, simulate
from hooks.preview.simulator.appliers import APPLIERS
from hooks.preview.simulator.cluster import Propagation
from hooks.preview.simulator.hook import Hook
from hooks.preview.simulator.objects import SYNCER
from hooks.preview.simulator.registration import CHILDREN, CHILDREN_WITH_SECRETS, Installation
from hooks.preview.simulator.schema import Schema

Simulate: TypeAlias = Callable[
    [Input, RequestedChange | None, Hook, Schema, Installation], Simulation
]
"""A way to come to a simulation."""


class ExitStatus(IntEnum):
    """How the command ends."""

    ALL_READY = 0
    NOT_READY = 1
    BAD_INPUT = 2
    FAILED_ON = 3
    INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.prune and not options.change:
        parser.error("--prune needs --change")
    if options.fail_on and options.watch:
        parser.error("--watch does not end, so there is no exit status for --fail-on")
    schema = Schema.load()
    try:
        if options.watch:
            return _watch(options, schema)
        given, change = _read(options, schema)
        with _hook(options) as hook:
            simulation = _simulated(options)(given, change, hook, schema, _installed(options))
    except RefusedError as error:
        return _refuse(error)
    except service.UnreachableError as error:
        print(f"--hook-url: {error}", file=sys.stderr)
        return ExitStatus.BAD_INPUT
    report = _report(options, schema, given, change)
    try:
        with _readers_may_leave():
            report.write(simulation, sys.stdout)
            sys.stdout.flush()
    except OSError as error:
        _close_output()
        print(f"The result cannot be written: {error.strerror}", file=sys.stderr)
        return ExitStatus.BAD_INPUT
    if found := fail_on.found(simulation.before, simulation.after, options.fail_on):
        for sentence in found:
            print(printable(f"--fail-on {sentence}"), file=sys.stderr)
        return ExitStatus.FAILED_ON
    return ExitStatus.ALL_READY if report.is_in_order(simulation) else ExitStatus.NOT_READY


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hooks.preview",
        description=(
            "Show what ConfigMapSyncers do with the given objects, or what a change to them "
            "would do, without a cluster."
        ),
        epilog=(
            "Namespaces, ConfigMaps, Secrets and ConfigMapSyncers are read, as manifests or as "
            "`kubectl get -A --show-managed-fields -o yaml` prints them; everything else is "
            "counted and ignored. Values of Secrets are never printed. Exit status: 0 every "
            "syncer is Ready (of a plan: nothing would fail or be held), 1 one is not, 2 bad "
            "input, 3 something happens that --fail-on names."
        ),
    )
    parser.add_argument(
        "path", nargs="+", metavar="PATH", help="a YAML or JSON file, a folder of them, or -"
    )
    parser.add_argument(
        "--change",
        nargs="+",
        default=[],
        metavar="PATH",
        help="manifests to apply once the given objects have come to rest, as kubectl apply "
        "does; only what that changes is shown",
    )
    parser.add_argument(
        "--delete",
        action="append",
        default=[],
        type=_reference,
        metavar="KIND[/NAMESPACE]/NAME",
        help="an object to delete then; can be given more than once",
    )
    parser.add_argument(
        "--prune",
        action="store_true",
        help="also delete what is in a manifest of PATH and in none of --change, as Argo CD, "
        "Flux and kubectl apply --prune do",
    )
    parser.add_argument(
        "--cascade",
        type=Propagation,
        choices=list(Propagation),
        default=Propagation.BACKGROUND,
        help="what --delete does to what the object owns, as for kubectl delete "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        "-o",
        type=Output,
        choices=list(Output),
        default=Output.TABLE,
        help="table: what becomes of every copy, and why; diff: key by key, with values of "
        "ConfigMaps; plan: what each syncer would do to what is there now, suspended or not; "
        "yaml, json: all objects as they are at the end (default: %(default)s)",
    )
    parser.add_argument(
        "--fail-on",
        action="extend",
        default=[],
        type=_triggers,
        metavar="WHAT[,WHAT...]",
        help="exit status 3 when this happens: deletion (of a copy; also one that is held), "
        "take-over (of an object that no syncer made), no-targets (a syncer selects no "
        "namespace), change (of any copy); can be given more than once",
    )
    parser.add_argument(
        "--allow-empty",
        action="store_true",
        help="accept paths without objects, and input without a ConfigMapSyncer",
    )
    parser.add_argument(
        "--apply-strategy",
        choices=list(APPLIERS),
        default=next(iter(APPLIERS)),
        help="Metacontroller's flag of that name (default: %(default)s)",
    )
    parser.add_argument(
        "--secrets",
        action="store_const",
        dest="children",
        const=CHILDREN_WITH_SECRETS,
        default=CHILDREN,
        help="as if metacontroller/components/secrets were installed: Secrets are copied, too",
    )
    parser.add_argument(
        "--hook-url",
        metavar="URL",
        help="ask a hook that runs already, such as http://127.0.0.1:8080; its APPLY_STRATEGY "
        "must be the same",
    )
    parser.add_argument(
        "--watch",
        action="store_true",
        help="run again whenever a file changes, and show only what has changed",
    )
    return parser


def _reference(text: str) -> Reference:
    try:
        return Reference.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _triggers(text: str) -> list[Trigger]:
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in list(Trigger):
            raise argparse.ArgumentTypeError(f'"{word}" is none of {", ".join(Trigger)}')
    return [Trigger(word) for word in words]


def _simulated(options: argparse.Namespace) -> Simulate:
    return plan if options.output is Output.PLAN else simulate


def _installed(options: argparse.Namespace) -> Installation:
    # As metacontroller/local installs it.
    return Installation(options.apply_strategy, options.children, has_adoption=True)


def _read(options: argparse.Namespace, schema: Schema) -> tuple[Input, RequestedChange | None]:
    """The given objects, and the change to them. Raises RefusedError with every mistake."""
    paths = [*options.path, *options.change]
    if paths.count(STANDARD_INPUT) > 1:
        raise RefusedError([Problem(STANDARD_INPUT, "standard input can be read only once")])
    # A process can be started without a standard input.
    standard_input = sys.stdin.buffer if sys.stdin is not None else io.BytesIO()
    given, applied = (
        manifests.read(paths, standard_input, schema, allow_empty=options.allow_empty)
        for paths in (options.path, options.change)
    )
    problems = [*given.problems, *applied.problems]
    is_shown = any(m.item["kind"] == SYNCER.kind for m in given.manifests + applied.manifests)
    if not problems and not is_shown and not options.allow_empty:
        problems.append(Problem(", ".join(paths), f"there is no {SYNCER.kind} to show"))
    if problems:
        raise RefusedError(problems)
    if not options.change and not options.delete:
        return given, None
    deleted = [*options.delete, *(_pruned(given, applied) if options.prune else ())]
    return given, RequestedChange(applied, list(dict.fromkeys(deleted)), options.cascade)


def _pruned(given: Input, applied: Input) -> Iterator[Reference]:
    """What somebody applied and no longer has in their manifests; a dump shows more than that."""
    kept = {manifest.reference for manifest in applied.manifests}
    return (
        Reference.of(manifest.item)
        for manifest in given.manifests
        if manifest.is_applied and manifest.reference not in kept
    )


@contextmanager
def _hook(options: argparse.Namespace) -> Iterator[Hook]:
    if options.hook_url:
        with service.at(options.hook_url) as hook:
            yield hook
    else:
        with service.running(options.apply_strategy) as hook:
            yield hook


def _report(
    options: argparse.Namespace, schema: Schema, given: Input, change: RequestedChange | None
) -> SimulationReport:
    ignored = given.ignored + (change.applied.ignored if change else 0)
    return SimulationReport(
        schema, options.output, changes_only=change is not None, ignored=ignored
    )


def _watch(options: argparse.Namespace, schema: Schema) -> int:
    """Run again and again until Ctrl-C; a mistake in a file is reported, and the run goes on."""
    paths = [*options.path, *options.change]
    if STANDARD_INPUT in paths:
        raise RefusedError([Problem(STANDARD_INPUT, "standard input cannot be watched")])
    last: Simulation | None = None
    with _hook(options) as hook:
        for _ in watch.changes(paths):
            try:
                given, change = _read(options, schema)
                simulation = _simulated(options)(given, change, hook, schema, _installed(options))
            except RefusedError as error:
                _refuse(error)
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


def _refuse(error: RefusedError) -> int:
    for problem in error.problems:
        print(problem, file=sys.stderr)
    return ExitStatus.BAD_INPUT


def _stop(*_: object) -> None:
    """Unwind, so that the service that was started ends with this process."""
    raise KeyboardInterrupt


@contextmanager
def _readers_may_leave() -> Iterator[None]:
    """Let a reader such as `head` stop early: what happens is the same."""
    try:
        yield
    except BrokenPipeError:
        _close_output()


def _close_output() -> None:
    """Let what is still to be written go nowhere: Python would try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run() -> int:
    """Run the command in a process of its own: quiet at Ctrl-C and where nobody reads on."""
    signal.signal(signal.SIGTERM, _stop)
    status: int = ExitStatus.NOT_READY
    # A process can be started with nothing to write to, and then there is no stream at all.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stderr = sys.stderr or sys.stdout
    for stream in (sys.stdout, sys.stderr):
        # Values are UTF-8 wherever they are printed; a name of a file can be any bytes.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    # Objects of a cluster refer to no other in a circle, and looking for circles among them took a
    # third of the time. A watch, which lives longer, looks once a run.
    gc.disable()
    try:
        with _readers_may_leave():
            status = main()
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except service.ServiceError as error:
        print(error, file=sys.stderr)
        return ExitStatus.NOT_READY
    return status

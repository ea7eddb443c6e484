"""Show what syncers do with given manifests, without a cluster: `python -m hooks.preview PATH…`.

The real hook is started and asked by an in-memory Metacontroller until nothing changes. Exit
status: 0 when every syncer is Ready, 1 when one is not, 2 when the input cannot be used.
"""

import argparse
import signal
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import Final

from hooks.preview import manifests, outcome, render, service
from hooks.preview.clock import Clock
from hooks.preview.cluster import Cluster
from hooks.preview.manifests import Manifest
from hooks.preview.metacontroller import DoesNotSettleError, Metacontroller
from hooks.preview.objects import CONFIG_MAP, NAMESPACE, SYNCER, ApiError, Object, name_of
from hooks.preview.schema import Schema

_ORDER: Final = (NAMESPACE.kind, CONFIG_MAP.kind, SYNCER.kind)


class ExitStatus(IntEnum):
    """How the command ends."""

    ALL_READY = 0
    NOT_READY = 1
    BAD_INPUT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    paths = _parser().parse_args(arguments).path
    schema = Schema.load()
    given = manifests.read(paths, sys.stdin, schema)
    problems = [*given.problems]
    if not problems and not any(item.item["kind"] == SYNCER.kind for item in given.manifests):
        place = ", ".join(paths)
        problems.append(manifests.Problem(place, f"there is no {SYNCER.kind} to show"))
    clock = Clock(datetime.now(UTC))
    cluster = Cluster(clock, schema)
    assumed = _assumed_namespaces(cluster, given.manifests)
    if not problems:
        problems += _fill(cluster, assumed, given.manifests)
    if problems:
        for problem in problems:
            print(problem, file=sys.stderr)
        return ExitStatus.BAD_INPUT
    return _run(cluster, clock, schema, _notes(assumed, given.ignored))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hooks.preview",
        description="Show what ConfigMapSyncers do with the given objects, without a cluster.",
        epilog=(
            "Namespaces, ConfigMaps and ConfigMapSyncers are read, everything else is counted and "
            "ignored. Exit status: 0 every syncer is Ready, 1 one is not, 2 bad input."
        ),
    )
    parser.add_argument(
        "path", nargs="+", metavar="PATH", help="a YAML or JSON file, a folder of them, or - "
    )
    return parser


def _assumed_namespaces(cluster: Cluster, given: Iterable[Manifest]) -> list[str]:
    """Namespaces that hold a ConfigMap but have no manifest: they must exist, or it could not."""
    known = {name_of(item) for item in cluster.look_all(NAMESPACE.kind)}
    known |= {name_of(item.item) for item in given if item.item["kind"] == NAMESPACE.kind}
    held = {
        item.item["metadata"]["namespace"] for item in given if item.item["kind"] == CONFIG_MAP.kind
    }
    return sorted(held - known)


def _fill(
    cluster: Cluster, assumed: Iterable[str], given: Sequence[Manifest]
) -> list[manifests.Problem]:
    """Put the objects into the cluster; what it refuses is a problem of the manifest."""
    for name in assumed:
        cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    problems = []
    for kind in _ORDER:
        for manifest in given:
            if manifest.item["kind"] == kind:
                try:
                    cluster.restore(manifest.item)
                except ApiError as error:
                    problems.append(manifests.Problem(str(manifest.place), error.message))
    return problems


def _notes(assumed: Sequence[str], ignored: int) -> list[str]:
    notes = []
    if assumed:
        notes.append(
            f"Assumed to exist, because ConfigMaps are in them: namespace {', '.join(assumed)}"
        )
    if ignored:
        objects = "1 object" if ignored == 1 else f"{ignored} objects"
        notes.append(
            f"Ignored: {objects} of other kinds than {NAMESPACE.kind}, {CONFIG_MAP.kind} "
            f"and {SYNCER.kind}"
        )
    return notes


def _run(cluster: Cluster, clock: Clock, schema: Schema, notes: Iterable[str]) -> int:
    before = list(cluster.look_all(CONFIG_MAP.kind))
    with service.running() as hook:
        metacontroller = Metacontroller(cluster, hook, clock)
        try:
            metacontroller.settle()
            unsettled = ""
        except DoesNotSettleError as error:
            unsettled = str(error)
        clock.move_to(max(clock.now(), datetime.now(UTC)))
    syncers = list(cluster.look_all(SYNCER.kind))
    print(render.syncers(schema.columns, syncers, clock.now()))
    print()
    print(_copies(before, cluster))
    failures = [*_failures(syncers), *dict.fromkeys(_events(metacontroller))]
    if unsettled:
        failures.append(unsettled)
    if failures:
        print("\nNot in order:")
        print("\n".join(f"- {failure}" for failure in failures))
    for note in notes:
        print(f"\n{note}")
    all_ready = not unsettled and all(_is_ready(item) for item in syncers)
    return ExitStatus.ALL_READY if all_ready else ExitStatus.NOT_READY


def _copies(before: Iterable[Object], cluster: Cluster) -> str:
    found = outcome.copies(before, cluster)
    if not found:
        return "No copies."
    return render.table(
        ["copy", "syncer", "result", "keys"],
        (
            [f"{copy.namespace}/{copy.name}", copy.syncer, copy.happened, ", ".join(copy.keys)]
            for copy in found
        ),
    )


def _failures(syncers: Iterable[Object]) -> Iterable[str]:
    """One sentence for each syncer that is not Ready, and one for each namespace that fails."""
    for item in syncers:
        if _is_ready(item):
            continue
        ready = _condition(item, "Ready")
        said = f"{ready['reason']}: {ready['message']}" if ready else "the hook gave no answer"
        yield f"{name_of(item)}: {said}"
        for failure in (item.get("status") or {}).get("failures") or ():
            yield (
                f"{name_of(item)}, namespace {failure['namespace']}: "
                f"{failure['reason']}: {failure['message']}"
            )


def _events(metacontroller: Metacontroller) -> Iterable[str]:
    for event in metacontroller.events:
        yield f"{event.syncer}: {event.message}"


def _is_ready(item: Object) -> bool:
    ready = _condition(item, "Ready")
    generation = item["metadata"]["generation"]
    current = (item.get("status") or {}).get("observedGeneration") == generation
    return ready is not None and ready["status"] == "True" and current


def _condition(item: Object, wanted: str) -> Object | None:
    conditions: list[Object] = (item.get("status") or {}).get("conditions") or []
    return next((entry for entry in conditions if entry["type"] == wanted), None)


def _stop(*_: object) -> None:
    """Unwind, so that the service that was started ends with this process."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except service.ServiceError as error:
        print(error, file=sys.stderr)
        sys.exit(ExitStatus.NOT_READY)

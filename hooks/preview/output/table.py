"""Compose what is printed of a simulation: for people as tables or a diff, for tools as objects.

Values of ConfigMaps stand in the diff and in the objects alone; those of Secrets nowhere.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TextIO

from hooks.preview.input.source_locations import SourceLocation
from hooks.preview.kubectl import Reference
from hooks.preview.options import Output
from hooks.preview.output import changes, diff, export, plan_report, render, rollout_report
from hooks.preview.output.changes import Happened
from hooks.preview.output.hints import hints
from hooks.preview.output.invalid_content import located
from hooks.preview.simulation import Simulation, is_same
from hooks.preview.simulator.objects import (
    COPIED,
    NAMESPACE,
    SYNCER,
    Object,
    has_been_looked_at,
    name_of,
)
from hooks.preview.simulator.schema import Schema
from hooks.preview.terminal import is_plain, printable

_OVERDUE: Final = ("NotApplied", "NotRemoved")
"""Why a namespace fails whose copy is asked for, or deleted, again and again."""
_WAITS: Final = {
    "AwaitingApproval": "approval of its rollout",
    "Soaking": "the end of a soak",
    "Halted": "a correction of its source, or approval of its rollout",
}
"""What the copies of a rollout wait for, by its phase, where that is no write."""
_ROLLING_OUT: Final = ("RolloutProgressing", "AwaitingApproval")
"""Why a syncer is not Ready that waits only for time and approvals."""


@dataclass(frozen=True, slots=True)
class SimulationReport:
    """How a simulation is printed; `changes_only` leaves out what stayed as it was.

    `without_namespace` are objects whose manifests name no namespace, and `locations` say where the
    manifests were read.
    """

    schema: Schema
    output: Output
    changes_only: bool = False
    ignored: int = 0
    without_namespace: Collection[Reference] = ()
    locations: Mapping[Reference, SourceLocation] = field(default_factory=dict)

    def write(self, simulation: Simulation, to: TextIO) -> None:
        """Print a simulation."""
        items = simulation.after.values()
        match self.output:
            case Output.YAML:
                export.write_yaml(items, to)
            case Output.JSON:
                export.write_json(items, to)
            case Output.DIFF:
                to.writelines(f"{line}\n" for line in self._diff(simulation, to))
            case Output.TABLE | Output.WIDE:
                to.write("\n\n".join(map(_without_commands, self._sections(simulation))) + "\n")
            case Output.PLAN:
                to.write("\n\n".join(map(_without_commands, self._plans(simulation))) + "\n")

    def is_in_order(self, simulation: Simulation) -> bool:
        """Whether every syncer is or will be Ready, or of a plan: whether nothing would fail."""
        if self.output is Output.PLAN:
            return not simulation.errors and not any(plan_report.problems(simulation.after))
        return not simulation.errors and not any(_failures(simulation))

    def _diff(self, simulation: Simulation, to: TextIO) -> Iterator[str]:
        coloured = not is_plain(to)
        nothing = True
        for line in diff.lines(simulation.before, simulation.after, coloured=coloured):
            nothing = False
            yield line
        if nothing:
            yield "Nothing changes."
        for section in self._remarks(simulation):
            yield ""
            yield _without_commands(section)

    def _sections(self, simulation: Simulation) -> Iterator[str]:
        syncers = [
            item
            for reference, item in simulation.after.items()
            if reference.resource is SYNCER and not self._is_left_out(simulation, item)
        ]
        copies = [
            copy
            for copy in changes.copies(simulation.before, simulation.after)
            if not self.changes_only or copy.happened is not Happened.UNCHANGED
        ]
        if syncers:
            is_wide = self.output is Output.WIDE
            yield render.syncers(self.schema.columns, syncers, simulation.now, is_wide=is_wide)
        if copies:
            yield _table(copies)
        elif self.changes_only:
            yield "No copy changes."
        else:
            yield "No copies."
        yield from self._remarks(simulation)

    def _plans(self, simulation: Simulation) -> Iterator[str]:
        yield from plan_report.sections(
            simulation.before, simulation.after, changes_only=self.changes_only
        )
        yield from self._remarks(simulation)

    def _is_left_out(self, simulation: Simulation, syncer: Object) -> bool:
        old = simulation.before.get(Reference.of(syncer))
        return self.changes_only and old is not None and is_same(old, syncer)

    def _remarks(self, simulation: Simulation) -> Iterator[str]:
        gone = [
            reference.name
            for reference in simulation.before.keys() - simulation.after.keys()
            if reference.resource is SYNCER
        ]
        yield from _section("Deleted:", [f"{SYNCER.kind} {name}" for name in sorted(gone)])
        is_plan = self.output is Output.PLAN
        yield from rollout_report.sections(simulation.rollouts)
        failures = plan_report.problems(simulation.after) if is_plan else _failures(simulation)
        places = located(simulation.after, self.locations)
        yield from _section("Problems:", [*failures, *places, *simulation.errors])
        if not is_plan:
            yield from _section("Waiting for time to pass:", _waiting(simulation))
        yield from hints(simulation.after, self.without_namespace)
        yield from simulation.assumptions
        if self.ignored:
            objects = "1 object" if self.ignored == 1 else f"{self.ignored} objects"
            yield (
                f"Ignored: {objects} of other kinds than "
                f"{', '.join(each.kind for each in (NAMESPACE, *COPIED))} and {SYNCER.kind}"
            )


def _table(copies: Sequence[changes.Copy]) -> str:
    return render.table(
        ["copy", "syncer", "result", "keys", "why"],
        (
            [
                f"{copy.namespace}/{copy.name}",
                copy.syncer,
                copy.happened,
                changes.keys_or_count(list(copy.keys)),
                copy.why,
            ]
            for copy in copies
        ),
    )


def _without_commands(section: str) -> str:
    """What a hook says in a status or an error cannot take hold of the terminal."""
    return "\n".join(map(printable, section.split("\n")))


def _section(heading: str, entries: Sequence[str]) -> Iterator[str]:
    if entries:
        yield "\n".join([heading, *(f"- {entry}" for entry in entries)])


def _failures(simulation: Simulation) -> Iterator[str]:
    """One sentence for each syncer that is not Ready, and one for each namespace that fails.

    A rollout that goes through all its stages, given time and approvals, is no failure.
    """
    going = {rollout.syncer for rollout in simulation.rollouts if not rollout.stopped}
    for reference, item in simulation.after.items():
        if reference.resource is not SYNCER or _is_ready(item):
            continue
        if reference.name in going and _is_rolling_out(item):
            continue
        ready = _condition(item, "Ready")
        said = f"{ready['reason']}: {ready['message']}" if ready else "the hook gave no answer"
        yield f"{name_of(item)}: {said}"
        for failure in (item.get("status") or {}).get("failures") or ():
            yield (
                f"{name_of(item)}, namespace {failure['namespace']}: "
                f"{failure['reason']}: {failure.get('message', '')}"
            )


def _waiting(simulation: Simulation) -> list[str]:
    """Which syncers wait for what; a timer that is left over when nothing waits says nothing."""
    waiting = []
    for reference, item in simulation.after.items():
        seconds = simulation.waiting.get(reference.name)
        status = item.get("status") or {}
        refused = [f for f in status.get("failures") or () if f["reason"] in _OVERDUE]
        if reference.resource is SYNCER and seconds is not None:
            number = status.get("pendingCount", 0) + len(refused)
            is_known = has_been_looked_at(item)
            phase = (status.get("rollout") or {}).get("phase", "")
            if number and is_known and not refused and phase in _WAITS:
                waiting.append(f"{name_of(item)} waits for {_WAITS[phase]}")
            elif number or not is_known:
                what = f"{number} of its copies" if is_known else "an answer of the hook"
                waiting.append(f"{name_of(item)} waits for {what}, asked again in {seconds:.0f} s")
    return waiting


def _is_ready(item: Object) -> bool:
    ready = _condition(item, "Ready")
    return ready is not None and ready["status"] == "True" and _is_current(item)


def _is_rolling_out(item: Object) -> bool:
    """Whether a syncer waits for nothing but its rollout."""
    ready = _condition(item, "Ready")
    return ready is not None and ready["reason"] in _ROLLING_OUT and _is_current(item)


def _is_current(item: Object) -> bool:
    generation = item["metadata"]["generation"]
    return bool((item.get("status") or {}).get("observedGeneration") == generation)


def _condition(item: Object, type_: str) -> Object | None:
    conditions: list[Object] = (item.get("status") or {}).get("conditions") or []
    return next((entry for entry in conditions if entry["type"] == type_), None)

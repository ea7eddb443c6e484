"""A migration as a whole: the syncers with their names, what stays behind, and the steps."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hooks.migration import reflector, replicator, sources, trust_manager
from hooks.migration.carrying import Carried, carry
from hooks.migration.controller import ToolController, controller
from hooks.migration.inventory import Inventory
from hooks.migration.options import Tool
from hooks.migration.replication import Finding, Findings
from hooks.migration.sources import Destination
from hooks.migration.steps import Departure, MigrationStep, steps
from hooks.preview.simulator.objects import Object, name_of, namespace_of

_LONGEST_NAME: Final = 63
_HASH_LENGTH: Final = 8


@dataclass(frozen=True, slots=True)
class Migration:
    """What is carried over, what is not, what is different afterwards, and how it is done."""

    controller: ToolController
    carried: Sequence[Carried]
    not_carried: Sequence[Finding]
    differences: Sequence[Finding]
    steps: Sequence[MigrationStep]

    @property
    def manifests(self) -> list[Object]:
        """Everything to apply: new sources first, and then the syncers."""
        sources_first = [item for each in self.carried for item in each.replication.new_objects]
        return [*sources_first, *(each.manifest for each in self.carried)]

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left for the tool to do."""
        return not self.not_carried

    def as_json(self) -> Mapping[str, Any]:
        """The same for other programs."""
        return {
            "from": str(self.controller.tool),
            "manifests": self.manifests,
            "notCarriedOver": [*map(_finding_as_json, self.not_carried)],
            "differences": [*map(_finding_as_json, self.differences)],
            "steps": [
                {"title": step.title, "why": step.why, "commands": list(step.commands)}
                for step in self.steps
            ],
        }


@dataclass(frozen=True, slots=True)
class Way:
    """How the command was called, as far as the steps repeat it."""

    writing: str
    manifests: str
    cluster: Sequence[str]


def migrate(
    tool: Tool, inventory: Inventory, destination: Destination, namespace: str | None, way: Way
) -> Migration:
    """Carry over what a tool copies; `namespace` is where it runs, if that is known."""
    running = controller(tool, inventory, namespace)
    findings = _find(tool, inventory, running)
    carried: list[Carried] = []
    not_carried = list(findings.not_carried)
    differences: list[Finding] = []
    for replication in findings.replications:
        result = carry(replication, inventory)
        not_carried += result.not_carried
        if result.carried is None:
            continue
        refusals = list(sources.refused(result.carried, destination))
        not_carried += refusals
        if not refusals:
            carried.append(result.carried)
            differences += result.differences
    named = list(_named(carried, inventory.syncer_names))
    departure = Departure(
        named,
        running,
        destination.strategy,
        way.writing,
        way.manifests,
        way.cluster,
        is_needed_on=bool(not_carried),
    )
    return Migration(running, named, not_carried, differences, steps(departure))


def _find(tool: Tool, inventory: Inventory, running: ToolController) -> Findings:
    if tool is Tool.REFLECTOR:
        return reflector.find(inventory)
    if tool is Tool.REPLICATOR:
        return replicator.find(inventory, allows_all=running.allows_all)
    return trust_manager.find(inventory, running.trust_namespace)


def _named(carried: Sequence[Carried], existing: set[str]) -> Iterator[Carried]:
    """Each under a name of its own: the copies' name, with more where that is not enough."""
    used = set(existing)
    common = Counter(each.replication.name for each in carried)
    for each in carried:
        name = each.replication.name
        source = each.replication.source
        candidates = [
            *([name] if common[name] == 1 else []),
            f"{namespace_of(source)}-{name}",
            f"{namespace_of(source)}-{name}-{source['kind'].lower()}",
            f"{namespace_of(source)}-{name_of(source)}-{name}-{source['kind'].lower()}",
        ]
        fitting = [text for text in map(_short, candidates) if text not in used]
        chosen = fitting[0] if fitting else _short(f"{candidates[-1]}-{len(used)}")
        used.add(chosen)
        yield each.named(chosen)


def _short(name: str) -> str:
    """A name that fits into a label; of a long one, the beginning and a digest."""
    if len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{name[: _LONGEST_NAME - _HASH_LENGTH - 1].rstrip('.-')}-{digest}"


def _finding_as_json(finding: Finding) -> Mapping[str, str]:
    command = {"command": finding.command} if finding.command else {}
    return {"about": finding.about, "why": finding.why, **command}

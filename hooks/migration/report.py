"""Print a migration for people: syncers, what stays behind, differences, and the steps."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from hooks.api.text import counted
from hooks.migration.carrying import Carried
from hooks.migration.migration import Migration
from hooks.migration.replication import Finding
from hooks.migration.steps import MigrationStep
from hooks.preview.output import render

_WIDTH: Final = 100


def lines(migration: Migration) -> Iterator[str]:
    """The report, line by line."""
    title = migration.controller.title
    copies = sum(len(each.kept) for each in migration.carried)
    carried = counted(len(migration.carried), "syncer")
    yield f"{title}: {carried} can take over {counted(copies, 'copy', 'copies')}."
    if migration.carried:
        yield ""
        yield from render.table(
            ["syncer", "source", "copies", "targets"], map(_row, migration.carried)
        ).split("\n")
    yield from _findings(f"Stays with {title}:", migration.not_carried)
    yield from _findings("Is different afterwards:", migration.differences)
    for number, step in enumerate(migration.steps, 1):
        yield ""
        yield from _step(number, step)


def _row(carried: Carried) -> Sequence[str]:
    spec = carried.spec
    targets = [*spec.get("targetNamespaces", ())]
    targets += ["by label"] if "namespaceSelector" in spec else []
    excluded = spec.get("excludeNamespaces", ())
    without = f", without {', '.join(excluded)}" if excluded else ""
    source = carried.replication.source
    place = f"{source['metadata']['namespace']}/{source['metadata']['name']}"
    return [
        carried.name,
        f"{source['kind']} {place}",
        str(len(carried.kept)),
        f"{', '.join(targets)}{without}",
    ]


def _findings(heading: str, findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        return
    yield ""
    yield heading
    for finding in findings:
        yield from _wrapped(f"- {finding.about}: {finding.why}", "  ")
        if finding.command:
            yield f"    $ {finding.command}"


def _step(number: int, step: MigrationStep) -> Iterator[str]:
    yield f"{number}. {step.title}"
    yield from _wrapped(f"   {step.why}", "   ")
    for command in step.commands:
        yield f"    $ {command}"


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )

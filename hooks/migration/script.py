"""Write the steps of a migration as a shell script that needs no other file."""

from collections.abc import Iterator
from typing import Final

from hooks.migration.migration import Migration
from hooks.migration.replication import Finding
from hooks.migration.steps import MigrationStep
from hooks.preview.output import export
from hooks.preview.terminal import printable

_END: Final = "END_OF_MANIFESTS"


def lines(migration: Migration) -> Iterator[str]:
    """The script: what stays behind as remarks, and the steps that change something."""
    yield "#!/bin/sh"
    yield f"# From {migration.controller.title} to ConfigMap Syncer. Read it before you run it."
    yield "set -e"
    for heading, findings in (
        (f"Stays with {migration.controller.title}:", migration.not_carried),
        ("Is different afterwards:", migration.differences),
    ):
        if findings:
            yield f"# {heading}"
            yield from map(_remark, findings)
    for step in migration.steps:
        if step.is_reading:
            continue
        yield ""
        yield f"# {step.title}"
        yield f"# {step.why}"
        yield from _commands(step, migration)


def _remark(finding: Finding) -> str:
    return printable(f"# - {finding.about}: {finding.why}").replace("\n", " ")


def _commands(step: MigrationStep, migration: Migration) -> Iterator[str]:
    for command in step.commands:
        if step.file and command.endswith(step.file):
            text = export.documents(migration.manifests)
            yield f"{command.removesuffix(step.file)}- <<'{_END}'\n{text}{_END}"
        else:
            yield command

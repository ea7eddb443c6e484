"""One thing that a tool copies: from where, under which name, into which namespaces.

What every tool's module makes of its annotations or objects, and what the rest of this package
works with.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from hooks.migration.choice import NamespaceChoice
from hooks.preview.simulator.objects import Object, Resource


@dataclass(frozen=True, slots=True)
class Marks:
    """What a tool knows its copies by: annotations, labels, and the uids of owners."""

    annotations: Collection[str] = ()
    labels: Collection[str] = ()
    owners: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Replication:
    """What a tool copies from one source under one name.

    `copies` are by namespace; those in `pulled` were asked for by an annotation of their own, and
    the others by the source. `source_marks` are the annotations that make the tool push, and
    `permissions` those that let a copy pull. `fields` are more fields of the spec. `new_objects`
    have to be created with the syncer, and `source_patch` makes the source what the copies are.
    """

    resource: Resource
    source: Object
    name: str
    choice: NamespaceChoice
    copies: Mapping[str, Object]
    marks: Marks
    pulled: Collection[str] = ()
    source_marks: Sequence[str] = ()
    permissions: Sequence[str] = ()
    fields: Mapping[str, object] = field(default_factory=dict)
    new_objects: Sequence[Object] = ()
    source_patch: Object | None = None
    differences: Sequence[str] = ()
    retired: Sequence[Object] = ()
    """Objects of the tool that are deleted at the end, such as a Bundle."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that cannot be carried over: about what, why, and a command that changes it."""

    about: str
    why: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a tool copies, and what of it no syncer can."""

    replications: Sequence[Replication]
    not_carried: Sequence[Finding]

"""Who wrote which fields of an object, as `metadata.managedFields` say it."""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

import msgspec
from msgspec import Raw, Struct

_Fields = Mapping[str, Raw]
"""Owned fields by their names, each with `f:` before it; the map that holds them is `.`."""


class _FieldsV1Metadata(Struct, frozen=True, gc=False):
    labels: _Fields | None = msgspec.field(name="f:labels", default=None)
    annotations: _Fields | None = msgspec.field(name="f:annotations", default=None)


class _FieldsV1(Struct, frozen=True, gc=False):
    metadata: _FieldsV1Metadata | None = msgspec.field(name="f:metadata", default=None)
    data: _Fields | None = msgspec.field(name="f:data", default=None)
    binary_data: _Fields | None = msgspec.field(name="f:binaryData", default=None)
    immutable: Raw = msgspec.field(name="f:immutable", default=Raw(b""))


class FieldManager(Struct, frozen=True, gc=False):
    """One entry of `metadata.managedFields`: who wrote, in which way, and the fields they own.

    A hint and no proof, because anybody can write under any name.
    """

    manager: str = ""
    operation: str = ""
    fields: _FieldsV1 = msgspec.field(name="fieldsV1", default=_FieldsV1())
    time: str | None = None

    @property
    def written(self) -> datetime | None:
        """When it last set a field; None where that is not said, or not understood."""
        try:
            written = datetime.fromisoformat(self.time or "")
            return None if written.tzinfo is None else written.astimezone(UTC)
        except (OverflowError, ValueError):
            return None

    @property
    def labels(self) -> Collection[str]:
        """The names of the labels that it owns."""
        return _names(self._metadata.labels)

    @property
    def annotations(self) -> Collection[str]:
        """The names of the annotations that it owns."""
        return _names(self._metadata.annotations)

    @property
    def keys(self) -> AbstractSet[str]:
        """The keys of `data` and `binaryData` that it owns."""
        return _names(self.fields.data) | _names(self.fields.binary_data)

    @property
    def owns_content(self) -> bool:
        """Whether it owns anything of `data` or `binaryData`, be it an empty map."""
        return self.fields.data is not None or self.fields.binary_data is not None

    @property
    def owns_immutable(self) -> bool:
        """Whether it owns `immutable`, the field and no key of that name."""
        return bool(self.fields.immutable)

    def owns_label(self, name: str) -> bool:
        """Whether it owns a label."""
        return f"f:{name}" in (self._metadata.labels or {})

    def owns_annotation(self, name: str) -> bool:
        """Whether it owns an annotation."""
        return f"f:{name}" in (self._metadata.annotations or {})

    @property
    def _metadata(self) -> _FieldsV1Metadata:
        return self.fields.metadata or _FieldsV1Metadata()


def _names(fields: _Fields | None) -> AbstractSet[str]:
    return {name.removeprefix("f:") for name in fields or () if name != "."}

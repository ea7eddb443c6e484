"""Name the fields that the API server would refuse, and compose its refusal of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hooks.preview.simulator.objects import ApiError, Resource


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field that the API server would refuse, by its path, and why."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def invalid(resource: Resource, name: str, violations: Sequence[object]) -> ApiError:
    """The refusal (422) that names every violation."""
    sentences = [str(violation) for violation in violations]
    said = sentences[0] if len(sentences) == 1 else f"[{', '.join(sentences)}]"
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    return ApiError(422, "Invalid", f'{kind} "{name}" is invalid: {said}')


def strings(values: object) -> Mapping[str, str] | None:
    """A map of strings, empty where it is absent; None where it is something else."""
    if values is None:
        return {}
    if isinstance(values, dict) and all(
        isinstance(key, str) and isinstance(value, str) for key, value in values.items()
    ):
        return values
    return None

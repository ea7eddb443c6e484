"""The objects that the benchmarks of the real thing make."""

from collections.abc import Mapping
from typing import Any

_API_VERSIONS = {"ConfigMapSyncer": "config.example.com/v1alpha1"}


def manifest(
    kind: str,
    name: str,
    namespace: str | None = None,
    *,
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """An object with nothing but its name and labels."""
    metadata: dict[str, Any] = {"name": name}
    metadata |= {"namespace": namespace} if namespace else {}
    metadata |= {"labels": labels} if labels else {}
    return {"apiVersion": _API_VERSIONS.get(kind, "v1"), "kind": kind, "metadata": metadata}

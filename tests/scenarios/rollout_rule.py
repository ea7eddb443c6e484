"""What docs/rollout.md permits a target to hold, by what is recorded; without the service."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from tests.scenarios.story import Manifest

REVISION = "config.example.com/revision"
"""The annotation on a copy that names the revision that it holds."""


def place_of(stages: list[Manifest], namespace: Manifest) -> int:
    """The place of the first stage that selects a Namespace."""
    name, labels = namespace["metadata"]["name"], namespace["metadata"].get("labels", {})
    for place, stage in enumerate(stages[:-1]):
        selector = stage.get("namespaceSelector", {"x-nothing": "x"})
        if any(fnmatchcase(name, glob) for glob in stage.get("targetNamespaces", ())) or (
            selector.items() <= labels.items()
        ):
            return place
    return len(stages) - 1


def permitted(syncer: Manifest, namespace: Manifest) -> Iterator[str]:
    """The revisions that a target may hold by what is recorded."""
    spec, status = syncer["spec"], syncer["status"]["rollout"]
    yield from (status.get("stableRevision"), spec.get("pinnedRevision"))
    names = [stage["name"] for stage in spec["rollout"]["stages"]]
    is_everywhere = status["phase"] in ("Complete", "Pinned")
    stage = status.get("stage")
    # Without a stage, a rollout waits to be begun.
    is_reached = stage is not None and (
        stage not in names or place_of(spec["rollout"]["stages"], namespace) <= names.index(stage)
    )
    if status["phase"] != "RolledBack" and (is_everywhere or is_reached):
        yield status["updateRevision"]


def broken(
    syncer: Manifest | None, namespace: Manifest | None, old: Manifest | None, new: Manifest
) -> str | None:
    """What a write of a copy breaks; None where it gives the copy no other content than before."""
    held = _revision(new)
    if held is None or held == _revision(old) or syncer is None or namespace is None:
        return None
    if old is not None and _content(old) == _content(new):
        # The content of a Secret has another name where the source has another version.
        return None
    if "rollout" not in syncer["spec"] or "rollout" not in syncer.get("status", {}):
        return None
    if held in permitted(syncer, namespace):
        return None
    recorded = syncer["status"]["rollout"]
    return f"{namespace['metadata']['name']} got {held}, while {recorded} was recorded"


def _revision(copy: Manifest | None) -> str | None:
    annotations = (copy or {}).get("metadata", {}).get("annotations", {})
    held: str | None = annotations.get(REVISION)
    return held


def _content(copy: Manifest) -> object:
    return [copy.get(name) for name in ("type", "data", "binaryData")]

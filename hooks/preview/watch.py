"""Notice when a file changes, and tell apart what is other than in the run before.

Two runs make two clusters: uids, versions and times differ without anything having changed. So
the objects of the earlier run are brought into line with those of the later one first.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from hooks.preview.input import documents
from hooks.preview.simulation import State
from hooks.preview.simulator.objects import (
    CONTROLLER_UID,
    Object,
    labels_of,
    owners_of,
    with_metadata,
)
from hooks.preview.simulator.ownership import LAST_APPLIED

_POLL_SECONDS: Final = 0.25
_OF_ONE_RUN: Final = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "managedFields",
)
_TIMES: Final = ("lastSyncTime", "pendingSince")


def changes(paths: Sequence[str]) -> Iterator[None]:
    """Yield at once, and again whenever a file under the paths comes, goes or changes."""
    seen: Mapping[Path, tuple[int, int]] | None = None
    while True:
        found = _versions(paths)
        if found != seen:
            seen = found
            yield
        else:
            time.sleep(_POLL_SECONDS)


def in_line(earlier: State, later: State) -> State:
    """The earlier objects with what only tells one run from another taken from the later ones."""
    return {
        reference: _in_line(item, later[reference]) if reference in later else item
        for reference, item in earlier.items()
    }


def _in_line(old: Object, new: Object) -> Object:
    if _content(old) == _content(new):
        return new
    labels = dict(labels_of(old))
    if CONTROLLER_UID in labels and CONTROLLER_UID in labels_of(new):
        labels[CONTROLLER_UID] = labels_of(new)[CONTROLLER_UID]
    # Another version of the same object, whatever the two runs have counted.
    return with_metadata(
        old, uid=new["metadata"]["uid"], labels=labels or None, resourceVersion="earlier"
    )


def _content(item: Object) -> Object:
    """An object without what only tells one run from another."""
    metadata = {key: value for key, value in item["metadata"].items() if key not in _OF_ONE_RUN}
    metadata["labels"] = {k: v for k, v in labels_of(item).items() if k != CONTROLLER_UID}
    metadata["annotations"] = {
        k: v for k, v in (metadata.get("annotations") or {}).items() if k != LAST_APPLIED
    }
    metadata["ownerReferences"] = [(owner["kind"], owner["name"]) for owner in owners_of(item)]
    status = {k: v for k, v in (item.get("status") or {}).items() if k not in _TIMES}
    status["conditions"] = [
        (entry["type"], entry["status"], entry.get("reason"), entry.get("message"))
        for entry in status.get("conditions") or ()
    ]
    return {**item, "metadata": metadata, "status": status}


def _versions(paths: Sequence[str]) -> Mapping[Path, tuple[int, int]]:
    versions = {}
    for file in documents.files(paths):
        try:
            stat = file.stat()
        except OSError:
            continue  # It went while the folder was read; the next look tells.
        versions[file] = (stat.st_mtime_ns, stat.st_size)
    return versions

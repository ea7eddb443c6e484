"""How Metacontroller writes: its dynamic apply, as much of it as a ConfigMap can meet.

Dynamic apply remembers in an annotation the whole object that it wrote, and merges three ways:
what it wrote earlier and does not want now goes, what it wants is set, what others added stays.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from hooks.preview.appliers import (
    FIELD_MANAGER,
    LAST_APPLIED,
    Applier,
    ServerSideApply,
    with_owner,
)
from hooks.preview.cluster import Cluster
from hooks.preview.objects import ApiError, Object, is_deleting, with_metadata
from hooks.protocol import ApplyStrategy


class DynamicApply:
    """Writes desired children by a merge with what was last applied."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def apply(self, parent: Object, observed: Object | None, desired: Object) -> None:
        """Create or update one child. Raises ApiError."""
        if observed is None:
            try:
                self._cluster.create(
                    with_owner(_remembering(desired, desired), parent), FIELD_MANAGER
                )
            except ApiError as error:
                if error.reason != "AlreadyExists":
                    raise  # An object that is not observed is left alone, in silence.
            return
        if is_deleting(observed):
            return
        annotations = observed["metadata"].get("annotations") or {}
        last = json.loads(annotations.get(LAST_APPLIED, "{}"))
        merged = _merged(observed, last, desired)
        if merged != observed:
            self._cluster.update(_remembering(merged, desired), FIELD_MANAGER)


def _remembering(item: Object, desired: Object) -> Object:
    annotations = {
        **(item["metadata"].get("annotations") or {}),
        LAST_APPLIED: json.dumps(desired, separators=(",", ":"), sort_keys=True),
    }
    return with_metadata(item, annotations=annotations)


def _merged(observed: Any, last: Any, desired: Any) -> Any:
    if not isinstance(desired, dict):
        return desired
    observed = observed if isinstance(observed, dict) else {}
    last = last if isinstance(last, dict) else {}
    kept = {key: value for key, value in observed.items() if key in desired or key not in last}
    wanted = {
        key: _merged(observed.get(key), last.get(key), value) for key, value in desired.items()
    }
    return {**kept, **wanted}


APPLIERS: Final[Mapping[ApplyStrategy, Callable[[Cluster], Applier]]] = {
    ApplyStrategy.SERVER_SIDE_APPLY: ServerSideApply,
    ApplyStrategy.DYNAMIC_APPLY: DynamicApply,
}

"""How many targets each stage has, for a program that reads the cluster by itself."""

from collections import Counter
from collections.abc import Sequence

from hooks.api.names import NAMESPACES
from hooks.api.protocol import SyncRequest
from hooks.resolve import targets
from hooks.spec.parsing import parse_syncer
from hooks.spec.syncer import InvalidSpec


def stage_sizes(request: SyncRequest) -> Sequence[int] | None:
    """The numbers in the order of the stages; None without a rollout that can be followed.

    The request needs the syncer and all Namespaces, and nothing else.
    """
    syncer = parse_syncer(request.parent)
    if isinstance(syncer, InvalidSpec) or syncer.rollout is None:
        return None
    rollout, shown = syncer.rollout, request.related_objects(NAMESPACES)
    places = Counter(
        rollout.place(
            target.namespace,
            shown[target.namespace].metadata.labels if target.namespace in shown else None,
        )
        for target in targets.selected(syncer, request)
    )
    return [places[place] for place in range(len(rollout.stages))]

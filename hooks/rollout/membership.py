"""Which stage a target belongs to, and how many each stage has."""

from collections import Counter
from collections.abc import Sequence

from hooks.api.names import NAMESPACES
from hooks.api.protocol import Group, SyncRequest
from hooks.resolve import targets
from hooks.spec.parsing import parse_syncer
from hooks.spec.rollout import Rollout
from hooks.spec.syncer import InvalidSpec


def place_of(namespace: str, rollout: Rollout, shown: Group) -> int:
    """The place of a target's stage, by the labels of its Namespace where that is shown."""
    known = shown.get(namespace)
    return rollout.place(namespace, known.metadata.labels if known else None)


def stage_sizes(request: SyncRequest) -> Sequence[int] | None:
    """The numbers in the order of the stages; None without a rollout that can be followed.

    For a program that reads the cluster by itself: the request needs the syncer and all
    Namespaces, and nothing else.
    """
    syncer = parse_syncer(request.parent)
    if isinstance(syncer, InvalidSpec) or syncer.rollout is None:
        return None
    rollout, shown = syncer.rollout, request.related_objects(NAMESPACES)
    selected = targets.selected(syncer, request)
    places = Counter(place_of(target.namespace, rollout, shown) for target in selected)
    return [places[place] for place in range(len(rollout.stages))]

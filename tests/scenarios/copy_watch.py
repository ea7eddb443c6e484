"""What every write of a copy breaks while contents are rolled out to the targets of x-sync."""

from hooks.preview.simulator.store import WatchEvent
from tests.scenarios.rollout_rule import REVISION, broken
from tests.scenarios.simulated import SimulatedWorld
from tests.scenarios.story import ObjectReference

SYNCER = ObjectReference("ConfigMapSyncer", "x-sync")


class CopyWatch:
    """What every write of a copy broke."""

    def __init__(self, world: SimulatedWorld) -> None:
        self.broken: list[str] = []
        self.seen = 0
        self._world = world
        world.cluster.subscribe(self._look)

    def _look(self, event: WatchEvent) -> None:
        if event.kind not in ("ConfigMap", "Secret") or event.new is None:
            return
        self.seen += REVISION in event.new["metadata"].get("annotations", {})
        namespace = ObjectReference("Namespace", event.new["metadata"]["namespace"])
        syncer = self._world.find(SYNCER)
        breach = broken(syncer, self._world.find(namespace), event.old, event.new)
        if breach is not None:
            self.broken.append(breach)

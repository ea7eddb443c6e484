"""The simulated world of the stories: Metacontroller in memory, and the hook called in process."""

import io
from collections.abc import Callable

from hooks.app import create_app
from hooks.preview.clock import Clock
from hooks.preview.cluster import Cluster, Propagation
from hooks.preview.metacontroller import Metacontroller
from hooks.preview.schema import Schema
from hooks.protocol import ApplyStrategy
from hooks.settings import Settings
from tests.scenarios.story import Manifest, Reference

_PATIENCE_SECONDS = 90
_CASCADES = {
    "foreground": Propagation.FOREGROUND,
    "orphan": Propagation.ORPHAN,
    None: Propagation.BACKGROUND,
}


class SimulatedWorld:
    """Everything in memory, on a clock that moves only when something is waited for."""

    def __init__(self, strategy: str) -> None:
        self.clock = Clock()
        app = create_app(
            Settings(apply_strategy=ApplyStrategy(strategy)), self.clock, io.StringIO()
        )
        client = app.test_client()

        def hook(path: str, body: bytes) -> tuple[int, bytes]:
            response = client.post(path, data=body, content_type="application/json")
            return response.status_code, response.data

        self.cluster = Cluster(self.clock, Schema.load())
        self.metacontroller = Metacontroller(self.cluster, hook, self.clock)

    def find(self, reference: Reference) -> Manifest | None:
        return self.cluster.get(reference.kind, reference.name, reference.namespace)

    def apply(self, manifest: Manifest) -> None:
        self.cluster.apply(manifest)

    def patch(self, reference: Reference, patch: Manifest) -> None:
        self.cluster.patch(reference.kind, reference.name, reference.namespace, patch)

    def delete(self, reference: Reference, cascade: str | None) -> None:
        self.cluster.delete(reference.kind, reference.name, reference.namespace, _CASCADES[cascade])

    def eventually(self, look: Callable[[], str | None], what: str) -> None:
        self.metacontroller.settle()
        for _ in range(_PATIENCE_SECONDS):
            if look() is None:
                return
            self.metacontroller.advance(1)
            self.metacontroller.settle()
        missing = look()
        assert missing is None, f"{what}: {missing}"

    def refuses(self, manifest: Manifest) -> bool:
        raise NotImplementedError("admission is not simulated")

    def is_idle(self, syncer: str) -> str | None:
        """Nothing but timers is left, and none where nothing waits."""
        self.metacontroller.settle()
        found = self.find(Reference("ConfigMapSyncer", syncer))
        assert found is not None
        waits = found["status"]["pendingCount"] or any(
            failure["reason"] == "NotApplied" for failure in found["status"]["failures"]
        )
        timers = self.metacontroller.waiting()
        return None if waits or syncer not in timers else f"{syncer} is asked about again"

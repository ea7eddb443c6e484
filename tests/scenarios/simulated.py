"""The simulated world of the stories: Metacontroller in memory, and the hook called in process."""

import io
import json
from collections.abc import Callable, Mapping, Sequence

from hooks import settings
from hooks.app import create_app
from hooks.preview.clock import Clock
from hooks.preview.cluster import Cluster, Propagation
from hooks.preview.metacontroller import Metacontroller
from hooks.preview.registration import CHILDREN_WITH_SECRETS, Installation
from hooks.preview.schema import Schema
from tests.scenarios.admission import Admission
from tests.scenarios.story import Manifest, Reference, needless

_PATIENCE_SECONDS = 90
_CASCADES = {
    "foreground": Propagation.FOREGROUND,
    "orphan": Propagation.ORPHAN,
    None: Propagation.BACKGROUND,
}


class SimulatedWorld:
    """Everything in memory, on a clock that moves only when something is waited for."""

    def __init__(self, strategy: str, environment: Mapping[str, str] | None = None) -> None:
        self.clock = Clock()
        self._log = io.StringIO()
        configured = settings.read({"APPLY_STRATEGY": strategy, **(environment or {})})
        app = create_app(configured, self.clock, self._log)
        client = app.test_client()

        def hook(path: str, body: bytes) -> tuple[int, bytes]:
            response = client.post(path, data=body, content_type="application/json")
            return response.status_code, response.data

        self.cluster = Cluster(self.clock, Schema.load())
        self.admission = Admission()
        self.cluster.admission.append(self.admission.refusal)
        self.metacontroller = Metacontroller(
            self.cluster, hook, self.clock, installed=Installation(strategy, CHILDREN_WITH_SECRETS)
        )

    def find(self, reference: Reference) -> Manifest | None:
        return self.cluster.get(reference.kind, reference.name, reference.namespace)

    def objects(self, kind: str) -> list[Manifest]:
        """All objects of a kind."""
        return self.cluster.list(kind)

    def apply(self, manifest: Manifest) -> None:
        if self.admission.knows(manifest["kind"]):
            self.admission.apply(manifest)
        else:
            self.cluster.apply(manifest)

    def patch(self, reference: Reference, patch: Manifest) -> None:
        self.cluster.patch(reference.kind, reference.name, reference.namespace, patch)

    def delete(self, reference: Reference, cascade: str | None) -> None:
        if self.admission.knows(reference.kind):
            self.admission.delete(reference)
        else:
            propagation = _CASCADES[cascade]
            self.cluster.delete(reference.kind, reference.name, reference.namespace, propagation)

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
        return self.admission.refusal("CREATE", manifest) is not None

    def is_idle(self, syncer: str) -> str | None:
        """Nothing is left to do but what a timer asks for."""
        self.metacontroller.settle()
        return needless(self.calls(syncer))

    def calls(self, syncer: str) -> Sequence[Manifest]:
        lines = [json.loads(line) for line in self._log.getvalue().splitlines()]
        return [line for line in lines if line.get("syncer") == syncer]

"""A syncer of no story, whose copy follows when Metacontroller has come to all that was before.

That nothing happens cannot be waited for. But an event of the canary's source takes the same way
as the events of every other ConfigMap, one after another, and its syncer the same queue and the
same workers: what was to be done before it has been begun when its copy is there.
"""

import uuid
from functools import partial

from tests.controlplane import Client, Object, wait_for

_SOURCE = "canary-source"
_TARGET = "canary-target"
# With these, every setting of the hook lets it live.
_CONSENTS = {"config.example.com/allow-sync-to": "*", "config.example.com/accept-sync-from": "*"}


class Canary:
    """One syncer with one source and one target, the same for all stories of a cluster."""

    def __init__(self, client: Client) -> None:
        self._client = client
        for namespace in (_SOURCE, _TARGET):
            metadata = {"name": namespace, "annotations": _CONSENTS}
            client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        client.apply(
            {
                "apiVersion": "config.example.com/v1alpha1",
                "kind": "ConfigMapSyncer",
                "metadata": {"name": "canary"},
                "spec": {
                    "sourceNamespace": _SOURCE,
                    "sourceConfigMap": "canary",
                    "targetNamespaces": [_TARGET],
                },
            }
        )

    def fly(self, times: int) -> None:
        """Change the source so often, and wait each time until its copy has followed."""
        for _ in range(times):
            song = {"song": uuid.uuid4().hex}
            metadata = {"name": "canary", "namespace": _SOURCE, "annotations": _CONSENTS}
            self._client.apply(
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": song}
            )
            wait_for(partial(self._has, song), "the canary's copy to follow its source")

    def _has(self, song: Object) -> bool:
        copy = self._client.find("ConfigMap", "canary", _TARGET)
        return copy is not None and copy["data"] == song

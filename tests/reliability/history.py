"""Every write of some kinds, in order, from etcd itself: an API server that dies hides none."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import requests

from tests.controlplane import Object

STORED_AS_JSON: Final = "--storage-media-type=application/json"
"""The argument of the API server without which `EtcdHistory` cannot read what it stores."""
_KINDS: Final = {
    "/registry/configmaps/": "ConfigMap",
    "/registry/config.example.com/configmapsyncers/": "ConfigMapSyncer",
}
_EVERYTHING: Final = base64.b64encode(b"\0").decode()
_SILENCE_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Write:
    """What one write left of an object; None where it was deleted."""

    kind: str
    namespace: str
    name: str
    object: Object | None


class EtcdHistory:
    """What was written since it was last read."""

    def __init__(self, etcd: str) -> None:
        self._etcd = etcd
        self._session = requests.Session()
        self._session.trust_env = False
        self._next = 1

    def writes(self) -> Iterator[Write]:
        """Every write until now that was not read yet.

        RuntimeError where etcd has forgotten some: the API server compacts what is five minutes
        old.
        """
        until = self._revision()
        if until < self._next:
            return
        wanted = {"key": _EVERYTHING, "range_end": _EVERYTHING, "start_revision": str(self._next)}
        with self._session.post(
            f"{self._etcd}/v3/watch",
            json={"create_request": wanted},
            stream=True,
            timeout=(5, _SILENCE_SECONDS),
        ) as response:
            for line in response.iter_lines(chunk_size=None):
                found = json.loads(line)["result"]
                if found.get("canceled"):
                    raise RuntimeError(f"etcd does not have what was written: {found}")
                for event in found.get("events", ()):
                    yield from self._write(event)
                    self._next = int(event["kv"]["mod_revision"]) + 1
                if self._next > until:
                    return

    def _revision(self) -> int:
        """The last one that was written."""
        answer = self._session.post(
            f"{self._etcd}/v3/kv/range",
            json={"key": _EVERYTHING, "range_end": _EVERYTHING, "count_only": True},
            timeout=_SILENCE_SECONDS,
        )
        answer.raise_for_status()
        return int(answer.json()["header"]["revision"])

    @staticmethod
    def _write(event: Any) -> Iterator[Write]:
        key = base64.b64decode(event["kv"]["key"]).decode()
        for prefix, kind in _KINDS.items():
            if key.startswith(prefix):
                namespace, _, name = key.removeprefix(prefix).rpartition("/")
                is_there = event.get("type") != "DELETE"
                value = json.loads(base64.b64decode(event["kv"]["value"])) if is_there else None
                yield Write(kind, namespace, name, value)

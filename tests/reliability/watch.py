"""What happens to the copies, as a watch of the API server shows it, over its restarts too."""

import json
import threading
import time
from dataclasses import dataclass, field
from typing import Final, Self

import requests

from tests.controlplane import ApiStatusError, Client, Object

_PATH: Final = "/api/v1/configmaps"


@dataclass(slots=True)
class Seen:
    """Since a moment: the writes, and for each copy that went and came back how long it was away.

    `gone` has the moment at which each copy went that is away now.
    """

    writes: int = 0
    away: list[float] = field(default_factory=list)
    gone: dict[str, float] = field(default_factory=dict)


class Watch:
    """Follows all ConfigMaps of one name, except in the ignored namespaces."""

    def __init__(self, client: Client, name: str, ignored: frozenset[str]) -> None:
        self._client = client
        self._name = name
        self._ignored = ignored
        self._copies: dict[str, str] = {}
        self._seen = Seen()
        self._changed = threading.Condition()
        self._ended = threading.Event()
        self._listed = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._listed.wait(timeout=30)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def begin(self) -> None:
        """Forget what was seen."""
        with self._changed:
            self._seen = Seen()

    def wait_for_writes(self, writes: int, seconds: float) -> bool:
        """Return when so many writes were seen since `begin`; whether they were in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._seen.writes >= writes, seconds)

    @property
    def seen(self) -> Seen:
        """What was seen since `begin`."""
        with self._changed:
            return Seen(self._seen.writes, list(self._seen.away), dict(self._seen.gone))

    def _follow(self) -> None:
        while not self._ended.is_set():
            try:
                self._listen(self._list())
            except (ApiStatusError, requests.RequestException, OSError, json.JSONDecodeError):
                # An API server that is away writes nothing; the list shows what came after.
                self._ended.wait(0.05)

    def _parameters(self) -> dict[str, str]:
        return {"fieldSelector": f"metadata.name={self._name}"}

    def _list(self) -> str:
        found = self._client.request("GET", _PATH, parameters=self._parameters())
        now = {item["metadata"]["namespace"]: item for item in found["items"]}
        for namespace in set(self._copies) - now.keys():
            self._note("DELETED", {"metadata": {"namespace": namespace}})
        for item in now.values():
            self._note("MODIFIED", item)
        self._listed.set()
        version: str = found["metadata"]["resourceVersion"]
        return version

    def _listen(self, version: str) -> None:
        with self._client.watch(_PATH, self._parameters(), version) as events:
            for line in events:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                self._note(event["type"], event["object"])

    def _note(self, what: str, item: Object) -> None:
        metadata = item["metadata"]
        namespace = metadata["namespace"]
        if namespace in self._ignored:
            return
        with self._changed:
            version = None if what == "DELETED" else metadata["resourceVersion"]
            if self._copies.get(namespace) == version:
                return
            self._seen.writes += 1
            self._changed.notify_all()
            if version is None:
                del self._copies[namespace]
                self._seen.gone[namespace] = time.monotonic()
                return
            self._copies[namespace] = version
            if namespace in self._seen.gone:
                self._seen.away.append(time.monotonic() - self._seen.gone.pop(namespace))

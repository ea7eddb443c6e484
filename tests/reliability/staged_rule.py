"""What no write of a rollout may do, judged from the writes alone, without the service."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from tests.controlplane import Object
from tests.reliability.history import Write
from tests.reliability.world import SOURCE_NAMESPACE, SUBJECT
from tests.scenarios.rollout_rule import REVISION, broken, place_of

EDITED: Final = "edited"
"""The value that somebody else gives a copy: no write of the service."""
_APPROVED: Final = "config.example.com/approve-rollout"


class StagedRule:
    """Follows the writes of one syncer, its copies and its revisions."""

    def __init__(self) -> None:
        self.copies = 0
        self.statuses = 0
        self._syncer: Object | None = None
        self._held: dict[str, Object] = {}
        self._since: dict[str, datetime] = {}
        self._revisions: dict[str, Mapping[str, str]] = {}
        self._tokens: dict[tuple[str, str], str] = {}

    def look(self, write: Write) -> Iterator[str]:
        """What a write breaks."""
        if write.kind == "ConfigMapSyncer" and write.name == SUBJECT:
            if write.object is not None:
                yield from self._status(write.object)
            self._syncer = write.object
        elif write.kind == "ConfigMap" and write.namespace == SOURCE_NAMESPACE:
            if write.object is not None:
                self._revisions[write.name] = write.object.get("data", {})
        elif write.kind == "ConfigMap" and write.name == SUBJECT:
            yield from self._copy(write)

    def _copy(self, write: Write) -> Iterator[str]:
        new, old = write.object, self._held.pop(write.namespace, None)
        if new is None:
            return
        self._held[write.namespace] = new
        if old is None or _content(old) != _content(new):
            self._since[write.namespace] = _written(new)
        name, _ = _content(new)
        if name is None:
            return
        self.copies += 1
        if "rollout" not in (self._syncer or {}).get("status", {}):
            # The first content goes everywhere at once, together with its revision.
            return
        breach = broken(self._syncer, {"metadata": {"name": write.namespace}}, old, new)
        if breach is not None:
            yield breach
        data = new.get("data", {})
        if EDITED not in data.values() and data != self._revisions.get(name):
            yield f"{write.namespace} got {data}, while {name} is {self._revisions.get(name)}"

    def _status(self, syncer: Object) -> Iterator[str]:
        new = syncer.get("status", {}).get("rollout")
        old = (self._syncer or {}).get("status", {}).get("rollout")
        if new is None or new == old:
            return
        self.statuses += 1
        if token := new.get("approvalToken"):
            self._tokens[new["updateRevision"], new.get("stage", "")] = token
        if old is None or "stage" not in old or old["updateRevision"] != new["updateRevision"]:
            return
        stages = syncer["spec"]["rollout"]["stages"]
        places = {stage["name"]: place for place, stage in enumerate(stages)}
        before = places[old["stage"]]
        after = places[new["stage"]] if "stage" in new else len(stages)
        if after < before:
            yield f"the stage went back: {old} became {new}"
        if after > before:
            yield from self._passed(syncer, old, stages[before])

    def _passed(
        self, syncer: Object, old: Mapping[str, Any], stage: Mapping[str, Any]
    ) -> Iterator[str]:
        """A stage is passed when it has soaked, and when somebody has approved it."""
        stages, now = syncer["spec"]["rollout"]["stages"], _written(syncer, "status")
        for namespace, copy in self._held.items():
            is_member = stages[place_of(stages, {"metadata": {"name": namespace}})] == stage
            name, data = _content(copy)
            is_held = name == old["updateRevision"] and data == self._revisions.get(name or "")
            over = self._since[namespace] + timedelta(seconds=stage.get("soakSeconds", 0))
            if is_member and is_held and now < over:
                yield f"{stage} was passed at {now}, before {namespace} held {name} until {over}"
        approved = syncer["metadata"].get("annotations", {}).get(_APPROVED, "").split(",")
        token = self._tokens.get((old["updateRevision"], stage["name"]))
        if stage.get("approval") == "Manual" and token not in approved:
            yield f"{stage} was passed without approval, after {old}"


def _content(copy: Object) -> tuple[str | None, Mapping[str, str]]:
    """The revision that a copy names, and what it holds."""
    return copy["metadata"].get("annotations", {}).get(REVISION), copy.get("data", {})


def _written(item: Object, subresource: str | None = None) -> datetime:
    """When it was last written, by the API server's clock, to the second."""
    return max(
        datetime.fromisoformat(each["time"])
        for each in item["metadata"]["managedFields"]
        if each.get("subresource") == subresource
    )

"""A syncer whose changes go through three stages, and what is wrong with it."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import requests

from tests.benchmarks.objects import manifest
from tests.conditions import ready
from tests.controlplane import ApiStatusError, Client, Object
from tests.reliability.staged_rule import EDITED
from tests.reliability.world import SOURCE_NAMESPACE, SUBJECT, LiveCluster
from tests.scenarios.rollout_rule import REVISION
from tests.scenarios.story import ObjectReference, mend

CANARY, EARLY, REST = STAGES = ("canary", "early", "rest")
_TARGETS_OF_A_STAGE: Final = 3
_LONGEST_SOAK_SECONDS: Final = 3
_FAILED: Final = "config.example.com/rollout-failed"
_REASONS: Final = {
    "Complete": "AllCopiesCurrent",
    "AwaitingApproval": "AwaitingApproval",
    "Halted": "RolloutHalted",
    "RolledBack": "RolledBack",
}


@dataclass(frozen=True, slots=True)
class Rest:
    """Where a rollout rests; the first `updated` stages hold the update."""

    phase: str
    stage: str | None = None
    updated: int = len(STAGES)


COMPLETE: Final = Rest("Complete")
WAITING: Final = Rest("AwaitingApproval", EARLY, 2)


class StagedCluster:
    """Makes the syncer and changes its source, and tells what is not as it should be.

    `update` is what the source holds, `stable` what completed all stages.
    """

    def __init__(self, client: Client, chance: random.Random) -> None:
        self.client = client
        self.expected = COMPLETE
        self.stable = self.update = "mark-0"
        self._chance = chance
        self._marks = 0
        self._others = LiveCluster(client, 0)

    def make(self) -> None:
        """Make everything; the first content goes everywhere at once."""
        self._others.make()
        for stage in STAGES:
            for namespace in self.namespaces(stage):
                self.client.apply(manifest("Namespace", namespace))
        self._write_source()
        spec = {
            "sourceNamespace": SOURCE_NAMESPACE,
            "sourceConfigMap": SUBJECT,
            "targetNamespaces": [each for stage in STAGES for each in self.namespaces(stage)],
            "rollout": self._rollout("Halt"),
        }
        self.client.create(manifest("ConfigMapSyncer", SUBJECT) | {"spec": spec})

    def namespaces(self, stage: str) -> Sequence[str]:
        """The targets of a stage."""
        return [f"{stage}-{number}" for number in range(_TARGETS_OF_A_STAGE)]

    def configure(self, on_failure: str) -> None:
        """Other soak times, and what a failure leads to."""
        patch = {"spec": {"rollout": self._rollout(on_failure)}}
        self.client.merge_patch("ConfigMapSyncer", SUBJECT, patch)

    def change(self) -> None:
        """Give the source a content that was never there."""
        self._marks += 1
        self.update = f"mark-{self._marks}"
        self._write_source()

    def revert(self) -> None:
        """Give the source the stable content."""
        self.update = self.stable
        self._write_source()

    def approve(self) -> None:
        """Type the command that the status has."""
        mend(self, SUBJECT)

    def fail(self, stage: str) -> None:
        """Report a failure of a target with the update revision."""
        revision = self.rollout["updateRevision"]
        patch = {"metadata": {"annotations": {_FAILED: revision}}}
        self.client.merge_patch("Namespace", self.namespaces(stage)[0], patch)

    def spoil(self, edited: str, deleted: str) -> None:
        """Edit the copy in one namespace, and delete that in another one."""
        self.client.merge_patch("ConfigMap", SUBJECT, {"data": {"key": EDITED}}, edited)
        self.client.delete("ConfigMap", SUBJECT, deleted)

    def find(self, reference: ObjectReference) -> Object | None:
        """One object."""
        return self.client.find(reference.kind, reference.name, reference.namespace)

    def patch(self, reference: ObjectReference, patch: Object) -> None:
        """Merge a patch into one object."""
        self.client.merge_patch(reference.kind, reference.name, patch, reference.namespace)

    @property
    def rollout(self) -> Mapping[str, Any]:
        """What the status says of the rollout."""
        syncer = self.client.get("ConfigMapSyncer", SUBJECT)
        found: Mapping[str, Any] = syncer.get("status", {}).get("rollout", {})
        return found

    def resync(self, syncers: set[str], mark: str) -> None:
        """Only what the resync does."""
        self._others.resync(syncers, mark)

    def shortcomings(self) -> dict[str, list[str]]:
        """What is wrong; under the name of the syncer."""
        try:
            found = list(self._wrong())
        except (ApiStatusError, requests.RequestException) as error:
            found = [f"the API server cannot be asked: {error}"]
        return {SUBJECT: found} if found else {}

    def _wrong(self) -> Iterator[str]:
        syncer = self.client.get("ConfigMapSyncer", SUBJECT)
        status = syncer.get("status", {})
        rollout = status.get("rollout", {})
        expected = {
            "phase": self.expected.phase,
            "stage": self.expected.stage,
            "updatedCount": self.expected.updated * _TARGETS_OF_A_STAGE,
            "targetCount": len(STAGES) * _TARGETS_OF_A_STAGE,
        }
        if {key: rollout.get(key) for key in expected} != expected:
            yield f"its rollout is {rollout} and should be {expected}"
            return
        if status["observedGeneration"] != syncer["metadata"]["generation"]:
            yield "its status is of an older generation"
        if ready(status).get("reason") != _REASONS[self.expected.phase]:
            yield f"it is Ready {ready(status)}"
        yield from self._wrong_revisions(rollout)
        for place, stage in enumerate(STAGES):
            is_updated = place < self.expected.updated
            mark = self.update if is_updated else self.stable
            name = rollout["updateRevision" if is_updated else "stableRevision"]
            for namespace in self.namespaces(stage):
                copy = self.client.find("ConfigMap", SUBJECT, namespace)
                if copy is None:
                    yield f"{namespace} has no copy"
                elif copy.get("data") != {"key": mark}:
                    yield f"{namespace} has {copy.get('data')} and should have {mark}"
                elif copy["metadata"]["annotations"].get(REVISION) != name:
                    yield f"the copy in {namespace} does not name {name}"

    def _wrong_revisions(self, rollout: Mapping[str, Any]) -> Iterator[str]:
        stable = self.update if self.expected == COMPLETE else self.stable
        for what, mark in (("updateRevision", self.update), ("stableRevision", stable)):
            stored = self.client.find("ConfigMap", rollout[what], SOURCE_NAMESPACE)
            if stored is None or stored.get("data") != {"key": mark}:
                yield f"{what} {rollout[what]} is stored as {stored} and should be {mark}"

    def _write_source(self) -> None:
        patch = {"data": {"key": self.update}}
        self.client.merge_patch("ConfigMap", SUBJECT, patch, SOURCE_NAMESPACE)

    def _rollout(self, on_failure: str) -> Object:
        def stage(name: str, **fields: Any) -> Object:
            return {"name": name, "targetNamespaces": self.namespaces(name), **fields}

        soaks = [self._chance.randint(1, _LONGEST_SOAK_SECONDS) for _ in range(2)]
        stages = [
            stage(CANARY, soakSeconds=soaks[0]),
            stage(EARLY, approval="Manual"),
            {"name": REST, "soakSeconds": soaks[1]},
        ]
        return {"stages": stages, "onFailure": on_failure}

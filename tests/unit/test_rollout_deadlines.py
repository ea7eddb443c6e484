"""A target fails in a rollout when it was refused the update for the deadline, and only then."""

from collections.abc import Mapping

import pytest

from tests.conditions import ready_of
from tests.scenarios.simulated import SimulatedWorld
from tests.scenarios.story import API_VERSIONS, STRATEGIES, Manifest, ObjectReference

SYNCER = ObjectReference("ConfigMapSyncer", "sync")
SOURCE = ObjectReference("ConfigMap", "config", "source")
DEADLINE_SECONDS = 60
SOAK_SECONDS = 600
ANYTHING = None

pytestmark = pytest.mark.parametrize("strategy", STRATEGIES)


def written(kind: str, name: str, namespace: str | None = None, **fields: object) -> Manifest:
    place = {} if namespace is None else {"namespace": namespace}
    metadata = {"name": name, **place}
    return {"apiVersion": API_VERSIONS[kind], "kind": kind, "metadata": metadata, **fields}


class RefusingWorld(SimulatedWorld):
    """A syncer with a stage that soaks and a last one, and an API server that refuses contents."""

    def __init__(self, strategy: str, *namespaces: str) -> None:
        super().__init__(strategy)
        self.refused: Mapping[str, str | None] = {}
        """The content that may not be written in a namespace."""
        self.cluster.admission.append(self._refusal)
        for name in ("source", *namespaces):
            self.apply(written("Namespace", name))
        self.apply(written("ConfigMap", "config", "source", data={"level": "a"}))
        spec = {
            "sourceNamespace": "source",
            "sourceConfigMap": "config",
            "targetNamespaces": ["dev-*", "prod-*"],
            "progressDeadlineSeconds": DEADLINE_SECONDS,
            "rollout": {
                "stages": [
                    {"name": "canary", "targetNamespaces": ["dev-*"], "soakSeconds": SOAK_SECONDS},
                    {"name": "everyone-else"},
                ],
                "maxFailures": "50%",
            },
        }
        self.apply(written("ConfigMapSyncer", "sync", spec=spec))
        self.metacontroller.settle()

    def change(self, level: str) -> None:
        """Give the source another content, and wait until its rollout has begun."""
        self.patch(SOURCE, {"data": {"level": level}})
        self.metacontroller.advance(10)

    def report(self, namespace: str, revision: str | None) -> None:
        """Say which revision fails in a namespace, and wait until that is read."""
        annotations = {"config.example.com/rollout-failed": revision}
        reference = ObjectReference("Namespace", namespace)
        self.patch(reference, {"metadata": {"annotations": annotations}})
        self.metacontroller.advance(10)

    @property
    def status(self) -> Manifest:
        syncer = self.find(SYNCER)
        assert syncer is not None
        status: Manifest = syncer["status"]
        return status

    def where(self) -> str:
        """The phase of the rollout, and its stage."""
        rollout = self.status["rollout"]
        return " ".join([rollout["phase"], *([rollout["stage"]] if "stage" in rollout else [])])

    def levels(self, *namespaces: str) -> list[str | None]:
        """What the copies hold."""
        found = [self.find(ObjectReference("ConfigMap", "config", name)) for name in namespaces]
        return [copy["data"]["level"] if copy else None for copy in found]

    def _refusal(self, operation: str, item: Manifest, _old: Manifest | None) -> str | None:
        namespace = item["metadata"]["namespace"]
        if operation == "DELETE" or namespace not in self.refused:
            return None
        return "no" if self.refused[namespace] in (ANYTHING, item["data"]["level"]) else None


def test_a_target_that_holds_what_its_stage_has_is_refused_nothing(strategy: str) -> None:
    world = RefusingWorld(strategy, "dev-a", "prod-a")
    world.refused = {"prod-a": "b"}
    world.change("b")
    world.metacontroller.advance(SOAK_SECONDS + 2 * DEADLINE_SECONDS)
    assert world.where() == "Halted everyone-else"
    assert world.status["failedNamespaces"] == ["prod-a"]

    # As the message asks for it.
    world.change("c")
    assert world.where() == "Soaking canary"
    assert world.status["failedNamespaces"] == []
    world.metacontroller.advance(SOAK_SECONDS + 10)

    assert world.where() == "Complete"
    assert world.levels("dev-a", "prod-a") == ["c", "c"]


@pytest.mark.parametrize("namespace", ["dev-a", "prod-a"], ids=["first stage", "last stage"])
def test_a_target_that_was_refused_the_stable_content_is_not_refused_the_update(
    namespace: str, strategy: str
) -> None:
    world = RefusingWorld(strategy, "dev-a", "prod-a")
    world.refused = {namespace: "a"}
    world.delete(ObjectReference("ConfigMap", "config", namespace), None)
    world.metacontroller.advance(2 * DEADLINE_SECONDS)
    assert world.status["failedNamespaces"] == [namespace]

    world.change("b")
    assert world.where() == "Soaking canary"
    world.metacontroller.advance(SOAK_SECONDS + 10)

    assert world.where() == "Complete"
    assert world.levels("dev-a", "prod-a") == ["b", "b"]
    assert ready_of({"status": world.status})["status"] == "True"


def test_a_stage_has_a_deadline_of_its_own_when_another_was_refused_before(strategy: str) -> None:
    world = RefusingWorld(strategy, "dev-a", "dev-b", "prod-a")
    world.refused = {"dev-b": ANYTHING}
    world.change("b")
    world.metacontroller.advance(DEADLINE_SECONDS)
    assert world.where() == "Soaking canary"
    assert world.status["failedNamespaces"] == ["dev-b"]

    world.metacontroller.advance(SOAK_SECONDS + 10)

    assert world.where() == "Complete"
    assert world.levels("dev-a", "dev-b", "prod-a") == ["b", "a", "b"]


def test_a_target_that_joins_has_a_deadline_of_its_own_when_another_was_refused_before(
    strategy: str,
) -> None:
    world = RefusingWorld(strategy, "dev-a", "dev-b", "prod-a")
    world.refused = {"dev-b": ANYTHING}
    world.change("b")
    world.metacontroller.advance(2 * DEADLINE_SECONDS)
    assert world.status["failedNamespaces"] == ["dev-b"]
    since = world.status["rollout"]["soakingSince"]

    world.apply(written("Namespace", "dev-c"))
    world.metacontroller.advance(10)

    assert world.where() == "Soaking canary"
    assert world.status["rollout"]["soakingSince"] == since
    assert world.status["failedNamespaces"] == ["dev-b"]
    assert world.levels("dev-c") == ["b"]


def test_what_failed_before_a_halt_was_approved_fails_without_another_deadline(
    strategy: str,
) -> None:
    world = RefusingWorld(strategy, "dev-a", "dev-b", "prod-a")
    world.refused = {"dev-a": "b"}
    world.change("b")
    world.metacontroller.advance(2 * DEADLINE_SECONDS)
    world.report("dev-b", world.status["rollout"]["updateRevision"])
    assert world.where() == "Halted canary"
    assert world.status["failedNamespaces"] == ["dev-a"]

    # One of the two that are approved recovers.
    world.patch(SYNCER, {"spec": {"rollout": {"maxFailures": 0}}})
    world.report("dev-b", None)
    token = world.status["rollout"]["approvalToken"]
    annotations = {"config.example.com/approve-rollout": token}
    world.patch(SYNCER, {"metadata": {"annotations": annotations}})
    world.metacontroller.advance(2 * DEADLINE_SECONDS)

    assert world.where() == "Soaking canary"
    failures = world.status["rollout"]["failures"]
    assert [each["namespace"] for each in failures] == ["dev-a", "dev-b"]


def test_a_namespace_that_comes_and_goes_keeps_nothing_from_failing(strategy: str) -> None:
    world = RefusingWorld(strategy, "dev-a", "dev-b", "prod-a")
    world.refused = {"dev-a": ANYTHING, "dev-b": ANYTHING}
    world.change("b")
    # Somebody's object is in the way there, so it waits for nothing.
    for _ in range(2):
        world.apply(written("Namespace", "prod-z"))
        world.apply(written("ConfigMap", "config", "prod-z", data={}))
        world.metacontroller.advance(DEADLINE_SECONDS / 2)
        world.delete(ObjectReference("Namespace", "prod-z"), None)
        world.metacontroller.advance(DEADLINE_SECONDS / 2)

    assert world.where() == "Halted canary"

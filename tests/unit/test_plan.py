"""What a suspended syncer says that it would do is what it does, in every world."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hypothesis import given
from msgspec import Raw

from hooks.api import kinds, protocol
from hooks.api.options import HookOptions
from hooks.api.protocol import (
    ApplyStrategy,
    KubernetesObject,
    ObjectMeta,
    OwnerReference,
    SyncRequest,
)
from hooks.copies.child import preserve_all
from hooks.copies.decision import CopyDecisions, DesiredContents
from hooks.copies.observation import observe
from hooks.copies.outcome import Outcome, State
from hooks.preview.simulator.hook import encode
from hooks.preview.simulator.objects import Object, controller_of, is_deleting
from hooks.preview.simulator.ownership import LAST_APPLIED
from hooks.resolve.targets import Failure, FailureReason
from hooks.spec.syncer import NamespaceSelection, SourceReference, Syncer
from hooks.status import plan
from hooks.status.plan import Plan
from tests.unit.test_properties import (
    SYNCER,
    Circumstances,
    SimulatedCluster,
    Values,
    strategies,
    worlds,
)


@dataclass
class Done:
    """What became of the copies, as a plan tells it."""

    create: list[str] = field(default_factory=list)
    update: dict[str, list[str]] = field(default_factory=dict)
    take_over: dict[str, list[str]] = field(default_factory=dict)
    delete: set[str] = field(default_factory=set)

    @classmethod
    def planned(cls, plan: Object) -> "Done":
        def names(part: str) -> list[str]:
            listed = plan[part].get("namespaces", [])
            assert plan[part]["count"] == len(listed)
            return list(listed)

        def keys(part: str) -> dict[str, list[str]]:
            listed = plan[part].get("copies", [])
            assert plan[part]["count"] == len(listed)
            assert all(copy["keyCount"] == len(copy.get("keys", [])) for copy in listed)
            return {copy["namespace"]: copy.get("keys", []) for copy in listed}

        return cls(names("create"), keys("update"), keys("takeOver"), set(names("delete")))

    @classmethod
    def between(cls, world: SimulatedCluster, before: "Objects", after: "Objects") -> "Done":
        done = cls()
        for namespace, name in sorted(before.keys() | after.keys()):
            old, new = before.get((namespace, name)), after.get((namespace, name))
            if old is None:
                done.create.append(namespace)
            elif new is None:
                done.delete.add(namespace)
            elif controls(world, new) and not controls(world, old):
                done.take_over[namespace] = changed_keys(old, new)
            elif content_of(old) != content_of(new):
                done.update[namespace] = changed_keys(old, new)
        return done


Objects = Mapping[tuple[str, str], Object]


def state(world: SimulatedCluster) -> Objects:
    return {
        (item["metadata"]["namespace"], item["metadata"]["name"]): item
        for item in world.cluster.list("ConfigMap")
    }


def controls(world: SimulatedCluster, item: Object) -> bool:
    owner = controller_of(item)
    return owner is not None and owner["uid"] == world.uid


def contents(item: Object) -> dict[str, tuple[str, str]]:
    return {
        key: (side, value)
        for side in ("data", "binaryData")
        for key, value in (item.get(side) or {}).items()
    }


def changed_keys(old: Object, new: Object) -> list[str]:
    before, after = contents(old), contents(new)
    return sorted(key for key in before | after if before.get(key) != after.get(key))


def content_of(item: Object) -> object:
    """What a person sees of an object."""
    metadata = item["metadata"]
    annotations = {k: v for k, v in metadata.get("annotations", {}).items() if k != LAST_APPLIED}
    kept = ("uid", "labels", "ownerReferences", "finalizers", "deletionTimestamp")
    said = [metadata.get(name) for name in kept]
    return contents(item), annotations, item.get("immutable"), said


def let_go(world: SimulatedCluster) -> SimulatedCluster:
    """Let what hangs in deletion go."""
    for item in world.cluster.list("ConfigMap"):
        if is_deleting(item):
            metadata = item["metadata"]
            free = {"metadata": {"finalizers": None}}
            world.cluster.patch("ConfigMap", metadata["name"], metadata["namespace"], free)
    return world.settle()


@strategies
@given(circumstances=worlds())
def test_resuming_does_just_what_the_plan_says(
    circumstances: Circumstances, strategy: ApplyStrategy
) -> None:
    # What a suspended syncer cannot know is whether an object that it is handed will be adopted.
    world = SimulatedCluster(replace(circumstances, suspend=True), strategy, has_adoption=False)
    world = let_go(world.settle())
    before, planned = state(world), world.status()["plan"]

    world.cluster.patch("ConfigMapSyncer", SYNCER, None, {"spec": {"suspend": False}})
    world.settle()

    assert Done.planned(planned) == Done.between(world, before, state(world))
    assert planned["fail"].get("namespaces", []) == world.status()["failedNamespaces"]
    assert world.metacontroller.events == []


@strategies
@given(circumstances=worlds())
def test_nothing_is_written_while_a_syncer_is_suspended(
    circumstances: Circumstances, strategy: ApplyStrategy
) -> None:
    world = SimulatedCluster(replace(circumstances, suspend=True), strategy)
    closed = {place.namespace for place in circumstances.places if place.state != "there"}
    before = state(world)

    after = state(world.settle())

    assert world.metacontroller.events == []
    for (namespace, name), item in before.items():
        if namespace not in closed:
            # Whose a field is may change: what is held is said by us, too.
            assert content_of(after[namespace, name]) == content_of(item)
    assert after.keys() <= before.keys()


LIMIT_OF_ETCD = 1_572_864
LONGEST_SPEC = 10_000 * len('"",') + 10_000 * 63
MANY = 60


def test_a_plan_names_the_first_fifty_and_ten_keys_of_each_and_fits_with_the_longest_spec() -> None:
    planned = largest()

    assert [planned.create.count, planned.delete.count, planned.fail.count] == [MANY] * 3
    for part in (planned.create, planned.delete, planned.fail):
        assert isinstance(part.namespaces, list)
        assert len(part.namespaces) == plan.NAMES_LIMIT
        assert part.namespaces == sorted(part.namespaces)
    for changes in (planned.update, planned.take_over):
        assert changes.count == MANY
        assert isinstance(changes.copies, list)
        assert len(changes.copies) == plan.NAMES_LIMIT
        for copy in changes.copies:
            assert copy.key_count == 2 * plan.KEYS_LIMIT
            assert isinstance(copy.keys, list)
            assert len(copy.keys) == plan.KEYS_LIMIT
    # Metacontroller writes a status as a whole, with two more lists of 1,000 names.
    lists = 2 * 1_000 * 66
    assert len(protocol.encode(planned)) + lists + LONGEST_SPEC < LIMIT_OF_ETCD * 3 // 4


def largest() -> Plan:
    """A plan with more in every part than is named, and with the longest names."""
    held = {f"{number:02}{'k' * 251}": "value" for number in range(2 * plan.KEYS_LIMIT)}
    names = {part: [f"{part}{number:02}{'n' * 60}" for number in range(MANY)] for part in "cdfut"}
    syncer = Syncer(
        SYNCER, "b9f3", SourceReference("default", "app-config"), NamespaceSelection(("any",))
    )

    def found(namespace: str, owner: OwnerReference | None) -> KubernetesObject:
        owners = [owner] if owner else None
        metadata = ObjectMeta(name="app-config", namespace=namespace, owner_references=owners)
        return KubernetesObject(metadata=metadata, data=Raw(encode(held)))

    ours = OwnerReference(kind="ConfigMapSyncer", name=SYNCER, uid="b9f3", controller=True)
    group = kinds.CONFIG_MAP.group
    request = SyncRequest(
        parent=protocol.Parent(metadata=ObjectMeta(name=SYNCER)),
        children={group: {f"{n}/app-config": found(n, ours) for n in names["u"] + names["d"]}},
        related={group: {f"{n}/app-config": found(n, None) for n in names["t"]}},
    )
    waiting = [Outcome(n, State.WAITING) for n in names["c"] + names["u"] + names["t"]]
    failure = Failure(FailureReason.CONFLICT, "an object is in the way")
    failed = [Outcome(n, State.FAILED, failure=failure) for n in names["f"]]
    observation = observe(syncer, (), request, HookOptions())
    decisions = CopyDecisions(observation, DesiredContents(Values({}, {}).content))
    preserved = preserve_all(observation)
    return plan.make(decisions, [*waiting, *failed], preserved, (), None)

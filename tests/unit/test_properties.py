"""What holds for every world, not only for those that somebody thought of."""

import io
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from hooks.api import kinds, protocol
from hooks.api.options import HookOptions
from hooks.api.protocol import ApplyStrategy, KubernetesObject, ObjectMeta, SyncRequest
from hooks.app import create_app
from hooks.copies.decision import CopyDecisions, DesiredContents
from hooks.copies.observation import observe
from hooks.preview.simulator.appliers import DynamicApply, with_owner
from hooks.preview.simulator.clock import Clock
from hooks.preview.simulator.cluster import Cluster
from hooks.preview.simulator.hook import encode
from hooks.preview.simulator.metacontroller import Metacontroller
from hooks.preview.simulator.objects import Object, is_deleting
from hooks.preview.simulator.ownership import LAST_APPLIED, METACONTROLLER
from hooks.preview.simulator.registration import Installation
from hooks.resolve import source
from hooks.resolve.source import Content
from hooks.resolve.targets import Target
from hooks.settings import Settings
from hooks.spec.syncer import NamespaceSelection, SourceReference, Syncer
from tests.wsgi import HookAnswer, hook_of

# Traced, they take twice as long, and reach nothing new.
pytestmark = [pytest.mark.long, pytest.mark.no_cover]

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
SYNCER = "sample"
SOURCE = "origin"
NAMESPACES = ("a", "b", "c")
OCCUPANTS = (
    "nobody",
    *("copy", "copy", "copy"),
    "released",
    "unlabelled",
    "foreign",
    "handed over",
    "labelled by another",
    "controlled by another",
    "old name",
)
CLAIMS = ("to-be-removed", "dG8tYmUtcmVtb3ZlZA==", "being-removed", "YmVpbmctcmVtb3ZlZA==")

keys = st.sampled_from(("k", "l", "m", "n"))
texts = st.sampled_from(("", "one", "two", "<&>\u2028", *CLAIMS))
blobs = st.sampled_from(("", "b25l", "dHdv", *CLAIMS[1::2]))


@dataclass(frozen=True)
class Values:
    """What a ConfigMap holds; no key is on both sides, for Kubernetes refuses that."""

    data: dict[str, str]
    binary_data: dict[str, str]

    @property
    def fields(self) -> Object:
        named = {"data": self.data, "binaryData": self.binary_data}
        return {name: values for name, values in named.items() if values}

    @property
    def content(self) -> Content:
        return Content(
            data=self.data,
            binary_data=self.binary_data,
            raw_data=Raw(encode(self.data) if self.data else b""),
            raw_binary_data=Raw(encode(self.binary_data) if self.binary_data else b""),
            hash=source.content_hash(self.data, self.binary_data),
        )


@st.composite
def values(draw: st.DrawFn) -> Values:
    data = draw(st.dictionaries(keys, texts, max_size=3))
    binary_data = draw(st.dictionaries(keys, blobs, max_size=3))
    return Values(data, {k: v for k, v in binary_data.items() if k not in data})


@given(values(), values())
def test_hashes_are_equal_exactly_when_contents_are(one: Values, other: Values) -> None:
    hashes = {each.content.hash for each in (one, other)}

    assert (len(hashes) == 1) == (one == other)


@given(st.dictionaries(st.text(), st.text(), max_size=4))
def test_a_hash_does_not_depend_on_how_a_content_was_written(data: dict[str, str]) -> None:
    backwards = dict(reversed(data.items()))

    assert source.content_hash(data, {}) == source.content_hash(backwards, {})
    assert source.content_hash(data, {"key": ""}) != source.content_hash(data, {})


@given(desired=values(), held=values(), is_recorded=st.booleans(), managers=st.integers(0, 2))
def test_no_write_sets_a_key_on_both_sides_or_over_one_added_by_others(
    desired: Values, held: Values, is_recorded: bool, managers: int
) -> None:
    child = written(desired, held, is_recorded=is_recorded, managers=managers)

    data = protocol.decode_values(child.get("data", Raw(b"")), FOUND, "data")
    binary_data = protocol.decode_values(child.get("binaryData", Raw(b"")), FOUND, "binaryData")
    assert not data.keys() & binary_data.keys()
    if not is_recorded and held != desired:
        # What is not known to be ours stays where it is left out, so its place is taken.
        assert not data.keys() & held.binary_data.keys()
        assert not binary_data.keys() & held.data.keys()
        for key in held.data.keys() - desired.data.keys():
            assert data[key] in CLAIMS
            assert data[key] != held.data[key]
    if is_recorded:
        assert set(data) <= set(desired.data)
        assert set(binary_data) <= set(desired.binary_data)


FOUND = KubernetesObject(metadata=ObjectMeta(name="app-config", namespace="a"))


def written(desired: Values, held: Values, *, is_recorded: bool, managers: int) -> Object:
    """The fields of the child that is returned for one observed copy."""
    owned: Object = {"f:data": {f"f:{key}": {} for key in "klmn"}}
    copy = KubernetesObject(
        metadata=ObjectMeta(
            name="app-config",
            namespace="a",
            annotations={"config.example.com/content-hash": str(held.content.hash)}
            if is_recorded
            else None,
            managed_fields=Raw(
                encode(
                    [
                        {
                            "manager": METACONTROLLER if number == 0 else f"manager-{number}",
                            "operation": "Apply",
                            "fieldsV1": owned,
                        }
                        for number in range(managers)
                    ]
                )
            ),
        ),
        data=Raw(encode(held.data) if held.data else b""),
        binary_data=Raw(encode(held.binary_data) if held.binary_data else b""),
    )
    syncer = Syncer(
        "sample", "b9f3", SourceReference("default", "app-config"), NamespaceSelection(("a",))
    )
    request = SyncRequest(
        parent=protocol.Parent(metadata=ObjectMeta(name="sample")),
        children={kinds.CONFIG_MAP.group: {"a/app-config": copy}},
    )
    observation = observe(syncer, (), request, HookOptions())
    decisions = CopyDecisions(observation, DesiredContents(desired.content))
    [child] = decisions.decide(Target("a")).children
    return {name: json_raw(child, name) for name in ("data", "binaryData")}


def json_raw(child: protocol.Child, name: str) -> Raw:
    field = child.data if name == "data" else child.binary_data
    return field if isinstance(field, Raw) else Raw(b"")


# Whole worlds: namespaces that come and go, objects of anybody, and a syncer among them.


@dataclass(frozen=True)
class TargetState:
    """One namespace, and what bears the copies' name in it."""

    namespace: str
    state: str
    occupant: str
    holds: Values
    tampered: Values
    is_touched: bool
    is_immutable: bool
    was_immutable: bool
    is_hanging: bool


@dataclass(frozen=True)
class Circumstances:
    """A world in which a syncer is asked about."""

    source: Values | None
    targets: list[str]
    places: list[TargetState]
    immutable: bool = False
    suspend: bool = False


@st.composite
def worlds(draw: st.DrawFn) -> Circumstances:
    places = [
        TargetState(
            namespace=name,
            state=draw(st.sampled_from(("there", "there", "there", "terminating", "missing"))),
            occupant=draw(st.sampled_from(OCCUPANTS)),
            holds=draw(values()),
            tampered=draw(values()),
            is_touched=draw(st.booleans()),
            is_immutable=draw(st.integers(0, 4)) == 0,
            was_immutable=draw(st.integers(0, 4)) == 0,
            is_hanging=draw(st.integers(0, 4)) == 0,
        )
        for name in NAMESPACES
    ]
    return Circumstances(
        source=draw(st.one_of(st.none(), values(), values(), values())),
        targets=draw(st.lists(st.sampled_from((*NAMESPACES, SOURCE)), min_size=1, unique=True)),
        places=places,
        immutable=draw(st.booleans()),
    )


class SimulatedCluster:
    """A cluster made so, with a Metacontroller that has not asked yet."""

    def __init__(
        self, circumstances: Circumstances, strategy: ApplyStrategy, *, has_adoption: bool = True
    ) -> None:
        self.clock = Clock(START)
        self.answers: list[tuple[Object, Object]] = []
        app = create_app(Settings(apply_strategy=strategy), self.clock, io.StringIO())
        self.post = hook_of(app)
        self.cluster = Cluster(self.clock)
        self.adopted: set[str] = set()
        self.strategy = strategy
        self._create("Namespace", SOURCE)
        self.parent = self.cluster.create(
            {
                "apiVersion": "config.example.com/v1alpha1",
                "kind": "ConfigMapSyncer",
                "metadata": {"name": SYNCER},
                "spec": {
                    "sourceNamespace": SOURCE,
                    "sourceConfigMap": "app-config",
                    "targetNamespaces": circumstances.targets,
                    "immutable": circumstances.immutable,
                    "suspend": circumstances.suspend,
                },
            }
        )
        self.uid = self.parent["metadata"]["uid"]
        if circumstances.source is not None:
            self._create("ConfigMap", "app-config", SOURCE, **circumstances.source.fields)
        for place in circumstances.places:
            self._furnish(place)
        self.metacontroller = Metacontroller(
            self.cluster,
            self._hook,
            self.clock,
            installed=Installation(strategy, has_adoption=has_adoption),
            most_calls=20,
        )

    def _hook(self, path: str, body: bytes) -> HookAnswer:
        answered = self.post(path, body)
        if path == "/sync":
            assert self.post(path, body)[1] == answered[1]
            self.answers.append((json.loads(body), json.loads(answered[1])))
        if path == "/adopt" and json.loads(answered[1]):
            self.adopted.add(json.loads(body)["object"]["metadata"]["uid"])
        return answered

    def _create(self, kind: str, name: str, namespace: str | None = None, **fields: Any) -> None:
        metadata = {"name": name, **fields.pop("metadata", {})}
        if namespace is not None:
            metadata["namespace"] = namespace
        manifest = {"apiVersion": "v1", "kind": kind, "metadata": metadata, **fields}
        self.cluster.create(manifest, "somebody")

    def _furnish(self, place: TargetState) -> None:
        if place.state == "missing":
            return
        self._create("Namespace", place.namespace)
        match place.occupant:
            case "copy" | "released" | "unlabelled" | "old name":
                self._copy(place)
            case "foreign":
                self._create("ConfigMap", "app-config", place.namespace, **place.holds.fields)
            case "handed over" | "labelled by another":
                name = SYNCER if place.occupant == "handed over" else "another"
                metadata: Object = {"labels": {"synced-by": name}}
                fields = place.holds.fields
                self._create(
                    "ConfigMap", "app-config", place.namespace, metadata=metadata, **fields
                )
            case "controlled by another":
                owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app", "uid": "1"}
                metadata = {"ownerReferences": [owner | {"controller": True}]}
                fields = place.holds.fields
                self._create(
                    "ConfigMap", "app-config", place.namespace, metadata=metadata, **fields
                )
        if place.state == "terminating":
            self.cluster.delete("Namespace", place.namespace)

    def _copy(self, place: TargetState) -> None:
        """A copy as it was once written, and then in the hands of others."""
        name = "former" if place.occupant == "old name" else "app-config"
        child = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": name,
                "namespace": place.namespace,
                "labels": {
                    "synced-by": SYNCER,
                    "synced-from": SOURCE,
                    "app.kubernetes.io/managed-by": "configmap-syncer",
                    "controller-uid": self.uid,
                },
                "annotations": {
                    "config.example.com/source": f"{SOURCE}/{name}",
                    "config.example.com/content-hash": place.holds.content.hash,
                },
            },
            **place.holds.fields,
            **({"immutable": True} if place.was_immutable else {}),
        }
        if self.strategy is ApplyStrategy.SERVER_SIDE_APPLY:
            self.cluster.server_side_apply(with_owner(child, self.parent), METACONTROLLER)
        else:
            DynamicApply(self.cluster).apply(self.parent, None, child)
        self._tamper(place, name)

    def _tamper(self, place: TargetState, name: str) -> None:
        if place.is_touched and not place.was_immutable:
            # Changed and put back: the content is as it was, but somebody owns it now.
            for fields in (
                {"data": dict.fromkeys(place.holds.data, "touched")},
                place.holds.fields,
            ):
                self.cluster.patch("ConfigMap", name, place.namespace, fields, "somebody")
        labels: Object = {}
        if place.occupant in ("released", "unlabelled"):
            labels["controller-uid"] = None
        if place.occupant == "unlabelled":
            labels["synced-by"] = None
        patch: Object = {"metadata": {"labels": labels}}
        if labels:
            patch["metadata"]["ownerReferences"] = None
        if not place.was_immutable:
            holds = place.holds
            data, binary_data = place.tampered.data, place.tampered.binary_data
            patch["data"] = {k: v for k, v in data.items() if k not in holds.binary_data}
            patch["binaryData"] = {k: v for k, v in binary_data.items() if k not in holds.data}
        if place.is_immutable:
            patch["immutable"] = True
        if place.is_hanging:
            patch["metadata"]["finalizers"] = ["example.com/keep"]
        self.cluster.patch("ConfigMap", name, place.namespace, patch, "somebody")
        if place.is_hanging:
            self.cluster.delete("ConfigMap", name, place.namespace)

    def settle(self) -> "SimulatedCluster":
        self.metacontroller.settle()
        return self

    def status(self) -> Object:
        found = self.cluster.get("ConfigMapSyncer", SYNCER)
        assert found is not None
        status: Object = found["status"]
        return status

    def is_ours(self, found: Object) -> bool:
        """Design rule 5: our owner, or unmanaged with our label."""
        owners = found["metadata"].get("ownerReferences") or ()
        controllers = [owner["uid"] for owner in owners if owner.get("controller")]
        labels = found["metadata"].get("labels") or {}
        return controllers == [self.uid] or (not controllers and labels.get("synced-by") == SYNCER)

    def foreign(self) -> list[Object]:
        return [item for item in self.cluster.list("ConfigMap") if not self.is_ours(item)]


strategies = pytest.mark.parametrize(
    "strategy",
    [
        ApplyStrategy.SERVER_SIDE_APPLY,
        pytest.param(ApplyStrategy.DYNAMIC_APPLY, marks=pytest.mark.long),
    ],
)


@strategies
@given(circumstances=worlds())
def test_what_is_not_ours_is_never_written_or_deleted(
    circumstances: Circumstances, strategy: ApplyStrategy
) -> None:
    world = SimulatedCluster(circumstances, strategy)
    closed = {place.namespace for place in circumstances.places if place.state != "there"}
    before = [item for item in world.foreign() if item["metadata"]["namespace"] not in closed]

    world.settle()

    for item in before:
        metadata = item["metadata"]
        assert world.cluster.get("ConfigMap", metadata["name"], metadata["namespace"]) == item


@strategies
@given(circumstances=worlds())
def test_what_is_handed_over_where_no_copy_belongs_is_never_written(
    circumstances: Circumstances, strategy: ApplyStrategy
) -> None:
    world = SimulatedCluster(circumstances, strategy)
    places = [
        place for place in circumstances.places if place.namespace not in circumstances.targets
    ]
    others = [
        place.namespace
        for place in places
        # What is in a namespace that is being deleted goes with it.
        if place.occupant == "handed over" and place.state == "there"
    ]
    before = [world.cluster.get("ConfigMap", "app-config", name) for name in others]

    world.settle()

    assert [world.cluster.get("ConfigMap", "app-config", name) for name in others] == before


@given(circumstances=worlds())
def test_what_is_adopted_is_a_child_that_the_next_sync_keeps(circumstances: Circumstances) -> None:
    world = SimulatedCluster(circumstances, ApplyStrategy.DYNAMIC_APPLY).settle()

    seen: set[str] = set()
    for request, answer in world.answers:
        returned = {child["metadata"]["namespace"] for child in answer["children"]}
        for found in request["children"]["ConfigMap.v1"].values():
            metadata = found["metadata"]
            if metadata["uid"] in world.adopted - seen:
                seen.add(metadata["uid"])
                # What is immutable is left out to be recreated, as every copy.
                assert metadata["namespace"] in returned or found.get("immutable")
    assert seen == world.adopted


@strategies
@given(circumstances=worlds())
def test_no_child_is_returned_where_a_namespace_takes_none(
    circumstances: Circumstances, strategy: ApplyStrategy
) -> None:
    for request, answer in SimulatedCluster(circumstances, strategy).settle().answers:
        namespaces = request["related"]["Namespace.v1"]
        for child in answer["children"]:
            namespace = namespaces.get(child["metadata"]["namespace"])
            if child["metadata"]["namespace"] in circumstances.targets:
                assert namespace is not None
                assert not is_deleting(namespace)


@strategies
@given(circumstances=worlds())
def test_an_absent_source_loses_no_copy(
    circumstances: Circumstances, strategy: ApplyStrategy
) -> None:
    world = SimulatedCluster(replace(circumstances, source=None), strategy).settle()

    for request, answer in world.answers:
        returned = {
            f"{child['metadata']['namespace']}/{child['metadata']['name']}"
            for child in answer["children"]
        }
        closed = {
            name
            for name in circumstances.targets
            if (found := request["related"]["Namespace.v1"].get(name)) is None or is_deleting(found)
        }
        assert {
            key
            for key, found in request["children"]["ConfigMap.v1"].items()
            if not is_deleting(found) and key.partition("/")[0] not in closed
        } <= returned


@strategies
@given(circumstances=worlds())
def test_the_counts_add_up(circumstances: Circumstances, strategy: ApplyStrategy) -> None:
    for _, answer in SimulatedCluster(circumstances, strategy).settle().answers:
        status = answer["status"]
        counts = (status["syncedCount"], status["pendingCount"], status["failedCount"])

        # On top of the targets come namespaces whose copy should be gone and is there.
        beyond = {place.namespace for place in circumstances.places} - set(circumstances.targets)
        assert 0 <= sum(counts) - len(circumstances.targets) <= len(beyond)
        assert status["targetCount"] == len(circumstances.targets)
        assert len(status["syncedNamespaces"]) == status["syncedCount"]
        assert len(status["failedNamespaces"]) == status["failedCount"]
        assert [f["namespace"] for f in status["failures"]] == status["failedNamespaces"]
        assert not set(status["syncedNamespaces"]) & set(status["failedNamespaces"])


@strategies
@given(circumstances=worlds())
def test_repeated_application_ends_and_what_is_called_current_is(
    circumstances: Circumstances, strategy: ApplyStrategy
) -> None:
    world = SimulatedCluster(circumstances, strategy).settle()
    calls = len(world.answers)

    # Metacontroller could do all that was answered, and one more call changes nothing.
    assert world.metacontroller.events == []
    world.metacontroller._queue.add(SYNCER)
    world.settle()
    assert len(world.answers) == calls + 1
    status = world.status()
    if circumstances.source is not None:
        settled = {*status["syncedNamespaces"], *status["failedNamespaces"], *hanging(world)}
        assert settled == set(circumstances.targets)
    for name in status["syncedNamespaces"]:
        found = world.cluster.get("ConfigMap", "app-config", name)
        assert found is not None
        assert circumstances.source is not None
        assert {
            f: found[f] for f in ("data", "binaryData") if found.get(f)
        } == circumstances.source.fields
        frozen = any(
            place.is_immutable for place in circumstances.places if place.namespace == name
        )
        assert bool(found.get("immutable")) is circumstances.immutable or frozen


@strategies
@given(circumstances=worlds())
def test_a_copy_that_waits_only_for_time_fails_after_it(
    circumstances: Circumstances, strategy: ApplyStrategy
) -> None:
    world = SimulatedCluster(circumstances, strategy).settle()
    world.metacontroller.advance(61)

    assert world.status()["pendingCount"] == 0 or circumstances.source is None


@strategies
@given(circumstances=worlds(), seconds=st.integers(1, 100_000))
def test_time_alone_moves_nothing_where_nothing_waits(
    circumstances: Circumstances, seconds: int, strategy: ApplyStrategy
) -> None:
    world = SimulatedCluster(circumstances, strategy).settle()
    world.metacontroller.advance(61)
    request, _ = world.answers[-1]
    found = world.cluster.get("ConfigMapSyncer", SYNCER)
    again = encode(request | {"parent": found})
    later = START + timedelta(seconds=61 + seconds)

    def answer(now: datetime) -> Any:
        app = create_app(Settings(apply_strategy=strategy), lambda: now, io.StringIO())
        return json.loads(hook_of(app)("/sync", again)[1])

    assert answer(later) == answer(START + timedelta(seconds=61))


def hanging(world: SimulatedCluster) -> set[str]:
    """The targets in which a copy, or one of the former name, hangs in deletion until later."""
    return {
        item["metadata"]["namespace"]
        for item in world.cluster.list("ConfigMap")
        if is_deleting(item)
        and item["metadata"]["name"] in ("app-config", "former")
        and item["metadata"]["namespace"] in world.parent["spec"]["targetNamespaces"]
    }


def test_the_mark_of_dynamic_apply_is_the_one_that_the_hook_looks_for() -> None:
    world = SimulatedCluster(
        Circumstances(Values({"k": "one"}, {}), ["a"], []), ApplyStrategy.DYNAMIC_APPLY
    )
    world._create("Namespace", "a")
    world.settle()
    found = world.cluster.get("ConfigMap", "app-config", "a")

    assert found is not None
    assert LAST_APPLIED in found["metadata"]["annotations"]

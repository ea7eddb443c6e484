"""Live through a history in a world and in the oracle, and compare the two after every step."""

import copy
import itertools
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from hooks.copies.prune_guard import RECORDED_SECONDS
from tests.controlplane import Stack
from tests.definition import COPIED
from tests.model.histories import GUARD, NAMESPACES, Step, drawn
from tests.model.oracle import KEEP, LAST_APPLIED, Key, Manifest, Oracle, WriteRefused
from tests.scenarios.end_state import differences
from tests.scenarios.real import RealWorld
from tests.scenarios.simulated import SimulatedWorld
from tests.scenarios.story import API_VERSIONS, ObjectReference, mend


class LivesHistories(Protocol):
    """What takes the steps of a history, and says which those were."""

    def run(self, history: Iterator[Any]) -> None:
        """Take every step. AssertionError says what came otherwise."""

    def story(self) -> str:
        """The history so far."""


_TrialT = TypeVar("_TrialT", bound=LivesHistories)

MOST_CALLS = 40
"""How often the hook may be called for one step, for every syncer that there is."""

_DEADLINE_SECONDS = 2
"""In which the hook looks again after the deadline of a second that all syncers have."""
_HELD = "config.example.com/held"
_WAITED_FOR = ("NotApplied", "NotRemoved")
MOST_BYTES_OF_A_STATUS = 256 * 1024

_UID_OF = re.compile(r"uid of (.+)")


class SettledWorld(SimulatedWorld):
    """The simulated world where nothing waits long: what is to come is there in a second."""

    def eventually(self, look: Callable[[], str | None], what: str) -> None:
        self.metacontroller.settle()
        self.metacontroller.advance(RECORDED_SECONDS + _DEADLINE_SECONDS)
        missing = look()
        assert missing is None, f"{what}: {missing}"


@dataclass
class Trial:
    """One history in one world; `asked` says how often the hook has been called so far."""

    world: Any
    strategy: str
    calls: Callable[[], int]
    prefix: str = "x-"
    steps: int = 0
    most_calls: float = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """How often the oracle said what of a syncer or of a namespace that fails."""
    taken: list[Step] = field(default_factory=list)
    """The steps that were taken, each followed by what the oracle promised."""

    def __post_init__(self) -> None:
        self.oracle = Oracle(self.strategy, _renamed(KEEP, self.prefix))
        self._uids: dict[str, str] = {}

    def run(self, history: Iterable[Step]) -> None:
        """Take every step that the API server takes. AssertionError says what came otherwise."""
        for name in NAMESPACES:
            self._take({"apply": [{"kind": "Namespace", "metadata": {"name": name}}]})
        self._guard()
        self.taken = [{"apply": _renamed(list(GUARD), self.prefix)}]
        for step in history:
            self._take(step)

    def _guard(self) -> None:
        """Let nobody delete what has a certain label, and return when that holds."""
        for manifest in _renamed(list(GUARD), self.prefix):
            self.world.apply({"apiVersion": API_VERSIONS[manifest["kind"]]} | manifest)
        metadata = {"name": "x-probe", "namespace": NAMESPACES[0], "labels": {KEEP: "yes"}}
        probe = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}

        def look() -> str | None:
            is_refused = self.world.refuses(_renamed(probe, self.prefix))
            return None if is_refused else "it is not"

        self.world.eventually(look, "the policy to be followed")

    def _take(self, step: Step) -> None:
        step = _renamed(step, self.prefix)
        after = copy.deepcopy(self.oracle)
        try:
            _take(after, step)
        except WriteRefused:
            return
        before = {key: self._shown(key) for key in after.objects}
        promised = dict(self.oracle.objects)
        left_out = self.oracle.refused
        calls_before = self.calls()
        self._change(step)
        self._learn(after)
        self.taken.append(step)

        def look() -> str | None:
            settled = copy.deepcopy(after)
            settled.settle(self._who)
            self.oracle = settled
            return self._difference(settled)

        self.world.eventually(look, f"what is promised after {step}")
        self.taken.append(_expectation(self.oracle))
        self.steps += 1
        for status in self.oracle.statuses.values():
            self.reasons[status["conditions"]["Ready"][1]] += 1
            self.reasons.update(failure["reason"] for failure in status["failures"])
        calls = (self.calls() - calls_before) / max(1, len(after.syncers()))
        self.most_calls = max(self.most_calls, calls)
        assert calls <= MOST_CALLS, f"{calls} hook calls a syncer for {step}"
        # What was left out, so as to be deleted, is written once when it is to be kept instead.
        touched = {_key_of(step)} | left_out | self._marked()
        for key, item in self.oracle.objects.items():
            if key not in touched and promised.get(key) == item:
                now = self._shown(key)
                assert now == before[key], f"{key} was written for nothing after {step}"

    def _marked(self) -> set[Key]:
        """The Secrets under dynamic apply, where they are not enabled: to hold one marks it."""
        is_dynamic = self.strategy == "dynamic-apply"
        return {key for key in self.oracle.objects if is_dynamic and key[0] == "Secret"}

    def _change(self, step: Step) -> None:
        ((verb, what),) = step.items()
        if verb == "apply":
            for manifest in what:
                version = {"apiVersion": API_VERSIONS[manifest["kind"]]}
                self.world.apply(version | _with_uids(manifest, self._real_uid))
        elif verb == "patch":
            patch = _with_uids(what["with"], self._real_uid)
            self.world.patch(ObjectReference.parse(what["of"]), patch)
        elif verb == "mend":
            mend(self.world, what)
        else:
            self.world.delete(ObjectReference.parse(what["of"]), what.get("cascade"))

    def _real_uid(self, reference: str) -> str:
        found = self.world.find(ObjectReference.parse(reference))
        assert found is not None, reference
        uid: str = found["metadata"]["uid"]
        return uid

    def _learn(self, oracle: Oracle) -> None:
        """Know the uids of what owns by what the oracle calls them."""
        for (kind, _, name), item in oracle.objects.items():
            if kind in ("ConfigMapSyncer", "Namespace"):
                self._uids[self._real_uid(f"{kind} {name}")] = item["metadata"]["uid"]

    def _who(self, key: Key, candidates: Sequence[str]) -> str:
        """Who of those that may have taken a place has it."""
        found = self.world.find(ObjectReference(key[0], key[2], key[1]))
        owners = found["metadata"].get("ownerReferences") or () if found else ()
        names = [owner["name"] for owner in owners if owner.get("controller")]
        return names[0] if names and names[0] in candidates else candidates[0]

    def _difference(self, oracle: Oracle) -> str | None:
        expected = {
            "/".join(key): _comparable(item)
            for key, item in oracle.objects.items()
            if key[0] in COPIED
        }
        found = {}
        for kind in COPIED:
            for item in self.world.objects(kind):
                metadata = item["metadata"]
                is_ours = metadata["namespace"].startswith(self.prefix)
                if is_ours and metadata["name"] != "kube-root-ca.crt":
                    path = f"{kind}/{metadata['namespace']}/{metadata['name']}"
                    found[path] = _comparable({"kind": kind} | item, self._uids)
        statuses = {name: self._status(name) for name in oracle.syncers()}
        differing = [*differences(found, expected), *differences(statuses, oracle.statuses)]
        return "\n".join(differing) or None

    def _status(self, name: str) -> Manifest | None:
        found = self.world.find(ObjectReference("ConfigMapSyncer", name))
        if found is None or "conditions" not in found["status"]:
            return None
        status = found["status"]
        _refuse_hostile(status)
        conditions = {c["type"]: (c["status"], c["reason"]) for c in status["conditions"]}
        failures = [
            {"namespace": f["namespace"], "reason": f["reason"]} for f in status["failures"]
        ]
        fields = (
            "targetCount",
            "syncedCount",
            "pendingCount",
            "failedCount",
            "syncedNamespaces",
            "failedNamespaces",
            "contentHash",
        )
        return {
            "conditions": conditions,
            **{name: status.get(name) for name in fields},
            "failures": failures,
            "isPruneHeld": "pruneToken" in status,
            "isOfThisGeneration": status["observedGeneration"] == found["metadata"]["generation"],
            "plan": _plan(status.get("plan")),
        }

    def _shown(self, key: Key) -> str | None:
        found = self.world.find(ObjectReference(key[0], key[2], key[1] or None))
        return found["metadata"]["resourceVersion"] if found and key[0] in COPIED else None

    def waiting(self) -> set[str]:
        """The syncers that are looked at again and again: for a copy to go, or to be updated."""
        statuses = self.oracle.statuses.items()
        return self.oracle.with_unreadable_copies() | {
            name
            for name, status in statuses
            if any(failure["reason"] in _WAITED_FOR for failure in status["failures"])
        }

    def story(self) -> str:
        """The history so far as a story, with what is promised at its end."""
        steps = [_plain(step) for step in self.taken]
        text = yaml.safe_dump(
            {"namespaces": list(NAMESPACES), "strategies": [self.strategy], "steps": steps},
            sort_keys=False,
            width=200,
        )
        return re.sub(rf"\b{re.escape(self.prefix)}", "x-", text)


def in_memory(strategy: str) -> Trial:
    """A trial in a simulated world of its own."""
    world = SettledWorld(strategy)
    return Trial(world, strategy, world.metacontroller.calls.total)


def on_control_plane(stack: Stack) -> Callable[[], Trial]:
    """What starts one trial after another on a running stack, each with a prefix of its own."""
    numbers = itertools.count(1)
    world = RealWorld(stack)

    def start() -> Trial:
        prefix = f"m{next(numbers)}-"
        return Trial(world, stack.strategy, lambda: world.calls_of(prefix), prefix)

    return start


def _drawn(data: st.DataObject, trial: Any, most_steps: int) -> Iterator[Step]:
    return drawn(data, lambda: trial.oracle, most_steps)


def live(
    start: Callable[[], _TrialT],
    number: int,
    *,
    histories: int,
    most_steps: int,
    phases: Sequence[Phase],
    draw: Callable[[st.DataObject, _TrialT, int], Iterator[Any]] = _drawn,
    then: Callable[[_TrialT], None] = lambda _trial: None,
) -> None:
    """Live so many histories of one seed, each in a trial of its own, the same ones every time.

    AssertionError says what came otherwise, and has the story. `then` is for what has to hold, or
    is to be counted, when a history is over.
    """

    @seed(number)
    @settings(
        max_examples=histories,
        derandomize=False,  # The seed makes it the same every time.
        deadline=None,
        database=None,
        print_blob=False,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def each(data: st.DataObject) -> None:
        trial = start()
        try:
            trial.run(draw(data, trial, most_steps))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{trial.story()}") from error
        then(trial)

    each()


def _take(oracle: Oracle, step: Step) -> None:
    ((verb, what),) = step.items()

    def uid(reference: str) -> str:
        kind, _, name = reference.partition(" ")
        if (kind, "", name) not in oracle.objects:
            raise WriteRefused
        return str(oracle.objects[kind, "", name]["metadata"]["uid"])

    if verb == "apply":
        for manifest in what:
            oracle.apply(_with_uids(manifest, uid))
    elif verb == "patch":
        oracle.patch(_parsed(what["of"]), _with_uids(what["with"], uid))
    elif verb == "mend":
        oracle.mend(what)
    else:
        oracle.delete(_parsed(what["of"]), what.get("cascade"))


def _parsed(text: str) -> Key:
    reference = ObjectReference.parse(text)
    return reference.kind, reference.namespace or "", reference.name


def _key_of(step: Step) -> Key:
    ((verb, what),) = step.items()
    if verb == "apply":
        reference = ObjectReference.of(what[0])
        return reference.kind, reference.namespace or "", reference.name
    if verb == "mend":
        return "ConfigMapSyncer", "", what
    return _parsed(what["of"])


def _with_uids(value: Any, uid: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _with_uids(value, uid) for key, value in value.items()}
    if isinstance(value, list):
        return [_with_uids(item, uid) for item in value]
    match = _UID_OF.fullmatch(value) if isinstance(value, str) else None
    return uid(match[1]) if match else value


def _renamed(value: Any, prefix: str) -> Any:
    if isinstance(value, dict):
        return {_renamed(key, prefix): _renamed(value, prefix) for key, value in value.items()}
    if isinstance(value, list):
        return [_renamed(item, prefix) for item in value]
    return re.sub(r"\bx-", prefix, value) if isinstance(value, str) else value


def _refuse_hostile(status: Manifest) -> None:
    """What others write neither moves a cursor nor makes a status too large to be stored."""
    text = json.dumps(status, ensure_ascii=False)
    assert len(text.encode()) <= MOST_BYTES_OF_A_STATUS, text[:1_000]
    moving = {c for c in _texts(status) if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")}
    assert not moving, f"the status holds {moving}"


def _texts(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(map(_texts, value.values()))
    if isinstance(value, list):
        return "".join(map(_texts, value))
    return value if isinstance(value, str) else ""


def _plan(plan: Manifest | None) -> Manifest | None:
    """A plan as the model makes it, when its counts are those of its lists."""
    if plan is None:
        return None
    read: Manifest = {}
    for part, listed in plan.items():
        is_of_copies = part in ("update", "takeOver")
        named = listed.get("copies" if is_of_copies else "namespaces") or []
        assert listed["count"] == len(named), f"{part}: {listed}"
        assert all(c["keyCount"] == len(c.get("keys") or ()) for c in named if is_of_copies), listed
        read[part] = {c["namespace"]: c.get("keys") or [] for c in named} if is_of_copies else named
    return read


def _comparable(item: Manifest, uids: Mapping[str, str] | None = None) -> Manifest:
    metadata = item["metadata"]

    def known(uid: str) -> str:
        return uid if uids is None else uids.get(uid, uid)

    annotations = dict(metadata.get("annotations") or {})
    for comes_and_goes in (LAST_APPLIED, _HELD):
        annotations.pop(comes_and_goes, None)
    owners = [
        (owner["kind"], owner["name"], known(owner["uid"]), bool(owner.get("controller")))
        for owner in metadata.get("ownerReferences") or ()
    ]
    return {
        "data": item.get("data") or {},
        "binaryData": item.get("binaryData") or {},
        "immutable": bool(item.get("immutable")),
        "type": item.get("type", "Opaque") if item["kind"] == "Secret" else None,
        "labels": {key: known(value) for key, value in (metadata.get("labels") or {}).items()},
        "annotations": annotations,
        "owners": sorted(owners),
        "finalizers": metadata.get("finalizers") or [],
        "isGoing": "deletionTimestamp" in metadata,
    }


def _expectation(oracle: Oracle) -> Step:
    """What a story can expect of every syncer and every object, uids left out."""
    syncers = []
    for name, status in oracle.statuses.items():
        conditions = [
            {"type": kind, "status": condition[0], "reason": condition[1]}
            for kind, condition in status["conditions"].items()
        ]
        syncers.append(
            {
                "kind": "ConfigMapSyncer",
                "metadata": {"name": name},
                "status": {
                    "syncedNamespaces": status["syncedNamespaces"],
                    "failures": status["failures"],
                    "conditions": conditions,
                },
            }
        )
    objects = []
    for key, item in sorted(oracle.objects.items()):
        if key[0] in COPIED:
            comparable = _comparable(item)
            labels = {k: v for k, v in comparable["labels"].items() if k != "controller-uid"}
            owners = [
                {"name": name, "kind": kind} | ({"controller": True} if controls else {})
                for kind, name, _, controls in comparable["owners"]
            ]
            metadata = {"name": key[2], "namespace": key[1], "labels": labels}
            objects.append(
                {
                    "kind": key[0],
                    "metadata": metadata | ({"ownerReferences": owners} if owners else {}),
                    "data": comparable["data"],
                    "binaryData": comparable["binaryData"],
                }
            )
    return {"expect": [*syncers, *objects]}


def _plain(value: Any) -> Any:
    """Without what YAML would write as an anchor."""
    if isinstance(value, dict):
        return {key: _plain(value) for key, value in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value

"""Draw what users do while contents are rolled out, and compare each outcome with what is promised.

No history has:

- What tests/model/histories.py draws: one syncer, one source and one kind of conflict are enough
  here.
- The loss of a revision that nothing else holds, nor any loss of a Secret's: stories and unit tests
  have them, because what its next one is called depends on versions.
- spec.rollout that is added or removed while a copy is refused or hangs: whether such a copy is as
  it should be then depends on its metadata alone.
- A syncer without targets: an edit that leaves none is held, which is not about stages.
- A status that is wiped or written by others: unit tests have it.
"""

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from hypothesis import strategies as st

from tests.conditions import ready_of
from tests.model.rollouts import (
    INVALID,
    DrawnStage,
    HeldCopy,
    RolloutOracle,
    RolloutSpec,
    stages_of,
)
from tests.scenarios.copy_watch import SYNCER, CopyWatch
from tests.scenarios.rollout_rule import REVISION
from tests.scenarios.simulated import SimulatedWorld
from tests.scenarios.story import Manifest, ObjectReference

Step = tuple[str, Any]
"""What is done, and with what."""

_SOURCE_NAMESPACE: Final = "x-src"
_NAMES: Final = ("x-a", "x-b", "x-c", "x-d", "x-e")
_CONTENTS: Final = ("a", "b", "c", "d")
_GROUP: Final = "config.example.com"
_KEY: Final = "level"
_SETTLE_SECONDS: Final = 15
"""In which everything settles that waits for nothing but being recorded."""
_COMMAND: Final = re.compile(rf"{_GROUP}/approve-rollout=([0-9a-f,]+)")
_RESYNC_SECONDS: Final = 300
_RETRY_SECONDS: Final = 30
"""In which the hook looks again at what is refused."""
_MOST_OTHER_CALLS: Final = 40
"""Of the hook in one step, for passing all stages."""
_MOST_RETRIES: Final = 20
"""Of Metacontroller, which waits twice as long after each one."""
_FINALIZER: Final = "x.example.com/keep"

_STAGES: Final[Sequence[Sequence[DrawnStage]]] = (
    (DrawnStage("canary", ("x-a",), soaks=True), DrawnStage("rest")),
    (
        DrawnStage("canary", ("x-a",), soaks=True),
        DrawnStage("early", ("x-b", "x-c"), needs_approval=True),
        DrawnStage("rest"),
    ),
    (
        DrawnStage("canary", ("x-a", "x-b"), soaks=True, needs_approval=True),
        DrawnStage("early", ("x-c",), soaks=True),
        DrawnStage("rest", soaks=True),
    ),
    (
        DrawnStage("nobody", ("x-none",), soaks=True),
        DrawnStage("early", ("x-b",), soaks=True),
        DrawnStage("rest", needs_approval=True),
    ),
    (
        DrawnStage("early", ("x-b",), needs_approval=True),
        DrawnStage("canary", ("x-a", "x-b", "x-e"), soaks=True),
        DrawnStage("rest"),
    ),
    (DrawnStage("rest"),),
)
_rollouts = st.builds(
    RolloutSpec,
    stages=st.sampled_from(_STAGES).map(tuple),
    max_failures=st.sampled_from((0, 0, 1, "50%")),
    rolls_back=st.booleans(),
    history=st.sampled_from((5, 1, 0)),
)


@dataclass
class RolloutTrial:
    """One history in memory, compared after each step with what is promised."""

    strategy: str
    kind: str = "ConfigMap"
    taken: list[Step] = field(default_factory=list)
    phases: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.world = SimulatedWorld(self.strategy)
        self.watch = CopyWatch(self.world)
        self.oracle = RolloutOracle(self._now)
        self._is_user = True
        self.world.cluster.admission.append(self._refusal)

    def run(self, history: Iterator[Step]) -> None:
        """Take every step. AssertionError says what came otherwise."""
        for step in history:
            self.taken.append(step)
            verb, what = step
            before = len(self.world.calls(SYNCER.name))
            self._is_user = True
            waited = getattr(self, f"_{verb}")(what) or 0
            self._is_user = False
            self.world.metacontroller.advance(waited + _SETTLE_SECONDS)
            self.world.metacontroller.settle()
            self.oracle.settle()
            differing = list(self._differences())
            assert not differing, f"after {step}: {'; '.join(differing)}"
            assert self.watch.broken == [], f"after {step}: {self.watch.broken}"
            calls = len(self.world.calls(SYNCER.name)) - before
            most = _MOST_OTHER_CALLS + waited // _RESYNC_SECONDS
            if self.oracle.refused or self.oracle.stuck or self.oracle.leaving:
                most += _MOST_RETRIES + (waited + 2 * _SETTLE_SECONDS) // _RETRY_SECONDS
            assert calls <= most, f"{calls} calls of the hook after {step}"
            if self.oracle.recorded is not None:
                self.phases.add(self.oracle.recorded.phase)

    def story(self) -> str:
        """The steps so far."""
        return "\n".join(f"{verb}: {what}" for verb, what in self.taken)

    # What is done, to the world and to the oracle.

    def _begin(self, what: tuple[str, RolloutSpec]) -> None:
        self.kind, rollout = what
        for name in (_SOURCE_NAMESPACE, *_NAMES[:-1]):
            self._namespace(name)
        self._source("a")
        enum = {"enum": [*_CONTENTS]}
        spec = {
            f"source{self.kind}": "x-config",
            "sourceNamespace": _SOURCE_NAMESPACE,
            "targetNamespaces": ["x-*"],
            "progressDeadlineSeconds": 1,
            "validation": [{"schema": {"properties": {_KEY: enum}}}],
            "rollout": _written(rollout),
        }
        self.world.apply(
            {
                "apiVersion": f"{_GROUP}/v1alpha1",
                "kind": "ConfigMapSyncer",
                "metadata": {"name": SYNCER.name},
                "spec": spec,
            }
        )
        self.oracle.rollout = rollout

    def _namespace(self, name: str) -> None:
        self.world.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        if name != _SOURCE_NAMESPACE:
            self.oracle.namespaces.add(name)

    def _vanish(self, name: str) -> None:
        self.world.delete(ObjectReference("Namespace", name), None)
        self.oracle.namespaces.discard(name)
        self.oracle.blocked.discard(name)
        self.oracle.reported.pop(name, None)

    def _source(self, content: str | None) -> None:
        if content is None:
            self.world.delete(self._at(_SOURCE_NAMESPACE), None)
            self.oracle.allowed = None
        else:
            manifest = self._object(_SOURCE_NAMESPACE, content)
            if self.kind == "Secret" and self.world.find(self._at(_SOURCE_NAMESPACE)) is None:
                manifest["metadata"]["annotations"] = {f"{_GROUP}/allow-sync-to": "*"}
            self.world.apply(manifest)
        self.oracle.source = content

    def _consent(self, names: Sequence[str] | None) -> None:
        text = "*" if names is None else ", ".join(names)
        metadata = {"annotations": {f"{_GROUP}/allow-sync-to": text}}
        self.world.patch(self._at(_SOURCE_NAMESPACE), {"metadata": metadata})
        self.oracle.allowed = None if names is None else frozenset(names)

    def _wait(self, seconds: int) -> int:
        return seconds

    def _approve(self, _: None) -> None:
        message = ready_of(self._syncer())["message"]
        command = _COMMAND.search(message)
        assert command is not None, f"nothing tells how to approve: {message}"
        self._annotate(command[1])
        self.oracle.approved = set(self.oracle.needed)

    def _forge(self, token: str) -> None:
        self._annotate(token)
        self.oracle.approved = set()

    def _annotate(self, token: str) -> None:
        annotations = {f"{_GROUP}/approve-rollout": token}
        self.world.patch(SYNCER, {"metadata": {"annotations": annotations}})

    def _report(self, name: str) -> None:
        assert self.oracle.recorded is not None
        self._report_as(name, self._syncer()["status"]["rollout"]["updateRevision"])
        self.oracle.reported[name] = self.oracle.recorded.update

    def _heal(self, name: str) -> None:
        self._report_as(name, None)
        self.oracle.reported.pop(name, None)

    def _misreport(self, name: str) -> None:
        self._report_as(name, "x-sync-0000000000000000")
        self.oracle.reported.pop(name, None)

    def _report_as(self, name: str, revision: str | None) -> None:
        annotations = {f"{_GROUP}/rollout-failed": revision}
        self.world.patch(
            ObjectReference("Namespace", name), {"metadata": {"annotations": annotations}}
        )

    def _edit_copy(self, name: str) -> None:
        values = {_KEY: self._encoded("edited")}
        self.world.patch(self._at(name), {"data": values})
        self._disturb(name)
        self.oracle.copies[name] = replace(self.oracle.copies[name], value="edited")

    def _delete_copy(self, name: str) -> None:
        self.world.delete(self._at(name), None)
        self._disturb(name)
        self.oracle.remove(name)

    def _disturb(self, name: str) -> None:
        if self.oracle.is_settled(name):
            self.oracle.disturbed.add(name)

    def _refuse(self, what: tuple[str, str | None]) -> None:
        name, content = what
        self.oracle.refused[name] = content

    def _allow(self, name: str) -> int:
        del self.oracle.refused[name]
        return 2 * _RETRY_SECONDS

    def _refusal(self, operation: str, item: Manifest, _old: Manifest | None) -> str | None:
        """Why Metacontroller may not write a copy; users may, and all may delete it."""
        namespace = item["metadata"]["namespace"]
        if self._is_user or operation == "DELETE" or namespace not in self.oracle.refused:
            return None
        content = self.oracle.refused[namespace]
        return "locked" if content in (None, self._value(item)) else None

    def _keep_copy(self, name: str) -> None:
        self._finalize(name, [_FINALIZER])
        self.oracle.copies[name] = replace(self.oracle.copies[name], is_kept=True)

    def _hang(self, name: str) -> None:
        self._keep_copy(name)
        self._delete_copy(name)

    def _release(self, name: str) -> None:
        self._finalize(name, None)
        if self.oracle.copies[name].is_terminating:
            del self.oracle.copies[name]
        else:
            self.oracle.copies[name] = replace(self.oracle.copies[name], is_kept=False)

    def _finalize(self, name: str, finalizers: Sequence[str] | None) -> None:
        self.world.patch(self._at(name), {"metadata": {"finalizers": finalizers}})

    def _delete_revision(self, content: str) -> None:
        for name in [name for name, held in self._revisions().items() if held == content]:
            self.world.delete(ObjectReference(self.kind, name, _SOURCE_NAMESPACE), None)
        del self.oracle.stored[content]
        recorded = self.oracle.recorded
        # Until it is stored again, every copy is held, and after that a stage soaks again.
        if recorded is not None and content in (recorded.update, recorded.stable):
            self.oracle.is_interrupted = True
            if recorded.phase != "Halted":
                self.oracle.recover()

    def _suspend(self, is_suspended: bool) -> None:
        self._spec({"suspend": is_suspended})
        self.oracle.is_suspended = is_suspended

    def _exclude(self, names: Sequence[str]) -> None:
        self._spec({"excludeNamespaces": list(names)})
        self.oracle.excluded = frozenset(names)

    def _block(self, name: str) -> None:
        self.world.apply(self._object(name, "theirs"))
        self.oracle.blocked.add(name)

    def _unblock(self, name: str) -> None:
        self.world.delete(self._at(name), None)
        self.oracle.blocked.discard(name)

    def _pin(self, content: str | None) -> None:
        names = {held: name for name, held in self._revisions().items()}
        self._spec({"pinnedRevision": names.get(content or "", content and f"x-sync-{content}")})
        self.oracle.pinned = content

    def _stage(self, rollout: RolloutSpec | None) -> None:
        if rollout is None:
            self._spec({"rollout": None, "pinnedRevision": None})
            self.oracle.pinned = None
        else:
            self._spec({"rollout": _written(rollout)})
        self.oracle.rollout = rollout

    def _spec(self, spec: Manifest) -> None:
        generation = self._syncer()["metadata"]["generation"]
        self.world.patch(SYNCER, {"spec": spec})
        if self._syncer()["metadata"]["generation"] != generation:
            self.oracle.is_interrupted = True

    # What is there.

    def _differences(self) -> Iterator[str]:
        oracle, syncer = self.oracle, self._syncer()
        revisions = self._revisions()
        if sorted(revisions.values()) != sorted(oracle.stored):
            yield f"{revisions} are stored, not {sorted(oracle.stored)}"
        for name in oracle.namespaces - oracle.blocked:
            found, promised = self._copy(name, revisions), oracle.copies.get(name)
            if found != promised:
                yield f"{name} has {found}, not {promised}"
        yield from self._differing_status(syncer["status"].get("rollout"), revisions)
        ready, reason = ready_of(syncer), self._reason()
        if reason is not None and ready["reason"] != reason:
            yield f"Ready is {ready}, not {reason}"

    def _differing_status(self, status: Manifest | None, names: dict[str, str]) -> Iterator[str]:
        recorded = self.oracle.recorded
        if recorded is None or status is None:
            if status or recorded:
                yield f"{status} is recorded, not {recorded}"
            return
        since = status.get("soakingSince")
        found = {
            "update": names.get(status["updateRevision"], recorded.update),
            "stable": names.get(status["stableRevision"], recorded.stable),
            "phase": status["phase"],
            "stage": status.get("stage"),
            "failing": sorted(each["namespace"] for each in status.get("failures", ())),
            "updated": status["updatedCount"],
            "targets": status["targetCount"],
        }
        for field_name, value in found.items():
            promised = getattr(recorded, field_name)
            if value != (sorted(promised) if field_name == "failing" else promised):
                yield f"{field_name} is {value}, not {promised}"
        if (since is None) != (recorded.since is None):
            yield f"soakingSince is {since}, not {recorded.since}"
        elif since is not None and recorded.since is not None:
            apart = datetime.fromisoformat(since).timestamp() - recorded.since
            if abs(apart) > 10 * _SETTLE_SECONDS:
                yield f"soakingSince is {apart} seconds from what is promised"

    def _reason(self) -> str | None:
        """The reason of Ready, where nothing else than the rollout can be one."""
        oracle = self.oracle
        if oracle.hold is not None:
            return "Suspended" if oracle.is_suspended else oracle.hold
        recorded = oracle.recorded
        if recorded is None or not oracle.able or oracle.able != oracle.targets:
            return None
        is_stopped = recorded.phase in ("Halted", "RolledBack")
        if (oracle.stuck or oracle.leaving) and not is_stopped:
            return "ProgressDeadlineExceeded"
        return {
            "Complete": "AllCopiesCurrent",
            "Pinned": "Pinned",
            "Soaking": "RolloutProgressing",
            "AwaitingApproval": "AwaitingApproval",
            "Halted": "RolloutHalted",
            "RolledBack": "RolledBack",
        }[recorded.phase]

    def _syncer(self) -> Manifest:
        syncer = self.world.find(SYNCER)
        assert syncer is not None
        return syncer

    def _copy(self, namespace: str, revisions: dict[str, str]) -> HeldCopy | None:
        found = self.world.find(self._at(namespace))
        if found is None:
            return None
        metadata, promised = found["metadata"], self.oracle.copies.get(namespace)
        said = metadata["annotations"].get(REVISION)
        return HeldCopy(
            self._value(found),
            # What a copy holds may be stored no longer.
            said and revisions.get(said, (promised and promised.says) or said),
            is_kept=_FINALIZER in metadata.get("finalizers", ()),
            is_terminating="deletionTimestamp" in metadata,
        )

    def _revisions(self) -> dict[str, str]:
        """What each stored revision holds, by its name."""
        return {
            item["metadata"]["name"]: self._value(item)
            for item in self.world.objects(self.kind)
            if f"{_GROUP}/revision-of" in item["metadata"].get("labels", {})
        }

    def _now(self) -> float:
        return self.world.clock.now().timestamp()

    def _at(self, namespace: str) -> ObjectReference:
        return ObjectReference(self.kind, "x-config", namespace)

    def _object(self, namespace: str, content: str) -> Manifest:
        return {
            "apiVersion": "v1",
            "kind": self.kind,
            "metadata": {"name": "x-config", "namespace": namespace},
            "data": {_KEY: self._encoded(content)},
        }

    def _encoded(self, value: str) -> str:
        return base64.b64encode(value.encode()).decode() if self.kind == "Secret" else value

    def _value(self, item: Manifest) -> str:
        value: str = item["data"][_KEY]
        return base64.b64decode(value).decode() if self.kind == "Secret" else value


def _written(rollout: RolloutSpec) -> Manifest:
    return {
        "stages": list(stages_of(rollout)),
        "maxFailures": rollout.max_failures,
        "onFailure": "Rollback" if rollout.rolls_back else "Halt",
        "revisionHistoryLimit": rollout.history,
    }


def drawn_rollouts(data: st.DataObject, trial: RolloutTrial, most_steps: int) -> Iterator[Step]:
    """A syncer with stages whose source changes, and then what can happen on the way."""
    has_secrets = trial.strategy == "server-side-apply"
    kind = data.draw(st.sampled_from(("ConfigMap", "ConfigMap", "Secret")[: 2 + has_secrets]))
    rollout = data.draw(_rollouts)
    yield "begin", (kind, replace(rollout, history=5) if kind == "Secret" else rollout)
    yield "source", "b"
    for _ in range(data.draw(st.sampled_from((most_steps // 2, most_steps)))):
        yield data.draw(_steps(trial.oracle, kind))


def _steps(oracle: RolloutOracle, kind: str) -> st.SearchStrategy[Step]:
    """What can be done with what is there."""
    possible: list[st.SearchStrategy[Step]] = []

    def can(verb: str, values: Sequence[Any], weight: int = 1) -> None:
        if values:
            possible.extend([st.sampled_from([(verb, value) for value in values])] * weight)

    copies = _living(oracle)
    kept = [name for name, copy in oracle.copies.items() if copy.is_kept]
    present = sorted(oracle.namespaces)
    can("source", [c for c in (*_CONTENTS, INVALID) if c != oracle.source], 3)
    if oracle.source is None:
        can("source", _CONTENTS, 2)
    else:
        can("source", [None])
        can("consent", [None, ["x-a", "x-b"], ["x-b", "x-c", "x-d", "x-e"]])
    left = oracle.soak_left
    if left is not None:
        can("wait", [int(left) + 100], 4)
        can("wait", [int(left) // 2] if left > 3_000 else (), 4)
        soaking = [name for name in copies if _is_soaking(oracle, name)]
        can("edit_copy", soaking, 4)
        can("delete_copy", soaking, 2)
    else:
        can("wait", [7_200])
    can("approve", [None] if oracle.needed else (), 5)
    can("forge", ["0123456789abcdef"])
    if oracle.recorded is not None and oracle.rollout is not None:
        update = oracle.recorded.update
        holding = sorted(name for name, copy in oracle.copies.items() if copy.says == update)
        can("report", holding, 3 if oracle.recorded.phase not in ("Complete", "Pinned") else 0)
        can("report", present)
    can("heal", sorted(oracle.reported), 2)
    can("misreport", present)
    can("edit_copy", copies)
    can("delete_copy", copies)
    can("suspend", [not oracle.is_suspended], 1 + 2 * oracle.is_suspended)
    excluded: Sequence[Sequence[str]] = ([], ["x-a"], ["x-c", "x-d"])
    can("exclude", [names for names in excluded if oracle.namespaces - set(names)])
    can("namespace", [name for name in _NAMES if name not in present])
    can("vanish", [n for n in present if set(oracle.targets) - {n} and n not in kept])
    can("block", sorted(oracle.excluded & oracle.namespaces - oracle.copies.keys()))
    can("unblock", sorted(oracle.blocked))
    for verb, values, weight in _refusals(oracle, copies, kept):
        can(verb, values, weight)
    if oracle.rollout is not None and oracle.recorded is not None:
        can("pin", [*sorted(oracle.stored), "missing"])
        can("pin", [None] if oracle.pinned else (), 3)
        can("delete_revision", sorted(_replaceable(oracle)) if kind == "ConfigMap" else ())
        can("stage", [None] if not oracle.refused and not kept else ())
        possible.append(st.tuples(st.just("stage"), _next(oracle.rollout, kind)))
    elif oracle.hold is None and oracle.rollout is None:
        possible.append(st.tuples(st.just("stage"), _next(RolloutSpec(_STAGES[0]), kind)))
    # As one_of counts each strategy once, however often it is listed.
    return st.sampled_from(possible).flatmap(lambda chosen: chosen)


def _refusals(
    oracle: RolloutOracle, copies: Sequence[str], kept: Sequence[str]
) -> Iterator[tuple[str, Sequence[Any], int]]:
    """What keeps Metacontroller from writing copies, and what lets it: with how likely it is."""
    yield "allow", sorted(oracle.refused), 2
    yield "release", sorted(kept), 2
    if oracle.rollout is not None and oracle.recorded is not None:
        at_stake = [None, oracle.recorded.update, oracle.recorded.stable]
        names = [name for name in _NAMES if name not in oracle.refused]
        yield "refuse", [(name, content) for name in names for content in at_stake], 2
        yield "keep_copy", [name for name in copies if name not in kept], 1
        yield "hang", [name for name in copies if name not in kept], 1


def _living(oracle: RolloutOracle) -> Sequence[str]:
    """The namespaces that have a copy which is not being deleted."""
    return sorted(name for name, copy in oracle.copies.items() if not copy.is_terminating)


def _next(rollout: RolloutSpec, kind: str) -> st.SearchStrategy[RolloutSpec]:
    """Other stages, or another word on failures."""
    stages = st.sampled_from(_STAGES).map(lambda chosen: replace(rollout, stages=tuple(chosen)))
    others = _rollouts.map(
        lambda drawn: replace(
            drawn, stages=rollout.stages, history=5 if kind == "Secret" else drawn.history
        )
    )
    return st.one_of(stages, others)


def _is_soaking(oracle: RolloutOracle, name: str) -> bool:
    """Whether a target is of the stage that soaks."""
    rollout, recorded = oracle.rollout, oracle.recorded
    return (
        rollout is not None
        and recorded is not None
        and rollout.place(name) == rollout.index(recorded.stage)
    )


def _replaceable(oracle: RolloutOracle) -> Iterator[str]:
    """The stored contents that are known from elsewhere, or not needed."""
    if oracle.hold is not None or oracle.recorded is None:
        return
    used = {oracle.recorded.update, oracle.recorded.stable, oracle.pinned}
    whole = {oracle.copies[name].value for name in _living(oracle) if name in oracle.able}
    for content in oracle.stored:
        is_known = content == oracle.source and content == oracle.recorded.update
        if content not in used or is_known or content in whole or content == oracle.pinned:
            yield content

"""What staged rollouts promise, in plain Python: which content every target holds when all settled.

It shares no code with the service. It knows one syncer whose targets are all namespaces but that of
the source and those that it excludes, and what docs/rollout.md says, rule by rule. A content is the
value of its only key. Times are seconds; a soak takes so long that the seconds in which a step
settles do not decide whether it is over.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Final

INVALID: Final = "invalid"
"""The content that breaks the rule of spec.validation."""
SOAK_SECONDS: Final = 10_000
_WHOLE: Final = 100


@dataclass(frozen=True)
class DrawnStage:
    """One of spec.rollout.stages; the last one has no names and takes what is left."""

    name: str
    namespaces: Sequence[str] = ()
    soaks: bool = False
    needs_approval: bool = False


@dataclass(frozen=True)
class RolloutSpec:
    """What a syncer says about rollouts."""

    stages: Sequence[DrawnStage]
    max_failures: int | str = 0
    rolls_back: bool = False
    history: int = 5

    def place(self, namespace: str) -> int:
        """The first stage that selects a namespace."""
        for place, stage in enumerate(self.stages[:-1]):
            if any(fnmatchcase(namespace, glob) for glob in stage.namespaces):
                return place
        return len(self.stages) - 1

    def index(self, name: str | None) -> int | None:
        """Where a stage is."""
        return next((i for i, stage in enumerate(self.stages) if stage.name == name), None)

    def may_fail(self, able: int) -> int:
        """How many targets of a stage may fail."""
        if isinstance(self.max_failures, str):
            return able * int(self.max_failures.removesuffix("%")) // _WHOLE
        return self.max_failures


@dataclass(frozen=True)
class PromisedRollout:
    """What status.rollout says; contents in the place of revisions."""

    update: str
    stable: str
    phase: str
    stage: str | None = None
    begun: int = 0
    since: float | None = None
    failing: frozenset[str] = frozenset()
    updated: int = 0
    targets: int = 0


Approval = tuple[object, ...]
"""What one approval is for: it is good for nothing else."""


@dataclass
class HeldCopy:
    """What a copy holds, and which content it says it is."""

    value: str | None
    says: str


@dataclass
class RolloutOracle:
    """A syncer, its source and its targets, as they are when all has settled."""

    now: Callable[[], float]
    namespaces: set[str] = field(default_factory=set)
    excluded: frozenset[str] = frozenset()
    blocked: set[str] = field(default_factory=set)
    """Where an object of somebody else has the copy's name."""
    source: str | None = "a"
    allowed: frozenset[str] | None = None
    """Where the owner of the source lets it be copied; None is everywhere."""
    rollout: RolloutSpec | None = None
    pinned: str | None = None
    is_suspended: bool = False
    reported: dict[str, str] = field(default_factory=dict)
    """The content whose revision a Namespace reports as failed."""
    approved: set[Approval] = field(default_factory=set)
    copies: dict[str, HeldCopy] = field(default_factory=dict)
    stored: dict[str, int] = field(default_factory=dict)
    """The contents that are stored, by when that was done."""
    recorded: PromisedRollout | None = None
    needed: Sequence[Approval] = ()
    """What the message asks to approve."""
    is_interrupted: bool = False
    """Whether a soak begins again: the spec was edited, or all was held for a moment."""
    disturbed: set[str] = field(default_factory=set)
    """The targets that lost their content in this step."""
    _count: int = 0

    # What is seen.

    @property
    def targets(self) -> list[str]:
        """All targets, also those that can take no copy."""
        return sorted(self.namespaces - self.excluded)

    @property
    def able(self) -> list[str]:
        """The targets that can take a copy."""
        is_allowed = self.allowed
        return [
            name
            for name in self.targets
            if name not in self.blocked and (is_allowed is None or name in is_allowed)
        ]

    @property
    def hold(self) -> str | None:
        """Why every copy stays as it is."""
        if self.source is None:
            return "SourceNotFound"
        if self.pinned is not None and self.pinned not in self.stored:
            return "RevisionNotFound"
        if self.source == INVALID and self.pinned is None:
            return "ContentInvalid"
        return "Suspended" if self.is_suspended else None

    @property
    def desired(self) -> str:
        """The content that all targets are to hold in the end."""
        assert self.source is not None
        return self.pinned or self.source

    @property
    def soak_left(self) -> float | None:
        """How long the stage still soaks."""
        if self.recorded is None or self.recorded.phase != "Soaking":
            return None
        assert self.recorded.since is not None
        return self.recorded.since + SOAK_SECONDS - self.now()

    # What comes of it.

    def settle(self) -> None:
        """Go on until nothing happens before something is waited for."""
        self.needed = ()
        for name in list(self.copies):
            is_known = self.source is not None and self.allowed is not None
            if name not in self.namespaces or (is_known and name not in (self.allowed or ())):
                del self.copies[name]
        if self.rollout is None:
            self.stored, self.recorded = {}, None
        if self.hold is None:
            self._go_on()
        elif self.recorded is not None:
            phase = self.recorded.phase
            self.recorded = replace(
                self.recorded, phase="Progressing" if phase == "Soaking" else phase, since=None
            )
        self.is_interrupted = False
        self.disturbed = set()

    def _go_on(self) -> None:
        for name in self.copies.keys() & self.excluded:
            del self.copies[name]
        if self.rollout is None:
            self._give(dict.fromkeys(self.able, self.desired))
            return
        for _ in range(50):
            before = self.recorded
            self._step(self.rollout)
            if before == self.recorded:
                return
        raise AssertionError("it never settles")

    def _step(self, rollout: RolloutSpec) -> None:
        """Record one thing, and let the targets hold what is recorded."""
        recorded, desired = self.recorded, self.desired
        if self.pinned is not None:
            self._everywhere(rollout, PromisedRollout(desired, desired, "Pinned"))
        elif recorded is None or desired == recorded.stable:
            self._everywhere(rollout, PromisedRollout(desired, desired, "Complete"))
        elif desired != recorded.update or recorded.phase in ("Complete", "Pinned"):
            self._count += 1
            first = rollout.stages[0].name
            self.recorded = PromisedRollout(
                desired, recorded.stable, "Progressing", first, begun=self._count
            )
            self.is_interrupted, self.disturbed = False, set()
        elif recorded.phase == "RolledBack":
            self._hold_by(rollout, recorded, dict.fromkeys(self.able, recorded.stable))
        else:
            self._continue(rollout, recorded)

    def _everywhere(self, rollout: RolloutSpec, recorded: PromisedRollout) -> None:
        self._hold_by(rollout, recorded, dict.fromkeys(self.able, recorded.update))

    def _hold_by(
        self, rollout: RolloutSpec, recorded: PromisedRollout, held: Mapping[str, str]
    ) -> None:
        self._store(rollout, recorded)
        self._give(held)
        self.recorded = replace(
            recorded,
            updated=sum(held[name] == recorded.update for name in self.able),
            targets=len(self.targets),
        )

    def _continue(self, rollout: RolloutSpec, recorded: PromisedRollout) -> None:
        reached = rollout.index(recorded.stage)
        if reached is None:
            says = {name: copy.says for name, copy in self.copies.items()}
            able = [n for n in self.targets if n in says or n in self.able]
            behind = [n for n in able if says.get(n) != recorded.update]
            last = len(rollout.stages) - 1
            reached = min(map(rollout.place, behind), default=last)
            begun = [n for n in says if says[n] == recorded.update and rollout.place(n) == reached]
            # What was the reached stage may have another name now, and has to soak again.
            reached = reached if begun else max(0, reached - 1)
            recorded = replace(recorded, stage=rollout.stages[reached].name, since=None)
            if recorded.phase != "Halted":
                recorded = replace(recorded, phase="Progressing")
        if recorded.phase == "Halted":
            self._halted(rollout, recorded, reached)
            return
        self._hold_by(
            rollout,
            recorded,
            {
                name: recorded.update if rollout.place(name) <= reached else recorded.stable
                for name in self.able
            },
        )
        assert self.recorded is not None
        self.recorded = self._judged(rollout, self.recorded, reached)

    def _halted(self, rollout: RolloutSpec, recorded: PromisedRollout, reached: int) -> None:
        """Nobody more gets the update; who holds it keeps it."""
        keeping = {
            name
            for name, copy in self.copies.items()
            if copy.says == recorded.update and rollout.place(name) <= reached
        }
        held = {n: recorded.update if n in keeping else recorded.stable for n in self.able}
        self._hold_by(rollout, recorded, held)
        assert self.recorded is not None
        failing = (recorded.failing & set(self.targets)) | self._failing(held, recorded.update)
        token = self._token(rollout, recorded, None, failing)
        if token in self.approved:
            self.recorded = replace(self.recorded, phase="Progressing", failing=failing)
        else:
            self.recorded = replace(self.recorded, failing=failing)
            self.needed = (token,)

    def _judged(
        self, rollout: RolloutSpec, recorded: PromisedRollout, reached: int
    ) -> PromisedRollout:
        """What is recorded next, with all targets holding what they are to hold."""
        stage = rollout.stages[reached]
        holding = {name for name in self.able if rollout.place(name) <= reached}
        held = dict.fromkeys(holding, recorded.update)
        failing = self._failing(held, recorded.update)
        accepted: Sequence[Approval] = ()
        if self._is_too_much(rollout, failing):
            # What was approved stays so while no other target fails.
            for approved in (failing | (recorded.failing & set(self.targets)), failing):
                token = self._token(rollout, recorded, None, approved)
                if token in self.approved:
                    accepted, failing = (token,), approved
                    break
            else:
                phase = "RolledBack" if rollout.rolls_back else "Halted"
                return replace(recorded, phase=phase, since=None, failing=failing)
        recorded = replace(recorded, failing=failing)
        members = {name for name in holding if rollout.place(name) == reached}
        if self.is_interrupted or self.disturbed & members or not members:
            recorded = replace(recorded, since=None)
            self.is_interrupted, self.disturbed = False, set()
        moment = self.now()
        if members:
            since = moment if recorded.since is None else recorded.since
            recorded = replace(recorded, since=since)
            if stage.soaks and since + SOAK_SECONDS > moment:
                return replace(recorded, phase="Soaking")
        is_last = reached == len(rollout.stages) - 1
        is_proven = bool(holding if is_last else members)
        token = self._token(rollout, recorded, stage.name, frozenset())
        if (stage.needs_approval or not is_proven) and token not in self.approved:
            self.needed = (*accepted, token)
            return replace(recorded, phase="AwaitingApproval")
        if is_last:
            update = recorded.update
            updated, targets = recorded.updated, recorded.targets
            return PromisedRollout(update, update, "Complete", updated=updated, targets=targets)
        following = rollout.stages[reached + 1].name
        return replace(recorded, phase="Progressing", stage=following, since=None)

    def _failing(self, held: Mapping[str, str], update: str) -> frozenset[str]:
        return frozenset(n for n in held if held[n] == update and self.reported.get(n) == update)

    def _is_too_much(self, rollout: RolloutSpec, failing: frozenset[str]) -> bool:
        for place in range(len(rollout.stages)):
            able = sum(rollout.place(name) == place for name in self.able)
            failed = sum(rollout.place(name) == place for name in failing)
            if failed > rollout.may_fail(able):
                return True
        return False

    @staticmethod
    def _token(
        rollout: RolloutSpec, recorded: PromisedRollout, stage: str | None, failing: frozenset[str]
    ) -> Approval:
        """Of a stage that is passed, or of a halt with what fails."""
        if stage is None:
            last = max(map(rollout.place, failing), default=0)
            stage = rollout.stages[last].name
        step = (recorded.stable, recorded.update, recorded.begun, stage, failing)
        return (*step, tuple(rollout.stages))

    def _give(self, held: Mapping[str, str]) -> None:
        for name, content in held.items():
            self.copies[name] = HeldCopy(content, content)

    def _store(self, rollout: RolloutSpec, recorded: PromisedRollout) -> None:
        """Those in use are stored, and the newest of the others."""
        used = {recorded.update, recorded.stable, *([self.pinned] if self.pinned else [])}
        for content in sorted(used - self.stored.keys()):
            self._count += 1
            self.stored[content] = self._count
        others = sorted(self.stored.keys() - used, key=lambda content: self.stored[content])
        kept = used | set(others[-rollout.history :] if rollout.history else ())
        self.stored = {content: when for content, when in self.stored.items() if content in kept}


def stages_of(rollout: RolloutSpec) -> Iterator[dict[str, Any]]:
    """The stages as a manifest has them."""
    for stage in rollout.stages:
        written: dict[str, Any] = {"name": stage.name}
        if stage.namespaces:
            written["targetNamespaces"] = list(stage.namespaces)
        if stage.soaks:
            written["soakSeconds"] = SOAK_SECONDS
        if stage.needs_approval:
            written["approval"] = "Manual"
        yield written

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
    says: str | None
    is_kept: bool = False
    """Whether somebody's finalizer keeps it from going when it is deleted."""
    is_terminating: bool = False


@dataclass
class RolloutOracle:
    """A syncer, its source and its targets, as they are when all has settled."""

    now: Callable[[], float]
    namespaces: set[str] = field(default_factory=set)
    excluded: frozenset[str] = frozenset()
    blocked: set[str] = field(default_factory=set)
    """Where an object of somebody else has the copy's name."""
    refused: dict[str, str | None] = field(default_factory=dict)
    """The content that the API server refuses in a namespace; None is every content."""
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
    late: set[str] = field(default_factory=set)
    """The targets that were refused the update until their deadline was over."""
    given: dict[str, str] = field(default_factory=dict)
    """What each target that can take a copy was given last."""
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
    def stuck(self) -> set[str]:
        """The targets that cannot get what was last given to them."""
        return {name for name, content in self.given.items() if self._is_stuck(name, content)}

    @property
    def leaving(self) -> set[str]:
        """Where a copy should be gone and hangs."""
        return {
            name
            for name, copy in self.copies.items()
            if copy.is_terminating and name not in self.able
        }

    def is_settled(self, name: str) -> bool:
        """Whether a target holds what was last given to it."""
        return name in self.given and self._holds(name, self.given[name])

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
        self.late &= set(self.able)
        for name in list(self.copies):
            is_known = self.source is not None and self.allowed is not None
            if name not in self.namespaces or (is_known and name not in (self.allowed or ())):
                self.remove(name)
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
            self.remove(name)
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
            self._pin(rollout, desired)
            return
        if recorded is not None and recorded.phase == "Pinned":
            # A rollout begins from what was pinned, though not every target has taken it.
            recorded = replace(recorded, stable=recorded.update)
        if recorded is None or desired == recorded.stable:
            self._everywhere(rollout, PromisedRollout(desired, desired, "Complete"))
        elif desired != recorded.update or recorded.phase in ("Complete", "Pinned"):
            self._count += 1
            first = rollout.stages[0].name
            self.recorded = PromisedRollout(
                desired, recorded.stable, "Progressing", first, begun=self._count
            )
            self.is_interrupted, self.disturbed, self.late = False, set(), set()
        elif recorded.phase == "RolledBack":
            self._hold_by(rollout, recorded, dict.fromkeys(self.able, recorded.stable))
        else:
            self._continue(rollout, recorded)

    def _pin(self, rollout: RolloutSpec, desired: str) -> None:
        """A pin is stable when the targets hold it; who is refused it is not waited for."""
        former = desired if self.recorded is None else self.recorded.stable
        living = [self.copies[n] for n in self.able if n in self.copies]
        if any(copy.value == former and not copy.is_terminating for copy in living):
            # Until the pin is held, the former one is in use: it is stored again where it is lost.
            self._store(rollout, PromisedRollout(desired, former, "Pinned"))
        self._give(dict.fromkeys(self.able, desired))
        is_held = not self.able or self.stuck != set(self.able)
        stable = desired if is_held else former
        self._everywhere(rollout, PromisedRollout(desired, stable, "Pinned"))

    def _everywhere(self, rollout: RolloutSpec, recorded: PromisedRollout) -> None:
        self._hold_by(rollout, recorded, dict.fromkeys(self.able, recorded.update))

    def _hold_by(
        self, rollout: RolloutSpec, recorded: PromisedRollout, held: Mapping[str, str]
    ) -> None:
        self._store(rollout, recorded)
        self._give(held)
        holding = [n for n in held if held[n] == recorded.update and n not in self.stuck]
        self.recorded = replace(
            recorded,
            updated=len(holding),
            targets=len(self.targets),
        )

    def _continue(self, rollout: RolloutSpec, recorded: PromisedRollout) -> None:
        reached = rollout.index(recorded.stage)
        if reached is None:
            says = {name: copy.says for name, copy in self.copies.items()}
            living = {n: copy for n, copy in self.copies.items() if not copy.is_terminating}
            known = [n for n in self.able if n in living or n not in self.copies]
            behind = [n for n in known if says.get(n) != recorded.update]
            behind = [n for n in behind if n not in recorded.failing]
            if recorded.phase != "Halted":
                self.recover()
            last = len(rollout.stages) - 1
            reached = min(map(rollout.place, behind), default=last)
            begun = [
                n
                for n in self.targets
                if n in living
                and living[n].value == recorded.update
                and rollout.place(n) == reached
            ]
            # What was the reached stage may have another name now, and has to soak again.
            reached = reached if begun else max(0, reached - 1)
            recorded = replace(recorded, stage=rollout.stages[reached].name, since=None)
            if recorded.phase != "Halted":
                recorded = replace(recorded, phase="Progressing")
        if recorded.phase == "Halted":
            self._halted(rollout, recorded, reached)
            return
        held = {
            name: recorded.update if rollout.place(name) <= reached else recorded.stable
            for name in self.able
        }
        self.late = {name for name in self.late if held.get(name) == recorded.update}
        updated = [name for name in held if held[name] == recorded.update]
        # Who failed before fails at once, then those that report it, then those that are refused.
        failing = [self._failing(updated, recorded.update)]
        self._hold_by(rollout, recorded, held)
        failing.append(self._failing(updated, recorded.update))
        late = self.stuck.intersection(updated)
        failing.append(failing[-1] | late)
        assert self.recorded is not None
        self.recorded = self._judged(rollout, self.recorded, reached, failing)
        self.late = late

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
        # What failed stays so until it holds the update, or cannot be put back.
        stays = {n for n in self.late & recorded.failing if n in held and n not in keeping}
        stuck = {n for n in self.stuck if n in self.late or n in keeping}
        self.late = stays | stuck
        failing = self._failing([n for n in held if n in keeping], recorded.update)
        failing |= recorded.failing & set(self.targets)
        token = self._token(rollout, recorded, None, failing)
        if token in self.approved:
            self.recorded = replace(self.recorded, phase="Progressing", failing=failing)
        else:
            self.recorded = replace(self.recorded, failing=failing)
            self.needed = (token,)

    def _judged(
        self,
        rollout: RolloutSpec,
        recorded: PromisedRollout,
        reached: int,
        each_failing: Sequence[frozenset[str]],
    ) -> PromisedRollout:
        """What is recorded next, with all targets holding what they are to hold if they can.

        Those that fail are judged more than once, for not all of them do so at once.
        """
        stage = rollout.stages[reached]
        accepted: Sequence[Approval] = ()
        for failing in each_failing:
            accepted, approved = (), failing
            if self._is_too_much(rollout, failing):
                # What was approved stays so while no other target fails.
                for approved in (failing | (recorded.failing & set(self.targets)), failing):
                    token = self._token(rollout, recorded, None, approved)
                    if token in self.approved:
                        accepted = (token,)
                        break
                else:
                    phase = "RolledBack" if rollout.rolls_back else "Halted"
                    return replace(recorded, phase=phase, since=None, failing=failing)
            recorded = replace(recorded, failing=approved)
        within = {name for name in self.able if rollout.place(name) <= reached}
        holding = within - self.stuck
        members = {name for name in holding if rollout.place(name) == reached}
        lost = {name for name in self.disturbed & within if rollout.place(name) == reached}
        if self.is_interrupted or lost or not members:
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

    def _failing(self, updated: Sequence[str], update: str) -> frozenset[str]:
        """The targets, of those that are given the update, that fail by what they hold now."""
        holding = {name for name in updated if self._holds(name, update)}
        reported = {name for name in holding if self.reported.get(name) == update}
        return frozenset(reported | (self.late & set(updated) - holding))

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
        self.given = dict(held)
        for name, content in held.items():
            if not self._is_stuck(name, content):
                says = content if self.rollout else None
                is_kept = name in self.copies and self.copies[name].is_kept
                self.copies[name] = HeldCopy(content, says, is_kept)

    def remove(self, name: str) -> None:
        """Delete a copy; one that a finalizer keeps hangs."""
        if self.copies[name].is_kept:
            self.copies[name] = replace(self.copies[name], is_terminating=True)
        else:
            del self.copies[name]

    def recover(self) -> None:
        """While copies are held as they are, who holds a content whole is refused nothing."""
        self.late = {
            name
            for name in self.late
            if name not in self.copies or not self._holds(name, self.copies[name].says)
        }

    def _holds(self, name: str, content: str | None) -> bool:
        """Whether a copy is as one of this content is to be."""
        copy = self.copies.get(name)
        says = content if self.rollout else None
        return copy is not None and (copy.value, copy.says, copy.is_terminating) == (
            content,
            says,
            False,
        )

    def _is_stuck(self, name: str, content: str) -> bool:
        """Whether a copy stays other than it is to be."""
        copy = self.copies.get(name)
        is_refused = name in self.refused and self.refused[name] in (None, content)
        return not self._holds(name, content) and (
            is_refused or (copy is not None and copy.is_terminating)
        )

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

"""In which stages a changed content reaches the targets, and what stops it (spec.rollout)."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Raw

from hooks.api import protocol
from hooks.api.text import named
from hooks.spec import selectors
from hooks.spec.globs import Patterns
from hooks.spec.limit import Limit
from hooks.spec.selectors import LabelSelector, MalformedSelector

STAGES_LIMIT: Final = 20
HISTORY_LIMIT: Final = 20
_LONGEST_SOAK_SECONDS: Final = 31_536_000
_STAGE_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class Approval(StrEnum):
    """Whether a person must approve that a stage is passed (spec.rollout.stages[].approval)."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


class OnFailure(StrEnum):
    """What happens when too many targets fail (spec.rollout.onFailure)."""

    HALT = "Halt"
    ROLLBACK = "Rollback"


class StageFields(msgspec.Struct, frozen=True, rename="camel"):
    """One item of `spec.rollout.stages` as it is written."""

    name: str
    target_namespaces: list[str] | None = None
    namespace_selector: Raw = Raw(b"")
    soak_seconds: int = 0
    approval: Approval = Approval.AUTOMATIC

    @property
    def selects(self) -> bool:
        """Whether the stage says which targets belong to it."""
        return bool(self.target_namespaces) or not protocol.is_absent(self.namespace_selector)


class RolloutFields(msgspec.Struct, frozen=True, rename="camel"):
    """`spec.rollout` as it is written; nothing of it is checked but the types."""

    stages: list[StageFields]
    max_failures: int | str = 0
    on_failure: OnFailure = OnFailure.HALT
    revision_history_limit: int = 5


@dataclass(frozen=True, slots=True)
class RolloutStage:
    """A part of the targets, and what must be true before the next stage begins.

    The last stage has neither names nor a selector, and takes every target that is left.
    """

    name: str
    namespaces: Patterns | None = None
    selector: LabelSelector | None = None
    soak_seconds: int = 0
    approval: Approval = Approval.AUTOMATIC

    def takes(self, namespace: str, labels: Mapping[str, str] | None) -> bool:
        """Whether a target belongs to this stage, unless an earlier stage has it."""
        if self.namespaces is None and self.selector is None:
            return True
        by_name = self.namespaces is not None and self.namespaces.matches(namespace)
        return by_name or (self.selector is not None and self.selector.matches(labels))


@dataclass(frozen=True, slots=True)
class Rollout:
    """The stages in order, how many targets of a stage may fail, and how many revisions stay."""

    stages: Sequence[RolloutStage]
    max_failures: Limit
    on_failure: OnFailure = OnFailure.HALT
    revision_history_limit: int = 5
    digest: str = ""
    """Of the stages as they are written: what approves one of them approves no other."""

    def index(self, name: str) -> int | None:
        """The place of the stage with a name; None where there is none."""
        return next((i for i, stage in enumerate(self.stages) if stage.name == name), None)

    def place(self, namespace: str, labels: Mapping[str, str] | None) -> int:
        """The place of the first stage that takes a target; the last one takes any."""
        return next(i for i, stage in enumerate(self.stages) if stage.takes(namespace, labels))


def parse(written: RolloutFields) -> Rollout:
    """A rollout that has passed the checks."""
    return Rollout(
        stages=tuple(map(_stage, written.stages)),
        max_failures=Limit.parse(written.max_failures),
        on_failure=written.on_failure,
        revision_history_limit=written.revision_history_limit,
        digest=hashlib.sha256(protocol.encode(written.stages)).hexdigest(),
    )


def checks(written: RolloutFields) -> Iterator[tuple[bool, str]]:
    """What can be wrong with a rollout, each with a sentence that says what to change."""
    stages, field = written.stages, "spec.rollout.stages"
    yield not 1 <= len(stages) <= STAGES_LIMIT, f"Write 1 to {STAGES_LIMIT} items in {field}"
    names = [stage.name for stage in stages]
    malformed = [name for name in names if not _STAGE_NAME.fullmatch(name)]
    yield bool(malformed), f"Correct {field}: {named(malformed)} cannot be used as a name"
    repeated = sorted({name for name in names if names.count(name) > 1})
    yield bool(repeated), f"Correct {field}: {named(repeated)} is used more than once"
    open_ended = [stage.name for stage in stages[:-1] if not stage.selects]
    yield bool(open_ended), f"Select targets in {field}: {named(open_ended)} selects nothing"
    yield (
        bool(stages) and stages[-1].selects,
        f"Let the last item of {field} select nothing, so that it takes every target that is left",
    )
    malformed = [problem for problem in map(_selector_problem, stages) if problem]
    yield bool(malformed), f"Correct a namespaceSelector in {field}: {', '.join(malformed[:1])}"
    hasty = [
        stage.name
        for stage in stages[:-1]
        if stage.soak_seconds == 0 and stage.approval is Approval.AUTOMATIC
    ]
    yield bool(hasty), f"Set soakSeconds or approval: Manual in {field}: {named(hasty)}"
    out_of_range = [s.name for s in stages if not 0 <= s.soak_seconds <= _LONGEST_SOAK_SECONDS]
    yield (
        bool(out_of_range),
        f"Set soakSeconds to 0 to {_LONGEST_SOAK_SECONDS} in {field}: {named(out_of_range)}",
    )
    yield (
        not Limit.is_valid(written.max_failures),
        "Set spec.rollout.maxFailures to a number, or to a percentage from 0% to 100%",
    )
    yield (
        not 0 <= written.revision_history_limit <= HISTORY_LIMIT,
        f"Set spec.rollout.revisionHistoryLimit to 0 to {HISTORY_LIMIT}",
    )


def _selector_problem(written: StageFields) -> str | None:
    try:
        _stage(written)
    except MalformedSelector as error:
        return str(error)
    return None


def _stage(written: StageFields) -> RolloutStage:
    is_selected = not protocol.is_absent(written.namespace_selector)
    names = written.target_namespaces
    return RolloutStage(
        name=written.name,
        namespaces=Patterns.of(names) if names else None,
        selector=selectors.parse(written.namespace_selector) if is_selected else None,
        soak_seconds=written.soak_seconds,
        approval=written.approval,
    )

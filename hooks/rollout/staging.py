"""What is returned for each target: with one content for all, or as the stages of a rollout say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from msgspec import UNSET

from hooks.api.protocol import Child
from hooks.copies.child import preserve, preserved
from hooks.copies.decision import CopyDecisions, DesiredContents
from hooks.copies.observation import Observation
from hooks.copies.outcome import Outcome, State
from hooks.resolve.source import Content
from hooks.resolve.targets import Target
from hooks.rollout.assignment import Assignment, assign
from hooks.rollout.types import IN_PROGRESS, Phase, RolloutStatus
from hooks.spec.syncer import Syncer


# Without slots, for the decisions are kept.
@dataclass(frozen=True, eq=False)
class Staging:
    """What the targets are to hold; without spec.rollout there is no assignment."""

    observation: Observation[Syncer]
    content: Content
    assignment: Assignment | None

    @classmethod
    def of(
        cls,
        observation: Observation[Syncer],
        content: Content,
        recorded: RolloutStatus | None,
        stamp: str,
    ) -> Self:
        """What the targets are to hold now, `stamp`. Raises MalformedRequest."""
        rollout = observation.syncer.rollout
        if rollout is None:
            return cls(observation, content, None)
        assignment = assign(observation, rollout, content, recorded, stamp)
        return cls(observation, assignment.update, assignment)

    def decide(self, target: Target) -> Outcome:
        """What to return for one target. Raises MalformedRequest on a copy's malformed data."""
        assignment = self.assignment
        if assignment is None or self._is_planned:
            return self.copies.decide(target)
        if target.failure is None and assignment.contents[target.namespace] is None:
            children = self._preserved.get(target.namespace, ())
            return Outcome(target.namespace, State.STAGED, children)
        outcome = self.copies.decide(target)
        is_staged = outcome.state is State.CURRENT and assignment.is_behind(target.namespace)
        return replace(outcome, state=State.STAGED, written=None) if is_staged else outcome

    @cached_property
    def copies(self) -> CopyDecisions:
        """The decisions about the copies, each with its own content."""
        assigned: Mapping[str, Content | None] = {}
        if self.assignment is not None and not self._is_planned:
            assigned = self.assignment.contents
        others = {
            name: content
            for name, content in assigned.items()
            if content is not None and content.revision != self.content.revision
        }
        return CopyDecisions(self.observation, DesiredContents(self.content, others))

    @property
    def revisions(self) -> Sequence[Child]:
        """The stored revisions that stay; none where there is no rollout."""
        if self.assignment is None:
            return ()
        recorded, used = self.assignment.recorded, self.assignment.used
        # Before the first stage nobody knows which of them is good.
        is_unknown = recorded.phase in IN_PROGRESS and recorded.stage is UNSET
        return list(self.assignment.revisions.children(used, are_all_kept=is_unknown))

    @property
    def _is_planned(self) -> bool:
        """Whether a plan shows what resuming leads to, which is the end of the rollout."""
        stopped = (Phase.HALTED, Phase.ROLLED_BACK)
        is_stopped = self.assignment is None or self.assignment.recorded.phase in stopped
        return self.observation.syncer.suspend and not is_stopped

    @cached_property
    def _preserved(self) -> Mapping[str, Sequence[Child]]:
        children: dict[str, list[Child]] = {}
        for copy in preserved(self.observation):
            children.setdefault(copy.namespace, []).append(preserve(copy, self.observation))
        return children

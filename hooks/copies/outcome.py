"""What became of the copy in one namespace."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from hooks.api.protocol import Child
from hooks.resolve.targets import Failure


class State(Enum):
    """What became of the copy in one namespace.

    EMPTIED: it went with its source, as asked for. LEAVING: one that should be gone is there.
    STAGED: it waits for its stage of a rollout, and is as it should be until then.
    """

    CURRENT = "current"
    WAITING = "waiting"
    HELD = "held"
    EMPTIED = "emptied"
    LEAVING = "leaving"
    STAGED = "staged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state of one target, and the children to return for it.

    `failure` is set when FAILED; `blocked_by` says what a WAITING copy is waiting for where that
    is known, and what keeps one that is LEAVING, and `seen` what is seen of it otherwise; `written`
    says when a CURRENT one was last written, as far as that is known.
    """

    namespace: str
    state: State
    children: Sequence[Child] = ()
    failure: Failure | None = None
    blocked_by: str | None = None
    written: datetime | None = None
    seen: str = "the copy was requested and has not been observed with the current content"

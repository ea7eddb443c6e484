"""How much of what the service reads a syncer will take, said before it is too much.

A request holds every copy, and a service that refuses it can no longer say anything: the status
stays as it was. So the next request is estimated in advance, from what is asked for alone, and a
little too large rather than too small.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hooks.api.protocol import ApplyStrategy
from hooks.copies import size
from hooks.copies.observation import Observation
from hooks.resolve import source
from hooks.resolve.source import Content, NoContent, SourceReason
from hooks.resolve.targets import Target
from hooks.spec.syncer import Syncer

NEAR_PERCENT: Final = 80
"""From this share of the limit on, the status warns."""
_OBSERVED_BYTES: Final = 900
"""What the API server and Metacontroller add to a copy: uid, times, managers, owner."""
_KEY_BYTES: Final = len('"f:":{},')
_NAMESPACE_BYTES: Final = 600
"""A Namespace, and the names of it in the syncer."""
_REST_BYTES: Final = 4_000
"""The syncer and the CompositeController."""
_TIMES_OBSERVED: Final = 2
"""A copy is among the children, and related because of its name."""


@dataclass(frozen=True, slots=True)
class RequestSize:
    """The bytes that the next request takes, and the most that it may have."""

    taken: int
    limit: int
    is_shown: bool
    subject: str

    @property
    def refusal(self) -> NoContent | None:
        """Why nothing may be written: Metacontroller could never ask about it again."""
        if self.taken <= self.limit:
            return None
        size = f"about {self.taken:,} of" if self.is_shown else "more than"
        return NoContent(
            SourceReason.TOO_LARGE,
            f"{self.subject} is too large for so many target namespaces, because a request to the "
            f"service that holds all copies would take {size} the {self.limit:,} bytes that "
            f"MAX_REQUEST_BYTES allows; {_REMEDY}",
        )

    @property
    def warning(self) -> str | None:
        """A sentence, where not much more can be asked for."""
        percent = 100 * self.taken // self.limit
        if percent < NEAR_PERCENT:
            return None
        share = f"about {percent} %" if self.is_shown else "most"
        return (
            f"A request to the service takes {share} of the {self.limit:,} bytes that "
            f"MAX_REQUEST_BYTES allows, and nothing is written once it takes more: {_REMEDY}."
        )


_REMEDY: Final = (
    "raise it, MAX_IN_FLIGHT_BYTES and the service's memory limit, or split the syncer into "
    "several with fewer namespaces each"
)


def of(content: Content, observation: Observation[Syncer]) -> RequestSize:
    """What a syncer takes once every target has its copy, while those that it replaces remain.

    Of a Secret no size is shown, for it is that of its values.
    """
    syncer, options = observation.syncer, observation.options
    open_ = [target for target in observation.targets if target.failure is None]
    copy = size.request_size(content, syncer, open_)
    if options.strategy is ApplyStrategy.DYNAMIC_APPLY:
        # The annotation holds the copy once more, as a string in which quotes are escaped.
        escaped = (content.raw_data, content.raw_binary_data)
        copy += copy + sum(bytes(raw).count(sign) for raw in escaped for sign in (b'"', b"\\"))
    managed = sum(len(key.encode()) + _KEY_BYTES for key in (*content.data, *content.binary_data))
    each = _TIMES_OBSERVED * (copy + _OBSERVED_BYTES + managed) + _NAMESPACE_BYTES
    return RequestSize(
        taken=_REST_BYTES
        + copy
        + len(open_) * each
        + _replaced(observation, open_)
        + _revisions(observation, copy),
        limit=options.max_request_bytes,
        is_shown=not syncer.source.kind.is_secret,
        subject=source.described(syncer),
    )


def _revisions(observation: Observation[Syncer], copy: int) -> int:
    """Bytes of the stored revisions with the one that a rollout stores next; each is shown once."""
    if observation.syncer.rollout is None:
        return 0
    stored = [(each.data, each.binary_data) for each in observation.revisions]
    return (
        copy
        + _OBSERVED_BYTES
        + sum(
            _OBSERVED_BYTES + memoryview(data).nbytes + memoryview(binary_data).nbytes
            for data, binary_data in stored
        )
    )


def _replaced(observation: Observation[Syncer], targets: Sequence[Target]) -> int:
    """Bytes of the copies under an old name or kind: they stay until the new ones are there.

    Those elsewhere are not counted, so that fewer targets always help.
    """
    namespaces = {target.namespace for target in targets}
    contents = [
        (copy.object.data, copy.object.binary_data)
        for copy in observation.copies
        if copy.namespace in namespaces and not copy.has_current_name
    ]
    return sum(
        _OBSERVED_BYTES + memoryview(data).nbytes + memoryview(binary_data).nbytes
        for data, binary_data in contents
    )

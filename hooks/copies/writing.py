"""What to write into a copy so that it comes to hold the content and nothing else.

A key that somebody added is not removed by leaving it out: it is first claimed, with a value of
ours, and goes when it is then left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from msgspec import Raw

from hooks.api import protocol
from hooks.api.names import CONTENT_HASH
from hooks.api.options import HookOptions
from hooks.api.protocol import KubernetesObject
from hooks.copies import etcd, field_ownership, size
from hooks.resolve import source
from hooks.resolve.source import Content
from hooks.spec.syncer import Syncer

# A key that must go is first written with a value that it does not have: then it is ours alone.
_CLAIMS: Final = ("to-be-removed", "being-removed")
_BINARY_CLAIMS: Final = ("dG8tYmUtcmVtb3ZlZA==", "YmVpbmctcmVtb3ZlZA==")


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What a copy holds, and whether its digest says that this is what was last written."""

    data: Mapping[str, str]
    binary_data: Mapping[str, str]
    is_current: bool
    is_recorded: bool


@dataclass(slots=True)
class ContentWriter:
    """Reads copies and finds what to write for one content; copies in one state share the work."""

    syncer: Syncer
    content: Content
    options: HookOptions
    _readings: dict[tuple[bytes, bytes, str | None], Reading] = field(default_factory=dict)
    _writings: dict[tuple[Reading, bool, frozenset[str]], Content | None] = field(
        default_factory=dict
    )
    _stored: dict[int, int] = field(default_factory=dict)

    def read(self, copy: KubernetesObject) -> Reading | None:
        """What the copy holds; None where its bytes are those of the content.

        Raises MalformedRequest on malformed data.
        """
        content = self.content
        if copy.data == content.raw_data and copy.binary_data == content.raw_binary_data:
            return None
        recorded = copy.annotation(CONTENT_HASH)
        key = (bytes(copy.data), bytes(copy.binary_data), recorded)
        reading = self._readings.get(key)
        if reading is None:
            data = protocol.decode_values(copy.data, copy, "data")
            binary_data = protocol.decode_values(copy.binary_data, copy, "binaryData")
            is_current = data == content.data and binary_data == content.binary_data
            # Hashing is what costs here, and where the content was recorded it tells nothing new.
            is_recorded = (
                is_current
                if recorded == content.hash
                else source.content_hash(data, binary_data) == recorded
            )
            reading = Reading(data, binary_data, is_current, is_recorded)
            self._readings[key] = reading
        return reading

    def changed_keys(self, existing: KubernetesObject) -> Sequence[str]:
        """The keys, sorted, in which an object is other than the content."""
        reading = self.read(existing)
        if reading is None:
            return ()
        sides = (
            (reading.data, self.content.data),
            (reading.binary_data, self.content.binary_data),
        )
        return sorted(
            {
                key
                for held, desired in sides
                for key in held.keys() | desired.keys()
                if held.get(key) != desired.get(key)
            }
        )

    def next_write(self, copy: KubernetesObject, reading: Reading) -> Content | None:
        """What brings the copy nearer to the content in one write; None where nothing does."""
        writing = self._writing(copy, reading)
        return None if writing is None or self._is_overfull(copy, writing) else writing

    def _writing(self, copy: KubernetesObject, reading: Reading) -> Content | None:
        desired, desired_binary = self.content.data, self.content.binary_data
        is_untouched = self._is_untouched(copy, reading)
        withheld = frozenset(
            (reading.data.keys() & desired_binary.keys())
            | (reading.binary_data.keys() & desired.keys())
        )
        # Kubernetes refuses a key on both sides, and a key that is not ours alone does not go by
        # being left out: then it is set on the one side when it has gone from the other.
        if withheld and is_untouched:
            withheld -= field_ownership.keys_of_ours_alone(copy, self.options)
        key = (reading, is_untouched, withheld)
        if key not in self._writings:
            self._writings[key] = self._claiming(reading, withheld, is_untouched=is_untouched)
        return self._writings[key]

    def _is_overfull(self, copy: KubernetesObject, writing: Content) -> bool:
        """Whether so much of others is on a copy that etcd would refuse it once it is written."""
        stored = self._stored.get(id(writing))
        if stored is None:
            stored = size.stored_size(writing, self.syncer, size.LONGEST, self.options.strategy)
            self._stored[id(writing)] = stored
        return etcd.is_too_much(stored, copy, self.options)

    def _is_untouched(self, copy: KubernetesObject, reading: Reading) -> bool:
        """Whether what the content has not goes when it is left out.

        A digest tells that nobody has touched the copy; of a Secret there is none, and who owns
        its keys has to be looked up.
        """
        if self.content.hash is not None:
            return reading.is_recorded
        foreign = reading.data.keys() - self.content.data.keys()
        return foreign <= field_ownership.keys_of_ours_alone(copy, self.options)

    def _claiming(
        self, reading: Reading, withheld: frozenset[str], *, is_untouched: bool
    ) -> Content | None:
        content = self.content
        data: Mapping[str, str] = {k: v for k, v in content.data.items() if k not in withheld}
        binary_data: Mapping[str, str] = {
            k: v for k, v in content.binary_data.items() if k not in withheld
        }
        if not is_untouched:
            # Claim, then drop: a key of others stays when it is left out, but once it holds a value
            # of ours, and we recorded so, leaving it out removes it.
            claims = _BINARY_CLAIMS if self.syncer.source.kind.is_secret else _CLAIMS
            foreign = _claimed(reading.data, content.data, claims)
            foreign_binary = _claimed(reading.binary_data, content.binary_data, _BINARY_CLAIMS)
            data = protocol.ordered({**data, **foreign})
            binary_data = protocol.ordered({**binary_data, **foreign_binary})
        if data == content.data and binary_data == content.binary_data:
            return content
        planned = replace(
            content,
            data=data,
            binary_data=binary_data,
            raw_data=Raw(protocol.encode(data)) if data else Raw(b""),
            raw_binary_data=Raw(protocol.encode(binary_data)) if binary_data else Raw(b""),
            hash=None if content.hash is None else source.content_hash(data, binary_data),
        )
        # What a claim makes too large for Kubernetes would be refused for ever.
        if size.too_large(planned, self.syncer, size.LONGEST, self.options.strategy):
            return None
        return planned


def _claimed(
    held: Mapping[str, str], desired: Mapping[str, str], claims: tuple[str, str]
) -> Mapping[str, str]:
    """The keys to be removed, each with a value of ours that it does not have yet."""
    first, second = claims
    return {
        key: second if value == first else first
        for key, value in held.items()
        if key not in desired
    }

"""What a syncer is said to take of a request is about what it takes, and never less."""

import pytest

from benchmarks import grown
from hooks import capacity, protocol, source, syncer, targets
from hooks.policy import Policy
from hooks.source import Content
from hooks.syncer import Syncer


@pytest.mark.parametrize("size", [1_000, 10_000, 100_000])
def test_a_request_is_as_large_as_it_is_said_to_be_or_a_little_smaller(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grown, "TARGETS", 100)
    body = grown.encoded(grown.settled(size))
    request, policy = protocol.decode_sync(body), Policy()
    asked = syncer.parse(request.parent)
    assert isinstance(asked, Syncer)
    content = source.resolve(asked, request, policy)
    assert isinstance(content, Content)

    told = capacity.of(asked, content, request, targets.resolve(asked, request, policy), policy)

    assert 1 <= told.taken / len(body) < 1.2

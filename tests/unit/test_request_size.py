"""What a syncer is said to take of a request is about what it takes, and never less."""

import pytest
from msgspec import Raw

from hooks.api import protocol
from hooks.api.kinds import CONFIG_MAP
from hooks.api.options import HookOptions
from hooks.api.protocol import ApplyStrategy, KubernetesObject, ObjectMeta, Parent, SyncRequest
from hooks.copies import request_size
from hooks.copies.observation import observe
from hooks.resolve import source, targets
from hooks.resolve.source import Content
from hooks.resolve.targets import Target
from hooks.spec.parsing import parse_syncer
from hooks.spec.syncer import NamespaceSelection, SourceReference, Syncer
from tests.benchmarks import grown

SYNCER = Syncer(
    name="sample",
    uid="b9f3",
    source=SourceReference("default", "app-config"),
    namespaces=NamespaceSelection(("dev",)),
)


def taken(value: str, strategy: ApplyStrategy, *observed: KubernetesObject) -> int:
    """The bytes that one copy of one value takes, with what is observed."""
    data = {"key": value}
    content = Content(data, {}, Raw(protocol.encode(data)), Raw(b""), source.content_hash(data, {}))
    request = SyncRequest(
        parent=Parent(ObjectMeta(SYNCER.name)),
        children={CONFIG_MAP.group: {copy.key: copy for copy in observed}},
    )
    observation = observe(SYNCER, [Target("dev")], request, HookOptions(strategy))
    return request_size.of(content, observation).taken


@pytest.mark.parametrize("escaped", ['"', "\\"])
def test_under_dynamic_apply_what_is_escaped_is_escaped_once_more_in_the_annotation(
    escaped: str,
) -> None:
    longer = taken(escaped, ApplyStrategy.DYNAMIC_APPLY) - taken("x", ApplyStrategy.DYNAMIC_APPLY)

    # It is written once and observed twice: as two bytes, and as four in the annotation.
    assert longer == 3 * (2 + 4 - 2 * len("x"))


@pytest.mark.parametrize("field", ["data", "binary_data"])
def test_a_copy_that_is_replaced_is_counted_with_all_that_it_holds(field: str) -> None:
    def under_an_old_name(size: int) -> KubernetesObject:
        held = Raw(protocol.encode({"key": "x" * size}))
        return KubernetesObject(ObjectMeta("old", "dev"), **{field: held})  # type: ignore[arg-type]

    small, large = (
        taken("value", ApplyStrategy.SERVER_SIDE_APPLY, under_an_old_name(size))
        for size in (1_000, 5_000)
    )

    assert large - small == 4_000


@pytest.mark.parametrize("size", [1_000, 10_000, 100_000])
def test_a_request_is_as_large_as_it_is_said_to_be_or_a_little_smaller(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grown, "TARGETS", 100)
    body = grown.encoded(grown.settled(size))
    request, policy = protocol.decode_sync(body), HookOptions()
    syncer = parse_syncer(request.parent)
    assert isinstance(syncer, Syncer)
    content = source.resolve(syncer, request, policy)
    assert isinstance(content, Content)

    resolved = targets.resolve(syncer, request, policy)
    estimate = request_size.of(content, observe(syncer, resolved, request, policy))

    assert 1 <= estimate.taken / len(body) < 1.2

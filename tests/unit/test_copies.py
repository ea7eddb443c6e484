"""The limits on the size of a copy, to the byte, and what several copies come to at once."""

from dataclasses import replace

import pytest
from msgspec import Raw, structs

from hooks.api import protocol
from hooks.api.kinds import CONFIG_MAP, SECRET
from hooks.api.options import HookOptions
from hooks.api.protocol import (
    ApplyStrategy,
    Child,
    KubernetesObject,
    MalformedRequest,
    ObjectMeta,
    Parent,
    SyncRequest,
)
from hooks.copies.decision import CopyDecisions, DesiredContents
from hooks.copies.desired_metadata import copy_annotations
from hooks.copies.observation import observe
from hooks.copies.size import (
    ANNOTATIONS_LIMIT,
    REQUEST_LIMIT,
    VALUES_LIMIT,
    request_size,
    too_large,
)
from hooks.resolve import source
from hooks.resolve.source import Content, SourceReason
from hooks.resolve.targets import Target
from hooks.spec.syncer import NamespaceSelection, SourceReference, Syncer

TARGETS = (Target("dev"), Target("production"))
SYNCER = Syncer(
    name="sample",
    uid="b9f3",
    source=SourceReference("default", "app-config"),
    namespaces=NamespaceSelection(("dev", "production")),
)
SSA = ApplyStrategy.SERVER_SIDE_APPLY
DYNAMIC = ApplyStrategy.DYNAMIC_APPLY


def content(data: dict[str, str], binary_data: dict[str, str] | None = None) -> Content:
    binary_data = binary_data or {}
    return Content(
        data=data,
        binary_data=binary_data,
        raw_data=Raw(protocol.encode(data)),
        raw_binary_data=Raw(protocol.encode(binary_data) if binary_data else b""),
        hash=source.content_hash(data, binary_data),
    )


def refusal(desired: Content, strategy: ApplyStrategy) -> str | None:
    problem = too_large(desired, SYNCER, TARGETS, strategy)
    if problem is None:
        return None
    assert problem.reason is SourceReason.TOO_LARGE
    return problem.message


def decisions(**held: Raw) -> CopyDecisions:
    """About a copy in every target that has exactly this content."""
    names = [target.namespace for target in TARGETS]
    found = [KubernetesObject(ObjectMeta("app-config", name), **held) for name in names]  # type: ignore[arg-type]
    request = SyncRequest(
        parent=Parent(metadata=ObjectMeta(name="sample")),
        children={CONFIG_MAP.group: {copy.key: copy for copy in found}},
    )
    observation = observe(SYNCER, TARGETS, request, HookOptions())
    return CopyDecisions(observation, DesiredContents(content({"key": "value"})))


@pytest.mark.parametrize(
    ("fits", "does_not", "why"),
    [
        pytest.param(
            {"key": "x" * VALUES_LIMIT},
            {"key": "x" * (VALUES_LIMIT + 1)},
            "its values would take 1,048,577 bytes, more than the 1,048,576 bytes that are",
            id="one byte more than all values may have",
        ),
        pytest.param(
            {"a": "ä" * (VALUES_LIMIT // 2)},
            {"a": "ä" * (VALUES_LIMIT // 2), "b": "b"},
            "its values would take 1,048,577 bytes",
            id="values are counted in UTF-8 and all together",
        ),
        pytest.param(
            {"key": "<" * 500_000},
            {"key": "<" * 530_000},
            "the copy as a request would take",
            id="Go writes an angle bracket as six bytes",
        ),
        pytest.param(
            {"key": "&" * 500_000},
            {"key": "&" * 530_000},
            "the copy as a request would take",
            id="Go writes an ampersand as six bytes",
        ),
        pytest.param(
            {"key": "\u2028\u2029" * 50_000 + "<" * 400_000},
            {"key": "\u2028\u2029" * 50_000 + "<" * 430_000},
            "the copy as a request would take",
            id="Go writes a line separator as six bytes",
        ),
    ],
)
def test_under_server_side_apply_a_copy_is_too_large_for_its_values_or_as_a_request(
    fits: dict[str, str], does_not: dict[str, str], why: str
) -> None:
    assert refusal(content(fits), SSA) is None
    sentence = refusal(content(does_not), SSA)

    assert sentence is not None
    assert why in sentence


@pytest.mark.parametrize(
    ("encoded", "size"),
    [
        pytest.param("", 0, id="nothing"),
        pytest.param("eA==", 1, id="two signs of padding"),
        pytest.param("eHg=", 2, id="one sign of padding"),
        pytest.param("eHh4", 3, id="no padding"),
    ],
)
def test_binary_values_are_counted_as_they_are_stored(encoded: str, size: int) -> None:
    rest_of_it = "x" * (VALUES_LIMIT - size)

    assert refusal(content({"text": rest_of_it}, {"binary": encoded}), SSA) is None
    assert refusal(content({"text": f"{rest_of_it}x"}, {"binary": encoded}), SSA) is not None


def test_under_dynamic_apply_the_annotations_hold_the_content_once_more() -> None:
    base = refusal(content({"key": "x" * ANNOTATIONS_LIMIT}), DYNAMIC)
    assert base is not None
    stated = int(base.split("would take ")[1].split()[0].replace(",", ""))
    others = stated - ANNOTATIONS_LIMIT
    most = ANNOTATIONS_LIMIT - others

    assert refusal(content({"key": "x" * most}), DYNAMIC) is None
    assert refusal(content({"key": "x" * (most + 1)}), DYNAMIC) == (
        "ConfigMap default/app-config is too large to copy: the copy's annotations would take "
        "262,145 bytes, more than the 262,144 bytes that are the limit of Kubernetes "
        "(dynamic-apply keeps the content in an annotation); make the source smaller"
    )
    assert refusal(content({"key": "x" * (most + 1)}), SSA) is None


def test_the_limit_of_a_request_is_met_to_the_byte() -> None:
    # Every quote takes two bytes in JSON and one as a value, so the request is at its limit first.
    quotes, brackets = '"' * 500_000, "<" * 350_000
    base = refusal(content({"key": quotes + brackets + "<" * 100_000}), SSA)
    assert base is not None
    stated = int(base.split("would take ")[1].split()[0].replace(",", ""))
    over = stated - REQUEST_LIMIT
    fewer, left = divmod(over, 6)
    fits = quotes + brackets + "<" * (100_000 - fewer - 1) + "x" * (6 - left)

    assert refusal(content({"key": fits}), SSA) is None
    assert refusal(content({"key": f"{fits}x"}), SSA) == (
        "ConfigMap default/app-config is too large to copy: the copy as a request would take "
        "3,145,729 bytes, more than the 3,145,728 bytes that are the limit of the API server; make "
        "the source smaller"
    )


OWN_LABEL = f',"controller-uid":"{SYNCER.uid}"'
"""What Metacontroller adds to a copy that it writes."""


def written_by_go(child: Child) -> bytes:
    """A copy as Go encodes it, which escapes more than JSON asks for."""
    text = protocol.encode(child).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()


@pytest.mark.parametrize(
    ("syncer", "values"),
    [
        pytest.param(SYNCER, content({"key": "value"}), id="data"),
        pytest.param(SYNCER, content({"key": "value"}, {"logo": "eHg="}), id="binary data"),
        pytest.param(SYNCER, content({"key": '<>&\u2028\u2029\\"'}), id="what is escaped"),
        pytest.param(
            structs.replace(SYNCER, immutable=True), content({"key": "value"}), id="immutable"
        ),
        pytest.param(
            structs.replace(SYNCER, source=SourceReference("default", "app-config", SECRET)),
            replace(content({"key": "eHg="}), hash=None, type="Opaque"),
            id="a Secret",
        ),
    ],
)
def test_a_request_is_counted_as_that_of_the_largest_copy(syncer: Syncer, values: Content) -> None:
    targets = (Target("production"), Target("qa"))
    request = SyncRequest(Parent(ObjectMeta("sample")))
    made = CopyDecisions(observe(syncer, targets, request, HookOptions()), DesiredContents(values))
    (largest,) = made.decide(targets[0]).children

    assert request_size(values, syncer, targets) == len(written_by_go(largest)) + len(OWN_LABEL)


def test_a_target_can_hold_a_content_of_its_own() -> None:
    common, own = content({"level": "info"}), content({"level": "debug"})
    request = SyncRequest(Parent(ObjectMeta("sample")))
    observation = observe(SYNCER, (Target("dev"), Target("prod")), request, HookOptions())
    made = CopyDecisions(observation, DesiredContents(common, {"dev": own}))

    held = {
        child.metadata.namespace: (child.data, child.metadata.annotations)
        for target in observation.targets
        for child in made.decide(target).children
    }
    assert held == {
        "dev": (own.raw_data, copy_annotations(own, SYNCER)),
        "prod": (common.raw_data, copy_annotations(common, SYNCER)),
    }


def test_where_there_is_no_target_a_request_is_counted_without_a_name_of_one() -> None:
    desired = content({"key": "value"})

    one = request_size(desired, SYNCER, [Target("dev")])

    assert request_size(desired, SYNCER, ()) == one - len("dev")


def test_copies_in_one_state_share_what_is_written_into_them() -> None:
    made = decisions(data=Raw(b'{"foreign":"value"}'))

    (one,), (other,) = (made.decide(target).children for target in TARGETS)

    assert one.data == Raw(b'{"foreign":"to-be-removed","key":"value"}')
    assert one.data is other.data


@pytest.mark.parametrize(
    ("held", "field"),
    [
        pytest.param({"data": Raw(b"[]")}, "data", id="data"),
        pytest.param({"binary_data": Raw(b"[]")}, "binaryData", id="binary data"),
    ],
)
def test_malformed_data_of_a_copy_is_named_by_its_field(held: dict[str, Raw], field: str) -> None:
    with pytest.raises(MalformedRequest) as refused:
        decisions(**held).decide(TARGETS[0])

    assert str(refused.value) == f"{field} of dev/app-config: Expected `object`, got `array`"


def test_a_copy_that_was_just_taken_back_is_not_released_though_a_late_view_shows_it_so() -> None:
    labels = {"synced-by": SYNCER.name}
    late = KubernetesObject(ObjectMeta("app-config", "dev", labels=labels))
    request = SyncRequest(
        parent=Parent(metadata=ObjectMeta(name="sample")),
        children={CONFIG_MAP.group: {late.key: late}},
        related={CONFIG_MAP.group: {late.key: late}},
    )

    assert observe(SYNCER, TARGETS, request, HookOptions()).orphans == []
    request = structs.replace(request, children={})
    assert observe(SYNCER, TARGETS, request, HookOptions()).orphans == [late]

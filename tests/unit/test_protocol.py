"""What is malformed is named by its path, and no value of it is shown."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import pytest
from msgspec import UNSET, Raw

from hooks.api import protocol
from hooks.api.last_applied import (
    RECURSION_LIMIT,
    decode_applied_metadata,
    decode_applied_owners,
    is_readable_by_dynamic_apply,
)
from hooks.api.protocol import (
    AdoptRequest,
    KubernetesObject,
    MalformedRequest,
    ObjectMeta,
    OwnerReference,
)

SECRET = "hunter2"
FOUND = KubernetesObject(metadata=ObjectMeta(name="app-config", namespace="dev"))
DEEP = b"[" * 100_000


@pytest.mark.parametrize("decode", [protocol.decode_sync, protocol.decode_customize])
@pytest.mark.parametrize(
    ("body", "line"),
    [
        pytest.param(b"", "Input data was truncated", id="nothing was sent"),
        pytest.param(b"[]", "Expected `object`, got `array`", id="a list is no request"),
        pytest.param(b"{}", "Object missing required field `parent`", id="nobody asks"),
        pytest.param(
            b'{"parent": {}}',
            "Object missing required field `metadata` - at `$.parent`",
            id="a parent has metadata",
        ),
        pytest.param(
            b'{"parent": {"metadata": {}}}',
            "Object missing required field `name` - at `$.parent.metadata`",
            id="a parent has a name",
        ),
        pytest.param(
            b'{"parent": {"metadata": {"name": "a", "generation": "hunter2"}}}',
            "Expected `int`, got `str` - at `$.parent.metadata.generation`",
            id="a generation is a number",
        ),
        pytest.param(
            b'{"parent": {"metadata": {"name": "hunter2\xff"}}}',
            "JSON is malformed: not UTF-8",
            id="JSON is UTF-8",
        ),
        pytest.param(b'{"x": ' + DEEP, "JSON is nested too deeply", id="nested to no end"),
    ],
)
def test_a_malformed_request_is_named_by_its_path(
    decode: Callable[[bytes], object], body: bytes, line: str
) -> None:
    with pytest.raises(MalformedRequest) as refused:
        decode(body)

    assert str(refused.value) == line
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        pytest.param(
            b'["hunter2"]', "data of dev/app-config: Expected `object`, got `array`", id="a list"
        ),
        pytest.param(
            b'{"hunter2": 1}',
            "data of dev/app-config: Expected `str`, got `int` - at `$[...]`",
            id="a value that is a number",
        ),
        pytest.param(
            b'{"hunter2": null}',
            "data of dev/app-config: Expected `str`, got `null` - at `$[...]`",
            id="a value that is null",
        ),
    ],
)
def test_malformed_data_is_named_by_its_object(raw: bytes, line: str) -> None:
    with pytest.raises(MalformedRequest) as refused:
        protocol.decode_values(Raw(raw), FOUND, "data")

    assert str(refused.value) == line
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        pytest.param(b"", {}, id="left out"),
        pytest.param(b"null", {}, id="null"),
        pytest.param(b"{}", {}, id="empty"),
        pytest.param(b'{"a": "", "b": "\\u003c\xc3\xa4"}', {"a": "", "b": "<ä"}, id="values"),
    ],
)
def test_values_are_read_as_go_writes_them(raw: bytes, values: dict[str, str]) -> None:
    assert protocol.decode_values(Raw(raw), FOUND, "data") == values


@pytest.mark.parametrize(
    ("owners", "controller"),
    [
        pytest.param("null", None, id="nobody owns it"),
        pytest.param('[{"uid": "1"}, {"uid": "2", "controller": false}]', None, id="owners only"),
        pytest.param('[{"uid": "1"}, {"uid": "2", "controller": true}]', "2", id="a controller"),
    ],
)
def test_of_many_owners_one_at_most_controls(owners: str, controller: str | None) -> None:
    found = msgspec.json.decode(
        f'{{"metadata": {{"name": "a", "ownerReferences": {owners}}}}}', type=KubernetesObject
    )

    assert (found.controller.uid if found.controller else None) == controller


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        pytest.param(
            b'[{"manager": "hunter2\xff"}]', "JSON is malformed: not UTF-8", id="not UTF-8"
        ),
        pytest.param(b'"hunter2"', "Expected `array`, got `str`", id="a text"),
    ],
)
def test_malformed_field_managers_are_named_by_their_object(fields: bytes, line: str) -> None:
    found = KubernetesObject(metadata=ObjectMeta("app-config", "dev", managed_fields=Raw(fields)))

    with pytest.raises(MalformedRequest) as refused:
        found.field_managers  # noqa: B018 - it is decoded when it is looked at

    assert str(refused.value) == f"managedFields of dev/app-config: {line}"


@pytest.mark.parametrize("read", [AdoptRequest.parent, AdoptRequest.related_objects])
def test_a_malformed_object_next_to_one_that_wants_an_owner_is_named_by_its_group(
    read: Callable[[AdoptRequest, str, str], object],
) -> None:
    request = AdoptRequest(
        FOUND, related={"Namespace.v1": {"dev": Raw(b'{"metadata": "hunter2"}')}}
    )

    with pytest.raises(MalformedRequest) as refused:
        read(request, "Namespace.v1", "dev")

    assert str(refused.value) == (
        "related Namespace.v1: Expected `object`, got `str` - at `$.metadata`"
    )


def test_equal_answers_have_equal_bytes_in_whatever_order_they_were_built() -> None:
    assert protocol.encode({"b": Raw(b'{"z": 1}'), "a": 1}) == b'{"a":1,"b":{"z": 1}}'
    assert protocol.encode({"a": 1, "b": 2}) == protocol.encode({"b": 2, "a": 1})


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        pytest.param('{"metadata":{"labels":{"team":"x"}}}', ({"team": "x"}, None), id="labels"),
        pytest.param('{"data":{"a":"1"}}', (None, None), id="no metadata"),
        pytest.param("{", (None, None), id="damaged"),
        pytest.param('{"metadata":{"labels":5}}', (None, None), id="of another shape"),
        pytest.param(f'{{"x":{"[" * 100_000}', (None, None), id="nested to no end"),
    ],
)
def test_what_dynamic_apply_remembers_of_the_metadata_is_read_where_it_can_be(
    annotation: str, expected: tuple[object, object]
) -> None:
    metadata = decode_applied_metadata(annotation)

    assert (metadata.labels, metadata.annotations) == expected


def managed(*entries: str) -> KubernetesObject:
    raw = Raw(f"[{','.join(entries)}]".encode())
    return KubernetesObject(metadata=ObjectMeta("app-config", "dev", managed_fields=raw))


def test_what_a_field_manager_owns_is_read_without_the_maps_themselves() -> None:
    (read,) = managed(
        '{"manager":"kubectl","operation":"Apply","fieldsV1":{"f:metadata":{"f:labels":'
        '{".":{},"f:team":{}},"f:annotations":{"f:note":{}},"f:ownerReferences":{}},"f:data":'
        '{".":{},"f:a":{},"f:immutable":{}},"f:binaryData":{"f:b":{}},"f:type":{}}}'
    ).field_managers

    assert (read.manager, read.operation) == ("kubectl", "Apply")
    assert (set(read.labels), set(read.annotations)) == ({"team"}, {"note"})
    assert read.keys == {"a", "b", "immutable"}
    assert [read.owns_label(name) for name in ("team", "note")] == [True, False]
    assert [read.owns_annotation(name) for name in ("team", "note")] == [False, True]
    assert read.owns_content
    assert not read.owns_immutable


@pytest.mark.parametrize("fields", ['"fieldsV1":{"f:immutable":{}}', '"fieldsV1":{}', '"time":""'])
def test_a_field_manager_that_owns_little_is_read_like_any_other(fields: str) -> None:
    (read,) = managed(f'{{"manager":"kubectl",{fields}}}').field_managers

    assert (set(read.labels), set(read.annotations), read.keys) == (set(), set(), set())
    assert not any((read.owns_content, read.owns_label("team"), read.owns_annotation("team")))
    assert read.owns_immutable is ("immutable" in fields)


def test_field_managers_are_decoded_once_for_each_object() -> None:
    one, other = managed('{"manager":"a"}'), managed('{"manager":"b"}')

    assert one.field_managers is one.field_managers
    assert [read.manager for read in other.field_managers] == ["b"]
    assert managed().field_managers == FOUND.field_managers == ()


@pytest.mark.parametrize(
    ("written", "time"),
    [
        pytest.param(b"", None, id="nothing is said"),
        pytest.param(b"null", None, id="null"),
        pytest.param(b"[]", None, id="nobody"),
        pytest.param(
            b'[{"manager": "us", "time": "2026-01-01T12:00:00Z"},'
            b' {"manager": "us", "operation": "Apply", "time": "2026-01-01T13:00:00Z"},'
            b' {"manager": "us", "time": null}, {"manager": "us"},'
            b' {"manager": "us-too", "time": "2026-01-01T14:00:00Z"}]',
            datetime(2026, 1, 1, 13, tzinfo=UTC),
            id="the last of ours",
        ),
        pytest.param(b'[{"manager": "others"}]', None, id="others"),
        pytest.param(b'[{"manager": "us", "time": "soon"}]', None, id="no time"),
        pytest.param(b'[{"manager": "us", "time": "2026-01-01T12:00:00"}]', None, id="no zone"),
        pytest.param(
            b'[{"manager": "us", "time": "0001-01-01T00:00:00+23:59"}]', None, id="before all time"
        ),
    ],
)
def test_the_time_of_a_field_managers_last_write_is_decoded_or_unknown(
    written: bytes, time: datetime | None
) -> None:
    found = KubernetesObject(metadata=ObjectMeta(name="copy", managed_fields=Raw(written)))

    assert found.written_by("us") == time


OWNER = '{"kind":"Namespace","name":"dev","uid":"1"}'


@pytest.mark.parametrize(
    ("annotation", "owners"),
    [
        pytest.param('{"metadata":{"name":"a"}}', UNSET, id="none"),
        pytest.param('{"metadata":null,"data":{"a":"\\u003c"}}', UNSET, id="no metadata"),
        pytest.param(
            f'{{"metadata":{{"ownerReferences":[{OWNER}]}}}}',
            (OwnerReference(kind="Namespace", name="dev", uid="1"),),
            id="one",
        ),
        pytest.param(
            f'{{"metadata":{{"ownerReference\\u0073":[{OWNER}]}}}}',
            (OwnerReference(kind="Namespace", name="dev", uid="1"),),
            id="one, written with an escape",
        ),
        pytest.param('{"metadata":{"ownerReferences":null}}', None, id="null"),
        pytest.param('{"metadata":{"ownerReferences":[1]}}', None, id="no owners"),
        pytest.param('{"metadata":[],"ownerReferences":"', None, id="no JSON"),
    ],
)
def test_the_owners_that_dynamic_apply_remembers_are_read_from_its_annotation(
    annotation: str, owners: object
) -> None:
    assert decode_applied_owners(annotation) == owners


@pytest.mark.parametrize(
    ("annotation", "is_readable"),
    [
        pytest.param('{"a": ' + "[" * 9_999 + "]" * 9_999 + "}", True, id="as deep as Go reads"),
        pytest.param('{"a": ' + "[" * 10_000 + "]" * 10_000 + "}", False, id="one level deeper"),
        pytest.param('{"a": "' + "[" * 20_000 + '"}', True, id="brackets in a string"),
        pytest.param('{"a": ' + "[]," * 10_001 + "1}", False, id="no JSON"),
        pytest.param('{"a": [' + "[]," * 10_001 + "1]}", True, id="many lists side by side"),
        pytest.param('{"a": 1' + "0" * 308 + "}", True, id="the largest power of ten"),
        pytest.param('{"a": 1' + "0" * 309 + "}", False, id="a number that no float64 holds"),
        pytest.param('{"a": "1' + "0" * 400 + '"}', True, id="digits in a string"),
        pytest.param('{"a": 1e400}', False, id="an exponent that no float64 holds"),
    ],
)
def test_dynamic_apply_reads_what_go_reads(annotation: str, is_readable: bool) -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(RECURSION_LIMIT)
    try:
        assert is_readable_by_dynamic_apply(annotation) is is_readable
    finally:
        sys.setrecursionlimit(before)


def _with_a_value(value: bytes) -> bytes:
    """A sync request with a copy that holds a value, which is not decoded."""
    copy = b'{"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"key": "' + value + b'"}}'
    parent = b'{"metadata": {"name": "sample"}}'
    return b'{"parent": ' + parent + b', "children": {"ConfigMap.v1": {"dev/a": ' + copy + b"}}}"


@pytest.mark.parametrize(
    "value", [b"\xff", b"\xc3", b"x" * 2_000_000 + b"\xf0\x9f"], ids=["no byte", "half", "late"]
)
def test_a_value_that_is_not_decoded_has_to_be_utf_8_too(value: bytes) -> None:
    with pytest.raises(MalformedRequest, match=r"^JSON is malformed: not UTF-8$"):
        protocol.decode_sync(_with_a_value(value))


@pytest.mark.parametrize("shift", range(4))
def test_a_character_may_lie_across_two_pieces(shift: int) -> None:
    value = b"x" * shift + "😀".encode() * 600_000

    request = protocol.decode_sync(_with_a_value(value))

    (copy,) = request.observed("ConfigMap.v1").values()
    assert bytes(copy.data) == b'{"key": "' + value + b'"}'

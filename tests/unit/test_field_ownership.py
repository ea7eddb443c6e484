"""The writer of a copy is known by exact names, looked up once however many fields there are."""

import json
from collections.abc import Collection, Mapping
from typing import Any

import pytest
from msgspec import Raw, structs

from hooks.api import protocol
from hooks.api.names import LAST_APPLIED
from hooks.api.options import HookOptions
from hooks.api.protocol import ApplyStrategy, KubernetesObject, ObjectMeta
from hooks.copies import field_ownership

SOURCE = "config.example.com/source"
SSA = HookOptions()
DYNAMIC = HookOptions(strategy=ApplyStrategy.DYNAMIC_APPLY)

Entry = Mapping[str, Any]


def entry(
    manager: str,
    *,
    operation: str = "Apply",
    keys: Collection[str] = (),
    annotations: Collection[str] = (),
    labels: Collection[str] = (),
    immutable: bool = False,
) -> Entry:
    """One of managedFields, with no part that owns nothing."""

    def owned(names: Collection[str]) -> Mapping[str, Any]:
        return {f"f:{name}": {} for name in names}

    parts = {"f:annotations": owned(annotations), "f:labels": owned(labels)}
    metadata = {part: names for part, names in parts.items() if names}
    fields: dict[str, Any] = {"f:metadata": metadata} if metadata else {}
    fields |= {"f:data": owned(keys)} if keys else {}
    fields |= {"f:immutable": {}} if immutable else {}
    return {"manager": manager, "operation": operation, "fieldsV1": fields}


def ours(name: str = "metacontroller", **owned: Any) -> Entry:
    return entry(name, annotations=[SOURCE], **owned)


def copy(*entries: Entry) -> KubernetesObject:
    raw = Raw(json.dumps(entries).encode()) if entries else Raw(b"")
    return KubernetesObject(ObjectMeta("app-config", "dev", managed_fields=raw))


@pytest.mark.parametrize(
    ("name", "known_as", "is_ours"),
    [
        pytest.param("metacontroller", "metacontroller", True, id="the name"),
        pytest.param("metacontroller-me", "metacontroller", False, id="a name that begins so"),
        pytest.param("my-metacontroller", "metacontroller", False, id="a name that ends so"),
        pytest.param("Metacontroller", "metacontroller", False, id="a name in other case"),
        pytest.param("", "metacontroller", False, id="no name"),
        pytest.param("config", "config", True, id="another name that is set"),
        pytest.param("metacontroller", "config", False, id="its own name when another is set"),
    ],
)
def test_metacontroller_is_known_by_its_exact_name(
    name: str, known_as: str, *, is_ours: bool
) -> None:
    written = copy(entry("kubectl", keys=["a"]), entry(name, keys=["b"]))

    assert field_ownership.is_managed_by_us(written, HookOptions(field_manager=known_as)) is is_ours


@pytest.mark.parametrize(
    ("written", "is_ours"),
    [
        pytest.param({"keys": ["a"]}, True, id="a key"),
        pytest.param({"labels": ["synced-by"]}, True, id="a label of ours"),
        pytest.param({"annotations": [SOURCE]}, True, id="an annotation of ours"),
        pytest.param({"labels": ["controller-uid", "team"]}, False, id="labels of others"),
        pytest.param({}, False, id="an owner only"),
    ],
)
def test_an_object_is_managed_by_us_when_metacontroller_wrote_more_than_its_owner(
    written: Mapping[str, Any], *, is_ours: bool
) -> None:
    assert (
        field_ownership.is_managed_by_us(copy(entry("metacontroller", **written)), SSA) is is_ours
    )


def test_where_no_writer_is_known_the_source_that_is_named_tells_whose_an_object_is() -> None:
    unknown = copy()
    named = structs.replace(
        unknown, metadata=structs.replace(unknown.metadata, annotations={SOURCE: "a/b"})
    )

    assert field_ownership.is_managed_by_us(named, SSA)
    assert not field_ownership.is_managed_by_us(unknown, SSA)


@pytest.mark.parametrize("policy", [SSA, DYNAMIC], ids=["server-side", "dynamic"])
@pytest.mark.parametrize(
    ("entries", "keys"),
    [
        pytest.param([], set(), id="nobody is known"),
        pytest.param([ours(keys=["a", "b"])], {"a", "b"}, id="ours"),
        pytest.param(
            [ours(keys=["a", "b"]), entry("kubectl", keys=["b", "c"])], {"a"}, id="shared"
        ),
        pytest.param(
            [entry("kubectl", keys=["b", "c"]), ours(keys=["a", "b"])],
            {"a"},
            id="shared, ours last",
        ),
        pytest.param(
            [ours(keys=["a"]), ours("kubectl", keys=["b"])],
            {"a"},
            id="somebody applied the whole copy, our annotation with it",
        ),
        pytest.param([entry("metacontroller", keys=["a"])], set(), id="our name alone"),
        pytest.param(
            [ours("config", keys=["a"]), entry("kubectl", keys=["b"])],
            {"a"},
            id="under an unknown name, our annotation decides",
        ),
    ],
)
def test_a_key_goes_when_left_out_where_our_entry_alone_owns_it(
    entries: Collection[Entry], keys: set[str], policy: HookOptions
) -> None:
    assert field_ownership.keys_of_ours_alone(copy(*entries), policy) == keys


def test_what_an_update_wrote_does_not_go_under_server_side_apply() -> None:
    updated = copy(ours(operation="Update", keys=["a"]))

    assert field_ownership.keys_of_ours_alone(updated, SSA) == set()
    assert field_ownership.keys_of_ours_alone(updated, DYNAMIC) == {"a"}


@pytest.mark.parametrize(
    ("entries", "is_ours"),
    [
        pytest.param([], False, id="nobody is known"),
        pytest.param([ours()], False, id="nobody made it so"),
        pytest.param([ours(immutable=True)], True, id="we did"),
        pytest.param([ours(immutable=True), entry("kubectl", immutable=True)], False, id="both"),
        pytest.param([ours(), entry("kubectl", immutable=True)], False, id="somebody else"),
        pytest.param([entry("metacontroller", immutable=True)], False, id="our name alone"),
        pytest.param(
            [ours(), ours("kubectl", immutable=True)], False, id="somebody, with our annotation"
        ),
        pytest.param(
            [ours(immutable=True), ours("kubectl")], True, id="we did, somebody has our annotation"
        ),
        pytest.param(
            [ours("config", immutable=True), ours("kubectl")], False, id="one of two unknown names"
        ),
    ],
)
def test_a_copy_is_immutable_by_us_only_where_no_other_manager_made_it_so(
    entries: Collection[Entry], *, is_ours: bool
) -> None:
    assert field_ownership.is_frozen_by_us_alone(copy(*entries), SSA) is is_ours


def test_our_metadata_is_that_of_our_annotation_or_of_our_field_manager() -> None:
    written = copy(
        ours(labels=["team"]),
        entry("metacontroller", keys=["a"], labels=["tier"]),
        entry("metacontroller-me", keys=["a"], labels=["theirs"]),
    )

    owned = field_ownership.owned_metadata(written, SSA)

    assert (set(owned.labels), set(owned.annotations)) == ({"team", "tier"}, {SOURCE})


@pytest.mark.parametrize(("policy", "labels"), [(SSA, {"team"}), (DYNAMIC, set())])
def test_dynamic_applys_annotation_counts_under_dynamic_apply_alone(
    policy: HookOptions, labels: set[str]
) -> None:
    written = copy(ours(labels=["team"]))
    marked = structs.replace(
        written,
        metadata=structs.replace(written.metadata, annotations={LAST_APPLIED: '{"metadata": {}}'}),
    )

    assert set(field_ownership.owned_metadata(marked, policy).labels) == labels


def test_many_fields_and_entries_are_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = protocol._FIELD_MANAGERS
    decoded = []

    class Counting:
        def decode(self, raw: Raw) -> object:
            decoded.append(raw)
            return decoder.decode(raw)

    monkeypatch.setattr(protocol, "_FIELD_MANAGERS", Counting())
    written = copy(*(ours(keys=[f"key-{n}-{m}" for m in range(100)]) for n in range(100)))

    for _ in range(3):
        assert len(field_ownership.keys_of_ours_alone(written, SSA)) == 10_000
        assert field_ownership.is_managed_by_us(written, SSA)
        assert not field_ownership.is_frozen_by_us_alone(written, SSA)
        assert field_ownership.owned_metadata(written, SSA).annotations == {SOURCE}

    assert len(decoded) == 1

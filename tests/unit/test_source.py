"""How the source is read: its bytes as they are, and what is malformed by its field."""

import pytest
from msgspec import Raw, structs

from hooks.api.kinds import CONFIG_MAP, SECRET
from hooks.api.options import HookOptions
from hooks.api.protocol import (
    ApplyStrategy,
    Controller,
    KubernetesObject,
    MalformedRequest,
    ObjectMeta,
    Parent,
    SyncRequest,
)
from hooks.resolve import source
from hooks.resolve.source import Content, NoContent, SourceReason
from hooks.spec.syncer import NamespaceSelection, SourceReference, Syncer

SYNCER = Syncer(
    name="sample",
    uid="b9f3",
    source=SourceReference("default", "app-config"),
    namespaces=NamespaceSelection(("dev",)),
)


def resolved(data: bytes, binary_data: bytes) -> Content | NoContent:
    found = KubernetesObject(
        ObjectMeta("app-config", "default"), data=Raw(data), binary_data=Raw(binary_data)
    )
    request = SyncRequest(
        parent=Parent(ObjectMeta(SYNCER.name)), related={CONFIG_MAP.group: {found.key: found}}
    )
    return source.resolve(SYNCER, request, HookOptions())


def test_what_is_copied_whole_is_copied_in_the_source_s_own_bytes() -> None:
    data, binary_data = b'{"b": "2", "a": "\\u003c"}', b'{"d": "eA==", "c": ""}'

    content = resolved(data, binary_data)

    assert isinstance(content, Content)
    assert (content.raw_data, content.raw_binary_data) == (Raw(data), Raw(binary_data))


@pytest.mark.parametrize(
    ("data", "binary_data", "field"),
    [
        pytest.param(b"[]", b"", "data", id="data"),
        pytest.param(b"", b"[]", "binaryData", id="binary data"),
    ],
)
def test_malformed_data_of_the_source_is_named_by_its_field(
    data: bytes, binary_data: bytes, field: str
) -> None:
    with pytest.raises(MalformedRequest) as refused:
        resolved(data, binary_data)

    assert str(refused.value) == f"{field} of default/app-config: Expected `object`, got `array`"


def test_under_dynamic_apply_no_secret_is_looked_at() -> None:
    syncer = structs.replace(SYNCER, source=SourceReference("default", "app-config", SECRET))

    found = source.refusal(syncer, Controller(), HookOptions(strategy=ApplyStrategy.DYNAMIC_APPLY))

    assert found == NoContent(
        SourceReason.SECRETS_NOT_ENABLED,
        "Secrets are not copied under dynamic-apply, which would put their data into an "
        "annotation; run Metacontroller with --apply-strategy=server-side-apply and set "
        "APPLY_STRATEGY to the same",
    )

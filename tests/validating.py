"""Ask for the verdict about a content, without a request around it."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Raw

from hooks.api import kinds, protocol
from hooks.resolve.source import Content, NoContent, content_hash
from hooks.spec import content_rules
from hooks.spec.syncer import NamespaceSelection, SourceReference, Syncer
from hooks.validation import verdict

_BREAKS = "breaks spec.validation["


def syncer(validation: Sequence[Any], *, is_secret: bool = False, **fields: Any) -> Syncer:
    """A syncer with these rules; they are checked as they are in a sync."""
    kind = kinds.SECRET if is_secret else kinds.CONFIG_MAP
    return Syncer(
        name="sample",
        uid="b9f3",
        source=SourceReference("default", "app", kind),
        namespaces=NamespaceSelection(["dev"]),
        validation=content_rules.parse(Raw(json.dumps(validation).encode())),
        **fields,
    )


def content(data: Mapping[str, str], binary_data: Mapping[str, bytes] | None = None) -> Content:
    """The content of a ConfigMap."""
    encoded = {key: _base64(value) for key, value in (binary_data or {}).items()}
    return Content(
        data,
        encoded,
        Raw(protocol.encode(data)),
        Raw(protocol.encode(encoded)),
        content_hash(data, encoded),
    )


def secret_content(data: Mapping[str, bytes]) -> Content:
    """The content of a Secret."""
    encoded = {key: _base64(value) for key, value in data.items()}
    return Content(encoded, {}, Raw(protocol.encode(encoded)), Raw(b""), None, "Opaque", "1")


def problem(text: str, rule: Mapping[str, Any]) -> str | None:
    """What is wrong with a value by a rule, without the words that are always there."""
    refused = verdict.refusal(content({"key": text}), syncer([rule]))
    return None if refused is None else short(refused)


def short(refused: NoContent) -> str:
    """A refusal without the words that are always there."""
    _, found, what = refused.message.partition(_BREAKS)
    assert found, refused
    return what.removeprefix("0]: ").removeprefix("the value of key ")


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()

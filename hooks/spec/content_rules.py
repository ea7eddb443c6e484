"""The rules of spec.validation: what a content must satisfy before it is copied."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from hooks.api import protocol
from hooks.api.remembered import Remembered
from hooks.api.text import excerpt
from hooks.spec import schemas
from hooks.spec.schemas import UnusableSchemaError, UsableSchema

RULES_LIMIT: Final = 20
_KEYS_LIMIT: Final = 50
_BYTES_LIMIT: Final = 256 * 1024
_KEY_GLOB: Final = re.compile(r"[-._a-zA-Z0-9*?]{1,253}")


class ContentFormat(StrEnum):
    """What the value of a key has to be."""

    JSON = "JSON"
    YAML = "YAML"
    PEM = "PEM"


@dataclass(frozen=True, slots=True)
class ContentRule:
    """One rule: `keys` are names and globs of the source's keys, none for all that are text."""

    keys: Sequence[str]
    format: ContentFormat | None
    schema: UsableSchema | None


@dataclass(frozen=True, slots=True)
class ContentRules:
    """All rules in their order; equal rules have equal digests."""

    rules: Sequence[ContentRule] = ()
    digest: bytes = b""


class _WrittenRule(msgspec.Struct, frozen=True):
    """A rule as it is written; nothing of it is checked but the types."""

    keys: list[str] | None = None
    format: ContentFormat | None = None
    schema: msgspec.Raw = msgspec.Raw(b"")


class UnusableRulesError(ValueError):
    """Why the rules cannot be followed: a sentence without full stop that says what to change."""


_RULES = msgspec.json.Decoder(list[_WrittenRule])
_remembered: Final = Remembered[ContentRules | str](limit_bytes=1024 * 1024)
"""What was made of the last rules, for they are read in every sync and rarely change."""


def parse(raw: msgspec.Raw) -> ContentRules:
    """Read and check `spec.validation`. Raises UnusableRulesError."""
    if protocol.is_absent(raw):
        return ContentRules()
    if len(raw) > _BYTES_LIMIT:
        raise UnusableRulesError(
            f"Shorten spec.validation: it has {len(raw):,} bytes, at most {_BYTES_LIMIT:,} fit"
        )
    digest = hashlib.sha256(raw).digest()
    parsed = _remembered.get(digest)
    if parsed is None:
        parsed = _parsed(raw, digest)
        _remembered.keep(digest, parsed, len(raw))
    if isinstance(parsed, str):
        raise UnusableRulesError(parsed)
    return parsed


def _parsed(raw: msgspec.Raw, digest: bytes) -> ContentRules | str:
    try:
        rules = _RULES.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error) if isinstance(error, msgspec.MsgspecError) else "unreadable JSON"
        return f"Correct spec.validation: {excerpt(reason.replace(' | null', ''))}"
    if len(rules) > RULES_LIMIT:
        return f"Shorten spec.validation: it has {len(rules):,} rules, at most {RULES_LIMIT} fit"
    try:
        return ContentRules([_rule(rule, index) for index, rule in enumerate(rules)], digest)
    except UnusableRulesError as error:
        return str(error)


def _rule(rule: _WrittenRule, index: int) -> ContentRule:
    where = f"spec.validation[{index}]"
    keys = rule.keys or []
    malformed = [key for key in keys if not _KEY_GLOB.fullmatch(key)]
    if malformed or len(keys) > _KEYS_LIMIT:
        problem = f"{len(malformed)} of its items cannot be keys"
        raise UnusableRulesError(
            f"Correct {where}.keys: {problem}"
            if malformed
            else f"Shorten {where}.keys: at most {_KEYS_LIMIT} items fit"
        )
    is_schema = not protocol.is_absent(rule.schema)
    if rule.format is None and not is_schema:
        raise UnusableRulesError(f"Give {where} a format or a schema")
    if rule.format is ContentFormat.PEM and is_schema:
        raise UnusableRulesError(f"Remove schema from {where}: PEM has none")
    try:
        schema = schemas.parse(rule.schema) if is_schema else None
    except UnusableSchemaError as error:
        raise UnusableRulesError(f"Correct {where}.schema: {error}") from None
    return ContentRule(tuple(dict.fromkeys(keys)), rule.format, schema)

"""Whether a content may be copied, by the rules of spec.validation."""

import base64
import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from hooks.api import protocol
from hooks.api.remembered import Remembered
from hooks.api.text import excerpt, named
from hooks.resolve import source
from hooks.resolve.source import Content, NoContent, SourceReason
from hooks.spec.content_rules import ContentFormat, ContentRule
from hooks.spec.globs import Patterns, is_glob
from hooks.spec.json_values import DEPTH_LIMIT, JsonObject, JsonText, JsonValue
from hooks.spec.schemas import UsableSchema, escaped
from hooks.spec.syncer import Syncer
from hooks.validation import json_text, pem_text, yaml_text
from hooks.validation.budget import Budget, TooCostlyError, TooDeepError
from hooks.validation.evaluation import Breach, Evaluation
from hooks.validation.unreadable import UnreadableError

_VALID: Final = ""
_ENTRY_BYTES: Final = 500
_STEPS_PER_TEXT: Final = 10
_MATCHING_PER_STEP: Final = 100_000
"""How many characters of keys, each times those of all globs, are matched in one step."""

_MATCHING_OVERHEAD: Final = 500
_remembered: Final = Remembered[str](limit_bytes=4 * 1024 * 1024)
"""What was wrong with the last contents, `_VALID` where nothing was."""


def forget() -> None:
    """Compute the next verdicts, as a process does that has just begun."""
    _remembered.forget()


def refusal(content: Content, syncer: Syncer) -> NoContent | None:
    """Why a content is not copied; None where it satisfies all rules."""
    if not syncer.validation.rules:
        return None
    key = _digest(content, syncer)
    problem = _remembered.get(key)
    if problem is None:
        problem = _problem(_ContentValues.of(content, syncer), syncer) or _VALID
        _remembered.keep(key, problem, _ENTRY_BYTES + len(problem))
    if problem == _VALID:
        return None
    return NoContent(SourceReason.CONTENT_INVALID, f"{source.described(syncer)} {problem}")


def _digest(content: Content, syncer: Syncer) -> bytes:
    """What a verdict depends on, in a few bytes."""
    digest = hashlib.sha256(syncer.validation.digest)
    digest.update(syncer.source.kind.name.encode())
    digest.update(hashlib.sha256(protocol.encode(syncer.rename_keys)).digest())
    # A Secret has no hash, and no binary data.
    digest.update(content.raw_data if content.hash is None else content.hash.encode())
    return digest.digest()


def _problem(values: "_ContentValues", syncer: Syncer) -> str | None:
    """What is wrong, a clause whose subject is the source; None where nothing is."""
    budget = Budget()
    for index, rule in enumerate(syncer.validation.rules):
        try:
            problem = _breach(rule, values, budget)
        except TooCostlyError as error:
            what = f"the value of {excerpt(error.key)}" if error.key else "it"
            problem = f"{what} is too costly to check; make it smaller, or simplify the rules"
            if isinstance(error, TooDeepError):
                problem = f"{what} has more than {DEPTH_LIMIT} levels of nesting; make it flatter"
        if problem is not None:
            return f"breaks spec.validation[{index}]: {problem}"
    return None


def _breach(rule: ContentRule, values: "_ContentValues", budget: Budget) -> str | None:
    keys = values.selected(rule.keys, budget)
    if isinstance(keys, str):
        return keys
    if rule.format is None and rule.schema is not None:
        return _problem_together(keys, rule.schema, values, budget)
    problems = (_format_problem(rule, key, values, budget) for key in keys)
    return next((problem for problem in problems if problem is not None), None)


def _problem_together(
    keys: Collection[str], schema: UsableSchema, values: "_ContentValues", budget: Budget
) -> str | None:
    whole = JsonObject((JsonText(key), JsonText(values.text(key))) for key in keys)
    breach = Evaluation(schema, budget).breach(whole)
    return None if breach is None else _described(breach, schema, "it", frozenset(keys))


def _format_problem(
    rule: ContentRule, key: str, values: "_ContentValues", budget: Budget
) -> str | None:
    try:
        return _document_problem(rule, key, values, budget)
    except TooCostlyError as error:
        error.key = key
        raise


def _document_problem(
    rule: ContentRule, key: str, values: "_ContentValues", budget: Budget
) -> str | None:
    try:
        documents = values.parsed(key, rule.format, budget)
    except UnreadableError as error:
        reason = f", because {error.reason}" if error.reason else ""
        return (
            f"the value of {excerpt(key)} is not {rule.format}{reason} (line {error.line:,}, "
            f"column {error.column:,}); correct it"
        )
    if rule.schema is None:
        return None
    evaluation = Evaluation(rule.schema, budget)
    for number, document in enumerate(documents, 1):
        breach = evaluation.breach(document)
        if breach is not None:
            what = f"the value of {excerpt(key)}"
            if len(documents) > 1:
                what = f"document {number:,} of {excerpt(key)}"
            return _described(breach, rule.schema, what)
    return None


def _described(
    breach: Breach, schema: UsableSchema, what: str, known: Collection[str] = frozenset()
) -> str:
    """A breach as a clause. The names in its path are those that the schema has.

    Others are a part of the content, and stand as `*`.
    """
    names = schema.names.union(known)
    parts = [str(part) if isinstance(part, int) or part in names else "*" for part in breach.path]
    place = f" at {excerpt(''.join(f'/{escaped(part)}' for part in parts))}" if parts else ""
    keyword = f"{breach.keyword} of the schema" if breach.keyword else "the schema"
    return f"{what} does not satisfy {keyword}{place}; correct it, or the schema"


@dataclass(frozen=True, slots=True)
class _ContentValues:
    """The values of a content by the source's keys, each decoded and parsed once."""

    data: Mapping[str, str]
    encoded: Mapping[str, str]
    _texts: dict[str, str | None] = field(default_factory=dict)
    _documents: dict[tuple[str, ContentFormat | None], Collection[JsonValue]] = field(
        default_factory=dict
    )

    @classmethod
    def of(cls, content: Content, syncer: Syncer) -> "_ContentValues":
        """Those of a ConfigMap or Secret, whose data is encoded."""
        olds = {new: old for old, new in syncer.rename_keys.items()}
        data = {olds.get(key, key): value for key, value in content.data.items()}
        binary = {olds.get(key, key): value for key, value in content.binary_data.items()}
        return cls({}, data) if syncer.source.kind.is_secret else cls(data, binary)

    def selected(self, keys: Collection[str], budget: Budget) -> list[str] | str:
        """The keys that a rule is about, sorted, or what is wrong with them."""
        present = sorted({*self.data, *self.encoded})
        budget.spend(len(present))
        if not keys:
            return [key for key in present if self._decoded(key) is not None]
        matching = sum(map(len, present)) * (sum(map(len, keys)) + _MATCHING_OVERHEAD)
        budget.spend(matching // _MATCHING_PER_STEP)
        selection = Patterns.of(keys).select(present)
        missing = sorted(key for key in selection.unmatched if not is_glob(key))
        if missing:
            return f"it has no key {named(missing)} to copy; add what is missing"
        binary = [key for key in selection.names if self._decoded(key) is None]
        if binary:
            return f"the value of {named(binary)} is not UTF-8 text; correct it"
        return list(selection.names)

    def text(self, key: str) -> str:
        """The text of a key that has one."""
        return self._decoded(key) or ""

    def parsed(
        self, key: str, of_format: ContentFormat | None, budget: Budget
    ) -> Collection[JsonValue]:
        """The documents in a text; PEM has none. Raises UnreadableError and TooCostlyError."""
        kept = self._documents.get((key, of_format))
        if kept is None:
            budget.spend(_STEPS_PER_TEXT)
            kept = tuple(_parse(self.text(key), of_format, budget))
            self._documents[key, of_format] = kept
        return kept

    def _decoded(self, key: str) -> str | None:
        if key in self.data:
            return self.data[key]
        if key not in self._texts:
            self._texts[key] = _text(self.encoded[key])
        return self._texts[key]


def _parse(text: str, of_format: ContentFormat | None, budget: Budget) -> Iterator[JsonValue]:
    if of_format is ContentFormat.JSON:
        yield json_text.parse(text, budget)
    elif of_format is ContentFormat.YAML:
        yield from yaml_text.parse(text, budget)
    else:
        pem_text.check(text, budget)


def _text(encoded: str) -> str | None:
    """What base64 stands for, None where that is not UTF-8."""
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except ValueError:  # binascii.Error and UnicodeDecodeError, too.
        return None

"""Show Secrets without their values, whatever they are shown in.

A preview is printed where many can read it: in the log of a CI system, in a pull request. The
values of a Secret stand in `data`, and once more in annotations in which tools keep what they
applied, some of them packed. So of a Secret's annotations only our own are shown. A hook that is
asked at a URL may send back what it was sent: sentences are looked through, too.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator
from typing import Final

from hooks.preview.simulator.objects import SECRET, Object, with_metadata

HIDDEN: Final = "(hidden)"
"""What stands in the place of a Secret's value; it is no base64, so nothing takes it for one."""

_OURS: Final = "config.example.com/"
_SHORTEST: Final = 4
"""Shorter values would be found in words that have nothing to do with them."""


def is_hidden(item: Object, annotation: str) -> bool:
    """Whether the text of an annotation must not be shown."""
    return item["kind"] == SECRET.kind and not annotation.startswith(_OURS)


def redacted(item: Object) -> Object:
    """The object as it may be shown: a Secret with its keys alone, all else as it is."""
    if item["kind"] != SECRET.kind:
        return item
    if annotations := item["metadata"].get("annotations"):
        shown = {key: HIDDEN if is_hidden(item, key) else annotations[key] for key in annotations}
        item = with_metadata(item, annotations=shown)
    return {**item, "data": dict.fromkeys(item.get("data") or {}, HIDDEN)}


class Redactor:
    """Takes the values of Secrets out of sentences that somebody else wrote."""

    def __init__(self, items: Iterable[Object]) -> None:
        secrets = (item for item in items if item["kind"] == SECRET.kind)
        found = {text for secret in secrets for text in _values(secret)}
        # The longest first: one value may be a part of another.
        self._values = sorted(found, key=lambda text: (-len(text), text))

    def clean(self, sentence: str) -> str:
        """The sentence without the values."""
        for value in self._values:
            sentence = sentence.replace(value, HIDDEN)
        return sentence


def _values(secret: Object) -> Iterator[str]:
    for encoded in (secret.get("data") or {}).values():
        try:
            text = base64.b64decode(encoded).decode()
        except (binascii.Error, UnicodeDecodeError):
            text = ""
        for value in (encoded, text, *text.splitlines()):
            if len(value) >= _SHORTEST:
                yield value

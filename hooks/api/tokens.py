"""Tokens: what a person repeats in an annotation to say that this very thing is meant."""

import hashlib
from typing import Final

from hooks.api import protocol

_DIGITS: Final = 16


def token_of(meant: object) -> str:
    """The digest of what is meant: 16 hexadecimal digits, the same for the same value."""
    return hashlib.sha256(protocol.encode(meant)).hexdigest()[:_DIGITS]

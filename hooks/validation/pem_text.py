"""Parse PEM: blocks of base64 between lines that name what they hold, with any text around them.

`pem` knows what blocks there are. It is given one block after another, because on a whole text with
many beginnings it takes quadratic time, and it lets broken base64 pass.
"""

import base64
import binascii
import re
from typing import Final

import pem

from hooks.validation.budget import Budget
from hooks.validation.unreadable import UnreadableError

_BEGIN: Final = re.compile(r"-----BEGIN ([ -~]{1,100}?)-----\s*")
_BEGUN: Final = re.compile(r"----[- ]BEGIN ")
_IS_NOT_DER: Final = ("OPENSSH", "PGP", "SSH2", "ENCRYPTED HEADER")
_HEADER_BYTES: Final = 2
_BYTES_PER_STEP: Final = 500


def check(text: str, budget: Budget) -> None:
    """Refuse what is no PEM. Raises UnreadableError and TooCostlyError."""
    lines = text.splitlines()
    budget.spend(len(lines) // 10)
    begun: int | None = None
    blocks = 0
    for number, line in enumerate(lines):
        if line.startswith("-----BEGIN "):
            if begun is not None:
                raise UnreadableError(begun + 1, 1, "a block does not end")
            begun = number
        elif line.startswith("-----END "):
            if begun is None:
                raise UnreadableError(number + 1, 1, "a block ends that has not begun")
            _check_block(lines[begun : number + 1], begun, budget)
            begun = None
            blocks += 1
    if begun is not None:
        raise UnreadableError(begun + 1, 1, "a block does not end")
    if not blocks:
        raise UnreadableError(1, 1, "there is no block")


def _check_block(lines: list[str], first: int, budget: Budget) -> None:
    block = "\n".join(lines)
    budget.spend(10 + len(block) // _BYTES_PER_STEP)
    begin = _BEGIN.fullmatch(lines[0])
    if begin is None or lines[-1].strip() != f"-----END {begin[1]}-----":
        raise UnreadableError(first + 1, 1, "a block ends with another name")
    if len(_BEGUN.findall(block)) > 1:
        raise UnreadableError(first + 1, 1, "a block does not end")
    parsed = pem.parse(block) if block.isascii() else []
    if not parsed:
        raise UnreadableError(first + 1, 1, "a block is empty or has an unknown name")
    try:
        content = base64.b64decode(b"".join(parsed[0].bytes_payload.split()), validate=True)
    except binascii.Error:
        raise UnreadableError(first + 2, 1, "a block is not base64") from None
    is_encrypted = "DEK-Info" in block
    if not is_encrypted and not begin[1].startswith(_IS_NOT_DER) and not _is_whole(content):
        raise UnreadableError(first + 2, 1, "a block is cut off or damaged")


def _is_whole(content: bytes) -> bool:
    """Whether a value in DER has the length that it says."""
    if len(content) < _HEADER_BYTES:
        return False
    length, start = content[1], _HEADER_BYTES
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(content[2:start], "big")
    return len(content) == start + length

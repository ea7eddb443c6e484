"""Compare certificates in PEM whatever stands between them; nothing of them is understood."""

import base64
import binascii
import re
from typing import Final

_BLOCK: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----"
)
_MARKER: Final = "-----BEGIN "


def in_pem(text: str) -> frozenset[bytes]:
    """The certificates of a text, in no order; none where it has blocks of another type."""
    blocks = _BLOCK.findall(text)
    if len(blocks) != text.count(_MARKER):
        return frozenset()
    try:
        return frozenset(base64.b64decode("".join(block.split())) for block in blocks)
    except binascii.Error:
        return frozenset()

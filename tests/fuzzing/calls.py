"""What the hook is asked: one byte that says which hook and how it is set, then the body.

One byte before the body lets a fuzzer change the setting as it changes everything else, and makes
of every finding one file that says all.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from hooks.api import protocol
from hooks.api.deferred import Deferred
from hooks.api.options import HookOptions
from hooks.api.protocol import ApplyStrategy
from hooks.customize import related_rules
from hooks.finalize import finalize
from hooks.sync import sync
from tests import cases

NOW: Final = datetime.fromisoformat(cases.NOW)
LARGEST: Final = 12 * 1024
"""What is larger tells a fuzzer nothing more, and takes time."""

_STRATEGIES: Final = tuple(ApplyStrategy)
_SETTINGS: Final = [
    (
        hook,
        HookOptions(
            strategy=strategy,
            require_consent=require_consent,
            require_target_consent=require_target_consent,
        ),
    )
    for hook in cases.HOOKS
    for strategy in _STRATEGIES
    for require_consent in (False, True)
    for require_target_consent in (False, True)
]


@dataclass(frozen=True, slots=True)
class HookCall:
    """A body, the hook that is asked, and what it is set to."""

    hook: str
    options: HookOptions
    body: bytes

    @classmethod
    def read(cls, given: bytes) -> Self:
        """Any bytes are a call."""
        setting = given[0] if given else 0
        return cls(*_SETTINGS[setting % len(_SETTINGS)], given[1:])

    @property
    def written(self) -> bytes:
        """The bytes from which `read` makes this call."""
        return bytes([_SETTINGS.index((self.hook, self.options))]) + self.body

    def answer(self) -> bytes | str:
        """The answer as the service would send it, or a line. Raises MalformedRequest."""
        if self.hook == "customize":
            return protocol.encode(
                related_rules(protocol.decode_customize(self.body), self.options)
            )
        decide = sync if self.hook == "sync" else finalize
        response = decide(protocol.decode_sync(self.body), self.options, NOW)
        return str(response) if isinstance(response, Deferred) else protocol.encode(response)


def recorded() -> Iterator[HookCall]:
    """The recorded requests, each with the settings of its case; the largest are left out."""
    for case in cases.cases():
        if len(case.body) <= LARGEST:
            yield HookCall(case.hook, case.settings.options, case.body)


def decoded(body: bytes) -> Any:
    """The JSON of a body; None where it is none that Kubernetes would send."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None

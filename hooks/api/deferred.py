"""The answer that there is no answer yet."""

from msgspec import Struct


class Deferred(Struct, frozen=True, gc=False):
    """Metacontroller writes and deletes nothing, and asks again after whole seconds, at least 1."""

    after_seconds: int

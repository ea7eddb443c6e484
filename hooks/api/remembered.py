"""Results that cost much and depend on nothing but their key, kept as far as a size allows.

Leaving it out would change no answer, only how long the next one takes.
"""

from typing import Generic, TypeVar

_Result = TypeVar("_Result")


class Remembered(Generic[_Result]):
    """Results by digests of what they were computed from, at most `limit_bytes` of them.

    There are two generations: when the younger one has half of the size, the older one is
    forgotten. So threads need no lock: each step replaces a whole value.
    """

    def __init__(self, *, limit_bytes: int) -> None:
        self._limit = limit_bytes // 2
        self._young: dict[bytes, _Result] = {}
        self._old: dict[bytes, _Result] = {}
        self._bytes = 0

    def forget(self) -> None:
        """Remember nothing."""
        self._young, self._old, self._bytes = {}, {}, 0

    def get(self, key: bytes) -> _Result | None:
        """The result, None where it is not known."""
        found = self._young.get(key)
        return self._old.get(key) if found is None else found

    def keep(self, key: bytes, result: _Result, size: int) -> None:
        """Remember a result of so many bytes."""
        if self._bytes + size > self._limit:
            self._old, self._young, self._bytes = self._young, {}, 0
        self._young[key] = result
        self._bytes += size

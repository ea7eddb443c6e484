"""Memory, file descriptors and CPU time of a program and its children, sampled while it works."""

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_MEBIBYTE: Final = 1024 * 1024
_EVERY_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process group holds at one moment, has held at most, and has used."""

    mebibytes: float
    descriptors: int
    peak_mebibytes: float
    cpu_seconds: float


def sample(group: int) -> Sample:
    """Resident memory, open file descriptors and CPU time of a process group; see proc(5)."""
    kibibytes, descriptors, peak, ticks = 0, 0, 0, 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            _, _, fields = (folder / "stat").read_text("utf-8").rpartition(")")
            if int(fields.split()[2]) != group:
                continue
            status = (folder / "status").read_text("utf-8")
            descriptors += sum(1 for _ in (folder / "fd").iterdir())
        except OSError:
            continue  # it has just ended
        kibibytes += int(status.partition("VmRSS:")[2].split()[0])
        peak += int(status.partition("VmHWM:")[2].split()[0])
        ticks += sum(int(field) for field in fields.split()[11:13])
    return Sample(
        mebibytes=kibibytes * 1024 / _MEBIBYTE,
        descriptors=descriptors,
        peak_mebibytes=peak * 1024 / _MEBIBYTE,
        cpu_seconds=ticks / os.sysconf("SC_CLK_TCK"),
    )


class Sampler:
    """Samples a process group until it is left; what it held at first and at most, in MiB."""

    def __init__(self, group: int) -> None:
        self._group = group
        self._ended = threading.Event()
        self.first = self.peak = sample(group).mebibytes
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            self.peak = max(self.peak, sample(self._group).mebibytes)

"""What a run of the fuzzer got through, and what it found."""

from dataclasses import dataclass
from pathlib import Path


class NotFuzzed(Exception):
    """A part cannot run here; the message says why."""


@dataclass(frozen=True, slots=True)
class FuzzReport:
    """Sentences about one part, and the files from which its findings can be replayed."""

    part: str
    seed: int
    sentences: tuple[str, ...]
    findings: tuple[Path, ...] = ()
    is_broken: bool = False

    def __str__(self) -> str:
        text = "\n".join(f"    {line}" for said in self.sentences for line in said.splitlines())
        replays = "".join(
            f"\n    Saved; to replay it: make fuzz FUZZ_ARGS='{self.part} --replay {file}'"
            for file in self.findings
        )
        verdict = "BROKEN" if self.is_broken else "kept"
        return f"{self.part}, seed {self.seed}: {verdict}\n{text}{replays}"

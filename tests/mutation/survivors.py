"""What mutmut found, and the list of survivors that are explained.

A mutant is known by its function and by the lines that differ, so that the list holds while lines
move; two mutants of one function that read the same are one.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

EXPLAINED: Final = Path(__file__).with_name("explained.toml")
_SURVIVED: Final = frozenset({"survived", "no tests", "suspicious"})
_NOT_RUN: Final = "not checked"
_TOO_LONG: Final = "timeout"
_CLASS: Final = "ǁ"


@dataclass(frozen=True, slots=True, order=True)
class Mutant:
    """A function, as `module.function` or `module.Class.method`, and how it was changed."""

    function: str
    before: str
    after: str

    @classmethod
    def read(cls, name: str, path: Path) -> Self:
        """The mutant that mutmut knows by a name."""
        module, _, mangled = name.rpartition(".")
        called = mangled.partition("__mutmut_")[0].removeprefix("x_").removeprefix(f"x{_CLASS}")
        function = f"{module.removeprefix('hooks.')}.{called.replace(_CLASS, '.')}"
        return cls(function, *changed(get_diff_for_mutant(name, path=path)))

    def __str__(self) -> str:
        return f"{self.function}\n  - {self.before}\n  + {self.after}"


@dataclass(slots=True)
class MutationResult:
    """How the mutants of one module fared; those that took too long are among the killed."""

    module: str
    killed: int = 0
    too_long: int = 0
    not_run: int = 0
    survivors: list[Mutant] = field(default_factory=list)

    @property
    def run(self) -> int:
        """How many mutants were put to the tests."""
        return self.killed + len(self.survivors)


def changed(difference: str) -> tuple[str, str]:
    """The lines that only one side of a unified diff has, without what surrounds them."""
    lines = difference.splitlines()
    return tuple(  # type: ignore[return-value] # there are two signs
        " ".join(
            line[1:].strip()
            for line in lines
            if line.startswith(sign) and not line.startswith(sign * 3)
        )
        for sign in "-+"
    )


def outcomes(modules: Iterable[str]) -> Iterator[MutationResult]:
    """What is recorded of the modules' mutants."""
    for module in modules:
        path = _source(module)
        data = SourceFileMutationData(path=path)
        data.load()
        outcome = MutationResult(module)
        for name, code in data.exit_code_by_key.items():
            status = status_by_exit_code[code]
            if status == _NOT_RUN:
                outcome.not_run += 1
            elif status in _SURVIVED:
                outcome.survivors.append(Mutant.read(name, path))
            else:
                outcome.killed += 1
                outcome.too_long += status == _TOO_LONG
        yield outcome


def ask_again(modules: Iterable[str]) -> None:
    """Forget which mutants survived an earlier run, for there may be tests now that notice them."""
    for module in modules:
        data = SourceFileMutationData(path=_source(module))
        data.load()
        survived = [
            name
            for name, code in data.exit_code_by_key.items()
            if status_by_exit_code[code] in _SURVIVED
        ]
        if survived:
            data.exit_code_by_key.update(dict.fromkeys(survived))
            data.save()


def _source(module: str) -> Path:
    return Path("hooks", *module.split(".")).with_suffix(".py")


def explained(path: Path = EXPLAINED) -> Mapping[Mutant, str]:
    """The survivors that are explained, each with why no test can tell it, or none should."""
    listed = tomllib.loads(path.read_text("utf-8")).get("mutant", [])
    return {
        Mutant(one["function"], one["before"], one["after"]): " ".join(one["why"].split())
        for one in listed
    }


def entry(mutant: Mutant) -> str:
    """A survivor as the list would have it, still without why."""
    return (
        f"[[mutant]]\nfunction = {_quoted(mutant.function)}\nbefore = {_quoted(mutant.before)}\n"
        f'after = {_quoted(mutant.after)}\nwhy = ""\n'
    )


def _quoted(text: str) -> str:
    if "'" not in text:
        return f"'{text}'"
    escaped = re.sub(r'(["\\])', r"\\\1", text)
    return f'"{escaped}"'

"""Do what a document says, command by command, and compare what is printed with what it shows.

In a document, a fenced block `console` holds commands, each after `$ `, and below each what it
prints; `...` stands for lines left out. A block that cannot run here is marked in the line above
it: `<!-- not run: why -->`. What differs from run to run (ages, times, uids, hashes) is masked,
and so is the width of columns.
"""

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.controlplane.tools import ROOT, kubectl
from tests.controlplane.workspace import environment

INSTALLATION = "docs/installation.md"
HELM = "docs/helm.md"
MONITORING = "docs/monitoring.md"
IN_A_CLUSTER = (
    "README.md",
    "docs/drift-and-conflicts.md",
    "docs/handing-over.md",
    "docs/kubectl-plugin.md",
    "docs/migration.md",
    "docs/namespaces-and-keys.md",
    "docs/rollout.md",
    "docs/syncer.md",
    "docs/troubleshooting.md",
    "docs/uninstall.md",
    "docs/validation.md",
)
"""The documents that are followed in a cluster in which everything is installed."""
WITHOUT_A_CLUSTER = ("docs/gallery.md", "docs/preview.md")
"""The documents that need only Python."""

_NOT_RUN = re.compile(r"<!-- not run: .+ -->\Z")

_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<time>"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uid>"),
    (re.compile(r"sha256:[0-9a-f]{64}"), "<hash>"),
    (re.compile(r'(resourceVersion|Resource Version): +"?\d+"?'), "<version>"),
    (re.compile(r"(?<!\S)(\d+[dhms])+(?!\S)"), "<age>"),
    # Newer versions of kubectl name the namespace of what they deleted.
    (re.compile(r" from \S+ namespace$"), ""),
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True, slots=True)
class DocumentCommand:
    """One command of a document, and the lines that it should print."""

    document: str
    line: int
    command: str
    shown: tuple[str, ...]


def steps(document: str, text: str) -> Iterator[DocumentCommand]:
    """The commands of a document that are to run, in order."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        if lines[number] != "```console":
            number += 1
            continue
        end = lines.index("```", number)
        if not _NOT_RUN.match(lines[number - 1]):
            yield from _commands(document, number + 2, lines[number + 1 : end])
        number = end + 1


def _commands(document: str, first: int, block: list[str]) -> Iterator[DocumentCommand]:
    begins = [i for i, line in enumerate(block) if line.startswith("$ ")]
    assert begins[:1] == [0], f"{document}:{first}: a console block begins with `$ `"
    for begin, end in zip(begins, [*begins[1:], len(block)], strict=True):
        head = begin
        while block[head].endswith("\\"):
            head += 1
        command = "\n".join(block[begin : head + 1]).removeprefix("$ ")
        shown = tuple(line for line in block[head + 1 : end] if line)
        yield DocumentCommand(document, first + begin, command, shown)


def masked(line: str) -> str:
    for pattern, mask in _MASKS:
        line = pattern.sub(mask, line)
    return line.strip()


def shown_as(step: DocumentCommand, printed: str) -> bool:
    if "--for=delete" in step.command:
        # Of what is gone already when it is asked for, kubectl prints nothing.
        return True
    patterns = [r"(.*\n)*?" if s == "..." else re.escape(masked(s)) + r"\n" for s in step.shown]
    lines = [short for line in printed.splitlines() if (short := masked(line))]
    return re.fullmatch("".join(patterns), "".join(f"{line}\n" for line in lines)) is not None


def in_cluster(kubeconfig: Path) -> dict[str, str]:
    """The environment in which the commands of a document reach a cluster."""
    path = environment().get("PATH", "")
    return {
        "KUBECONFIG": str(kubeconfig),
        "PATH": f"{Path(kubectl()).resolve().parent}:{path}",
        # Not a part of the make that may have started these tests.
        "MAKEFLAGS": "",
        "MAKELEVEL": "",
    }


def follow(
    document: str, settings: Mapping[str, str], after: Mapping[str, Callable[[], None]]
) -> list[str]:
    """Run the commands of a document, and return them."""
    followed = []
    text = (ROOT / document).read_text("utf-8")
    for step in steps(document, text):
        ended = subprocess.run(
            ["bash", "-o", "pipefail", "-c", step.command],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env=environment(**settings),
            timeout=300,
        )
        place = f"{step.document}:{step.line}: $ {step.command}"
        assert ended.returncode == 0, f"{place}\n{ended.stdout}"
        if not shown_as(step, ended.stdout):
            shown = "\n".join(step.shown)
            pytest.fail(f"{place}\nshown:\n{shown}\nprinted:\n{ended.stdout}", pytrace=False)
        after.get(step.command, _nothing)()
        followed.append(step.command)
    return followed


def _nothing() -> None:
    pass

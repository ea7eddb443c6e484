"""Do what the documents say, command by command, and compare what is printed with what they show.

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

from tests.controlplane import SERVER_SIDE_APPLY, Stack
from tests.controlplane.plane import ControlPlane
from tests.controlplane.stack import local_registration
from tests.controlplane.tools import ROOT, kubectl, metacontroller_crds
from tests.controlplane.workspace import environment

_NOT_RUN = re.compile(r"<!-- not run: .+ -->\Z")
_INSTALL = "kubectl apply -k metacontroller/"

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
class Step:
    """One command of a document, and the lines that it shall print."""

    document: str
    line: int
    command: str
    shown: tuple[str, ...]


def steps(document: str, text: str) -> Iterator[Step]:
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


def _commands(document: str, first: int, block: list[str]) -> Iterator[Step]:
    begins = [i for i, line in enumerate(block) if line.startswith("$ ")]
    assert begins[:1] == [0], f"{document}:{first}: a console block begins with `$ `"
    for begin, end in zip(begins, [*begins[1:], len(block)], strict=True):
        head = begin
        while block[head].endswith("\\"):
            head += 1
        command = "\n".join(block[begin : head + 1]).removeprefix("$ ")
        shown = tuple(line for line in block[head + 1 : end] if line)
        yield Step(document, first + begin, command, shown)


def _masked(line: str) -> str:
    for pattern, mask in _MASKS:
        line = pattern.sub(mask, line)
    return line.strip()


def _shown_as(step: Step, printed: str) -> bool:
    if "--for=delete" in step.command:
        # Of what is gone already when it is asked for, kubectl prints nothing.
        return True
    patterns = [r"(.*\n)*?" if s == "..." else re.escape(_masked(s)) + r"\n" for s in step.shown]
    lines = [masked for line in printed.splitlines() if (masked := _masked(line))]
    return re.fullmatch("".join(patterns), "".join(f"{line}\n" for line in lines)) is not None


def _follow(
    document: str, settings: Mapping[str, str], after: Mapping[str, Callable[[], None]]
) -> None:
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
        if not _shown_as(step, ended.stdout):
            shown = "\n".join(step.shown)
            pytest.fail(f"{place}\nshown:\n{shown}\nprinted:\n{ended.stdout}", pytrace=False)
        after.get(step.command, _nothing)()


def _nothing() -> None:
    pass


def _settings(control_plane: ControlPlane) -> dict[str, str]:
    path = environment().get("PATH", "")
    return {
        "KUBECONFIG": str(control_plane.kubeconfig),
        "PATH": f"{Path(kubectl()).resolve().parent}:{path}",
        # Not a part of the make that may have started these tests.
        "MAKEFLAGS": "",
        "MAKELEVEL": "",
    }


@pytest.fixture
def stack() -> Iterator[Stack]:
    """Everything but the installation, so that a document can begin with it."""
    stack = Stack(SERVER_SIDE_APPLY)
    try:
        yield stack
    finally:
        stack.close()


def test_the_commands_of_the_readme_print_what_it_shows(stack: Stack) -> None:
    stack.hook.launch()
    stack.control_plane.start(crds=[metacontroller_crds()])
    stack.hook.wait_until_ready()

    def be_the_cluster() -> None:
        # There is no kubelet to run the Deployment: the hook runs beside it, and so it is asked.
        for registration in local_registration(stack.hook.url):
            stack.client.apply(registration)
        stack.metacontroller.start()
        stack.wait_until_syncing()

    _follow("README.md", _settings(stack.control_plane), {_INSTALL: be_the_cluster})


@pytest.mark.parametrize("document", ["docs/troubleshooting.md"])
def test_the_commands_of_the_other_documents_print_what_they_show(
    stack: Stack, document: str
) -> None:
    stack.start()
    _follow(document, _settings(stack.control_plane), {})


def test_only_what_is_equal_but_for_masks_and_omissions_counts_as_shown() -> None:
    shown = Step("page", 1, "true", ("NAME   AGE", "...", "dev   3s   1"))
    assert _shown_as(shown, "NAME AGE\nprod  5s\ndev  12m4s  1\n")
    assert not _shown_as(shown, "NAME AGE\nprod  5s\ndev  12m4s  2\n")
    assert not _shown_as(shown, "NAME AGE\ndev 3s 1\nprod 4s 1\n")
    assert not _shown_as(Step("page", 1, "true", ()), "something\n")


def test_commands_are_read_with_continuations_and_what_is_marked_is_left_out() -> None:
    text = """\
```console
$ one \\
    --more
printed

$ two
```
<!-- not run: needs a kubelet -->
```console
$ three
```
"""
    assert list(steps("page", text)) == [
        Step("page", 2, "one \\\n    --more", ("printed",)),
        Step("page", 6, "two", ()),
    ]

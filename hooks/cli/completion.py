"""Complete command lines: for kubectl, which asks a program of its own, and for shells.

For `kubectl cmsync …`, kubectl runs `kubectl_complete-cmsync` with the words so far, the last of
which is to be completed. It expects one candidate a line, a description after a tab, and at the end
`:` with a number that says whether the shell may offer files.
"""

import argparse
import io
import os
import shlex
import sys
from collections.abc import Sequence
from typing import Final

import argcomplete
from argcomplete.completers import BaseCompleter
from argcomplete.finders import CompletionFinder
from argcomplete.shell_integration import shellcode

from hooks.cli import parser
from hooks.cli.exit_status import ExitStatus
from hooks.cli.parser import PLUGIN

_FILES: Final = 0
_NO_FILES: Final = 4
"""cobra's ShellCompDirectiveDefault and ShellCompDirectiveNoFileComp."""

_PROGRAM: Final = "kubectl-cmsync"


class _LeftToShell(BaseCompleter):
    """Leaves files to the shell, and remembers whether it was asked for them."""

    def __init__(self) -> None:
        self.are_wanted = False

    def __call__(self, **_: object) -> Sequence[str]:
        self.are_wanted = True
        return ()


class _Finder(CompletionFinder):
    """Finds candidates without the stream for debugging that argcomplete's own scripts open."""

    def _init_debug_stream(self) -> None:
        pass


def answer_kubectl() -> int:
    """Run `kubectl_complete-cmsync`."""
    print(answer(sys.argv[1:]))
    return ExitStatus.ALL_READY


def answer(words: Sequence[str]) -> str:
    """What kubectl gets for the last of the words."""
    *before, last = words or [""]
    line = f"{shlex.join([_PROGRAM, *before])} {last}"
    os.environ |= {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_DFS": "\t",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_SHELL": "fish",  # Nothing is to be escaped: kubectl's script does that.
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    files = _LeftToShell()
    found = io.StringIO()
    _Finder()(
        parser.build(PLUGIN),
        always_complete_options=False,
        exit_method=lambda _: None,
        output_stream=found,
        default_completer=files,
    )
    directive = _FILES if files.are_wanted else _NO_FILES
    return "\n".join([*filter(None, [found.getvalue()]), f":{directive}"])


def answer_shell() -> None:
    """Answer a shell that completes `kubectl-cmsync` itself, and end; do nothing otherwise."""
    argcomplete.autocomplete(parser.build(PLUGIN), always_complete_options=False)


def run(options: argparse.Namespace) -> int:
    """Run the command `completion`: print what sets a shell up."""
    print(shellcode([_PROGRAM], shell=options.shell))
    return ExitStatus.ALL_READY

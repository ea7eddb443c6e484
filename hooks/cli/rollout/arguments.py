"""The parser of `rollout` and its commands, which are named as those of `kubectl rollout`."""

import argparse
from typing import Any, Final

from hooks.cli import candidates
from hooks.cli.arguments import AddParser, Format, add_choice, add_kubectl, complete

_YES: Final = ("-y", "--yes")


def add_rollout(add: AddParser, _: object) -> None:
    """Add `rollout` with its commands."""
    parser = add(
        "rollout",
        usage="%(prog)s COMMAND NAME [OPTION ...]",
        help="show, approve, pause, resume or undo the staged rollout of a syncer",
        description="Show the staged rollout of a ConfigMapSyncer, and say how it goes on.",
    )
    # Without a name, the commands would be named after the usage.
    commands = parser.add_subparsers(
        prog=parser.prog, dest="action", metavar="COMMAND", required=True
    )

    def added(name: str, **settings: Any) -> argparse.ArgumentParser:  # noqa: ANN401 - argparse's
        settings.setdefault("usage", "%(prog)s NAME [OPTION ...]")
        command: argparse.ArgumentParser = commands.add_parser(name, **settings)
        command.set_defaults(parser=command)
        option = command.add_argument(
            "name", metavar="NAME", help="a ConfigMapSyncer with spec.rollout"
        )
        complete(option, candidates.syncers)
        return command

    # A further command is a function here and a case in commands.py.
    for add_command in (
        *(_add_status, _add_history, _add_diff, _add_approve, _add_pause, _add_resume, _add_undo),
    ):
        add_kubectl(add_command(added))


def _add_status(add: AddParser) -> argparse.ArgumentParser:
    parser = add(
        "status",
        help="show how far the rollout is, and what it waits for",
        description=(
            "Show the phase and the stages of a rollout, what fails, what it waits for, and the "
            "commands with which it goes on."
        ),
        epilog=(
            "Exit status: 0 every target gets the same content (Complete or Pinned), 1 the rollout "
            "goes on, waits, is halted or was rolled back, 2 the cluster cannot be read. --watch "
            "ends when nothing goes on without a correction; it waits for approvals."
        ),
    )
    add_choice(
        parser,
        "--output",
        Format,
        default=Format.TREE,
        explained="tree: for people; yaml, json: for other programs",
    )
    parser.add_argument(
        "-w",
        "--watch",
        action="store_true",
        help="show every change until the rollout is complete or stopped",
    )
    return parser


def _add_history(add: AddParser) -> argparse.ArgumentParser:
    parser = add(
        "history",
        help="list the stored revisions, and which keys each changed",
        description=(
            "List the stored revisions, the newest first: when each was stored, what it is in use "
            "as, and which keys differ from the revision before. Values of Secrets are never "
            "printed."
        ),
    )
    option = parser.add_argument(
        "--revision",
        metavar="REV",
        help="show the keys of this revision, with the values if it is a ConfigMap",
    )
    complete(option, candidates.revisions)
    return parser


def _add_diff(add: AddParser) -> argparse.ArgumentParser:
    parser = add(
        "diff",
        usage="%(prog)s NAME [REV [REV]] [OPTION ...]",
        help="show what differs between two revisions",
        description=(
            "Show what differs between two stored revisions; of Secrets, only the names of the "
            "keys. Without REV: from the stable revision to the update revision."
        ),
    )
    option = parser.add_argument(
        "first", nargs="?", metavar="REV", help="the revision to compare with the stable one"
    )
    complete(option, candidates.revisions)
    option = parser.add_argument(
        "second", nargs="?", metavar="REV", help="the revision to compare with the first one"
    )
    complete(option, candidates.revisions)
    return parser


def _add_approve(add: AddParser) -> argparse.ArgumentParser:
    parser = add(
        "approve",
        help="show what waits for approval, and approve it",
        description=(
            "Show which step of the rollout waits for approval, or why it is halted, ask, and "
            "approve this one step."
        ),
        epilog=(
            "Exit status: 0 the step is approved, 1 you declined, 2 there is nothing to approve, "
            "or the cluster cannot be read."
        ),
    )
    parser.add_argument(*_YES, action="store_true", help="do not ask")
    return parser


def _add_pause(add: AddParser) -> argparse.ArgumentParser:
    return add(
        "pause",
        help="suspend the syncer: every copy stays as it is",
        description=(
            "Set spec.suspend to true: the rollout and everything else of the syncer is held, and "
            "every copy stays as it is until `rollout resume`."
        ),
    )


def _add_resume(add: AddParser) -> argparse.ArgumentParser:
    return add(
        "resume",
        help="let a suspended syncer go on",
        description=(
            "Set spec.suspend to false: the rollout and everything else of the syncer goes on. A "
            "soak time begins again, and a pinned revision stays pinned."
        ),
    )


def _add_undo(add: AddParser) -> argparse.ArgumentParser:
    parser = add(
        "undo",
        help="pin the stable revision or another one, or remove the pin",
        description=(
            "Show which keys differ, ask, and pin a stored revision (spec.pinnedRevision): every "
            "target gets it at once, and changes of the source are not followed until `rollout "
            "undo --unpin`."
        ),
        epilog=(
            "Exit status: 0 it is done, 1 you declined, 2 the revision is not stored, or the "
            "cluster cannot be read."
        ),
    )
    what = parser.add_mutually_exclusive_group()
    option = what.add_argument(
        "--to-revision", metavar="REV", help="the revision to pin; default: the stable one"
    )
    complete(option, candidates.revisions)
    what.add_argument(
        "--unpin",
        action="store_true",
        help="remove the pin: the content of the source is rolled out in stages from there",
    )
    parser.add_argument(*_YES, action="store_true", help="do not ask")
    return parser

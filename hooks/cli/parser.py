"""The one parser of all command lines.

`kubectl cmsync` and `python -m hooks` have the same commands and options, which follow kubectl's
conventions. A shell completes them at every press of Tab, so nothing here loads the simulator.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import hooks
from hooks.cli import candidates
from hooks.cli.arguments import (
    AddParser,
    CommandParser,
    Format,
    add_choice,
    add_hook,
    add_kubectl,
    complete,
    none_of,
    word_of,
)
from hooks.cli.rollout.arguments import add_rollout
from hooks.migration.options import Delivery, Tool
from hooks.preview.options import Output, Propagation, Strategy, Trigger


@dataclass(frozen=True, slots=True)
class Program:
    """How the program was called, and whether a preview without PATH reads the cluster."""

    name: str
    reads_cluster: bool


MODULE: Final = Program("python -m hooks", reads_cluster=False)
"""The module, which is the image's command, too: there, nothing says which cluster is meant."""

PLUGIN: Final = Program("kubectl cmsync", reads_cluster=True)


class Shell(StrEnum):
    """The shells whose completion can be set up."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def parse(program: Program, arguments: Sequence[str] | None) -> argparse.Namespace:
    """What the arguments say, with the program, the command and its parser; ends on a mistake."""
    options, others = build(program).parse_known_args(arguments)
    if others:
        hint = ""
        if getattr(options, "change", None):
            hint = "; --change takes one PATH, a file or a folder, and can be repeated"
        options.parser.error(f"unrecognized arguments: {' '.join(others)}{hint}")
    return options


def build(program: Program) -> argparse.ArgumentParser:
    """The parser of a program."""
    parser = CommandParser(
        prog=program.name,
        description="See what ConfigMapSyncers do, and what a change would do.",
    )
    parser.add_argument("--version", action="version", version=f"cmsync {hooks.__version__}")
    parser.set_defaults(program=program)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def added(name: str, **settings: Any) -> argparse.ArgumentParser:  # noqa: ANN401 - argparse's
        command = commands.add_parser(name, **settings)
        command.set_defaults(parser=command)
        return command

    # A further command is a function here and a case in main.py.
    for add in (
        *(_add_preview, _add_status, add_rollout, _add_confirm_prune, _add_migrate),
        _add_completion,
    ):
        add(added, program)
    return parser


def _add_preview(add: AddParser, program: Program) -> None:
    reading = "; without any, the cluster is read" if program.reads_cluster else ""
    parser = add(
        "preview",
        usage="%(prog)s [PATH ...] [OPTION ...]",
        help="show what syncers do with objects, or what a change to them would do",
        description=(
            "Show what ConfigMapSyncers do with the given objects, or what a change to them would "
            "do. Nothing is changed in a cluster."
        ),
        epilog=(
            "Namespaces, ConfigMaps, Secrets and ConfigMapSyncers are read, as manifests or as "
            "`kubectl get -A --show-managed-fields -o yaml` prints them; everything else is "
            "counted and ignored. Values of Secrets are never printed. Exit status: 0 every "
            "syncer is Ready (of a plan: nothing would fail or be held), 1 one is not, 2 bad "
            "input, 3 something happens that --fail-on names."
        ),
    )
    parser.add_argument(
        "path",
        nargs="*",
        metavar="PATH",
        help=f"a YAML or JSON file, a folder of them, or -{reading}",
    )
    parser.add_argument(
        "-f",
        "--filename",
        action="append",
        default=[],
        metavar="PATH",
        help="another PATH; can be repeated",
    )
    parser.add_argument(
        "--change",
        action="append",
        default=[],
        metavar="PATH",
        help="manifests to apply once the given objects are stable, as kubectl apply does; only "
        "what that changes is shown; can be repeated",
    )
    deleted = parser.add_argument(
        "--delete",
        action="append",
        default=[],
        metavar="KIND/[NAMESPACE/]NAME",
        help="an object to delete then; can be repeated",
    )
    complete(deleted, candidates.references)
    parser.add_argument(
        "--prune",
        action="store_true",
        help="also delete what is in a manifest of PATH and in none of --change, as Argo CD, "
        "Flux and kubectl apply --prune do",
    )
    add_choice(
        parser,
        "--cascade",
        Propagation,
        default=Propagation.BACKGROUND,
        explained="what --delete does to what the object owns, as for kubectl delete",
    )
    add_choice(
        parser,
        "--output",
        Output,
        default=Output.TABLE,
        explained="table: what becomes of every copy, and why; wide: with every column of the "
        "syncers; diff: key by key, with values of ConfigMaps; plan: what each syncer would do to "
        "what is there now, suspended or not; yaml, json: all objects as they are at the end",
    )
    triggers = parser.add_argument(
        "--fail-on",
        action="extend",
        default=[],
        type=_triggers,
        metavar="WHAT[,WHAT...]",
        help="exit status 3 when this happens: deletion (of a copy; also one that is held), "
        "take-over (of an object that no syncer made), no-targets (a syncer selects no "
        "namespace), invalid-content (it breaks a rule of a syncer), change (of any copy); can be "
        "repeated",
    )
    complete(triggers, candidates.triggers)
    parser.add_argument(
        "--allow-empty",
        action="store_true",
        help="accept paths without objects, and input without a ConfigMapSyncer",
    )
    parser.add_argument(
        "--secrets",
        action="store_true",
        help="as if metacontroller/components/secrets were installed: Secrets are copied, too"
        + (", and read from the cluster" if program.reads_cluster else ""),
    )
    add_hook(parser)
    parser.add_argument(
        "--watch",
        action="store_true",
        help="run again whenever a file changes, and show only what has changed",
    )
    add_kubectl(
        parser,
        namespace="the namespace of --delete KIND/NAME and of manifests that name none",
    )


def _add_status(add: AddParser, _: Program) -> None:
    parser = add(
        "status",
        usage="%(prog)s [NAME] [OPTION ...]",
        help="show the status of syncers, and what to do about it",
        description=(
            "Show the status of ConfigMapSyncers: their namespaces by state with the reason and "
            "what to do, copies that cannot be removed, and objects that only look like copies."
        ),
        epilog="Exit status: 0 every syncer is Ready, 1 one is not, 2 the cluster cannot be read.",
    )
    name = parser.add_argument(
        "name", nargs="?", metavar="NAME", help="a ConfigMapSyncer; default: all"
    )
    complete(name, candidates.syncers)
    add_choice(
        parser,
        "--output",
        Format,
        default=Format.TREE,
        explained="tree: for people; yaml, json: for other programs, with every name",
    )
    parser.add_argument(
        "--secrets", action="store_true", help="look for Secrets that only look like copies, too"
    )
    parser.add_argument(
        "-w", "--watch", action="store_true", help="show every change while copies are written"
    )
    add_kubectl(parser)


def _add_confirm_prune(add: AddParser, _: Program) -> None:
    parser = add(
        "confirm-prune",
        usage="%(prog)s NAME [OPTION ...]",
        help="show what a held change would delete, and confirm it",
        description=(
            "Show which copies a change would delete that mass-deletion protection holds, ask, and "
            "confirm this one change."
        ),
        epilog=(
            "Exit status: 0 the change is confirmed, 1 you declined, 2 there is nothing to "
            "confirm, or the cluster cannot be read."
        ),
    )
    name = parser.add_argument("name", metavar="NAME", help="a ConfigMapSyncer that holds a change")
    complete(name, candidates.syncers)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_hook(parser)
    add_kubectl(parser)


def _add_migrate(add: AddParser, program: Program) -> None:
    reading = "; without any, the cluster is read" if program.reads_cluster else ""
    parser = add(
        "migrate",
        usage="%(prog)s --from TOOL [DUMP ...] [OPTION ...]",
        help="show how to carry the copies of another tool over to syncers",
        description=(
            "Show what another tool copies as ConfigMapSyncers, what of it cannot be carried over "
            "and why, and the steps in order. Nothing is changed in a cluster."
        ),
        epilog=(
            "A dump is what `kubectl get -A -o yaml` or `-o json` prints of namespaces, "
            "configmaps, and the tool's own objects. Exit status: 0 everything is carried over, 1 "
            "something stays with the tool, 2 bad input."
        ),
    )
    add_choice(parser, "--from", Tool, explained="the tool to leave")
    parser.add_argument(
        "path",
        nargs="*",
        metavar="DUMP",
        help=f"a YAML or JSON file, a folder of them, or -{reading}",
    )
    parser.add_argument(
        "-f",
        "--filename",
        action="append",
        default=[],
        metavar="DUMP",
        help="another DUMP; can be repeated",
    )
    add_choice(
        parser,
        "--output",
        Delivery,
        default=Delivery.REPORT,
        explained="report: for people; script: the steps as a shell script, with the manifests; "
        "yaml: the manifests alone; json: all of it, for other programs",
    )
    parser.add_argument(
        "--secrets",
        action="store_true",
        help="carry Secrets over, too: metacontroller/components/secrets is installed",
    )
    add_choice(
        parser,
        "--apply-strategy",
        Strategy,
        default=Strategy.SERVER_SIDE,
        explained="Metacontroller's flag of that name",
    )
    add_kubectl(
        parser,
        namespace="the namespace in which the tool runs, and trust-manager's sources are; default: "
        "that of its Deployment",
    )


def _add_completion(add: AddParser, _: Program) -> None:
    parser = add(
        "completion",
        usage="%(prog)s SHELL",
        help="print a completion script for a shell",
        description=(
            "Print the script with which a shell completes kubectl-cmsync. For kubectl cmsync, "
            "set up the completion of kubectl: it calls kubectl_complete-cmsync, which is "
            "installed, too."
        ),
    )
    parser.add_argument("shell", type=word_of(Shell), choices=list(Shell), metavar="|".join(Shell))


def _triggers(text: str) -> list[Trigger]:
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in list(Trigger):
            raise argparse.ArgumentTypeError(none_of(word, Trigger))
    return [Trigger(word) for word in words]

"""What the parsers of several commands have in common: options, choices, and how they complete."""

import argparse
from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeAlias

from hooks.cli import candidates
from hooks.cli.candidates import Completer
from hooks.preview.options import Strategy

AddParser: TypeAlias = Callable[..., argparse.ArgumentParser]
"""What adds the parser of a command."""


class Format(StrEnum):
    """The formats of the status of syncers."""

    TREE = "tree"
    YAML = "yaml"
    JSON = "json"


class CommandParser(argparse.ArgumentParser):
    """A parser that takes no abbreviated options, as kubectl takes none."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - argparse's own settings
        super().__init__(allow_abbrev=False, **settings)


def add_hook(parser: argparse.ArgumentParser) -> None:
    """The options that say how the hook is installed that a simulation is about."""
    add_choice(
        parser,
        "--apply-strategy",
        Strategy,
        default=Strategy.SERVER_SIDE,
        explained="Metacontroller's flag of that name",
    )
    parser.add_argument(
        "--hook-url",
        metavar="URL",
        help="ask a hook that runs already, such as http://127.0.0.1:8080; its APPLY_STRATEGY "
        "must be the same",
    )


def add_kubectl(parser: argparse.ArgumentParser, *, namespace: str = "") -> None:
    """The options that kubectl has everywhere."""
    if namespace:
        option = parser.add_argument("-n", "--namespace", metavar="NAME", help=namespace)
        complete(option, candidates.namespaces)
    option = parser.add_argument(
        "--context", metavar="NAME", help="the context of the kubeconfig to use"
    )
    complete(option, candidates.contexts)
    parser.add_argument("--kubeconfig", metavar="FILE", help="the kubeconfig to use")


def add_choice(
    parser: argparse.ArgumentParser,
    option: str,
    choices: type[StrEnum],
    *,
    explained: str,
    default: StrEnum | None = None,
) -> None:
    """An option with one of several words as its value; a mistake is answered with all of them.

    Without a default, it has to be given.
    """
    names = ["-o", option] if option == "--output" else [option]
    parser.add_argument(
        *names,
        type=word_of(choices),
        choices=list(choices),
        default=default,
        required=default is None,
        metavar="|".join(choices),
        help=explained if default is None else f"{explained} (default: %(default)s)",
    )


def complete(action: argparse.Action, completer: Completer) -> None:
    """Let a shell offer what a completer finds."""
    action.completer = completer  # type: ignore[attr-defined]


def word_of(choices: type[StrEnum]) -> Callable[[str], StrEnum]:
    """What reads one of several words."""

    def chosen(text: str) -> StrEnum:
        if text not in list(choices):
            raise argparse.ArgumentTypeError(none_of(text, choices))
        return choices(text)

    return chosen


def none_of(word: str, choices: type[StrEnum]) -> str:
    """What is said about a word that is none of several."""
    return f'"{word}" is none of {", ".join(choices)}'

"""Colour and progress are for a person who watches, and nothing takes hold of the terminal."""

import sys

import pytest

from hooks.preview.terminal import is_plain, one_line, printable, progress
from tests.cli.test_status import TerminalStream


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> TerminalStream:
    """Standard error of a person at a terminal."""
    stream = TerminalStream()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return stream


def test_no_progress_is_shown_under_no_color(
    terminal: TerminalStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with progress("Reading the cluster"):
        pass
    assert terminal.getvalue() == ""


def test_no_progress_is_shown_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Reading the cluster"):
        pass
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("no_color", "plain"), [("", False), ("0", True)])
def test_an_empty_no_color_is_none(
    terminal: TerminalStream, monkeypatch: pytest.MonkeyPatch, no_color: str, *, plain: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    assert is_plain(terminal) is plain


def test_only_line_breaks_and_tabs_move_the_cursor() -> None:
    assert printable("a\tb\nc\x1b[2Jd\r") == "a\tb\nc\\x1b[2Jd\\r"


def test_one_line_stays_one() -> None:
    assert one_line("a\tb\nc\x1b[2J") == "a\\tb\\nc\\x1b[2J"

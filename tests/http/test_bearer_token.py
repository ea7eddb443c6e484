"""A hook that asks for a bearer token: who gets an answer, and how tokens are replaced."""

import io
import json
import os
from pathlib import Path

import pytest

from hooks import app as shell
from hooks.server.credentials import BearerTokens, UnusableFile
from hooks.settings import Settings
from tests.http.client import CUSTOMIZE, JSON, SYNC, TEXT, Pieces, Reply, call
from tests.http.conftest import Start, refusal_to_start

OLD = "the-token-of-yesterday"
NEW = "the-token-of-tomorrow"
HOOKS = {"sync": SYNC, "finalize": SYNC, "customize": CUSTOMIZE}
REFUSED_WITHOUT = Reply(
    401, "send a bearer token\n", {"Content-Type": TEXT, "WWW-Authenticate": "Bearer"}
)
REFUSED_WITH = Reply(
    401,
    "the bearer token is not a valid one\n",
    {"Content-Type": TEXT, "WWW-Authenticate": "Bearer"},
)


class Tokens:
    """A file of tokens, what uses it, and what was said about it."""

    def __init__(self, file: Path, content: str) -> None:
        self.file = file
        self.said: list[str] = []
        self.write(content)
        self.tokens = BearerTokens(file, self.said.append)

    def write(self, content: str) -> None:
        """Replace the file as a kubelet does, by another one of the same name."""
        successor = self.file.with_suffix(".next")
        successor.write_text(content)
        successor.replace(self.file)

    def allowed(self, *tokens: str) -> list[bool]:
        return [self.tokens.allow(f"Bearer {token}") for token in tokens]


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    return Tokens(tmp_path / "tokens", f"{OLD}\n")


def call_hook(port: int, hook: str, authorization: str | None) -> Reply:
    said = {} if authorization is None else {"Authorization": authorization}
    return call(port, "POST", f"/{hook}", HOOKS[hook], {"Content-Type": JSON} | said)


@pytest.mark.parametrize("hook", HOOKS)
def test_only_a_client_with_a_token_of_the_file_is_answered(
    start: Start, tmp_path: Path, hook: str
) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"{OLD}\n")
    edge = start(BEARER_TOKEN_FILE=str(file))

    assert call_hook(edge.port, hook, None) == REFUSED_WITHOUT
    assert call_hook(edge.port, hook, f"Bearer {NEW}") == REFUSED_WITH
    assert call_hook(edge.port, hook, f"Bearer {OLD}").code == 200
    assert [line["code"] for line in edge.log()] == [401, 401, 200]
    assert [token for token in (OLD, NEW) if token in edge.output.read_text()] == []


@pytest.mark.parametrize("hook", HOOKS)
def test_a_client_without_a_token_is_refused_before_the_body_is_read(
    start: Start, tmp_path: Path, hook: str
) -> None:
    file = tmp_path / "tokens"
    file.write_text(OLD)
    edge = start(BEARER_TOKEN_FILE=str(file), MAX_REQUEST_BYTES="10")
    with Pieces(edge.port) as client:
        client.promise(f"/{hook}", 1000)

        assert client.answer() == REFUSED_WITHOUT


def test_a_token_as_long_as_a_token_may_be_gets_through(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("x" * 4000)
    edge = start(BEARER_TOKEN_FILE=str(file))

    assert call_hook(edge.port, "sync", "Bearer " + "x" * 4000).code == 200


def test_probes_and_metrics_ask_for_no_token(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(OLD)
    edge = start(BEARER_TOKEN_FILE=str(file))

    pages = [call(edge.port, "GET", path) for path in ("/healthz", "/readyz", "/metrics")]

    assert [page.code for page in pages] == [200, 200, 200]
    assert OLD not in pages[-1].body


def test_tokens_are_exchanged_without_a_restart_and_without_a_gap(
    start: Start, tmp_path: Path
) -> None:
    file = tmp_path / "tokens"
    file.write_text(OLD)
    edge = start(BEARER_TOKEN_FILE=str(file))
    seen = []
    for content in (OLD, f"{OLD}\n{NEW}\n", NEW):
        file.write_text(content)
        answers = [call_hook(edge.port, "sync", f"Bearer {token}") for token in (OLD, NEW)]
        seen.append([answer.code for answer in answers])

    assert seen == [[200, 401], [200, 200], [401, 200]]


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        OLD,
        f"Basic {OLD}",
        f"Bearer {OLD}x",
        f"Bearer {OLD[:-1]}",
        f"Bearer {OLD} {OLD}",
        f"Bearer {OLD}, Bearer {OLD}",
        f"Bearer {OLD.upper()}",
        "Bearer \xe9",
        "Bearer \u20ac",
    ],
)
def test_nothing_but_a_whole_token_after_its_scheme_is_valid(
    tokens: Tokens, authorization: str
) -> None:
    assert not tokens.tokens.allow(authorization)


def test_the_scheme_may_be_written_in_any_case(tokens: Tokens) -> None:
    assert tokens.tokens.allow(f"bearer {OLD}")


def test_blank_lines_and_the_ends_of_lines_are_no_part_of_a_token(tokens: Tokens) -> None:
    tokens.write(f"\r\n{OLD}\r\n\n  {NEW} \n")

    assert tokens.allowed(OLD, NEW, "") == [True, True, False]
    assert tokens.said == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "BEARER_TOKEN_FILE holds no token"),
        (" \n\n", "BEARER_TOKEN_FILE holds no token"),
        ("x" * 4001, "BEARER_TOKEN_FILE: token 1 has more than 4,000 characters"),
        (
            f"{OLD}\ntwo words\n",
            "BEARER_TOKEN_FILE: token 2 has characters other than visible ASCII",
        ),
    ],
)
def test_a_file_of_no_use_is_an_error_at_the_start_and_later_changes_nothing(
    tokens: Tokens, content: str, reason: str
) -> None:
    tokens.write(content)

    assert tokens.allowed(OLD, OLD, NEW) == [True, True, False]
    assert tokens.said == [f"{reason}; what it held before stays valid"]
    with pytest.raises(UnusableFile) as refused:
        BearerTokens(tokens.file, tokens.said.append)
    assert str(refused.value) == reason


def test_a_file_that_goes_away_changes_nothing_and_one_that_comes_back_does(
    tokens: Tokens,
) -> None:
    tokens.file.unlink()
    meanwhile = tokens.allowed(OLD, OLD)
    tokens.write(NEW)

    assert (meanwhile, tokens.allowed(OLD, NEW)) == ([True, True], [False, True])
    reason = "BEARER_TOKEN_FILE cannot be read: No such file or directory"
    assert tokens.said == [f"{reason}; what it held before stays valid"]


def test_a_mounted_secret_that_is_turned_to_its_next_version_is_seen(tmp_path: Path) -> None:
    for version, content in (("1", OLD), ("2", NEW)):
        (tmp_path / version).mkdir()
        (tmp_path / version / "tokens").write_text(content)
        os.utime(tmp_path / version / "tokens", (0, 0))
    (tmp_path / "current").symlink_to("1")
    tokens = BearerTokens(tmp_path / "current" / "tokens", lambda _: None)
    (tmp_path / "next").symlink_to("2")

    (tmp_path / "next").replace(tmp_path / "current")

    assert [tokens.allow(f"Bearer {token}") for token in (OLD, NEW)] == [False, True]


def test_a_mistake_in_a_new_file_is_logged_once(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(OLD)
    printed = io.StringIO()
    client = shell.create_app(Settings(bearer_token_file=str(file)), log=printed).test_client()
    file.unlink()

    codes = [
        client.post(
            "/sync", data=SYNC, content_type=JSON, headers={"Authorization": f"Bearer {token}"}
        ).status_code
        for token in (OLD, OLD, NEW)
    ]

    assert codes == [200, 200, 401]
    complaint, *requests = (json.loads(line) for line in printed.getvalue().splitlines())
    assert complaint["error"].startswith("BEARER_TOKEN_FILE cannot be read: No such file")
    assert [line["code"] for line in requests] == codes
    assert OLD not in printed.getvalue()


def test_a_service_without_a_token_to_ask_for_does_not_start_and_says_why(tmp_path: Path) -> None:
    said = refusal_to_start(BEARER_TOKEN_FILE=str(tmp_path / "tokens"))

    assert "BEARER_TOKEN_FILE cannot be read: No such file or directory" in said

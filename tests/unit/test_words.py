"""One thing has one name, and prose is plain: words that were given up occur nowhere.

Code, tests, documentation, messages, manifests, help texts and the names of files are read. Words
that are wrong only as names are in `test_structure.py`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (
    *(".github", "charts", "crds", "docs", "examples", "hooks", "metacontroller", "monitoring"),
    *("tests", "tools"),
)
TEXT = {".cfg", ".json", ".md", ".py", ".sh", ".tpl", ".txt", ".yaml", ".yml", ".in", ""}
LISTS = (
    *(Path(__file__), ROOT / "tests/unit/test_structure.py", ROOT / "LICENSE"),
    ROOT / ".coverage",
    *ROOT.glob("requirements*.txt"),
)
"""Files that name these words, or are not ours."""

INSTEAD = {
    "anew": "again",
    "beside": "next to, or with",
    "brakes?": "prune guard, or mass-deletion protection",
    "foreign keys?": "a key added by others",
    "(get|gets|got) over": "recover from",
    "going along": "deleted with its source",
    "have it done": "apply it",
    "(he|she|him|his|her|hers)": "they",
    "in vain": "without success, or until the deadline",
    "lest": "so that not",
    "no targets? any ?more": "no longer a target",
    "nobody's": "unmanaged",
    "not in order": "problems",
    "obstacles?": "what blocks it",
    "of our making": "managed by us",
    "reckon(s|ed)?": "count, or expect",
    "rehears(al|e|es|ed)": "simulation",
    "save (for|that|what|where)": "except",
    "shall": "must, or should",
    "strays": "foreign children",
    "take it away again": "uninstall",
    "targets? no more": "no longer a target",
    "(tell|tells) the truth": "reports the status",
    "told": "what the log says, or what is known",
    "undeleted": "deletion refused",
    "whoever": "anybody who, or the name of who it is",
}
"""What replaces each expression."""
OLD = re.compile(rf"(?<![a-z])({'|'.join(INSTEAD)})(?![a-z])", re.IGNORECASE)

EXCEPTIONS = {
    f"tests/cases/{case}/request.json": "the message of an older version, in the status"
    for case in (
        "finalize/deletion/copy-that-hangs-stays-named-and-is-looked-at-again",
        "sync/source-deletion/copy-that-hung-is-no-failure-when-it-went-with-its-source",
    )
}
"""Files that have such a word all the same, and why."""


def files() -> Iterator[Path]:
    for path in (*ROOT.iterdir(), *(path for name in FOLDERS for path in (ROOT / name).rglob("*"))):
        is_kept = "__pycache__" not in path.parts and "mutants" not in path.parts
        if is_kept and path.is_file() and path.suffix in TEXT and path not in LISTS:
            yield path


def old_words(text: str) -> list[str]:
    """The words of a text that were given up, each with its line."""
    # A sentence can go on in the next line, and in a comment.
    joined = re.sub(r"\s*\n[ \t#]*", "\n", text)
    return [
        f"{joined.count(chr(10), 0, found.start()) + 1}: {found[0]}"
        for found in re.finditer(OLD.pattern.replace(" ", r"[\s_-]"), joined, re.IGNORECASE)
    ]


def test_no_file_has_a_word_that_was_given_up() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): words
        for path in files()
        if (words := old_words(path.read_text("utf-8")))
    }
    assert {name: words for name, words in found.items() if name not in EXCEPTIONS} == {}
    assert EXCEPTIONS.keys() <= found.keys()


def test_no_name_of_a_file_has_a_word_that_was_given_up() -> None:
    names = {part for path in files() for part in path.relative_to(ROOT).parts}
    assert [name for name in sorted(names) if old_words(name)] == []


@pytest.mark.parametrize(
    "text",
    ["is_told = 1", "Whoever acts", "nothing, save\n    # what stays", "a-foreign-key-stays.yaml"],
)
def test_a_word_that_was_given_up_is_found(text: str) -> None:
    assert len(old_words(text)) == 1


@pytest.mark.parametrize("text", ["untold", "save a file", "Besides, marshalled", "the others"])
def test_a_part_of_another_word_is_not_found(text: str) -> None:
    assert old_words(text) == []

"""The score of the mutations: which survivors count, and which are explained."""

import re
import tomllib
from pathlib import Path

import pytest
from mutmut.mutation.data import SourceFileMutationData

from tests.mutation import __main__ as command
from tests.mutation import survivors
from tests.mutation.survivors import Mutant, MutationResult

ROOT = Path(__file__).parents[2]
DIFFERENCE = """--- hooks/resolve/keys.py
+++ hooks/resolve/keys.py
@@ -1,4 +1,4 @@
 def _missing(names: Collection[str], where: str) -> NoSelection:
     lacking = sorted(set(names))
-    what = "key" if len(lacking) == 1 else "keys"
+    what = "key" if len(lacking) != 1 else "keys"
     return NoSelection(
"""
ONE = Mutant("keys.select", "missing = []", "missing = None")
OTHER = Mutant("keys.Fault.of", "x == 1", 'x != "1"')


def test_a_mutant_is_known_by_the_lines_that_differ_and_not_by_where_they_are() -> None:
    here = survivors.changed(DIFFERENCE)
    there = survivors.changed(DIFFERENCE.replace("-1,4 +1,4", "-70,4 +70,4").replace("    ", " "))

    assert here == there
    assert here == (
        'what = "key" if len(lacking) == 1 else "keys"',
        'what = "key" if len(lacking) != 1 else "keys"',
    )


@pytest.mark.parametrize("mutant", [ONE, OTHER, Mutant("a.b", "'\"\\'", '"')])
def test_a_survivor_is_printed_as_the_list_would_have_it(mutant: Mutant, tmp_path: Path) -> None:
    listed = tmp_path / "explained.toml"
    listed.write_text(survivors.entry(mutant))

    assert survivors.explained(listed) == {mutant: ""}


def test_every_explanation_says_why_and_is_of_a_module_that_is_mutated() -> None:
    listed = tomllib.loads(survivors.EXPLAINED.read_text("utf-8")).get("mutant", [])

    assert len(survivors.explained()) == len(listed)
    assert all(survivors.explained().values())
    known = tuple(f"{module}." for module in command.modules())
    assert all(mutant.function.startswith(known) for mutant in survivors.explained())


def test_every_explained_mutant_changes_code_that_is_there() -> None:
    def plain(code: str) -> str:
        return re.sub(r"[^\w.=<>]", "", code)

    gone = []
    for mutant in survivors.explained():
        module = max(
            (each for each in command.modules() if mutant.function.startswith(f"{each}.")), key=len
        )
        code = (ROOT / "hooks" / f"{module.replace('.', '/')}.py").read_text("utf-8")
        if plain(mutant.before) not in plain(code):
            gone.append(mutant)
    assert gone == []


def test_what_survived_is_put_to_the_tests_again_and_what_was_killed_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mutants/hooks/resolve").mkdir(parents=True)
    data = SourceFileMutationData(path="hooks/resolve/keys.py")
    killed, survived, untested = 1, 0, 33
    data.exit_code_by_key = {"one": killed, "two": survived, "three": untested, "four": None}
    data.save()

    survivors.ask_again(["resolve.keys", "never_run"])

    data.load()
    assert data.exit_code_by_key == {"one": killed, "two": None, "three": None, "four": None}


@pytest.mark.parametrize(
    ("explained", "not_run", "code", "said"),
    [
        pytest.param([ONE, OTHER], 0, 0, "2 of the survivors explained", id="all explained"),
        pytest.param([ONE], 0, 1, "Survives and is not explained: keys.Fault.of", id="one is not"),
        pytest.param(
            [ONE, OTHER, Mutant("keys.gone", "a", "b")],
            0,
            1,
            "Explained, and does not survive: keys.gone",
            id="an explanation of nothing",
        ),
        pytest.param(
            [ONE, OTHER, Mutant("keys.gone", "a", "b")], 5, 0, "5 NOT RUN", id="not run to the end"
        ),
    ],
)
def test_the_command_fails_when_a_survivor_is_not_explained_or_what_is_explained_does_not_survive(
    explained: list[Mutant],
    not_run: int,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(survivors, "explained", lambda: dict.fromkeys(explained, "why"))
    outcome = MutationResult("keys", killed=6, not_run=not_run, survivors=[ONE, OTHER])

    assert command.report([outcome]) == code

    printed = capsys.readouterr().out
    assert said in printed
    assert "Score: 75.0 % (6 of 8)" in printed

"""Two recipes of CONTRIBUTING.md, followed on a copy of the project: whole, and without a step.

With all steps the named tests pass; without one of them the test fails that the recipe names. It
takes a minute, so `make test` leaves it out and `make test-long` runs it.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("crds", "docs", "examples", "hooks", "metacontroller", "tests", "tools", "pyproject.toml")
LEFT_BEHIND = shutil.ignore_patterns("__pycache__", "mutants")
CRD = "crds/configmapsyncers.config.example.com.yaml"
MODEL_CASE = "a-new-syncer-asks-for-a-copy-in-every-target"
NEW_CASE = "plain-copies-have-no-label-of-their-manager"


@dataclass(frozen=True)
class Step:
    """One row of a recipe: what to do to a copy, and which test fails when it is not done."""

    name: str
    do: Callable[[Path], None]
    fails: str

    def __str__(self) -> str:
        return self.name


def replaced(path: str, old: str, new: str) -> Callable[[Path], None]:
    """Replace a text that a file has exactly once."""

    def do(tree: Path) -> None:
        text = (tree / path).read_text("utf-8")
        assert text.count(old) == 1, (path, old)
        (tree / path).write_text(text.replace(old, new), "utf-8")

    return do


def before(path: str, anchor: str, new: str) -> Callable[[Path], None]:
    return replaced(path, anchor, new + anchor)


def after(path: str, anchor: str, new: str) -> Callable[[Path], None]:
    return replaced(path, anchor, anchor + new)


def together(*parts: Callable[[Path], None]) -> Callable[[Path], None]:
    def do(tree: Path) -> None:
        for part in parts:
            part(tree)

    return do


def _run(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=tree, capture_output=True, text=True, check=False
    )


def _write_the_reference(tree: Path) -> None:
    assert _run(tree, "tools.api_reference").returncode == 0


def _add_the_case(tree: Path) -> None:
    (model,) = (tree / "tests/cases").rglob(MODEL_CASE)
    request = json.loads((model / "request.json").read_text("utf-8"))
    request["parent"]["spec"]["plainCopies"] = True
    answer = json.loads((model / "response.json").read_text("utf-8"))
    for child in answer["children"]:
        del child["metadata"]["labels"]["app.kubernetes.io/managed-by"]
    folder = model.with_name(NEW_CASE)
    folder.mkdir()
    (folder / "request.json").write_text(json.dumps(request), "utf-8")
    (folder / "response.json").write_text(json.dumps(answer), "utf-8")


FIELD = (
    Step(
        "the definition",
        before(
            CRD,
            "                suspend:\n",
            "                plainCopies:\n"
            "                  description: Whether copies go without the label of their manager.\n"
            "                  type: boolean\n",
        ),
        "test_the_hook_reads_every_field_of_the_spec_and_no_other",
    ),
    Step("the reference", _write_the_reference, "test_the_page_is_current"),
    Step(
        "the page on the spec",
        before("docs/syncer.md", "| `suspend` |", "| `plainCopies` | no, false | plain copies |\n"),
        "test_every_field_of_the_spec_has_a_row",
    ),
    Step(
        "what the hook reads",
        together(
            after(
                "hooks/spec/validation.py",
                "    suspend: bool = False\n",
                "    plain_copies: bool = False\n",
            ),
            after(
                "hooks/spec/syncer.py",
                "    is_suspended: bool = False\n",
                "    plain_copies: bool = False\n",
            ),
            after(
                "hooks/spec/parsing.py",
                "        is_suspended=spec.suspend,\n",
                "        plain_copies=spec.plain_copies,\n",
            ),
            replaced(
                "hooks/copies/desired_metadata.py",
                "        MANAGED_BY: MANAGER,\n",
                "        **({} if syncer.plain_copies else {MANAGED_BY: MANAGER}),\n",
            ),
        ),
        "test_the_hook_reads_every_field_of_the_spec_and_no_other",
    ),
    Step("a case", _add_the_case, "test_every_field_of_the_spec_is_in_a_case"),
    Step(
        "the histories",
        before(
            "tests/model/histories.py",
            '    "suspend": _maybe(',
            '    "plainCopies": _maybe("plainCopies", True, False),\n',
        ),
        "test_every_field_of_the_spec_is_drawn_by_the_histories",
    ),
    Step(
        "the model",
        replaced(
            "tests/model/oracle.py",
            '            "app.kubernetes.io/managed-by": "configmap-syncer",\n',
            "            **(\n"
            "                {}\n"
            '                if spec.get("plainCopies")\n'
            '                else {"app.kubernetes.io/managed-by": "configmap-syncer"}\n'
            "            ),\n",
        ),
        "",  # test_every_history_ends_as_the_oracle_promises, which takes minutes
    ),
)
SETTING = (
    Step(
        "the setting",
        together(
            after(
                "hooks/settings.py",
                "    require_target_consent: bool = False\n",
                "    plain_copies: bool = False\n",
            ),
            after(
                "hooks/api/options.py",
                "    require_target_consent: bool = False\n",
                "    plain_copies: bool = False\n",
            ),
        ),
        "",
    ),
    Step(
        "the option follows the setting",
        after(
            "hooks/settings.py",
            "            require_target_consent=self.require_target_consent,\n",
            "            plain_copies=self.plain_copies,\n",
        ),
        "test_every_option_follows_a_setting",
    ),
    Step(
        "the page on settings",
        before("docs/settings.md", "| `HOST` |", "| `PLAIN_COPIES` | `False` | plain copies |\n"),
        "test_every_setting_has_a_row_with_its_default",
    ),
)
RECIPES = {"a field of the spec": FIELD, "a setting": SETTING}


def _copied(folder: Path, steps: Sequence[Step]) -> Path:
    """A copy of the project to which the steps were done, in their order."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=LEFT_BEHIND)
        else:
            shutil.copy(source, folder / part)
    for page in ROOT.glob("*.md"):
        shutil.copy(page, folder)
    shutil.copy(ROOT / "Makefile", folder)
    for step in steps:
        step.do(folder)
    return folder


def _failed(tree: Path, names: Sequence[str]) -> set[str]:
    """Which of the tests of these names fail in a copy. Each has to be there."""
    modules = {
        str(module.relative_to(tree))
        for module in (tree / "tests/unit").glob("test_*.py")
        if any(f"def {name}(" in module.read_text("utf-8") for name in names)
    }
    chosen = " or ".join(names)
    run = _run(tree, "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, *sorted(modules))
    assert run.returncode in (0, 1), run.stdout + run.stderr
    for name in names:
        assert name in "".join((tree / module).read_text("utf-8") for module in modules)
    return set(re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", run.stdout, re.MULTILINE))


@pytest.mark.parametrize("steps", RECIPES.values(), ids=RECIPES)
def test_with_all_steps_the_named_tests_pass(steps: Sequence[Step], tmp_path: Path) -> None:
    names = sorted({step.fails for step in steps if step.fails})
    more = ["test_the_answer_is_the_recorded_one"] if steps is FIELD else []
    assert _failed(_copied(tmp_path, steps), [*names, *more]) == set()


@pytest.mark.parametrize(
    ("steps", "left_out"),
    [
        pytest.param(steps, step, id=f"{recipe}, without {step}")
        for recipe, steps in RECIPES.items()
        for step in steps
        if step.fails
    ],
)
def test_without_a_step_the_named_test_fails(
    steps: Sequence[Step], left_out: Step, tmp_path: Path
) -> None:
    others = [step for step in steps if step is not left_out]
    assert _failed(_copied(tmp_path, others), [left_out.fails]) == {left_out.fails}


@pytest.mark.parametrize(
    "name", sorted({s.fails for steps in RECIPES.values() for s in steps} - {""})
)
def test_the_guide_names_the_test(name: str) -> None:
    assert f"`{name}`" in (ROOT / "CONTRIBUTING.md").read_text("utf-8")

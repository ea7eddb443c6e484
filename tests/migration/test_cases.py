"""Every kind of thing that a tool copies, and what is printed of it, to the last character.

A case is a folder of tests/migration/cases/TOOL with `dump.yaml`, `report.txt` and `script.sh`, and
`arguments` where there are more; `same-as` names another case whose dump it has.
`python -m tests.migration.test_cases` writes the reports and scripts again; what changes in them
has to be read and judged before it is kept. Facts about the tools are in `hooks/migration/`.
"""

import contextlib
import io
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hooks.cli import main
from hooks.cli.parser import MODULE
from hooks.migration.options import Delivery, Tool
from hooks.preview.simulator.schema import Schema

CASES = Path(__file__).with_name("cases")
FOLDERS = sorted(CASES.glob("*/*"))


def printed(folder: Path, output: str) -> str:
    """What the command prints for a case in one format, with the exit status."""
    given, same = folder / "arguments", folder / "same-as"
    more = shlex.split(given.read_text("utf-8")) if given.exists() else []
    case = folder.parent / same.read_text("utf-8").strip() if same.exists() else folder
    command = ["migrate", "--from", folder.parent.name, *more, "dump.yaml", "-o", output]
    text = io.StringIO()
    with contextlib.chdir(case), contextlib.redirect_stdout(text):
        status = main.main(command, MODULE)
    return f"{text.getvalue()}# exit status {status}\n"


def name_of(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"


each_case = pytest.mark.parametrize("folder", FOLDERS, ids=name_of)


@each_case
def test_what_is_printed_is_what_was_read_and_judged(folder: Path) -> None:
    assert printed(folder, "report") == (folder / "report.txt").read_text("utf-8")
    assert printed(folder, "script") == (folder / "script.sh").read_text("utf-8")


@each_case
def test_the_api_server_takes_every_syncer(folder: Path) -> None:
    schema = Schema.load()
    for syncer in syncers(folder):
        assert list(map(str, schema.violations(syncer))) == []


def syncers(folder: Path) -> Iterator[dict[str, Any]]:
    for item in yaml.safe_load_all(printed(folder, "yaml")):
        if item is not None and item["kind"] == "ConfigMapSyncer":
            yield item


@pytest.mark.parametrize("output", [*Delivery])
def test_no_value_of_a_secret_is_printed(output: str) -> None:
    folder = CASES / "reflector" / "secrets-need-the-consent-of-their-owners"
    assert "c2VjcmV0" in (folder / "dump.yaml").read_text("utf-8")
    assert "c2VjcmV0" not in printed(folder, output)


def test_every_tool_has_cases() -> None:
    assert {folder.parent.name for folder in FOLDERS} == {*Tool}


if __name__ == "__main__":
    for each in FOLDERS:
        for file, form in (("report.txt", "report"), ("script.sh", "script")):
            (each / file).write_text(printed(each, form), "utf-8")

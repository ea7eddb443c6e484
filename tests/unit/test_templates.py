"""The templates of issues and pull requests ask for what exists, in versions of today."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from hooks.api.protocol import ApplyStrategy
from tests.unit.test_contributing import ROOT

FORMS = [
    path
    for path in sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
    if path.stem != "config"
]
PULL_REQUEST = (ROOT / ".github/pull_request_template.md").read_text("utf-8")


def _form(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


@pytest.mark.parametrize("path", FORMS, ids=[path.stem for path in FORMS])
def test_a_form_has_what_github_requires(path: Path) -> None:
    form = _form(path)
    fields = [element for element in form["body"] if element["type"] != "markdown"]
    assert {"name", "description", "labels", "body"} == set(form)
    assert {element["type"] for element in fields} <= {"textarea", "input", "dropdown"}
    assert len({element["id"] for element in fields}) == len(fields)
    assert all(element["attributes"]["label"] for element in fields)


def test_the_report_of_a_bug_names_the_versions_of_today() -> None:
    fields = {each.get("id"): each["attributes"] for each in _form(FORMS[0])["body"]}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert fields["version"]["placeholder"].startswith(f"{version},")
    everything = re.search(
        r"^\| (Kubernetes [\d.]+) \| all \|",
        (ROOT / "docs/versions.md").read_text("utf-8"),
        re.MULTILINE,
    )
    assert everything
    assert fields["platform"]["placeholder"].startswith(f"{everything[1]}, Metacontroller v")
    offered = [option.partition(" ")[0] for option in fields["strategy"]["options"]]
    assert offered == [*map(str, ApplyStrategy)]


def test_every_command_and_file_of_the_pull_request_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"`make ([a-z0-9-]+)`", PULL_REQUEST):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for path in ("docs", "CHANGELOG.md", "CONTRIBUTING.md"):
        assert path in PULL_REQUEST
        assert (ROOT / path).exists()

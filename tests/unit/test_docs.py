"""The documents are held true: what the product has, they mention; what they name, there is."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from enum import StrEnum
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import prometheus_client.parser
import pytest
import yaml

from hooks import app, settings
from hooks.copies.size import ANNOTATIONS_LIMIT, REQUEST_LIMIT, VALUES_LIMIT
from hooks.resolve.source import SourceReason
from hooks.resolve.targets import FailureReason
from hooks.status.types import SyncedReason
from tests.cases import HOOKS, cases
from tests.definition import SPEC, STATUS, VERSION
from tests.documents import (
    HELM,
    IN_A_CLUSTER,
    INSTALLATION,
    MONITORING,
    WITHOUT_A_CLUSTER,
    steps,
)

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "README.md",
    "SECURITY.md",
    *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")),
)
LINKING = (*PAGES, "CONTRIBUTING.md", "CHANGELOG.md", "charts/configmap-syncer/README.md")
"""The pages whose links and paths are followed: those of contributors, too."""
REASONS: tuple[type[StrEnum], ...] = (SourceReason, SyncedReason, FailureReason)

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_NAMED_LINK = re.compile(r"\[([^\]]*)\]\((tests/[^)\s]+)\)")
_FENCE = re.compile(r"^ *```.*$", re.MULTILINE)
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(
    r"(?<![\w/.-])((?:charts|crds|docs|examples|hooks|metacontroller|monitoring|tests|tools)/[\w./*-]*)"
)
_CODE = re.compile(r"`[^`\n]*`")
_FIRST_CELL = re.compile(r"^\| `([^|]+)` \|", re.MULTILINE)


@cache
def _text(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def _rows(page: str) -> list[str]:
    """What the first cells of a page's tables name."""
    return _named(_text(page))


def _named(tables: str) -> list[str]:
    """What the first cells of tables name, as `name`, as `name`, `name` or as `name` or `name`."""
    cells = _FIRST_CELL.findall(tables)
    return [name for cell in cells for name in re.split("`, `|` or `", cell)]


def _anchors(page: str) -> set[str]:
    """The headings of a page as GitHub links to them."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", _text(page)), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def _links() -> Iterator[tuple[str, str]]:
    for page in LINKING:
        for link in _LINK.findall(_CODE.sub("", _FENCED.sub("", _text(page)))):
            if not link.startswith("https://"):
                yield page, link


def _metrics() -> set[str]:
    configured = app.create_app(settings.Settings(), log=StringIO())
    page = configured.test_client().get("/metrics").text
    return {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in prometheus_client.parser.text_string_to_metric_families(page)
        # The client library adds when a counter began, which the page leaves to it.
        if not family.name.endswith("_created")
    }


def test_every_field_of_the_spec_has_a_row_and_every_row_is_a_field() -> None:
    table = _text("docs/syncer.md").partition("\n## ")[0]
    assert sorted(_named(table)) == sorted(SPEC)


@pytest.mark.parametrize("field", sorted(STATUS))
def test_every_field_of_the_status_has_a_row(field: str) -> None:
    assert field in _rows("docs/status.md")


@pytest.mark.parametrize("field", sorted(STATUS["conditions"]["items"]["properties"]))
def test_every_field_of_a_condition_is_explained(field: str) -> None:
    assert f"`{field}`" in _text("docs/status.md")


def test_every_reason_is_in_the_table_of_what_kstatus_makes_of_it() -> None:
    true = re.findall(r"^\| `True` \| `(\w+)` \|", _text("docs/status.md"), re.MULTILINE)
    section = _text("docs/status.md").partition("## Health checks with kstatus")[2]
    rows = re.findall(r"^\| (`.+?) \| [^|]+ \| `\w+` \|$", section, re.MULTILINE)
    named = {word for row in rows for word in re.findall(r"`([A-Z]\w+)`", row)}
    reasons = {str(reason) for reason in (*SourceReason, *SyncedReason)}
    assert reasons - {*true} <= named
    assert named <= reasons | {"True", "Delete"}


def test_every_reason_is_explained_and_no_other() -> None:
    listed = re.findall(
        r"^\| `(?:True|False)` \| `(\w+)` \|", _text("docs/status.md"), re.MULTILINE
    )
    failures = _text("docs/status.md").partition("## Failure reasons")[2]
    listed += re.findall(r"^\| `(\w+)` \|", failures, re.MULTILINE)
    assert sorted(listed) == sorted(str(reason) for enum in REASONS for reason in enum)


@pytest.mark.parametrize("field", fields(settings.Settings), ids=lambda field: field.name)
def test_every_setting_has_a_row_with_its_default(field: Any) -> None:
    default = "none" if field.default == "" else f"`{field.default}`"
    row = f"| `{field.name.upper()}` | {default} "
    assert row in _text("docs/settings.md")


def test_every_metric_has_a_row_and_every_row_is_a_metric() -> None:
    rows = {name for name in _rows("docs/metrics.md") if name.startswith("configmap_syncer")}
    assert rows == _metrics()


@pytest.mark.parametrize("hook", HOOKS)
def test_every_field_of_the_log_is_explained(hook: str) -> None:
    log = StringIO()
    client = app.create_app(settings.Settings(), log=log).test_client()
    recorded = next(case.body for case in cases() if case.hook == hook)
    for content in (recorded, (ROOT / "LICENSE").read_bytes()):
        client.post(f"/{hook}", data=content, content_type="application/json")
    names = {name for line in log.getvalue().splitlines() for name in json.loads(line)}
    log_section = _text("docs/metrics.md").partition("## Logs")[2]
    assert names <= set(re.findall(r"`(\w+)`", log_section))


@pytest.mark.parametrize("column", [c["name"] for c in VERSION["additionalPrinterColumns"]])
def test_every_column_of_kubectl_get_is_shown_in_the_readme(column: str) -> None:
    assert column.upper() in _text("README.md")


def test_every_folder_that_is_installed_has_a_row_that_says_how_it_is_deleted() -> None:
    command = re.compile(r"kubectl apply -k (metacontroller/[^\s;`]*)")
    installed = {folder for page in PAGES for folder in command.findall(_text(page))}
    assert "metacontroller/local/" in installed
    row = r"^\| `kubectl apply -k (\S+)` .*\| `kubectl delete (?:--ignore-not-found )?-k (\S+)`"
    rows = re.findall(row, _text("docs/uninstall.md"), re.MULTILINE)
    assert sorted(rows) == [(folder, folder) for folder in sorted(installed)]


@pytest.mark.parametrize(("page", "link"), list(_links()))
def test_every_relative_link_leads_somewhere(page: str, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = (ROOT / page).parent / path if path else ROOT / page
    assert target.exists()
    if anchor:
        assert anchor in _anchors(str(target.resolve().relative_to(ROOT)))


def _is_there(page: str, pattern: str) -> bool:
    """Whether a path exists, from the root or from the page."""
    return any(any(folder.glob(pattern)) for folder in (ROOT, (ROOT / page).parent))


@pytest.mark.parametrize("page", LINKING)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    named = _PATH.findall(_LINK.sub("", re.sub(r"https?://\S+", "", _text(page))))
    # A part in capitals is for the reader to fill in.
    patterns = {re.sub(r"\b[A-Z][A-Z-]+\b", "*", path.rstrip(".")) for path in named}
    assert [each for each in sorted(patterns) if not _is_there(page, each)] == []


def _linked_from(page: str) -> set[str]:
    """The files that a page links to, by their paths from the root."""
    paths = {link.partition("#")[0] for each, link in _links() if each == page}
    files = {((ROOT / page).parent / path).resolve() for path in paths if path}
    return {str(file.relative_to(ROOT)) for file in files}


def test_every_page_is_linked_from_the_index() -> None:
    pages = {page for page in PAGES if page != "docs/index.md"}
    assert _linked_from("docs/index.md") >= pages


@pytest.mark.parametrize("page", PAGES)
def test_headings_are_noun_phrases_or_tasks(page: str) -> None:
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", _text(page)), re.MULTILINE)
    assert headings
    assert [heading for heading in headings if heading.endswith("?")] == []


def test_the_readme_is_short() -> None:
    assert len(_text("README.md").splitlines()) <= 250


def test_the_readme_links_the_index() -> None:
    assert "docs/index.md" in _linked_from("README.md")


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_make_that_a_page_names_exists(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"(?:`|\$ )make ([a-z0-9-]+)", _text(page)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_readme_begins_with_the_two_commands() -> None:
    commands = re.findall(r"^\$ (.+)$", _text("README.md"), re.MULTILINE)
    assert commands[:2] == ["make run", "make test"]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_of_a_kind_that_the_tests_know(page: str) -> None:
    # A command in a block of another kind, or indented, would not be run by tests/e2e.
    opened = _FENCE.findall(_text(page))[::2]
    assert set(opened) <= {"```console", "```yaml", "```text", "```mermaid"}


def test_every_page_with_commands_that_can_run_is_followed_by_a_test() -> None:
    followed = {page for page in PAGES if any(steps(page, _text(page)))}
    assert followed == {HELM, INSTALLATION, MONITORING, *IN_A_CLUSTER, *WITHOUT_A_CLUSTER}


def test_the_syncer_in_the_readme_is_the_one_in_the_examples() -> None:
    shown = re.search(r"^```yaml\n(.*?)^```$", _text("README.md"), re.MULTILINE | re.DOTALL)
    assert shown
    example = (ROOT / "examples/configmapsyncer.yaml").read_text("utf-8")
    assert yaml.safe_load(shown[1]) == yaml.safe_load(example)


def test_the_limits_are_the_ones_in_the_code() -> None:
    for limit in (VALUES_LIMIT, ANNOTATIONS_LIMIT, REQUEST_LIMIT):
        assert f"{limit:,} bytes" in _text("docs/limits.md")


def test_the_image_and_the_timeout_are_the_ones_in_the_manifests() -> None:
    deployment = yaml.safe_load(_text("metacontroller/base/deployment.yaml"))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert f"docker build -t {container['image']} ." in _text("README.md")
    controller = yaml.safe_load(_text("metacontroller/registration/compositecontroller.yaml"))
    hooks = controller["spec"]["hooks"]
    assert hooks["sync"]["webhook"]["timeout"] == hooks["finalize"]["webhook"]["timeout"] == "60s"
    assert "waits 60 s for `/sync` and `/finalize`" in _text("docs/limits.md")
    assert controller["spec"]["resyncPeriodSeconds"] == 5 * 60
    assert "one sync per syncer every 5 minutes" in _text("docs/limits.md")


def _threats() -> Iterator[tuple[str, str, str]]:
    """What an attacker wants, what stops it and what shows that, row by row."""
    rows = re.findall(r"^\| (.+) \| (.+) \| (.+) \|$", _text("SECURITY.md"), re.MULTILINE)
    return (row for row in rows if row[0] != "To")


@pytest.mark.parametrize(("name", "path"), _NAMED_LINK.findall(_text("SECURITY.md")))
def test_what_is_said_to_stop_an_attack_is_shown_by_a_test_of_that_name(
    name: str, path: str
) -> None:
    file = ROOT / path
    if file.suffix == ".py":
        assert f"\ndef {name}(" in file.read_text("utf-8")
    else:
        assert file.exists()
        assert file.stem == name


def test_nothing_is_said_to_stop_an_attack_that_no_test_shows() -> None:
    unshown = [
        goal
        for goal, stopped_by, shown_by in _threats()
        if not _NAMED_LINK.search(shown_by) and not stopped_by.startswith(("Nothing", "RBAC"))
    ]
    assert unshown == []
    assert len(list(_threats())) > len(
        re.findall("^## Users who", _text("SECURITY.md"), re.MULTILINE)
    )

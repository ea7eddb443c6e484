"""What is previewed of a cluster: kubectl reads it, and nothing is written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hooks.cli.kubectl import explained
from tests.cli.conftest import Plugin
from tests.cli.fake_kubectl import FakeKubectl
from tests.preview.in_process import OBJECTS, SYNCER

Settled = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def cluster(kubectl: FakeKubectl, settled: Settled) -> FakeKubectl:
    kubectl.objects = settled("-", given=f"{SYNCER}---\n{OBJECTS}")
    return kubectl


def test_without_a_path_the_plugin_previews_the_cluster(
    plugin: Plugin, cluster: FakeKubectl
) -> None:
    done = plugin("preview", "-o", "diff")
    assert (done.status, done.complained) == (0, "")
    assert done.printed.startswith("Nothing changes.\n")
    assert cluster.calls == [
        [
            "get",
            "namespaces,configmaps,configmapsyncers.config.example.com",
            "--all-namespaces",
            "--show-managed-fields",
            "--output=json",
        ]
    ]


def test_a_change_of_the_cluster_is_in_the_namespace_of_the_context(
    plugin: Plugin, cluster: FakeKubectl, tmp_path: Path
) -> None:
    cluster.namespace = "shared"
    change = tmp_path / "change.yaml"
    change.write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {level: debug}\n"
    )
    arguments = ("preview", "--change", change, "-o", "diff")
    done = plugin(*arguments)
    assert (done.status, done.complained) == (0, "")
    assert "~ ConfigMap dev/settings\n" in done.printed
    assert "+ ConfigMap prod/settings\n" in plugin(*arguments, "-n", "prod").printed


def test_secrets_are_read_only_on_request(plugin: Plugin, cluster: FakeKubectl) -> None:
    cluster.forbidden = ["secrets"]
    assert plugin("preview").status == 0
    done = plugin("preview", "--secrets", "--context", "one")
    assert (done.status, done.printed) == (2, "")
    assert done.complained == (
        "jane may not list secrets at the cluster scope: a role needs the verb "
        '"list" on the resource "secrets" of the API group ""\n'
    )
    assert cluster.calls[-1][1] == (
        "namespaces,configmaps,secrets,configmapsyncers.config.example.com"
    )
    assert cluster.calls[-1][-1] == "--context=one"


def test_every_missing_right_is_named(plugin: Plugin, cluster: FakeKubectl) -> None:
    cluster.forbidden = ["namespaces", "configmapsyncers"]
    done = plugin("preview")
    assert [line.split(":")[0] for line in done.complained.splitlines()] == [
        "jane may not list namespaces at the cluster scope",
        "jane may not list configmapsyncers.config.example.com at the cluster scope",
    ]


@pytest.mark.parametrize("option", [["--watch"], ["--prune", "--change", "x"]])
def test_what_is_about_files_needs_a_path(
    plugin: Plugin, cluster: FakeKubectl, option: list[str]
) -> None:
    done = plugin("preview", *option)
    assert done.status == 2
    assert done.complained.endswith(f"error: {option[0]} needs PATH: it is about files\n")


def test_a_cluster_without_syncers_says_so(plugin: Plugin, kubectl: FakeKubectl) -> None:
    done = plugin("preview")
    assert (done.status, done.printed) == (2, "")
    assert done.complained == "cluster: there is no ConfigMapSyncer to show\n"


def test_a_path_is_previewed_without_the_cluster(plugin: Plugin, cluster: FakeKubectl) -> None:
    assert plugin("preview", "-", given=f"{SYNCER}---\n{OBJECTS}").status == 0
    assert cluster.calls == []


@pytest.fixture
def held(kubectl: FakeKubectl, settled: Settled, tmp_path: Path) -> FakeKubectl:
    """A syncer that holds the deletion of both of its copies."""
    given = SYNCER.replace("[dev]", "[dev, prod]")
    (tmp_path / "given.yaml").write_text(f"{given}---\n{OBJECTS}")
    (tmp_path / "edit.yaml").write_text(SYNCER.replace("[dev]", "['absent-*']"))
    kubectl.objects = settled(tmp_path / "given.yaml", "--change", tmp_path / "edit.yaml")
    return kubectl


def token(cluster: FakeKubectl) -> str:
    (syncer,) = (item for item in cluster.objects if item["kind"] == "ConfigMapSyncer")
    return str(syncer["status"]["pruneToken"])


SHOWN = [
    "ConfigMapSyncer team would delete 2 copies:",
    "COPY            RESULT    WHY",
    "dev/settings    deleted   is no longer a target",
    "prod/settings   deleted   is no longer a target",
]


def test_a_held_change_is_shown_and_then_confirmed(plugin: Plugin, held: FakeKubectl) -> None:
    done = plugin("confirm-prune", "team", "--yes", "--context", "one")
    assert (done.status, done.complained) == (0, "")
    assert done.printed.splitlines() == [
        *SHOWN,
        "The change is confirmed; watch it with: kubectl cmsync status team --watch",
    ]
    assert held.calls[-1] == [
        *("annotate", "configmapsyncers.config.example.com", "team"),
        f"config.example.com/confirm-prune={token(held)}",
        *("--overwrite", "--context=one"),
    ]


def test_where_nobody_can_answer_nothing_is_confirmed(plugin: Plugin, held: FakeKubectl) -> None:
    done = plugin("confirm-prune", "team")
    assert (done.status, done.printed.splitlines()) == (1, SHOWN)
    assert (
        done.complained
        == "Standard input is not a terminal, so nobody can answer; confirm with --yes\n"
    )
    assert [call[0] for call in held.calls] == ["get", "get"]


@pytest.mark.parametrize(
    ("answer", "status"), [("y\n", 0), ("YES\n", 0), ("n\n", 1), ("\n", 1), ("", 1)]
)
def test_nothing_is_confirmed_without_a_yes(
    plugin: Plugin,
    held: FakeKubectl,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    status: int,
) -> None:
    monkeypatch.setattr("hooks.cli.confirmation.can_answer", lambda: True)
    done = plugin("confirm-prune", "team", given=answer)
    assert done.status == status
    assert done.complained == "Confirm this change of team? [y/N] "
    assert (held.calls[-1][0] == "annotate") is (status == 0)


def test_where_no_change_is_held_there_is_nothing_to_confirm(
    plugin: Plugin, cluster: FakeKubectl
) -> None:
    done = plugin("confirm-prune", "team", "--yes")
    assert (done.status, done.printed) == (2, "")
    assert done.complained == (
        "ConfigMapSyncer team holds no change, so there is nothing to confirm\n"
    )


def test_a_change_that_the_hook_here_does_not_hold_is_not_confirmed(
    plugin: Plugin, held: FakeKubectl
) -> None:
    (syncer,) = (item for item in held.objects if item["kind"] == "ConfigMapSyncer")
    syncer["status"]["pruneToken"] = "0123456789abcdef"
    done = plugin("confirm-prune", "team", "--yes")
    assert (done.status, done.printed) == (2, "")
    assert done.complained.startswith("ConfigMapSyncer team now holds another change")
    assert json.dumps(held.calls).count("annotate") == 0


@pytest.mark.parametrize(
    ("resource", "product"),
    [("configmapsyncers", "ConfigMap Syncer"), ("bundles", "trust-manager")],
)
def test_where_a_kind_is_missing_its_product_is_named(resource: str, product: str) -> None:
    complaint = f'error: the server doesn\'t have a resource type "{resource}"'
    assert explained(f"{complaint}\n") == f"{complaint} (is {product} installed in this cluster?)"

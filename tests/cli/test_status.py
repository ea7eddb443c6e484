"""The status of syncers: a tree for people, the same for programs, and what is no copy."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from hooks.cli import tree
from hooks.cli.syncer_state import state_of
from tests.cli.conftest import Plugin
from tests.cli.fake_kubectl import FakeKubectl
from tests.preview.in_process import OBJECTS, SYNCER

Settled = Callable[..., list[dict[str, Any]]]
FAILING = SYNCER.replace("[dev]", "[dev, absent]")


def labelled(name: str, namespace: str, **labels: str) -> dict[str, Any]:
    """A ConfigMap with the labels of a copy and no owner."""
    metadata = {"name": name, "namespace": namespace, "uid": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "SECRET"}}


@pytest.fixture
def failing(kubectl: FakeKubectl, settled: Settled) -> list[dict[str, Any]]:
    """A syncer with a copy and a namespace that does not exist."""
    kubectl.objects = settled("-", given=f"{FAILING}---\n{OBJECTS}")
    return kubectl.objects


def test_a_tree_has_the_namespaces_by_state_with_what_to_do(
    plugin: Plugin, failing: list[dict[str, Any]]
) -> None:
    done = plugin("status")
    assert (done.status, done.complained) == (1, "")
    assert done.printed.splitlines() == [
        "ConfigMapSyncer team: not Ready, TargetsBlocked",
        (
            "├── 1 of 2 target namespaces fails, absent (NamespaceNotFound): the namespace does "
            "not exist; create it, or remove it from spec.targetNamespaces."
        ),
        "├── source: ConfigMap shared/settings",
        "├── synced: 1",
        "│   └── dev",
        "└── failed: 1",
        (
            "    └── absent: NamespaceNotFound: The namespace does not exist; create it, or "
            "remove it from spec.targetNamespaces."
        ),
    ]


def test_a_syncer_that_is_ready_ends_with_0(
    plugin: Plugin, kubectl: FakeKubectl, settled: Settled
) -> None:
    kubectl.objects = settled("-", given=f"{SYNCER}---\n{OBJECTS}")
    done = plugin("status", "team")
    assert (done.status, done.complained) == (0, "")
    assert done.printed.splitlines() == [
        "ConfigMapSyncer team: Ready, AllCopiesCurrent",
        "├── The 1 target namespace holds the current content of ConfigMap shared/settings.",
        "├── source: ConfigMap shared/settings",
        "└── synced: 1",
        "    └── dev",
    ]


def test_what_only_looks_like_a_copy_is_shown_with_what_to_do(
    plugin: Plugin, kubectl: FakeKubectl, failing: list[dict[str, Any]]
) -> None:
    (copy,) = (item for item in failing if "ownerReferences" in item["metadata"])
    labels = copy["metadata"]["labels"]
    kept = {key: value for key, value in labels.items() if key != "synced-by"}
    forged = json.loads(json.dumps(copy))
    forged["metadata"] |= {"namespace": "prod", "labels": kept}
    kubectl.objects += [
        labelled("settings", "qa", **{"synced-by": "team"}),
        labelled("old", "qa", **{"synced-by": "gone"}),
        labelled("settings", "dev", **{"synced-by": "team"}),
        forged,
    ]
    done = plugin("status")
    lines = done.printed.splitlines()
    assert lines[7:] == [
        "└── unmanaged: 2",
        (
            "    ├── ConfigMap prod/settings names the syncer as its controller and is no copy "
            "of it: remove the label controller-uid, or it is deleted with the syncer"
        ),
        (
            "    └── ConfigMap qa/settings carries the label synced-by=team and has no owner: "
            "delete it, remove the label to keep it, or make its namespace a target to have it "
            "managed again"
        ),
        "Copies without a syncer",
        (
            "└── ConfigMap qa/old carries the label synced-by=gone, and there is no such syncer: "
            "delete it, or remove the label to keep it"
        ),
    ]
    assert "SECRET" not in done.printed
    assert "Copies without a syncer" not in plugin("status", "team").printed


@pytest.mark.parametrize(("output", "load"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_programs_get_every_field(
    plugin: Plugin, failing: list[dict[str, Any]], output: str, load: Callable[[str], Any]
) -> None:
    done = plugin("status", "-o", output)
    (syncer,) = (item for item in failing if item["kind"] == "ConfigMapSyncer")
    (failure,) = syncer["status"]["failures"]
    assert done.status == 1
    assert load(done.printed) == {
        "syncers": [
            {
                "name": "team",
                "source": "ConfigMap shared/settings",
                "ready": "False",
                "reason": "TargetsBlocked",
                "message": (
                    "1 of 2 target namespaces fails, absent (NamespaceNotFound): the namespace "
                    "does not exist; create it, or remove it from spec.targetNamespaces."
                ),
                "inProgress": False,
                "targetCount": 2,
                "synced": {"count": 1, "namespaces": ["dev"]},
                "pending": {"count": 0},
                "failed": {"count": 1, "namespaces": [failure]},
                "notRemoved": [],
                "unmanaged": [],
            }
        ],
        "withoutSyncer": [],
    }


def test_a_copy_that_cannot_be_removed_stands_apart(
    plugin: Plugin, failing: list[dict[str, Any]]
) -> None:
    (syncer,) = (item for item in failing if item["kind"] == "ConfigMapSyncer")
    syncer["status"]["failedCount"] = 2
    syncer["status"]["failures"].append(
        {"namespace": "prod", "reason": "NotRemoved", "message": "Held.", "since": "2026-01-01"}
    )
    lines = plugin("status").printed.splitlines()
    assert lines[5].endswith("failed: 1")
    assert lines[-2:] == [
        "└── cannot be removed: 1",
        "    └── prod: NotRemoved: Held. (since 2026-01-01)",
    ]


def test_a_syncer_that_nobody_has_looked_at_is_not_known(
    plugin: Plugin, kubectl: FakeKubectl
) -> None:
    syncer = yaml.safe_load(SYNCER)
    syncer["metadata"] |= {"uid": "1", "generation": 1}
    kubectl.objects = [syncer | {"status": {"observedGeneration": -1}}]
    done = plugin("status")
    assert done.status == 1
    assert done.printed.splitlines()[:2] == [
        "ConfigMapSyncer team: not known, NotObserved",
        "├── The hook has not observed this spec yet; if that lasts, it cannot be reached.",
    ]


def test_without_the_right_to_list_configmaps_the_rest_is_shown(
    plugin: Plugin, kubectl: FakeKubectl, failing: list[dict[str, Any]]
) -> None:
    kubectl.forbidden = ["configmaps"]
    done = plugin("status")
    assert (done.status, done.complained) == (1, "")
    assert done.printed.splitlines()[-1] == (
        "Objects that only look like copies are not shown: jane may not list configmaps at the "
        'cluster scope: a role needs the verb "list" on the resource "configmaps" of the API group '
        '""'
    )
    assert "unmanaged" not in json.loads(plugin("status", "-o", "json").printed)["syncers"][0]


def test_a_missing_right_and_a_missing_syncer_end_with_2(
    plugin: Plugin, kubectl: FakeKubectl
) -> None:
    done = plugin("status", "absent")
    assert (done.status, done.printed) == (2, "")
    assert done.complained == (
        'Error from server (NotFound): configmapsyncers.config.example.com "absent" not found\n'
    )
    kubectl.forbidden = ["configmapsyncers"]
    done = plugin("status")
    assert (done.status, done.printed) == (2, "")
    assert done.complained == (
        "jane may not list configmapsyncers.config.example.com at the cluster scope: a role needs "
        'the verb "list" on the resource "configmapsyncers" of the API group "config.example.com"\n'
    )


def test_the_context_and_the_kubeconfig_are_kubectls(plugin: Plugin, kubectl: FakeKubectl) -> None:
    plugin("status", "--context", "one", "--kubeconfig", "file")
    assert {tuple(call[-2:]) for call in kubectl.calls} == {("--context=one", "--kubeconfig=file")}


def test_without_kubectl_the_status_says_so(
    plugin: Plugin, kubectl: FakeKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    done = plugin("status")
    assert (done.status, done.complained) == (
        2,
        "kubectl is not on PATH; it is needed to read the cluster\n",
    )


def test_a_watch_of_what_is_at_rest_ends_at_once(
    plugin: Plugin, failing: list[dict[str, Any]]
) -> None:
    watched = plugin("status", "--watch")
    assert (watched.status, watched.printed) == (1, plugin("status").printed)


def test_nothing_in_a_message_takes_hold_of_the_terminal(
    plugin: Plugin, failing: list[dict[str, Any]]
) -> None:
    (syncer,) = (item for item in failing if item["kind"] == "ConfigMapSyncer")
    syncer["status"]["failures"][0]["message"] = "[red]x[/red] \x1b[2J"
    assert plugin("status").printed.endswith("NamespaceNotFound: [red]x[/red] \\x1b[2J\n")


def test_a_watch_shows_every_change_until_nothing_goes_on(
    plugin: Plugin,
    kubectl: FakeKubectl,
    failing: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_rest = json.dumps(failing)
    (syncer,) = (item for item in failing if item["kind"] == "ConfigMapSyncer")
    syncer["status"]["conditions"].append({"type": "Reconciling", "status": "True"})
    polls = []

    def poll(seconds: float) -> None:
        polls.append(seconds)
        if len(polls) == 2:
            kubectl.objects = json.loads(at_rest)
            syncer_then = kubectl.objects[-1]
            assert syncer_then["kind"] == "ConfigMapSyncer"
            syncer_then["status"]["pendingCount"] = 1
            kubectl.write()

    monkeypatch.setattr("time.sleep", poll)
    done = plugin("status", "--watch", "-o", "yaml")
    shown = list(yaml.safe_load_all(done.printed))
    assert (done.status, len(polls)) == (1, 2)
    assert [state["syncers"][0]["inProgress"] for state in shown] == [True, False]
    assert [state["syncers"][0]["pending"]["count"] for state in shown] == [0, 1]


class TerminalStream(io.StringIO):
    """A stream to a person."""

    def isatty(self) -> bool:
        return True


def test_a_tree_is_coloured_on_a_terminal_unless_no_color_is_set(
    failing: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    syncers = [item for item in failing if item["kind"] == "ConfigMapSyncer"]
    state = state_of(syncers, (), are_all=True)
    coloured, plain = TerminalStream(), TerminalStream()
    for drawn in tree.trees(state):
        tree.console(coloured).print(drawn)
    monkeypatch.setenv("NO_COLOR", "1")
    for drawn in tree.trees(state):
        tree.console(plain).print(drawn)
    assert coloured.getvalue().startswith("\x1b[31mConfigMapSyncer team: not Ready, TargetsBlocked")
    assert "\x1b" not in plain.getvalue()

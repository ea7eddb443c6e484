"""A rollout that is shown, approved, undone and followed with the plugin, on a real control plane.

The plugin is the one from the built wheel, and kubectl is the real one.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hooks.cli.rollout.approve import CHANGED
from tests.controlplane import SERVER_SIDE_APPLY, Client, Stack
from tests.controlplane.client import Object
from tests.e2e.plugin_users import User, user_who_may_list
from tests.wheel import InstalledWheel

PREFIX = "rolled"
SOURCE = f"{PREFIX}-source"
TARGETS = [f"{PREFIX}-{name}" for name in ("canary", "early", "rest")]
MARKER = "PLANTED-VALUE"

pytestmark = pytest.mark.parametrize("stack", [SERVER_SIDE_APPLY], indirect=True)


@pytest.fixture
def admin(stack: Stack, installed: InstalledWheel, tmp_path: Path) -> User:
    return User(installed, stack.control_plane.kubeconfig, tmp_path)


def source(kind: str, values: Mapping[str, str]) -> Object:
    metadata: Object = {"name": "settings", "namespace": SOURCE}
    item = {"apiVersion": "v1", "kind": kind, "metadata": metadata}
    if kind == "ConfigMap":
        return {**item, "data": dict(values)}
    metadata["annotations"] = {"config.example.com/allow-sync-to": "*"}
    return {**item, "stringData": {key: f"{MARKER}-{values[key]}" for key in values}}


def rolled_out(client: Client, name: str, kind: str, values: Mapping[str, str]) -> None:
    """A syncer with three stages, the first two of which wait for a person, and its copies."""
    for namespace in (SOURCE, *TARGETS):
        client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    client.apply(source(kind, values))
    canary = {"name": "canary", "targetNamespaces": TARGETS[:1], "approval": "Manual"}
    early = {"name": "early", "targetNamespaces": TARGETS[1:2], "approval": "Manual"}
    spec = {
        "sourceNamespace": SOURCE,
        f"source{kind}": "settings",
        "targetNamespaces": TARGETS,
        "targetName": name,
        "rollout": {"stages": [canary, {**early, "soakSeconds": 1}, {"name": "rest"}]},
    }
    client.apply(
        {
            "apiVersion": "config.example.com/v1alpha1",
            "kind": "ConfigMapSyncer",
            "metadata": {"name": name},
            "spec": spec,
        }
    )


def phase(client: Client, name: str, wanted: str, stage: str | None = None) -> Any:
    """The recorded rollout, once it is in a phase, and if that matters in a stage."""

    def is_there(item: Object) -> bool:
        rollout = item.get("status", {}).get("rollout", {})
        return rollout.get("phase") == wanted and stage in (None, rollout.get("stage"))

    item = client.wait_for("ConfigMapSyncer", name, is_there, f"{wanted} in {stage or 'any stage'}")
    return item["status"]["rollout"]


def levels(client: Client, name: str) -> list[str]:
    return [client.get("ConfigMap", name, target)["data"]["level"] for target in TARGETS]


def test_a_change_is_approved_stage_by_stage_and_a_bad_one_is_undone(
    stack: Stack, admin: User, installed: InstalledWheel, tmp_path: Path
) -> None:
    client, rollout = stack.client, ("cmsync", "rollout")
    name = f"{PREFIX}-changes"
    rolled_out(client, name, "ConfigMap", {"level": "info", "old": "x"})
    watched = admin.kubectl(*rollout, "status", name, "--watch").stdout
    assert watched.splitlines()[-1] == (
        f"{name}: Complete; 3 of 3 targets hold the update revision"
    )

    client.apply(source("ConfigMap", {"level": "debug", "new": "z"}))
    for number, stage in enumerate(("canary", "early"), start=1):
        recorded = phase(client, name, "AwaitingApproval", stage)
        state = json.loads(admin.kubectl(*rollout, "status", name, "-o", "json", status=1).stdout)
        states = ["Done", "AwaitingApproval", "NotBegun", "NotBegun"][2 - number : 5 - number]
        assert [each["state"] for each in state["stages"]] == states
        assert [each["targetCount"] for each in state["stages"]] == [1, 1, 1]
        assert state["approvalToken"] == recorded["approvalToken"]
        assert levels(client, name) == [*["debug"] * number, *["info"] * (3 - number)]
        shown = admin.kubectl(*rollout, "approve", name, "--yes").stdout
        following = ("early (2 of 3, 1 target)", "rest (3 of 3, 1 target)")[number - 1]
        assert f"    if approved: the rollout goes on, with stage {following}\n" in shown
    admin.kubectl(*rollout, "status", name, "--watch")
    assert levels(client, name) == ["debug"] * 3

    stable, update = recorded["stableRevision"], recorded["updateRevision"]
    history = admin.kubectl(*rollout, "history", name).stdout.splitlines()
    assert [line.split()[0] for line in history[1:]] == [update, stable]
    assert history[1].endswith("stable, update   new: new; changed: level; gone: old")
    differing = admin.kubectl(*rollout, "diff", name, stable, update).stdout.splitlines()
    assert differing[:5] == [
        *(f"--- {stable}/level", f"+++ {update}/level", "@@ -1 +1 @@", "-info", "+debug")
    ]

    client.apply(source("ConfigMap", {"level": "broken"}))
    bad = phase(client, name, "AwaitingApproval", "canary")["updateRevision"]
    failed = {"metadata": {"annotations": {"config.example.com/rollout-failed": bad}}}
    client.merge_patch("Namespace", TARGETS[0], failed)
    halted = admin.kubectl(*rollout, "status", name, "--watch", status=1).stdout.splitlines()[-1]
    assert halted.startswith(f"{name}: Halted, stage canary (1 of 3, 1 target); ")
    assert f"{TARGETS[0]} fails with RolloutFailed" in halted

    reader = user_who_may_list(
        *(stack, installed, tmp_path), ["configmapsyncers", "configmaps"], ("get", "list")
    )
    for action in ("approve", "undo"):
        assert reader.kubectl(*rollout, action, name, "--yes", status=2).stderr == (
            "system:serviceaccount:default:user-of-get-list may not patch "
            "configmapsyncers.config.example.com at the cluster scope: a role needs the verb "
            '"patch" on the resource "configmapsyncers" of the API group "config.example.com"\n'
        )

    undone = admin.kubectl(*rollout, "undo", name, "--yes").stdout
    assert f"    keys, compared with {bad}: new: new; changed: level\n" in undone
    pinned = admin.kubectl(*rollout, "status", name, "--watch").stdout.splitlines()[-1]
    assert pinned == f"{name}: Pinned; 3 of 3 targets hold the update revision"
    assert levels(client, name) == ["debug"] * 3
    assert client.get("ConfigMapSyncer", name)["spec"]["pinnedRevision"] == update

    client.apply(source("ConfigMap", {"level": "debug", "new": "z"}))
    for action in ("pause", "resume"):
        said = admin.kubectl(*rollout, action, name).stdout
        assert client.get("ConfigMapSyncer", name)["spec"]["suspend"] is (action == "pause")
    assert said.splitlines()[-1] == (
        f"Revision {update} stays pinned; remove the pin with: kubectl cmsync rollout undo {name} "
        "--unpin"
    )
    admin.kubectl(*rollout, "undo", name, "--unpin", "--yes")
    admin.kubectl(*rollout, "status", name, "--watch")
    assert phase(client, name, "Complete")["stableRevision"] == update


def test_no_value_of_a_secret_is_printed(stack: Stack, admin: User) -> None:
    client, rollout = stack.client, ("cmsync", "rollout")
    name = f"{PREFIX}-secret"
    rolled_out(client, name, "Secret", {"password": "one", "old": "x"})
    admin.kubectl(*rollout, "status", name, "--watch")
    client.delete("Secret", "settings", SOURCE)
    client.apply(source("Secret", {"password": "two", "new": "z"}))
    recorded = phase(client, name, "AwaitingApproval", "canary")

    history = admin.kubectl(*rollout, "history", name)
    shown = admin.kubectl(*rollout, "history", name, "--revision", recorded["updateRevision"])
    differing = admin.kubectl(*rollout, "diff", name)
    undone = admin.kubectl(*rollout, "undo", name, "--yes")

    assert history.stdout.splitlines()[1].endswith("new: new; changed: password; gone: old")
    assert shown.stdout.splitlines()[-2:] == ["    new: (hidden)", "    password: (hidden)"]
    assert differing.stdout.splitlines() == ["+ new", "- old", "~ password"]
    assert "new: old; changed: password; gone: new\n" in undone.stdout
    stored = client.get("Secret", recorded["updateRevision"], SOURCE)["data"]
    for done in (history, shown, differing, undone):
        printed = done.stdout + done.stderr
        assert not [value for value in (MARKER, *stored.values()) if value in printed]


def test_kubectl_says_that_the_object_was_modified_as_the_plugin_expects(
    stack: Stack, admin: User
) -> None:
    name = f"{PREFIX}-modified"
    rolled_out(stack.client, name, "ConfigMap", {"level": "info"})
    done = admin.kubectl(
        *("annotate", "configmapsyncers", name, "a=b", "--resource-version=1"), status=1
    )
    assert CHANGED in done.stderr


def test_kubectl_completes_the_commands_and_the_revisions(stack: Stack, admin: User) -> None:
    name = f"{PREFIX}-completed"
    rolled_out(stack.client, name, "ConfigMap", {"level": "info"})
    recorded = phase(stack.client, name, "Complete")
    admin.kubectl("cmsync", "rollout", "status", name, "--watch")
    printed = admin.kubectl("__complete", "cmsync", "rollout", "diff", name, "").stdout
    assert printed.splitlines() == [recorded["updateRevision"], ":4"]
    printed = admin.kubectl("__complete", "cmsync", "rollout", "un").stdout
    assert printed.splitlines()[0].startswith("undo\t")

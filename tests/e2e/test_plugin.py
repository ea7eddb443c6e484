"""The plugin from the built wheel, called by the real kubectl, on the real control plane."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.controlplane import SERVER_SIDE_APPLY, Stack
from tests.controlplane.client import Object
from tests.e2e.plugin_users import User, user_who_may_list
from tests.wheel import InstalledWheel

PREFIX = "plugin"
SOURCE = f"{PREFIX}-source"
TARGETS = [f"{PREFIX}-{name}" for name in ("dev", "prod")]
READABLE = ("namespaces", "configmaps", "configmapsyncers")

pytestmark = pytest.mark.parametrize("stack", [SERVER_SIDE_APPLY], indirect=True)


@pytest.fixture
def admin(stack: Stack, installed: InstalledWheel, tmp_path: Path) -> User:
    return User(installed, stack.control_plane.kubeconfig, tmp_path)


def syncer(targets: Sequence[str]) -> Object:
    spec = {"sourceNamespace": SOURCE, "sourceConfigMap": "settings", "targetNamespaces": targets}
    return {
        "apiVersion": "config.example.com/v1alpha1",
        "kind": "ConfigMapSyncer",
        "metadata": {"name": PREFIX},
        "spec": spec,
    }


@pytest.fixture
def synced(stack: Stack, admin: User) -> Stack:
    """A syncer whose two copies are there."""
    for name in (SOURCE, *TARGETS):
        metadata: Object = {"name": name}
        stack.client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    metadata = {"name": "settings", "namespace": SOURCE}
    data = {"level": "info"}
    stack.client.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
    )
    stack.client.apply(syncer(TARGETS))
    watched = admin.kubectl("cmsync", "status", PREFIX, "--watch").stdout
    assert watched.splitlines()[-2:] == [
        "└── synced: 2",
        f"    └── {', '.join(TARGETS)}",
    ]
    return stack


def rows(printed: str) -> list[list[str]]:
    """The first columns of the table of this test's copies."""
    lines = printed.splitlines()
    return [line.split()[:3] for line in lines if line.startswith(f"{PREFIX}-")]


def test_a_preview_of_the_cluster_needs_the_right_to_list_and_no_other(
    synced: Stack, admin: User, installed: InstalledWheel, tmp_path: Path
) -> None:
    reader = user_who_may_list(synced, installed, tmp_path, READABLE)
    change = tmp_path / "change.json"
    change.write_text(json.dumps(syncer(TARGETS[:1])))

    # Syncers of other tests can have problems, and then it ends with 1.
    table = reader.kubectl("cmsync", "preview", "--change", change, status=None).stdout
    moved = reader.kubectl("cmsync", "preview", "-n", SOURCE, "--delete", "cm/settings", status=1)

    ours = [row for row in rows(table) if row[1] == PREFIX]
    assert ours == [[f"{TARGETS[1]}/settings", PREFIX, "deleted"]]
    assert f"ConfigMap {SOURCE}/settings does not exist" in moved.stdout
    # Nothing was written.
    kept = admin.kubectl("cmsync", "status", PREFIX).stdout
    assert kept.splitlines()[-2:] == ["└── synced: 2", f"    └── {', '.join(TARGETS)}"]


def test_a_missing_right_is_named_with_its_verb_and_its_resource(
    synced: Stack, installed: InstalledWheel, tmp_path: Path
) -> None:
    reader = user_who_may_list(synced, installed, tmp_path, READABLE[1:])
    done = reader.kubectl("cmsync", "preview", status=2)
    assert done.stdout == ""
    assert done.stderr == (
        "system:serviceaccount:default:reader-of-2 may not list namespaces at the cluster scope: "
        'a role needs the verb "list" on the resource "namespaces" of the API group ""\n'
    )


def test_the_status_names_what_fails_and_what_only_looks_like_a_copy(
    synced: Stack, admin: User
) -> None:
    client = synced.client
    labels = {"synced-by": PREFIX}
    metadata = {"name": "settings", "namespace": "default", "labels": labels}
    client.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    client.apply(syncer([*TARGETS, f"{PREFIX}-absent"]))

    tree = admin.kubectl("cmsync", "status", PREFIX, "--watch", status=1).stdout
    state: Any = json.loads(admin.kubectl("cmsync", "status", "-o", "json", status=1).stdout)
    client.delete("ConfigMap", "settings", "default")

    failure = {
        "namespace": f"{PREFIX}-absent",
        "reason": "NamespaceNotFound",
        "message": "The namespace does not exist; create it, or remove it from "
        "spec.targetNamespaces.",
    }
    (found,) = (each for each in state["syncers"] if each["name"] == PREFIX)
    assert found["failed"] == {"count": 1, "namespaces": [failure]}
    assert [each["namespace"] for each in found["unmanaged"]] == ["default"]
    assert f"   └── {PREFIX}-absent: NamespaceNotFound: {failure['message']}\n" in tree
    assert "└── ConfigMap default/settings carries the label synced-by=plugin" in tree


def test_a_held_change_is_shown_and_confirmed(synced: Stack, admin: User) -> None:
    client = synced.client
    client.apply(syncer([f"{PREFIX}-no-such-*"]))
    client.wait_for(
        "ConfigMapSyncer",
        PREFIX,
        lambda item: "pruneToken" in item.get("status", {}),
        "the change to be held",
    )

    confirmed = admin.kubectl("cmsync", "confirm-prune", PREFIX, "--yes")

    shown = [
        f"ConfigMapSyncer {PREFIX} would delete 2 copies:",
        *[f"{target}/settings deleted is no longer a target" for target in TARGETS],
    ]
    lines = [" ".join(line.split()) for line in confirmed.stdout.splitlines()]
    assert [lines[0], *lines[2:-1]] == shown
    for target in TARGETS:
        client.wait_until_gone("ConfigMap", "settings", target)
    again = admin.kubectl("cmsync", "confirm-prune", PREFIX, "--yes", status=2)
    assert again.stderr == (
        f"ConfigMapSyncer {PREFIX} holds no change, so there is nothing to confirm\n"
    )


def test_kubectl_completes_the_names_of_syncers_with_the_program_that_is_installed(
    synced: Stack, admin: User
) -> None:
    printed = admin.kubectl("__complete", "cmsync", "status", PREFIX[:3]).stdout
    assert printed.splitlines() == [PREFIX, ":4"]
    printed = admin.kubectl("__complete", "cmsync", "preview", "").stdout
    assert printed.splitlines() == [":0"]

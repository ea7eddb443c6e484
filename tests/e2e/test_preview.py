"""What the preview says of a dump of the real cluster is what is there, and what then happens."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.controlplane import Object, Stack
from tests.controlplane.tools import ROOT

KINDS = "configmapsyncers,configmaps,secrets,namespaces"
COPIES = ("dev", "prod", "held")


def manifests(prefix: str, targets: list[str], **data: str) -> str:
    """The source and its syncer as somebody keeps them in a repository."""
    spec = {
        "sourceNamespace": f"{prefix}-source",
        "sourceConfigMap": "settings",
        "targetNamespaces": [f"{prefix}-{target}" for target in targets],
    }
    source = {"apiVersion": "v1", "kind": "ConfigMap", "data": data}
    syncer = {"apiVersion": "config.example.com/v1alpha1", "kind": "ConfigMapSyncer", "spec": spec}
    source["metadata"] = {"name": "settings", "namespace": f"{prefix}-source"}
    syncer["metadata"] = {"name": prefix}
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [source, syncer]})


def kubectl_run(stack: Stack, *arguments: str, given: str = "") -> str:
    done = stack.control_plane.kubectl(*arguments, given=given)
    assert done.returncode == 0, done.stderr
    return done.stdout


def dump(stack: Stack, *, managed_fields: bool) -> str:
    shown = [f"--show-managed-fields={'true' if managed_fields else 'false'}"]
    return kubectl_run(stack, "get", KINDS, "-A", "-o", "yaml", *shown)


def preview(stack: Stack, given: str, *arguments: str | Path) -> str:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "hooks", "preview", "-"),
            *("--secrets", "--apply-strategy", stack.strategy, *map(str, arguments)),
        ],
        cwd=ROOT,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode in (0, 1)
    return done.stdout


@pytest.fixture
def prefix(stack: Stack) -> str:
    """The first word of the names of this strategy's objects: everything made and at rest."""
    prefix = f"preview-{stack.strategy.split('-', maxsplit=1)[0]}"
    for name in ("source", "dev", "prod", "held", "taken", "late"):
        stack.client.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"{prefix}-{name}"}}
        )
    taken = {"name": "settings", "namespace": f"{prefix}-taken"}
    stack.client.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": taken, "data": {"theirs": "1"}}
    )
    text = manifests(prefix, [*COPIES, "taken", "absent"], level="info", color="blue")
    kubectl_run(stack, "apply", "-f", "-", given=text)
    rest(stack, prefix, failed=2)
    # Labels and finalizers of others stay, keys of others go.
    metadata = {"labels": {"team": "theirs"}, "finalizers": ["example.com/hold"]}
    edited = {"metadata": metadata, "data": {"foreign": "1"}}
    stack.client.merge_patch("ConfigMap", "settings", edited, f"{prefix}-held")
    stack.client.wait_for(
        "ConfigMap",
        "settings",
        lambda copy: "foreign" not in copy["data"],
        "the key of others to go",
        f"{prefix}-held",
    )
    rest(stack, prefix, failed=2)
    return prefix


def rest(stack: Stack, prefix: str, *, failed: int) -> None:
    def settled(syncer: Object) -> bool:
        status = syncer.get("status", {})
        current = status.get("observedGeneration") == syncer["metadata"]["generation"]
        return bool(current and status["failedCount"] == failed and status["pendingCount"] == 0)

    stack.client.wait_for("ConfigMapSyncer", prefix, settled, "rest")
    stack.wait_until_syncing()


def rows_of(printed: str, prefix: str) -> list[list[str]]:
    """The rows of the table of copies: copy, result, and the reason where there is one."""
    lines = printed.splitlines()
    header = next(line for line in lines if line.startswith("COPY "))
    result, keys, why = (header.index(name) for name in ("RESULT", "KEYS", "WHY"))
    rows = [line for line in lines if re.match(rf"{prefix}\S*/", line)]
    return [
        list(filter(None, [row.split()[0], row[result:keys].strip(), row[why:]])) for row in rows
    ]


def end(items: list[Object], prefix: str) -> dict[str, Any]:
    """What two ends have in common: copies and status, without times, uids and versions."""
    found: dict[str, Any] = {}
    for item in items:
        metadata = item["metadata"]
        place = metadata.get("namespace", metadata["name"])
        if not place.startswith(prefix):
            continue
        if item["kind"] == "ConfigMap":
            labels = {k: v for k, v in metadata.get("labels", {}).items() if k != "controller-uid"}
            owners = [owner["name"] for owner in metadata.get("ownerReferences", ())]
            finalizers = metadata.get("finalizers", [])
            found[f"{place}/{metadata['name']}"] = (item["data"], labels, owners, finalizers)
        if item["kind"] == "ConfigMapSyncer":
            status = dict(item["status"])
            for times in ("lastSyncTime", "pendingSince"):
                status.pop(times, None)
            for condition in status["conditions"]:
                condition.pop("lastTransitionTime")
            found[metadata["name"]] = (item["spec"], status)
    return found


@pytest.mark.parametrize("managed_fields", [True, False], ids=["with", "without"])
def test_a_dump_of_the_cluster_is_at_rest(
    stack: Stack, prefix: str, *, managed_fields: bool
) -> None:
    given = dump(stack, managed_fields=managed_fields)

    table = preview(stack, given)
    diff = preview(stack, given, "--output", "diff")
    after = json.loads(preview(stack, given, "--output", "json"))["items"]

    assert diff.startswith("Nothing changes.\n")
    assert yaml.safe_load(preview(stack, given, "--output", "yaml"))["items"] == after
    assert rows_of(table, prefix) == [
        [f"{prefix}-absent/settings", "not made", "NamespaceNotFound"],
        *([f"{prefix}-{name}/settings", "unchanged"] for name in sorted(COPIES)),
        [f"{prefix}-taken/settings", "not made", "Conflict"],
    ]
    assert ("Assumed to be written by Metacontroller alone" in table) is not managed_fields
    real = json.loads(kubectl_run(stack, "get", KINDS, "-A", "-o", "json"))["items"]
    assert end(after, prefix) == end(real, prefix)


def test_what_a_change_is_said_to_do_is_what_it_does(
    stack: Stack, prefix: str, tmp_path: Path
) -> None:
    change = tmp_path / "change.json"
    change.write_text(manifests(prefix, ["dev", "held", "taken", "late"], level="debug", new="1"))
    given = dump(stack, managed_fields=True)

    table = preview(stack, given, "--change", change)
    after = json.loads(preview(stack, given, "--change", change, "--output", "json"))["items"]
    kubectl_run(stack, "apply", "-f", str(change))
    rest(stack, prefix, failed=1)

    changed = "new: new; changed: level; gone: color"
    assert rows_of(table, prefix) == [
        [f"{prefix}-dev/settings", "updated", changed],
        [f"{prefix}-held/settings", "updated", changed],
        [f"{prefix}-late/settings", "created", "is a target now"],
        [f"{prefix}-prod/settings", "deleted", "is no longer a target"],
        [f"{prefix}-taken/settings", "not made", "Conflict"],
    ]
    real = json.loads(kubectl_run(stack, "get", KINDS, "-A", "-o", "json"))["items"]
    assert end(after, prefix) == end(real, prefix)


def test_what_a_server_side_apply_is_said_to_do_is_what_it_does(
    stack: Stack, tmp_path: Path
) -> None:
    prefix = f"applied-{stack.strategy.split('-', maxsplit=1)[0]}"
    for name in ("source", "dev"):
        stack.client.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"{prefix}-{name}"}}
        )
    apply = ("apply", "--server-side", "-f", "-")
    kubectl_run(stack, *apply, given=manifests(prefix, ["dev"], level="info", color="blue"))
    rest(stack, prefix, failed=0)
    change = tmp_path / "change.json"
    change.write_text(manifests(prefix, ["dev"], level="debug"))
    given = dump(stack, managed_fields=True)

    after = json.loads(preview(stack, given, "--change", change, "--output", "json"))["items"]
    kubectl_run(stack, *apply, given=change.read_text())
    stack.client.wait_for(
        "ConfigMap",
        "settings",
        lambda copy: copy["data"] == {"level": "debug"},
        "the change to arrive",
        f"{prefix}-dev",
    )
    rest(stack, prefix, failed=0)

    real = json.loads(kubectl_run(stack, "get", KINDS, "-A", "-o", "json"))["items"]
    assert end(after, prefix) == end(real, prefix)

"""What a migration is made of: a dump, or the cluster that kubectl points to, which is not written.

What is printed, tests/migration shows; that the steps do what they say, tests/e2e/test_migrate.py.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hooks.cli import parser
from hooks.cli.parser import PLUGIN
from tests.cli.conftest import Plugin
from tests.cli.fake_kubectl import FakeKubectl
from tests.locks import ROOT
from tests.preview.in_process import Run

REFLECTOR = "reflector.v1.k8s.emberstack.com"
METADATA = {
    "name": "settings",
    "namespace": "shared",
    "annotations": {
        f"{REFLECTOR}/reflection-allowed": "true",
        f"{REFLECTOR}/reflection-auto-enabled": "true",
    },
}
SOURCE = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": METADATA, "data": {"level": "info"}}
SECRET = {**SOURCE, "kind": "Secret", "type": "Opaque", "data": {"level": "c2VjcmV0"}}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "mirrors", "namespace": "tools"},
    "spec": {
        "template": {
            "spec": {"containers": [{"image": "example.com/kubernetes-reflector:1"}]},
        }
    },
}
SYNCER = {"kind": "ConfigMapSyncer", "metadata": {"name": "settings"}}


@pytest.fixture
def cluster(kubectl: FakeKubectl) -> FakeKubectl:
    namespaces = [{"kind": "Namespace", "metadata": {"name": name}} for name in ("shared", "dev")]
    kubectl.objects = [*namespaces, SOURCE, SECRET, DEPLOYMENT, SYNCER]
    return kubectl


def as_json(printed: str) -> Any:
    return json.loads(printed)


def test_the_cluster_is_read_and_not_written(plugin: Plugin, cluster: FakeKubectl) -> None:
    done = plugin("migrate", "--from", "reflector", "-o", "json", "--context", "one")
    assert (done.status, done.complained) == (0, "")
    migration = as_json(done.printed)
    assert [item["metadata"]["name"] for item in migration["manifests"]] == ["shared-settings"]
    assert migration["from"] == "reflector"
    assert migration["notCarriedOver"] == []
    stopping, writing = (step["commands"][0] for step in migration["steps"][:2])
    assert writing == (
        "kubectl cmsync migrate --from reflector --context=one -o yaml > from-reflector.yaml"
    )
    assert stopping == "kubectl --context=one scale deployment/mirrors -n tools --replicas=0"
    assert [call[:2] for call in cluster.calls] == [
        ["get", "namespaces,configmaps"],
        ["get", "deployments"],
        ["get", "configmapsyncers.config.example.com"],
    ]


def test_what_makes_the_steps_better_need_not_be_readable(
    plugin: Plugin, cluster: FakeKubectl
) -> None:
    cluster.forbidden = ["deployments", "configmapsyncers"]
    done = plugin("migrate", "--from", "reflector")
    assert (done.status, done.complained) == (0, "")
    assert "Its Deployment was not found" in done.printed


def test_a_missing_right_is_named(plugin: Plugin, cluster: FakeKubectl) -> None:
    cluster.forbidden = ["configmaps"]
    done = plugin("migrate", "--from", "reflector")
    assert (done.status, done.printed) == (2, "")
    assert done.complained.startswith("jane may not list configmaps at the cluster scope")


def test_secrets_are_read_only_on_request(plugin: Plugin, cluster: FakeKubectl) -> None:
    done = plugin("migrate", "--from", "reflector", "--secrets", "-o", "json")
    (refused,) = as_json(done.printed)["notCarriedOver"]
    assert done.status == 1
    assert cluster.calls[0][1] == "namespaces,configmaps,secrets"
    assert refused == {
        "about": "Secret shared/settings",
        "why": "its owner has not consented to copies in any namespace; this does, and then run "
        "the command again",
        "command": "kubectl annotate secret settings -n shared 'config.example.com/allow-sync-to=*'"
        " --overwrite",
    }
    assert "c2VjcmV0" not in done.printed


@pytest.mark.parametrize(
    ("tool", "kinds"),
    [
        ("replicator", "namespaces,configmaps,roles,rolebindings,serviceaccounts"),
        ("trust-manager", "namespaces,configmaps,bundles.trust.cert-manager.io"),
    ],
)
def test_each_tool_has_kinds_of_its_own(
    plugin: Plugin, cluster: FakeKubectl, tool: str, kinds: str
) -> None:
    done = plugin("migrate", "--from", tool)
    assert done.status == 0
    assert done.printed.endswith(": 0 syncers can take over 0 copies.\n")
    assert cluster.calls[0][1] == kinds


def test_a_dump_can_come_from_standard_input_and_from_several_files(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "source.json").write_text(json.dumps(SOURCE))
    both = run("migrate", "--from", "reflector", tmp_path / "source.json", "-f", "-", given="---\n")
    assert (both.status, both.complained) == (2, "standard input: holds no object\n")
    namespace = "{apiVersion: v1, kind: Namespace, metadata: {name: dev}}"
    both = run(
        *("migrate", "--from", "reflector", tmp_path / "source.json", "-f", "-", "-o", "yaml"),
        given=namespace,
    )
    assert (both.status, both.complained) == (0, "")
    assert "sourceConfigMap: settings" in both.printed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{kind: ConfigMap}", "standard input:1: apiVersion and kind: Required value\n"),
        ("{apiVersion: v1, kind: ConfigMap}", "standard input:1: metadata: Required value\n"),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations: {a: true}\n",
            "standard input:5: metadata.annotations: must be a map of strings\n",
        ),
        (
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: [a]}}",
            "standard input:1: metadata.labels: must be a map of strings\n",
        ),
        ("a: [", "standard input:2:1: not YAML"),
    ],
)
def test_what_is_no_dump_is_refused(run: Run, text: str, said: str) -> None:
    done = run("migrate", "--from", "reflector", "-", given=text)
    assert (done.status, done.printed) == (2, "")
    assert done.complained.startswith(said)


@pytest.mark.parametrize(
    ("command", "status", "printed", "said"),
    [
        ("{} -o yaml | head -n 1", 0, "---\n", ""),
        ("{} >/dev/full", 2, "", "The result cannot be written: No space left on device\n"),
    ],
)
def test_a_reader_may_leave_and_a_full_disk_is_named(
    tmp_path: Path, command: str, status: int, printed: str, said: str
) -> None:
    dump = tmp_path / "dump.json"
    namespaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"dev-{number}"}}
        for number in range(2)
    ]
    # More than fits into a pipe.
    sources = [
        {**SOURCE, "metadata": {**METADATA, "name": f"settings-{number}"}} for number in range(1000)
    ]
    dump.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": namespaces + sources}))
    called = f"{sys.executable} -m hooks migrate --from reflector {dump}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command.format(called)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (status, printed, said)


def test_what_cannot_be_is_refused(run: Run) -> None:
    done = run("migrate", "--from", "reflector")
    assert done.status == 2
    assert done.complained.endswith("error: the following arguments are required: DUMP\n")
    done = run("migrate", "--from", "reflector", "-", "-")
    assert done.complained.endswith("error: standard input can be read only once\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: --from"),
        (
            ["--from", "kubed"],
            'argument --from: "kubed" is none of reflector, replicator, trust-manager',
        ),
        (
            ["--from", "reflector", "-o", "table"],
            'argument -o/--output: "table" is none of report, script, yaml, json',
        ),
    ],
)
def test_a_mistake_is_answered_with_the_tools(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    with pytest.raises(SystemExit):
        parser.parse(PLUGIN, ["migrate", *arguments])
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == f"kubectl cmsync migrate: error: {said}"

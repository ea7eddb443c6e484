"""What docs/rollout-checks.md shows, run on a real control plane with the rights that it gives.

There are no pods: the scripts run here, with the environment and the identity of their container.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from hooks.api.names import ROLLOUT_FAILED
from tests.controlplane import SERVER_SIDE_APPLY, Client, Stack
from tests.controlplane.client import Object
from tests.controlplane.tools import ROOT
from tests.controlplane.workspace import environment
from tests.documents import in_cluster

PAGE = (ROOT / "docs/rollout-checks.md").read_text("utf-8")
SHOWN: Sequence[Any] = [
    item
    for block in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for item in yaml.safe_load_all(block)
]
OBJECTS: Sequence[Object] = [item for item in SHOWN if "kind" in item]
SYNCER, NAMESPACE = "configmapsyncer-sample", "dev"
STAGES = [
    {"name": "canary", "targetNamespaces": [NAMESPACE], "soakSeconds": 3600},
    {"name": "everyone-else"},
]
RESULTS = {True: '[{"metric":{},"value":[1,"7"]}]', False: "[]"}


def of_kind(kind: str) -> Object:
    (found,) = (item for item in OBJECTS if item["kind"] == kind)
    return found


def container(pod: Object) -> Mapping[str, Any]:
    (found,) = pod["template"]["spec"]["containers"]
    environment = {each["name"]: each["value"] for each in found["env"]}
    return {"commands": [[*found["command"], *found.get("args", ())]], "variables": environment}


(_CI,) = (item["smoke-test"] for item in SHOWN if "smoke-test" in item)
_METRIC = of_kind("AnalysisTemplate")["spec"]["metrics"][0]
TOOLS: Mapping[str, Mapping[str, Any]] = {
    "ci": {
        "commands": [["bash", "-c", line] for line in _CI["script"]],
        "variables": _CI["variables"],
    },
    "prometheus": container(of_kind("CronJob")["spec"]["jobTemplate"]["spec"]),
    "argo": container(_METRIC["provider"]["job"]["spec"]),
}


@dataclass
class Place:
    """A cluster with the example of the rollout, and what the tools ask."""

    stack: Stack
    kubeconfig: Path
    folder: Path
    server: ThreadingHTTPServer
    is_failing: bool = False
    requests: list[str] = field(default_factory=list)

    @property
    def client(self) -> Client:
        return self.stack.client

    def roll_out(self, level: str) -> None:
        """Change the content, and wait until the first stage holds it."""
        self.client.merge_patch("ConfigMap", "app-config", {"data": {"LEVEL": level}}, "default")

        def is_soaking(syncer: Object) -> bool:
            rollout = syncer["status"]["rollout"]
            is_new = rollout["updateRevision"] != rollout.get("stableRevision")
            copy = self.client.get("ConfigMap", "app-config", NAMESPACE)
            is_there = rollout["phase"] == "Soaking" and copy["data"]["LEVEL"] == level
            return bool(is_new and is_there)

        self.client.wait_for("ConfigMapSyncer", SYNCER, is_soaking, "Soaking")

    def wait_for_phase(self, phase: str) -> None:
        def is_reached(syncer: Object) -> bool:
            return bool(syncer.get("status", {}).get("rollout", {}).get("phase") == phase)

        self.client.wait_for("ConfigMapSyncer", SYNCER, is_reached, phase)

    def run(self, tool: str, *, url: str = "") -> subprocess.CompletedProcess[str]:
        """Run what a tool runs, one command after the other, up to the first that fails."""
        test = self.folder / "smoke-test.sh"
        test.write_text(f"#!/bin/bash\nexit {int(self.is_failing)}\n")
        test.chmod(0o755)
        url = url or f"http://127.0.0.1:{self.server.server_address[1]}"
        given = {**TOOLS[tool]["variables"], "URL": f"{url}/{tool}"}
        for command in TOOLS[tool]["commands"]:
            done = subprocess.run(
                [word.replace("/scripts/", f"{self.folder}/") for word in command],
                check=False,
                capture_output=True,
                text=True,
                cwd=self.folder,
                env=environment(**in_cluster(self.kubeconfig), **given),
                timeout=120,
            )
            if done.returncode != 0:
                break
        return done

    @property
    def reported(self) -> Any:
        annotations = self.client.get("Namespace", NAMESPACE)["metadata"].get("annotations", {})
        return annotations.get(ROLLOUT_FAILED)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("reporter")

    class Answers(BaseHTTPRequestHandler):
        """What Prometheus, and the application, answer."""

        def do_GET(self) -> None:
            found.requests.append(self.path)
            is_application = self.path.startswith("/argo")
            self.send_response(404 if is_application and found.is_failing else 200)
            self.end_headers()
            result = RESULTS[found.is_failing]
            body = f'{{"status":"success","data":{{"resultType":"vector","result":{result}}}}}'
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    with Stack(SERVER_SIDE_APPLY) as stack:
        for file in ("namespaces", "configmap", "configmapsyncer"):
            for item in yaml.safe_load_all((ROOT / f"examples/{file}.yaml").read_text("utf-8")):
                stack.client.apply(item)
        stages = {"spec": {"rollout": {"stages": STAGES}}}
        stack.client.merge_patch("ConfigMapSyncer", SYNCER, stages)
        for item in OBJECTS:
            if item["kind"] != "AnalysisTemplate":
                stack.client.apply(item)
        kubeconfig = folder / "kubeconfig"
        stack.control_plane.add_service_account(kubeconfig, "rollout-reporter", NAMESPACE)
        (folder / "report.sh").write_text(of_kind("ConfigMap")["data"]["report.sh"])
        found = Place(stack, kubeconfig, folder, server)
        found.wait_for_phase("Complete")
        yield found
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_reports_what_fails_with_the_new_content_and_nothing_else(
    place: Place, tool: str
) -> None:
    before = place.reported
    place.roll_out(f"good with {tool}")
    place.is_failing = False
    done = place.run(tool)
    assert (done.returncode, place.reported) == (0, before), done.stderr

    place.is_failing = True
    done = place.run(tool)
    assert done.returncode == 1, done.stderr
    syncer = place.client.get("ConfigMapSyncer", SYNCER)
    assert place.reported == syncer["status"]["rollout"]["updateRevision"]
    place.wait_for_phase("Halted")
    if tool == "prometheus":
        assert place.requests[-1].startswith("/prometheus?query=sum%28rate%28http_requests_total")


@pytest.mark.parametrize("tool", ["prometheus", "argo"])
def test_a_failure_is_not_blamed_on_a_content_that_is_not_rolled_out(
    place: Place, tool: str
) -> None:
    stable = place.client.get("ConfigMapSyncer", SYNCER)["status"]["rollout"]["stableRevision"]
    data = place.client.get("ConfigMap", stable, "default")["data"]
    place.client.merge_patch("ConfigMap", "app-config", {"data": {"LEVEL": None}}, "default")
    assert "LEVEL" not in data
    place.wait_for_phase("Complete")
    before = place.reported
    place.is_failing = True
    done = place.run(tool)
    assert (done.returncode, place.reported) == (0, before), done.stderr
    assert done.stdout == "Namespace dev holds nothing that is rolled out\n"


def test_nothing_is_reported_where_prometheus_does_not_answer(place: Place) -> None:
    place.roll_out("unasked")
    before = place.reported
    done = place.run("prometheus", url="http://127.0.0.1:1")
    assert (done.returncode, place.reported) == (0, before), done.stderr


def test_the_account_may_annotate_no_other_namespace(place: Place) -> None:
    for permission, allowed in {
        f"patch namespace/{NAMESPACE}": "yes",
        "patch namespace/prod": "no",
        "list namespaces": "no",
        f"patch configmapsyncer/{SYNCER}": "no",
        f"get secrets -n {NAMESPACE}": "no",
    }.items():
        done = subprocess.run(
            ["kubectl", "auth", "can-i", *permission.split()],
            check=False,
            capture_output=True,
            text=True,
            env=environment(**in_cluster(place.kubeconfig)),
        )
        assert done.stdout.strip() == allowed, permission

"""The commands of the runbooks work on what is installed, and with what the hook logs."""

import json
import re
import subprocess
from collections.abc import Iterator
from io import StringIO

import pytest

from hooks import app, settings
from tests.cases import cases
from tests.controlplane import Client, ControlPlane, Workspace
from tests.controlplane.client import wait_for
from tests.controlplane.stack import NAMESPACE
from tests.controlplane.tools import ROOT
from tests.controlplane.workspace import environment
from tests.documents import MONITORING, in_cluster

SYNCER = "watched"
COMPLETE = "kubectl apply -k metacontroller/complete/"
_, _, _RUNBOOKS = (ROOT / MONITORING).read_text("utf-8").partition("\n## Runbooks\n")
COMMANDS: dict[str, list[str]] = {
    heading: re.findall(r"^\$ (.+)$", text, re.MULTILINE)
    for heading, text in re.findall(
        r"^### (\w+)\n(.*?)(?=^### |\Z)", _RUNBOOKS, re.MULTILINE | re.DOTALL
    )
}
"""The commands of each runbook, by the name of its alert."""

LOGGED = sorted(
    {
        pipe
        for commands in COMMANDS.values()
        for command in commands
        for logs, _, pipe in [command.partition(" | ")]
        if pipe and "component=webhook" in logs
    }
)
"""What the log of the hook is filtered with."""


@pytest.fixture(scope="module")
def installed() -> Iterator[ControlPlane]:
    """Everything that kustomize installs, and a syncer; there are no pods."""
    with Workspace() as workspace:
        plane = ControlPlane(workspace)
        try:
            plane.start()
            # A first try only makes the kinds of Metacontroller known.
            wait_for(lambda: run(plane, COMPLETE).returncode == 0, "its kinds")
            plane.client.add_syncer(SYNCER, [f"{SYNCER}-dev"], {})
            plane.client.apply(
                {
                    "apiVersion": "coordination.k8s.io/v1",
                    "kind": "Lease",
                    # As the Metacontroller that leads writes it.
                    "metadata": {"name": "configmap-syncer-metacontroller", "namespace": NAMESPACE},
                }
            )
            yield plane
        finally:
            plane.close()


def run(plane: ControlPlane, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(**in_cluster(plane.kubeconfig)),
        timeout=120,
    )


def pods(client: Client) -> list[dict[str, str]]:
    """The labels of the pods that the Deployments make."""
    return [
        each["spec"]["template"]["metadata"]["labels"]
        for each in client.list("Deployment", NAMESPACE)
    ]


@pytest.mark.parametrize("alert", COMMANDS)
def test_every_command_of_a_runbook_works_on_what_is_installed(
    installed: ControlPlane, alert: str
) -> None:
    assert COMMANDS[alert]
    # tests/install/test_chart_values.py gives the values of those of Helm to the chart.
    for command in (each for each in COMMANDS[alert] if each.startswith("kubectl ")):
        done = run(installed, command.partition(" | ")[0].replace("NAME", SYNCER))
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        for key, value in re.findall(r" -l (\S+)=(\S+)", command):
            assert [each for each in pods(installed.client) if each.get(key) == value]


@pytest.mark.parametrize("pipe", LOGGED)
def test_what_a_runbook_looks_for_in_the_log_of_the_hook_is_there(pipe: str) -> None:
    log = StringIO()
    client = app.create_app(settings.Settings(), log=log).test_client()
    recorded = next(case.body for case in cases() if case.hook == "sync")
    assert client.post("/sync", data=recorded, content_type="application/json").status_code == 200
    line = log.getvalue()
    assert json.loads(line)["code"] == 200
    for code in ("429", "500", "503"):
        line += log.getvalue().replace('"code":200', f'"code":{code}')

    found = subprocess.run(
        ["bash", "-o", "pipefail", "-c", pipe],
        check=True,
        capture_output=True,
        text=True,
        input=line,
    ).stdout

    if '"code":' in pipe:
        (wanted,) = re.findall(r'"code":\d+', pipe)
        lines = [each for each in line.splitlines() if wanted in each]
        assert found.splitlines() == lines != []
    else:
        assert found.split() == ["4", f'"syncer":"{json.loads(log.getvalue())["syncer"]}"']

"""What a test of a migration needs: the tools' programs, their steps, and all that happened.

A tool that is written in Go can be built outside of this repository, for example with
`git clone https://github.com/mittwald/kubernetes-replicator` and `go build`, and is found on PATH
or by a variable. Where it is not there, only the test with the tool itself is skipped.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.controlplane import Stack
from tests.controlplane.client import Client, Object
from tests.controlplane.tools import kubectl
from tests.e2e.conftest import NO_TOOL
from tests.wheel import InstalledWheel

_COMMAND = re.compile(r"^    \$ (.*)$", re.MULTILINE)
_STOPS = re.compile(r"kubectl scale .* --replicas=0")


def program(name: str, variable: str) -> str:
    """Path of a tool's program; the test is skipped where there is none."""
    found = os.environ.get(variable) or shutil.which(name)
    if not found:
        pytest.skip(f"{NO_TOOL}{name}, and {variable} does not name it.")
    return found


class Migrant:
    """Somebody who has installed the plugin, and follows what it prints."""

    def __init__(self, installed: InstalledWheel, stack: Stack, folder: Path) -> None:
        self._installed = installed
        self._kubeconfig = str(stack.control_plane.kubeconfig)
        self._folder = folder

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """How a command line ends, with the plugin and kubectl on PATH."""
        path = f"{self._installed.binaries}:{Path(kubectl()).resolve().parent}"
        environment = self._installed.environment(KUBECONFIG=self._kubeconfig)
        return self._installed.run(
            *("bash", "-c", command),
            folder=self._folder,
            KUBECONFIG=self._kubeconfig,
            PATH=f"{path}:{environment['PATH']}",
        )

    def report(self, *arguments: str, status: int = 0) -> str:
        """What `kubectl cmsync migrate` prints."""
        done = self.run(" ".join(["kubectl cmsync migrate", *arguments]))
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def follow(self, report: str, stop: Callable[[], None] = lambda: None) -> None:
        """Do every step of a report; `stop` stops the tool where its Deployment is scaled down.

        There is no kubelet that would stop it.
        """
        commands = _COMMAND.findall(report.partition("\n1. ")[2])
        assert commands
        for command in commands:
            done = self.run(command)
            # What is written is the manifests, and something may stay with the tool.
            allowed = (0, 1) if " -o yaml > " in command else (0,)
            assert done.returncode in allowed, f"{command}\n{done.stdout}{done.stderr}"
            if _STOPS.match(command):
                stop()


class History:
    """Everything that happens to ConfigMaps and Secrets from its beginning on."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._versions = {
            plural: client.request("GET", f"/api/v1/{plural}")["metadata"]["resourceVersion"]
            for plural in ("configmaps", "secrets")
        }

    def events(self, kind: str, name: str) -> list[tuple[str, Object]]:
        """The type of each event of the objects of a name, and the object, in order."""
        plural = f"{kind.lower()}s"
        end: Object = {
            "apiVersion": "v1",
            "kind": kind,
            "metadata": {"generateName": "end-of-history-", "namespace": "default"},
        }
        made = self._client.request("POST", f"/api/v1/namespaces/default/{plural}", end)
        found = list(self._until(plural, made["metadata"]["name"]))
        self._client.delete(kind, made["metadata"]["name"], "default")
        return [(what, item) for what, item in found if item["metadata"]["name"] == name]

    def _until(self, plural: str, last: str) -> Iterator[tuple[str, Object]]:
        with self._client.watch(f"/api/v1/{plural}", {}, self._versions[plural]) as lines:
            for line in lines:
                event = json.loads(line)
                if event["object"]["metadata"]["name"] == last:
                    return
                yield event["type"], event["object"]
        raise AssertionError("The API server ended the watch too early.")


def content(item: Object) -> Mapping[str, object]:
    """What the bytes of an object are."""
    return {field: item.get(field) for field in ("data", "binaryData", "type")}


def deployment(name: str, namespace: str, image: str, labels: Mapping[str, str]) -> Object:
    """A tool's Deployment; nothing runs its pods here."""
    container = {"name": "tool", "image": image}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": dict(labels)},
            "template": {"metadata": {"labels": dict(labels)}, "spec": {"containers": [container]}},
        },
    }

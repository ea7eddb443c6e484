"""Everything together: a control plane, Metacontroller, the hook, and the registration of both."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import yaml

from tests.controlplane.client import Client, Object, wait_for
from tests.controlplane.hook import COMMAND, Hook
from tests.controlplane.metacontroller import Metacontroller
from tests.controlplane.plane import ControlPlane
from tests.controlplane.tools import ROOT, kubectl, metacontroller_crds
from tests.controlplane.workspace import Workspace, environment

CRD = ROOT / "crds" / "configmapsyncers.config.example.com.yaml"
_LOCAL_HOOK = "http://127.0.0.1:8080"
_SENTINEL: Object = {
    "apiVersion": "config.example.com/v1alpha1",
    "kind": "ConfigMapSyncer",
    "metadata": {"name": "is-anybody-there"},
    "spec": {
        "sourceNamespace": "no-such-namespace",
        "sourceConfigMap": "no-such-source",
        "targetNamespaces": ["no-such-target"],
    },
}


class Stack:
    """The product, running for real under one apply strategy.

    `.control_plane`, `.metacontroller` and `.hook` can be killed and started
    again one by one; `.client` is an administrator's.
    """

    def __init__(
        self,
        strategy: str,
        *,
        hook_settings: Mapping[str, str] | None = None,
        hook_command: Sequence[str] = COMMAND,
        hook_port: int | None = None,
        metacontroller_arguments: Sequence[str] = (),
        components: Sequence[str] = (),
    ) -> None:
        self.strategy = strategy
        self._components = components
        self.workspace = Workspace()
        self.control_plane = ControlPlane(self.workspace)
        self.hook = Hook(
            self.workspace, strategy, hook_settings, command=hook_command, port=hook_port
        )
        self.metacontroller = Metacontroller(self.control_plane, strategy, metacontroller_arguments)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def client(self) -> Client:
        """The administrator's client."""
        return self.control_plane.client

    def start(self) -> None:
        """Start everything; returns when a syncer that is made now is looked after."""
        self.hook.launch()
        self.control_plane.start(crds=[metacontroller_crds(), CRD])
        self.hook.wait_until_ready()
        for registration in self.registration(self._components):
            self.client.apply(registration, field_manager="installation")
        self.metacontroller.start()
        self.wait_until_syncing()

    def registration(self, components: Sequence[str] = ()) -> list[Object]:
        """The objects of metacontroller/local with components of metacontroller/components."""
        if not components:
            return local_registration(self.hook.url)
        folder = self.workspace.folder / "-".join(["local", *components])
        folder.mkdir(exist_ok=True)
        root = os.path.relpath(ROOT / "metacontroller", folder)
        kustomization = {
            "resources": [f"{root}/local"],
            "components": [f"{root}/components/{name}" for name in components],
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), "utf-8")
        return local_registration(self.hook.url, folder)

    def wait_until_syncing(self, seconds: float = 60) -> None:
        """Make a throw-away syncer, wait until the hook was asked about it, and remove it.

        Metacontroller says that it is ready before it watches any syncer.
        """
        name = _SENTINEL["metadata"]["name"]
        before = len(self.hook.calls("sync", name))
        self.client.apply(_SENTINEL)
        wait_for(
            lambda: len(self.hook.calls("sync", name)) > before,
            "Metacontroller to ask the hook about a new syncer",
            seconds,
            lambda: f"{self.metacontroller.tail()}\n{self.hook.tail()}",
        )
        self.client.delete("ConfigMapSyncer", name)
        self.client.wait_until_gone("ConfigMapSyncer", name, seconds=seconds)

    def logs(self, lines: int = 30) -> str:
        """The end of what Metacontroller and the hook wrote."""
        return f"{self.metacontroller.tail(lines)}\n{self.hook.tail(lines)}"

    def close(self) -> None:
        """Kill everything and remove what it left on disk."""
        self.metacontroller.kill()
        self.hook.kill()
        self.control_plane.close()
        self.workspace.close()


def kustomize(folder: str | Path) -> list[Object]:
    """The objects that `kubectl apply -k` would send for a folder of the project."""
    rendered = subprocess.run(
        [kubectl(), "kustomize", ROOT / folder],
        check=True,
        capture_output=True,
        env=environment(),
    ).stdout
    return [document for document in yaml.safe_load_all(rendered) if document]


def local_registration(hook_url: str, folder: str | Path = "metacontroller/local") -> list[Object]:
    """The objects of a local registration except the CRD, with the hook at `hook_url`."""
    return [
        yaml.safe_load(yaml.safe_dump(document).replace(_LOCAL_HOOK, hook_url))
        for document in kustomize(folder)
        if document["kind"] != "CustomResourceDefinition"
    ]

"""Everything together: a control plane, Metacontroller, the hook, and the registration of both."""

import os
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Self

import yaml

from tests.controlplane import audit
from tests.controlplane.client import Client, Object, wait_for
from tests.controlplane.hook import HookProcess
from tests.controlplane.metacontroller import MetacontrollerProcess
from tests.controlplane.plane import ControlPlane
from tests.controlplane.tools import ROOT, kubectl, metacontroller_crds
from tests.controlplane.workspace import Workspace, environment
from tests.smoke import COMMAND

CRD = ROOT / "crds" / "configmapsyncers.config.example.com.yaml"
LOCAL = "metacontroller/local"
COMPLETE = "metacontroller/complete"
NAMESPACE = "configmap-syncer-system"
SERVICE_ACCOUNT = "configmap-syncer-metacontroller"
IDENTITY = f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}"
_RIGHTS = (
    "Namespace",
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
)
_ADMISSION = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
_HOOKS = {
    LOCAL: "http://127.0.0.1:8080",
    COMPLETE: f"http://configmap-syncer-webhook.{NAMESPACE}.svc",
}
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
    """The product with its admission policy, running for real under one apply strategy.

    `.control_plane`, `.metacontroller` and `.hook` can be killed and started
    again one by one; `.client` is an administrator's. Metacontroller has the
    identity and the rights of metacontroller/components/metacontroller, and no
    others; `audited` logs what it does with them. `registration` is the folder
    whose controllers are registered, with `components` of
    metacontroller/components over it. `hook_tls` reaches a hook whose
    settings put it under TLS; `installation` says what is applied instead of the
    registration, which it is given.
    """

    def __init__(
        self,
        strategy: str,
        *,
        hook_settings: Mapping[str, str] | None = None,
        hook_command: Sequence[str] = COMMAND,
        hook_port: int | None = None,
        hook_tls: ssl.SSLContext | None = None,
        metacontroller_arguments: Sequence[str] = (),
        components: Sequence[str] = (),
        api_server_arguments: Sequence[str] = (),
        audited: bool = False,
        registration: str = LOCAL,
        installation: Callable[[list[Object]], list[Object]] = lambda registration: registration,
    ) -> None:
        self.strategy = strategy
        self._components = components
        self.workspace = Workspace()
        self.control_plane = ControlPlane(
            self.workspace,
            audited=audited,
            api_server_arguments=api_server_arguments,
        )
        self._registration = registration
        self._kubeconfig = self.workspace.folder / "kubeconfig-metacontroller"
        self.hook = HookProcess(
            self.workspace,
            strategy,
            hook_settings,
            command=hook_command,
            port=hook_port,
            tls=hook_tls,
        )
        self._installation = installation
        self._arguments = metacontroller_arguments
        self.metacontroller = self.another_metacontroller(strategy)

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

    def start(self, crds: Sequence[Path] = ()) -> None:
        """Start everything; returns when a syncer that is made now is looked after.

        `crds` are files of further ones: Metacontroller looks for new kinds only now and then.
        """
        self.hook.launch()
        self.control_plane.start(crds=[metacontroller_crds(), CRD, *crds])
        self.hook.wait_until_ready()
        self.start_metacontroller()

    def start_metacontroller(self) -> None:
        """Register the hook, start Metacontroller with its rights, and wait until it works."""
        self.install(self._components)
        self.control_plane.add_service_account(self._kubeconfig, SERVICE_ACCOUNT, NAMESPACE)
        self.metacontroller.start()
        self.wait_until_syncing()

    def another_metacontroller(self, strategy: str) -> MetacontrollerProcess:
        """A Metacontroller like the stack's own, not started, under an apply strategy."""
        return MetacontrollerProcess(
            self.control_plane, strategy, self._arguments, kubeconfig=self._kubeconfig
        )

    def install(self, components: Sequence[str] = ()) -> None:
        """Register the hook and give Metacontroller its rights, with components."""
        registered = registrations(self.hook.url, self._registration, components)
        for each in (*rights(components), *admission(), *self._installation(registered)):
            self.client.apply(each, field_manager="installation")

    def wait_until_syncing(self, seconds: float = 60) -> None:
        """Make a throw-away syncer, wait until the hook was asked about it, and remove it.

        Metacontroller says that it is ready before it watches any syncer.
        """
        name = _SENTINEL["metadata"]["name"]
        before = len(self.hook.calls("sync", name))

        def is_synced() -> bool:
            self.metacontroller.revive()
            return len(self.hook.calls("sync", name)) > before

        def is_gone() -> bool:
            self.metacontroller.revive()
            return self.client.find("ConfigMapSyncer", name) is None

        self.client.apply(_SENTINEL)
        what = "Metacontroller to ask the hook about a new syncer"
        wait_for(is_synced, what, seconds, self.logs)
        self.client.delete("ConfigMapSyncer", name)
        wait_for(is_gone, "Metacontroller to let the new syncer go", seconds, self.logs)

    def audited(self, user: str = IDENTITY) -> list[Object]:
        """The entries of the audit log about Metacontroller, or another ServiceAccount."""
        return audit.read(self.control_plane.audit_log, user)

    def collect_garbage(self) -> None:
        """Return when the garbage collector has come to what was to be collected before."""
        client = self.client
        metadata: Object = {"name": "owner-of-garbage", "namespace": "default"}
        made = client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": metadata["name"]}
        owned = {
            "name": "garbage",
            "namespace": "default",
            "ownerReferences": [owner | {"uid": made["metadata"]["uid"]}],
        }
        client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": owned})
        client.delete("ConfigMap", metadata["name"], "default")
        # The collector may still wait for its next look at an API server that was started again.
        client.wait_until_gone("ConfigMap", "garbage", "default", seconds=120)

    def refused(self) -> list[str]:
        """What Metacontroller was refused and would be refused again.

        An API server that has just been started again also refuses what it has
        not read the roles for yet; that says nothing about them.
        """

        def is_still(entry: Object) -> bool:
            review = audit.access_review(entry)
            return review is not None and not self._may(review)

        return audit.refused(filter(is_still, self.audited()))

    def _may(self, review: Object) -> bool:
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        return bool(self.client.request("POST", path, review)["status"]["allowed"])

    def logs(self, lines: int = 30) -> str:
        """The end of what Metacontroller and the hook wrote."""
        return f"{self.metacontroller.tail(lines)}\n{self.hook.tail(lines)}"

    def close(self) -> None:
        """Kill everything and remove what it left on disk."""
        self.metacontroller.kill()
        self.hook.kill()
        self.control_plane.close()
        self.workspace.close()


def kustomize(folder: str | Path, components: Sequence[str] = ()) -> list[Object]:
    """The objects that `kubectl apply -k` would send for a folder.

    The name of one of the project's own can have components of metacontroller/components over it,
    and is rendered once in a process.
    """
    own = isinstance(folder, str)
    rendered = _rendered_once(folder, tuple(components)) if own else _rendered(Path(folder))
    return [document for document in yaml.load_all(rendered, yaml.CSafeLoader) if document]


@cache
def _rendered_once(base: str, components: Sequence[str]) -> bytes:
    if not components:
        return _rendered(ROOT / base)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        root = os.path.relpath(ROOT, folder)
        kustomization = {
            "resources": [f"{root}/{base}"],
            "components": [f"{root}/metacontroller/components/{name}" for name in components],
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), "utf-8")
        return _rendered(folder)


def _rendered(folder: Path) -> bytes:
    return subprocess.run(
        [kubectl(), "kustomize", folder], check=True, capture_output=True, env=environment()
    ).stdout


def registrations(hook_url: str, base: str = LOCAL, components: Sequence[str] = ()) -> list[Object]:
    """The controllers of a folder, with components over it, and with the hook at `hook_url`."""
    rendered = kustomize(base, components)
    found = [each for each in rendered if each["apiVersion"].startswith("metacontroller.k8s.io/")]
    moved: list[Object] = yaml.safe_load(yaml.safe_dump(found).replace(_HOOKS[base], hook_url))
    return moved


def shipped_arguments() -> list[str]:
    """What the whole installation tells Metacontroller, except for the ports on this machine."""
    (found,) = (
        each
        for each in kustomize(COMPLETE)
        if each["kind"] == "Deployment" and each["metadata"]["name"] == SERVICE_ACCOUNT
    )
    (container,) = found["spec"]["template"]["spec"]["containers"]
    return [each for each in container["args"] if "-address=" not in each]


def admission() -> list[Object]:
    """The admission policy of the whole installation, and its binding."""
    return [each for each in kustomize(COMPLETE) if each["kind"] in _ADMISSION]


def rights(components: Sequence[str] = ()) -> list[Object]:
    """Metacontroller's identity in the whole installation, and all that it may do."""
    return [each for each in kustomize(COMPLETE, components) if each["kind"] in _RIGHTS]

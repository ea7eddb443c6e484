"""etcd, kube-apiserver and kube-controller-manager: the part of a cluster that judges objects."""

import functools
import json
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import yaml

from tests.controlplane import audit
from tests.controlplane.client import ApiStatusError, Client, Object, wait_for
from tests.controlplane.process import Process
from tests.controlplane.tools import ROOT, asset, controller_manager, kubectl
from tests.controlplane.workspace import Workspace, environment

_TOKEN = "token-of-the-tests"
_TENANT = "tenant"
_CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "resourcequota-controller",
)


def answers(url: str, tls: ssl.SSLContext | None = None) -> bool:
    """Whether a GET of a loopback URL is answered with 200; `tls` says whom to trust."""
    try:
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)
        )
        with opener.open(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


class ControlPlane:
    """A cluster without nodes: namespaces are deleted for real and owned objects collected.

    `.kubeconfig` and `.client` are an administrator's; `add_identity` gives
    those of somebody with fewer rights. RBAC is in force. Where it
    is `audited`, what ServiceAccounts ask for is logged in `.audit_log`.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        audited: bool = False,
        api_server_arguments: Sequence[str] = (),
    ) -> None:
        self.workspace = workspace
        self.audit_log = workspace.folder / "audit.log"
        self._audited = audited
        self._api_server_arguments = api_server_arguments
        self.server = f"https://127.0.0.1:{workspace.port()}"
        self.kubeconfig = workspace.folder / "kubeconfig"
        self._certificates = workspace.folder / "certificates"
        self._key = workspace.folder / "service-account.key"
        self.etcd_url = f"http://127.0.0.1:{workspace.port()}"
        self.etcd = Process(
            workspace,
            "etcd",
            self._etcd_command(self.etcd_url, peer=f"http://127.0.0.1:{workspace.port()}"),
            ready=lambda: answers(f"{self.etcd_url}/readyz"),
        )
        self.api_server = Process(
            workspace,
            "kube-apiserver",
            self._api_server_command(self.etcd_url),
            ready=self._serves,
        )
        self.controller_manager = Process(
            workspace,
            "kube-controller-manager",
            self._controller_manager_command(),
            # It answers nothing by itself; that it collects is what a test waits for.
            ready=lambda: True,
        )
        self._client: Client | None = None
        self._identities: list[Client] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def client(self) -> Client:
        """The administrator's client."""
        if self._client is None:
            raise RuntimeError("The control plane has not been started.")
        return self._client

    @functools.cached_property
    def tenant(self) -> Client:
        """Somebody who may write every ConfigMap and Secret, and no ConfigMapSyncer."""
        group = "rbac.authorization.k8s.io"
        named: Object = {"apiVersion": f"{group}/v1", "metadata": {"name": _TENANT}}
        rule = {"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["*"]}
        role = {"apiGroup": group, "kind": "ClusterRole", "name": _TENANT}
        subject = {"apiGroup": group, "kind": "User", "name": _TENANT}
        self.client.apply(named | {"kind": "ClusterRole", "rules": [rule]})
        self.client.apply(
            named | {"kind": "ClusterRoleBinding", "roleRef": role, "subjects": [subject]}
        )
        _, client = self.add_identity(_TENANT)
        return client

    def is_guarded(self, somebody: Client) -> bool:
        """Whether the admission policy refuses somebody what it is there to refuse."""
        labels = {"controller-uid": "00000000-0000-4000-8000-000000000000"}
        probe = {"name": "probe", "namespace": "default", "labels": labels}
        try:
            somebody.create(
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": probe}, dry_run=True
            )
        except ApiStatusError as error:
            return "ValidatingAdmissionPolicy" in error.message
        return False

    def start(self, crds: Sequence[Path] = ()) -> None:
        """Start everything and install the CRDs of these files.

        The CRDs come before kube-controller-manager does: the garbage collector
        learns of one that comes later only after up to 30 s.
        """
        folder = self.workspace.folder
        (folder / "tokens.csv").write_text(f"{_TOKEN},tests,tests,system:masters\n", "utf-8")
        subprocess.run(
            ["openssl", "genrsa", "-out", self._key, "2048"], check=True, capture_output=True
        )
        self._write_kubeconfig(self.kubeconfig, {"token": _TOKEN})
        self._audit_policy.write_text(json.dumps(audit.POLICY), "utf-8")
        self.etcd.launch()
        self.api_server.launch()
        self.etcd.wait_until_ready()
        self.api_server.wait_until_ready()
        self._client = Client(self.server, _TOKEN, self._certificate_authority)
        wait_for(lambda: self.client.find("Namespace", "default"), "the namespace default")
        for file in crds:
            self.install_crds(file)
        self.controller_manager.start()

    def kubectl(self, *arguments: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator in the project's folder, with standard input."""
        return subprocess.run(
            [kubectl(), *arguments],
            cwd=ROOT,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            env=environment(
                KUBECONFIG=str(self.kubeconfig),
                # kubectl caches what a server offers by its address, and ports come back.
                KUBECACHEDIR=str(self.workspace.folder / "kubectl-cache"),
            ),
        )

    def close(self) -> None:
        """Kill everything; the workspace removes what is left."""
        for client in (self._client, *self._identities):
            if client is not None:
                client.close()
        for process in (self.controller_manager, self.api_server, self.etcd):
            process.kill()

    def install_crds(self, file: Path) -> None:
        """Apply the CRDs of a file and wait until the API server serves them."""
        names = []
        for crd in yaml.load_all(file.read_text("utf-8"), yaml.CSafeLoader):
            if crd:
                self.client.apply(crd, field_manager="installation")
                names.append(crd["metadata"]["name"])
        for name in names:
            self.client.wait_for(
                "CustomResourceDefinition", name, _established, f"{name} to be established"
            )

    def add_identity(self, name: str, group: str | None = None) -> tuple[Path, Client]:
        """A kubeconfig and a client of a user who may do only what RBAC grants `name` or `group`.

        By impersonation: the API server reads its tokens only when it starts,
        and it authorizes an impersonated user by that user's rights alone.
        """
        groups = (group,) if group else ()
        kubeconfig = self.workspace.folder / f"kubeconfig-{name.replace(':', '-')}"
        self._write_kubeconfig(kubeconfig, {"token": _TOKEN, "as": name, "as-groups": list(groups)})
        client = Client(self.server, _TOKEN, self._certificate_authority, user=name, groups=groups)
        self._identities.append(client)
        return kubeconfig, client

    def add_service_account(self, path: Path, name: str, namespace: str) -> Client:
        """A client of a ServiceAccount that exists, and at `path` its kubeconfig.

        With a token as its pods would get it: unlike a user who is impersonated,
        it is known to the audit log by its own name.
        """
        answer = self.client.request(
            "POST",
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": 24 * 60 * 60},
            },
        )
        token = answer["status"]["token"]
        self._write_kubeconfig(path, {"token": token})
        client = Client(self.server, token, self._certificate_authority)
        self._identities.append(client)
        return client

    @property
    def _certificate_authority(self) -> Path:
        return self._certificates / "apiserver.crt"

    @property
    def _audit_policy(self) -> Path:
        return self.workspace.folder / "audit-policy.json"

    def _serves(self) -> bool:
        if not self._certificate_authority.exists():
            return False
        probe = Client(self.server, _TOKEN, self._certificate_authority)
        try:
            return probe.is_ready()
        finally:
            probe.close()

    def _write_kubeconfig(self, path: Path, user: Object) -> None:
        cluster = {
            "server": self.server,
            "certificate-authority": str(self._certificate_authority),
        }
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tests", "cluster": cluster}],
            "users": [{"name": "tests", "user": user}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}],
            "current-context": "tests",
        }
        path.write_text(yaml.safe_dump(content), "utf-8")

    def _etcd_command(self, url: str, peer: str) -> list[str]:
        return [
            str(asset("etcd")),
            f"--data-dir={self.workspace.folder / 'etcd'}",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            # What a test writes need not survive a power cut.
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def _api_server_command(self, etcd: str) -> list[str]:
        audited = [
            f"--audit-policy-file={self._audit_policy}",
            f"--audit-log-path={self.audit_log}",
            # Before the answer is sent, so that a client that saw an answer finds it logged.
            "--audit-log-mode=blocking-strict",
        ]
        return [
            str(asset("kube-apiserver")),
            f"--etcd-servers={etcd}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.server.rpartition(':')[2]}",
            f"--cert-dir={self._certificates}",
            f"--token-auth-file={self.workspace.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            f"--service-account-key-file={self._key}",
            f"--service-account-signing-key-file={self._key}",
            "--service-account-issuer=https://test",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--disable-admission-plugins=ServiceAccount",
            # There is no Service through which anybody would look for this server.
            "--endpoint-reconciler-type=none",
            *(audited if self._audited else ()),
            *self._api_server_arguments,
        ]

    def _controller_manager_command(self) -> list[str]:
        return [
            str(controller_manager()),
            f"--kubeconfig={self.kubeconfig}",
            "--controllers=" + ",".join(_CONTROLLERS),
            "--leader-elect=false",
            "--secure-port=0",
            # Each controller with the rights that Kubernetes gives it, as in a real cluster.
            "--use-service-account-credentials",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
        ]


def _established(crd: Object) -> bool:
    conditions = crd.get("status", {}).get("conditions", ())
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions or ())

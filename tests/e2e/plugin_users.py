"""Users of the plugin from the built wheel, with rights that the test gives them."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.controlplane import Stack
from tests.controlplane.tools import kubectl
from tests.wheel import InstalledWheel


class User:
    """Somebody with a kubeconfig who has installed the plugin."""

    def __init__(self, installed: InstalledWheel, kubeconfig: Path, folder: Path) -> None:
        self._installed = installed
        self._kubeconfig = kubeconfig
        self._folder = folder

    def kubectl(
        self, *arguments: str | Path, status: int | None = 0, given: str = ""
    ) -> subprocess.CompletedProcess[str]:
        path = f"{self._installed.binaries}:{Path(kubectl()).resolve().parent}"
        environment = self._installed.environment(KUBECONFIG=str(self._kubeconfig))
        done = self._installed.run(
            *("kubectl", *arguments),
            folder=self._folder,
            given=given,
            KUBECONFIG=str(self._kubeconfig),
            PATH=f"{path}:{environment['PATH']}",
        )
        assert status is None or done.returncode == status, done.stdout + done.stderr
        return done


def user_who_may_list(
    stack: Stack,
    installed: InstalledWheel,
    folder: Path,
    resources: Sequence[str],
    verbs: Sequence[str] = ("list",),
) -> User:
    """A user with no other right than to list some resources, or to do something else with them."""
    name = f"reader-of-{len(resources)}" if verbs == ("list",) else f"user-of-{'-'.join(verbs)}"
    account = {"name": name, "namespace": "default"}
    rules = [
        {
            "apiGroups": ["", "config.example.com"],
            "resources": list(resources),
            "verbs": list(verbs),
        }
    ]
    group = "rbac.authorization.k8s.io"
    role = {"apiGroup": group, "kind": "ClusterRole", "name": name}
    for item in (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name},
            "rules": rules,
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", **account}],
        },
    ):
        stack.client.apply(item)
    kubeconfig = folder / name
    stack.control_plane.add_service_account(kubeconfig, name, "default")
    return User(installed, kubeconfig, folder)

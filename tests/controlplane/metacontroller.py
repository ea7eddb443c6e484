"""The real Metacontroller, fast enough for tests and talkative about events."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from tests.controlplane.plane import ControlPlane, answers
from tests.controlplane.process import Process, StartFailed
from tests.controlplane.tools import ROOT, metacontroller

_PANICS = "controllerutil.ContainsFinalizer("
_DEPLOYMENT = ROOT / "metacontroller/components/metacontroller/deployment.yaml"


def shipped_environment() -> Mapping[str, str]:
    """The environment variables of the Metacontroller that the project ships."""
    (container,) = yaml.safe_load(_DEPLOYMENT.read_text("utf-8"))["spec"]["template"]["spec"][
        "containers"
    ]
    return {each["name"]: each["value"] for each in container["env"]}


class MetacontrollerProcess(Process):
    """Metacontroller against one control plane with one apply strategy, as who `kubeconfig` says.

    It has the environment that the project ships: its memory is measured as it runs for users.
    Prometheus finds it at `.metrics_address`. `hook` is the URL of a service that it reaches in the
    place of every host that a webhook names.

    Of an argument that is given twice, the last one counts.
    """

    def __init__(
        self,
        control_plane: ControlPlane,
        strategy: str,
        extra_arguments: Sequence[str] = (),
        *,
        kubeconfig: Path,
        name: str = "metacontroller",
        hook: str | None = None,
    ) -> None:
        workspace = control_plane.workspace
        health = f"127.0.0.1:{workspace.port()}"
        self.metrics_address = f"127.0.0.1:{workspace.port()}"
        super().__init__(
            workspace,
            name,
            [
                str(metacontroller()),
                # With the defaults (5 and 10) a thousand copies take minutes.
                "--client-go-qps=500",
                "--client-go-burst=1000",
                f"--apply-strategy={strategy}",
                f"--metrics-address={self.metrics_address}",
                f"--health-probe-bind-address={health}",
                # By default one event in five minutes: a test would not see its own.
                "--events-qps=100",
                "--events-burst=1000",
                *extra_arguments,
            ],
            ready=lambda: answers(f"http://{health}/readyz"),
            settings={
                "KUBECONFIG": str(kubeconfig),
                **shipped_environment(),
                # The host of a Service is known to no resolver here. The API server speaks HTTPS.
                **({"HTTP_PROXY": hook} if hook else {}),
            },
        )

    def revive(self) -> None:
        """Start it again where its known bug ended it, as a kubelet would; raise StartFailed else.

        Metacontroller 4.17.2 panics when a registration changes while it writes a syncer's
        finalizer: its client reports the canceled write as a success without a result.
        """
        if not self.crashed:
            return
        if _PANICS not in (tail := self.tail(60)):
            raise StartFailed(f"{self.name} ended by itself.\n{tail}")
        self.start()

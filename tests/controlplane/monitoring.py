"""A real Prometheus, which reads and judges once a second, and a real kube-state-metrics."""

import json
import os
import shutil
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.controlplane.plane import answers
from tests.controlplane.process import Process
from tests.controlplane.workspace import Workspace

PROMETHEUS = shutil.which("prometheus")
KUBE_STATE_METRICS = os.environ.get("KUBE_STATE_METRICS") or shutil.which("kube-state-metrics")
"""The path in the variable of that name, else on PATH; None where neither is there."""


def scraped(address: str, **settings: Any) -> dict[str, Any]:
    """A job of Prometheus with one target, `host:port`, and further settings of the job."""
    return {"static_configs": [{"targets": [address]}], **settings}


class PrometheusProcess(Process):
    """Prometheus with jobs by their names, and rule files."""

    def __init__(
        self,
        workspace: Workspace,
        jobs: Mapping[str, Mapping[str, Any]],
        rule_files: Sequence[Path] = (),
    ) -> None:
        folder = workspace.folder / "prometheus"
        folder.mkdir()
        configuration = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(file) for file in rule_files],
            "scrape_configs": [{"job_name": name, **job} for name, job in jobs.items()],
        }
        file = folder / "prometheus.yaml"
        file.write_text(yaml.safe_dump(configuration), "utf-8")
        address = f"127.0.0.1:{workspace.port()}"
        self.url = f"http://{address}"
        super().__init__(
            workspace,
            "prometheus",
            [
                str(PROMETHEUS),
                f"--config.file={file}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
                "--log.level=warn",
            ],
            ready=lambda: answers(f"{self.url}/-/ready"),
        )

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What a PromQL expression results in now: for each series its `metric` and `value`."""
        result: list[dict[str, Any]] = self._get("query", query=expression)["result"]
        return result

    def alerts(self) -> dict[str, str]:
        """The alerts that are pending or firing, by name."""
        alerts = self._get("alerts")["alerts"]
        return {alert["labels"]["alertname"]: alert["state"] for alert in alerts}

    def _get(self, path: str, **parameters: str) -> Any:
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=10) as answer:
            return json.load(answer)["data"]


class KubeStateMetricsProcess(Process):
    """kube-state-metrics with metrics of custom resources alone, at `.address`."""

    def __init__(self, workspace: Workspace, kubeconfig: Path, configuration: Path) -> None:
        self.address = f"127.0.0.1:{workspace.port()}"
        host, _, port = self.address.rpartition(":")
        super().__init__(
            workspace,
            "kube-state-metrics",
            [
                str(KUBE_STATE_METRICS),
                f"--kubeconfig={kubeconfig}",
                f"--custom-resource-state-config-file={configuration}",
                "--custom-resource-state-only",
                f"--host={host}",
                f"--port={port}",
                f"--telemetry-host={host}",
                f"--telemetry-port={workspace.port()}",
            ],
            ready=lambda: answers(f"http://{self.address}/metrics"),
        )

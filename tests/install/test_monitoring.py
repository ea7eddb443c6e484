"""What Prometheus is told to scrape is what is installed; what is generated is current."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tools.monitoring import DASHBOARD, FOLDER, files

ROOT: Final = Path(__file__).parents[2]
COMPONENTS: Final = ROOT / "metacontroller/components"


def _read(path: str) -> Any:
    return yaml.safe_load((ROOT / "metacontroller" / path).read_text("utf-8"))


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_what_is_generated_is_current(path: Path) -> None:
    # make monitoring
    assert path.read_text("utf-8") == files()[path]


def test_the_dashboard_shows_the_fleet_one_syncer_the_hook_and_metacontroller() -> None:
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    rows = [panel["title"] for panel in panels if panel["type"] == "row"]
    assert rows == ["Fleet", "Syncer $syncer", "Hook", "Metacontroller"]
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_every_metric_of_kube_state_metrics_has_a_row_and_every_row_is_a_metric() -> None:
    configured = yaml.safe_load((FOLDER / "kube-state-metrics.yaml").read_text("utf-8"))
    (resource,) = configured["spec"]["resources"]
    page = (ROOT / "docs/monitoring.md").read_text("utf-8")
    rows = re.findall(r"^\| (`kube_configmapsyncer_.*?) \|", page, re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"\w+", row)] == [
        f"{resource['metricNamePrefix']}_{metric['name']}" for metric in resource["metrics"]
    ]


def test_the_service_of_the_hook_is_scraped_at_a_port_that_it_has() -> None:
    monitor = _read("components/monitoring/servicemonitor.yaml")
    service = _read("base/service.yaml")
    (endpoint,) = monitor["spec"]["endpoints"]
    assert monitor["metadata"]["namespace"] == service["metadata"]["namespace"]
    labels = monitor["spec"]["selector"]["matchLabels"]
    assert labels.items() <= service["metadata"]["labels"].items()
    assert [endpoint["port"]] == [port["name"] for port in service["spec"]["ports"]]


def test_the_pods_of_metacontroller_are_scraped_at_the_port_of_their_metrics() -> None:
    monitor = _read("components/monitoring/podmonitor.yaml")
    deployment = _read("components/metacontroller/deployment.yaml")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert monitor["metadata"]["namespace"] == deployment["metadata"]["namespace"]
    assert monitor["spec"]["selector"] == deployment["spec"]["selector"]
    assert f"--metrics-address=:{ports[endpoint['port']]}" in container["args"]

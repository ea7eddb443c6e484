"""Prometheus scrapes what is installed; what is generated is current."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from hooks.settings import Settings
from tests.definition import VERSION
from tools.monitoring import DASHBOARD, FOLDER, files

ROOT: Final = Path(__file__).parents[2]


def _read(path: str) -> list[Any]:
    return list(yaml.safe_load_all((ROOT / "metacontroller" / path).read_text("utf-8")))


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


def test_every_path_of_kube_state_metrics_is_a_field_of_a_syncer() -> None:
    configured = yaml.safe_load((FOLDER / "kube-state-metrics.yaml").read_text("utf-8"))
    (resource,) = configured["spec"]["resources"]
    paths = []
    for metric in resource["metrics"]:
        (kind,) = metric["each"].keys() - {"type"}
        described = metric["each"][kind]
        own = described.get("path", [])
        inner = described.get("labelsFromPath", {}).values()
        paths += [own, *(own + path for path in inner)]

    def has(path: list[str]) -> bool:
        schema = VERSION["schema"]["openAPIV3Schema"]
        for part in path:
            schema = schema.get("items", schema)
            if part not in schema.get("properties", {}):
                return False
            schema = schema["properties"][part]
        return True

    fields = [path for path in paths if path[:1] != ["metadata"]]
    assert ["status", "rollout", "phase"] in fields
    assert [path for path in fields if not has(path)] == []


@pytest.mark.parametrize(
    ("component", "deployment"),
    [
        ("webhook", "base/deployment.yaml"),
        ("metacontroller", "components/metacontroller/deployment.yaml"),
    ],
)
def test_the_pods_are_scraped_at_a_port_that_they_have(component: str, deployment: str) -> None:
    monitors = {
        each["metadata"]["labels"]["app.kubernetes.io/component"]: each
        for each in _read("components/monitoring/podmonitors.yaml")
    }
    monitor = monitors[component]
    (installed,) = _read(deployment)
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    (container,) = installed["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert monitors.keys() == {"webhook", "metacontroller"}
    assert monitor["metadata"]["namespace"] == installed["metadata"]["namespace"]
    assert monitor["spec"]["selector"] == installed["spec"]["selector"]
    served = {"webhook": Settings().port, "metacontroller": 9999}
    assert ports[endpoint["port"]] == served[component]
    if component == "metacontroller":
        assert "--metrics-address=:9999" in container["args"]

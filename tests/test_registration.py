"""The two registrations say the same, and fit the service that they speak to."""

import copy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

ROOT = Path(__file__).parents[1]
REGISTRATIONS = ROOT / "metacontroller"
INSTALLED = REGISTRATIONS / "base"
LOCAL = REGISTRATIONS / "local"
HOOKS = ("sync", "finalize", "customize")


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return content


def _merge(base: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """What kustomize makes of a patch that holds nothing but maps and single values."""
    merged = copy.deepcopy(base)
    for key, value in patch.items():
        merged[key] = _merge(merged.get(key, {}), value) if isinstance(value, dict) else value
    return merged


def _registration(folder: Path) -> dict[str, Any]:
    shared = _read(REGISTRATIONS / "registration" / "compositecontroller.yaml")
    assert _read(folder / "kustomization.yaml")["patches"] == [{"path": "webhooks.yaml"}]
    return _merge(shared, _read(folder / "webhooks.yaml"))


def _hooks(address: str) -> dict[str, Any]:
    seconds = {"sync": 60, "finalize": 60, "customize": 10}
    return {
        hook: {
            "version": "v2",
            "webhook": {"timeout": f"{seconds[hook]}s", "url": f"{address}/{hook}"},
        }
        for hook in HOOKS
    }


@pytest.mark.parametrize(
    ("folder", "address"),
    [
        (INSTALLED, "http://configmap-syncer-webhook.configmap-syncer-system"),
        (LOCAL, "http://127.0.0.1:8080"),
    ],
    ids=["in a cluster", "on one's own machine"],
)
def test_metacontroller_is_told_what_the_hook_relies_on(folder: Path, address: str) -> None:
    registration = _registration(folder)
    assert registration["metadata"]["name"] == "configmap-syncer"
    assert registration["spec"] == {
        "generateSelector": True,
        "resyncPeriodSeconds": 900,
        "parentResource": {
            "apiVersion": "config.example.com/v1alpha1",
            "resource": "configmapsyncers",
            "ignoreStatusChanges": True,
        },
        "childResources": [
            {
                "apiVersion": "v1",
                "resource": "configmaps",
                "updateStrategy": {"method": "InPlace"},
            }
        ],
        "hooks": _hooks(address),
    }


def test_the_address_in_a_cluster_is_the_services_and_leads_to_the_deployment() -> None:
    service = _read(INSTALLED / "service.yaml")
    deployment = _read(INSTALLED / "deployment.yaml")
    namespace = _read(INSTALLED / "namespace.yaml")["metadata"]["name"]
    hosts = {
        urlsplit(hook["webhook"]["url"]).netloc
        for hook in _registration(INSTALLED)["spec"]["hooks"].values()
    }
    assert hosts == {f"{service['metadata']['name']}.{namespace}"}
    assert service["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]
    assert service["metadata"]["namespace"] == namespace
    assert deployment["metadata"]["namespace"] == namespace
    selector = service["spec"]["selector"]
    assert deployment["spec"]["selector"]["matchLabels"] == selector
    template = deployment["spec"]["template"]
    assert selector.items() <= template["metadata"]["labels"].items()
    (container,) = template["spec"]["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": 8080}]

"""The two registrations say the same, and fit the service that they speak to."""

import copy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from hooks.preview.simulator import registration

ROOT = Path(__file__).parents[2]
REGISTRATIONS = ROOT / "metacontroller"
INSTALLED = REGISTRATIONS / "base"
LOCAL = REGISTRATIONS / "local"
COMPONENTS = REGISTRATIONS / "components"
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
    assert {"path": "webhooks.yaml"} in _read(folder / "kustomization.yaml")["patches"]
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


def _adoption(folder: Path) -> dict[str, Any]:
    """The registration of adoption, which stands by itself, or as a folder patches it."""
    component = _read(COMPONENTS / "adoption" / "decoratorcontroller.yaml")
    patch = folder / "adoption.yaml"
    return _merge(component, _read(patch)) if patch.exists() else component


everywhere = pytest.mark.parametrize(
    ("folder", "address"),
    [
        (INSTALLED, "http://configmap-syncer-webhook.configmap-syncer-system.svc"),
        (LOCAL, "http://127.0.0.1:8080"),
    ],
    ids=["in a cluster", "on one's own machine"],
)


@everywhere
def test_the_simulator_is_registered_as_the_manifest_says(folder: Path, address: str) -> None:
    registered = _registration(folder)
    simulated = registration.composite_controller(registration.CHILDREN)
    assert registered["metadata"]["name"] == simulated["metadata"]["name"]
    assert registered["spec"] == simulated["spec"] | {"hooks": _hooks(address)}
    assert simulated["spec"]["hooks"] == {
        hook: {"version": "v2", "webhook": {"url": f"http://127.0.0.1:8080/{hook}"}}
        for hook in HOOKS
    }


def test_the_simulator_gets_the_children_that_the_component_for_secrets_adds() -> None:
    text = (COMPONENTS / "secrets" / "compositecontroller.yaml").read_text("utf-8")
    patch = yaml.safe_load(text)
    base = registration.composite_controller(registration.CHILDREN)["spec"]["childResources"]
    complete = registration.composite_controller(registration.CHILDREN_WITH_SECRETS)
    assert {operation["path"] for operation in patch} == {"/spec/childResources/-"}
    added = [operation["value"] for operation in patch]
    assert complete["spec"]["childResources"] == [*base, *added]


@everywhere
def test_the_adoption_hook_is_called_about_objects_that_are_handed_over_and_no_others(
    folder: Path, address: str
) -> None:
    spec = _adoption(folder)["spec"]
    offline = registration.ADOPTION["spec"]
    for name, hook in offline["hooks"].items():
        path = urlsplit(hook["webhook"]["url"]).path
        webhook = {"timeout": "10s", "url": f"{address}{path}"}
        assert spec["hooks"][name] == {"version": "v2", "webhook": webhook}
    # The offline run's own copy, which a request shows to the hook, says the same.
    assert spec | {"hooks": {}} == offline | {"hooks": {}}
    assert spec["hooks"].keys() == offline["hooks"].keys()


def test_what_adopts_carries_the_label_that_a_metacontroller_of_our_own_looks_for() -> None:
    labels = _adoption(INSTALLED)["metadata"]["labels"]
    composite = _read(COMPONENTS / "metacontroller" / "registration.yaml")["metadata"]
    assert composite["labels"].items() <= labels.items()


def test_adoption_is_a_part_of_the_local_registration() -> None:
    kustomization = _read(LOCAL / "kustomization.yaml")
    assert kustomization["components"] == ["../components/adoption"]
    assert kustomization["patches"] == [{"path": "webhooks.yaml"}, {"path": "adoption.yaml"}]


@pytest.mark.parametrize("tls", ["tls", "tls-cert-manager"])
def test_under_tls_what_adopts_is_trusted_by_the_same_bundle_as_the_syncers(tls: str) -> None:
    (bundle,) = {
        str(hook["webhook"]["caBundle"])
        for name in ("authority", "adoption")
        for hook in _read(COMPONENTS / tls / f"{name}.yaml")["spec"]["hooks"].values()
    }
    assert "ca.crt" in bundle
    syncers = _read(COMPONENTS / "tls" / "webhook" / "webhooks.yaml")["spec"]["hooks"]
    adopts = _read(COMPONENTS / "tls" / "webhook" / "adoption.yaml")["spec"]["hooks"]
    address = syncers["sync"]["webhook"]["url"].removesuffix("/sync")
    paths = {"sync": "/adopt", "customize": "/adopt/customize"}
    assert adopts == {name: {"webhook": {"url": f"{address}{paths[name]}"}} for name in paths}


def test_the_address_in_a_cluster_is_the_services_and_leads_to_the_deployment() -> None:
    service = _read(INSTALLED / "service.yaml")
    deployment = _read(INSTALLED / "deployment.yaml")
    namespace = _read(INSTALLED / "namespace.yaml")["metadata"]["name"]
    hosts = {
        urlsplit(hook["webhook"]["url"]).netloc
        for hook in _registration(INSTALLED)["spec"]["hooks"].values()
    }
    assert hosts == {f"{service['metadata']['name']}.{namespace}.svc"}
    assert service["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]
    assert service["metadata"]["namespace"] == namespace
    assert deployment["metadata"]["namespace"] == namespace
    selector = service["spec"]["selector"]
    assert deployment["spec"]["selector"]["matchLabels"] == selector
    template = deployment["spec"]["template"]
    assert selector.items() <= template["metadata"]["labels"].items()
    (container,) = template["spec"]["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": 8080}]

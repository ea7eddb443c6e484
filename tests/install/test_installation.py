"""The shipped Deployment is one that a security team signs off, and what stands around it fits it.

Read from the manifests alone; that the API server accepts them is shown in
tests/e2e/test_registration.py.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hooks.settings import Settings
from tests.benchmarks import hook

ROOT = Path(__file__).parents[2]
BASE = ROOT / "metacontroller" / "base"
NAMESPACE_LABEL = "kubernetes.io/metadata.name"
NAME_LABEL = "app.kubernetes.io/name"
MIB = 1024 * 1024
UNITS = {"Mi": MIB, "Gi": 1024 * MIB}

Labels = dict[str, str]


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((BASE / name).read_text("utf-8"))
    return content


def _template() -> dict[str, Any]:
    template: dict[str, Any] = _read("deployment.yaml")["spec"]["template"]
    return template


def _container() -> dict[str, Any]:
    container: dict[str, Any]
    (container,) = _template()["spec"]["containers"]
    return container


def _bytes(quantity: str) -> int:
    return int(quantity[:-2]) * UNITS[quantity[-2:]]


def _selects(selector: dict[str, Any], labels: Labels) -> bool:
    expressions = selector.get("matchExpressions", [])
    assert {each["operator"] for each in expressions} <= {"In"}
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(each["key"]) in each["values"] for each in expressions
    )


def _admits(namespace: str, labels: Labels) -> bool:
    """Whether the NetworkPolicy lets a pod speak to the hook: a peer's two selectors both match."""
    return any(
        _selects(peer["namespaceSelector"], {NAMESPACE_LABEL: namespace})
        and _selects(peer["podSelector"], labels)
        for rule in _read("networkpolicy.yaml")["spec"]["ingress"]
        for peer in rule["from"]
    )


def test_it_runs_this_version_under_the_strategy_that_is_recommended() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    container = _container()
    assert container["image"] == f"configmap-syncer:{version}"
    assert container["env"] == [{"name": "APPLY_STRATEGY", "value": "server-side-apply"}]


def test_it_has_no_right_that_it_does_not_need() -> None:
    pod = _template()["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert _container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert [mount["mountPath"] for mount in _container()["volumeMounts"]] == ["/tmp"]


def test_no_manifest_fixes_a_user_or_group_but_for_an_image_that_has_none_by_number() -> None:
    # OpenShift gives each namespace its own numbers and refuses any other.
    fixed = {"runAsUser", "runAsGroup", "fsGroup", "supplementalGroups"}
    fixing = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "metacontroller").rglob("*.yaml")
        if fixed & set(_keys(list(yaml.safe_load_all(path.read_text("utf-8")))))
    }
    assert fixing == {"metacontroller/components/metacontroller/deployment.yaml"}


def _keys(content: Any) -> Iterator[str]:
    """Every key of a document, at any depth."""
    if isinstance(content, dict):
        yield from content
        content = list(content.values())
    if isinstance(content, list):
        for item in content:
            yield from _keys(item)


def test_its_service_account_is_its_own_and_gets_no_token() -> None:
    account = _read("serviceaccount.yaml")
    assert _template()["spec"]["serviceAccountName"] == account["metadata"]["name"]
    assert account["metadata"]["namespace"] == _read("namespace.yaml")["metadata"]["name"]
    assert account["automountServiceAccountToken"] is False


@pytest.mark.parametrize(
    ("probe", "path"),
    [("startupProbe", "/readyz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")],
)
def test_it_has_a_probe(probe: str, path: str) -> None:
    assert _container()[probe]["httpGet"] == {"path": path, "port": "http"}


def test_one_hook_at_least_answers_while_others_are_moved() -> None:
    deployment = _read("deployment.yaml")["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert _read("poddisruptionbudget.yaml")["spec"]["maxUnavailable"] == 1


def test_its_pods_are_spread_over_nodes_and_zones_but_fit_on_one() -> None:
    spread = _template()["spec"]["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spread] == [
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    ]
    assert {each["whenUnsatisfiable"] for each in spread} == {"ScheduleAnyway"}


def test_what_selects_its_pods_selects_them_all() -> None:
    selectors = [
        _read("deployment.yaml")["spec"]["selector"],
        _read("poddisruptionbudget.yaml")["spec"]["selector"],
        _read("networkpolicy.yaml")["spec"]["podSelector"],
        *(each["labelSelector"] for each in _template()["spec"]["topologySpreadConstraints"]),
    ]
    labels = _template()["metadata"]["labels"]
    assert [selector for selector in selectors if selector != selectors[0]] == []
    assert _selects(selectors[0], labels)


def test_the_time_to_end_is_enough_for_what_is_in_flight() -> None:
    (*_, wait) = _container()["lifecycle"]["preStop"]["exec"]["command"]
    assert wait == "import time; time.sleep(5)"
    assert _template()["spec"]["terminationGracePeriodSeconds"] > 5 + Settings().shutdown_seconds


def test_its_memory_is_what_the_benchmark_allows_for_the_largest_request() -> None:
    resources = _container()["resources"]
    at_rest = _bytes(resources["requests"]["memory"])
    largest = max(Settings().max_request_bytes, Settings().max_in_flight_bytes)
    assert at_rest + hook.MEMORY_LIMIT * largest <= _bytes(resources["limits"]["memory"])


def test_every_resource_has_a_request_and_a_limit() -> None:
    resources = _container()["resources"]
    assert set(resources["requests"]) == set(resources["limits"])
    (volume,) = _template()["spec"]["volumes"]
    assert _bytes(volume["emptyDir"]["sizeLimit"]) <= _bytes(
        resources["limits"]["ephemeral-storage"]
    )


@pytest.mark.parametrize(
    ("namespace", "name", "admitted"),
    [
        pytest.param("metacontroller", "metacontroller", True, id="Metacontroller"),
        pytest.param("metacontroller", "metacontroller-helm", True, id="Metacontroller by Helm"),
        pytest.param("monitoring", "prometheus", True, id="the metrics scraper"),
        pytest.param("metacontroller", "other", False, id="a neighbour of Metacontroller"),
        pytest.param("default", "metacontroller", False, id="who only calls itself Metacontroller"),
        pytest.param("default", "prometheus", False, id="who only calls itself Prometheus"),
        pytest.param("configmap-syncer-system", "other", False, id="a neighbour of the hook"),
    ],
)
def test_only_metacontroller_and_the_scraper_reach_it(
    namespace: str, name: str, admitted: bool
) -> None:
    assert _admits(namespace, {NAME_LABEL: name}) is admitted


def test_it_has_no_egress() -> None:
    policy = _read("networkpolicy.yaml")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in policy


def test_the_network_policy_opens_the_port_of_the_service_and_no_other() -> None:
    (port,) = _container()["ports"]
    opened = [rule["ports"] for rule in _read("networkpolicy.yaml")["spec"]["ingress"]]
    assert opened == [[{"protocol": "TCP", "port": port["name"]}]] * len(opened)

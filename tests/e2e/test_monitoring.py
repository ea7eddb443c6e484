"""A real Prometheus reads the real hook and Metacontroller: alerts fire and end, panels have data.

What kube-state-metrics makes of syncers is shown where it can be run.
"""

import json
import math
import re
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from tests.conditions import ready
from tests.controlplane import SERVER_SIDE_APPLY, HookProcess, Object, Stack, Workspace
from tests.controlplane.client import wait_for
from tests.controlplane.monitoring import (
    KUBE_STATE_METRICS,
    PROMETHEUS,
    KubeStateMetricsProcess,
    PrometheusProcess,
    scraped,
)
from tests.controlplane.stack import NAMESPACE
from tests.controlplane.tools import ROOT
from tests.documents import MONITORING as PAGE
from tests.documents import follow, in_cluster
from tests.e2e.conftest import NO_KUBE_STATE_METRICS, NO_PROMETHEUS
from tests.http.client import metrics_of
from tools.certificates import Authority

MONITORING = ROOT / "monitoring"
# Every time of the rules, this many times shorter: five minutes are two seconds.
SCALE = 150
_MILLISECONDS = {"m": 60_000, "h": 3_600_000}
NAME = "watched"
STALLED = "ConfigMapSyncerStalled"
HOOK_DOWN, METACONTROLLER_DOWN = "ConfigMapSyncerHookDown", "ConfigMapSyncerMetacontrollerDown"
# What the metrics of both, and the recorded one, begin with.
_METRIC = re.compile(r"\b(?:configmap_syncer|workqueue|process|metacontroller|rest_client)[a-z_:]*")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(SERVER_SIDE_APPLY) as running:
        yield running


def quick_rules(folder: Path) -> Path:
    """The rules, with alerts that wait for seconds instead of minutes."""
    rules = yaml.safe_load((MONITORING / "rules.yaml").read_text("utf-8"))
    for rule in rules["groups"][0]["rules"]:
        if "for" in rule:
            number, unit = int(rule["for"][:-1]), rule["for"][-1]
            rule["for"] = f"{number * _MILLISECONDS[unit] // SCALE}ms"
    file = folder / "quick-rules.yaml"
    file.write_text(yaml.safe_dump(rules, width=10**6), "utf-8")
    return file


@pytest.fixture(scope="module")
def prometheus(stack: Stack) -> Iterator[PrometheusProcess]:
    """Prometheus that has read both, and after that a syncer is made and changed."""
    if PROMETHEUS is None:
        pytest.skip(NO_PROMETHEUS)
    jobs = {
        "hook": scraped(stack.hook.url.removeprefix("http://")),
        "metacontroller": scraped(stack.metacontroller.metrics_address),
    }
    rules = quick_rules(stack.workspace.folder)
    running = PrometheusProcess(stack.workspace, jobs, [rules])
    running.start()
    try:
        wait_for(lambda: len(running.query("up == 1")) == len(jobs), "Prometheus to read both")
        stack.client.add_syncer(NAME, [f"{NAME}-dev"], {"a": "old"})
        # A rollout that soaks after each change, for panels and alerts are about these, too.
        rollout = {"stages": [{"name": "everywhere", "soakSeconds": 86_400}]}
        stack.client.merge_patch("ConfigMapSyncer", NAME, {"spec": {"rollout": rollout}})
        stack.client.wait_for("ConfigMapSyncer", NAME, is_ready, "the syncer to be Ready")
        yield running
    finally:
        running.kill()


def is_ready(syncer: Object) -> bool:
    return bool(ready(syncer.get("status", {})).get("status") == "True")


def call_the_hook(stack: Stack, why: str) -> None:
    """Have the syncer synced, which nothing else would do for minutes."""
    stack.client.merge_patch("ConfigMap", "settings", {"data": {"a": why}}, namespace=NAME)
    stack.client.wait_for(
        "ConfigMap",
        "settings",
        lambda copy: copy["data"] == {"a": why},
        "the copy to follow",
        namespace=f"{NAME}-dev",
    )


def wait_for_alerts(prometheus: PrometheusProcess, expected: dict[str, str]) -> None:
    wait_for(
        lambda: prometheus.alerts() == expected,
        f"the alerts {expected}",
        last=lambda: str(prometheus.alerts()),
    )


def queries() -> list[str]:
    """Every expression of the dashboard, with the variables filled in."""
    dashboard = json.loads((MONITORING / "dashboard.json").read_text("utf-8"))
    expressions = [
        target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())
    ]
    return [each.replace("$__rate_interval", "1m").replace("$syncer", NAME) for each in expressions]


def has_data(prometheus: PrometheusProcess, expression: str) -> bool:
    values = [float(sample["value"][1]) for sample in prometheus.query(expression)]
    return any(not math.isnan(value) for value in values)


def test_every_query_of_the_dashboard_returns_data(
    stack: Stack, prometheus: PrometheusProcess
) -> None:
    expressions = queries()
    call_the_hook(stack, "new")

    def empty() -> list[str]:
        return [each for each in expressions if not has_data(prometheus, each)]

    assert len(expressions) > 30
    wait_for(lambda: not empty(), "every query to return data", last=lambda: "\n".join(empty()))


def test_every_metric_of_the_rules_is_there(stack: Stack, prometheus: PrometheusProcess) -> None:
    call_the_hook(stack, "soaks")
    text = (MONITORING / "rules.yaml").read_text("utf-8")
    rules = yaml.safe_load(text)["groups"][0]["rules"]
    metrics = {name for rule in rules for name in _METRIC.findall(rule["expr"])} - {
        # What the first rule reads by a pattern, which has no name.
        "configmap_syncer_"
    }

    def absent() -> list[str]:
        return [name for name in sorted(metrics) if not prometheus.query(name)]

    assert "workqueue_depth" in metrics
    wait_for(lambda: not absent(), "every metric of the rules", last=lambda: str(absent()))


def test_an_alert_fires_while_the_hook_is_away_and_ends_when_it_is_back(
    stack: Stack, prometheus: PrometheusProcess
) -> None:
    wait_for_alerts(prometheus, {})
    stack.hook.kill()
    wait_for_alerts(prometheus, {HOOK_DOWN: "firing"})
    stack.hook.start()
    call_the_hook(stack, "hook is back")
    wait_for_alerts(prometheus, {})


def test_an_alert_fires_while_metacontroller_is_away_and_ends_when_it_is_back(
    stack: Stack, prometheus: PrometheusProcess
) -> None:
    wait_for_alerts(prometheus, {})
    stack.metacontroller.kill()
    wait_for_alerts(prometheus, {METACONTROLLER_DOWN: "firing"})
    stack.metacontroller.start()
    call_the_hook(stack, "Metacontroller is back")
    wait_for_alerts(prometheus, {})


def test_the_alert_that_the_page_shows_fires_and_ends(
    stack: Stack, prometheus: PrometheusProcess
) -> None:
    def wait_until(state: str | None) -> None:
        wait_for(
            lambda: prometheus.alerts().get(STALLED) == state,
            f"the alert to be {state}",
            last=lambda: str(prometheus.alerts()),
        )

    syncer = "configmapsyncer-sample"
    ready, stalled = (
        f"kubectl wait --for=condition={condition} configmapsyncer/{syncer} --timeout=60s"
        for condition in ("Ready", "Stalled")
    )
    after = {stalled: lambda: wait_until("firing"), ready: lambda: wait_until(None)}
    followed = follow(PAGE, in_cluster(stack.control_plane.kubeconfig), after)
    assert followed[-1] == ready
    assert stalled in followed
    stack.client.delete("ConfigMapSyncer", syncer)
    stack.client.wait_until_gone("ConfigMapSyncer", syncer)


def test_under_tls_prometheus_needs_the_authority_and_the_name_and_no_credential(
    tmp_path: Path,
) -> None:
    if PROMETHEUS is None:
        pytest.skip(NO_PROMETHEUS)
    host = f"configmap-syncer-webhook.{NAMESPACE}.svc"
    authority, clients = Authority(), Authority("clients")
    certificate, key = authority.server([host]).write(tmp_path)
    (tmp_path / "tokens").write_text("of-metacontroller")
    settings = {
        "TLS_CERTIFICATE_FILE": str(certificate),
        "TLS_KEY_FILE": str(key),
        "CLIENT_CA_FILE": str(clients.write(tmp_path / "clients.crt")),
        "BEARER_TOKEN_FILE": str(tmp_path / "tokens"),
    }
    trusting = ssl.create_default_context(cadata=authority.certificate.decode())
    # The certificate is not valid for loopback, as it is not for the address of a pod.
    trusting.check_hostname = False
    known = {"ca_file": str(authority.write(tmp_path / "ca.crt")), "server_name": host}
    certificates = {}
    for name, signer in (("known", clients), ("unknown", authority)):
        (tmp_path / name).mkdir()
        files = signer.client().write(tmp_path / name)
        certificates[name] = dict(zip(("cert_file", "key_file"), map(str, files), strict=True))
    with Workspace() as workspace, ExitStack() as ending:
        hook = HookProcess(workspace, SERVER_SIDE_APPLY, settings, tls=trusting)
        ending.callback(hook.kill)
        hook.start()
        address = hook.url.removeprefix("https://")
        expected = {
            "as-documented": (known, "1"),
            "without-the-name": ({"ca_file": known["ca_file"]}, "0"),
            "without-the-authority": ({"server_name": host}, "0"),
            "with-a-client-certificate": (known | certificates["known"], "1"),
            "with-one-of-another-authority": (known | certificates["unknown"], "0"),
        }
        jobs = {
            name: scraped(address, scheme="https", tls_config=tls)
            for name, (tls, _) in expected.items()
        }
        prometheus = PrometheusProcess(workspace, jobs)
        ending.callback(prometheus.kill)
        prometheus.start()

        def is_up() -> dict[str, str]:
            return {each["metric"]["job"]: each["value"][1] for each in prometheus.query("up")}

        wait_for(
            lambda: is_up() == {name: up for name, (_, up) in expected.items()},
            "Prometheus to read what it may",
            last=lambda: str(is_up()),
        )


@pytest.fixture
def kube_state_metrics(stack: Stack) -> Iterator[KubeStateMetricsProcess]:
    """kube-state-metrics with the rights that the manual asks for, and no others."""
    if KUBE_STATE_METRICS is None:
        pytest.skip(NO_KUBE_STATE_METRICS)
    role = yaml.safe_load((MONITORING / "kube-state-metrics-role.yaml").read_text("utf-8"))
    stack.client.apply(role)
    user = "kube-state-metrics"
    group = "rbac.authorization.k8s.io"
    name = role["metadata"]["name"]
    stack.client.apply(
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
        }
    )
    kubeconfig, _ = stack.control_plane.add_identity(user)
    configuration = MONITORING / "kube-state-metrics.yaml"
    running = KubeStateMetricsProcess(stack.workspace, kubeconfig, configuration)
    running.start()
    yield running
    running.kill()


def _page(kube_state_metrics: KubeStateMetricsProcess) -> str:
    with urllib.request.urlopen(f"http://{kube_state_metrics.address}/metrics") as page:
        text: str = page.read().decode()
    return text


def expected_samples(syncer: Object) -> dict[str, dict[tuple[str, ...], float]]:
    """By metric and the values of its labels: group, kind, version, then by the labels' names."""
    name, spec, status = syncer["metadata"]["name"], syncer["spec"], syncer["status"]
    kind = ("config.example.com", "ConfigMapSyncer", "v1alpha1")
    gauges = {
        "created": seconds(syncer["metadata"]["creationTimestamp"]),
        "suspended": 0,
        "generation": syncer["metadata"]["generation"],
        "status_observed_generation": status["observedGeneration"],
        "status_targets": 2,
        "status_synced_targets": 1,
        "status_pending_targets": 0,
        "status_failed_targets": 1,
        "status_last_sync_time": seconds(status["lastSyncTime"]),
    }
    source = (spec["sourceConfigMap"], spec["sourceNamespace"])
    samples: dict[str, dict[tuple[str, ...], float]] = {
        metric: {(*kind, name): value} for metric, value in gauges.items()
    }
    samples["info"] = {(*kind, *source, name): 1}
    samples["status_condition"] = {
        (*kind, each["reason"], name, each["type"]): each["status"] == "True"
        for each in status["conditions"]
    }
    return samples


def seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def test_kube_state_metrics_tells_what_the_status_of_a_syncer_says(
    stack: Stack, kube_state_metrics: KubeStateMetricsProcess
) -> None:
    name = "counted"
    stack.client.add_syncer(name, [f"{name}-dev"], {})
    absent = {"targetNamespaces": [f"{name}-dev", f"{name}-absent"]}
    stack.client.merge_patch("ConfigMapSyncer", name, {"spec": absent})

    def is_blocked(syncer: Object) -> bool:
        status = syncer.get("status", {})
        return (status.get("syncedCount"), status.get("failedCount")) == (1, 1)

    stack.client.wait_for("ConfigMapSyncer", name, is_blocked, "one copy of two")
    syncer = stack.client.get("ConfigMapSyncer", name)

    def found() -> dict[str, dict[tuple[str, ...], float]]:
        prefix = "kube_configmapsyncer_"
        return {
            metric.removeprefix(prefix): {
                labels: value for labels, value in samples.items() if name in labels
            }
            for metric, samples in metrics_of(_page(kube_state_metrics)).items()
            if metric.startswith(prefix)
        }

    expected = expected_samples(syncer)
    assert len(expected["status_condition"]) == 4
    wait_for(
        lambda: {metric: values for metric, values in found().items() if values} == expected,
        f"kube-state-metrics to say {expected}",
        last=lambda: str(found()),
    )

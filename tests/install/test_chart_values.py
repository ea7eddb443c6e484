"""Values of the chart: what they change, and which are refused."""

import base64
import contextlib
import re
import shlex
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from hooks.settings import Settings, read
from tests import helm
from tests.controlplane import Object
from tests.controlplane.stack import NAMESPACE
from tests.controlplane.tools import ROOT

HOOK, METACONTROLLER = "configmap-syncer-controller-manager", "configmap-syncer-metacontroller"
RULE = "PrometheusRule"
TLS = {"tls.enabled": True, "tls.source": "given"}
CERT_MANAGER = {"tls.enabled": True, "tls.source": "cert-manager"}
SECRETS = {"secrets.enabled": True}
SHOWN: dict[str, str] = {
    command: answer
    for page in sorted((ROOT / "docs").glob("*.md"))
    for command, answer in re.findall(
        r"^\$ (helm (?:install|upgrade) .+)\n(.*)$", page.read_text("utf-8"), re.MULTILINE
    )
}
"""The commands that the pages show, and the first line that each prints."""

Values = Mapping[str, Any]

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(helm.missing() is not None, reason=str(helm.missing())),
]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        pytest.param(
            {"secrets.enabled": True}, "secrets.enabled needs tls.enabled", id="Secrets without TLS"
        ),
        pytest.param(
            SECRETS | TLS | {"applyStrategy": "dynamic-apply"},
            "secrets.enabled needs applyStrategy=server-side-apply",
            id="Secrets under dynamic apply",
        ),
        pytest.param(
            {"adoption.enabled": True},
            "adoption.enabled needs applyStrategy=dynamic-apply",
            id="adoption under server-side apply",
        ),
        pytest.param(
            CERT_MANAGER,
            "tls.source=cert-manager needs secrets.enabled",
            id="an authority in a Secret that may not be read",
        ),
        pytest.param(
            {"auth.bearerToken.secretName": "token"},
            "auth needs secrets.enabled",
            id="a token in a Secret that may not be read",
        ),
        pytest.param(
            {
                "metacontroller.enabled": False,
                "auth.clientCertificate": {"secretName": "a", "caConfigMapName": "b"},
            },
            "auth.clientCertificate needs tls.enabled",
            id="a client certificate without TLS",
        ),
        pytest.param(
            SECRETS | TLS | {"auth.clientCertificate.secretName": "a"},
            "auth.clientCertificate needs secretName and caConfigMapName",
            id="a client certificate that nobody checks",
        ),
        pytest.param(
            {"metrics.clientCertificate.secretName": "a"},
            "metrics.clientCertificate needs tls.enabled",
            id="a client certificate of Prometheus without TLS",
        ),
        pytest.param(
            TLS | {"tls.given.certificate": "-----BEGIN CERTIFICATE-----"},
            "tls.given needs certificate, key and ca",
            id="a certificate without its key",
        ),
        pytest.param(
            {"tls.enabled": True}
            | {f"tls.given.{name}": "-----BEGIN X-----" for name in ("certificate", "key", "ca")},
            "tls.given is not used",
            id="a certificate that is given and not used",
        ),
        pytest.param(
            {"metrics.serviceMonitor.enabled": True, "metrics.podMonitor.enabled": True},
            "exclude each other",
            id="two monitors of one pod",
        ),
        pytest.param(
            {"metacontroller.enabled": False, "metrics.prometheusRule.enabled": True},
            "metrics.prometheusRule needs metacontrollerMemoryLimit",
            id="an alert on a limit that the chart does not know",
        ),
        pytest.param(
            {
                "metrics.prometheusRule": {
                    "enabled": True,
                    "metacontrollerMemoryLimit": "a lot",
                }
            },
            "needs a limit such as 2Gi",
            id="an alert on a limit that is no quantity",
        ),
        pytest.param(
            {"metrics.prometheusRule.disabledAlerts": ["NoSuchAlert"]},
            "disabledAlerts has NoSuchAlert",
            id="an alert that there is not",
        ),
        pytest.param(
            {"metrics.prometheusRule.disabledAlerts": [".*"]},
            "disabledAlerts has .*",
            id="a pattern of alerts",
        ),
        pytest.param(
            {
                "metrics.prometheusRule.enabled": True,
                "metacontroller.resources": {"limits": None},
            },
            "needs a limit such as 2Gi",
            id="an alert on a limit that there is not",
        ),
        pytest.param(
            {"metacontroller.image.tag": None},
            "has neither a tag nor a digest",
            id="an image without a tag",
        ),
        pytest.param(
            {"commonLabels": {"app.kubernetes.io/managed-by": "other"}},
            "commonLabels has app.kubernetes.io/managed-by",
            id="a label that Helm needs",
        ),
        pytest.param(
            {"commonLabels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
            "commonLabels has rbac.authorization.k8s.io/aggregate-to-view",
            id="a label that would give Metacontroller's rights to everybody",
        ),
        pytest.param(
            {"metrics.dashboard.labels": {"app.kubernetes.io/instance": "main"}},
            "metrics.dashboard.labels has app.kubernetes.io/instance",
            id="a label that an object would have twice",
        ),
        pytest.param(
            {"podDisruptionBudget.minAvailable": 1},
            "podDisruptionBudget needs maxUnavailable or minAvailable",
            id="two limits of disruptions",
        ),
        pytest.param(
            {"metacontroller.podDisruptionBudget.maxUnavailable": None},
            "metacontroller.podDisruptionBudget needs maxUnavailable or minAvailable",
            id="no limit of disruptions",
        ),
        pytest.param(
            {"settings.maxRequestBytes": 2000, "settings.maxInFlightBytes": 1000},
            "settings.maxInFlightBytes is smaller",
            id="less for all requests than for one",
        ),
        pytest.param(
            {"settings.maxRequestBytes": Settings().max_in_flight_bytes + 1},
            "settings.maxInFlightBytes is smaller",
            id="more for one request than the default for all",
        ),
        pytest.param(
            {"settings.maxInFlightBytes": Settings().max_request_bytes - 1},
            "settings.maxInFlightBytes is smaller",
            id="less for all requests than the default for one",
        ),
        pytest.param(
            {"podLabels": {"app.kubernetes.io/name": "other"}},
            "podLabels has app.kubernetes.io/name",
            id="a label that a selector needs",
        ),
        pytest.param(
            {"extraEnv": [{"name": "MAX_REQUEST_BYTES", "value": "1"}]},
            "extraEnv has MAX_REQUEST_BYTES",
            id="a variable of a setting",
        ),
        pytest.param(
            {"metacontroller.extraEnv": [{"name": "GOGC", "value": "1"}]},
            "metacontroller.extraEnv has GOGC",
            id="a variable of Metacontroller's value",
        ),
        pytest.param(
            {"metacontroller.extraArgs": ["--apply-strategy=dynamic-apply"]},
            "metacontroller.extraArgs has --apply-strategy=dynamic-apply",
            id="an argument that the chart sets",
        ),
    ],
)
def test_a_combination_that_makes_no_sense_is_refused_with_a_sentence(
    given: Values, sentence: str
) -> None:
    assert sentence in helm.refused(given)


def test_the_admission_policy_is_refused_where_the_api_server_does_not_know_it() -> None:
    answer = helm.refused({}, "--kube-version=1.29.0")
    assert "admissionPolicy.enabled needs Kubernetes 1.30; this is v1.29.0" in answer
    older = helm.rendered("--kube-version=1.29.0", "--set=admissionPolicy.enabled=false")
    assert not {each["kind"] for each in older if "Admission" in each["kind"]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("replicas", 2),
        ("replicaCount", "2"),
        ("replicaCount", 0),
        ("secrets.enabled", "yes"),
        ("applyStrategy", "apply"),
        ("image.digest", "latest"),
        ("nodeSelector", ["a"]),
        ("settings.maxRequestBytes", "512Mi"),
        ("settings.port", 8081),
        ("tls.source", "helm"),
        ("tls.given.key", "/path/to/key"),
        ("metacontroller.extraArgs", "--workers=1"),
        ("metacontroller.goMemLimit", "2Gi"),
        ("metrics.podMonitor.interval", "often"),
        # Without them, a policy or a limit would be gone without a word.
        ("networkPolicy.enabled", None),
        ("applyStrategy", None),
        ("metacontroller.shared", None),
        # What would become more than one value of the manifest, or leave the folder of a volume.
        ("networkPolicy.prometheus.namespace", "a\n          podSelector: {}"),
        ("metacontroller.shared.names", ["a: b"]),
        ("auth.bearerToken.acceptedKey", "a\n            - name: LD_PRELOAD"),
        ("auth.bearerToken.key", "../../tmp/token"),
        ("auth.bearerToken.key", ".."),
        ("auth.clientCertificate.caKey", "ca.crt #"),
        ("auth.clientCertificate.secretName", "A B"),
        # What the API server, the kubelet or Metacontroller would refuse later.
        ("podLabels", {"a b": "c"}),
        ("commonLabels", {"team": "a b"}),
        ("image.repository", "registry.example.com/image:1"),
        ("image.tag", "a b"),
        ("extraEnv", [{"name": "A", "value": 1}]),
        ("resources", {"limit": {"cpu": "1"}}),
        ("tolerations", [{"keyy": "infra"}]),
        (
            "topologySpreadConstraints",
            [{"maxSkew": "1", "topologyKey": "a", "whenUnsatisfiable": "DoNotSchedule"}],
        ),
        ("tls.certManager.issuerRef", {"kind": "ClusterIssuer"}),
        ("metacontroller.extraArgs", ["--apply-strategy dynamic-apply"]),
        ("metrics.podMonitor.interval", "1m1h"),
        ("metrics.prometheusRule.runbookUrl", "docs/monitoring.md"),
        # Helm would make a certificate that has expired: the days do not fit into its clock.
        ("tls.generated.days", 200_000),
    ],
)
def test_a_value_of_another_type_or_name_is_refused(name: str, value: Any) -> None:
    answer = helm.refused({name: value})
    assert "values don't meet the specifications of the schema" in answer
    *_, last = name.split(".")
    assert last in answer


def test_names_that_yaml_reads_as_numbers_stay_names() -> None:
    prometheus = {"namespace": "456", "name": "yes"}
    values = {"metrics.podMonitor.enabled": True, "networkPolicy.prometheus": prometheus}
    rendered = helm.rendered(
        *helm.values(SECRETS | {"tls.enabled": True} | values), namespace="123"
    )

    namespaces = {each["metadata"].get("namespace") for each in rendered}
    assert namespaces == {None, "default", "123"}
    for name in ("configmap-syncer-webhook", METACONTROLLER):
        *_, last = found(rendered, "NetworkPolicy", name)["spec"]["ingress"]
        (peer,) = last["from"]
        assert [each["matchLabels"] for each in peer.values()] == [
            {"kubernetes.io/metadata.name": "456"},
            {"app.kubernetes.io/name": "yes"},
        ]
    hooks = found(rendered, "CompositeController", "configmap-syncer")["spec"]["hooks"]
    assert hooks["sync"]["webhook"]["caBundle"]["configMapRef"]["namespace"] == "123"


def test_a_label_of_one_object_goes_before_the_common_one_of_that_name() -> None:
    values = {
        "commonLabels": {"release": "common", "team": "platform"},
        "metrics.podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "metrics.dashboard.enabled": True,
    }
    done = helm.run("template", helm.RELEASE, helm.CHART, *helm.values(values))
    for document in done.stdout.split("\n---\n"):
        assert document.count("\n    release: ") <= 1
    labels = {
        each["kind"]: each["metadata"]["labels"]
        for each in yaml.safe_load_all(done.stdout)
        if each["kind"] in {"PodMonitor", "Service"}
    }
    assert labels["PodMonitor"]["release"] == "prometheus"
    assert labels["Service"]["release"] == "common"
    assert {each["team"] for each in labels.values()} == {"platform"}


@pytest.mark.parametrize(
    ("limit", "expected"), [(2147483648, 2147483648), ("1Ti", 1099511627776), ("1G", 1000000000)]
)
def test_the_alert_on_memory_takes_the_limits_that_kubernetes_takes(
    limit: Any, expected: int
) -> None:
    values = {
        "metrics.prometheusRule.enabled": True,
        "metacontroller.resources.limits": {"memory": limit},
    }
    rule = found(helm.rendered(*helm.values(values)), RULE, "configmap-syncer")
    assert f"> 0.8 * {expected}\n" in yaml.safe_dump(rule, width=10**6, default_style="|")


def test_an_alert_on_memory_follows_the_limit_and_another_one_is_left_out() -> None:
    alerts = {
        "metrics.prometheusRule.enabled": True,
        "metrics.prometheusRule.disabledAlerts": ["ConfigMapSyncerNothingAnswered"],
        "metacontroller.resources.limits.memory": "500Mi",
    }
    (rule,) = (each for each in helm.rendered(*helm.values(alerts)) if each["kind"] == RULE)
    rules = {each.get("alert"): each for group in rule["spec"]["groups"] for each in group["rules"]}
    assert "ConfigMapSyncerNothingAnswered" not in rules
    assert "> 0.8 * 524288000\n" in rules["ConfigMapSyncerMetacontrollerMemory"]["expr"]


def test_every_alert_links_to_the_page_that_the_values_name() -> None:
    page = "https://wiki.example.org/configmap-syncer"
    alerts = {"metrics.prometheusRule.enabled": True, "metrics.prometheusRule.runbookUrl": page}
    rule = found(helm.rendered(*helm.values(alerts)), RULE, "configmap-syncer")
    links = {
        each["alert"]: each["annotations"]["runbook_url"]
        for group in rule["spec"]["groups"]
        for each in group["rules"]
        if "alert" in each
    }
    assert links == {alert: f"{page}#{alert.lower()}" for alert in links}
    assert len(links) > 10


@pytest.mark.parametrize(
    ("kind", "ports"),
    [("PodMonitor", ["http", "metrics"]), ("ServiceMonitor", ["https", "metrics"])],
)
def test_prometheus_scrapes_by_either_kind_and_presents_what_a_proxy_asks_for(
    kind: str, ports: Sequence[str]
) -> None:
    values = {
        f"metrics.{kind[0].lower()}{kind[1:]}": {"enabled": True, "labels": {"release": "main"}},
        "metrics.bearerToken.secretName": "prometheus-token",
        "metrics.clientCertificate.secretName": "prometheus-tls",
    }
    rendered = helm.rendered(*helm.values(TLS | values))
    monitors = {each["metadata"]["name"]: each for each in rendered if each["kind"] == kind}
    names = ["configmap-syncer-webhook", "configmap-syncer-metacontroller"]
    assert {each["metadata"]["labels"]["release"] for each in monitors.values()} == {"main"}
    ((hook,), (metacontroller,)) = (
        monitors[name]["spec"].get("endpoints") or monitors[name]["spec"]["podMetricsEndpoints"]
        for name in names
    )
    assert metacontroller == {"path": "/metrics", "port": ports[1]}
    assert hook == {
        "path": "/metrics",
        "port": ports[0],
        "scheme": "https",
        "tlsConfig": {
            "serverName": f"configmap-syncer-webhook.{NAMESPACE}.svc",
            "ca": {"configMap": {"name": "configmap-syncer-webhook-ca", "key": "ca.crt"}},
            "cert": {"secret": {"name": "prometheus-tls", "key": "tls.crt"}},
            "keySecret": {"name": "prometheus-tls", "key": "tls.key"},
        },
        "authorization": {
            "type": "Bearer",
            "credentials": {"name": "prometheus-token", "key": "token"},
        },
    }
    # A ServiceMonitor finds pods by a Service with the same labels.
    services = {each["metadata"]["name"] for each in rendered if each["kind"] == "Service"}
    assert services == set(names if kind == "ServiceMonitor" else names[:1])


def found(rendered: Sequence[Object], kind: str, name: str) -> Any:
    (one,) = (each for each in rendered if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return one


def pod(rendered: Sequence[Object], name: str) -> Any:
    return found(rendered, "Deployment", name)["spec"]["template"]


def test_a_generated_certificate_is_one_that_metacontroller_accepts(tmp_path: Path) -> None:
    rendered = helm.rendered("--set=tls.enabled=true", namespace="elsewhere")
    data = found(rendered, "Secret", "configmap-syncer-webhook-tls")["data"]
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).write_bytes(base64.b64decode(data[name]))
    bundle = found(rendered, "ConfigMap", "configmap-syncer-webhook-ca")["data"]["ca.crt"]
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    url = found(rendered, "CompositeController", "configmap-syncer")["spec"]["hooks"]["sync"]
    host = urlsplit(url["webhook"]["url"]).hostname
    assert host == "configmap-syncer-webhook.elsewhere.svc"

    assert shake_hands(server, ssl.create_default_context(cadata=bundle), host)


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> bool:
    """Whether a client accepts the certificate that a server shows for a host."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return ends[0].cipher() is not None


def test_credentials_reach_the_hook_and_metacontroller() -> None:
    given = {
        "auth.bearerToken": {"secretName": "token", "acceptedKey": "tokens"},
        "auth.clientCertificate": {"secretName": "client", "caConfigMapName": "client-ca"},
    }
    rendered = helm.rendered(*helm.values(SECRETS | TLS | given))
    spec = found(rendered, "CompositeController", "configmap-syncer")["spec"]
    for hook in spec["hooks"].values():
        assert hook["webhook"]["authorization"] == {
            "type": "Bearer",
            "secretRef": {"name": "token", "namespace": NAMESPACE, "key": "token"},
        }
        assert hook["webhook"]["clientTLS"] == {
            "secretRef": {"name": "client", "namespace": NAMESPACE}
        }
    (container,) = pod(rendered, HOOK)["spec"]["containers"]
    variables = {each["name"]: each["value"] for each in container["env"]}
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert variables["BEARER_TOKEN_FILE"] == f"{mounts['token']}/tokens"
    assert variables["CLIENT_CA_FILE"] == f"{mounts['client-ca']}/ca.crt"
    volumes = {each["name"]: each for each in pod(rendered, HOOK)["spec"]["volumes"]}
    assert volumes["token"]["secret"]["secretName"] == "token"
    assert volumes["client-ca"]["configMap"]["name"] == "client-ca"


@pytest.mark.parametrize(("prefix", "name"), [("", HOOK), ("metacontroller.", METACONTROLLER)])
def test_pods_are_as_the_values_say(prefix: str, name: str) -> None:
    constraint = {"maxSkew": 2, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}
    digest = f"sha256:{'0' * 64}"
    scheduling = {
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "infra", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "system-cluster-critical",
    }
    values = scheduling | {
        "podLabels": {"team": "platform"},
        "podAnnotations": {"example.com/note": "1"},
        "extraEnv": [{"name": "TZ", "value": "UTC"}],
        "topologySpreadConstraints": [constraint],
        "image": {"repository": "registry.example.com/image", "digest": digest},
        "serviceAccount.annotations": {"example.com/role": "one"},
        "replicaCount": 3,
    }
    shared = {"imagePullSecrets": [{"name": "registry"}], "commonLabels": {"team": "platform"}}
    given = {f"{prefix}{key}": value for key, value in values.items()}

    rendered = helm.rendered(*helm.values(shared | given))

    template = pod(rendered, name)
    assert template["metadata"]["labels"]["team"] == "platform"
    assert template["metadata"]["annotations"] == {"example.com/note": "1"}
    spec = template["spec"]
    assert {key: spec[key] for key in scheduling} == scheduling
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    selector = found(rendered, "Deployment", name)["spec"]["selector"]
    assert spec["topologySpreadConstraints"] == [
        constraint | {"labelSelector": selector, "matchLabelKeys": ["pod-template-hash"]}
    ]
    (container,) = spec["containers"]
    assert container["image"] == f"registry.example.com/image@{digest}"
    assert container["env"][-1] == {"name": "TZ", "value": "UTC"}
    account = found(rendered, "ServiceAccount", spec["serviceAccountName"])
    assert account["metadata"]["annotations"] == {"example.com/role": "one"}
    assert found(rendered, "Deployment", name)["spec"]["replicas"] == 3
    unlabelled = [
        each["metadata"]["name"]
        for each in rendered
        if each["metadata"].get("labels", {}).get("team") != "platform"
    ]
    assert {each.partition(".")[2] for each in unlabelled} == {"metacontroller.k8s.io"}


def test_the_hook_gets_its_settings_as_it_reads_them() -> None:
    given = {
        "maxRequestBytes": 1073741824,
        "maxInFlightBytes": 2147483648,
        "requireConsent": True,
        "requireTargetConsent": False,
        "host": "::",
        "shutdownSeconds": 60,
    }
    rendered = helm.rendered(*helm.values({"settings": given}))
    (container,) = pod(rendered, HOOK)["spec"]["containers"]
    variables = {each["name"]: each["value"] for each in container["env"]}
    assert variables == {
        "APPLY_STRATEGY": "server-side-apply",
        "MAX_REQUEST_BYTES": "1073741824",
        "MAX_IN_FLIGHT_BYTES": "2147483648",
        "REQUIRE_CONSENT": "true",
        "REQUIRE_TARGET_CONSENT": "false",
        "HOST": "::",
        "SHUTDOWN_SECONDS": "60",
    }
    assert read(variables).max_in_flight_bytes == 2147483648
    assert pod(rendered, HOOK)["spec"]["terminationGracePeriodSeconds"] == 75


@pytest.mark.parametrize("line", sorted(SHOWN))
def test_a_command_that_a_page_shows_has_values_that_the_chart_takes(line: str) -> None:
    flags = [each for each in shlex.split(line) if "metacontroller." in each or "=" in each]
    values = [f"--set={each.removeprefix('--set=')}" for each in flags]
    if "secrets.enabled=true" in line and "tls.enabled=true" not in line:
        # The page shows that it is refused, and with which words.
        assert SHOWN[line].removeprefix("Error: INSTALLATION FAILED: ") in helm.refused(
            {"secrets.enabled": True}
        )
    else:
        helm.rendered(*values)


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("crds.enabled", {("CustomResourceDefinition", "configmapsyncers.config.example.com")}),
        (
            "networkPolicy.enabled",
            {("NetworkPolicy", "configmap-syncer-webhook"), ("NetworkPolicy", METACONTROLLER)},
        ),
        ("podDisruptionBudget.enabled", {("PodDisruptionBudget", "configmap-syncer-webhook")}),
        ("metacontroller.podDisruptionBudget.enabled", {("PodDisruptionBudget", METACONTROLLER)}),
        (
            "admissionPolicy.enabled",
            {
                ("ValidatingAdmissionPolicy", "configmap-syncer-ownership"),
                ("ValidatingAdmissionPolicyBinding", "configmap-syncer-ownership"),
            },
        ),
    ],
)
def test_what_is_switched_off_is_left_out_and_nothing_else(
    name: str, gone: set[tuple[str, str]]
) -> None:
    everything, less = helm.rendered(), helm.rendered(*helm.values({name: False}))
    names = [
        {(each["kind"], each["metadata"]["name"]) for each in every} for every in (everything, less)
    ]
    assert names[0] - names[1] == gone
    assert [each for each in less if each not in everything] == []


def test_roles_for_people_can_be_left_to_be_bound() -> None:
    rendered = helm.rendered("--set=rbac.aggregateClusterRoles=false")
    for name in ("configmap-syncer-view", "configmap-syncer-edit"):
        labels = found(rendered, "ClusterRole", name)["metadata"]["labels"]
        assert [each for each in labels if "aggregate" in each] == []


def test_the_definition_stays_when_the_chart_is_uninstalled_and_nothing_else_does() -> None:
    kept = [
        each["metadata"]["name"]
        for each in helm.rendered()
        if each["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
    ]
    assert kept == ["configmapsyncers.config.example.com"]


def test_the_notes_say_what_to_do_next_and_how_to_uninstall() -> None:
    arguments = ("-n", "elsewhere", "--set=metacontroller.enabled=false")
    done = helm.run("install", "mine", helm.CHART, "--dry-run=client", *arguments)
    _, _, notes = done.stdout.partition("NOTES:\n")
    for line in (
        "ConfigMap Syncer 0.1.0 is installed in the namespace elsewhere.",
        "  --apply-strategy=server-side-apply --client-go-qps=500 --client-go-burst=1000",
        "  kubectl rollout status deployment -n elsewhere",
        "  kubectl delete configmapsyncers --all",
        "  helm uninstall mine -n elsewhere",
    ):
        assert f"{line}\n" in notes
    (syncer,) = re.findall(r"<<EOF\n(.+?)\n  EOF", notes, re.DOTALL)
    assert yaml.safe_load(syncer)["spec"] == {
        "sourceNamespace": "default",
        "sourceConfigMap": "app-config",
        "targetNamespaces": ["dev"],
    }

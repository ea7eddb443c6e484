"""Every value of the chart has an effect: another one than the default changes an object."""

import base64
import contextlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import pytest
import yaml
from cryptography import x509

from tests import helm
from tests.controlplane import Object
from tools import chart

PEM: Final = "-----BEGIN CERTIFICATE-----"
TLS: Final = {"tls.enabled": True, "tls.source": "given"}
SECRETS: Final = TLS | {"secrets.enabled": True}
TOKEN: Final = SECRETS | {"auth.bearerToken.secretName": "a"}
CLIENT: Final = SECRETS | {
    "auth.clientCertificate.secretName": "a",
    "auth.clientCertificate.caConfigMapName": "b",
}
GIVEN: Final = TLS | {f"tls.given.{name}": PEM for name in ("certificate", "key", "ca")}
SHARED: Final = {"metacontroller.enabled": False}
RULE: Final = {"metrics.prometheusRule.enabled": True}
POD_MONITOR: Final = {"metrics.podMonitor.enabled": True}
SERVICE_MONITOR: Final = {"metrics.serviceMonitor.enabled": True}
LIST: Final = [{"key": "a"}]
CONSTRAINT: Final = {"maxSkew": 2, "topologyKey": "a", "whenUnsatisfiable": "DoNotSchedule"}
RELABELING: Final = [{"action": "drop", "sourceLabels": ["a"]}]

Values = Mapping[str, Any]

BY_NAME: Final[Mapping[str, Any]] = {
    "affinity": {"nodeAffinity": {}},
    "annotations": {"a": "b"},
    "caConfigMapName": "other",
    "certificate": f"{PEM}2",
    "ca": f"{PEM}2",
    "key": "other",
    "caKey": "other",
    "acceptedKey": "other",
    "secretName": "other",
    "containerSecurityContext": {"runAsUser": 1},
    "digest": f"sha256:{'0' * 64}",
    "extraEnv": [{"name": "A", "value": "b"}],
    "extraIngress": [{"from": [{"podSelector": {}}]}],
    "imagePullSecrets": [{"name": "a"}],
    "interval": "7s",
    "labels": {"a": "b"},
    "commonLabels": {"a": "b"},
    "nodeSelector": {"a": "b"},
    "podAnnotations": {"a": "b"},
    "podLabels": {"a": "b"},
    "podSecurityContext": {"runAsNonRoot": False},
    "priorityClassName": "a",
    "pullPolicy": "Always",
    "relabelings": RELABELING,
    "metricRelabelings": RELABELING,
    "repository": "other",
    "resources": {"limits": {"cpu": "7"}},
    "scrapeTimeout": "7s",
    "tag": "v9",
    "tolerations": LIST,
    "topologySpreadConstraints": [CONSTRAINT],
    "host": "::",
    "fieldManager": "other",
    "requireConsent": True,
    "requireTargetConsent": True,
    "goMemLimit": "1GiB",
    "names": ["other"],
    "namespace": "other",
    "name": "other",
    "disabledAlerts": ["ConfigMapSyncerSilent"],
    "metacontrollerMemoryLimit": "7Gi",
    "runbookUrl": "https://wiki.example.org/page",
    "issuerRef": {"name": "a"},
    "extraArgs": ["--workers=1"],
    "maxUnavailable": 7,
    "minAvailable": 7,
}
"""Another value than the default, by the last part of the path; of a number, one more."""

GIVES: Final[Mapping[str, Any]] = {
    "applyStrategy": "dynamic-apply",
    "tls.source": "given",
    "tls.given.key": f"{PEM}2",
    "settings.maxRequestBytes": 1000,
    "settings.maxInFlightBytes": 1_000_000_000,
    "settings.host": "::",
}
"""Another value than the default, by the whole path."""

WITH: Final[Mapping[str, Values]] = {
    "secrets.enabled": TLS,
    "tls.source": {"tls.enabled": True},
    "tls.generated.days": {"tls.enabled": True},
    "tls.given.": GIVEN,
    "tls.certManager.issuerRef": SECRETS | {"tls.source": "cert-manager"},
    "auth.bearerToken.secretName": SECRETS,
    "auth.bearerToken.": TOKEN,
    "auth.clientCertificate.": CLIENT,
    "adoption.enabled": {"applyStrategy": "dynamic-apply"},
    "podDisruptionBudget.minAvailable": {
        "podDisruptionBudget.maxUnavailable": None,
        "podDisruptionBudget.minAvailable": 1,
    },
    "metacontroller.podDisruptionBudget.minAvailable": {
        "metacontroller.podDisruptionBudget.maxUnavailable": None,
        "metacontroller.podDisruptionBudget.minAvailable": 1,
    },
    "metacontroller.shared.": SHARED,
    "metrics.podMonitor.enabled": {},
    "metrics.podMonitor.": POD_MONITOR,
    "metrics.serviceMonitor.enabled": {},
    "metrics.serviceMonitor.": SERVICE_MONITOR,
    "metrics.bearerToken.secretName": TLS | POD_MONITOR,
    "metrics.bearerToken.": TLS | POD_MONITOR | {"metrics.bearerToken.secretName": "a"},
    "metrics.clientCertificate.": TLS | POD_MONITOR,
    "metrics.prometheusRule.enabled": {},
    "metrics.prometheusRule.": RULE,
    "metrics.dashboard.enabled": {},
    "metrics.dashboard.": {"metrics.dashboard.enabled": True},
}
"""What a value needs to have an effect, by its path, or by what its path begins with."""

ONLY_IN_A_CLUSTER: Final = {"metacontroller.alongside"}
"""Values about what Helm finds there: tests/e2e/test_helm.py."""

CERTIFICATES: Final = {
    ("Secret", "configmap-syncer-webhook-tls"),
    ("ConfigMap", "configmap-syncer-webhook-ca"),
}

DEFAULTS: Final = yaml.safe_load((chart.CHART / "values.yaml").read_text("utf-8"))
PATHS: Final = [path for path, _ in chart.descriptions() if path not in ONLY_IN_A_CLUSTER]

pytestmark = pytest.mark.skipif(helm.missing() is not None, reason=str(helm.missing()))


def other_than_default(path: str) -> Any:
    default = DEFAULTS
    for name in path.split("."):
        default = default[name]
    if isinstance(default, bool):
        return not default
    if path in GIVES:
        return GIVES[path]
    name = path.rpartition(".")[2]
    if name in BY_NAME:
        return BY_NAME[name]
    return default + 1 if isinstance(default, int) else 7


def needed(path: str) -> Values:
    """What a value needs: the most that is said of its path."""
    fitting = [key for key in WITH if path == key or (key.endswith(".") and path.startswith(key))]
    return WITH[max(fitting, key=len)] if fitting else {}


def rendered(values: Values) -> list[Object]:
    """What is installed; of a certificate that Helm makes again, for how long it is valid."""
    objects = helm.rendered(*helm.values(values))
    for each in objects:
        if (each["kind"], each["metadata"]["name"]) in CERTIFICATES:
            with contextlib.suppress(ValueError):
                each["data"] = validity(each)
    return objects


def validity(certificate: Object) -> timedelta:
    """For how long a certificate is valid; ValueError where it is not one."""
    (text,) = (text for key, text in certificate["data"].items() if key.endswith(".crt"))
    pem = base64.b64decode(text) if certificate["kind"] == "Secret" else text.encode()
    found = x509.load_pem_x509_certificate(pem)
    return found.not_valid_after_utc - found.not_valid_before_utc


def test_a_certificate_is_no_other_one_because_it_is_made_again() -> None:
    generated = {"tls.enabled": True}
    assert rendered(generated) == rendered(generated)


@pytest.mark.long
@pytest.mark.parametrize("path", PATHS)
def test_every_value_has_an_effect(path: str) -> None:
    before = needed(path)
    assert rendered({**before, path: other_than_default(path)}) != rendered(before)

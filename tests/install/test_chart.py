"""The Helm chart installs what kustomize installs, object by object."""

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import helm
from tests.controlplane import Object
from tests.controlplane.stack import NAMESPACE, kustomize
from tests.controlplane.tools import ROOT, kubectl

GENERATED = {
    ("Secret", "configmap-syncer-webhook-tls"),
    ("ConfigMap", "configmap-syncer-webhook-ca"),
}
"""The objects whose contents are certificates."""

ONLY_ONE_HAS = {"helm.sh/resource-policy", "config.example.com/ca-bundle"}
"""Annotations that only Helm reads, or only metacontroller/follow-namespace."""

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(helm.missing() is not None, reason=str(helm.missing())),
]
compared = pytest.mark.skipif(not shutil.which(kubectl()), reason="kubectl is not on PATH")

Key = tuple[str, str, str, str]
Values = Mapping[str, Any]
Kustomize = Callable[..., list[Object]]


def by_name(objects: Sequence[Object], *, certificates: bool = True) -> dict[Key, Object]:
    """Objects by what identifies them, without what only one of the two ways to install has.

    Without `certificates`, the contents of Secrets and ConfigMaps with certificates are left out.
    """
    found = {}
    for each in objects:
        metadata = each["metadata"]
        labels = {k: v for k, v in metadata.get("labels", {}).items() if k not in helm.OWN_LABELS}
        annotations = {
            k: v for k, v in metadata.get("annotations", {}).items() if k not in ONLY_ONE_HAS
        }
        kept = {k: v for k, v in metadata.items() if k not in {"labels", "annotations"}}
        without = each | {"metadata": kept | {"labels": labels, "annotations": annotations}}
        if each["kind"] == "Secret":
            # Kustomize breaks the lines.
            without["data"] = {k: base64.b64decode(v) for k, v in each["data"].items()}
        if not certificates and (each["kind"], metadata["name"]) in GENERATED:
            without["data"] = sorted(each["data"])
        key = (each["apiVersion"], each["kind"], metadata.get("namespace", ""), metadata["name"])
        assert key not in found
        found[key] = without
    return {key: each for key, each in found.items() if key[1] != "Namespace"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    subprocess.run([sys.executable, "-m", "tools.certificates", folder], cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, certificates: Path) -> Path:
    """A copy of what kustomize reads, with certificates."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("metacontroller", "crds", "monitoring"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copytree(
        certificates, folder / "metacontroller/components/tls/certs", dirs_exist_ok=True
    )
    return folder


@pytest.fixture
def kustomized(project: Path) -> Kustomize:
    """What renders a folder of the project with components, and patches over it."""

    def render(
        base: str,
        components: Sequence[str],
        patches: Sequence[Object] = (),
        namespace: str = NAMESPACE,
    ) -> list[Object]:
        content: Object = {
            "resources": [f"../{base}"],
            "components": [f"../metacontroller/components/{name}" for name in components],
            "patches": list(patches),
        }
        if namespace != NAMESPACE:
            follow = "../metacontroller/follow-namespace"
            content |= {"namespace": namespace, "transformers": [follow]}
        overlay = project / "overlay"
        overlay.mkdir(exist_ok=True)
        (overlay / "kustomization.yaml").write_text(yaml.safe_dump(content), "utf-8")
        return kustomize(overlay)

    return render


def under_dynamic_apply(base: str, components: Sequence[str]) -> list[Object]:
    """Patches that put both sides under dynamic apply, as docs/handing-over.md says."""
    # The component for TLS puts its two variables before those of the base.
    place = 2 if "tls" in components else 0
    hook = {
        "op": "replace",
        "path": f"/spec/template/spec/containers/0/env/{place}/value",
        "value": "dynamic-apply",
    }
    metacontroller = {
        "op": "replace",
        "path": "/spec/template/spec/containers/0/args/0",
        "value": "--apply-strategy=dynamic-apply",
    }
    patches = {"configmap-syncer-controller-manager": hook}
    if base == COMPLETE:
        patches["configmap-syncer-metacontroller"] = metacontroller
    return [
        {"target": {"kind": "Deployment", "name": name}, "patch": json.dumps([patch])}
        for name, patch in patches.items()
    ]


BASE, COMPLETE = "metacontroller", "metacontroller/complete"
TLS = {"tls.enabled": True, "tls.source": "given"}
CERT_MANAGER = {"tls.enabled": True, "tls.source": "cert-manager"}
SECRETS = {"secrets.enabled": True}
MONITORING = {
    f"metrics.{name}.enabled": True for name in ("podMonitor", "prometheusRule", "dashboard")
}
ADOPTION = {"adoption.enabled": True, "applyStrategy": "dynamic-apply"}


OPENSHIFT = {"openshift.enabled": True}
COMBINATIONS: list[tuple[list[str], Values]] = [
    ([], {}),
    (["tls"], TLS),
    (["secrets", "tls"], SECRETS | TLS),
    (["secrets", "tls-cert-manager"], SECRETS | CERT_MANAGER),
    (["adoption"], ADOPTION),
    (["adoption", "tls"], ADOPTION | TLS),
    (["openshift"], OPENSHIFT),
    (["monitoring"], MONITORING),
    (["monitoring", "tls"], MONITORING | TLS),
    (["monitoring", "secrets", "tls-cert-manager"], MONITORING | SECRETS | CERT_MANAGER),
]
"""Components of kustomize, and the values of the chart that are the same."""


@compared
@pytest.mark.parametrize("namespace", [NAMESPACE, "elsewhere"])
@pytest.mark.parametrize(
    ("base", "components", "values"),
    [
        pytest.param(base, components, values, id=f"{base}: {', '.join(components) or 'defaults'}")
        for components, values in COMBINATIONS
        for base in (COMPLETE, BASE)
        # The chart does not know the pods of a shared Metacontroller.
        if (base, components[:1]) != (BASE, ["monitoring"])
    ],
)
def test_helm_and_kustomize_install_the_same(
    base: str,
    components: Sequence[str],
    values: Values,
    namespace: str,
    kustomized: Kustomize,
    certificates: Path,
) -> None:
    shared = {"metacontroller.enabled": False} if base == BASE else {}
    files = {"certificate": "tls.crt", "key": "tls.key", "ca": "ca.crt"}
    given = [f"--set-file=tls.given.{name}={certificates / file}" for name, file in files.items()]
    patches = under_dynamic_apply(base, components) if "adoption" in components else []

    installed = helm.rendered(
        *helm.values(shared | dict(values)),
        *(given if "tls" in components else []),
        namespace=namespace,
    )

    assert by_name(installed) == by_name(kustomized(base, components, patches, namespace))


@compared
def test_generated_certificates_are_where_given_ones_are(kustomized: Kustomize) -> None:
    installed = helm.rendered("--set=tls.enabled=true")
    expected = kustomized(COMPLETE, ["tls"])
    assert by_name(installed, certificates=False) == by_name(expected, certificates=False)


def test_helm_finds_nothing_to_say_against_the_chart() -> None:
    done = helm.run("lint", "--strict", helm.CHART)
    assert done.returncode == 0, done.stdout


def test_every_component_of_kustomize_is_compared() -> None:
    components = {each.name for each in (ROOT / "metacontroller/components").iterdir()}
    # That of Metacontroller is a part of the whole installation.
    assert {name for each, _ in COMBINATIONS for name in each} | {"metacontroller"} == components


def test_a_package_has_everything(tmp_path: Path) -> None:
    packed = helm.run("package", helm.CHART, "--destination", tmp_path)
    assert packed.returncode == 0, packed.stderr
    (archive,) = tmp_path.glob("*.tgz")
    monitored = helm.values(MONITORING)
    done = helm.run(
        "template", helm.RELEASE, archive, "-n", NAMESPACE, "--include-crds", *monitored
    )
    assert [each for each in yaml.safe_load_all(done.stdout) if each] == helm.rendered(*monitored)

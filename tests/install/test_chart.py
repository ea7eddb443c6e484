"""The Helm chart installs what kustomize installs, and refuses values that make no sense."""

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import helm
from tests.controlplane import Object
from tests.controlplane.stack import kustomize
from tests.controlplane.tools import ROOT, kubectl
from tools import chart

GENERATED = {"configmap-syncer-webhook-tls", "configmap-syncer-webhook-ca"}
"""The objects whose contents are certificates."""

pytestmark = pytest.mark.skipif(helm.missing() is not None, reason=str(helm.missing()))
compared = pytest.mark.skipif(not shutil.which(kubectl()), reason="kubectl is not on PATH")

Key = tuple[str, str, str, str]
Values = Mapping[str, Any]


def by_name(objects: Sequence[Object], *, certificates: bool = True) -> dict[Key, Object]:
    """Objects by what identifies them, without what only one of the two ways to install has.

    Without `certificates`, the contents of Secrets and ConfigMaps with certificates are left out.
    """
    found = {}
    for each in objects:
        metadata = each["metadata"]
        labels = {k: v for k, v in metadata.get("labels", {}).items() if k not in helm.OWN_LABELS}
        annotations = {
            k: v for k, v in metadata.get("annotations", {}).items() if not k.startswith("helm.sh/")
        }
        kept = {k: v for k, v in metadata.items() if k not in {"labels", "annotations"}}
        without = each | {"metadata": kept | {"labels": labels, "annotations": annotations}}
        if each["kind"] == "Secret":
            # Kustomize breaks the lines.
            without["data"] = {k: base64.b64decode(v) for k, v in each["data"].items()}
        if not certificates and metadata["name"] in GENERATED and "data" in each:
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


@pytest.fixture
def kustomized(tmp_path: Path, certificates: Path) -> Any:
    """What renders a folder of a copy of the project with components, and patches over it."""
    for name in ("metacontroller", "crds"):
        shutil.copytree(ROOT / name, tmp_path / name)
    certs = tmp_path / "metacontroller/components/tls/certs"
    shutil.rmtree(certs, ignore_errors=True)
    shutil.copytree(certificates, certs)

    def render(base: str, components: Sequence[str], patches: Sequence[Object]) -> list[Object]:
        content = {
            "resources": [f"../{base}"],
            "components": [f"../metacontroller/components/{name}" for name in components],
            "patches": patches,
        }
        (tmp_path / "overlay").mkdir()
        (tmp_path / "overlay/kustomization.yaml").write_text(yaml.safe_dump(content), "utf-8")
        return kustomize(tmp_path / "overlay")

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
ADOPTION = {"adoption.enabled": True, "applyStrategy": "dynamic-apply"}


@compared
@pytest.mark.parametrize("base", [COMPLETE, BASE])
@pytest.mark.parametrize(
    ("values", "components"),
    [
        pytest.param({}, [], id="the default values"),
        pytest.param(TLS, ["tls"], id="TLS"),
        pytest.param(SECRETS | TLS, ["secrets", "tls"], id="Secrets"),
        pytest.param(SECRETS | CERT_MANAGER, ["secrets", "tls-cert-manager"], id="certificates"),
        pytest.param(ADOPTION, ["adoption"], id="adoption"),
        pytest.param(ADOPTION | TLS, ["adoption", "tls"], id="adoption and TLS"),
    ],
)
def test_helm_and_kustomize_install_the_same(
    base: str, values: Values, components: Sequence[str], kustomized: Any, certificates: Path
) -> None:
    shared = {"metacontroller.enabled": False} if base == BASE else {}
    files = {"certificate": "tls.crt", "key": "tls.key", "ca": "ca.crt"}
    given = [f"--set-file=tls.given.{name}={certificates / file}" for name, file in files.items()]
    patches = under_dynamic_apply(base, components) if "adoption" in components else []

    installed = helm.rendered(
        *helm.values(shared | dict(values)), *(given if "tls" in components else [])
    )

    expected = by_name(kustomized(base, components, patches))
    if base == BASE:
        # Helm installs Metacontroller's kinds where they are missing.
        installed = [each for each in installed if not is_of_metacontroller(each)]
    assert by_name(installed) == expected


def is_of_metacontroller(each: Object) -> bool:
    return bool(each["spec"].get("group") == "metacontroller.k8s.io") if "spec" in each else False


@compared
def test_generated_certificates_are_where_given_ones_are(kustomized: Any) -> None:
    installed = helm.rendered("--set=tls.enabled=true")
    expected = kustomized(COMPLETE, ["tls"], [])
    assert by_name(installed, certificates=False) == by_name(expected, certificates=False)


@pytest.mark.parametrize("file", list(chart.generated()), ids=lambda file: file.name)
def test_what_the_chart_has_from_elsewhere_is_current(file: Path) -> None:
    # `make chart` writes it.
    assert file.read_text("utf-8") == chart.generated()[file]


def test_helm_finds_nothing_to_say_against_the_chart() -> None:
    done = helm.run("lint", "--strict", helm.CHART)
    assert done.returncode == 0, done.stdout

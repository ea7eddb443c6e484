"""The installation with Secrets: what it brings is accepted, and Secrets take the way under TLS."""

import base64
import copy
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.controlplane import SERVER_SIDE_APPLY, Object, Stack
from tests.controlplane.stack import NAMESPACE, kustomize
from tests.controlplane.tools import ROOT
from tests.e2e.test_secrets import MARKER, encoded, make, wait_for_reason

CONTROLLERS = {
    "CompositeController": "configmap-syncer",
    "DecoratorController": "configmap-syncer-adoption",
}
SERVICE = f"https://configmap-syncer-webhook.{NAMESPACE}.svc"


def render(folder: Path, tls: str) -> list[Object]:
    """What is applied with adoption, Secrets and one of the components for TLS."""
    for name in ("metacontroller", "crds"):
        shutil.copytree(ROOT / name, folder / name)
    certs = folder / "metacontroller" / "components" / "tls" / "certs"
    subprocess.run(
        [sys.executable, "-m", "tools.certificates", "--host", "127.0.0.1", str(certs)],
        cwd=ROOT,
        check=True,
    )
    base = folder / "metacontroller" / "kustomization.yaml"
    components = f"components: [components/adoption, components/secrets, components/{tls}]\n"
    base.write_text(base.read_text("utf-8") + components, "utf-8")
    return kustomize(base.parent)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> list[Object]:
    """What is applied with the certificates of `make certs`, good on loopback."""
    return render(tmp_path_factory.mktemp("installation"), "tls")


def found(rendered: list[Object], kind: str, name: str) -> Object:
    (one,) = (each for each in rendered if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return one


@pytest.fixture(scope="module")
def stack(rendered: list[Object], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The product with the hook under the installation's TLS, on loopback."""
    folder = tmp_path_factory.mktemp("tls")
    files = found(rendered, "Secret", "configmap-syncer-webhook-tls")["data"]
    bundle = found(rendered, "ConfigMap", "configmap-syncer-webhook-ca")
    settings = {}
    for variable, name in (("TLS_CERTIFICATE_FILE", "tls.crt"), ("TLS_KEY_FILE", "tls.key")):
        path = folder / name
        path.write_bytes(base64.b64decode(files[name]))
        settings[variable] = str(path)
    stack: Stack

    def installation(_: list[Object]) -> list[Object]:
        registered = [found(rendered, *each) for each in CONTROLLERS.items()]
        moved: list[Object] = yaml.safe_load(
            yaml.safe_dump(registered).replace(SERVICE, stack.hook.url)
        )
        return [bundle, *moved]

    stack = Stack(
        SERVER_SIDE_APPLY,
        hook_settings=settings,
        hook_tls=ssl.create_default_context(cadata=bundle["data"]["ca.crt"]),
        components=["secrets"],
        installation=installation,
    )
    with stack:
        yield stack


def test_everything_is_accepted(stack: Stack, rendered: list[Object]) -> None:
    for each in rendered:
        if each["kind"] not in (*CONTROLLERS, "CustomResourceDefinition"):
            stack.client.apply(each, field_manager="installation")


def test_a_secret_is_copied_by_a_hook_that_metacontroller_trusts_by_the_installation_s_bundle(
    stack: Stack,
) -> None:
    make(stack, "under-tls", ["under-tls-dev"])

    wait_for_reason(stack, "under-tls", "AllCopiesCurrent")

    assert stack.client.get("Secret", "login", "under-tls-dev")["data"] == {
        "password": encoded(MARKER)
    }


def test_what_a_pod_serves_is_what_its_probes_ask_for(rendered: list[Object]) -> None:
    deployment = found(rendered, "Deployment", "configmap-syncer-controller-manager")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    environment = {each["name"]: each.get("value") for each in container["env"]}
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    probes = ("startupProbe", "readinessProbe", "livenessProbe")

    assert {str(Path(environment[n]).parent) for n in ("TLS_CERTIFICATE_FILE", "TLS_KEY_FILE")} == {
        mounts["tls"]
    }
    assert {container[probe]["httpGet"]["scheme"] for probe in probes} == {"HTTPS"}


def test_with_cert_manager_only_the_certificates_and_where_they_are_known_from_are_others(
    rendered: list[Object], tmp_path: Path
) -> None:
    other = render(tmp_path, "tls-cert-manager")
    made = [each["kind"] for each in other if each["apiVersion"].startswith("cert-manager.io/")]

    assert sorted(made) == ["Certificate", "Certificate", "Issuer", "Issuer"]
    assert common(other) == common(rendered)
    bundle = found(other, "CompositeController", "configmap-syncer")["spec"]["hooks"]["sync"]
    certificate = found(other, "Certificate", "configmap-syncer-webhook")["spec"]
    assert bundle["webhook"]["caBundle"]["secretRef"]["name"] == certificate["secretName"]
    assert SERVICE.removeprefix("https://") in certificate["dnsNames"]


def common(rendered: list[Object]) -> list[Object]:
    """What both components have in common: all but the authority that Metacontroller trusts."""
    own = {"configmap-syncer-webhook-tls", "configmap-syncer-webhook-ca"}
    shared = [
        each
        for each in copy.deepcopy(rendered)
        if not each["apiVersion"].startswith("cert-manager.io/")
        and each["metadata"]["name"] not in own
    ]
    for kind, name in CONTROLLERS.items():
        controller = found(shared, kind, name)
        del controller["metadata"]["annotations"]["config.example.com/ca-bundle"]
        for hook in controller["spec"]["hooks"].values():
            del hook["webhook"]["caBundle"]
    return sorted(shared, key=lambda each: (each["kind"], each["metadata"]["name"]))

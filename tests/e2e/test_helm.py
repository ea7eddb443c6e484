"""The chart on a real control plane: installed, changed, rolled back, uninstalled, taken over.

There is no kubelet, so the tests start what the Deployments describe: the hook, and Metacontroller
with the arguments, the identity and the rights that Helm gave it. The webhooks' URLs stay as they
are.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests import helm
from tests.controlplane import (
    SERVER_SIDE_APPLY,
    Client,
    ControlPlane,
    HookProcess,
    MetacontrollerProcess,
    Object,
    Workspace,
    wait_for,
)
from tests.controlplane.stack import COMPLETE, NAMESPACE, SERVICE_ACCOUNT
from tests.controlplane.tools import ROOT, kubectl, metacontroller_crds
from tests.controlplane.workspace import environment
from tests.documents import HELM, INSTALLATION, follow, steps

pytestmark = pytest.mark.skipif(helm.missing() is not None, reason=str(helm.missing()))

CRD = "configmapsyncers.config.example.com"
HOOK = "configmap-syncer-controller-manager"
PAGE = (ROOT / HELM).read_text("utf-8")
LABEL = (
    "kubectl label compositecontroller configmap-syncer "
    "config.example.com/metacontroller=configmap-syncer"
)
KINDS = "compositecontrollers.metacontroller.k8s.io"
OPEN: Object = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def shown(heading: str) -> list[str]:
    """What a command of the page adds to that of the installation, below a heading."""
    first, *others = re.findall(r"^\$ (helm install .+)$", PAGE, re.MULTILINE)
    _, _, section = PAGE.partition(f"\n## {heading}\n")
    (command,) = (each for each in others if f"$ {each}\n" in section.partition("\n## ")[0])
    return [each for each in shlex.split(command) if each not in shlex.split(first)]


TAKE_OVER = shown("Take over an installation of kustomize")
_POD: Object = {
    "metadata": {"labels": {"app": "metacontroller"}},
    "spec": {"containers": [{"name": "metacontroller", "image": "mirror/metacontroller:v4.17.2"}]},
}
SHARED: list[Object] = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "metacontroller"}},
    {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "metacontroller", "namespace": "metacontroller"},
        "spec": {
            "serviceName": "",
            "selector": {"matchLabels": {"app": "metacontroller"}},
            "template": _POD,
        },
    },
]


class Release:
    """A cluster into which the chart is installed, and the two programs that it describes."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.plane = ControlPlane(workspace)
        self.hook: HookProcess | None = None
        self.metacontrollers: list[MetacontrollerProcess] = []

    @property
    def client(self) -> Client:
        return self.plane.client

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return helm.run(*arguments, **self.settings)

    @property
    def settings(self) -> dict[str, str]:
        """The environment in which Helm and kubectl know the cluster, and nothing of a user."""
        folder = str(self._workspace.folder / "helm")
        programs = [Path(kubectl()).resolve().parent, Path(helm.helm() or "helm").resolve().parent]
        return {
            "KUBECONFIG": str(self.plane.kubeconfig),
            "PATH": ":".join([*map(str, programs), environment().get("PATH", "")]),
            **{f"HELM_{each}_HOME": folder for each in ("CACHE", "CONFIG", "DATA")},
        }

    def kubectl(self, *arguments: str) -> bool:
        """Whether kubectl, in the project's folder, did what it was asked for."""
        done = subprocess.run(
            [kubectl(), *arguments],
            check=False,
            capture_output=True,
            cwd=ROOT,
            env=environment(**self.settings),
        )
        return done.returncode == 0

    def done(self, *arguments: str | Path) -> str:
        """What Helm says about what it did in the namespace of the release."""
        done = self.run(*arguments, "-n", NAMESPACE)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *arguments: str | Path) -> str:
        """What Helm says about what it did not do."""
        done = self.run(*arguments)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def install(self, *values: str, chart: Path = helm.CHART) -> str:
        """Install the chart, or change the release to it and to exactly these values."""
        upgrade = ("upgrade", helm.RELEASE, chart, "--install", "--create-namespace")
        return self.done(*upgrade, "--reset-values", *values)

    def uninstall(self) -> str:
        """Uninstall the chart, and end what its Deployments describe."""
        said = self.done("uninstall", helm.RELEASE, "--ignore-not-found")
        self.stop()
        return said

    def stop(self) -> None:
        """End every Metacontroller, as its Deployment is gone."""
        for each in self.metacontrollers:
            each.kill()
        self.metacontrollers.clear()

    def container(self, deployment: str) -> Object:
        """The container of a Deployment of the release."""
        found = self.client.get("Deployment", deployment, NAMESPACE)
        container: Object
        (container,) = found["spec"]["template"]["spec"]["containers"]
        return container

    def replicas(self) -> int:
        """How many replicas of the hook the release has."""
        return int(self.client.get("Deployment", HOOK, NAMESPACE)["spec"]["replicas"])

    def certificates(self) -> list[Object]:
        """The certificate with its key, and that of its authority."""
        secret = self.client.get("Secret", "configmap-syncer-webhook-tls", NAMESPACE)
        bundle = self.client.get("ConfigMap", "configmap-syncer-webhook-ca", NAMESPACE)
        return [secret["data"], bundle["data"]]

    def start(self) -> None:
        """Start the hook and Metacontroller, as their Deployments say."""
        container = self.container(SERVICE_ACCOUNT)
        arguments = [each for each in container["args"] if "-address=" not in each]
        kubeconfig = self._workspace.folder / "kubeconfig-metacontroller"
        self.plane.add_service_account(kubeconfig, SERVICE_ACCOUNT, NAMESPACE)
        # Another process had it, which was killed; it would expire.
        if self.client.find("Lease", SERVICE_ACCOUNT, NAMESPACE):
            self.client.delete("Lease", SERVICE_ACCOUNT, NAMESPACE)
        self.start_metacontroller(arguments, kubeconfig)

    def start_metacontroller(self, arguments: list[str], kubeconfig: Path) -> None:
        """Start a Metacontroller, and the hook where it does not run."""
        if self.hook is None:
            self.hook = HookProcess(self._workspace, SERVER_SIDE_APPLY)
            self.hook.start()
        started = MetacontrollerProcess(
            self.plane,
            SERVER_SIDE_APPLY,
            arguments,
            kubeconfig=kubeconfig,
            name=f"metacontroller-{len(self.metacontrollers)}",
            hook=self.hook.url,
        )
        self.metacontrollers.append(started)
        started.start()

    def copy(self, syncer: str) -> None:
        """Create a syncer, and wait until it is Ready."""
        self.client.add_syncer(syncer, targets(syncer), {"key": "value"})

        def is_synced() -> bool:
            for each in self.metacontrollers:
                each.revive()
            return is_ready(self.client.get("ConfigMapSyncer", syncer))

        wait_for(is_synced, "every copy", last=self.logs)
        assert self.copies(syncer) == targets(syncer)

    def copies(self, syncer: str) -> list[str]:
        """The namespaces in which a syncer has a copy."""
        labels = "app.kubernetes.io/managed-by=configmap-syncer"
        found = {
            each["metadata"]["namespace"] for each in self.client.list("ConfigMap", None, labels)
        }
        return [target for target in targets(syncer) if target in found]

    def logs(self) -> str:
        """The end of what the programs wrote."""
        programs = [*self.metacontrollers, *([self.hook] if self.hook else [])]
        return "\n".join(each.tail() for each in programs)

    def close(self) -> None:
        for each in (*self.metacontrollers, *([self.hook] if self.hook else [])):
            each.kill()
        self.plane.close()


def targets(syncer: str) -> list[str]:
    return [f"{syncer}-dev", f"{syncer}-prod"]


def is_ready(syncer: Object) -> bool:
    conditions = syncer.get("status", {}).get("conditions", ())
    return any((c["type"], c["status"]) == ("Ready", "True") for c in conditions)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Release]:
    """A cluster without Metacontroller and without this project, before the first test."""
    with Workspace() as workspace:
        release = Release(workspace)
        try:
            release.plane.start()
            yield release
        finally:
            release.close()


@pytest.fixture
def bare(cluster: Release) -> Release:
    """The cluster without the chart."""
    cluster.uninstall()
    return cluster


@pytest.fixture
def release(cluster: Release) -> Release:
    """The chart with its default values, at work."""
    notes = cluster.install()
    assert f"is installed in the namespace {NAMESPACE}." in notes
    if not cluster.metacontrollers:
        cluster.start()
    return cluster


def test_the_commands_of_the_page_print_what_it_shows(bare: Release) -> None:
    commands = [step.command for step in steps(HELM, PAGE)]
    (install,) = (each for each in commands if each.startswith("helm install"))
    (uninstall,) = (each for each in commands if each.startswith("helm uninstall"))
    followed = follow(HELM, bare.settings, {install: bare.start, uninstall: bare.stop})
    assert followed == commands


def test_a_release_is_changed_and_rolled_back(release: Release) -> None:
    release.copy("changed")
    before = release.client.get("CompositeController", "configmap-syncer")

    release.install("--set=replicaCount=3", "--set=settings.requireConsent=true")

    variables = {each["name"]: each["value"] for each in release.container(HOOK)["env"]}
    assert variables == {"APPLY_STRATEGY": SERVER_SIDE_APPLY, "REQUIRE_CONSENT": "true"}
    assert release.replicas() == 3

    release.done("rollback", helm.RELEASE)

    variables = {each["name"]: each["value"] for each in release.container(HOOK)["env"]}
    assert variables == {"APPLY_STRATEGY": SERVER_SIDE_APPLY}
    assert release.replicas() == 2
    # Syncers are served all the time.
    assert release.client.get("CompositeController", "configmap-syncer")["spec"] == before["spec"]
    assert release.copies("changed") == targets("changed")


def test_an_upgrade_changes_the_definition_and_leaves_the_syncers(
    release: Release, tmp_path: Path
) -> None:
    release.copy("kept")
    chart = tmp_path / "configmap-syncer"
    shutil.copytree(helm.CHART, chart)
    template = chart / "templates/customresourcedefinition.yaml"
    text = template.read_text("utf-8")
    assert "- cmsync\n" in text
    template.write_text(text.replace("- cmsync\n", "- cmsync\n      - cms\n"), "utf-8")
    uid = release.client.get("ConfigMapSyncer", "kept")["metadata"]["uid"]

    release.install(chart=chart)

    names = release.client.get("CustomResourceDefinition", CRD)["spec"]["names"]
    assert names["shortNames"] == ["cmsync", "cms"]
    assert release.client.get("ConfigMapSyncer", "kept")["metadata"]["uid"] == uid
    assert release.copies("kept") == targets("kept")


def test_an_upgrade_keeps_values_and_has_the_defaults_of_new_ones(
    bare: Release, tmp_path: Path
) -> None:
    older = tmp_path / "configmap-syncer"
    shutil.copytree(helm.CHART, older)
    values = yaml.safe_load((older / "values.yaml").read_text("utf-8"))
    schema = json.loads((older / "values.schema.json").read_text("utf-8"))
    del values["metrics"]["prometheusRule"]["runbookUrl"]
    schema["properties"]["metrics"]["properties"]["prometheusRule"]["required"].remove("runbookUrl")
    (older / "values.yaml").write_text(yaml.safe_dump(values), "utf-8")
    (older / "values.schema.json").write_text(json.dumps(schema), "utf-8")
    bare.install("--set=replicaCount=3", chart=older)
    upgrade = ("upgrade", helm.RELEASE, helm.CHART)

    said = bare.refused(*upgrade, "-n", NAMESPACE, "--reuse-values")
    assert "at '/metrics/prometheusRule': missing property 'runbookUrl'" in said
    bare.done(*upgrade, "--reset-then-reuse-values")

    assert bare.replicas() == 3


@pytest.mark.parametrize("arguments", [[], TAKE_OVER], ids=["as usual", "with force"])
@pytest.mark.parametrize("name", ["second", helm.RELEASE])
def test_a_second_release_is_refused(release: Release, name: str, arguments: list[str]) -> None:
    install = ("install", name, helm.CHART, "-n", "other", "--create-namespace")
    assert (
        "ConfigMap Syncer can be installed once in a cluster, and the release "
        f'"{helm.RELEASE}" in the namespace "{NAMESPACE}" has installed it.'
    ) in release.refused(*install, *arguments)


def test_syncers_stay_when_it_is_uninstalled_and_a_deletion_waits_for_its_return(
    release: Release,
) -> None:
    release.copy("left")

    said = release.uninstall()

    assert f"[CustomResourceDefinition] {CRD}" in said
    assert release.client.find("CompositeController", "configmap-syncer") is None
    assert release.client.find("Deployment", HOOK, NAMESPACE) is None
    assert is_ready(release.client.get("ConfigMapSyncer", "left"))
    assert release.copies("left") == targets("left")

    release.client.delete("ConfigMapSyncer", "left")
    waiting = release.client.get("ConfigMapSyncer", "left")["metadata"]
    assert waiting["deletionTimestamp"]
    assert "metacontroller.io/compositecontroller-configmap-syncer" in waiting["finalizers"]
    assert release.copies("left") == targets("left")

    release.install()
    release.start()
    release.client.wait_until_gone("ConfigMapSyncer", "left")
    assert release.copies("left") == []


def test_an_installation_of_kustomize_is_taken_over_with_its_syncers(
    bare: Release, tmp_path: Path
) -> None:
    variable = {"name": "MAX_CONNECTIONS", "value": "500"}
    patch = [{"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": variable}]
    overlay = {
        "resources": [f"{os.path.relpath(ROOT, tmp_path)}/{COMPLETE}"],
        "patches": [{"target": {"kind": "Deployment", "name": HOOK}, "patch": json.dumps(patch)}],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay), "utf-8")
    # A first try only makes the kinds of Metacontroller known.
    wait_for(lambda: bare.kubectl("apply", "-k", str(tmp_path)), "its kinds")
    bare.start()
    bare.copy("taken")
    uid = bare.client.get("Deployment", HOOK, NAMESPACE)["metadata"]["uid"]
    install = ("install", helm.RELEASE, helm.CHART, "--set=replicaCount=3")
    here = ("-n", NAMESPACE)

    said = bare.refused(*install, *here)
    assert "exists and cannot be imported into the current release" in said
    said = bare.refused(*install, *TAKE_OVER, "-n", "elsewhere", "--create-namespace")
    assert f'ConfigMap Syncer is installed in the namespace "{NAMESPACE}".' in said
    said = bare.refused(*install, *here, "--take-ownership")
    assert 'conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas' in said

    # Whether a release of that name has failed before or not.
    bare.install("--set=replicaCount=3", *TAKE_OVER)

    taken = bare.client.get("Deployment", HOOK, NAMESPACE)["metadata"]
    assert taken["uid"] == uid
    assert taken["annotations"]["meta.helm.sh/release-name"] == helm.RELEASE
    assert bare.replicas() == 3
    assert is_ready(bare.client.get("ConfigMapSyncer", "taken"))
    assert bare.copies("taken") == targets("taken")
    # What no value says stays, because kubectl has set it.
    assert variable in bare.container(HOOK)["env"]
    # Later, Helm needs no more than for any other release.
    bare.install("--set=replicaCount=4")
    assert bare.replicas() == 4


def of_pods(prefix: str) -> dict[str, Any]:
    """A value for everything that the pods of a component can be given."""
    term = {"matchExpressions": [{"key": "infra", "operator": "Exists"}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    spread = {"maxSkew": 1, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}
    node = {"fieldRef": {"fieldPath": "spec.nodeName"}}
    values = {
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "infra", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"nodeAffinity": required},
        "topologySpreadConstraints": [spread],
        "priorityClassName": "system-cluster-critical",
        "podLabels": {"team": "platform"},
        "podAnnotations": {"example.com/note": "1"},
        "extraEnv": [{"name": "NODE", "valueFrom": node}, {"name": "TZ", "value": "UTC"}],
        "resources": {"limits": {"cpu": 3, "memory": "3Gi"}},
        "serviceAccount.annotations": {"example.com/role": "one"},
        "podDisruptionBudget": {"maxUnavailable": None, "minAvailable": "50%"},
    }
    return {f"{prefix}{name}": value for name, value in values.items()}


def test_the_api_server_accepts_what_all_values_together_make(bare: Release) -> None:
    values = {
        **of_pods(""),
        **of_pods("metacontroller."),
        "commonLabels": {"team": "platform"},
        "imagePullSecrets": [{"name": "registry"}],
        "secrets.enabled": True,
        "tls.enabled": True,
        "auth.bearerToken": {"secretName": "token", "acceptedKey": "tokens"},
        "auth.clientCertificate": {"secretName": "client", "caConfigMapName": "client-ca"},
        "openshift.enabled": True,
        "networkPolicy.extraIngress": [{"from": [{"namespaceSelector": {}}]}],
        "metacontroller.extraArgs": ["--workers=10"],
        "settings": {"requireConsent": True, "maxConnections": 500, "shutdownSeconds": 60},
        "metrics.dashboard.enabled": True,
    }

    bare.install(*helm.values(values))

    labels = {"team": "platform", "app.kubernetes.io/managed-by": "Helm"}
    for name in (HOOK, SERVICE_ACCOUNT):
        deployment = bare.client.get("Deployment", name, NAMESPACE)
        assert deployment["metadata"]["labels"].items() >= labels.items()
        spec = deployment["spec"]["template"]["spec"]
        assert spec["affinity"] == values["affinity"]
        assert spec["containers"][0]["resources"]["limits"]["cpu"] == "3"
    container = bare.container(HOOK)
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert sorted(mounts) == ["client-ca", "tls", "tmp", "token"]


def test_a_generated_certificate_is_kept_by_upgrades(bare: Release) -> None:
    bare.install("--set=tls.enabled=true")
    generated = bare.certificates()

    bare.install("--set=tls.enabled=true", "--set=replicaCount=3")

    assert bare.replicas() == 3
    assert bare.certificates() == generated


def test_a_shared_metacontroller_is_used_or_left_alone(bare: Release) -> None:
    # As others install it: its kinds have other schemas than those of the chart.
    for each in yaml.safe_load_all(metacontroller_crds().read_text("utf-8")):
        (version,) = each["spec"]["versions"]
        version["schema"]["openAPIV3Schema"]["properties"] = {"spec": OPEN}
        bare.client.apply(each, field_manager="others")
    for each in SHARED:
        bare.client.apply(each, field_manager="others")
    # The kind of the syncers comes later.
    bare.start_metacontroller(["--discovery-interval=1s"], bare.plane.kubeconfig)
    (shared,) = bare.metacontrollers

    bare.install(*shown("Shared Metacontroller"))
    assert bare.client.find("Deployment", SERVICE_ACCOUNT, NAMESPACE) is None
    bare.copy("shared")
    assert serves(shared)

    said = bare.refused("upgrade", helm.RELEASE, helm.CHART, "-n", NAMESPACE, "--reset-values")
    assert "(StatefulSet metacontroller/metacontroller)" in said

    # In this order: it does not let go of a registration that gets the label while it runs.
    assert f"$ {LABEL}\n" in (ROOT / INSTALLATION).read_text("utf-8")
    assert bare.kubectl(*shlex.split(LABEL)[1:])
    shared.kill()
    alongside = "--target-label-selector=!config.example.com/metacontroller"
    bare.start_metacontroller([alongside], bare.plane.kubeconfig)
    bare.install(*shown("Dedicated Metacontroller"))
    bare.start()
    bare.copy("dedicated")
    _, shared, dedicated = bare.metacontrollers
    assert (serves(shared), serves(dedicated)) == (False, True)
    (version,) = bare.client.get("CustomResourceDefinition", KINDS)["spec"]["versions"]
    assert version["schema"]["openAPIV3Schema"]["properties"] == {"spec": OPEN}


def serves(metacontroller: MetacontrollerProcess) -> bool:
    """Whether a Metacontroller has a queue of syncers."""
    page = requests.get(f"http://{metacontroller.metrics_address}/metrics", timeout=10).text
    return 'name="CompositeController-configmap-syncer"' in page

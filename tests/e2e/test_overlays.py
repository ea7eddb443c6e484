"""What users build over the manifests renders to what the documentation says, and is accepted."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from tests.controlplane import ControlPlane, Object
from tests.controlplane.stack import COMPLETE, NAMESPACE, SERVICE_ACCOUNT, kustomize
from tests.controlplane.tools import ROOT

BASE = "metacontroller"
ELSEWHERE = "elsewhere"
COMPONENTS = sorted(
    path.parent.name for path in (ROOT / "metacontroller/components").glob("*/kustomization.yaml")
)
# The components for TLS change the addresses of the components before them.
COMBINATIONS: list[tuple[str, list[str]]] = [
    (BASE, []),
    (COMPLETE, []),
    *((BASE, [component]) for component in COMPONENTS),
    *((COMPLETE, [component]) for component in COMPONENTS if component != "metacontroller"),
    *(
        (COMPLETE, ["adoption", "monitoring", "secrets", tls, "openshift"])
        for tls in ("tls", "tls-cert-manager")
    ),
]
# Set by the component alone; every other difference between two overlays is theirs.
SCC = {"openshift.io/required-scc": "restricted-v2"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifests, as a user has them who ran `make certs`."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("metacontroller", "crds", "monitoring"):
        ignored = shutil.ignore_patterns("certs")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    certs = folder / "metacontroller/components/tls/certs"
    certs.mkdir()
    for name in ("tls.crt", "tls.key", "ca.crt"):
        (certs / name).write_text("of no use", "utf-8")
    return folder


def overlay(
    folder: Path, project: Path, base: str, components: Sequence[str], **more: object
) -> Path:
    """A folder to kustomize: a base of a project with components over it, and more."""
    (folder / "configmap-syncer").symlink_to(project)
    kustomization = {
        "resources": [f"configmap-syncer/{base}"],
        "components": [f"configmap-syncer/metacontroller/components/{each}" for each in components],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization | more), "utf-8")
    return folder


def by_name(objects: list[Object]) -> dict[tuple[str, str], Object]:
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


def shown(folder: Path, page: str, heading: str) -> list[Object]:
    """What the kustomization below a heading of the documentation makes."""
    _, _, section = (ROOT / page).read_text("utf-8").partition(f"# {heading}\n")
    example = re.search(r"^```yaml\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert example
    (folder / "kustomization.yaml").write_text(example[1], "utf-8")
    (folder / "configmap-syncer").symlink_to(ROOT)
    return kustomize(folder)


@pytest.mark.parametrize(
    ("base", "components"),
    COMBINATIONS,
    ids=[" ".join([base, *components]) for base, components in COMBINATIONS],
)
def test_everything_that_names_the_namespace_follows_that_of_an_overlay(
    tmp_path: Path, project: Path, base: str, components: list[str]
) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    here = kustomize(overlay(tmp_path / "here", project, base, components))
    there = kustomize(
        overlay(
            tmp_path / "there",
            project,
            base,
            components,
            namespace=ELSEWHERE,
            transformers=["configmap-syncer/metacontroller/follow-namespace"],
        )
    )

    assert NAMESPACE not in yaml.safe_dump(there)
    # Nothing else changes: what is in the namespace `default` stays there.
    moved: list[Object] = yaml.safe_load(yaml.safe_dump(here).replace(NAMESPACE, ELSEWHERE))
    assert by_name(there) == by_name(moved)


@pytest.mark.parametrize(
    ("tls", "authority"),
    [
        ("tls", {"configMap": {"name": "configmap-syncer-webhook-ca", "key": "ca.crt"}}),
        ("tls-cert-manager", {"secret": {"name": "configmap-syncer-webhook-tls", "key": "ca.crt"}}),
    ],
)
def test_under_tls_prometheus_knows_the_scheme_the_name_and_the_authority_of_the_hook(
    tmp_path: Path, project: Path, tls: str, authority: Object
) -> None:
    rendered = by_name(kustomize(overlay(tmp_path, project, BASE, ["monitoring", "secrets", tls])))

    host = f"configmap-syncer-webhook.{NAMESPACE}.svc"
    endpoints = rendered["PodMonitor", "configmap-syncer-webhook"]["spec"]["podMetricsEndpoints"]
    assert endpoints == [
        {
            "path": "/metrics",
            "port": "http",
            "scheme": "https",
            "tlsConfig": {"serverName": host, "ca": authority},
        }
    ]
    if tls == "tls":
        page = (ROOT / "docs/monitoring.md").read_text("utf-8")
        example = re.search(
            r"^```yaml\n(podMetricsEndpoints:.*?)^```$", page, re.MULTILINE | re.DOTALL
        )
        assert example
        assert yaml.safe_load(example[1]) == {"podMetricsEndpoints": endpoints}
    registration = rendered["CompositeController", "configmap-syncer"]["spec"]["hooks"]
    assert registration["sync"]["webhook"]["url"] == f"https://{host}/sync"


def test_the_documentation_shows_how_to_install_into_another_namespace(tmp_path: Path) -> None:
    there = shown(tmp_path, "docs/installation.md", "Another namespace")

    moved = yaml.safe_load(yaml.safe_dump(kustomize(COMPLETE)).replace(NAMESPACE, ELSEWHERE))
    assert by_name(there) == by_name(moved)


def test_an_installation_into_another_namespace_is_accepted_with_the_rights_that_it_needs(
    tmp_path: Path, fresh: ControlPlane
) -> None:
    folder = overlay(
        tmp_path,
        ROOT,
        BASE,
        ["metacontroller", "adoption"],
        namespace=ELSEWHERE,
        transformers=["configmap-syncer/metacontroller/follow-namespace"],
    )
    applied = fresh.kubectl("apply", "-k", folder)

    assert (applied.returncode, applied.stderr) == (0, "")
    assert fresh.client.find("Namespace", NAMESPACE) is None
    needed = [
        ("create", "", "events", "default", ""),
        ("create", "", "events", ELSEWHERE, ""),
        ("create", "coordination.k8s.io", "leases", ELSEWHERE, ""),
        ("update", "coordination.k8s.io", "leases", ELSEWHERE, SERVICE_ACCOUNT),
        ("delete", "", "configmaps", "default", ""),
    ]
    assert [right for right in needed if not _may(fresh, *right)] == []
    assert not _may(fresh, "create", "coordination.k8s.io", "leases", "default", "")


def _may(
    plane: ControlPlane, verb: str, group: str, resource: str, namespace: str, name: str
) -> bool:
    """Whether the Metacontroller of the other namespace has a right."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "metadata": {},
        "spec": {
            "user": f"system:serviceaccount:{ELSEWHERE}:{SERVICE_ACCOUNT}",
            "resourceAttributes": {
                "verb": verb,
                "group": group,
                "resource": resource,
                "namespace": namespace,
                "name": name,
            },
        },
    }
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    return bool(plane.client.request("POST", path, review)["status"]["allowed"])


def test_an_overlay_names_the_image_and_changes_nothing_else(tmp_path: Path) -> None:
    rendered = shown(tmp_path, "docs/installation.md", "Image")

    expected = by_name(kustomize(COMPLETE))
    hook = expected["Deployment", "configmap-syncer-controller-manager"]
    (container,) = hook["spec"]["template"]["spec"]["containers"]
    container["image"] = f"registry.example.com/platform/{container['image']}"
    assert by_name(rendered) == expected


def test_the_component_for_monitoring_adds_what_the_documentation_says(tmp_path: Path) -> None:
    rendered = by_name(shown(tmp_path, "docs/monitoring.md", "Scraping"))

    expected = by_name(kustomize(COMPLETE))
    assert {name: each for name, each in rendered.items() if name in expected} == expected
    assert rendered.keys() - expected.keys() == {
        ("PodMonitor", "configmap-syncer-webhook"),
        ("PodMonitor", "configmap-syncer-metacontroller"),
        ("PrometheusRule", "configmap-syncer"),
        ("ConfigMap", "configmap-syncer-dashboard"),
    }


def test_the_component_for_openshift_takes_off_users_and_adds_one_annotation_and_one_right(
    tmp_path: Path,
) -> None:
    rendered = shown(tmp_path, "docs/openshift.md", "OpenShift")

    expected = by_name(kustomize(COMPLETE))
    for (kind, _), each in expected.items():
        if kind == "Deployment":
            each["spec"]["template"]["metadata"]["annotations"] = SCC
            security = each["spec"]["template"]["spec"]["securityContext"]
            kept = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
            each["spec"]["template"]["spec"]["securityContext"] = kept
            assert kept.items() <= security.items()
    right = {
        "apiGroups": ["config.example.com"],
        "resources": ["configmapsyncers/finalizers"],
        "verbs": ["update"],
    }
    expected["ClusterRole", SERVICE_ACCOUNT]["rules"].append(right)
    assert by_name(rendered) == expected


def test_over_the_base_the_component_for_openshift_changes_the_hook_s_pods_alone(
    tmp_path: Path,
) -> None:
    rendered = kustomize(overlay(tmp_path, ROOT, BASE, ["openshift"]))

    expected = by_name(kustomize(BASE))
    hook = expected["Deployment", "configmap-syncer-controller-manager"]
    hook["spec"]["template"]["metadata"]["annotations"] = SCC
    assert by_name(rendered) == expected


def test_the_folder_that_the_documentation_shows_is_the_base_with_a_metacontroller_of_its_own(
    tmp_path: Path,
) -> None:
    rendered = shown(tmp_path, "docs/installation.md", "Dedicated Metacontroller")

    kinds = "CustomResourceDefinition"
    complete = [each for each in kustomize(COMPLETE) if each["kind"] != kinds]
    assert [each for each in rendered if each["kind"] != kinds] == complete
    assert [each["kind"] for each in rendered].count(kinds) == 1


def test_the_patch_for_older_clusters_leaves_out_the_policy_and_nothing_else(
    tmp_path: Path,
) -> None:
    unknown = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
    installed = kustomize(BASE)
    assert {each["kind"] for each in installed} > unknown
    rendered = shown(tmp_path, "docs/installation.md", "Kubernetes before 1.30")
    assert rendered == [each for each in installed if each["kind"] not in unknown]

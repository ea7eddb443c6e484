"""What users apply is accepted by a real API server that has nothing but Metacontroller's CRDs."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.controlplane import ApiError, ControlPlane, Object, Workspace
from tests.controlplane.stack import kustomize
from tests.controlplane.tools import ROOT, kubectl, metacontroller_crds
from tests.controlplane.workspace import environment

FOLDERS = ("metacontroller", "metacontroller/local")
NAMESPACE = "configmap-syncer-system"
SERVICE_ACCOUNT = "configmap-syncer-webhook"


@pytest.fixture(scope="module")
def fresh() -> Iterator[ControlPlane]:
    """A cluster in which Metacontroller is installed and nothing of ours."""
    with Workspace() as workspace:
        plane = ControlPlane(workspace)
        try:
            plane.start(crds=[metacontroller_crds()])
            yield plane
        finally:
            plane.close()


@pytest.mark.parametrize("folder", FOLDERS)
def test_everything_is_accepted_at_once_and_stays_as_it_is(
    fresh: ControlPlane, folder: str
) -> None:
    objects = kustomize(folder)
    first, warnings = _apply(fresh, folder)
    assert len(first) == len(objects)
    assert warnings == ""
    versions = _versions(fresh, objects)
    _apply(fresh, folder)
    assert _versions(fresh, objects) == versions


def test_the_registration_is_kept_as_it_was_written(fresh: ControlPlane) -> None:
    for folder in FOLDERS:
        _apply(fresh, folder)
        written = _composite_controller(kustomize(folder))
        kept = fresh.client.get("CompositeController", written["metadata"]["name"])
        # Nothing dropped, nothing added: what is not known would vanish without a word.
        assert kept["spec"] == written["spec"]


def test_the_service_may_run_where_only_the_strictest_pods_may(fresh: ControlPlane) -> None:
    _apply(fresh, "metacontroller")
    pod = _pod(fresh)
    namespace = fresh.client.get("Namespace", pod["metadata"]["namespace"])
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    # Strictly: a field that the API server does not know would be refused.
    assert fresh.client.create(pod, dry_run=True)["spec"]["serviceAccountName"] == SERVICE_ACCOUNT


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("spec/securityContext/runAsNonRoot", False, id="may be root"),
        pytest.param("spec/securityContext/runAsUser", 0, id="is root"),
        pytest.param("spec/securityContext/seccompProfile", None, id="no seccomp"),
        pytest.param(
            "spec/securityContext/seccompProfile", {"type": "Unconfined"}, id="seccomp switched off"
        ),
        pytest.param(
            "spec/containers/0/securityContext/allowPrivilegeEscalation",
            True,
            id="may become more than it is",
        ),
        pytest.param(
            "spec/containers/0/securityContext/capabilities", None, id="keeps its capabilities"
        ),
        pytest.param(
            "spec/containers/0/securityContext/capabilities/add",
            ["NET_ADMIN"],
            id="one more capability",
        ),
        pytest.param("spec/hostNetwork", True, id="the node's network"),
        pytest.param("spec/hostPID", True, id="the node's processes"),
        pytest.param(
            "spec/volumes/0", {"name": "tmp", "hostPath": {"path": "/"}}, id="the node's files"
        ),
    ],
)
def test_a_service_with_more_rights_on_its_node_is_refused(
    fresh: ControlPlane, path: str, value: Any
) -> None:
    _apply(fresh, "metacontroller")
    pod = _pod(fresh)
    *parents, last = path.split("/")
    place: Any = pod
    for name in parents:
        place = place[int(name) if isinstance(place, list) else name]
    place[int(last) if isinstance(place, list) else last] = value
    with pytest.raises(ApiError, match='violates PodSecurity "restricted:latest"'):
        fresh.client.create(pod, dry_run=True)


def _pod(plane: ControlPlane) -> Object:
    """A pod as the ReplicaSet of the installed Deployment would make it."""
    deployment = plane.client.get("Deployment", "configmap-syncer-controller-manager", NAMESPACE)
    template = deployment["spec"]["template"]
    metadata = template["metadata"] | {"name": "webhook", "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def _versions(plane: ControlPlane, objects: list[Object]) -> dict[str, str]:
    """The version of what was applied: kubectl calls some objects `configured` that stay equal."""
    versions = {}
    for each in objects:
        name, namespace = each["metadata"]["name"], each["metadata"].get("namespace")
        found = plane.client.get(each["kind"], name, namespace)
        # A status is written by others, and moves no generation.
        version = "resourceVersion" if "generation" not in found["metadata"] else "generation"
        versions[f"{each['kind']} {name}"] = str(found["metadata"][version])
    return versions


def _composite_controller(objects: list[Object]) -> Object:
    return next(each for each in objects if each["kind"] == "CompositeController")


def _apply(plane: ControlPlane, folder: str) -> tuple[list[str], str]:
    """What kubectl said about each object, and what it warned of."""
    done = subprocess.run(
        [kubectl(), "apply", "-k", ROOT / folder],
        check=True,
        capture_output=True,
        text=True,
        env=environment(
            KUBECONFIG=str(plane.kubeconfig),
            KUBECACHEDIR=str(plane.workspace.folder / "kubectl-cache"),
        ),
    )
    return done.stdout.splitlines(), done.stderr

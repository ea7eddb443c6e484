"""What users apply is accepted by a real API server that has nothing, or Metacontroller's CRDs."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.controlplane import ApiStatusError, ControlPlane, Object, Workspace, wait_for
from tests.controlplane.stack import COMPLETE, NAMESPACE, kustomize

FOLDERS = ("metacontroller", "metacontroller/local")
UNKNOWN_KIND = (
    'error: resource mapping not found for name: "configmap-syncer" namespace: "" from '
    '"metacontroller/complete": no matches for kind "CompositeController" in version '
    '"metacontroller.k8s.io/v1alpha1"\nensure CRDs are installed first\n'
)
# Its Deployments and their ServiceAccounts.
DEPLOYMENTS = {
    "configmap-syncer-controller-manager": "configmap-syncer-webhook",
    "configmap-syncer-metacontroller": "configmap-syncer-metacontroller",
}


@pytest.fixture(scope="module")
def bare() -> Iterator[ControlPlane]:
    """A cluster in which nothing is installed."""
    with Workspace() as workspace, ControlPlane(workspace) as plane:
        yield plane


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


def test_the_whole_installation_is_one_folder_applied_until_its_kinds_are_known(
    bare: ControlPlane,
) -> None:
    first = bare.kubectl("apply", "-k", COMPLETE)
    assert first.returncode == 1
    assert first.stderr == UNKNOWN_KIND

    wait_for(lambda: bare.kubectl("apply", "-k", COMPLETE).returncode == 0, "its kinds")

    found = _versions(bare, kustomize(COMPLETE))
    assert len(found) == len(kustomize(COMPLETE))
    assert found["CompositeController configmap-syncer"] == "1"
    # The Namespace may take minutes to go: its controller still looks for kinds that are gone.
    deleted = bare.kubectl("delete", "--ignore-not-found", "--wait=false", "-k", COMPLETE)
    assert deleted.returncode == 0
    left = bare.client.find("Namespace", NAMESPACE)
    assert left is None or "deletionTimestamp" in left["metadata"]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_its_pods_may_run_where_only_the_strictest_may(fresh: ControlPlane, name: str) -> None:
    _apply(fresh, COMPLETE)
    namespace = fresh.client.get("Namespace", NAMESPACE)
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    # Strictly: a field that the API server does not know would be refused.
    accepted = fresh.client.create(_pod(fresh, name), dry_run=True)
    assert accepted["spec"]["serviceAccountName"] == DEPLOYMENTS[name]


@pytest.mark.parametrize("name", DEPLOYMENTS)
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
            "spec/volumes", [{"name": "tmp", "hostPath": {"path": "/"}}], id="the node's files"
        ),
    ],
)
def test_a_pod_with_more_rights_on_its_node_is_refused(
    fresh: ControlPlane, name: str, path: str, value: Any
) -> None:
    _apply(fresh, COMPLETE)
    pod = _pod(fresh, name)
    *parents, last = path.split("/")
    place: Any = pod
    for step in parents:
        place = place[int(step) if isinstance(place, list) else step]
    place[int(last) if isinstance(place, list) else last] = value
    with pytest.raises(ApiStatusError, match='violates PodSecurity "restricted:latest"'):
        fresh.client.create(pod, dry_run=True)


def _pod(plane: ControlPlane, name: str) -> Object:
    """A pod as the ReplicaSet of an installed Deployment would make it."""
    deployment = plane.client.get("Deployment", name, NAMESPACE)
    template = deployment["spec"]["template"]
    metadata = template["metadata"] | {"name": "one", "namespace": NAMESPACE}
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
    done = plane.kubectl("apply", "-k", folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr

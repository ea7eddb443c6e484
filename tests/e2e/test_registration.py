"""What users apply is accepted by a real API server that has nothing but Metacontroller's CRDs."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.controlplane import ControlPlane, Object, Workspace
from tests.controlplane.stack import kustomize
from tests.controlplane.tools import ROOT, kubectl, metacontroller_crds
from tests.controlplane.workspace import environment

FOLDERS = ("metacontroller", "metacontroller/local")


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
    first, warnings = _apply(fresh, folder)
    assert len(first) == len(kustomize(folder))
    assert warnings == ""
    second, _ = _apply(fresh, folder)
    assert [line for line in second if not line.endswith(" unchanged")] == []


def test_the_registration_is_kept_as_it_was_written(fresh: ControlPlane) -> None:
    for folder in FOLDERS:
        _apply(fresh, folder)
        written = _composite_controller(kustomize(folder))
        kept = fresh.client.get("CompositeController", written["metadata"]["name"])
        # Nothing dropped, nothing added: what is not known would vanish without a word.
        assert kept["spec"] == written["spec"]


def test_the_service_may_run_where_only_the_strictest_pods_may(fresh: ControlPlane) -> None:
    objects = kustomize("metacontroller")
    _apply(fresh, "metacontroller")
    deployment = next(each for each in objects if each["kind"] == "Deployment")
    template = deployment["spec"]["template"]
    namespace = deployment["metadata"]["namespace"]
    metadata = template["metadata"] | {"name": "webhook", "namespace": namespace}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    assert fresh.client.create(pod, dry_run=True)["metadata"]["name"] == "webhook"


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

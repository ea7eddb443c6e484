"""Every example of docs/gallery is accepted, and its copies are those that the preview promises.

The API server of the tests does not know the kinds of Argo CD and Flux: it gets them with schemas
that accept everything. What refers to something in these examples refers to what there is.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conditions import ready_of
from tests.controlplane import SERVER_SIDE_APPLY, Client, ControlPlane, Object, Stack
from tests.controlplane.tools import ROOT

GALLERY = ROOT / "docs/gallery"
EXAMPLES = sorted(
    path.parent.relative_to(GALLERY).as_posix() for path in GALLERY.rglob("3-syncer*.yaml")
)
KINDS_OF_OTHERS = (
    ("argoproj.io", "v1alpha1", "Application"),
    ("kustomize.toolkit.fluxcd.io", "v1", "Kustomization"),
    ("source.toolkit.fluxcd.io", "v1", "GitRepository"),
)


def manifests(folder: str) -> Iterator[Any]:
    for path in sorted((GALLERY / folder).glob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text("utf-8"))


def apply(plane: ControlPlane, folder: str) -> str:
    """What `kubectl apply -f` prints for a folder of the gallery, which it has to accept."""
    applied = plane.kubectl("apply", "-f", GALLERY / folder)
    assert applied.returncode == 0, applied.stderr
    return applied.stdout


def previewed(folder: str) -> list[Object]:
    """The copies that the preview ends with."""
    done = subprocess.run(
        [sys.executable, "-m", "hooks", "preview", "--secrets", "-o", "yaml", GALLERY / folder],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    return [each for each in yaml.safe_load(done.stdout)["items"] if _is_copy(each)]


def copies(client: Client, namespaces: set[str]) -> list[Object]:
    # What a list holds does not name its kind.
    return [
        each | {"kind": kind}
        for kind in ("ConfigMap", "Secret")
        for each in client.list(kind, labels="synced-by")
        if each["metadata"]["namespace"] in namespaces
    ]


def _is_copy(each: Any) -> bool:
    return "synced-by" in each["metadata"].get("labels", {})


def _is_ready(syncer: Object) -> bool:
    return bool(ready_of(syncer).get("status") == "True")


def _content(each: Object) -> tuple[str, str, str, str, bool]:
    """What is compared of a copy; of a Secret its keys, as the preview prints no values."""
    metadata = each["metadata"]
    data = each["data"] if each["kind"] == "ConfigMap" else sorted(each["data"])
    where = metadata["namespace"], metadata["name"]
    content = json.dumps(data, sort_keys=True)
    return each["kind"], *where, content, each.get("immutable", False)


@pytest.mark.parametrize("stack", [SERVER_SIDE_APPLY], indirect=True, scope="session")
@pytest.mark.parametrize("folder", EXAMPLES)
def test_an_example_makes_the_copies_that_its_preview_shows(stack: Stack, folder: str) -> None:
    client = stack.client
    given = list(manifests(folder))
    namespaces = {each["metadata"]["name"] for each in given if each["kind"] == "Namespace"}
    syncers = [each["metadata"]["name"] for each in given if each["kind"] == "ConfigMapSyncer"]
    apply(stack.control_plane, folder)

    for name in syncers:
        client.wait_for("ConfigMapSyncer", name, _is_ready, f"{name} to be ready")
    assert sorted(map(_content, copies(client, namespaces))) == sorted(
        map(_content, previewed(folder))
    )

    for name in syncers:
        client.delete("ConfigMapSyncer", name)
        client.wait_until_gone("ConfigMapSyncer", name)
    for name in namespaces:
        client.delete("Namespace", name)


def test_the_gallery_has_an_example_for_every_task() -> None:
    assert EXAMPLES == ["ca-bundle", "environments", "gitops/syncers", "image-pull-secret"]


@pytest.mark.parametrize("folder", ["gitops/argocd", "gitops/flux"])
def test_a_layout_for_gitops_is_accepted(
    control_plane: ControlPlane, folder: str, tmp_path: Path
) -> None:
    for group, version, kind in KINDS_OF_OTHERS:
        file = tmp_path / f"{kind}.json"
        file.write_text(json.dumps(_open_kind(group, version, kind)), "utf-8")
        control_plane.install_crds(file)
    for namespace in ("argocd", "flux-system"):
        control_plane.client.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        )
    applied = apply(control_plane, folder)
    assert len(applied.splitlines()) == len(list(manifests(folder)))


def test_argo_cd_installs_first_and_finds_what_it_installs() -> None:
    installation, syncers = manifests("gitops/argocd")
    assert (ROOT / installation["spec"]["source"]["path"] / "kustomization.yaml").exists()
    wave = "argocd.argoproj.io/sync-wave"
    waves = [each["metadata"]["annotations"][wave] for each in (installation, syncers)]
    assert waves == ["0", "1"]
    assert syncers["spec"]["source"]["path"] == "syncers"
    assert not installation["spec"]["syncPolicy"]["automated"]["prune"]


def test_flux_installs_first_and_finds_what_it_installs() -> None:
    given = {(each["kind"], each["metadata"]["name"]): each for each in manifests("gitops/flux")}
    for (kind, _), each in given.items():
        if kind == "Kustomization":
            source = each["spec"]["sourceRef"]
            assert (source["kind"], source["name"]) in given
    installation = given["Kustomization", "configmap-syncer"]["spec"]
    assert (ROOT / installation["path"] / "kustomization.yaml").exists()
    assert not installation["prune"]
    syncers = given["Kustomization", "syncers"]["spec"]
    assert syncers["dependsOn"] == [{"name": "configmap-syncer"}]
    assert syncers["path"] == "./syncers"


def _open_kind(group: str, version: str, kind: str) -> Object:
    """A CustomResourceDefinition that accepts every object of a kind."""
    plural = kind.lower() + "s" if not kind.endswith("y") else kind.lower()[:-1] + "ies"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }

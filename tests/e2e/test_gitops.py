"""What Argo CD and Flux compare is as it is in Git, whatever Metacontroller and the hook add."""

from pathlib import Path

import pytest
import yaml

from tests.conditions import ready
from tests.controlplane import Object, Stack
from tests.controlplane.stack import LOCAL, registrations

WAYS = (
    pytest.param((), id="client-side"),
    pytest.param(
        ("--server-side", "--field-manager=argocd-controller", "--force-conflicts"),
        id="server-side",
    ),
)


def run(stack: Stack, verb: str, file: Path, *options: str) -> tuple[int, str]:
    """The exit code and the output of `kubectl apply` or `kubectl diff` for a file."""
    ended = stack.control_plane.kubectl(verb, *options, "-f", file)
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.parametrize("options", WAYS)
def test_a_syncer_that_has_been_synced_differs_in_nothing_from_its_manifest(
    stack: Stack, options: tuple[str, ...], tmp_path: Path
) -> None:
    way = "server" if options else "client"
    name = f"git-{way}-{stack.strategy.split('-', maxsplit=1)[0]}"
    for namespace in (name, f"{name}-dev"):
        stack.client.create(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        )
    source: Object = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": name},
        "data": {"a": "1"},
    }
    syncer: Object = {
        "apiVersion": "config.example.com/v1alpha1",
        "kind": "ConfigMapSyncer",
        "metadata": {"name": name},
        "spec": {
            "sourceNamespace": name,
            "sourceConfigMap": "settings",
            "targetNamespaces": [f"{name}-dev"],
        },
    }
    file = tmp_path / "git.yaml"
    file.write_text(yaml.safe_dump_all([source, syncer]), "utf-8")
    code, output = run(stack, "apply", file, *options)
    assert code == 0, output
    stack.client.wait_for(
        "ConfigMapSyncer",
        name,
        lambda found: ready(found["status"]).get("status") == "True",
        "the syncer to be Ready",
    )

    confirmed = {"metadata": {"annotations": {"config.example.com/confirm-prune": "0123456789ab"}}}
    found = stack.client.merge_patch("ConfigMapSyncer", name, confirmed)
    assert found["metadata"]["finalizers"]
    assert found["spec"] != syncer["spec"]
    assert run(stack, "diff", file, *options) == (0, "")
    stack.client.delete("ConfigMapSyncer", name)
    stack.client.wait_until_gone("ConfigMapSyncer", name)


def test_the_registration_differs_in_nothing_from_its_manifest(
    stack: Stack, tmp_path: Path
) -> None:
    file = tmp_path / "registration.yaml"
    installed = registrations(stack.hook.url, LOCAL, ["secrets"])
    file.write_text(yaml.safe_dump_all(installed), "utf-8")

    options = ("--server-side", "--field-manager=installation", "--force-conflicts")
    assert run(stack, "diff", file, *options) == (0, "")

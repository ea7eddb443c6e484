"""An upgrade is no event: what an older state of the project made is kept as it is, to the byte."""

import base64
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.controlplane import SERVER_SIDE_APPLY, STRATEGIES, HookProcess, Object, Stack, wait_for
from tests.controlplane.stack import CRD
from tests.controlplane.tools import ROOT

OLDER = "9321e95b0cd65916245204c85220c5ab6bd9fcf1"
"""The older state. There is no release yet, so it is the last one before a series of changes."""

SOURCE = "upgrade-source"
NAMESPACES = ("upgrade-one", "upgrade-two", "upgrade-three")
SPECS: dict[str, dict[str, Any]] = {
    "listed": {"targetNamespaces": list(NAMESPACES)},
    "selected": {"namespaceSelector": {"upgrade": "yes"}, "excludeNamespaces": [NAMESPACES[0]]},
    "frozen": {"targetNamespaces": ["upgrade-*"], "immutable": True},
    "shaped": {
        "targetNamespaces": list(NAMESPACES),
        "keys": ["key", "bin*"],
        "renameKeys": {"key": "renamed"},
        "targetName": "shaped-copy",
        "targetLabels": {"team": "one"},
        "targetAnnotations": {"note": "two"},
    },
}
SECRET = "credentials"
"""The syncer of a Secret, where the strategy is one that Secrets may be copied with."""


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the older state of the project."""
    git = shutil.which("git") or pytest.skip("UPGRADE NOT TESTED: git is not on PATH")
    archive = subprocess.run([git, "-C", ROOT, "archive", OLDER], capture_output=True, check=False)
    if archive.returncode:
        pytest.skip(
            f"UPGRADE NOT TESTED: the history of this project is absent, or without {OLDER[:7]}: "
            f"{archive.stderr.decode().strip()}"
        )
    folder = tmp_path_factory.mktemp("older")
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


class Ages:
    """A stack whose hook and whose CRD are exchanged, each for an older or the current one."""

    def __init__(self, stack: Stack, older: Path) -> None:
        self.stack = stack
        self.names = [*SPECS, *([SECRET] if stack.strategy == SERVER_SIDE_APPLY else [])]
        port = int(stack.hook.url.rpartition(":")[2])
        self._hooks = {
            ROOT: stack.hook,
            older: HookProcess(stack.workspace, stack.strategy, port=port, root=older),
        }
        self.stack.hook = self._hooks[older]

    def hook_of(self, folder: Path) -> None:
        self.stack.hook.kill()
        self.stack.hook = self._hooks[folder]
        self.stack.hook.start()

    def crd_of(self, folder: Path) -> None:
        self.stack.control_plane.install_crds(folder / CRD.relative_to(ROOT))

    def sync_all(self, mark: str) -> None:
        """Have every syncer synced once, from the rules that were asked for before."""
        # One worker writes for a syncer, so the second request comes after the first was obeyed.
        for number in range(2):
            for name in self.names:
                before = len(self.stack.hook.calls("sync", name))
                patch = {"metadata": {"annotations": {"mark": f"{mark}-{number}"}}}
                self.stack.client.merge_patch("ConfigMapSyncer", name, patch)
                self.wait_for_call(name, before)

    def wait_for_call(self, name: str, before: int) -> None:
        wait_for(
            lambda: len(self.stack.hook.calls("sync", name)) > before,
            f"a sync of {name}",
            last=self.stack.logs,
        )

    def wait_until_ready(self) -> None:
        for name in self.names:
            self.stack.client.wait_for("ConfigMapSyncer", name, _is_ready, f"{name} to be ready")

    def change_sources(self, value: str) -> None:
        """Change every source; returns when every copy has the value."""
        for name in self.names:
            source = _source(name, value)
            self.stack.client.merge_patch(
                source["kind"], name, {"data": {"key": source["data"]["key"]}}, SOURCE
            )
        wait_for(
            lambda: {value} == {_value(copy) for copy in self.copies()},
            f"the value {value} in every copy",
            last=lambda: str([_value(copy) for copy in self.copies()]),
        )
        self.wait_until_ready()

    def copies(self) -> list[Object]:
        client = self.stack.client
        return [
            *client.list("ConfigMap", labels="synced-by"),
            *client.list("Secret", labels="synced-by"),
        ]


@pytest.fixture(params=STRATEGIES)
def ages(request: pytest.FixtureRequest, older: Path) -> Iterator[Ages]:
    stack = Stack(request.param, components=["secrets"])
    changing = Ages(stack, older)
    with stack:
        changing.crd_of(older)
        client = stack.client
        client.apply(_namespace(SOURCE))
        for name in NAMESPACES:
            client.apply(_namespace(name, upgrade="yes"))
        for name in changing.names:
            client.create(_source(name, "first"))
            client.create(_syncer(name))
        changing.wait_until_ready()
        yield changing


def test_copies_of_an_older_hook_are_taken_over_without_a_write(ages: Ages, older: Path) -> None:
    copies = ages.copies()
    assert len(copies) == sum(2 if name == "selected" else 3 for name in ages.names)

    ages.hook_of(ROOT)
    ages.sync_all("hook")
    ages.crd_of(ROOT)
    ages.sync_all("crd")
    ages.stack.metacontroller.kill()
    before = {name: len(ages.stack.hook.calls("sync", name)) for name in ages.names}
    ages.stack.metacontroller.start()
    for name, calls in before.items():
        ages.wait_for_call(name, calls)
    ages.sync_all("metacontroller")

    assert ages.copies() == copies
    ages.wait_until_ready()
    ages.change_sources("upgraded")


# The CRD does not know how its objects' copies are written.
@pytest.mark.parametrize("ages", [SERVER_SIDE_APPLY], indirect=True)
def test_a_crd_and_a_hook_of_different_age_work_together(ages: Ages, older: Path) -> None:
    for number, (hook, crd) in enumerate([(ROOT, older), (older, ROOT), (ROOT, ROOT)]):
        ages.crd_of(crd)
        ages.hook_of(hook)
        ages.change_sources(f"value-{number}")


def _is_ready(syncer: Object) -> bool:
    status = syncer.get("status", {})
    return status.get("observedGeneration") == syncer["metadata"]["generation"] and any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in status.get("conditions", ())
    )


def _value(copy: Object) -> str | None:
    data = copy.get("data", {})
    value: str | None = data.get("key", data.get("renamed"))
    if value is not None and copy["metadata"]["name"] == SECRET:
        return base64.b64decode(value).decode()
    return value


def _namespace(name: str, **labels: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _source(name: str, value: str) -> Object:
    metadata: Object = {"name": name, "namespace": SOURCE}
    if name == SECRET:
        metadata["annotations"] = {"config.example.com/allow-sync-to": ",".join(NAMESPACES)}
        data = {"key": base64.b64encode(value.encode()).decode()}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {"key": value, "other": "value"},
        "binaryData": {"binary": "AAEC"},
    }


def _syncer(name: str) -> Object:
    listed = {"targetNamespaces": list(NAMESPACES)}
    kind = "sourceSecret" if name == SECRET else "sourceConfigMap"
    return {
        "apiVersion": "config.example.com/v1alpha1",
        "kind": "ConfigMapSyncer",
        "metadata": {"name": name},
        "spec": {"sourceNamespace": SOURCE, kind: name, **SPECS.get(name, listed)},
    }

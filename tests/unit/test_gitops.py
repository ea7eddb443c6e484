"""Argo CD's health check of a ConfigMapSyncer, and what docs/gitops.md has Flux do."""

import re
from collections import Counter
from pathlib import Path
from typing import Final

import lupa.lua51
import pytest
import yaml

from hooks.preview.simulator.objects import SYNCER, Object
from tests.conditions import ready
from tests.health import kstatus_of, of_cases

ROOT: Final = Path(__file__).resolve().parents[2]
PATCH: Final = yaml.safe_load((ROOT / "monitoring/argocd-cm.yaml").read_text("utf-8"))
((CUSTOMIZATION, SCRIPT),) = PATCH["data"].items()
MISSING_LIBRARIES: Final = ("string", "math", "io", "debug", "coroutine", "python")
READY: Final = {"type": "Ready", "status": "True", "message": "Of the spec before."}
NOT_OBSERVED: Final = "The hook has not observed this spec yet."


class ArgoCD:
    """The script in the Lua of Argo CD, which has no more libraries than this."""

    def __init__(self) -> None:
        self._lua = lupa.lua51.LuaRuntime()
        for name in MISSING_LIBRARIES:
            self._lua.globals()[name] = None
        self._script = self._lua.compile(SCRIPT)

    def health_of(self, syncer: Object) -> dict[str, str]:
        """What the script returns for an object, as Argo CD shows it."""
        self._lua.globals().obj = self._lua.table_from(syncer, recursive=True)
        return dict(self._script())


def expected(syncer: Object) -> dict[str, str]:
    """What the documentation promises, in the words of Argo CD."""
    status = syncer["status"]
    if status["observedGeneration"] != syncer["metadata"]["generation"]:
        return {"status": "Progressing", "message": NOT_OBSERVED}
    health = {"Current": "Healthy", "Failed": "Degraded"}.get(kstatus_of(syncer), "Progressing")
    if ready(status)["reason"] == "Suspended":
        health = "Suspended"
    return {"status": health, "message": ready(status)["message"]}


def _examples() -> list[list[Object]]:
    """The documents of every YAML block of the page."""
    page = (ROOT / "docs/gitops.md").read_text("utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [list(yaml.safe_load_all(block)) for block in blocks]


def test_the_health_check_is_of_the_kind_that_there_is() -> None:
    path = ROOT / "crds/configmapsyncers.config.example.com.yaml"
    spec = yaml.safe_load(path.read_text("utf-8"))["spec"]
    kind = f"{spec['group']}_{spec['names']['kind']}"
    assert f"resource.customizations.health.{kind}" == CUSTOMIZATION


def test_each_of_flux_waits_for_one_that_the_page_shows() -> None:
    _, flux, checks = _examples()
    names = [each["metadata"]["name"] for each in flux]
    waited_for = [[on["name"] for on in each["spec"].get("dependsOn", ())] for each in flux]

    assert names == ["configmap-syncer", "syncers", "applications"]
    assert waited_for == [[], ["configmap-syncer"], ["syncers"]]
    # What is pruned with the installation is the definition, and with it every syncer.
    assert [each["spec"]["prune"] for each in flux] == [False, True, True]
    # Who is waited for is ready only when all in it is.
    assert [each["spec"].get("wait") for each in flux] == [True, True, None]
    assert (ROOT / flux[0]["spec"]["path"] / "kustomization.yaml").is_file()
    ((check,),) = (each["healthChecks"] for each in checks)
    assert (check["apiVersion"], check["kind"]) == (SYNCER.api_version, SYNCER.kind)


def test_every_recorded_status_has_the_health_that_the_page_says() -> None:
    # Argo CD asks no script about an object that is being deleted.
    syncers = [
        syncer
        for syncer in of_cases()
        if "deletionTimestamp" not in syncer["metadata"] and syncer.get("status")
    ]
    argo_cd = ArgoCD()
    found = [argo_cd.health_of(syncer) for syncer in syncers]

    assert found == [expected(syncer) for syncer in syncers]
    assert Counter(each["status"] for each in found).keys() == {
        "Healthy",
        "Degraded",
        "Progressing",
        "Suspended",
    }


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({}, id="no status"),
        pytest.param({"status": {"observedGeneration": -1}}, id="a new syncer"),
        pytest.param({"status": {"observedGeneration": 2, "conditions": []}}, id="no condition"),
        pytest.param({"status": {"observedGeneration": 1, "conditions": [READY]}}, id="a new spec"),
    ],
)
def test_a_spec_that_nobody_has_looked_at_is_progressing(status: Object) -> None:
    syncer = {"metadata": {"name": "new", "generation": 2}, "spec": {}} | status

    assert ArgoCD().health_of(syncer) == {"status": "Progressing", "message": NOT_OBSERVED}

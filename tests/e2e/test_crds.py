"""The API server judges ConfigMapSyncers as tests/unit/test_crds.py does, in words that help."""

import io
import random
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from hooks.api.names import SYNCER_API_VERSION
from hooks.preview.input import manifests
from hooks.preview.simulator.schema import Schema
from tests import crd_cases
from tests.controlplane import ApiStatusError, ControlPlane, Object
from tests.controlplane.client import wait_for
from tests.crd_cases import RefusedManifest
from tests.preview.bad_metadata import (
    ACCEPTED_METADATA,
    REFUSED_METADATA,
    REFUSED_WITHOUT_GROUP,
)
from tests.preview.in_process import SYNCER
from tests.preview.slips import slipped

SCHEMA = Schema.load()
VALID = crd_cases.valid()
INVALID = crd_cases.invalid()
SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  level: info\n"
_SLIPS = 60
_NO_NAMESPACE = "(NotFound): error when creating"
"""The preview takes it that a namespace exists where an object is in it."""


@pytest.fixture
def syncer(control_plane: ControlPlane) -> Iterator[Object]:
    """A syncer that nobody looks after, with a status in which every field is used."""
    made = control_plane.client.create(crd_cases.with_targets(3))
    name = made["metadata"]["name"]
    yield control_plane.client.merge_patch(
        "ConfigMapSyncer", name, {"status": crd_cases.full_status()}, subresource="status"
    )
    control_plane.client.delete("ConfigMapSyncer", name)


@pytest.mark.parametrize("manifest", VALID.values(), ids=VALID)
def test_a_sensible_syncer_is_accepted(control_plane: ControlPlane, manifest: Object) -> None:
    stored = control_plane.client.create(manifest, dry_run=True)
    assert stored["spec"] == SCHEMA.default(manifest)["spec"]


@pytest.mark.parametrize("case", INVALID.values(), ids=INVALID)
def test_nonsense_is_refused_with_a_sentence(
    control_plane: ControlPlane, case: RefusedManifest
) -> None:
    with pytest.raises(ApiStatusError) as refusal:
        control_plane.client.create(case.manifest, dry_run=True)
    assert refusal.value.reason in {"Invalid", "BadRequest"}
    assert case.error in refusal.value.message


def test_ten_thousand_targets_are_accepted_and_one_more_is_not(control_plane: ControlPlane) -> None:
    control_plane.client.create(crd_cases.with_targets(10_000), dry_run=True)
    with pytest.raises(ApiStatusError, match="must have at most 10000 items"):
        control_plane.client.create(crd_cases.with_targets(10_001), dry_run=True)


def test_a_status_keeps_every_field(syncer: Object) -> None:
    assert syncer["status"] == crd_cases.full_status()


def test_a_status_cannot_be_set_with_the_spec(control_plane: ControlPlane) -> None:
    manifest = crd_cases.with_targets(1) | {"status": crd_cases.full_status()}
    stored = control_plane.client.create(manifest, dry_run=True)
    assert stored["status"] == SCHEMA.default(manifest | {"status": None})["status"]


@pytest.mark.parametrize("path", ["", "spec", "status", "status.conditions", "status.failures"])
def test_kubectl_explains_every_field(control_plane: ControlPlane, path: str) -> None:
    # The API server serves a new CRD's objects before it publishes what it says about their fields.
    wait_for(lambda: _is_published(control_plane), "the schema of ConfigMapSyncer")
    explained = " ".join(
        _kubectl(control_plane, "explain", f"configmapsyncer.{path}".strip(".")).split()
    )
    schema: Any = SCHEMA.open_api
    for name in path.split(".") if path else ():
        schema = schema["properties"][name]
        schema = schema.get("items", schema)
    ours = {
        name: " ".join(field["description"].split())
        for name, field in schema["properties"].items()
        # Kubernetes explains these in its own words, the same for all kinds.
        if path or name in {"spec", "status"}
    }
    assert {name: text for name, text in ours.items() if text not in explained} == {}


def test_kubectl_knows_the_kind_by_its_short_name_and_shows_the_columns(
    control_plane: ControlPlane, syncer: Object
) -> None:
    narrow = _kubectl(control_plane, "get", "cmsync").splitlines()[0].split("   ")
    wide = _kubectl(control_plane, "get", "cmsync", "-o", "wide").splitlines()
    header = [cell.strip() for cell in wide[0].split("   ") if cell.strip()]
    assert [cell.strip() for cell in narrow if cell.strip()] == [
        "NAME",
        *(column.name.upper() for column in SCHEMA.columns if column.priority == 0),
    ]
    assert header == ["NAME", *(column.name.upper() for column in SCHEMA.columns)]
    row = [cell.strip() for cell in wide[1].split("   ") if cell.strip()]
    last_sync, age = row[8:10]
    assert row == [
        "many-targets",
        "default",
        "app-config",
        "3",
        "1",
        "1",
        "False",
        "TargetsBlocked",
        last_sync,
        age,
        "1",
        "Halted",
        "canary",
        "1 of 2 target namespaces cannot get its copy.",
    ]


def _is_published(control_plane: ControlPlane) -> bool:
    try:
        published = control_plane.client.request("GET", f"/openapi/v3/apis/{SYNCER_API_VERSION}")
    except ApiStatusError:
        return False
    return f"/apis/{SYNCER_API_VERSION}/configmapsyncers" in published["paths"]


def _kubectl(control_plane: ControlPlane, *arguments: str) -> str:
    done = control_plane.kubectl(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _applied(control_plane: ControlPlane, text: str) -> subprocess.CompletedProcess[str]:
    """What kubectl would answer to a file, without doing it."""
    return control_plane.kubectl("apply", "--dry-run=server", "-f", "-", given=text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ConfigMapSyncer", "ConfigMapSync"),
        ("ConfigMapSyncer", "configmapsyncers"),
        ("ConfigMapSyncer", "Config-Map-Syncer"),
        ("ConfigMapSyncer", "'ConfigMapSyncer '"),
        ("config.example.com/v1alpha1", "config.exmaple.com/v1alpha1"),
        ("config.example.com/v1alpha1", "config.example.com/v1"),
        ("config.example.com/v1alpha1", "config.example.com"),
        ("config.example.com/v1alpha1", "Config.Example.com/v1alpha1"),
        ("config.example.com/v1alpha1", "v1"),
        ("name: team", "name: team\n  labes: {a: b}"),
    ],
)
def test_what_the_preview_takes_for_a_slip_is_refused(
    control_plane: ControlPlane, old: str, new: str
) -> None:
    given = SYNCER.replace(old, new)
    assert _read(given).problems
    assert _applied(control_plane, given).returncode != 0


@pytest.mark.parametrize("field", ["dat", "Data", "binarydata", "immutabel", "spec"])
def test_a_field_that_the_preview_does_not_know_is_refused(
    control_plane: ControlPlane, field: str
) -> None:
    given = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\n{field}: {{}}\n"
    assert [problem.message for problem in _read(given).problems] == [
        f'ConfigMap settings: unknown field "{field}"'
    ]
    assert f'unknown field "{field}"' in _applied(control_plane, given).stderr


@pytest.mark.parametrize("kind", ["ConfigMapSyncer", "ConfigMap"])
@pytest.mark.parametrize(
    "metadata",
    [*REFUSED_METADATA.values(), *REFUSED_WITHOUT_GROUP.values(), *ACCEPTED_METADATA.values()],
    ids=[*REFUSED_METADATA, *REFUSED_WITHOUT_GROUP, *ACCEPTED_METADATA],
)
def test_the_preview_judges_metadata_as_the_api_server_does(
    control_plane: ControlPlane, kind: str, metadata: Object
) -> None:
    given = yaml.safe_load(SYNCER)
    if kind == "ConfigMap":
        given = yaml.safe_load(SETTINGS)
    given["metadata"] |= metadata
    text = yaml.safe_dump(given)
    done = _applied(control_plane, text)
    assert bool(_read(text).problems) == (done.returncode != 0), done.stderr


@pytest.mark.parametrize("number", range(_SLIPS))
def test_what_the_preview_reads_is_applied(control_plane: ControlPlane, number: int) -> None:
    given = slipped(f"{SYNCER}---\n{SETTINGS}", random.Random(number))
    if not _read(given).problems:
        done = _applied(control_plane, given)
        assert done.returncode == 0 or _NO_NAMESPACE in done.stderr, f"{given}\n{done.stderr}"


def _read(text: str) -> manifests.Input:
    return manifests.read(["-"], io.BytesIO(text.encode()), SCHEMA)

"""The CRD's verdicts without a cluster; tests/e2e/test_crds.py asks a real API server the same."""

import re
import time
from typing import Any

import pytest

from hooks.preview.simulator.schema import PrinterColumn, Schema, SchemaViolation
from tests import crd_cases
from tests.crd_cases import RefusedManifest
from tests.definition import COPIED, DEFAULTS, SPEC

SCHEMA = Schema.load()
VALID = crd_cases.valid()
INVALID = crd_cases.invalid()


@pytest.mark.parametrize("manifest", VALID.values(), ids=VALID)
def test_a_sensible_syncer_is_accepted(manifest: dict[str, Any]) -> None:
    assert SCHEMA.violations(manifest) == []


@pytest.mark.parametrize("case", INVALID.values(), ids=INVALID)
def test_nonsense_is_refused_with_a_sentence(case: RefusedManifest) -> None:
    refusals = _violations(case)
    assert any(case.error in refusal for refusal in refusals), refusals


@pytest.mark.parametrize("field", SPEC)
def test_every_field_of_the_spec_is_in_a_manifest_that_is_accepted(field: str) -> None:
    assert any(field in manifest["spec"] for manifest in VALID.values())


@pytest.mark.parametrize("field", SPEC)
def test_every_field_of_the_spec_is_the_reason_why_a_manifest_is_refused(field: str) -> None:
    refusals = [violation for case in INVALID.values() for violation in _violations(case)]
    assert [one for one in refusals if re.match(rf"spec\.{field}\b", one)] != []


def test_every_rule_says_what_to_change() -> None:
    rules = [
        rule
        for schema in _schemas(SCHEMA.open_api)
        for rule in schema.get("x-kubernetes-validations", ())
    ]
    assert rules
    assert [rule for rule in rules if not rule["message"].rstrip().endswith(".")] == []


def test_every_field_has_a_description() -> None:
    silent = [path for path, schema in _fields(SCHEMA.open_api) if "description" not in schema]
    # Kubernetes describes metadata itself and refuses a description of ours.
    assert silent == ["metadata"]


def test_ten_thousand_targets_are_accepted_and_one_more_is_not() -> None:
    assert SCHEMA.violations(crd_cases.with_targets(10_000)) == []
    assert SCHEMA.violations(crd_cases.with_targets(10_001)) == [
        SchemaViolation("spec.targetNamespaces", "must have at most 10000 items")
    ]


def test_judging_ten_thousand_targets_is_fast() -> None:
    manifest = crd_cases.with_targets(10_000)
    before = time.process_time()
    SCHEMA.violations(manifest)
    assert time.process_time() - before < 3


def test_a_default_is_set_and_an_unknown_field_is_left_out() -> None:
    manifest = crd_cases.with_targets(1)
    given = manifest | {"spec": manifest["spec"] | {"progressDeadlineSeconds": None, "unknown": 1}}
    expected = manifest | {
        "spec": manifest["spec"] | DEFAULTS,
        "status": {"observedGeneration": -1},
    }
    assert SCHEMA.default(given) == expected


def test_a_status_that_uses_every_field_is_accepted_whole() -> None:
    item = crd_cases.with_targets(1) | {"status": crd_cases.full_status()}
    assert set(item["status"]) == set(SCHEMA.open_api["properties"]["status"]["properties"])
    assert SCHEMA.violations(item) == []
    assert SCHEMA.default(item)["status"] == item["status"]


@pytest.mark.parametrize(
    ("field", "value", "refusal"),
    [
        ("syncedNamespaces", ["n"] * 1001, "status.syncedNamespaces: must have at most 1000 items"),
        ("failedNamespaces", ["n"] * 1001, "status.failedNamespaces: must have at most 1000 items"),
        ("contentHash", "sha256:0", "status.contentHash: should match '^sha256:[0-9a-f]{64}$'"),
        (
            "observedGeneration",
            -2,
            "status.observedGeneration: should be greater than or equal to -1",
        ),
        ("syncedCount", -1, "status.syncedCount: should be greater than or equal to 0"),
        ("syncedCount", 2**31, "status.syncedCount: must fit into int32"),
        ("lastSyncTime", "yesterday", "status.lastSyncTime: 'yesterday' is not a 'date-time'"),
        (
            "sourceResourceVersion",
            7,
            "status.sourceResourceVersion: must be of type string: put it in quotes",
        ),
        (
            "conditions",
            crd_cases.full_status()["conditions"][:1] * 2,
            "status.conditions[1]: Duplicate value: ['Ready']",
        ),
        ("failures", [{"namespace": "dev"}], "status.failures[0].reason: Required value"),
    ],
)
def test_a_status_that_is_nonsense_is_refused(field: str, value: object, refusal: str) -> None:
    status = crd_cases.full_status() | {field: value}
    item = crd_cases.with_targets(1) | {"status": status}
    assert [str(violation) for violation in SCHEMA.violations(item)] == [refusal]


def test_the_table_shows_what_an_operator_needs() -> None:
    ready = '.status.conditions[?(@.type=="Ready")]'
    sources = ",".join(f"'source{kind}'" for kind in COPIED)
    assert SCHEMA.columns == (
        PrinterColumn("Source Namespace", "string", ".spec.sourceNamespace", 0),
        PrinterColumn("Source", "string", f".spec[{sources}]", 0),
        PrinterColumn("Targets", "integer", ".status.targetCount", 0),
        PrinterColumn("Synced", "integer", ".status.syncedCount", 0),
        PrinterColumn("Failed", "integer", ".status.failedCount", 0),
        PrinterColumn("Ready", "string", f"{ready}.status", 0),
        PrinterColumn("Reason", "string", f"{ready}.reason", 0),
        PrinterColumn("Last Sync", "date", ".status.lastSyncTime", 0),
        PrinterColumn("Age", "date", ".metadata.creationTimestamp", 0),
        PrinterColumn("Pending", "integer", ".status.pendingCount", 1),
        PrinterColumn("Rollout", "string", ".status.rollout.phase", 1),
        PrinterColumn("Stage", "string", ".status.rollout.stage", 1),
        PrinterColumn("Message", "string", f"{ready}.message", 1),
    )


def _violations(case: RefusedManifest) -> list[str]:
    return [str(violation) for violation in SCHEMA.violations(case.manifest)]


def _fields(schema: Any, path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every field below a schema, and every kind of item, with its path."""
    inner = [(f"{path}.{name}", field) for name, field in schema.get("properties", {}).items()]
    if "items" in schema:
        inner.append((f"{path}[]", schema["items"]))
    below = [found for inner_path, field in inner for found in _fields(field, inner_path)]
    return [(inner_path.removeprefix("."), field) for inner_path, field in inner] + below


def _schemas(schema: Any) -> list[dict[str, Any]]:
    return [schema, *(field for _, field in _fields(schema))]

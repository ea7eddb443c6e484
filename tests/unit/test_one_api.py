"""The definition, the hook, the cases and the model have the same fields and reasons.

Each test here fails where one of them was forgotten when a field or a reason was added.
"""

import json
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from hooks.resolve.source import SourceReason
from hooks.resolve.targets import FailureReason
from hooks.spec.syncer import ConflictPolicy, DeletionPolicy
from hooks.spec.validation import Spec
from hooks.status.types import Status, SyncedReason
from tests.cases import cases
from tests.model import histories

ROOT = Path(__file__).resolve().parents[2]
CRD = yaml.safe_load((ROOT / "crds/configmapsyncers.config.example.com.yaml").read_text("utf-8"))
PROPERTIES = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
SPEC: dict[str, Any] = PROPERTIES["spec"]["properties"]
STATUS: dict[str, Any] = PROPERTIES["status"]["properties"]
SYNC = [case for case in cases() if case.hook == "sync"]
POLICIES: dict[str, type[StrEnum]] = {
    "conflictPolicy": ConflictPolicy,
    "deletionPolicy": DeletionPolicy,
    "sourceDeletionPolicy": DeletionPolicy,
}


@cache
def _answers() -> list[str]:
    return [json.dumps(case.response) for case in SYNC]


def _encoded(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """The fields of a struct under the names that JSON has, with their defaults."""
    return {field.encode_name: field.default for field in msgspec.structs.fields(struct)}


def test_the_hook_reads_every_field_of_the_spec_and_no_other() -> None:
    assert set(_encoded(Spec)) == set(SPEC)


def test_the_hook_and_the_definition_have_the_same_defaults() -> None:
    defined = {field: schema["default"] for field, schema in SPEC.items() if "default" in schema}
    read = _encoded(Spec)
    assert {field: read[field] for field in defined} == defined


def test_the_hook_and_the_definition_have_the_same_policies() -> None:
    defined = {field: set(schema["enum"]) for field, schema in SPEC.items() if "enum" in schema}
    assert defined == {field: set(policy) for field, policy in POLICIES.items()}


def test_the_hook_writes_every_field_of_the_status_and_no_other() -> None:
    assert set(_encoded(Status)) == set(STATUS)


def test_the_hook_and_the_definition_have_the_same_reasons_of_failures() -> None:
    defined = STATUS["failures"]["items"]["properties"]["reason"]["enum"]
    assert sorted(defined) == sorted(FailureReason)


@pytest.mark.parametrize("field", SPEC)
def test_every_field_of_the_spec_is_in_a_case(field: str) -> None:
    specs = [case.request["parent"].get("spec") for case in SYNC]
    assert any(isinstance(spec, dict) and field in spec for spec in specs)


@pytest.mark.parametrize("field", SPEC)
def test_every_field_of_the_spec_is_drawn_by_the_histories(field: str) -> None:
    drawn = Path(histories.__file__).read_text("utf-8")
    assert f'"{field}"' in drawn or f"spec.{field}" in histories.NOT_DRAWN


@pytest.mark.parametrize("reason", [*SourceReason, *SyncedReason, *FailureReason])
def test_every_reason_is_in_a_recorded_answer(reason: str) -> None:
    assert any(f'"reason": "{reason}"' in answer for answer in _answers())

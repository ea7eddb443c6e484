"""The definition, the hook, the cases and the model have the same fields and reasons.

Each test here fails where one of them was forgotten when a field or a reason was added.
"""

import json
import re
from dataclasses import fields
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hooks.api import names
from hooks.api.kinds import API_VERSION, KINDS
from hooks.api.options import HookOptions
from hooks.preview.simulator.objects import (
    CONTROLLER_UID,
    COPIED,
    COPY_LABELS,
    SYNCED_BY,
)
from hooks.resolve.source import SourceReason
from hooks.resolve.targets import FailureReason
from hooks.settings import Settings
from hooks.spec.validation import Spec
from hooks.status.types import Status, SyncedReason
from tests.cases import cases
from tests.definition import COPIED as COPIED_KINDS
from tests.definition import DEFAULTS, SPEC, STATUS
from tests.model import histories

ROOT = Path(__file__).resolve().parents[2]
SYNC = [case for case in cases() if case.hook == "sync"]


@cache
def _answers() -> list[str]:
    return [json.dumps(case.response) for case in SYNC]


def _encoded(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """The fields of a struct under the names that JSON has, with their defaults."""
    return {field.encode_name: field.default for field in msgspec.structs.fields(struct)}


def test_the_hook_reads_every_field_of_the_spec_and_no_other() -> None:
    assert set(_encoded(Spec)) == set(SPEC)


def test_the_hook_and_the_definition_have_the_same_defaults() -> None:
    read = _encoded(Spec)
    assert {field: read[field] for field in DEFAULTS} == DEFAULTS


def test_the_hook_and_the_definition_have_the_same_policies() -> None:
    defined = {field: set(schema["enum"]) for field, schema in SPEC.items() if "enum" in schema}
    read = {field.encode_name: field.type for field in msgspec.structs.fields(Spec)}
    assert defined == {
        field: set(kind)
        for field, kind in read.items()
        if isinstance(kind, type) and issubclass(kind, StrEnum)
    }


def test_the_hook_writes_every_field_of_the_status_and_no_other() -> None:
    assert set(_encoded(Status)) == set(STATUS)


def test_the_hook_and_the_definition_have_the_same_reasons_of_failures() -> None:
    reason = STATUS["failures"]["items"]["properties"]["reason"]
    assert sorted(reason["enum"]) == sorted(FailureReason)
    described = set(re.findall(r"\w+", reason["description"]))
    assert [each for each in reason["enum"] if each not in described] == []


@pytest.mark.parametrize("field", SPEC)
def test_every_field_of_the_spec_is_in_a_case(field: str) -> None:
    specs = [case.request["parent"].get("spec") for case in SYNC]
    assert any(isinstance(spec, dict) and field in spec for spec in specs)


@given(st.data())
@settings(max_examples=1)
def test_every_field_of_the_spec_is_drawn_by_the_histories(data: st.DataObject) -> None:
    drawn = [data.draw(group) for group in histories.FIELDS.values()]
    assert {field for fields in (histories.FIXED, *drawn) for field in fields} == set(SPEC)


@pytest.mark.parametrize("reason", [*SourceReason, *SyncedReason, *FailureReason])
def test_every_reason_is_in_a_recorded_answer(reason: str) -> None:
    assert any(f'"reason": "{reason}"' in answer for answer in _answers())


def test_every_kind_has_a_field_of_the_spec_that_names_its_source() -> None:
    assert {kind.field for kind in KINDS} == {f"source{kind}" for kind in COPIED_KINDS}


def test_the_simulator_knows_the_labels_of_the_hook() -> None:
    assert (SYNCED_BY, CONTROLLER_UID) == (names.SYNCED_BY, names.CONTROLLER_UID)
    hooks_own = {names.MANAGED_BY, names.SYNCED_BY, names.SYNCED_FROM}
    assert set(COPY_LABELS) == {*hooks_own, names.CONTROLLER_UID}


def test_the_simulator_has_the_kinds_that_are_copied_and_no_other() -> None:
    hook = {(kind.name, API_VERSION, kind.resource) for kind in KINDS}
    assert {(each.kind, each.api_version, each.plural) for each in COPIED} == hook


def test_metacontroller_can_be_set_up_to_manage_every_kind() -> None:
    manifests = "".join(
        path.read_text("utf-8")
        for folder in ("metacontroller/components", "metacontroller/registration")
        for path in (ROOT / folder).rglob("*.yaml")
    )
    child_resources = re.findall(r"^ +resource: (\w+)$", manifests, re.MULTILINE)
    rights = re.findall(r"^ +resources: \[(\w+)\]$", manifests, re.MULTILINE)
    for kind in KINDS:
        assert kind.resource in child_resources
        assert kind.resource in rights


def test_the_admission_policy_is_about_every_kind() -> None:
    policy, _ = yaml.safe_load_all((ROOT / "metacontroller/base/admission.yaml").read_text("utf-8"))
    (rule,) = policy["spec"]["matchConstraints"]["resourceRules"]
    assert rule["resources"] == [kind.resource for kind in KINDS]


CHART = ROOT / "charts/configmap-syncer/templates"


def test_the_chart_lets_metacontroller_manage_every_kind() -> None:
    for template, line in (
        ("compositecontroller.yaml", "resource: {}"),
        ("metacontroller-rights.yaml", "resources: [{}]"),
    ):
        lines = (CHART / template).read_text("utf-8").splitlines()
        stripped = {each.strip(" -") for each in lines}
        assert {line.format(kind.resource) for kind in KINDS} <= stripped


def test_the_admission_policy_of_the_chart_is_about_every_kind() -> None:
    kinds = ", ".join(kind.resource for kind in KINDS)
    assert f"resources: [{kinds}]" in (CHART / "admission.yaml").read_text("utf-8")


OPTIONS = {"strategy": "apply_strategy"}
"""The options of a decision that the settings have under another name."""


@pytest.mark.parametrize("option", [field.name for field in fields(HookOptions)])
def test_every_option_follows_a_setting(option: str) -> None:
    setting = OPTIONS.get(option, option)
    default = getattr(HookOptions(), option)
    assert getattr(Settings(), setting) == default
    other: Any = object()
    assert getattr(Settings(**{setting: other}).options, option) is other

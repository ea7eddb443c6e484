"""What `make chaos` judges the writes of rollouts by finds what it is there to find."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.reliability.history import Write
from tests.reliability.rollouts import _rest
from tests.reliability.staged import CANARY, COMPLETE, EARLY, REST, WAITING, Rest
from tests.reliability.staged_rule import StagedRule
from tests.reliability.world import SOURCE_NAMESPACE, SUBJECT

STAGES = [
    {"name": CANARY, "targetNamespaces": ["canary-*"], "soakSeconds": 3},
    {"name": EARLY, "targetNamespaces": ["early-*"], "approval": "Manual"},
    {"name": REST},
]
SOAKING = {
    "phase": "Soaking",
    "stage": CANARY,
    "updateRevision": "chaos-new",
    "stableRevision": "chaos-old",
    "soakingSince": "2026-01-01T12:00:00Z",
}
EARLIER = SOAKING | {"stage": EARLY, "phase": "AwaitingApproval", "approvalToken": "a" * 16}


def syncer(rollout: Mapping[str, Any], at: str = "12:00:00", approved: str = "") -> Write:
    metadata = {
        "annotations": {"config.example.com/approve-rollout": approved},
        "managedFields": [
            {"subresource": "status", "time": f"2026-01-01T{at}Z"},
            {"time": "2026-01-01T13:00:00Z"},
        ],
    }
    spec = {"rollout": {"stages": STAGES}}
    written = {"metadata": metadata, "spec": spec, "status": {"rollout": rollout}}
    return Write("ConfigMapSyncer", "", SUBJECT, written)


def copy(namespace: str, revision: str, mark: str, at: str = "12:00:00") -> Write:
    metadata = {
        "annotations": {"config.example.com/revision": revision},
        "managedFields": [{"time": f"2026-01-01T{at}Z"}],
    }
    written = {"metadata": metadata, "data": {"key": mark}}
    return Write("ConfigMap", namespace, SUBJECT, written)


def stored(revision: str, mark: str) -> Write:
    return Write("ConfigMap", SOURCE_NAMESPACE, revision, {"metadata": {}, "data": {"key": mark}})


@pytest.mark.parametrize(
    ("write", "found"),
    [
        pytest.param(copy("canary-1", "chaos-new", "new"), "", id="the stage has it"),
        pytest.param(copy("rest-1", "chaos-old", "old"), "", id="the stable revision"),
        pytest.param(copy("rest-1", "chaos-new", "new"), "rest-1 got chaos-new", id="too early"),
        pytest.param(copy("rest-1", "chaos-old", "new"), "while chaos-old is", id="other data"),
        pytest.param(copy("rest-1", "chaos-old", "edited"), "", id="an edit of somebody else"),
        pytest.param(copy("canary-1", "chaos-x", "x"), "chaos-x is None", id="not stored"),
        pytest.param(syncer(EARLIER, "12:00:03"), "", id="soaked"),
        pytest.param(syncer(EARLIER, "12:00:02"), "was passed at", id="passed too soon"),
        pytest.param(syncer(SOAKING | {"stage": REST}), "passed at", id="two stages at once"),
    ],
)
def test_a_write_in_a_soak_is_judged(write: Write, found: str) -> None:
    rule = StagedRule()
    history = [stored("chaos-old", "old"), stored("chaos-new", "new"), syncer(SOAKING)]
    history += [
        copy("canary-0", "chaos-new", "new"),
        copy("rest-0", "chaos-old", "old", "12:00:09"),
    ]
    for each in history:
        assert list(rule.look(each)) == []
    breaches = list(rule.look(write))
    assert bool(breaches) is bool(found)
    assert found in "\n".join(breaches)


@pytest.mark.parametrize(
    ("write", "found"),
    [
        pytest.param(
            syncer(EARLIER | {"stage": REST}, approved=f"b,{'a' * 16}"), "", id="approved"
        ),
        pytest.param(syncer(EARLIER | {"stage": REST}), "without approval", id="not approved"),
        pytest.param(syncer(SOAKING), "went back", id="a stage back"),
        pytest.param(syncer(SOAKING | {"updateRevision": "chaos-3"}), "", id="another content"),
    ],
)
def test_what_is_recorded_is_judged(write: Write, found: str) -> None:
    rule = StagedRule()
    assert list(rule.look(syncer(EARLIER))) == []
    breaches = list(rule.look(write))
    assert bool(breaches) is bool(found)
    assert found in "\n".join(breaches)


@pytest.mark.parametrize(
    ("phase", "stage", "act", "rest"),
    [
        ("Soaking", CANARY, "wait", WAITING),
        ("Soaking", REST, "spoil", COMPLETE),
        ("Soaking", REST, "change", WAITING),
        ("AwaitingApproval", EARLY, "spoil", WAITING),
        ("AwaitingApproval", EARLY, "approve", COMPLETE),
        ("Halted", EARLY, "revert", COMPLETE),
        ("Halted", CANARY, "spoil", Rest("Halted", CANARY, 1)),
        ("Halted", CANARY, "approve", WAITING),
        ("RolledBack", EARLY, "spoil", Rest("RolledBack", EARLY, 0)),
    ],
)
def test_a_rollout_rests_where_it_would_without_a_fault(
    phase: str, stage: str, act: str, rest: Rest
) -> None:
    assert _rest(phase, stage, act) == rest

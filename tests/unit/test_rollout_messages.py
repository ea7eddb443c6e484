"""What Ready says of a rollout in each phase: what it waits for, until when, and each way on."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from hooks.api.names import APPROVE_ROLLOUT, ROLLOUT_FAILED
from hooks.rollout.staging import Staging
from hooks.rollout.types import Phase, RolloutFailure, RolloutStatus
from hooks.spec.rollout import Approval, RolloutFields
from hooks.status import report as reports
from hooks.status.context import Moment, StatusContext
from hooks.status.plan import Changes, Namespaces, Plan
from hooks.status.previous import Previous
from tests.unit.test_rollout import (
    CANARY,
    COMPLETE,
    EARLY,
    NOW,
    REST,
    STAMP,
    RolloutSituation,
    content,
    ready,
    revision,
    running,
    stored,
)

OLD, NEW = revision("old"), revision("new")
_PATCH = "`kubectl patch configmapsyncer sample --type=merge -p"
APPROVE = f"approve it with `kubectl annotate configmapsyncer sample {APPROVE_ROLLOUT}="
SUSPEND = f"""to stop it, run {_PATCH} '{{"spec":{{"suspend":true}}}}'`"""
FAIL = f"`kubectl annotate namespace NAMESPACE {ROLLOUT_FAILED}={NEW} --overwrite` where it fails"
CLEAR = f"`kubectl annotate namespace dev t-one {ROLLOUT_FAILED}-`"
REPORTED = [
    RolloutFailure("dev", "RolloutFailed"),
    RolloutFailure("gone", "RolloutFailed"),
    RolloutFailure("prod", "NotApplied"),
    RolloutFailure("t-one", "RolloutFailed"),
]


def pinning(name: str | None) -> str:
    written = "null" if name is None else f'"{name}"'
    return f"""{_PATCH} '{{"spec":{{"pinnedRevision":{written}}}}}'`"""


BACK = f", or go back with {pinning(OLD)}"
HELD = {"dev": "new", "prod": "old", "t-one": "new", "t-two": "new"}


@pytest.mark.parametrize(
    ("situation", "before", "parts"),
    [
        pytest.param(
            RolloutSituation(),
            running(),
            [
                f"(stage canary, 1 of 3, begun {STAMP}) waits for the copy in 1 namespace (dev) ",
                f" since {STAMP}, which counts as NotApplied from 2026-01-01T12:01:00Z on; ",
                *(SUSPEND, FAIL, BACK),
            ],
            id="Progressing",
        ),
        pytest.param(
            RolloutSituation(),
            running("early"),
            ["in 2 namespaces (t-one and t-two) since 2026-01-01T12:00:00Z, which count as "],
            id="Progressing in several namespaces",
        ),
        pytest.param(
            RolloutSituation(held=HELD),
            running(phase=Phase.SOAKING, soaking_since=STAMP),
            [f"soaks since {STAMP} until 2026-01-01T12:10:00Z; ", SUSPEND, FAIL, BACK],
            id="Soaking",
        ),
        pytest.param(
            RolloutSituation(held=HELD),
            running("early", Phase.AWAITING_APPROVAL, soaking_since=STAMP),
            [f"waits for approval since {STAMP}; ", APPROVE, SUSPEND, FAIL, BACK],
            id="AwaitingApproval",
        ),
        pytest.param(
            RolloutSituation(held=HELD),
            RolloutStatus(NEW, Phase.AWAITING_APPROVAL, OLD),
            ["(before the first stage) waits for approval, because", APPROVE, SUSPEND, BACK],
            id="AwaitingApproval before the first stage",
        ),
        pytest.param(
            RolloutSituation(held=HELD),
            running("early", Phase.HALTED, failures=REPORTED),
            [APPROVE, BACK, f"; before the same content is rolled out again, run {CLEAR}."],
            id="Halted",
        ),
        pytest.param(
            RolloutSituation(),
            running("early", Phase.ROLLED_BACK, failures=REPORTED),
            [
                "; correct the source to begin a new rollout, or, ",
                f"if revision {NEW} is good, give it to every target namespace with {pinning(NEW)}",
                f"; before the same content is rolled out again, run {CLEAR}.",
            ],
            id="RolledBack",
        ),
        pytest.param(
            RolloutSituation(held=dict.fromkeys(HELD, "new"), pinned=NEW),
            COMPLETE,
            [f"; to roll out the source again, remove it with {pinning(None)}."],
            id="Pinned",
        ),
    ],
)
def test_every_phase_has_the_commands_for_each_way_on(
    situation: RolloutSituation, before: RolloutStatus, parts: Sequence[str]
) -> None:
    current = [name for name, level in situation.held.items() if level == "new"]
    message = ready(situation, before, current=current)[0]["Ready"]
    assert [part for part in parts if part not in message] == []


def test_nothing_has_to_go_where_no_namespace_reports_a_failure() -> None:
    before = running(phase=Phase.HALTED, failures=[RolloutFailure("dev", "NotApplied")])
    assert "before the same content" not in ready(RolloutSituation(), before)[0]["Ready"]


def test_before_the_first_stage_no_namespace_can_report_a_failure() -> None:
    message = ready(RolloutSituation(), RolloutStatus(NEW, Phase.AWAITING_APPROVAL, OLD))[0]
    assert ROLLOUT_FAILED not in message["Ready"]


DESCRIBE = "see `kubectl describe configmapsyncer sample` for what refuses it"
LISTED = (
    "set spec.pinnedRevision to a revision that `kubectl get configmaps -n {} "
    "-l config.example.com/revision-of=sample` lists."
)
LOST = RolloutSituation(held={"dev": "new", "prod": "other"})


@pytest.mark.parametrize(
    ("situation", "said"),
    [
        pytest.param(
            RolloutSituation(revisions=[stored("old")]),
            f"ConfigMap default/{NEW} is not stored as a revision, so every copy is kept as it is; "
            f"{DESCRIBE}, or {LISTED.format('default')}",
            id="the update alone",
        ),
        pytest.param(
            replace(LOST, revisions=[stored("new")]),
            f"ConfigMap default/{OLD} is not stored as a revision, and nothing is known to hold "
            f"its content, so every copy is kept as it is; {LISTED.format('default')}",
            id="the stable one, which is lost",
        ),
        pytest.param(
            replace(LOST, revisions=[]),
            f"ConfigMap default/{NEW} and ConfigMap default/{OLD} are not stored as revisions, and "
            f"nothing is known to hold the stable content, so every copy is kept as it is; "
            f"{DESCRIBE}.",
            id="both, and none is there",
        ),
        pytest.param(
            replace(
                LOST,
                revisions=[
                    stored("other", namespace="former", origin="former/app-config"),
                    stored("third", deleted=STAMP),
                    stored("new", immutable=None),
                ],
            ),
            f"ConfigMap default/{NEW} and ConfigMap default/{OLD} are not stored as revisions, and "
            f"nothing is known to hold the stable content, so every copy is kept as it is; "
            f"{DESCRIBE}, or {LISTED.format('former')}",
            id="those that are there are where the source was before",
        ),
    ],
)
def test_only_what_lists_a_revision_is_named_where_one_is_not_stored(
    situation: RolloutSituation, said: str
) -> None:
    assert ready(situation, running())[0]["Ready"] == said


def suspended(
    situation: RolloutSituation, before: RolloutStatus, planned: Plan | None = None
) -> str:
    """Ready of a suspended syncer."""
    situation = replace(situation, is_suspended=True)
    staging = Staging.of(situation.observation, content("new"), before, STAMP)
    outcomes = [staging.decide(each) for each in situation.observation.targets]
    context = StatusContext.of(situation.observation, Moment(Previous(), NOW))
    planned = planned or Plan(create=Namespaces(1), update=Changes(2))
    report = reports.suspended(context, "ConfigMap a/b", staging, outcomes, planned)
    return report.status.ready.message


WHOLE = RolloutFields([structs.replace(CANARY, approval=Approval.MANUAL), EARLY, REST])


@pytest.mark.parametrize(
    ("fields", "before", "stage", "waits"),
    [
        (
            {},
            running(phase=Phase.SOAKING, soaking_since=STAMP),
            "stage canary, 1 of 3",
            "the copies of the stage and a soak of 600 seconds",
        ),
        (
            {"fields": WHOLE},
            running(),
            "stage canary, 1 of 3",
            "the copies of the stage, a soak of 600 seconds and approval",
        ),
        (
            {},
            running("early", Phase.AWAITING_APPROVAL, approval_token="0123456789abcdef"),
            "stage early, 2 of 3",
            "the copies of the stage and approval",
        ),
        (
            {"approved": "0123456789abcdef"},
            running("early", Phase.AWAITING_APPROVAL, approval_token="0123456789abcdef"),
            "stage early, 2 of 3",
            "the copies of the stage",
        ),
        ({}, running("rest"), "stage rest, 3 of 3", "the copies of the stage"),
        ({}, running("gone"), "stage rest, 3 of 3", "the copies of the stage"),
        (
            {},
            running("rest", Phase.AWAITING_APPROVAL),
            "stage rest, 3 of 3",
            "the copies of the stage and approval",
        ),
        (
            {},
            RolloutStatus(NEW, Phase.AWAITING_APPROVAL, OLD),
            "before the first stage",
            "approval",
        ),
        ({}, COMPLETE, "stage canary, 1 of 3", "the copies of the stage and a soak of 600 seconds"),
        (
            {"revisions": [], "held": {}},
            running("rest"),
            "stage rest, 3 of 3",
            f"the missing revision {OLD} and the copies of the stage",
        ),
    ],
)
def test_a_suspended_rollout_says_what_it_waits_for_when_it_is_resumed(
    fields: dict[str, Any], before: RolloutStatus, stage: str, waits: str
) -> None:
    held = dict.fromkeys(HELD, "new") if before.stage == "gone" else HELD
    message = suspended(RolloutSituation(**{"held": held, **fields}), before)
    assert message == (
        f"Every copy is kept as it is; the rollout of revision {NEW} ({stage}) is held, and when "
        f"spec.suspend is false, it waits for {waits}; with all its stages, it would create 1 copy "
        "and update 2."
    )


@pytest.mark.parametrize(
    ("phase", "stays"), [(Phase.HALTED, "halted"), (Phase.ROLLED_BACK, "rolled back")]
)
def test_a_rollout_that_was_stopped_stays_so_when_it_is_resumed(phase: Phase, stays: str) -> None:
    message = suspended(RolloutSituation(), running(phase=phase))
    assert message == (
        f"Every copy is kept as it is; the rollout of revision {NEW} (stage canary, 1 of 3) stays "
        f"{stays}; set spec.suspend to false to create 1 copy and update 2."
    )


def test_a_plan_that_changes_nothing_says_so_of_all_stages() -> None:
    message = suspended(RolloutSituation(), running("rest"), Plan())
    assert message.endswith("; with all its stages, it would change none of them.")


@pytest.mark.parametrize(
    "situation",
    [
        RolloutSituation(pinned=NEW),
        RolloutSituation(held=dict.fromkeys(HELD, "new"), revisions=[stored("new")]),
    ],
)
def test_nothing_is_said_of_a_rollout_where_every_target_gets_the_same_at_once(
    situation: RolloutSituation,
) -> None:
    before = RolloutStatus(NEW, Phase.COMPLETE, NEW)
    assert suspended(situation, before) == (
        "Every copy is kept as it is; set spec.suspend to false to create 1 copy and update 2."
    )

"""Staged rollouts on the pure functions: which content each target gets, and what comes next."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec import UNSET, Raw, UnsetType, structs

from hooks.api import kinds, protocol
from hooks.api.kinds import CONFIG_MAP, SECRET, Kind
from hooks.api.names import (
    APPROVE_ROLLOUT,
    CONTENT_HASH,
    LAST_APPLIED,
    NAMESPACES,
    REVISION,
    REVISION_OF,
    ROLLOUT_FAILED,
    SOURCE,
    SYNCED_BY,
)
from hooks.api.options import HookOptions
from hooks.api.protocol import (
    KubernetesObject,
    MalformedRequest,
    ObjectMeta,
    OwnerReference,
    Parent,
    SyncRequest,
)
from hooks.copies.observation import Observation, observe
from hooks.copies.outcome import Outcome, State
from hooks.copies.revision import is_revision
from hooks.resolve import source
from hooks.resolve.source import Content, NoContent, SourceReason
from hooks.resolve.targets import Failure, FailureReason, Target
from hooks.rollout import revisions as revisions_module
from hooks.rollout import types
from hooks.rollout.assignment import Assignment, assign
from hooks.rollout.judgement import Judgement, TargetsSeen, judge, paused
from hooks.rollout.membership import stage_sizes
from hooks.rollout.revisions import Revisions, pinned, preserved_revisions
from hooks.rollout.soak import soak_end
from hooks.rollout.staging import Staging
from hooks.rollout.types import Phase, RolloutFailure, RolloutStatus
from hooks.spec import rollout as rollouts
from hooks.spec.rollout import Approval, Rollout, RolloutFields, StageFields
from hooks.spec.syncer import InvalidSpec, NamespaceSelection, SourceReference, Syncer
from hooks.status import report as reports
from hooks.status.context import Moment, StatusContext
from hooks.status.previous import Previous
from hooks.status.types import RETRY_SECONDS

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
STAMP = "2026-01-01T12:00:00Z"
UID = "b9f3"
OWNER = OwnerReference(kind="ConfigMapSyncer", name="sample", uid=UID, controller=True)
CANARY = StageFields("canary", target_namespaces=["dev"], soak_seconds=600)
EARLY = StageFields("early", target_namespaces=["t-*"], approval=Approval.MANUAL)
REST = StageFields("rest")
FIELDS = RolloutFields([CANARY, EARLY, REST])


def content(level: str, kind: Kind = CONFIG_MAP, version: str = "7") -> Content:
    data = {"level": level}
    return Content(
        data=data,
        binary_data={},
        raw_data=Raw(protocol.encode(data)),
        raw_binary_data=Raw(b""),
        hash=None if kind.is_secret else source.content_hash(data, {}),
        type="Opaque" if kind.is_secret else "",
        resource_version=version,
    )


def revision(level: str) -> str:
    return f"sample-{source.content_hash({'level': level}, {})[7:23]}"


def stored(level: str, name: str | None = None, **changed: Any) -> KubernetesObject:
    """A revision as it must be, but for what is changed."""
    metadata = ObjectMeta(
        name=name or revision(level),
        namespace=changed.pop("namespace", "default"),
        annotations={SOURCE: changed.pop("origin", "default/app-config")},
        owner_references=changed.pop("owners", (OWNER,)),
        creation_timestamp=changed.pop("created", ""),
        deletion_timestamp=changed.pop("deleted", None),
    )
    data = Raw(protocol.encode({"level": level}))
    whole: dict[str, Any] = {"kind": "ConfigMap", "data": data, "immutable": True}
    return KubernetesObject(metadata, **(whole | changed))


@dataclass(frozen=True)
class RolloutSituation:
    """What is there: each copy by its namespace, with the content that it holds and names."""

    held: Mapping[str, str] = field(
        default_factory=lambda: dict.fromkeys(("dev", "prod", "t-one", "t-two"), "old")
    )
    named: Mapping[str, str | None] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    revisions: Sequence[KubernetesObject] = (stored("old"), stored("new"))
    targets: Sequence[str] = ("dev", "prod", "t-one", "t-two")
    failed: Mapping[str, str] = field(default_factory=dict)
    approved: str = ""
    fields: RolloutFields = FIELDS
    pinned: str | None = None
    kind: Kind = CONFIG_MAP
    leaving: Collection[str] = ()
    foreign: Collection[str] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    is_suspended: bool = False
    absent: Collection[str] = ()
    taken: Collection[str] = ()
    """Where the namespace does not exist, and where somebody's object has the name of the copy."""

    @property
    def observation(self) -> Observation[Syncer]:
        syncer = Syncer(
            name="sample",
            uid=UID,
            source=SourceReference("default", "app-config", self.kind),
            namespaces=NamespaceSelection(self.targets),
            rollout=rollouts.parse(self.fields),
            pinned_revision=self.pinned,
            suspend=self.is_suspended,
        )
        copies = [self._copy(namespace, level) for namespace, level in self.held.items()]
        namespaces = [
            ObjectMeta(name, annotations={ROLLOUT_FAILED: self.failed.get(name, "")})
            for name in ("default", *self.targets)
        ]
        request = SyncRequest(
            Parent(ObjectMeta("sample", uid=UID, annotations={APPROVE_ROLLOUT: self.approved})),
            children={self.kind.group: {each.key: each for each in (*copies, *self.revisions)}},
            related={
                NAMESPACES: {each.name: KubernetesObject(each) for each in namespaces},
                self.kind.group: {
                    f"{name}/app-config": KubernetesObject(ObjectMeta("app-config", name))
                    for name in self.taken
                },
            },
        )
        failure = Failure(FailureReason.NAMESPACE_NOT_FOUND, "It does not exist.")
        targets = [
            Target(name, failure=failure) if name in self.absent else Target(name)
            for name in self.targets
        ]
        return observe(syncer, targets, request, HookOptions())

    def _copy(self, namespace: str, level: str) -> KubernetesObject:
        data = {"level": level}
        hashed = self.hashes.get(namespace, source.content_hash(data, {}))
        named = self.named.get(namespace, revision(level))
        annotations = {CONTENT_HASH: hashed, SOURCE: "default/app-config", REVISION: named}
        if namespace in self.foreign:
            annotations = {}
        return KubernetesObject(
            ObjectMeta(
                "app-config",
                namespace,
                annotations={name: text for name, text in annotations.items() if text},
                owner_references=(OWNER,),
                deletion_timestamp=STAMP if namespace in self.leaving else None,
                resource_version="9",
            ),
            kind=self.kind.name,
            data=Raw(protocol.encode(data)),
            type=self.types.get(namespace),
        )

    def assigned(self, before: RolloutStatus | None, level: str = "new") -> Assignment:
        rollout = self.observation.syncer.rollout
        assert rollout is not None
        return assign(self.observation, rollout, content(level, self.kind), before, STAMP)

    def judged(
        self,
        before: RolloutStatus | None,
        level: str = "new",
        *,
        failures: Mapping[str, tuple[str, str]] | None = None,
        were_synced: Sequence[str] = (),
        now: datetime = NOW,
        is_edited: bool = False,
        rewritten: Mapping[str, datetime] | None = None,
    ) -> Judgement:
        """What is judged where every copy that holds what it is to hold is current."""
        assignment = self.assigned(before, level)
        current = {
            name
            for name, desired in assignment.contents.items()
            if desired is not None and self.held.get(name) == desired.data["level"]
        }
        failing = failures or {}
        synced = frozenset(were_synced)
        seen = TargetsSeen(
            current - failing.keys(), failing, synced, now, is_edited, rewritten or {}
        )
        return judge(assignment, seen)


def running(stage: str = "canary", phase: Phase = Phase.PROGRESSING, **more: Any) -> RolloutStatus:
    """A rollout of `new` over `old` that was recorded."""
    return RolloutStatus(
        revision("new"), phase, revision("old"), stage=stage, started_at=STAMP, **more
    )


COMPLETE = RolloutStatus(revision("old"), Phase.COMPLETE, revision("old"))


def levels(assignment: Assignment) -> dict[str, str | None]:
    return {
        name: None if desired is None else desired.data["level"]
        for name, desired in assignment.contents.items()
    }


@pytest.mark.parametrize(
    ("stage", "updated"),
    [
        ("canary", {"dev"}),
        ("early", {"dev", "t-one", "t-two"}),
        ("rest", {"dev", "t-one", "t-two", "prod"}),
    ],
)
def test_the_update_is_in_passed_stages_and_the_current_one_and_the_stable_elsewhere(
    stage: str, updated: set[str]
) -> None:
    assigned = levels(RolloutSituation().assigned(running(stage)))

    assert assigned == {
        name: "new" if name in updated else "old" for name in ("dev", "prod", "t-one", "t-two")
    }


def test_a_source_that_is_equal_to_the_stable_revision_goes_everywhere_at_once() -> None:
    situation = RolloutSituation(held={"dev": "new", "prod": "old"})
    assignment = situation.assigned(running("canary", Phase.HALTED), "old")

    assert set(levels(assignment).values()) == {"old"}
    assert situation.judged(running(), "old").status.phase is Phase.COMPLETE


def test_what_a_copy_names_under_a_halt_decides_what_it_gets() -> None:
    situation = RolloutSituation(
        named={
            "dev": revision("new"),
            "t-one": revision("new"),
            "t-two": revision("other"),
            "prod": revision("new"),
        }
    )

    assert levels(situation.assigned(running("early", Phase.HALTED))) == {
        "dev": "new",
        "t-one": "new",
        # A third revision is none, and beyond the stage that was reached nobody gets the update.
        "t-two": "old",
        "prod": "old",
    }


def test_a_new_content_is_recorded_before_any_target_gets_it() -> None:
    situation = RolloutSituation()

    assert set(levels(situation.assigned(COMPLETE)).values()) == {"old"}
    judgement = situation.judged(COMPLETE)
    assert judgement.status == running(target_count=4)
    assert judgement.resync_after_seconds == 1.0


def test_a_second_change_starts_at_the_first_stage_and_leaves_the_first_where_it_is() -> None:
    situation = RolloutSituation(held={"dev": "new", "t-one": "new", "prod": "old"})
    before = running("early", soaking_since=STAMP)

    assert levels(situation.assigned(before, "newer")) == {
        "dev": "new",
        "t-one": "new",
        "t-two": "old",
        "prod": "old",
    }
    status = situation.judged(before, "newer").status
    assert (status.update_revision, status.stage) == (revision("newer"), "canary")
    assert status.soaking_since is UNSET


@pytest.mark.parametrize(
    ("revisions", "missing"),
    [
        pytest.param((stored("old"),), ["new"], id="the update is not observed"),
        pytest.param((stored("new"),), ["old"], id="the stable one is not observed"),
        pytest.param((stored("old"), stored("new", immutable=None)), ["new"], id="it can change"),
        pytest.param((stored("old"), stored("new", owners=())), ["new"], id="it is not ours"),
        pytest.param((stored("old"), stored("new", deleted=STAMP)), ["new"], id="it is going"),
        pytest.param(
            (stored("old"), stored("edited", revision("new"))), ["new"], id="it holds other data"
        ),
    ],
)
def test_no_copy_is_given_a_revision_that_is_not_observed_whole(
    revisions: Sequence[KubernetesObject], missing: Sequence[str]
) -> None:
    situation = RolloutSituation(held={"dev": "new", "prod": "old"}, revisions=revisions)
    assignment = situation.assigned(running())

    assert assignment.missing == [revision(level) for level in missing]
    given = {level for level in levels(assignment).values() if level}
    assert given.isdisjoint(missing)
    judgement = situation.judged(running("canary", Phase.SOAKING, soaking_since=STAMP))
    assert judgement.missing == assignment.missing
    assert judgement.status.phase is Phase.PROGRESSING
    assert judgement.status.soaking_since is UNSET


def test_a_stable_revision_that_is_lost_is_recovered_from_a_copy_that_holds_it_whole() -> None:
    situation = RolloutSituation(revisions=(stored("new"),))
    assert [each.data["level"] for each in situation.assigned(running()).used] == ["new", "old"]

    mixed = replace(situation, held={"dev": "old", "prod": "other"})
    recovered = mixed.assigned(running()).stable
    assert recovered is not None
    assert (recovered.data["level"], recovered.revision) == ("old", revision("old"))
    edited = RolloutSituation(
        revisions=(stored("new"),), hashes=dict.fromkeys(situation.held, "sha256:0")
    )
    assert [each.data["level"] for each in edited.assigned(running()).used] == ["new"]


UNKNOWN = RolloutStatus(revision("new"), Phase.AWAITING_APPROVAL, revision("old"))


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(COMPLETE, id="it begins"),
        pytest.param(UNKNOWN, id="it waits to begin again"),
        pytest.param(running(), id="it goes on"),
        pytest.param(running("gone"), id="its stage is gone"),
        pytest.param(running("early", Phase.HALTED), id="it is halted"),
        pytest.param(running("early", Phase.ROLLED_BACK), id="it is rolled back"),
        pytest.param(None, id="its status is lost"),
    ],
)
def test_the_update_and_the_stable_revision_stay_stored(before: RolloutStatus | None) -> None:
    situation = RolloutSituation()

    used = situation.assigned(before).used
    assert [each.revision for each in used] == [revision("new"), revision("old")]


def test_the_stable_revision_stays_stored_while_another_is_pinned() -> None:
    assignment = RolloutSituation(pinned=revision("new")).assigned(running())

    assert set(levels(assignment).values()) == {"new"}
    assert [each.revision for each in assignment.used] == [revision("new"), revision("old")]


def test_of_two_revisions_that_are_equal_the_pinned_one_is_used() -> None:
    found = (secret("old", "sample-5"), secret("old", "sample-7"))
    situation = RolloutSituation(kind=SECRET, revisions=found, pinned="sample-7")
    rollout = situation.observation.syncer.rollout
    assert rollout is not None
    desired = pinned(situation.observation, content("new", SECRET))
    assert isinstance(desired, Content)

    assigned = assign(situation.observation, rollout, desired, None, STAMP)
    assert assigned.recorded.update_revision == "sample-7"


def test_a_target_whose_namespace_does_not_exist_is_in_the_stage_that_names_it() -> None:
    observation = replace(RolloutSituation().observation, namespaces={})
    rollout = observation.syncer.rollout
    assert rollout is not None

    assignment = assign(observation, rollout, content("new"), running(), STAMP)
    assert assignment.stages == {"dev": 0, "t-one": 1, "t-two": 1, "prod": 2}


def test_under_a_second_change_nothing_beyond_the_reached_stage_keeps_the_first() -> None:
    situation = RolloutSituation(held=dict.fromkeys(("dev", "t-one", "prod"), "new"))

    assert levels(situation.assigned(running("early"), "newer")) == {
        "dev": "new",
        "t-one": "new",
        "t-two": "old",
        "prod": "old",
    }


def test_edited_stages_that_all_hold_the_update_go_on_at_the_last_one() -> None:
    situation = RolloutSituation(held=dict.fromkeys(("dev", "prod", "t-one", "t-two"), "new"))
    before = running("gone", Phase.AWAITING_APPROVAL, approval_token="0123456789abcdef")
    status = situation.judged(before).status

    assert (status.stage, status.phase) == ("rest", Phase.PROGRESSING)
    # What approved the stage that is gone approves no other.
    assert status.approval_token is UNSET


def test_a_namespace_that_joins_a_soaking_stage_does_not_restart_its_soak() -> None:
    situation = RolloutSituation(
        held={"dev": "new", "prod": "old"},
        targets=("dev", "dev-two", "prod"),
        fields=RolloutFields([structs.replace(CANARY, target_namespaces=["dev*"]), REST]),
    )
    since = "2026-01-01T11:00:00Z"
    before = running("canary", Phase.SOAKING, soaking_since=since)

    judgement = situation.judged(before, were_synced=["dev"])
    assert judgement.status.soaking_since == since
    # The stage is not passed before the newcomer holds the content, too.
    assert (judgement.status.phase, judgement.awaited) == (Phase.SOAKING, ["dev-two"])


@pytest.mark.parametrize(
    ("stage", "held"),
    [
        pytest.param("canary", {"dev": "old"}, id="the only one of its stage"),
        pytest.param("early", {"dev": "new", "t-one": "new", "t-two": "old"}, id="one of two"),
    ],
)
def test_a_target_that_loses_the_content_restarts_the_soak(
    stage: str, held: Mapping[str, str]
) -> None:
    before = running(stage, Phase.SOAKING, soaking_since="2026-01-01T11:00:00Z")
    judgement = RolloutSituation(held=held).judged(before, were_synced=["dev", "t-one", "t-two"])

    assert judgement.status.phase is Phase.PROGRESSING
    assert judgement.status.soaking_since is UNSET


@pytest.mark.parametrize(
    ("were_synced", "rewritten", "since"),
    [
        pytest.param(["dev"], {"dev": 300}, "12:05:00", id="its copy was written since then"),
        pytest.param(["dev"], {"prod": 300}, "12:00:00", id="a copy of another stage"),
        pytest.param([], {"dev": 300}, "12:00:00", id="a copy of a target that joined"),
        pytest.param(["dev"], {"dev": -300}, "12:00:00", id="before the soak"),
        pytest.param(["dev"], {"dev": 420}, "12:07:00", id="by a clock that is as fast as may be"),
        pytest.param(["dev"], {"dev": 421}, "12:00:00", id="at a time that is nonsense"),
    ],
)
def test_a_soak_begins_again_though_the_status_does_not_know_that_the_content_was_lost(
    were_synced: Sequence[str], rewritten: Mapping[str, int], since: str
) -> None:
    soaking = running(phase=Phase.SOAKING, soaking_since=STAMP)
    situation = RolloutSituation(held={"dev": "new", "prod": "old"})
    times = {name: NOW + timedelta(seconds=seconds) for name, seconds in rewritten.items()}
    for _ in range(2):
        judgement = situation.judged(
            soaking, were_synced=were_synced, rewritten=times, now=NOW + timedelta(seconds=360)
        )
        assert judgement.status.phase is Phase.SOAKING
        assert judgement.status.soaking_since == f"2026-01-01T{since}Z"
        soaking = judgement.status


def test_a_stage_in_which_nothing_holds_the_content_any_more_soaks_again() -> None:
    soaking = running(phase=Phase.SOAKING, soaking_since=STAMP)
    # Its only target may take no copy for a while.
    situation = RolloutSituation(held={"prod": "old"})
    alone = situation.judged(
        soaking, failures={"dev": ("ConsentMissing", "")}, were_synced=["dev"], now=NOW
    )
    assert alone.is_unproven
    assert alone.status.soaking_since is UNSET

    later = NOW + timedelta(seconds=900)
    back = RolloutSituation(held={"dev": "new", "prod": "old"}).judged(alone.status, now=later)
    assert (back.status.phase, back.status.stage) == (Phase.SOAKING, "canary")
    assert back.status.soaking_since == "2026-01-01T12:15:00Z"


def test_a_hold_restarts_the_soak_and_forgets_nothing_else() -> None:
    before = running("canary", Phase.SOAKING, soaking_since=STAMP)
    assert paused(before) == running("canary")
    halted = running("canary", Phase.HALTED, approval_token="0123456789abcdef")
    assert paused(halted) == halted


REFUSED = {"dev": ("NotApplied", "In namespace dev, it was refused.")}
REPORTED = {"dev": revision("new")}
ANNOTATED = f"The Namespace has the annotation {ROLLOUT_FAILED}={revision('new')}."


@pytest.mark.parametrize(
    ("on_failure", "phase"), [("Halt", Phase.HALTED), ("Rollback", Phase.ROLLED_BACK)]
)
def test_more_failures_than_allowed_stop_the_rollout(on_failure: str, phase: Phase) -> None:
    fields = structs.replace(FIELDS, on_failure=rollouts.OnFailure(on_failure))
    reported = RolloutSituation(held={"dev": "new", "prod": "old"}, failed=REPORTED, fields=fields)
    refused = RolloutSituation(fields=fields)

    for judgement, failure in (
        (reported.judged(running()), RolloutFailure("dev", "RolloutFailed", ANNOTATED)),
        (refused.judged(running(), failures=REFUSED), RolloutFailure("dev", *REFUSED["dev"])),
    ):
        assert judgement.status.phase is phase
        assert judgement.status.failures == [failure]
        assert judgement.resync_after_seconds == 1.0


def test_a_message_is_cut_where_the_status_has_no_room_for_more() -> None:
    failures = {"dev": ("NotApplied", "x" * (types.MESSAGE_LIMIT + 1))}
    status = RolloutSituation().judged(running(), failures=failures).status

    assert types.read(Raw(protocol.encode(status))) == status


@pytest.mark.parametrize(
    "situation",
    [
        pytest.param(
            RolloutSituation(failed=REPORTED), id="a target that holds the stable revision"
        ),
        pytest.param(
            RolloutSituation(held={"dev": "new"}, failed={"dev": revision("old")}),
            id="another revision is named",
        ),
        pytest.param(
            RolloutSituation(held={"dev": "new"}, failed={"prod": revision("new")}),
            id="a target beyond the stage is named",
        ),
    ],
)
def test_only_targets_that_hold_the_update_can_fail(situation: RolloutSituation) -> None:
    assert situation.judged(running()).status.failures is UNSET


def test_a_target_that_can_take_no_copy_is_neither_waited_for_nor_counted() -> None:
    situation = RolloutSituation(
        targets=("dev", "dev-two", "prod"),
        held={"dev": "new", "prod": "old"},
        fields=RolloutFields([structs.replace(CANARY, target_namespaces=["dev*"]), REST]),
    )
    judgement = situation.judged(running(), failures={"dev-two": ("Conflict", "In the way.")})

    assert (judgement.status.phase, judgement.awaited) == (Phase.SOAKING, ())
    assert judgement.status.failures is UNSET


@pytest.mark.parametrize(
    ("number", "failing", "limit", "halts"),
    [
        (1, 1, 0, True),
        (1, 1, 1, False),
        (1, 1, "99%", True),
        (1, 1, "100%", False),
        (3, 1, "33%", True),
        (3, 1, "34%", False),
        (3, 2, 1, True),
        (1000, 50, "5%", False),
        (1000, 51, "5%", True),
    ],
)
def test_the_limit_counts_the_targets_of_a_stage(
    number: int, failing: int, limit: int | str, *, halts: bool
) -> None:
    names = [f"c-{n:04}" for n in range(number)]
    situation = RolloutSituation(
        held=dict.fromkeys(names, "new"),
        targets=names,
        failed=dict.fromkeys(names[:failing], revision("new")),
        fields=RolloutFields(
            [structs.replace(CANARY, target_namespaces=["c-*"]), REST], max_failures=limit
        ),
    )
    status = situation.judged(running()).status

    assert (status.phase is Phase.HALTED) is halts
    assert status.failures is not UNSET
    assert len(status.failures) == min(failing, types.FAILURES_LIMIT)


def test_failures_of_passed_stages_count() -> None:
    situation = RolloutSituation(
        held={"dev": "new", "t-one": "new", "t-two": "new", "prod": "old"}, failed=REPORTED
    )
    assert situation.judged(running("early")).status.phase is Phase.HALTED


def test_a_halt_stays_and_freezes_though_the_failure_heals() -> None:
    recorded = running("canary", Phase.HALTED, failures=[RolloutFailure("dev", "NotApplied")])
    judgement = RolloutSituation(held={"dev": "new", "prod": "old"}).judged(recorded)

    assert judgement.status.phase is Phase.HALTED
    assert judgement.status.failures == [RolloutFailure("dev", "NotApplied")]
    assert judgement.tokens == (judgement.status.approval_token,)


def test_a_halt_that_is_approved_goes_on_past_that_failure_and_halts_at_another() -> None:
    held = {"dev": "new", "t-one": "new", "t-two": "new", "prod": "old"}
    situation = RolloutSituation(held=held, failed=REPORTED)
    halt = situation.judged(running("canary")).status
    approving = replace(situation, approved=str(halt.approval_token))

    assert approving.judged(halt).status.phase is Phase.PROGRESSING
    later = approving.judged(running("early"))
    assert later.status.phase is Phase.AWAITING_APPROVAL
    # The command has to keep what was accepted.
    assert later.tokens == (halt.approval_token, later.status.approval_token)
    both = replace(approving, approved=", ".join(map(str, later.tokens)))
    assert both.judged(running("early")).status.stage == "rest"
    other = replace(approving, failed={**REPORTED, "t-one": revision("new")})
    assert other.judged(running("early")).status.phase is Phase.HALTED


def test_a_halt_is_approved_for_the_failures_that_are_not_listed_too() -> None:
    names = [f"t-{number:02}" for number in range(types.FAILURES_LIMIT + 5)]
    *failing, other = names
    held = {"dev": "new", **dict.fromkeys(names, "new"), "prod": "old"}
    failed = dict.fromkeys(failing, revision("new"))
    situation = RolloutSituation(held=held, targets=("dev", *names, "prod"), failed=failed)
    halt = situation.judged(running("early")).status
    assert situation.judged(halt).status.approval_token == halt.approval_token

    approving = replace(situation, approved=str(halt.approval_token))
    recorded = approving.judged(halt).status
    assert recorded.phase is Phase.PROGRESSING
    assert recorded.failures == [
        RolloutFailure(name, "RolloutFailed", ANNOTATED) for name in names[: types.FAILURES_LIMIT]
    ]
    assert approving.judged(recorded).status.phase is Phase.AWAITING_APPROVAL
    one_more = replace(approving, failed={**failed, other: revision("new")})
    assert one_more.judged(recorded).status.phase is Phase.HALTED


def test_what_is_approved_stays_so_when_one_of_the_failures_recovers() -> None:
    held = {"dev": "new", "t-one": "new", "t-two": "new", "prod": "old"}
    both = dict.fromkeys(("dev", "t-one"), revision("new"))
    situation = RolloutSituation(held=held, failed=both)
    halt = situation.judged(running("early")).status
    approving = replace(situation, approved=str(halt.approval_token))
    recorded = approving.judged(halt).status

    recovered = replace(approving, failed={"dev": revision("new")}).judged(recorded)
    assert recovered.status.phase is Phase.AWAITING_APPROVAL
    assert recovered.tokens == (halt.approval_token, recovered.status.approval_token)
    # It fails again in a later sync.
    assert recovered.status.failures == recorded.failures
    assert approving.judged(recovered.status).status.phase is Phase.AWAITING_APPROVAL
    other = replace(approving, failed={"t-two": revision("new")}).judged(recorded)
    assert other.status.phase is Phase.HALTED


@pytest.mark.parametrize(("others", "stage"), [(19, "rest"), (20, "nobody")])
def test_as_many_tokens_may_be_listed_as_the_annotation_has_room_for(
    others: int, stage: str
) -> None:
    nobody = structs.replace(CANARY, name="nobody", target_namespaces=["nobody"])
    situation = RolloutSituation(fields=RolloutFields([nobody, REST]))
    (token,) = situation.judged(running("nobody")).tokens
    approving = replace(situation, approved=",".join([*["x"] * others, token, "x", "x"]))

    assert approving.judged(running("nobody")).status.stage == stage


def test_a_rollout_whose_start_is_not_recorded_can_be_approved() -> None:
    nobody = structs.replace(CANARY, name="nobody", target_namespaces=["nobody"])
    situation = RolloutSituation(fields=RolloutFields([nobody, REST]))
    before = structs.replace(running("nobody"), started_at=UNSET)
    (token,) = situation.judged(before).tokens

    assert replace(situation, approved=token).judged(before).status.stage == "rest"


def test_a_halt_of_more_refused_targets_than_are_listed_is_approved_for_good() -> None:
    names = [f"c-{number:02}" for number in range(25)]
    fields = RolloutFields([structs.replace(CANARY, target_namespaces=["c-*"]), REST])
    situation = RolloutSituation(
        held={**dict.fromkeys(names, "old"), "prod": "old"},
        targets=[*names, "prod"],
        fields=fields,
    )
    refused = dict.fromkeys(names, ("NotApplied", ""))
    halted = situation.judged(running(), failures=refused).status
    # Under a halt, nothing tells of the others that they would be refused the update.
    listed = dict.fromkeys(names[: types.FAILURES_LIMIT], ("NotApplied", ""))
    for _ in range(2):
        halt = situation.judged(halted, failures=listed)
        assert halt.tokens == (halted.approval_token,)
        halted = halt.status
    edited = situation.judged(halted, failures=listed, is_edited=True)
    assert edited.status.approval_token != halted.approval_token

    approving = replace(situation, approved=str(halted.approval_token))
    going = approving.judged(halted, failures=listed).status
    assert going.phase is Phase.PROGRESSING
    assert approving.judged(going, failures=refused).status.phase is not Phase.HALTED


def test_a_failure_that_is_added_to_a_halt_is_approved_with_it() -> None:
    held = {"dev": "new", "t-one": "new", "t-two": "new", "prod": "old"}
    situation = RolloutSituation(held=held, failed={"t-one": revision("new")})
    recorded = running("early", Phase.HALTED, failures=[RolloutFailure("dev", "NotApplied")])
    halt = situation.judged(recorded).status
    approving = replace(situation, approved=str(halt.approval_token))
    going = approving.judged(halt).status

    assert (going.phase, going.approval_token) == (Phase.PROGRESSING, UNSET)
    assert [each.namespace for each in going.failures or ()] == ["dev", "t-one"]
    assert approving.judged(recorded).status.failures == going.failures


def test_the_command_lists_one_token_for_what_failed_and_what_fails() -> None:
    held = {"dev": "new", "t-one": "new", "t-two": "new", "prod": "old"}
    situation = RolloutSituation(held=held, failed={"dev": revision("new")})
    recorded = running("early", failures=[RolloutFailure("t-one", "NotApplied")])
    both = replace(situation, failed=dict.fromkeys(("dev", "t-one"), revision("new")))
    tokens = [each.judged(running("early")).tokens[0] for each in (both, situation)]
    approving = replace(situation, approved=",".join(tokens))

    judgement = approving.judged(recorded)
    assert judgement.tokens == (tokens[0], judgement.status.approval_token)


@pytest.mark.parametrize(
    ("since", "phase", "left"),
    [
        (None, Phase.SOAKING, 600),
        (0, Phase.SOAKING, 600),
        (599.5, Phase.SOAKING, 1),
        (600, Phase.PROGRESSING, 1),
        pytest.param(-30, Phase.SOAKING, 630, id="by a replica whose clock is fast"),
        pytest.param(-60, Phase.SOAKING, 660, id="by one that is as fast as may be"),
        pytest.param(-61, Phase.SOAKING, 600, id="by nonsense"),
    ],
)
def test_a_stage_soaks_before_the_next_one_begins(
    since: float | None, phase: Phase, left: float
) -> None:
    situation = RolloutSituation(held={"dev": "new", "prod": "old"})
    started = {} if since is None else {"soaking_since": STAMP}
    now = NOW + timedelta(seconds=since or 0)
    judgement = situation.judged(running("canary", Phase.SOAKING, **started), now=now)

    assert (judgement.status.phase, judgement.resync_after_seconds) == (phase, left)
    assert judgement.status.stage == ("canary" if phase is Phase.SOAKING else "early")


SOAKING = running(phase=Phase.SOAKING, soaking_since=STAMP)
STAGES = [
    {"name": "canary", "targetNamespaces": ["dev"], "soakSeconds": 600},
    {"name": "everyone-else"},
]


@pytest.mark.parametrize(
    ("status", "spec", "seconds"),
    [
        pytest.param(SOAKING, {"rollout": {"stages": STAGES}}, 600, id="of its stage"),
        pytest.param(
            structs.replace(SOAKING, phase=Phase.AWAITING_APPROVAL),
            {"rollout": {"stages": STAGES}},
            None,
            id="it has soaked",
        ),
        pytest.param(
            structs.replace(SOAKING, soaking_since="0000-00-00T00:00:00Z"),
            {"rollout": {"stages": STAGES}},
            None,
            id="no time",
        ),
        pytest.param(
            structs.replace(SOAKING, soaking_since=UNSET),
            {"rollout": {"stages": STAGES}},
            None,
            id="no start",
        ),
        pytest.param(
            structs.replace(SOAKING, stage=UNSET),
            {"rollout": {"stages": STAGES}},
            None,
            id="no stage",
        ),
        pytest.param(
            structs.replace(SOAKING, stage="other"),
            {"rollout": {"stages": STAGES}},
            None,
            id="no such stage",
        ),
        pytest.param(SOAKING, {}, None, id="no rollout"),
        pytest.param(SOAKING, {"rollout": {"stages": []}}, None, id="an invalid spec"),
    ],
)
def test_a_soak_is_over_when_the_seconds_of_its_stage_are(
    status: RolloutStatus, spec: Mapping[str, object], seconds: int | None
) -> None:
    fields = {
        "sourceNamespace": "default",
        "sourceConfigMap": "app-config",
        "targetNamespaces": ["dev"],
    }
    parent = Parent(ObjectMeta("sample", uid=UID), spec=Raw(protocol.encode({**fields, **spec})))

    end = None if seconds is None else datetime.fromisoformat(STAMP) + timedelta(seconds=seconds)
    assert soak_end(parent, status) == end


def test_a_stage_in_which_nothing_holds_the_content_is_not_passed_by_itself() -> None:
    empty = RolloutSituation(
        fields=RolloutFields(
            [structs.replace(CANARY, name="nobody", target_namespaces=["nobody"]), REST]
        )
    )
    judgement = empty.judged(running("nobody"))

    assert judgement.status.phase is Phase.AWAITING_APPROVAL
    assert judgement.is_unproven
    approved = replace(empty, approved=f"x,{judgement.tokens[0]}")
    assert approved.judged(running("nobody")).status.stage == "rest"


def test_a_last_stage_without_targets_completes_what_an_earlier_one_has_proved() -> None:
    situation = RolloutSituation(
        held={"dev": "new"}, targets=("dev",), fields=RolloutFields([CANARY, REST])
    )
    status = situation.judged(running("rest")).status

    assert (status.phase, status.stable_revision) == (Phase.COMPLETE, revision("new"))
    nobody = replace(situation, held={}, targets=())
    assert nobody.judged(running("rest")).status.phase is Phase.AWAITING_APPROVAL


HALTED_BY_DEV = RolloutSituation(
    held={"dev": "new", "t-one": "new", "t-two": "new", "prod": "old"}, failed=REPORTED
)


@pytest.mark.parametrize(
    ("situation", "before"),
    [
        pytest.param(HALTED_BY_DEV, running("early"), id="another stage"),
        pytest.param(
            HALTED_BY_DEV,
            structs.replace(running("canary"), started_at="2026-01-01T11:59:59Z"),
            id="another start",
        ),
        pytest.param(
            replace(HALTED_BY_DEV, fields=RolloutFields([CANARY, REST])),
            running("canary"),
            id="other stages",
        ),
        pytest.param(
            HALTED_BY_DEV,
            structs.replace(running("canary"), stable_revision=UNSET),
            id="another stable revision",
        ),
        pytest.param(
            replace(HALTED_BY_DEV, failed={**REPORTED, "t-one": revision("new")}),
            running("early"),
            id="other namespaces fail",
        ),
    ],
)
def test_a_token_approves_one_step_of_one_rollout(
    situation: RolloutSituation, before: RolloutStatus
) -> None:
    stage = replace(
        HALTED_BY_DEV,
        failed={},
        fields=RolloutFields(
            [structs.replace(CANARY, soak_seconds=0, approval=Approval.MANUAL), REST]
        ),
    )
    tokens = {*stage.judged(running()).tokens, *HALTED_BY_DEV.judged(running()).tokens}
    assert len(tokens) == 2

    manual = replace(situation, failed={})
    others = {*situation.judged(before).tokens, *manual.judged(before).tokens}
    if before.stage == "early" and situation is HALTED_BY_DEV:
        # A failure that was accepted stays so in the next stage; only passing that is another step.
        others -= tokens
    assert others.isdisjoint(tokens)


@pytest.mark.parametrize(
    ("stages", "stage"),
    [
        pytest.param([EARLY, REST], "early", id="the stage of the same name"),
        pytest.param([CANARY, REST], "rest", id="the first with a target that is behind"),
    ],
)
def test_edited_stages_go_on_where_the_rollout_was(
    stages: Sequence[StageFields], stage: str
) -> None:
    situation = RolloutSituation(
        held={"dev": "new", "t-one": "new", "t-two": "old", "prod": "old"},
        fields=RolloutFields(list(stages)),
    )
    before = running("early", Phase.SOAKING, soaking_since="2026-01-01T11:00:00Z")
    status = situation.judged(before, is_edited=True).status

    # The soak begins again.
    assert (status.stage, status.phase, status.soaking_since) == (stage, Phase.PROGRESSING, UNSET)
    halted = situation.judged(running("gone", Phase.HALTED)).status
    assert halted.phase is Phase.HALTED


def test_a_copy_that_should_be_gone_is_not_waited_for() -> None:
    fields = RolloutFields([structs.replace(CANARY, target_namespaces=["dev", "prod"]), REST])
    situation = RolloutSituation(held={"dev": "new", "prod": "old"}, fields=fields, absent=["prod"])
    judgement = situation.judged(running(), were_synced=["prod"])

    assert (judgement.status.phase, judgement.awaited) == (Phase.SOAKING, ())


@pytest.mark.parametrize(
    ("held", "missing", "stage"),
    [
        pytest.param({"dev": "new"}, [], "canary", id="the next one has nothing of it"),
        pytest.param({"dev": "new", "t-one": "new"}, [], "early", id="a part of the next one has"),
        pytest.param({}, [], "canary", id="none has it"),
        pytest.param({"dev": "new"}, ["dev"], "canary", id="a copy is lost"),
    ],
)
@pytest.mark.parametrize("phase", [Phase.SOAKING, Phase.HALTED])
def test_a_stage_under_another_name_proves_itself_again(
    phase: Phase, held: Mapping[str, str], missing: Sequence[str], stage: str
) -> None:
    others = dict.fromkeys(("dev", "prod", "t-one", "t-two"), "old")
    copies = {name: each for name, each in {**others, **held}.items() if name not in missing}
    situation = RolloutSituation(held=copies)
    status = situation.judged(running("former", phase, soaking_since=STAMP)).status

    assert (status.stage, status.soaking_since) == (stage, UNSET)
    # The command that approves a halt is never without a token.
    assert (status.approval_token is UNSET) == (phase is Phase.SOAKING)


@pytest.mark.parametrize(
    ("leaving", "failures"),
    [(["dev"], ()), ([], [RolloutFailure("dev", "NotApplied")])],
    ids=["its copy hangs", "it failed before"],
)
def test_a_target_that_fails_does_not_lead_back_to_its_stage(
    leaving: Sequence[str], failures: Sequence[RolloutFailure]
) -> None:
    held = {"dev": "old", "t-one": "new", "t-two": "new", "prod": "old"}
    situation = RolloutSituation(held=held, leaving=leaving)
    before = running("former", failures=failures or UNSET)

    assert situation.judged(before).status.stage == "early"
    assert replace(situation, leaving=()).judged(running("former")).status.stage == "canary"


@pytest.mark.parametrize(
    ("level", "stage", "leaving"),
    [("new", "early", []), ("old", "canary", []), ("new", "canary", ["t-one"])],
)
def test_a_forged_name_of_a_revision_begins_no_stage(
    level: str, stage: str, leaving: Sequence[str]
) -> None:
    held = {"dev": "new", "t-one": level, "t-two": "old", "prod": "old"}
    situation = RolloutSituation(held=held, named={"t-one": revision("new")}, leaving=leaving)

    assert situation.judged(running("former")).status.stage == stage


def test_a_target_that_can_take_no_copy_does_not_lead_back_to_its_stage() -> None:
    unable = structs.replace(CANARY, target_namespaces=["dev", "gone", "taken"])
    situation = RolloutSituation(
        held={"dev": "new", "t-one": "new", "t-two": "new", "prod": "old"},
        targets=("dev", "gone", "prod", "t-one", "t-two", "taken"),
        fields=RolloutFields([unable, EARLY, REST]),
        absent=("gone",),
        taken=("taken",),
    )
    assert situation.judged(running("former")).status.stage == "early"
    able = replace(situation, absent=(), taken=())
    assert able.judged(running("former")).status.stage == "canary"


@pytest.mark.parametrize(
    ("held", "phase", "stable"),
    [
        pytest.param({}, Phase.COMPLETE, "new", id="no copies: first content"),
        pytest.param({"dev": "new", "prod": "new"}, Phase.COMPLETE, "new", id="all hold it"),
        pytest.param(
            {"dev": "new", "prod": "old", "t-one": "old", "t-two": "old"},
            Phase.AWAITING_APPROVAL,
            "old",
            id="what most targets hold is stable",
        ),
        pytest.param(
            {"dev": "new", "prod": "old", "t-one": "old"},
            Phase.AWAITING_APPROVAL,
            None,
            id="half of the targets hold it",
        ),
        pytest.param(
            {"dev": "new", "t-one": "new", "prod": "old"},
            Phase.AWAITING_APPROVAL,
            None,
            id="most hold the content of the source",
        ),
    ],
)
def test_a_rollout_that_is_not_recorded_begins_with_what_the_copies_hold(
    held: Mapping[str, str], phase: Phase, stable: str | None
) -> None:
    situation = RolloutSituation(held=held)
    judgement = situation.judged(None)

    assert judgement.status.phase is phase
    assert judgement.status.stable_revision == (revision(stable) if stable else UNSET)
    assignment = situation.assigned(None)
    assert assignment.recorded.phase is phase
    assert [each.data["level"] for each in assignment.used] == (
        ["new", "old"] if stable == "old" else ["new"]
    )
    given = set(levels(assignment).values())
    assert given == ({"new"} if phase is Phase.COMPLETE else {None})


def staged(situation: RolloutSituation, before: RolloutStatus | None) -> Mapping[str, Outcome]:
    observation = situation.observation
    staging = Staging.of(observation, content("new"), before, STAMP)
    return {each.namespace: staging.decide(each) for each in observation.targets}


def test_a_target_that_waits_for_its_stage_is_staged() -> None:
    situation = RolloutSituation(held={"prod": "old"})
    (child,) = staged(situation, running())["prod"].children
    fields = {"f:data": {"f:level": {}}, "f:metadata": {"f:annotations": {f"f:{SOURCE}": {}}}}
    entry = {
        "manager": HookOptions().field_manager,
        "operation": "Apply",
        "time": STAMP,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    metadata = ObjectMeta(
        child.metadata.name,
        child.metadata.namespace,
        labels=child.metadata.labels or None,
        annotations=child.metadata.annotations or None,
        owner_references=(OWNER,),
        managed_fields=Raw(protocol.encode([entry])),
    )
    assert isinstance(child.data, Raw)
    copy = KubernetesObject(metadata, kind="ConfigMap", data=child.data)
    outcome = staged(replace(situation, held={}, revisions=(*situation.revisions, copy)), running())

    # When the stable content was written says nothing of the update.
    assert (outcome["prod"].state, outcome["prod"].written) == (State.STAGED, None)


def ready(
    situation: RolloutSituation,
    before: RolloutStatus | None,
    *,
    refused: Sequence[str] = (),
    current: Collection[str] = (),
    seconds: float = 0,
) -> tuple[Mapping[str, str], float]:
    """The messages of the conditions by their types, and in how many seconds the hook is asked."""
    observation = situation.observation
    staging = Staging.of(observation, content("new"), before, STAMP)
    assert staging.assignment is not None
    outcomes = [staging.decide(each) for each in observation.targets]
    failure = Failure(FailureReason.NOT_APPLIED, "It was refused.")
    outcomes = [
        replace(each, state=State.FAILED, failure=failure) if each.namespace in refused else each
        for each in outcomes
    ]
    outcomes = [
        replace(each, state=State.CURRENT) if each.namespace in current else each
        for each in outcomes
    ]
    moment = Moment(Previous(), NOW + timedelta(seconds=seconds))
    context = StatusContext.of(observation, moment)
    report = reports.staged(context, "ConfigMap default/app-config", staging.assignment, outcomes)
    messages = {each.type: each.message for each in report.status.conditions}
    return messages, report.resync_after_seconds


@pytest.mark.parametrize(
    ("started", "seconds", "condition", "resync"),
    [
        pytest.param(STAMP, 59, "Reconciling", 1, id="a second is left"),
        pytest.param(STAMP, 60, "Stalled", RETRY_SECONDS, id="the time is over"),
        pytest.param(UNSET, 0, "Reconciling", 60, id="nobody knows since when"),
    ],
)
def test_a_revision_that_is_not_stored_is_waited_for_until_the_deadline(
    started: str | UnsetType, seconds: float, condition: str, resync: float
) -> None:
    before = structs.replace(running(), started_at=started)
    messages, seconds_left = ready(RolloutSituation(revisions=()), before, seconds=seconds)

    assert condition in messages
    assert seconds_left == resync


def test_a_revision_that_nothing_can_bring_back_is_refused_by_nobody() -> None:
    listed = "set spec.pinnedRevision to a revision that `kubectl get configmaps -n default"
    lost = RolloutSituation(held={"dev": "new", "prod": "new"}, revisions=[stored("new")])
    assert ready(lost, running("rest"))[0]["Ready"].startswith(
        f"ConfigMap default/{revision('old')} is not stored as a revision, and nothing is known to "
        f"hold its content, so every copy is kept as it is; {listed}"
    )
    refused = replace(lost, held={"dev": "new", "prod": "old"})
    assert "for what refuses it, or set" in ready(refused, running("rest"))[0]["Ready"]


@pytest.mark.parametrize("phase", [Phase.HALTED, Phase.ROLLED_BACK])
def test_what_stopped_a_rollout_matters_more_than_which_copies_are_refused(phase: Phase) -> None:
    before = running(phase=phase, failures=[RolloutFailure("dev", "NotApplied", "It was refused.")])
    messages, _ = ready(RolloutSituation(), before, refused=["dev"])

    assert messages["Ready"].startswith(
        "1 target namespace fails (dev), dev with NotApplied: it was refused, so "
    )


def test_every_target_that_fails_is_named_though_somebody_removed_the_message() -> None:
    failures = [RolloutFailure(name, "NotApplied") for name in ("dev", "t-one")]
    messages, _ = ready(RolloutSituation(), running(phase=Phase.HALTED, failures=failures))

    assert messages["Ready"].startswith(
        "2 target namespaces fail (dev and t-one), dev with NotApplied, so "
    )


@pytest.mark.parametrize(
    ("stable", "consequence"),
    [
        pytest.param(
            UNSET,
            "the former content is not stored, so every copy is kept as it is",
            id="of which nothing is known",
        ),
        pytest.param(
            revision("lost"),
            f"revision {revision('lost')} is not stored, so every copy is kept as it is",
            id="that is lost",
        ),
        pytest.param(
            revision("old"),
            f"every target namespace gets revision {revision('old')} again instead of revision "
            f"{revision('new')} (stage canary, 1 of 3)",
            id="that is stored",
        ),
    ],
)
def test_a_rollback_says_what_becomes_of_the_copies(
    stable: str | UnsetType, consequence: str
) -> None:
    before = structs.replace(running(phase=Phase.ROLLED_BACK), stable_revision=stable)
    messages, _ = ready(RolloutSituation(), before)

    assert f"{consequence}; correct the source to begin a new rollout, or" in messages["Ready"]


@pytest.mark.parametrize(
    ("held", "stage", "since", "waits"),
    [
        pytest.param(("dev",), "canary", STAMP, "12:10:00", id="since the soak was over"),
        pytest.param(("dev", "t-one", "t-two"), "early", UNSET, "12:20:00", id="since all hold it"),
        pytest.param(("dev", "t-one", "t-two"), "early", STAMP, "12:00:00", id="since they did"),
    ],
)
def test_a_stage_says_since_when_it_waits_for_approval(
    held: Sequence[str], stage: str, since: str | UnsetType, waits: str
) -> None:
    others = dict.fromkeys(("dev", "t-one", "t-two", "prod"), "old")
    canary = structs.replace(CANARY, approval=Approval.MANUAL)
    situation = RolloutSituation(
        held=others | dict.fromkeys(held, "new"), fields=RolloutFields([canary, EARLY, REST])
    )
    place = {"canary": 1, "early": 2}[stage]
    before = running(stage, soaking_since=since)
    messages, _ = ready(situation, before, current=held, seconds=1_200)

    assert messages["Ready"].startswith(
        f"The rollout of revision {revision('new')} (stage {stage}, {place} of 3, begun {STAMP}) "
        f"waits for approval since 2026-01-01T{waits}Z; "
    )


def test_a_stage_without_a_soak_does_not_soak_while_it_waits_for_a_copy() -> None:
    held = {"dev": "new", "t-one": "new", "t-two": "old", "prod": "old"}
    before = running("early", Phase.AWAITING_APPROVAL, soaking_since=STAMP)
    status = RolloutSituation(held=held).judged(before, now=NOW + timedelta(hours=1)).status

    assert (status.phase, status.soaking_since) == (Phase.PROGRESSING, STAMP)


def test_what_is_written_again_does_not_change_since_when_a_stage_without_a_soak_waits() -> None:
    held = {"dev": "new", "t-one": "new", "t-two": "new", "prod": "old"}
    before = running("early", Phase.AWAITING_APPROVAL, soaking_since=STAMP)
    later = NOW + timedelta(hours=1)
    judgement = RolloutSituation(held=held).judged(
        before, were_synced=["t-one"], rewritten={"t-one": later}, now=later
    )
    assert judgement.status.soaking_since == STAMP


def test_the_command_that_approves_lists_all_tokens_with_commas() -> None:
    held = {"dev": "new", "t-one": "new", "t-two": "new", "prod": "old"}
    situation = RolloutSituation(held=held, failed={"dev": revision("new")})
    (halt,) = situation.judged(running("early")).tokens
    approving = replace(situation, approved=halt)
    (_, step) = approving.judged(running("early")).tokens
    messages, _ = ready(approving, running("early"), current=("dev", "t-one", "t-two"))

    assert f" {APPROVE_ROLLOUT}={halt},{step} --overwrite`" in messages["Ready"]


def test_where_nothing_is_decided_every_copy_stays_and_none_is_made() -> None:
    outcomes = staged(RolloutSituation(held={"dev": "new", "prod": "old"}), None)

    assert outcomes["t-one"] == Outcome("t-one", State.STAGED, ())
    assert [each.data for each in outcomes["prod"].children] == [Raw(b'{"level":"old"}')]
    assert {each.state for each in outcomes.values()} == {State.STAGED}


@pytest.mark.parametrize(
    ("phase", "level"),
    [(Phase.PROGRESSING, "new"), (Phase.HALTED, "old"), (Phase.ROLLED_BACK, "old")],
)
def test_a_plan_shows_the_end_of_a_rollout_unless_it_is_stopped(phase: Phase, level: str) -> None:
    situation = RolloutSituation(held={"prod": "old"}, is_suspended=True)
    outcomes = staged(situation, running("canary", phase))

    assert [each.data for each in outcomes["prod"].children] == [
        Raw(protocol.encode({"level": level}))
    ]


def test_an_edited_copy_does_not_say_what_is_stable() -> None:
    edited = RolloutSituation(held={"dev": "edited"}, hashes={"dev": "sha256:0"})
    judgement = edited.judged(None)

    assert judgement.status.phase is Phase.AWAITING_APPROVAL
    assert judgement.status.stable_revision is UNSET


@pytest.mark.parametrize(
    ("leaving", "foreign", "phase"),
    [
        pytest.param([], [], Phase.AWAITING_APPROVAL, id="both count"),
        pytest.param(["dev"], [], Phase.AWAITING_APPROVAL, id="one is going"),
        pytest.param(["dev", "prod"], [], Phase.COMPLETE, id="both are going"),
        pytest.param([], ["dev", "prod"], Phase.COMPLETE, id="both are somebody else's"),
    ],
)
def test_only_living_copies_of_ours_say_what_is_stable(
    leaving: Collection[str], foreign: Collection[str], phase: Phase
) -> None:
    held = {"dev": "old", "prod": "old"}
    situation = RolloutSituation(held=held, leaving=leaving, foreign=foreign)

    assert situation.judged(None).status.phase is phase


def test_a_lost_rollout_of_a_secret_begins_with_what_most_copies_hold() -> None:
    situation = RolloutSituation(
        kind=SECRET, revisions=(), held=dict.fromkeys(("dev", "prod", "t-one"), "old")
    )
    assert situation.judged(None).status.stable_revision == "sample-9"

    same = RolloutSituation(
        kind=SECRET,
        revisions=(),
        held={"dev": "new", "prod": "new"},
        types={"prod": "kubernetes.io/basic-auth"},
    )
    assert same.judged(None).status.phase is Phase.AWAITING_APPROVAL


def test_a_rollout_whose_status_was_lost_begins_at_the_first_stage_when_it_is_approved() -> None:
    held = {"dev": "new", "prod": "old", "t-one": "old", "t-two": "old"}
    situation = RolloutSituation(held=held)
    waiting = situation.judged(None).status
    approved = replace(situation, approved=str(waiting.approval_token)).judged(waiting).status

    assert approved == running(updated_count=0, target_count=4)
    assert situation.judged(waiting).status == waiting


def test_a_rollout_without_a_stage_waits_for_approval_whatever_its_phase_is() -> None:
    written = RolloutStatus(revision("new"), Phase.HALTED, revision("old"))

    assert RolloutSituation().judged(written).status.phase is Phase.AWAITING_APPROVAL


def test_a_pinned_revision_goes_everywhere_at_once_and_becomes_stable_when_all_hold_it() -> None:
    situation = RolloutSituation(held={"dev": "new", "prod": "old"}, pinned=revision("old"))
    found = pinned(situation.observation, content("new"))
    assert isinstance(found, Content)
    rollout = situation.observation.syncer.rollout
    assert rollout is not None
    assignment = assign(situation.observation, rollout, found, running("canary"), STAMP)

    assert set(levels(assignment).values()) == {"old"}
    held = situation.judged(running("canary", Phase.HALTED), "old").status
    assert (held.phase, held.stable_revision) == (Phase.PINNED, revision("old"))
    fresh = replace(situation, held={"dev": "new"}, targets=("dev",), pinned=revision("new"))
    assert fresh.judged(None).status.stable_revision == revision("new")
    assert fresh.judged(running()).status.stable_revision == revision("new")
    waiting = replace(fresh, held={"dev": "old"})
    assert waiting.judged(running()).status.stable_revision == revision("old")


@pytest.mark.parametrize(
    ("resolved", "expected"),
    [
        (content("new"), "old"),
        (NoContent(SourceReason.CONTENT_INVALID, "no"), "old"),
        (NoContent(SourceReason.KEY_NOT_FOUND, "no"), "old"),
        (NoContent(SourceReason.SOURCE_NOT_FOUND, "no"), SourceReason.SOURCE_NOT_FOUND),
        (NoContent(SourceReason.CONSENT_MISSING, "no"), SourceReason.CONSENT_MISSING),
    ],
)
def test_a_pin_needs_a_source_and_consent_and_no_valid_content(
    resolved: Content | NoContent, expected: object
) -> None:
    found = pinned(RolloutSituation(pinned=revision("old")).observation, resolved)
    got = found.reason if isinstance(found, NoContent) else found.data["level"]
    assert got == expected


def test_a_pinned_revision_becomes_stable_though_a_target_refuses_it() -> None:
    situation = RolloutSituation(held={"dev": "old", "prod": "new"}, pinned=revision("old"))
    situation = replace(situation, targets=("dev", "prod"))
    found = pinned(situation.observation, content("new"))
    assert isinstance(found, Content)
    before = RolloutStatus(revision("old"), Phase.PINNED, revision("new"))
    rollout = situation.observation.syncer.rollout
    assert rollout is not None
    assigned = assign(situation.observation, rollout, found, before, STAMP)

    def stable(*current: str, failing: Sequence[str]) -> object:
        failures = dict.fromkeys(failing, REFUSED["dev"])
        seen = TargetsSeen(frozenset(current), failures, frozenset(), NOW)
        return judge(assigned, seen).status.stable_revision

    assert stable("dev", failing=["prod"]) == revision("old")
    assert stable("dev", failing=[]) == revision("new")
    # Nothing has taken it.
    assert stable(failing=["dev", "prod"]) == revision("new")


@pytest.mark.parametrize("update", ["new", "third"])
def test_a_rollout_begins_from_what_was_pinned_though_not_every_target_has_taken_it(
    update: str,
) -> None:
    before = RolloutStatus(revision("old"), Phase.PINNED, revision("third"))
    situation = RolloutSituation(
        held={"dev": "old", "prod": "third"},
        targets=("dev", "prod"),
        revisions=[stored(level) for level in ("old", "new", "third")],
    )
    assigned = situation.assigned(before, update)

    assert levels(assigned) == {"dev": "old", "prod": "old"}
    assert assigned.recorded.phase is Phase.PROGRESSING
    assert assigned.recorded.stable_revision == revision("old")


def test_a_pinned_revision_that_is_not_stored_is_not_found() -> None:
    found = pinned(RolloutSituation(pinned="sample-0000000000000000").observation, content("new"))
    assert isinstance(found, NoContent)
    assert found.reason is SourceReason.REVISION_NOT_FOUND


def test_two_contents_whose_digits_collide_have_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisions_module, "_DIGITS", 0)
    whole = [stored("old", "sample-"), stored("new", "sample--2")]
    first = Revisions(observed(stored("old", "sample-")))

    assert first.of(content("old")).revision == "sample-"
    assert first.of(content("new")).revision == "sample--2"
    assert Revisions(observed(*whole)).of(content("new")).revision == "sample--2"


def observed(*found: KubernetesObject, kind: Kind = CONFIG_MAP) -> Observation[Syncer]:
    """A syncer with these revisions, however they are named."""
    return replace(RolloutSituation(kind=kind).observation, revisions=found)


def test_a_revision_with_the_number_of_a_collision_is_read() -> None:
    name = f"{revision('new')}-2"

    found = Revisions(observed(stored("new", name))).content(name)
    assert found is not None
    assert (found.data["level"], found.revision) == ("new", name)


def test_a_revision_is_known_by_what_it_holds_and_not_by_how_it_is_written() -> None:
    spaced = Raw(b'{ "level": "old" }')
    binary = Raw(b'{ "key": "AA==" }')
    desired = replace(
        content("old"),
        data={},
        raw_data=Raw(b""),
        binary_data={"key": "AA=="},
        raw_binary_data=Raw(b'{"key":"AA=="}'),
        hash=source.content_hash({}, {"key": "AA=="}),
    )
    text = Revisions(observed(stored("old", data=spaced)))
    assert text.is_stored(text.of(content("old")))
    name = Revisions(observed()).of(desired).revision
    encoded = Revisions(observed(stored("old", name, data=Raw(b"null"), binary_data=binary)))
    assert encoded.is_stored(encoded.of(desired))
    (child,) = encoded.children([encoded.of(desired)])
    assert (child.data, child.binary_data) == (UNSET, desired.raw_binary_data)
    (kept,) = encoded.children([])
    assert (kept.data, kept.binary_data) == (UNSET, binary)


def test_a_revision_under_the_name_of_another_content_is_not_taken_for_it() -> None:
    revisions = Revisions(observed(stored("new", "sample-0000000000000000")))

    assert revisions.of(content("new")).revision == revision("new")


@pytest.mark.parametrize("field", ["data", "binaryData"])
def test_a_revision_that_is_malformed_is_named(field: str) -> None:
    malformed = Raw(b'{"level": 1}')
    changed: dict[str, Any] = {"data" if field == "data" else "binary_data": malformed}
    revisions = Revisions(observed(stored("old", **changed)))
    name = f"default/{revision('old')}"

    with pytest.raises(MalformedRequest, match=f"{field} of {name}: "):
        revisions.is_stored(replace(content("old"), revision=revision("old")))


def test_no_revision_is_made_in_a_namespace_that_is_going() -> None:
    going = KubernetesObject(ObjectMeta("default", deletion_timestamp=STAMP))
    revisions = Revisions(replace(observed(), namespaces={"default": going}))

    assert list(revisions.children([revisions.of(content("new"))])) == []


def test_no_revision_is_kept_where_none_of_those_not_in_use_may_be() -> None:
    fields = structs.replace(FIELDS, revision_history_limit=0)
    found = (stored("old"), stored("new"), stored("other"))
    observation = replace(RolloutSituation(fields=fields).observation, revisions=found)
    revisions = Revisions(observation)

    staying = revisions.children([revisions.of(content("new"))])
    assert [each.metadata.name for each in staying] == [revision("new")]


def applied(revision: KubernetesObject) -> KubernetesObject:
    """The revision as it is under dynamic apply."""
    annotations = {**(revision.metadata.annotations or {}), LAST_APPLIED: "{}"}
    metadata = structs.replace(revision.metadata, annotations=annotations)
    return structs.replace(revision, metadata=metadata)


def test_while_all_is_held_every_revision_stays_as_it_is() -> None:
    living, going = applied(stored("old")), stored("new", deleted=STAMP)
    observation = observed(living, going)

    (child,) = preserved_revisions(observation)
    assert (child.metadata.name, child.data) == (revision("old"), living.data)
    without = structs.replace(observation.syncer, rollout=None)
    assert preserved_revisions(replace(observation, syncer=without)) == ()


def test_a_revision_that_is_kept_says_which_source_it_is_of() -> None:
    found = [stored("v1", origin="default/renamed"), stored("v2", origin="")]
    kept = {each.metadata.name: each for each in Revisions(observed(*found)).children([])}

    origins = {name: (each.metadata.annotations or {})[SOURCE] for name, each in kept.items()}
    assert origins == {revision("v1"): "default/renamed", revision("v2"): "default/app-config"}


def test_the_name_of_what_is_not_what_it_says_is_made_again() -> None:
    revisions = Revisions(observed(stored("edited", revision("new"))))
    desired = revisions.of(content("new"))

    assert desired.revision == revision("new")
    assert list(revisions.children([desired])) == []
    gone = Revisions(observed())
    assert [each.metadata.name for each in gone.children([desired])] == [revision("new")]


def test_revisions_in_use_and_the_newest_of_the_others_stay() -> None:
    found = [stored(f"v{n}", created=f"2026-01-01T12:00:0{n}Z") for n in range(9)]
    revisions = Revisions(observed(*found))
    used = [revisions.of(content("v0"))]

    staying = {each.metadata.name for each in revisions.children(used)}
    assert staying == {revision(f"v{n}") for n in (0, 4, 5, 6, 7, 8)}
    # A revision is returned as it was made, and nothing of it changes.
    kept = {each.metadata.name: each for each in revisions.children(used)}
    assert kept[revision("v8")].metadata.labels == kept[revision("v0")].metadata.labels
    assert (kept[revision("v8")].metadata.labels or {})[REVISION_OF] == "sample"


@pytest.mark.parametrize("number", range(1, 9))
def test_no_revision_goes_before_there_are_more_than_may_stay(number: int) -> None:
    found = [stored(f"v{n}", created=f"2026-01-01T12:00:0{n}Z") for n in range(number)]
    revisions = Revisions(observed(*found))
    used = [revisions.of(content("v0"))]
    others = [revision(f"v{n}") for n in range(1, number)]

    staying = [each.metadata.name for each in revisions.children(used)]
    assert staying == [revision("v0"), *others[-5:]]


def test_revisions_where_the_source_was_before_go_when_those_in_use_are_stored_here() -> None:
    former = applied(stored("old", namespace="former", origin="former/app-config"))
    moving = Revisions(observed(former))
    content_there = moving.content(revision("old"))
    assert content_there is not None
    assert [
        (each.metadata.namespace, each.metadata.name) for each in moving.children([content_there])
    ] == [("default", revision("old")), ("former", revision("old"))]
    moved = Revisions(observed(former, stored("old")))
    assert [each.metadata.namespace for each in moved.children([content_there])] == ["default"]


def secret(level: str, name: str) -> KubernetesObject:
    return stored(level, name, kind="Secret", type="Opaque")


def test_the_revision_of_a_secret_is_the_stored_one_that_is_equal() -> None:
    revisions = Revisions(observed(secret("old", "sample-5"), kind=SECRET))

    assert revisions.of(content("old", SECRET)).revision == "sample-5"
    assert revisions.of(content("new", SECRET)).revision == "sample-7"
    taken = Revisions(observed(secret("old", "sample-7"), kind=SECRET))
    assert taken.of(content("new", SECRET)).revision == "sample-7-2"
    assert revisions.content("sample-5") == replace(
        content("old", SECRET, "5"), revision="sample-5"
    )


def test_a_lost_stable_revision_of_a_secret_is_not_recovered() -> None:
    situation = RolloutSituation(kind=SECRET, held={"dev": "old"}, revisions=())
    before = RolloutStatus(
        "sample-7", Phase.PROGRESSING, "sample-5", stage="canary", started_at=STAMP
    )
    assignment = situation.assigned(before)

    assert assignment.stable is None
    assert assignment.missing == ["sample-7", "sample-5"]


@pytest.mark.parametrize(
    ("held", "phase", "stable"),
    [
        pytest.param(["new", "new"], Phase.COMPLETE, "sample-7", id="all hold the same content"),
        pytest.param(["old"] * 3, Phase.AWAITING_APPROVAL, "sample-9", id="most hold another one"),
        pytest.param(["old"] * 2, Phase.AWAITING_APPROVAL, UNSET, id="half of them do"),
        pytest.param(["new", "new", "old"], Phase.AWAITING_APPROVAL, UNSET, id="most hold it"),
    ],
)
def test_a_change_after_the_stable_revision_was_lost_begins_with_what_the_copies_hold(
    held: Sequence[str], phase: Phase, stable: str | UnsetType
) -> None:
    copies = dict(zip(("dev", "prod", "t-one"), held, strict=False))
    situation = RolloutSituation(kind=SECRET, held=copies, revisions=())
    before = RolloutStatus("sample-5", Phase.COMPLETE, "sample-5")
    assignment = situation.assigned(before)
    recorded = assignment.recorded

    assert (recorded.phase, recorded.stable_revision) == (phase, stable)
    assert recorded.stage is UNSET
    # What the rollout would begin with is found again, as long as it is not stored.
    if phase is Phase.AWAITING_APPROVAL:
        later = structs.replace(recorded, started_at="2026-01-01T11:00:00Z")
        assert situation.assigned(later).recorded == later
        token = str(situation.judged(later).status.approval_token)
        approved = replace(situation, approved=token).judged(later)
        assert approved.status.phase is Phase.AWAITING_APPROVAL
        lost = () if stable is UNSET else (stable,)
        assert approved.missing == ["sample-7", *lost]


OF_THE_SOURCE = {SOURCE: "default/app-config", CONTENT_HASH: content("old").hash or ""}


@pytest.mark.parametrize(
    ("places", "annotations", "deleted", "stable"),
    [
        pytest.param(3, OF_THE_SOURCE, None, revision("old"), id="most targets have one"),
        pytest.param(3, {SOURCE: "default/app-config"}, None, UNSET, id="that nobody can trust"),
        # Everybody who may write in one namespace can make such an object there.
        pytest.param(2, OF_THE_SOURCE, None, revision("new"), id="half of the targets"),
        pytest.param(3, {}, None, revision("new"), id="handed over, and never copies"),
        pytest.param(3, OF_THE_SOURCE, STAMP, revision("new"), id="on their way out"),
    ],
)
def test_copies_that_a_deleted_syncer_has_left_are_no_first_content(
    places: int, annotations: Mapping[str, str], deleted: str | None, stable: str | UnsetType
) -> None:
    observation = RolloutSituation(held={}).observation
    related = {
        f"{name}/app-config": KubernetesObject(
            ObjectMeta(
                "app-config",
                name,
                labels={SYNCED_BY: "sample"},
                annotations=annotations,
                deletion_timestamp=deleted,
            ),
            data=Raw(b'{"level":"old"}'),
        )
        for name in ("dev", "prod", "t-one")[:places]
    }
    rollout = observation.syncer.rollout
    assert rollout is not None
    seen = replace(observation, related=related)
    recorded = assign(seen, rollout, content("new"), None, STAMP).recorded

    is_first = stable == revision("new")
    assert recorded.phase is (Phase.COMPLETE if is_first else Phase.AWAITING_APPROVAL)
    assert recorded.stable_revision == stable


def test_one_target_has_one_voice() -> None:
    held = {"dev": "new", "t-one": "new"}
    observation = RolloutSituation(held={**held, "prod": "old"}).observation
    (odd,) = (copy for copy in observation.copies if copy.namespace == "prod")
    forged = structs.replace(odd, has_current_name=False)
    rollout = observation.syncer.rollout
    assert rollout is not None
    seen = replace(
        observation, copies=[*observation.copies[:1], *[forged] * 9, *observation.copies[2:]]
    )

    recorded = assign(seen, rollout, content("new"), None, STAMP).recorded
    assert (recorded.phase, recorded.stable_revision) == (Phase.AWAITING_APPROVAL, UNSET)


@pytest.mark.parametrize("phase", [Phase.AWAITING_APPROVAL, Phase.HALTED])
def test_a_changed_source_begins_nothing_that_nobody_has_approved(phase: Phase) -> None:
    held = dict.fromkeys(("prod", "t-one", "t-two"), "old")
    situation = RolloutSituation(held={**held, "dev": "other"})
    waiting = RolloutStatus(revision("other"), phase, revision("old"), started_at=STAMP)
    assignment = situation.assigned(waiting)

    assert assignment.recorded.phase is Phase.AWAITING_APPROVAL
    assert assignment.recorded.stage is UNSET
    assert set(assignment.contents.values()) == {None}


def test_no_revision_goes_while_nobody_knows_which_one_is_good() -> None:
    fields = structs.replace(FIELDS, revision_history_limit=0)
    others = [stored("other"), stored("old"), stored("new")]
    situation = RolloutSituation(
        held={"dev": "new", "t-one": "new", "prod": "old"}, revisions=others, fields=fields
    )
    observation = situation.observation
    unknown, settled = (
        Staging.of(observation, content("new"), before, STAMP) for before in (None, COMPLETE)
    )

    assert {each.metadata.name for each in unknown.revisions} == {
        each.metadata.name for each in others
    }
    assert {each.metadata.name for each in settled.revisions} == {revision("new"), revision("old")}


@pytest.mark.parametrize(
    ("preferred", "name"),
    [(UNSET, "sample-3"), ("sample-9", "sample-9"), ("sample-5", "sample-3")],
)
def test_a_secret_is_known_by_a_revision_where_its_source_was_before(
    preferred: str | UnsetType, name: str
) -> None:
    kept = [
        stored("new", each, kind="Secret", type="Opaque", namespace="former", origin="former/x")
        for each in ("sample-3", "sample-9")
    ]
    other = stored("old", "sample-5", kind="Secret", type="Opaque")
    situation = RolloutSituation(kind=SECRET, held={}, revisions=[*kept, other])

    known = Revisions(situation.observation).of(content("new", SECRET), preferred)
    assert known.revision == name


@pytest.mark.parametrize("phase", [Phase.COMPLETE, Phase.PINNED])
def test_where_what_all_hold_is_not_stored_the_message_says_so(phase: Phase) -> None:
    held = ("dev", "prod", "t-one", "t-two")
    before = RolloutStatus(revision("new"), phase, revision("new"))
    situation = RolloutSituation(held=dict.fromkeys(held, "new"), revisions=(), pinned=PINS[phase])
    messages, _ = ready(situation, before, current=held)

    assert messages["Ready"].endswith(
        f" Revision {revision('new')} is not stored, so no rollout can go back to it; see `kubectl "
        "describe configmapsyncer sample` for what refuses it."
    )
    whole = replace(situation, revisions=(stored("new"),))
    assert "not stored" not in ready(whole, before, current=held)[0]["Ready"]
    assert (
        "not stored" not in ready(replace(situation, pinned=None), None, current=held)[0]["Ready"]
    )


PINS = {Phase.COMPLETE: None, Phase.PINNED: revision("new")}


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"null",
        b"[]",
        b'{"phase":"Halted"}',
        b'{"updateRevision":"a","phase":"Nonsense"}',
        b'{"updateRevision":"UPPER","phase":"Halted"}',
        b'{"updateRevision":"a","phase":"Halted","soakingSince":"yesterday"}',
        b'{"updateRevision":"a","phase":"Halted","failures":'
        + msgspec.json.encode([{"namespace": "n", "reason": "R"}] * 21)
        + b"}",
        b'{"updateRevision":"\xff","phase":"Halted"}',
    ],
)
def test_nonsense_in_the_status_counts_as_no_status(written: bytes) -> None:
    assert types.read(Raw(written)) is None


def test_a_status_is_read_back_as_it_was_written() -> None:
    status = running(failures=[RolloutFailure("dev", "NotApplied", "It was refused.")])
    read = types.read(Raw(protocol.encode(status)))
    assert read is not None
    assert protocol.encode(read) == protocol.encode(status)


def test_of_several_malformed_selectors_the_first_is_named() -> None:
    stages = [
        StageFields(name, namespace_selector=Raw(selector), soak_seconds=1)
        for name, selector in (("one", b'{"a b":"c"}'), ("two", b'{"d e":"f"}'))
    ]
    problems = [
        problem for is_wrong, problem in rollouts.checks(RolloutFields([*stages, REST])) if is_wrong
    ]

    assert len(problems) == 1
    assert "a b" in problems[0]
    assert "d e" not in problems[0]


@pytest.mark.parametrize("kind", kinds.KINDS, ids=lambda kind: kind.name)
def test_a_target_belongs_to_the_first_stage_that_selects_it(kind: Kind) -> None:
    rollout: Rollout = rollouts.parse(
        RolloutFields(
            [
                StageFields("names", target_namespaces=["dev"], soak_seconds=1),
                StageFields("labels", namespace_selector=Raw(b'{"tier":"web"}'), soak_seconds=1),
                REST,
            ]
        )
    )
    assert kind.name
    assert [
        rollout.place(name, labels)
        for name, labels in (("dev", {"tier": "web"}), ("t", {"tier": "web"}), ("t", None))
    ] == [0, 1, 2]


def test_a_copy_that_is_named_as_a_revision_is_a_copy_outside_of_the_sources_namespace() -> None:
    situation = RolloutSituation()
    syncer = structs.replace(situation.observation.syncer, target_name=revision("old"))
    copy = stored("old", namespace="dev", origin="dev/app-config")
    at_home = stored("old")
    unlabeled = stored("old", origin="")

    assert is_revision(unlabeled, syncer, "sample")
    assert not is_revision(copy, syncer, "sample")
    assert is_revision(at_home, syncer, "sample")
    # Of a spec that cannot be followed, the object itself says where the source was.
    invalid = InvalidSpec("no")
    assert is_revision(at_home, invalid, "sample")
    assert not is_revision(stored("old", namespace="dev"), invalid, "sample")
    assert not is_revision(at_home, invalid, "other")


def test_a_secret_of_another_type_is_another_content() -> None:
    revisions = Revisions(observed(secret("old", "sample-5"), kind=SECRET))
    tls = replace(content("old", SECRET), type="kubernetes.io/tls")

    assert revisions.of(tls).revision == "sample-7"


def sizes(**fields: Any) -> Sequence[int] | None:
    """The sizes of the stages where three namespaces exist and another one is a target, too."""
    spec = {
        "sourceNamespace": "default",
        "sourceConfigMap": "app-config",
        "targetNamespaces": ["dev", "t-*", "absent"],
    }
    namespaces = {
        name: {"metadata": {"name": name, "labels": {"tier": "early"} if name == "dev" else {}}}
        for name in ("default", "dev", "t-one", "t-two")
    }
    parent = {"metadata": {"name": "sample"}, "spec": spec | fields}
    body = protocol.encode({"parent": parent, "related": {NAMESPACES: namespaces}})
    return stage_sizes(protocol.decode_sync(body))


def test_every_target_is_counted_in_the_first_stage_that_takes_it() -> None:
    early = {"name": "early", "namespaceSelector": {"tier": "early"}, "soakSeconds": 1}
    assert sizes(rollout={"stages": [early, {"name": "rest"}]}) == [1, 3]
    absent = {"name": "absent", "targetNamespaces": ["absent", "dev"], "soakSeconds": 1}
    assert sizes(rollout={"stages": [absent, {"name": "rest"}]}) == [2, 2]


def test_without_a_rollout_that_can_be_followed_no_stage_has_a_size() -> None:
    assert sizes(rollout=None) is None
    assert sizes(rollout={"stages": []}) is None

"""What a status reads back from the one before, and how it counts time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import UNSET, Raw, structs

from hooks.api import protocol
from hooks.api.protocol import ObjectMeta, Parent
from hooks.copies.outcome import Outcome, State
from hooks.resolve.source import Content, content_hash
from hooks.resolve.targets import Failure, FailureReason
from hooks.rollout.staging import Staging
from hooks.status.context import StatusContext
from hooks.status.plan import Change, Changes, Namespaces, Plan
from hooks.status.previous import Previous, previous
from hooks.status.report import progress, suspended
from hooks.status.types import LIST_LIMIT, STATUS_LIMIT, Condition, NamespaceFailure, Status
from tests.unit.test_rollout import RolloutSituation

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
CONTENT = Content({"key": "value"}, {}, Raw(b'{"key":"value"}'), Raw(b""), content_hash({}, {}))


def context_of(before: Previous, now: datetime = NOW, deadline: int = 60) -> StatusContext:
    return StatusContext(
        Parent(metadata=ObjectMeta(name="sample", generation=1)), before, now, deadline
    )


def before(pending_since: str, **more: object) -> Previous:
    """What was said of a syncer whose copies wait for this very content."""
    said = Previous(
        observed_generation=1,
        content_hash=CONTENT.version.content_hash,
        pending_since=pending_since,
        pending_count=1,
    )
    return structs.replace(said, **more)


def waits(*namespaces: str) -> list[Outcome]:
    return [Outcome(namespace, State.WAITING) for namespace in namespaces]


def current(*namespaces: str) -> list[Outcome]:
    return [Outcome(namespace, State.CURRENT) for namespace in namespaces]


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(b"", id="there is none"),
        pytest.param(b"null", id="it is null"),
        pytest.param(b"[]", id="it is a list"),
        pytest.param(b'"status"', id="it is a text"),
        pytest.param(b'{"syncedNamespaces": "dev"}', id="a list is a text"),
        pytest.param(b'{"syncedCount": "1"}', id="a count is a text"),
        pytest.param(b'{"conditions": [{"type": "Ready"}]}', id="a condition is cut off"),
        pytest.param(
            b'{"conditions": [{"type": "Ready", "status": "True", "reason": "R",'
            b' "message": "\\u001b", "lastTransitionTime": "2026-01-01T12:00:00Z",'
            b' "observedGeneration": 1}]}',
            id="a message is not printable",
        ),
        pytest.param(b'{"contentHash": "\xff"}', id="it is not UTF-8"),
        pytest.param(b'{"unknown": ' + b"[" * 100_000, id="it is nested to no end"),
    ],
)
def test_a_status_that_cannot_be_read_counts_as_no_status(written: bytes) -> None:
    parent = Parent(metadata=ObjectMeta(name="sample"), status=Raw(written))

    assert previous(parent) == Previous()


@pytest.mark.parametrize(
    ("stamp", "passed", "since", "resync", "failed"),
    [
        pytest.param("2026-01-01T12:00:00Z", 0, "2026-01-01T12:00:00Z", 60, [], id="just now"),
        pytest.param("2026-01-01T12:00:00Z", 59, "2026-01-01T12:00:00Z", 1, [], id="not yet"),
        pytest.param("2026-01-01T12:00:00Z", 59.2, "2026-01-01T12:00:00Z", 1, [], id="rounded up"),
        pytest.param(
            "2026-01-01T12:00:00Z", 60, "2026-01-01T12:00:00Z", 30, ["a"], id="it is over"
        ),
        pytest.param(
            "2026-01-01T13:00:00+01:00",
            20,
            "2026-01-01T13:00:00+01:00",
            40,
            [],
            id="a stamp of another zone is one and stays",
        ),
        pytest.param(
            "2026-01-01T13:00:00+01:00",
            0,
            "2026-01-01T13:00:00+01:00",
            60,
            [],
            id="a stamp of the present is none from the future",
        ),
        pytest.param("2026-01-01T12:00:09Z", 5, "2026-01-01T12:00:05Z", 60, [], id="in the future"),
        pytest.param("soon", 5, "2026-01-01T12:00:05Z", 60, [], id="no time at all"),
        pytest.param("", 5, "2026-01-01T12:00:05Z", 60, [], id="nothing"),
    ],
)
def test_a_wait_is_counted_from_its_stamp(
    stamp: str, passed: float, since: str, resync: float, failed: list[str]
) -> None:
    context = context_of(before(stamp), NOW + timedelta(seconds=passed))

    report = progress(context, "ConfigMap a/b", CONTENT, waits("a"))

    assert report.status.pending_since == since
    assert report.resync_after_seconds == resync
    assert report.status.failed_namespaces == failed


@pytest.mark.parametrize(
    ("said", "begins"),
    [
        pytest.param(before("2026-01-01T11:59:30Z"), False, id="nothing is new"),
        pytest.param(
            Previous(
                observed_generation=2,
                content_hash=CONTENT.version.content_hash,
                pending_since="2026-01-01T11:59:30Z",
            ),
            True,
            id="the spec is new",
        ),
        pytest.param(
            Previous(
                observed_generation=1,
                content_hash="sha256:other",
                pending_since="2026-01-01T11:59:30Z",
            ),
            True,
            id="the content is new",
        ),
        pytest.param(
            before("2026-01-01T11:59:30Z", synced_namespaces=frozenset({"a"})),
            True,
            id="what waits was in sync",
        ),
        pytest.param(
            before("2026-01-01T11:59:30Z", failed_namespaces=frozenset({"a"})),
            True,
            id="what waits had failed",
        ),
        pytest.param(
            before("2026-01-01T11:59:30Z", synced_count=1, synced_namespaces=frozenset({"b"})),
            False,
            id="what is in sync was so before",
        ),
        pytest.param(
            before("2026-01-01T11:59:30Z", pending_count=0), True, id="what waits is one more"
        ),
    ],
)
def test_the_deadline_starts_again_when_something_begins(said: Previous, begins: bool) -> None:
    known = [Outcome(name, State.CURRENT) for name in said.synced_namespaces - {"a"}]

    report = progress(context_of(said), "ConfigMap a/b", CONTENT, [*waits("a"), *known])

    assert report.status.pending_since == (
        "2026-01-01T12:00:00Z" if begins else "2026-01-01T11:59:30Z"
    )
    assert report.resync_after_seconds == (60 if begins else 30)


LAST_SYNC = "2026-01-01T11:00:00Z"


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 1, 1, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "more", "last_sync"),
    [
        pytest.param(None, {}, LAST_SYNC, id="all was equal before"),
        pytest.param(at(10), {}, LAST_SYNC, id="and has been so since its copy was written"),
        pytest.param(at(11), {}, LAST_SYNC, id="the copy was written just then"),
        pytest.param(at(11, 30), {}, "2026-01-01T11:30:00Z", id="it was written after that"),
        pytest.param(
            at(11, 30),
            {"pending_count": 1, "synced_namespaces": frozenset()},
            "2026-01-01T11:30:00Z",
            id="it was waited for",
        ),
        pytest.param(at(12, 1), {}, LAST_SYNC, id="a write that is yet to come is none"),
        pytest.param(
            at(10),
            {"synced_namespaces": frozenset()},
            "2026-01-01T12:00:00Z",
            id="it became equal without a write",
        ),
        pytest.param(
            at(10),
            {"content_hash": "sha256:other"},
            "2026-01-01T12:00:00Z",
            id="it was equal to new content before that came",
        ),
        pytest.param(
            at(11),
            {"content_hash": "sha256:other"},
            "2026-01-01T12:00:00Z",
            id="it was written twice in a second",
        ),
        pytest.param(
            at(10),
            {"last_sync_time": "2026-01-01T13:00:00Z"},
            "2026-01-01T10:00:00Z",
            id="what was said is yet to come",
        ),
        pytest.param(
            None,
            {"last_sync_time": "2026-01-01T13:00:00Z"},
            "2026-01-01T12:00:00Z",
            id="so is this, and no write is known",
        ),
        pytest.param(
            at(11),
            {"last_sync_time": "2026-01-01T12:00:00+01:00"},
            "2026-01-01T12:00:00+01:00",
            id="a time of another zone is one and stays",
        ),
    ],
)
def test_the_last_sync_is_when_the_last_copy_became_equal(
    written: datetime | None, more: dict[str, object], last_sync: str
) -> None:
    known = {"synced_namespaces": frozenset({"a"}), "last_sync_time": LAST_SYNC}
    said = before("", **(known | more))
    outcomes = [replace(outcome, written=written) for outcome in current("a")]

    report = progress(context_of(said), "ConfigMap a/b", CONTENT, outcomes)

    assert report.status.last_sync_time == last_sync


def test_the_last_sync_does_not_move_while_a_copy_is_waited_for() -> None:
    said = before("", synced_namespaces=frozenset({"a"}), last_sync_time=LAST_SYNC)
    written = [replace(outcome, written=at(11, 30)) for outcome in current("a")]

    report = progress(context_of(said), "ConfigMap a/b", CONTENT, [*written, *waits("b")])

    assert report.status.last_sync_time == LAST_SYNC


def test_a_secret_is_known_by_its_version_alone() -> None:
    secret = replace(CONTENT, hash=None, resource_version="2")
    said = Previous(
        observed_generation=1,
        source_resource_version="1",
        synced_namespaces=frozenset({"a"}),
        last_sync_time=LAST_SYNC,
    )

    report = progress(context_of(said), "Secret a/b", secret, current("a"))

    assert report.status.last_sync_time == "2026-01-01T12:00:00Z"


@pytest.mark.parametrize(
    ("said", "written", "turned"),
    [
        pytest.param(("True", LAST_SYNC), None, LAST_SYNC, id="nothing is known of writes"),
        pytest.param(("True", LAST_SYNC), at(10), LAST_SYNC, id="it lasts"),
        pytest.param(
            ("True", LAST_SYNC),
            at(11, 30),
            "2026-01-01T11:30:00Z",
            id="a copy was written meanwhile, which an old status hides",
        ),
        pytest.param(("False", LAST_SYNC), at(10), "2026-01-01T12:00:00Z", id="it turns now"),
        pytest.param(
            ("True", "2026-01-01T13:00:00Z"),
            at(10),
            "2026-01-01T12:00:00Z",
            id="it was said to turn in the future",
        ),
    ],
)
def test_that_all_is_well_has_not_lasted_since_before_the_last_write(
    said: tuple[str, str], written: datetime | None, turned: str
) -> None:
    stands, since = said
    conditions = tuple(
        Condition(kind, stands, "Any", "Any.", since, 1)
        for kind in ("SourceResolved", "Synced", "Ready")
    )
    outcomes = [replace(outcome, written=written) for outcome in current("a")]

    report = progress(
        context_of(before("", conditions=conditions)), "ConfigMap a/b", CONTENT, outcomes
    )

    resolved, *others = [c.last_transition_time for c in report.status.conditions]
    assert others == [turned, turned]
    assert resolved == (since if said == ("True", LAST_SYNC) else "2026-01-01T12:00:00Z")


def test_of_as_many_as_a_list_holds_each_is_known_by_its_name() -> None:
    names = [f"n{number:04}" for number in range(LIST_LIMIT + 1)]
    then = "2026-01-01T11:00:00Z"
    said = before(
        "",
        synced_namespaces=frozenset(names[:-1]),
        synced_count=LIST_LIMIT,
        last_sync_time=then,
    )

    same = progress(context_of(said), "ConfigMap a/b", CONTENT, current(*names[:-1]))
    other = progress(context_of(said), "ConfigMap a/b", CONTENT, current(*names[1:]))

    assert same.status.last_sync_time == then
    assert other.status.last_sync_time == "2026-01-01T12:00:00Z"


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        pytest.param("a", "1 of 1 target namespace waits for the copy (a), ", id="one"),
        pytest.param("ab", "2 of 2 target namespaces wait for the copy (a and b), ", id="two"),
        pytest.param("abc", "3 of 3 target namespaces wait for the copy (a, b and c), ", id="all"),
        pytest.param(
            "abcd", "4 of 4 target namespaces wait for the copy (a, b, c and 1 more), ", id="more"
        ),
    ],
)
def test_a_sentence_names_three_namespaces_and_counts_the_rest(names: str, sentence: str) -> None:
    report = progress(context_of(Previous()), "ConfigMap a/b", CONTENT, waits(*names))

    assert report.status.ready.message == (
        f"{sentence}which needs no action unless it lasts longer than 60 seconds."
    )


def test_a_stamp_of_a_day_that_no_calendar_has_is_stamped_again() -> None:
    report = progress(
        context_of(before("2026-02-31T12:00:00Z")), "ConfigMap a/b", CONTENT, waits("a")
    )

    assert report.status.pending_since == "2026-01-01T12:00:00Z"


def _a_plan_of(keys: int) -> Plan:
    names = [f"{'k' * 195}{number:05}" for number in range(keys)]
    places = [f"{'n' * 60}{number:03}" for number in range(50)]
    changes = Changes(1_000, [Change(place, 1_000, names) for place in places])
    listed = Namespaces(1_000, places)
    return Plan(listed, changes, changes, listed, listed, listed)


def _a_suspended_syncer(planned: Plan) -> Status:
    """One with as many namespaces as the lists take, and failures that say as much as any."""
    failure = Failure(FailureReason.CONFLICT, "x" * 1_200)
    names = [f"{'n' * 59}{number:04}" for number in range(2_200)]
    outcomes = [
        *current(*names[:1_100]),
        *(Outcome(name, State.FAILED, failure=failure) for name in names[1_100:]),
    ]
    context = replace(context_of(Previous()), is_suspended=True)
    staging = Staging(RolloutSituation().observation, CONTENT, None)
    return suspended(context, "ConfigMap a/b", staging, outcomes, planned).status


def test_the_longest_status_fits_because_its_plan_names_no_keys() -> None:
    planned = _a_plan_of(10)
    status = _a_suspended_syncer(planned)

    assert len(protocol.encode(planned)) > STATUS_LIMIT / 2
    assert len(protocol.encode(status)) <= STATUS_LIMIT
    assert (status.synced_count, len(status.synced_namespaces)) == (1_100, LIST_LIMIT)
    assert (status.failed_count, len(status.failed_namespaces)) == (1_100, LIST_LIMIT)
    assert status.plan is not UNSET
    assert status.plan.update.count == 1_000
    assert status.plan.update.copies is not UNSET
    assert {(each.key_count, each.keys) for each in status.plan.update.copies} == {(1_000, UNSET)}


def test_a_plan_that_fits_names_its_keys() -> None:
    planned = _a_plan_of(1)

    assert _a_suspended_syncer(planned).plan == planned


def test_the_present_is_written_in_utc_and_to_the_second() -> None:
    now = datetime.fromisoformat("2026-01-01T14:00:00.999+02:00")

    assert context_of(Previous(), now).stamp == "2026-01-01T12:00:00Z"


@pytest.mark.parametrize("first", ["right", "fast"])
def test_next_to_a_replica_whose_clock_is_fast_the_right_one_counts_the_whole_deadline(
    first: str,
) -> None:
    said = before("", content_hash="sha256:other", synced_namespaces=frozenset({"a"}))
    failed_at = []
    for second in range(100):
        is_right = (second % 2 == 0) == (first == "right")
        now = NOW + timedelta(seconds=second, hours=0 if is_right else 1)
        report = progress(context_of(said, now), "ConfigMap a/b", CONTENT, waits("a"))
        if is_right and report.status.failures:
            failed_at.append(second)
        written = Parent(metadata=ObjectMeta(name="s"), status=Raw(protocol.encode(report.status)))
        said = previous(written)

    begun = 0 if first == "right" else 1
    assert failed_at == list(range(begun + 60, 100, 2))
    healed = progress(context_of(said, NOW), "ConfigMap a/b", CONTENT, current("a"))
    assert healed.status.failed_count == 0


def test_what_the_right_clock_gave_up_stays_so_while_others_progress() -> None:
    gave_up = NamespaceFailure("a", FailureReason.NOT_APPLIED, since="2026-01-01T11:00:00Z")
    said = before("2026-01-01T11:59:59Z", failures=(gave_up,), failed_namespaces=frozenset({"a"}))

    report = progress(context_of(said), "ConfigMap a/b", CONTENT, [*waits("a"), *current("b")])

    assert [(f.namespace, f.since) for f in report.status.failures] == [("a", gave_up.since)]
    assert report.status.pending_since == "2026-01-01T12:00:00Z"

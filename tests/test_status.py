"""What a status reads back from the one before, and how it counts time."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import Raw

from hooks import status
from hooks.copies import Outcome, State
from hooks.protocol import ObjectMeta, Parent
from hooks.source import Content, content_hash
from hooks.status import LIST_LIMIT, Previous, Question
from hooks.targets import FailureReason

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
CONTENT = Content({"key": "value"}, {}, Raw(b'{"key":"value"}'), Raw(b""), content_hash({}, {}))


def question(before: Previous, now: datetime = NOW, deadline: int = 60) -> Question:
    return Question(Parent(metadata=ObjectMeta(name="sample", generation=1)), before, now, deadline)


def before(pending_since: str, **more: object) -> Previous:
    """What was said of a syncer whose copies wait for this very content."""
    return Previous(
        observed_generation=1,
        content_hash=CONTENT.version.content_hash,
        pending_since=pending_since,
        **more,  # type: ignore[arg-type]
    )


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
        pytest.param(b'{"contentHash": "\xff"}', id="it is not UTF-8"),
        pytest.param(b'{"unknown": ' + b"[" * 100_000, id="it is nested to no end"),
    ],
)
def test_a_status_that_cannot_be_read_is_read_as_none(written: bytes) -> None:
    parent = Parent(metadata=ObjectMeta(name="sample"), status=Raw(written))

    assert status.previous(parent) == Previous()


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
    asked = question(before(stamp), NOW + timedelta(seconds=passed))

    told = status.progress(asked, "ConfigMap a/b", CONTENT, waits("a"))

    assert told.status.pending_since == since
    assert told.resync_after_seconds == resync
    assert told.status.failed_namespaces == failed


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
            before("2026-01-01T11:59:30Z", synced_namespaces=frozenset({"b"})),
            False,
            id="what is in sync was so before",
        ),
    ],
)
def test_the_deadline_counts_anew_when_something_begins(said: Previous, begins: bool) -> None:
    known = [Outcome(name, State.CURRENT) for name in said.synced_namespaces - {"a"}]

    told = status.progress(question(said), "ConfigMap a/b", CONTENT, [*waits("a"), *known])

    assert told.status.pending_since == (
        "2026-01-01T12:00:00Z" if begins else "2026-01-01T11:59:30Z"
    )
    assert told.resync_after_seconds == (60 if begins else 30)


@pytest.mark.parametrize(
    ("more", "is_new"),
    [
        pytest.param({"pending_count": 1}, True, id="one waited, and is no target any more"),
        pytest.param(
            {"failures": [status.NamespaceFailure("b", FailureReason.NOT_APPLIED, "")]},
            True,
            id="one was refused, and is no target any more",
        ),
        pytest.param({}, False, id="all was equal before"),
    ],
)
def test_copies_become_equal_also_by_what_is_no_target_any_more(
    more: dict[str, object], is_new: bool
) -> None:
    then = "2026-01-01T11:00:00Z"
    said = before("", synced_namespaces=frozenset({"a"}), last_sync_time=then, **more)

    told = status.progress(question(said), "ConfigMap a/b", CONTENT, current("a"))

    assert told.status.last_sync_time == ("2026-01-01T12:00:00Z" if is_new else then)


def test_of_as_many_as_a_list_holds_each_is_known_by_its_name() -> None:
    names = [f"n{number:04}" for number in range(LIST_LIMIT + 1)]
    then = "2026-01-01T11:00:00Z"
    said = before(
        "",
        synced_namespaces=frozenset(names[:-1]),
        synced_count=LIST_LIMIT,
        last_sync_time=then,
    )

    same = status.progress(question(said), "ConfigMap a/b", CONTENT, current(*names[:-1]))
    other = status.progress(question(said), "ConfigMap a/b", CONTENT, current(*names[1:]))

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
    told = status.progress(question(Previous()), "ConfigMap a/b", CONTENT, waits(*names))

    assert told.status.ready.message == (
        f"{sentence}which needs no action unless it lasts longer than 60 seconds."
    )


def test_the_present_is_written_in_utc_and_to_the_second() -> None:
    now = datetime.fromisoformat("2026-01-01T14:00:00.999+02:00")

    assert question(Previous(), now).stamp == "2026-01-01T12:00:00Z"

"""What a replica says about the syncers that it was asked about."""

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from hooks.app import create_app
from hooks.settings import Settings
from tests.cases import FOLDER, Case
from tests.http.client import JSON, SYNC, SYNCER

START = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = START.timestamp()
ROLLED_OUT = "configmapsyncer-sample"
"""The syncer of the recorded rollouts."""


def _body(name: str, spec: Mapping[str, object]) -> bytes:
    parent = dict(SYNCER) | {"metadata": {"name": name, "uid": "b9f3"}, "spec": spec}
    return json.dumps(json.loads(SYNC) | {"parent": parent}).encode()


class Replica:
    """One of the hook's replicas, with a clock of its own."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.now = START
        self.settings = settings or Settings()
        self.client = create_app(self.settings, lambda: self.now, io.StringIO()).test_client()

    def ask(
        self,
        hook: str = "sync",
        name: str = "sample",
        *,
        ready: bool = False,
        stalled: bool = False,
        near_limit: bool = False,
    ) -> int:
        """Ask about a syncer whose copy is missing, or which is ready, as it has no target.

        A stalled one has a target that does not exist. A request near the limit has blanks at its
        end.
        """
        spec = dict(SYNCER["spec"])
        if stalled:
            spec["targetNamespaces"] = ["absent"]
        if ready:
            del spec["targetNamespaces"]
            spec["namespaceSelector"] = {"matchLabels": {"team": "none"}}
        body = _body(name, spec)
        if near_limit:
            body = body.ljust(self.settings.max_request_bytes * 9 // 10)
        return self.client.post(f"/{hook}", data=body, content_type=JSON).status_code

    def ask_as(self, recorded: str, at: datetime | None = None) -> int:
        """Ask as in a recorded case of a rollout, at its time or another."""
        case = Case.read(FOLDER / "sync/rollout" / recorded)
        self.now = case.now if at is None else at
        return self.client.post("/sync", data=case.body, content_type=JSON).status_code

    def samples(self) -> dict[str, float]:
        """Everything that is counted or measured, as on the page."""
        lines = self.client.get("/metrics").text.splitlines()
        pairs = (line.split() for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def series(self) -> dict[str, float]:
        """What is said about syncers, without what their names have in common."""
        prefix = "configmap_syncer_"
        return {
            name.removeprefix(prefix): value
            for name, value in self.samples().items()
            if "{syncer=" in name
        }


def test_each_syncer_has_the_time_and_the_numbers_of_its_last_answer() -> None:
    replica = Replica()
    replica.ask()
    replica.now += timedelta(seconds=1.5)
    replica.ask(name="other", ready=True)

    assert replica.series() == {
        'last_answer_timestamp_seconds{syncer="sample"}': SECONDS,
        'last_answer_timestamp_seconds{syncer="other"}': SECONDS + 1.5,
        'ready{syncer="sample"}': 0,
        'ready{syncer="other"}': 1,
        'stalled{syncer="sample"}': 0,
        'stalled{syncer="other"}': 0,
        'request_near_limit{syncer="sample"}': 0,
        'request_near_limit{syncer="other"}': 0,
        'rolling_out{syncer="sample"}': 0,
        'rolling_out{syncer="other"}': 0,
        'targets{syncer="sample"}': 1,
        'targets{syncer="other"}': 0,
        'synced_targets{syncer="sample"}': 0,
        'synced_targets{syncer="other"}': 0,
        'pending_targets{syncer="sample"}': 1,
        'pending_targets{syncer="other"}': 0,
        'failed_targets{syncer="sample"}': 0,
        'failed_targets{syncer="other"}': 0,
    }


def test_a_syncer_for_which_somebody_has_to_act_is_stalled() -> None:
    replica = Replica()
    replica.ask(stalled=True)

    assert replica.series()['stalled{syncer="sample"}'] == 1


@pytest.mark.parametrize(
    ("recorded", "phase", "is_rolling_out"),
    [
        ("stage-soaks-before-the-next-one-begins", "Soaking", 1),
        ("first-stage-gets-the-content-once-that-is-recorded", "Progressing", 1),
        ("manual-stage-waits-for-approval", "AwaitingApproval", 1),
        ("halted-rollout-stays-halted-and-keeps-every-copy", "Halted", 0),
        ("rolled-back-rollout-stays-so-until-the-content-changes", "RolledBack", 0),
        ("pinned-revision-goes-everywhere-at-once", "Pinned", 0),
        ("rollout-is-complete-when-the-last-stage-holds-the-content", "Complete", 0),
        # Something else keeps the syncer from being Ready.
        ("conflict-elsewhere-is-reported-while-a-rollout-goes-on", "Soaking", 0),
        ("deletions-are-held-while-a-rollout-goes-on", "Soaking", 0),
        ("suspended-rollout-plans-its-end-and-keeps-every-copy", "Progressing", 0),
        ("revision-that-is-not-stored-holds-every-copy", "Progressing", 0),
    ],
)
def test_a_rollout_has_its_phase_and_whether_it_is_why_the_syncer_is_not_ready(
    recorded: str, phase: str, is_rolling_out: int
) -> None:
    replica = Replica()
    assert replica.ask_as(recorded) == 200

    series = replica.series()
    phases = {name: value for name, value in series.items() if "phase" in name}
    assert phases == {f'rollout_phase{{syncer="{ROLLED_OUT}",phase="{phase}"}}': 1}
    assert series[f'rolling_out{{syncer="{ROLLED_OUT}"}}'] == is_rolling_out


def test_a_syncer_has_one_phase_and_none_without_a_rollout() -> None:
    replica = Replica()
    for recorded in (
        "stage-soaks-before-the-next-one-begins",
        "halted-rollout-stays-halted-and-keeps-every-copy",
    ):
        replica.ask_as(recorded)
    phases = [name for name in replica.series() if name.startswith("rollout_")]
    assert phases == [f'rollout_phase{{syncer="{ROLLED_OUT}",phase="Halted"}}']

    replica.ask_as("rollout-that-is-removed-lets-everything-go-on-and-revisions-go")
    assert not [name for name in replica.series() if name.startswith("rollout_")]


def test_a_stage_that_soaks_has_the_time_when_that_is_over() -> None:
    replica = Replica()
    replica.ask_as("stage-soaks-before-the-next-one-begins")

    # Since 00:00:04, for 600 seconds.
    end = datetime(2025, 1, 1, 0, 10, 4, tzinfo=UTC).timestamp()
    soak_end = f'rollout_soak_end_timestamp_seconds{{syncer="{ROLLED_OUT}"}}'
    assert replica.series()[soak_end] == end


@pytest.mark.parametrize(("percent", "is_near"), [(79, 0), (80, 1)])
def test_a_request_is_near_the_limit_from_four_fifths_of_it(percent: int, is_near: int) -> None:
    taken = len(_body("sample", SYNCER["spec"]))
    replica = Replica(Settings(max_request_bytes=taken * 100 // percent))

    assert (replica.ask(), replica.series()['request_near_limit{syncer="sample"}']) == (
        200,
        is_near,
    )


def test_two_replicas_disagree_when_one_was_called_later() -> None:
    early, late = Replica(), Replica()
    early.ask()
    late.now += timedelta(minutes=5)
    late.ask(ready=True)

    states = [replica.series() for replica in (early, late)]
    time, ready = 'last_answer_timestamp_seconds{syncer="sample"}', 'ready{syncer="sample"}'
    assert [(state[time], state[ready]) for state in states] == [(SECONDS, 0), (SECONDS + 300, 1)]


def test_a_deleted_syncer_leaves_the_time_of_its_deletion_for_a_day() -> None:
    replica = Replica()
    replica.ask()
    replica.ask("finalize")

    assert replica.series() == {'deleted_timestamp_seconds{syncer="sample"}': SECONDS}
    replica.now += timedelta(hours=24)
    assert replica.series() == {}


def test_a_syncer_that_was_deleted_and_created_again_has_a_state_again() -> None:
    replica = Replica()
    replica.ask("finalize")
    replica.ask()

    assert 'ready{syncer="sample"}' in replica.series()
    assert 'deleted_timestamp_seconds{syncer="sample"}' not in replica.series()


def test_a_state_goes_a_day_after_the_last_answer_and_not_before() -> None:
    replica = Replica()
    replica.ask()
    replica.now += timedelta(hours=23)
    replica.ask(name="other")
    replica.now += timedelta(minutes=59)
    assert len(replica.series()) == 18

    replica.now += timedelta(minutes=1)
    assert {name.partition('"')[2] for name in replica.series()} == {'other"}'}


def test_beyond_the_most_syncers_the_one_goes_whose_answer_is_the_oldest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hooks.server.metrics.SYNCERS", 2)
    replica = Replica()
    for name in ("one", "two", "one", "three"):
        replica.ask(name=name)

    assert {name.split('"')[1] for name in replica.series()} == {"one", "three"}


@pytest.mark.parametrize("name", ["", "a" * 254, 'a"} 1\nb{c="', "\u202e", "A"])
def test_a_name_that_no_object_can_have_is_not_counted(name: str) -> None:
    replica = Replica()
    replica.ask(name=name)

    assert replica.series() == {}


def test_what_was_refused_is_no_answer() -> None:
    replica = Replica(Settings(max_request_bytes=100))

    assert (replica.ask(), replica.series()) == (413, {})

"""The alerts of monitoring/rules.yaml, judged by Prometheus' own tool.

What the hook says is what two replicas really say; what Metacontroller says is made up here, and
tests/e2e/test_monitoring.py shows that it really says it under these names.
"""

import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from hooks.settings import Settings
from tests.conftest import PROMTOOL
from tests.http.test_metrics import ROLLED_OUT, Replica
from tools.monitoring import MANIFEST, RULES

pytestmark = pytest.mark.long

ROOT: Final = Path(__file__).parents[2]
GROUPS: Final = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
ALERTS: Final = {
    rule["alert"]: rule for group in GROUPS for rule in group["rules"] if "alert" in rule
}
HOOK_DOWN, METACONTROLLER_DOWN, ABSENT = (
    "ConfigMapSyncerHookDown",
    "ConfigMapSyncerMetacontrollerDown",
    "ConfigMapSyncerNothingAnswered",
)
NOT_READY, SILENT, STALLED_SYNCER, NEAR_LIMIT = (
    "ConfigMapSyncerNotReady",
    "ConfigMapSyncerSilent",
    "ConfigMapSyncerStalled",
    "ConfigMapSyncerRequestNearLimit",
)
ROLLOUT_STOPPED, AWAITING_APPROVAL, SOAK_OVERDUE = (
    "ConfigMapSyncerRolloutStopped",
    "ConfigMapSyncerRolloutAwaitingApproval",
    "ConfigMapSyncerRolloutSoakOverdue",
)
OF_A_SYNCER: Final = (NOT_READY, SILENT, STALLED_SYNCER, NEAR_LIMIT)
READY, UNREADY, STALLED, NEAR, DELETED, RESTARTED, GONE = (
    "ready",
    "unready",
    "stalled",
    "near",
    "deleted",
    "restarted",
    "gone",
)
SOAKING, WAITING, HALTED, ROLLED_BACK, COMPLETE, CONFLICT = ROLLOUTS = (
    "stage-soaks-before-the-next-one-begins",
    "manual-stage-waits-for-approval",
    "halted-rollout-stays-halted-and-keeps-every-copy",
    "rolled-back-rollout-stays-so-until-the-content-changes",
    "complete-rollout-writes-nothing",
    "conflict-elsewhere-is-reported-while-a-rollout-goes-on",
)
"""What a replica finds of a rollout, as in the recorded case of that name."""
QUEUE: Final = 'workqueue_depth{name="CompositeController-configmap-syncer",job="m",instance="m"}'
MEMORY: Final = 'process_resident_memory_bytes{job="m",instance="m"}'
GIB: Final = 2**30
SETTINGS: Final = Settings(max_request_bytes=64 * 1024)

_READ: Final = re.compile(r".*{syncer=|.*_in_flight_requests$|.*_requests_total{")
"""What of the hook's page the rules read, and not more of it: there are pages of a whole day."""

needs_promtool = pytest.mark.skipif(not PROMTOOL, reason="promtool is not on PATH")

Events = Mapping[int, Sequence[tuple[str, str]]]
"""By minute: which replica (`a` or `b`) is asked, restarted or ended, and what it finds."""
Series = dict[str, str]
"""By name with labels: the values, minute by minute, as promtool writes them."""


def every(minutes: int, until: int, *events: tuple[str, str], since: int = 0) -> dict[int, Any]:
    return dict.fromkeys(range(since, until, minutes), events)


def series_of(events: Events, minutes: int) -> Series:
    """The series of both replicas and of an idle Metacontroller, read once a minute."""
    replicas: dict[str, Replica | None] = {name: Replica(SETTINGS) for name in "ab"}
    seen: dict[tuple[str, str], dict[int, float]] = {}
    for minute in range(minutes):
        for name, event in events.get(minute, ()):
            _happens(replicas, name, event, minute)
        for name, replica in replicas.items():
            if replica is None:
                continue
            replica.now = _moment(minute)
            for series, value in replica.samples().items():
                if _READ.match(series):
                    seen.setdefault((series, name), {})[minute] = value
    return {
        _of(series, name): " ".join(_value(values, minute) for minute in range(minutes))
        for (series, name), values in seen.items()
    } | {QUEUE: f"0x{minutes}", MEMORY: f"{GIB}x{minutes}"}


def _of(series: str, instance: str) -> str:
    name, _, labels = series.rstrip("}").partition("{")
    return f'{name}{{{labels}{"," if labels else ""}instance="{instance}"}}'


def _happens(replicas: dict[str, Replica | None], name: str, event: str, minute: int) -> None:
    if event in (RESTARTED, GONE):
        replicas[name] = Replica(SETTINGS) if event == RESTARTED else None
        return
    replica = replicas[name]
    assert replica
    if event in ROLLOUTS:
        assert replica.ask_as(event, _moment(minute)) == 200
        return
    replica.now = _moment(minute)
    hook = "finalize" if event == DELETED else "sync"
    is_near = event == NEAR
    code = replica.ask(
        hook, ready=event == READY or is_near, stalled=event == STALLED, near_limit=is_near
    )
    assert code == 200


def _moment(minute: int) -> datetime:
    # promtool's time begins there.
    return datetime.fromtimestamp(minute * 60, UTC)


def _value(values: Mapping[int, float], minute: int) -> str:
    if minute in values:
        return f"{values[minute]:.3f}"
    return "stale" if minute - 1 in values else "_"


def judge(folder: Path, series: Series, test: Mapping[str, Any]) -> None:
    """Run a test of Prometheus' tool; fail with what it says."""
    given = [{"series": name, "values": values} for name, values in series.items()]
    (folder / "test.yaml").write_text(
        yaml.safe_dump(
            {
                "rule_files": [str(RULES)],
                "evaluation_interval": "1m",
                "tests": [{"interval": "1m", "input_series": given, **test}],
            },
            width=10**6,
        ),
        "utf-8",
    )
    judged = subprocess.run(
        [str(PROMTOOL), "test", "rules", "test.yaml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr


def judge_alerts(
    folder: Path, series: Series, firing: Mapping[int, Mapping[str, Mapping[str, str]]]
) -> None:
    """Whether at each minute these alerts fire, with these labels and values, and no others."""
    expected = [
        {
            "eval_time": f"{minute}m",
            "alertname": alert,
            "exp_alerts": [fires(alert, alerts[alert])] if alert in alerts else [],
        }
        for minute, alerts in firing.items()
        for alert in ALERTS
    ]
    judge(folder, series, {"alert_rule_test": expected})


def fires(alert: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """An alert as it fires; of the labels, `value` is none, but what the summary says."""
    rule = ALERTS[alert]
    summary = rule["annotations"]["summary"]
    for name, value in labels.items():
        variable = "value" if name == "value" else f"labels.{name}"
        summary = re.sub(rf"{{{{ \${variable}( \| humanize1024)? }}}}", value, summary)
    return {
        "exp_labels": rule["labels"] | {k: v for k, v in labels.items() if k != "value"},
        "exp_annotations": rule["annotations"] | {"summary": summary},
    }


def test_the_manifest_has_the_rules_of_the_rule_file() -> None:
    manifest = yaml.safe_load(MANIFEST.read_text("utf-8"))
    assert manifest["spec"] == {"groups": GROUPS}


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_a_runbook_and_every_runbook_is_of_an_alert(alert: str) -> None:
    base, _, anchor = ALERTS[alert]["annotations"]["runbook_url"].partition("#")
    page = (ROOT / "docs/monitoring.md").read_text("utf-8")
    _, _, runbooks = page.partition("\n## Runbooks\n")
    headings = re.findall(r"^### (\w+)$", runbooks.partition("\n## ")[0], re.MULTILINE)

    assert base == "https://git.example.com/configmap-syncer/blob/main/docs/monitoring.md"
    assert anchor == alert.lower()
    assert sorted(headings) == sorted(ALERTS)


def test_a_syncer_is_silent_after_three_resync_periods() -> None:
    path = ROOT / "metacontroller/registration/compositecontroller.yaml"
    period = yaml.safe_load(path.read_text("utf-8"))["spec"]["resyncPeriodSeconds"]
    assert ALERTS[SILENT]["expr"].strip().endswith(f"> {3 * period}")


def test_the_limit_of_the_memory_is_that_of_the_deployment() -> None:
    path = ROOT / "metacontroller/components/metacontroller/deployment.yaml"
    (container,) = yaml.safe_load(path.read_text("utf-8"))["spec"]["template"]["spec"]["containers"]
    limit = container["resources"]["limits"]["memory"]
    assert limit.endswith("Gi")
    expression = ALERTS["ConfigMapSyncerMetacontrollerMemory"]["expr"]
    assert expression.strip().endswith(f"> 0.8 * {int(limit[:-2]) * GIB}")


HISTORIES: Final = (
    pytest.param(
        every(5, 90, ("a", READY)) | every(5, 90, ("b", READY), since=2),
        {20: [], 89: []},
        id="nothing while both are asked in turns",
    ),
    pytest.param(
        {0: [("a", UNREADY)]} | every(5, 90, ("b", READY), since=5),
        {10: [], 30: [], 89: []},
        id="nothing when the replica that says otherwise was asked before",
    ),
    pytest.param(
        {0: [("a", READY)]} | every(5, 90, ("b", UNREADY), since=5),
        {19: [], 21: [NOT_READY], 89: [NOT_READY]},
        id="not Ready when the replica that was asked last says so for a quarter of an hour",
    ),
    pytest.param(
        every(10, 90, ("a", UNREADY)) | every(10, 90, ("b", UNREADY), since=5),
        {14: [], 16: [NOT_READY]},
        id="not Ready whichever replica is asked",
    ),
    pytest.param(
        every(5, 61, ("a", READY)) | {62: [("b", READY)]},
        {70: [], 86: [], 90: [SILENT], 119: [SILENT]},
        id="silent when the hook is no longer called",
    ),
    pytest.param(
        {0: [("b", READY)]}
        | every(5, 61, ("a", READY))
        | {61: [("a", RESTARTED)]}
        | every(5, 90, ("a", READY), since=65),
        {62: [], 64: [], 70: [], 89: []},
        id="nothing when the replica that was asked last is restarted",
    ),
    pytest.param(
        every(5, 30, ("a", UNREADY)) | {12: [("b", READY)], 31: [("b", DELETED)]},
        {40: [], 60: [], 400: [], 1470: []},
        id="nothing about a syncer that was deleted through the other replica",
        marks=pytest.mark.long,  # A whole day, minute by minute.
    ),
    pytest.param(
        every(5, 30, ("a", READY)) | {31: [("b", DELETED)]} | {40: [("a", READY)]},
        {60: [], 70: [SILENT]},
        id="silent where a syncer that was deleted is created again and then not asked about",
    ),
    pytest.param(
        every(5, 30, ("a", READY)) | {30: [("a", RESTARTED)]},
        {40: [], 50: [ABSENT]},
        id="nothing answered when no replica was asked about any syncer",
    ),
    pytest.param(
        every(5, 90, ("a", STALLED)),
        {4: [], 6: [STALLED_SYNCER], 16: [STALLED_SYNCER, NOT_READY]},
        id="stalled when somebody has to act",
    ),
    pytest.param(
        every(5, 20, ("a", STALLED)) | every(5, 90, ("b", READY), since=21),
        {20: [NOT_READY, STALLED_SYNCER], 23: [], 89: []},
        id="no longer stalled when the replica that answered last says so",
    ),
    pytest.param(
        every(5, 30, ("a", NEAR)) | every(5, 90, ("b", READY), since=30),
        {4: [], 6: [NEAR_LIMIT], 14: [NEAR_LIMIT], 31: []},
        id="near the limit while the requests take so much",
    ),
    pytest.param(
        every(5, 30, ("a", READY)) | {30: [("a", GONE)]},
        {40: []},
        id="nothing when one replica of two ends",
    ),
    pytest.param(
        every(5, 30, ("a", READY)) | {30: [("a", GONE), ("b", GONE)]},
        {34: [], 36: [HOOK_DOWN], 60: [HOOK_DOWN]},
        id="down when both replicas have ended",
    ),
)
"""What happens to the replicas, and which alerts are firing after how many minutes."""


@needs_promtool
@pytest.mark.parametrize(("events", "firing"), HISTORIES)
def test_an_alert_fires_when_it_should_and_not_otherwise(
    events: Events, firing: Mapping[int, Sequence[str]], tmp_path: Path
) -> None:
    labelled = {
        minute: {alert: {"syncer": "sample"} if alert in OF_A_SYNCER else {} for alert in alerts}
        for minute, alerts in firing.items()
    }
    judge_alerts(tmp_path, series_of(events, max(firing) + 1), labelled)


ROLLOUT_HISTORIES: Final = (
    pytest.param(
        every(5, 90, ("a", SOAKING)) | every(5, 90, ("b", SOAKING), since=2),
        {16: {}, 60: {}, 89: {}},
        id="nothing while a stage soaks",
    ),
    pytest.param(
        every(5, 90, ("a", CONFLICT)),
        {14: {}, 16: {NOT_READY: {}}},
        id="not Ready when something else fails while a stage soaks",
    ),
    pytest.param(
        every(5, 20, ("a", HALTED)) | every(5, 90, ("b", COMPLETE), since=21),
        {
            4: {},
            6: {ROLLOUT_STOPPED: {"phase": "Halted"}, STALLED_SYNCER: {}},
            20: {ROLLOUT_STOPPED: {"phase": "Halted"}, STALLED_SYNCER: {}, NOT_READY: {}},
            23: {},
            89: {},
        },
        id="stopped when a rollout is halted, until the replica that answered last says otherwise",
    ),
    pytest.param(
        every(5, 90, ("a", ROLLED_BACK)),
        {
            4: {},
            6: {ROLLOUT_STOPPED: {"phase": "RolledBack"}, STALLED_SYNCER: {}},
        },
        id="stopped when a rollout is rolled back",
    ),
    pytest.param(
        every(5, 1440, ("a", WAITING))
        | {703: [("a", RESTARTED)]}
        | every(5, 1560, ("a", WAITING), since=710)
        | every(5, 1600, ("a", COMPLETE), since=1560),
        {1439: {}, 1441: {AWAITING_APPROVAL: {}}, 1559: {AWAITING_APPROVAL: {}}, 1577: {}},
        id="waiting for approval after a day, though a replica was restarted meanwhile",
    ),
    pytest.param(
        every(5, 700, ("a", WAITING))
        | every(5, 720, ("a", SOAKING), since=700)
        | every(5, 1600, ("a", WAITING), since=720),
        {1441: {}, 1599: {}},
        id="nothing when two stages wait for approval, a day together",
    ),
    pytest.param(
        {0: [("a", SOAKING)]} | every(5, 90, ("b", COMPLETE), since=5),
        {24: {}, 31: {}, 89: {}},
        id="nothing when the replica that answered last does not soak",
    ),
    pytest.param(
        # The soak would be over after ten minutes.
        {0: [("a", SOAKING)]},
        {
            24: {},
            29: {SILENT: {}},
            31: {SILENT: {}, SOAK_OVERDUE: {}},
        },
        id="soaking for too long when nobody asks whether it is over",
    ),
)
"""As HISTORIES, with what an alert names besides the syncer."""


@needs_promtool
@pytest.mark.parametrize(("events", "firing"), ROLLOUT_HISTORIES)
def test_an_alert_about_a_rollout_fires_when_it_should_and_not_otherwise(
    events: Events, firing: Mapping[int, Mapping[str, Mapping[str, str]]], tmp_path: Path
) -> None:
    labelled = {
        minute: {alert: {"syncer": ROLLED_OUT, **labels} for alert, labels in alerts.items()}
        for minute, alerts in firing.items()
    }
    judge_alerts(tmp_path, series_of(events, max(firing) + 1), labelled)


def _requests(code: int, hook: str = "sync") -> str:
    return f'configmap_syncer_hook_requests_total{{code="{code}",hook="{hook}",instance="a"}}'


MADE_UP: Final = (
    pytest.param(
        {QUEUE: "0x10 stale"},
        {
            10: {},
            15: {},
            17: {METACONTROLLER_DOWN: {"name": "CompositeController-configmap-syncer"}},
        },
        id="leader gone",
    ),
    pytest.param(
        {QUEUE: "0x10 stale _x2 0x20"},
        {13: {}, 20: {}},
        id="nothing when another replica leads soon",
    ),
    pytest.param(
        {_requests(500): "0x10 1x30"},
        {10: {}, 11: {"ConfigMapSyncerHookErrors": {"hook": "sync", "code": "500"}}, 30: {}},
        id="one bug",
    ),
    pytest.param(
        {_requests(503, "finalize"): "0x10 1x30"},
        {11: {"ConfigMapSyncerHookErrors": {"hook": "finalize", "code": "503"}}, 30: {}},
        id="a decision that took too long",
    ),
    pytest.param(
        {_requests(413): "0x10 1x30"},
        {10: {}, 11: {"ConfigMapSyncerRequestTooLarge": {"hook": "sync"}}, 30: {}},
        id="a request that is too large",
    ),
    pytest.param(
        {_requests(429): "0x10 0+2x40"},
        {25: {}, 28: {"ConfigMapSyncerHookOverloaded": {"hook": "sync"}}},
        id="too many requests for long",
    ),
    pytest.param(
        {_requests(429): "0x10 0+2x5 10x40"}, {25: {}, 28: {}, 40: {}}, id="too many for a moment"
    ),
    pytest.param(
        {QUEUE: "0x10 0+3x40"},
        {30: {}, 32: {"ConfigMapSyncerQueueBacklog": {"value": "18"}}},
        id="a queue that grows",
    ),
    pytest.param(
        {QUEUE: "0x10 40x10 0 40x10 0 40x10"}, {30: {}, 42: {}}, id="a queue that is worked off"
    ),
    pytest.param(
        {MEMORY: f"{GIB}x10 {1.75 * GIB:.0f}x40"},
        {
            20: {},
            22: {
                "ConfigMapSyncerMetacontrollerMemory": {"instance": "m", "value": "1.75Gi"},
            },
        },
        id="much memory",
    ),
    pytest.param({MEMORY: f"{GIB}x10 {1.5 * GIB:.0f}x40"}, {40: {}}, id="enough memory"),
)
"""Which series differ from those of a healthy installation, and which alerts are firing when."""


@needs_promtool
@pytest.mark.parametrize(("differing", "firing"), MADE_UP)
def test_an_alert_about_errors_or_metacontroller_fires_when_it_should_and_not_otherwise(
    differing: Series, firing: Mapping[int, Mapping[str, Mapping[str, str]]], tmp_path: Path
) -> None:
    minutes = max(firing) + 1
    healthy = series_of(every(5, minutes, ("a", READY), ("b", READY)), minutes)
    # A series under another name would show nothing.
    assert differing.keys() <= healthy.keys()
    judge_alerts(tmp_path, healthy | differing, firing)


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    firings: list[Any] = [case.values[1] for case in (*HISTORIES, *ROLLOUT_HISTORIES, *MADE_UP)]
    cases = [set(alerts) for firing in firings for alerts in firing.values()]
    assert set().union(*cases) == set(ALERTS)
    assert set().intersection(*cases) == set()


@needs_promtool
def test_prometheus_accepts_the_rules() -> None:
    checked = subprocess.run(
        [str(PROMTOOL), "check", "rules", "--lint-fatal", str(RULES)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


@needs_promtool
def test_the_counts_are_those_of_the_replica_that_answered_last(tmp_path: Path) -> None:
    page = (ROOT / "docs/metrics.md").read_text("utf-8")
    (query,) = re.findall(r"```text\n(max by .*?)\n```", page, re.DOTALL)
    events = {0: [("a", READY)], 5: [("b", UNREADY)]}

    expected = [
        {
            "expr": query,
            "eval_time": f"{minute}m",
            "exp_samples": [{"labels": '{syncer="sample"}', "value": pending}],
        }
        for minute, pending in ((4, 0), (6, 1))
    ]
    judge(tmp_path, series_of(events, 7), {"promql_expr_test": expected})


@needs_promtool
def test_prometheus_accepts_the_names() -> None:
    replica = Replica()
    replica.ask()
    replica.ask("finalize", name="other")
    page = replica.client.get("/metrics").text
    checked = subprocess.run(
        [str(PROMTOOL), "check", "metrics"],
        input=page,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")

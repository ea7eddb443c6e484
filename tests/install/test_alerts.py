"""The alerts of docs/metrics.md, judged by Prometheus' own tool on what two replicas really say."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.conftest import PROMTOOL
from tests.http.test_metrics import Replica

ROOT: Final = Path(__file__).parents[2]
NOT_READY, SILENT, ABSENT = (
    "ConfigMapSyncerNotReady",
    "ConfigMapSyncerSilent",
    "ConfigMapSyncerNothingAnswered",
)
READY, UNREADY, DELETED, RESTARTED = "ready", "unready", "deleted", "restarted"

pytestmark = pytest.mark.skipif(not PROMTOOL, reason="promtool is not on PATH")

Events = Mapping[int, Sequence[tuple[str, str]]]
"""By minute: which replica (`a` or `b`) is asked or restarted, and what it finds."""


def every(minutes: int, until: int, *events: tuple[str, str], since: int = 0) -> dict[int, Any]:
    return dict.fromkeys(range(since, until, minutes), events)


def rules() -> str:
    page = (ROOT / "docs/metrics.md").read_text("utf-8")
    found = re.search(r"```yaml\n(groups:.*?)```", page, re.DOTALL)
    assert found
    return found[1]


def lived(events: Events, minutes: int) -> list[dict[str, str]]:
    """The series that Prometheus reads from both replicas once a minute."""
    replicas = {name: Replica() for name in "ab"}
    seen: dict[tuple[str, str], dict[int, float]] = {}
    for minute in range(minutes):
        for name, event in events.get(minute, ()):
            _happens(replicas, name, event, minute)
        for name, replica in replicas.items():
            replica.now = _moment(minute)
            for series, value in replica.series().items():
                seen.setdefault((series, name), {})[minute] = value
    return [
        {
            "series": f'configmap_syncer_{series[:-1]},instance="{name}"}}',
            "values": " ".join(_value(values, minute) for minute in range(minutes)),
        }
        for (series, name), values in seen.items()
    ]


def _happens(replicas: dict[str, Replica], name: str, event: str, minute: int) -> None:
    if event == RESTARTED:
        replicas[name] = Replica()
        return
    replicas[name].now = _moment(minute)
    hook = "finalize" if event == DELETED else "sync"
    assert replicas[name].ask(hook, ready=event == READY) == 200


def _moment(minute: int) -> datetime:
    # promtool's time begins there.
    return datetime.fromtimestamp(minute * 60, UTC)


def _value(values: Mapping[int, float], minute: int) -> str:
    if minute in values:
        return f"{values[minute]:.3f}"
    return "stale" if minute - 1 in values else "_"


def judge(folder: Path, test: Mapping[str, Any]) -> None:
    """Run a test of Prometheus' tool; fail with what it says."""
    (folder / "rules.yaml").write_text(rules(), "utf-8")
    (folder / "test.yaml").write_text(
        yaml.safe_dump(
            {
                "rule_files": ["rules.yaml"],
                "evaluation_interval": "1m",
                "tests": [{"interval": "1m", **test}],
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


def fires(alert: str) -> dict[str, Any]:
    """An alert as it fires, for the syncer where it is about one."""
    (rule,) = (
        rule
        for group in yaml.safe_load(rules())["groups"]
        for rule in group["rules"]
        if rule.get("alert") == alert
    )
    labels = dict(rule["labels"]) | ({} if alert == ABSENT else {"syncer": "sample"})
    summary = rule["annotations"]["summary"].replace("{{ $labels.syncer }}", "sample")
    return {"exp_labels": labels, "exp_annotations": {"summary": summary}}


@pytest.mark.parametrize(
    ("events", "firing"),
    [
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
            id="silent when nobody asks any more",
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
    ],
)
def test_an_alert_fires_when_it_should_and_not_otherwise(
    events: Events, firing: Mapping[int, Sequence[str]], tmp_path: Path
) -> None:
    judge(
        tmp_path,
        {
            "input_series": lived(events, max(firing) + 1),
            "alert_rule_test": [
                {
                    "eval_time": f"{minute}m",
                    "alertname": alert,
                    "exp_alerts": [fires(alert)] if alert in alerts else [],
                }
                for minute, alerts in firing.items()
                for alert in (NOT_READY, SILENT, ABSENT)
            ],
        },
    )


def test_the_counts_are_those_of_the_replica_that_was_asked_last(tmp_path: Path) -> None:
    page = (ROOT / "docs/metrics.md").read_text("utf-8")
    (query,) = re.findall(r"```text\n(max by .*?)\n```", page, re.DOTALL)
    events = {0: [("a", READY)], 5: [("b", UNREADY)]}

    judge(
        tmp_path,
        {
            "input_series": lived(events, 7),
            "promql_expr_test": [
                {
                    "expr": query,
                    "eval_time": f"{minute}m",
                    "exp_samples": [{"labels": '{syncer="sample"}', "value": pending}],
                }
                for minute, pending in ((4, 0), (6, 1))
            ],
        },
    )


def test_prometheus_finds_nothing_to_say_against_the_names() -> None:
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

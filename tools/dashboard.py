"""The Grafana dashboard of monitoring/dashboard.json; `python -m tools.monitoring` writes it."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizTooltipOptions
from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DatasourceVariable,
    QueryVariable,
    Row,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueGraphMode, TooltipDisplayMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    DataTransformerConfig,
    VariableRefresh,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

_Panel: TypeAlias = stat.Panel | table.Panel | timeseries.Panel

_SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
_NEWEST: Final = "configmap_syncer:last_answer_timestamp_seconds:newest"
_QUEUE: Final = 'name="CompositeController-configmap-syncer"'
_OURS: Final = 'controller_name="configmap-syncer"'
_STATES: Final = ("synced", "pending", "failed")


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression, and what its series are called: text with `{{label}}`."""

    expression: str
    legend: str = ""


def dashboard() -> str:
    """The dashboard as JSON."""
    built = (
        Dashboard("ConfigMap Syncer")
        .uid("configmap-syncer")
        .description("Syncers, the hook, and Metacontroller. Needs the rules of monitoring/.")
        .tags(["configmap-syncer"])
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .refresh("1m")
        .time("now-6h", "now")
        .with_variable(DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(
            QueryVariable("syncer")
            .label("Syncer")
            .datasource(_SOURCE)
            .query(f"label_values({_NEWEST}, syncer)")
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        )
    )
    ids = itertools.count(1)
    for title, panels in (
        ("Fleet", _fleet()),
        ("Syncer $syncer", _one_syncer()),
        ("Hook", _hook()),
        ("Metacontroller", _metacontroller()),
    ):
        built = built.with_row(Row(title).id(next(ids)))
        for panel in panels:
            built = built.with_panel(panel.id(next(ids)))
    return f"{JSONEncoder(sort_keys=True, indent=2).encode(built.build())}\n"


def _newest(metric: str, function: str = "max", of: str = "") -> str:
    """The value of each syncer that the replica says that answered last."""
    return f"{function} by (syncer) (configmap_syncer_{metric}{of} and {_NEWEST})"


def _phases(by: str, of: str = "") -> str:
    """How many rollouts are in which phase."""
    phase = f"configmap_syncer_rollout_phase{of} and ignoring (phase) {_NEWEST}"
    return f"count by ({by}) (max by (syncer, phase) ({phase}))"


def _fleet() -> Iterator[_Panel]:
    not_ready = f"count({_newest('ready', 'min')} == 0) or vector(0)"
    stalled = f"count({_newest('stalled')} == 1) or vector(0)"
    alerts = 'count(ALERTS{alertname=~"ConfigMapSyncer.*",alertstate="firing"}) or vector(0)'
    yield _number("Syncers", f"count(count by (syncer) ({_NEWEST})) or vector(0)")
    yield _number("Not Ready", not_ready)
    yield _number("Stalled", stalled)
    yield _number("Firing alerts", alerts)
    yield _number("Replicas of the hook", "count(configmap_syncer_hook_in_flight_requests)")
    yield _number("Waiting in Metacontroller", f"sum(workqueue_depth{{{_QUEUE}}})")
    yield _table(
        "Syncers",
        {
            "Ready": _newest("ready", "min"),
            "Stalled": _newest("stalled"),
            "Targets": _newest("targets"),
            "Synced": _newest("synced_targets"),
            "Pending": _newest("pending_targets"),
            "Failed": _newest("failed_targets"),
            "Seconds since the last answer": f"time() - max by (syncer) ({_NEWEST})",
        },
    )
    yield _graph(
        "Target namespaces",
        [Query(f"sum({_newest(f'{state}_targets')})", state) for state in _STATES],
    )
    yield _graph("Rollouts by phase", [Query(_phases("phase"), "{{phase}}")])


def _one_syncer() -> Iterator[_Panel]:
    chosen = '{syncer="$syncer"}'
    yield _graph(
        "Target namespaces",
        [Query(_newest(f"{state}_targets", of=chosen), state) for state in _STATES],
    )
    yield _graph(
        "Conditions",
        [
            Query(_newest("ready", "min", of=chosen), "Ready"),
            Query(_newest("stalled", of=chosen), "Stalled"),
            Query(_newest("request_near_limit", of=chosen), "Request near the limit"),
        ],
    )
    yield _graph("Phase of the rollout", [Query(_phases("syncer, phase", of=chosen), "{{phase}}")])
    since = f"time() - max by (syncer) ({_NEWEST}{chosen})"
    yield _graph("Time since the last answer", [Query(since, "{{syncer}}")], "s")


def _hook() -> Iterator[_Panel]:
    requests = "configmap_syncer_hook_requests_total"
    yield _graph(
        "Requests",
        [Query(f"sum by (hook, code) (rate({requests}[$__rate_interval]))", "{{hook}} {{code}}")],
        "reqps",
    )
    yield _graph(
        "Time to answer, 99th percentile",
        [Query(_quantile("configmap_syncer_hook_request_seconds", "hook"), "{{hook}}")],
        "s",
    )
    yield _graph(
        "Size of requests, 99th percentile",
        [Query(_quantile("configmap_syncer_hook_request_bytes", "hook"), "{{hook}}")],
        "bytes",
    )
    in_flight = "sum by (instance) (configmap_syncer_hook_in_flight_{})"
    yield _graph("Requests in progress", [Query(in_flight.format("requests"), "{{instance}}")])
    yield _graph("Bytes in progress", [Query(in_flight.format("bytes"), "{{instance}}")], "bytes")


def _metacontroller() -> Iterator[_Panel]:
    itself = f"and on (job, instance) workqueue_depth{{{_QUEUE}}}"
    yield _graph("Queue", [Query(f"max(workqueue_depth{{{_QUEUE}}})", "waiting syncers")])
    yield _graph(
        "Time in the queue and of a sync, 99th percentile",
        [
            Query(_quantile("workqueue_queue_duration_seconds", of=f"{{{_QUEUE}}}"), "queue"),
            Query(_quantile("workqueue_work_duration_seconds", of=f"{{{_QUEUE}}}"), "sync"),
        ],
        "s",
    )
    yield _graph(
        "Syncs and retries",
        [
            Query(f"sum(rate(workqueue_{what}_total{{{_QUEUE}}}[$__rate_interval]))", legend)
            for what, legend in (("adds", "syncs"), ("retries", "retries"))
        ],
        "ops",
    )
    yield _graph(
        "Time until the hook has answered, 99th percentile",
        [
            Query(
                _quantile(
                    f"metacontroller_{hook}_request_duration_histogram_seconds", of=f"{{{_OURS}}}"
                ),
                hook,
            )
            for hook in ("sync", "customize")
        ],
        "s",
    )
    yield _graph(
        "Requests to the API server",
        [
            Query(
                "sum by (method, code) "
                f"(rate(rest_client_requests_total[$__rate_interval]) {itself})",
                "{{method}} {{code}}",
            )
        ],
        "reqps",
    )
    memory = f"max by (instance) (process_resident_memory_bytes {itself})"
    yield _graph("Memory", [Query(memory, "{{instance}}")], "bytes")


def _quantile(histogram: str, *by: str, of: str = "") -> str:
    labels = ", ".join(("le", *by))
    rate = f"sum by ({labels}) (rate({histogram}_bucket{of}[$__rate_interval]))"
    return f"histogram_quantile(0.99, {rate})"


def _number(title: str, expression: str) -> stat.Panel:
    query = Dataquery().expr(expression).ref_id("A").instant()
    panel = stat.Panel().title(title).datasource(_SOURCE).span(4).height(4)
    panel = panel.reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
    return panel.graph_mode(BigValueGraphMode.NONE).with_target(query)


def _graph(title: str, queries: Sequence[Query], unit: str = "short") -> timeseries.Panel:
    panel = timeseries.Panel().title(title).datasource(_SOURCE).span(12).height(8)
    panel = panel.unit(unit).min(0).fill_opacity(10)
    panel = panel.tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    for ref_id, query in zip("ABCDE", queries, strict=False):
        target = Dataquery().expr(query.expression).legend_format(query.legend).ref_id(ref_id)
        panel = panel.with_target(target.range())
    return panel


def _table(title: str, columns: dict[str, str]) -> table.Panel:
    """A row for each syncer, a column for each expression."""
    panel = table.Panel().title(title).datasource(_SOURCE).span(24).height(8).show_header(True)  # noqa: FBT003 - the SDK's signature
    names = {}
    for ref_id, (name, expression) in zip("ABCDEFGH", columns.items(), strict=False):
        query = Dataquery().expr(expression).ref_id(ref_id).instant()
        panel = panel.with_target(query.format(PromQueryFormat.TABLE))
        names[f"Value #{ref_id}"] = name
    tidy = {"excludeByName": {"Time": True}, "renameByName": {"syncer": "Syncer"} | names}
    return panel.with_transformation(
        DataTransformerConfig("merge", options={})
    ).with_transformation(DataTransformerConfig("organize", options=tidy))

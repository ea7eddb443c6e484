"""Add an alert: on a metric of its own, which says that a syncer has many failing targets."""

from tests.recipes.steps import Recipe, Step, after, before, ran

NAME = "ConfigMapSyncerManyFailed"
RULE = f"""
      - alert: {NAME}
        expr: |
          max by (syncer) (
            configmap_syncer_many_failed and configmap_syncer:last_answer_timestamp_seconds:newest
          ) == 1
        for: 5m
        labels:
          severity: warning
        annotations:
          summary: "ConfigMapSyncer {{{{ $labels.syncer }}}} has many failing targets"
          runbook_url: https://git.example.com/configmap-syncer/blob/main/docs/monitoring.md#{NAME.lower()}
"""
SERIES = 'configmap_syncer_many_failed{syncer="sample",instance="a"}'
CASES = f"""\
    pytest.param(
        {{'{SERIES}': "0x10 1x30"}},
        {{10: {{}}, 14: {{}}, 17: {{"{NAME}": {{"syncer": "sample"}}}}}},
        id="many targets fail",
    ),
"""
FIRES = "test_an_alert_about_errors_or_metacontroller_fires_when_it_should_and_not_otherwise"

STEPS = (
    Step(
        "the metric",
        after(
            "hooks/server/metrics.py",
            '    ("failed_targets", "Target namespaces that fail.", lambda state: state.failed),\n',
            '    ("many_failed", "Many targets.", lambda state: int(state.failed > 99)),\n',
        ),
        "test_every_metric_has_a_row_and_every_row_is_a_metric",
    ),
    Step(
        "the page on metrics",
        before(
            "docs/metrics.md",
            "| `configmap_syncer_deleted_timestamp_seconds` |",
            "| `configmap_syncer_many_failed` | gauge: `syncer` | 1 if 100 targets fail |\n",
        ),
        "test_every_metric_has_a_row_and_every_row_is_a_metric",
    ),
    Step(
        "the alert",
        before("monitoring/rules.yaml", "\n      - alert: ConfigMapSyncerHookErrors\n", RULE),
        "test_every_alert_has_a_runbook_and_every_runbook_is_of_an_alert",
    ),
    Step(
        "the dashboard",
        after(
            "tools/dashboard.py",
            '            Query(_newest("stalled", of=chosen), "Stalled"),\n',
            '            Query(_newest("many_failed", of=chosen), "Many failed"),\n',
        ),
        "",
    ),
    Step("the other rules", ran("tools.monitoring"), "test_what_is_generated_is_current"),
    Step(
        "the rules of the chart",
        ran("tools.chart"),
        "test_what_the_chart_has_from_elsewhere_is_current",
    ),
    Step(
        "the runbook",
        before(
            "docs/monitoring.md",
            "### ConfigMapSyncerHookErrors\n",
            f"### {NAME}\n\nA hundred namespaces fail; the status says why.\n\n",
        ),
        "test_every_alert_has_a_runbook_and_every_runbook_is_of_an_alert",
    ),
    Step(
        "a case in which it fires and one in which it does not",
        after("tests/install/test_alerts.py", "MADE_UP: Final = (\n", CASES),
        "test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not",
    ),
)
RECIPE = Recipe("Add an alert", STEPS, also=(FIRES,), is_named_with_others=True)

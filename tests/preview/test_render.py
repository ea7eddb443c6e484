"""Tables and ages look as kubectl's do."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from hooks.preview.output import render
from hooks.preview.simulator.clock import Clock, rfc3339
from hooks.preview.simulator.objects import Object


@dataclass(frozen=True)
class TableColumn:
    name: str
    type: str
    json_path: str
    priority: int = 0


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (192, "3m12s"),
        (600, "10m"),
        (10799, "179m"),
        (10800, "3h"),
        (4 * 3600 + 300, "4h5m"),
        (8 * 3600 + 300, "8h"),
        (49 * 3600, "2d1h"),
        (9 * 86400, "9d"),
        (900 * 86400, "2y170d"),
        (9 * 365 * 86400, "9y"),
        (-5, "0s"),
    ],
)
def test_an_age_is_written_as_kubectl_writes_it(seconds: int, expected: str) -> None:
    clock = Clock()
    since = clock.now()
    assert render.age(since, since + timedelta(seconds=seconds)) == expected


def test_a_table_of_syncers_shows_the_columns_of_the_definition_and_leaves_out_the_wide_ones() -> (
    None
):
    clock = Clock()
    columns = [
        TableColumn("Source", "string", ".spec.sourceConfigMap"),
        TableColumn("Targets", "integer", ".status.targetCount"),
        TableColumn("Ready", "string", '.status.conditions[?(@.type=="Ready")].status'),
        TableColumn("Hash", "string", ".status.contentHash", 1),
        TableColumn("Age", "date", ".metadata.creationTimestamp"),
    ]
    stamp = rfc3339(clock.now())
    items: list[Object] = [
        {
            "metadata": {"name": "first", "creationTimestamp": stamp},
            "spec": {"sourceConfigMap": "app-config"},
            "status": {
                "targetCount": 3,
                "conditions": [
                    {"type": "Synced", "status": "False"},
                    {"type": "Ready", "status": "True"},
                ],
            },
        },
        {"metadata": {"name": "b", "creationTimestamp": stamp}, "spec": {}},
    ]
    clock.advance(61)
    assert render.syncers(columns, items, clock.now()) == (
        "NAME    SOURCE       TARGETS   READY   AGE\n"
        "first   app-config   3         True    61s\n"
        "b                                      61s"
    )

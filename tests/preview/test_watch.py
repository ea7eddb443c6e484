"""Two runs are compared by what they say, not by what each has counted."""

import os
from pathlib import Path

from hooks.preview import watch
from hooks.preview.simulator.objects import Object
from tests.preview.world import config_map, state


def copy(uid: str, time: str, **data: str) -> Object:
    owner = {"kind": "ConfigMapSyncer", "name": "sample", "uid": uid, "controller": True}
    metadata = {
        "uid": f"own-{uid}",
        "resourceVersion": uid,
        "creationTimestamp": time,
        "labels": {"controller-uid": uid, "synced-by": "sample"},
        "ownerReferences": [owner],
    }
    return config_map("settings", "dev", metadata, data=data)


def test_what_only_distinguishes_two_runs_is_not_a_change() -> None:
    later = state(copy("2", "now", a="1"))
    assert watch.in_line(state(copy("1", "then", a="1")), later) == later


def test_a_change_remains_one_and_the_object_the_same() -> None:
    [item] = watch.in_line(state(copy("1", "then", a="1")), state(copy("2", "now", a="2"))).values()
    assert item["data"] == {"a": "1"}
    assert item["metadata"]["uid"] == "own-2"
    assert item["metadata"]["labels"] == {"controller-uid": "2", "synced-by": "sample"}
    assert item["metadata"]["resourceVersion"] == "earlier"


def test_what_has_gone_is_kept_so_that_it_can_be_reported() -> None:
    earlier = state(copy("1", "then", a="1"))
    assert watch.in_line(earlier, {}) == earlier


def test_a_file_that_changes_comes_or_goes_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a")
    changes = watch.changes([str(tmp_path)])
    next(changes)  # at once
    os.utime(file, ns=(1, 1))
    next(changes)
    (tmp_path / "b.json").write_text("{}")
    next(changes)
    file.unlink()
    next(changes)

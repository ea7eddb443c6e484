"""What `--output plan` prints, for everything that can be there."""

from typing import Any

import pytest

from hooks.preview.output import plan_report
from hooks.preview.simulation import State
from hooks.preview.simulator.objects import Object
from tests.preview.world import config_map, namespace, state, syncer

OWNER = {"apiVersion": "config.example.com/v1alpha1", "kind": "ConfigMapSyncer", "controller": True}
OTHER = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app", "controller": True}


def copy(where: str, name: str = "settings", **metadata: object) -> Object:
    owners = [OWNER | {"name": "sample"}]
    found = config_map(name, where, {"ownerReferences": owners, **metadata})
    found["metadata"] |= {"uid": f"{where}/{name}", "resourceVersion": "1"}
    return found


def syncer_with(**status: object) -> Object:
    spec = {"sourceNamespace": "shared", "sourceConfigMap": "settings"}
    return {**syncer(**spec), "status": status}


def printed(before: State, *after: Object, **options: Any) -> list[str]:
    options = {"changes_only": False, **options}
    sections = plan_report.sections(before, {**before, **state(*after)}, **options)
    return "\n\n".join(sections).splitlines()


def named(*namespaces: str) -> Object:
    return {"count": len(namespaces), "namespaces": list(namespaces)}


def change(where: str, *keys: str, count: int | None = None) -> Object:
    return {"namespace": where, "keyCount": len(keys) if count is None else count, "keys": [*keys]}


def test_a_plan_is_shown_with_everything_else_that_can_be_there() -> None:
    there = state(
        *map(namespace, ("a", "b", "c", "d", "e", "f", "g", "h", "k")),
        copy("b"),
        copy("c"),
        copy("d", "former"),
        config_map("settings", "e"),
        config_map("settings", "f", {"labels": {"synced-by": "sample"}}),
        config_map("settings", "g", {"ownerReferences": [OTHER]}),
        copy("h", deletionTimestamp="2026-01-01T12:00:00Z"),
        config_map("another", "k"),
    )
    plan = {
        "create": named("a", "d", "h"),
        "update": {"count": 2, "copies": [change("b", "one", "two"), change("c")]},
        "takeOver": {"count": 1, "copies": [change("f", *"klmn", count=7)]},
        "delete": named("d"),
        "fail": named("e", "g", "i", "j"),
    }
    failures = [
        {"namespace": "e", "reason": "Conflict"},
        {"namespace": "g", "reason": "ManagedByAnother"},
        {"namespace": "i", "reason": "NamespaceNotFound"},
    ]
    status = syncer_with(plan=plan, failures=failures, syncedNamespaces=["c", "k"])

    lines = printed(there, status)

    assert [line.split("   ")[0] for line in lines[2:]] == list("abcdefghijk")
    assert [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines] == [
        ["sample:"],
        ["NAMESPACE", "NOW", "PLANNED", "KEYS"],
        ["a", "nothing", "create"],
        ["b", "copy", "update", "one, two"],
        ["c", "copy", "update", "none"],
        ["d", "ConfigMap former", "create, delete"],
        ["e", "unmanaged object", "fail: Conflict"],
        ["f", "released copy", "take over", "k, l, m, n and 3 more"],
        ["g", "Deployment app has it", "fail: ManagedByAnother"],
        ["h", "copy (being deleted)", "create"],
        ["i", "no namespace", "fail: NamespaceNotFound"],
        ["j", "no namespace", "fail"],
        ["k", "nothing", "nothing"],
    ]


def test_what_is_beyond_the_names_is_counted() -> None:
    plan = {"create": {"count": 1060, "namespaces": ["a"]}, "fail": {"count": 2, "namespaces": []}}

    lines = printed(state(), syncer_with(plan=plan, syncedNamespaces=["b"]))

    assert lines[-2:] == [
        "a           no namespace   create",
        "and 1,059 more to create, 2 more to fail",
    ]


UNRESOLVED = [
    {"type": "SourceResolved", "status": "False", "reason": "SourceNotFound", "message": "x"}
]


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({"plan": {}, "conditions": UNRESOLVED}, "it has no content to copy (SourceNotFound)"),
        ({}, "the hook gave no plan"),
        ({"plan": {"create": {"count": 0}}, "targetCount": 0}, "it selects no namespace"),
        (
            {"plan": {}, "targetCount": 2, "syncedCount": 2},
            "every copy holds the content already",
        ),
        (
            {"plan": {}, "targetCount": 2, "syncedCount": 1, "pendingCount": 1},
            "what its other namespaces wait for is no change of a copy",
        ),
    ],
)
def test_an_empty_plan_says_why(status: dict[str, Any], why: str) -> None:
    idle = syncer_with(**status)

    assert printed(state(), idle) == [f"sample: nothing would be done, because {why}."]
    assert printed(state(), idle, changes_only=True) == [
        "No copy would change.",
        f"- sample: {why}",
    ]


def test_a_copy_that_is_current_is_not_a_change() -> None:
    held = syncer_with(plan={}, syncedNamespaces=["a"], targetCount=1, syncedCount=1)

    assert printed(state(), held, changes_only=True) == [
        "No copy would change.",
        "- sample: every copy holds the content already",
    ]
    assert printed(state(), held)[2:] == ["a           no namespace   nothing"]


def test_a_syncer_that_is_deleted_has_its_copies_deleted_or_released() -> None:
    gone, kept = copy("a"), copy("b")
    before = state(syncer_with(), gone, kept, copy("c"))
    released = {**kept, "metadata": {**kept["metadata"], "ownerReferences": []}}
    unchanged = copy("c")
    deleted = syncer_with()
    deleted["metadata"]["deletionTimestamp"] = "2026-01-01T12:00:00Z"
    after = state(deleted, released, unchanged)

    sections = list(plan_report.sections(before, after, changes_only=True))

    assert [section.splitlines() for section in sections] == [
        [
            "sample, which is deleted:",
            "NAMESPACE   NOW             PLANNED   KEYS",
            "a           copy settings   delete",
            "b           copy settings   release",
        ]
    ]


def test_a_hook_without_plans_a_missing_source_and_a_failure_are_problems() -> None:
    conditions = [
        {"type": "SourceResolved", "status": "False", "reason": "Gone", "message": "It is gone."},
        {"type": "Ready", "status": "False", "reason": "Suspended", "message": "All is kept."},
    ]
    failures = [{"namespace": "a", "reason": "Conflict", "message": "It is in the way."}]

    assert list(plan_report.problems(state(syncer_with()))) == ["sample: the hook gave no plan"]
    failing = syncer_with(plan={}, conditions=conditions, failures=failures)
    assert list(plan_report.problems(state(failing))) == [
        "sample: Gone: It is gone.",
        "sample, namespace a: Conflict: It is in the way.",
    ]

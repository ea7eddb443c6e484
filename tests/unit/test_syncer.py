"""What a spec has to be to be followed, and what is said of one that is not."""

import json
from collections.abc import Mapping

import pytest
from msgspec import Raw

from hooks.api.protocol import ObjectMeta, Parent
from hooks.spec.parsing import parse_syncer
from hooks.spec.syncer import InvalidSpec, Syncer

LIMIT = "Set spec.pruneLimit to a number of namespaces, or to a percentage from 0% to 100%"
DEADLINE = "Set spec.progressDeadlineSeconds to 1 to 86400"


def parsed(fields: Mapping[str, object], name: str = "sample") -> Syncer | InvalidSpec:
    spec = {
        "sourceNamespace": "default",
        "sourceConfigMap": "app-config",
        "targetNamespaces": ["dev"],
        **fields,
    }
    return parse_syncer(Parent(ObjectMeta(name), spec=Raw(json.dumps(spec).encode())))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("progressDeadlineSeconds", 1),
        ("progressDeadlineSeconds", 86_400),
        ("pruneLimit", 0),
        ("pruneLimit", "0%"),
        ("pruneLimit", "100%"),
    ],
)
def test_a_spec_just_within_its_limits_is_followed(field: str, value: object) -> None:
    assert isinstance(parsed({field: value}), Syncer)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("progressDeadlineSeconds", 0, DEADLINE),
        ("progressDeadlineSeconds", 86_401, DEADLINE),
        ("pruneLimit", -1, LIMIT),
        ("pruneLimit", "101%", LIMIT),
        ("pruneLimit", "half", LIMIT),
    ],
)
def test_a_spec_just_beyond_its_limits_is_refused_with_the_reason(
    field: str, value: object, said: str
) -> None:
    found = parsed({field: value})

    assert isinstance(found, InvalidSpec)
    assert found.message == said


def test_a_name_has_to_fit_into_a_label() -> None:
    longest = "n" * 63
    too_long = parsed({}, longest + "n")

    assert isinstance(parsed({}, longest), Syncer)
    assert isinstance(too_long, InvalidSpec)
    assert too_long.message == "Rename the syncer: its name has 64 characters, at most 63 fit"


def test_only_a_key_that_is_selected_can_be_renamed() -> None:
    keys = ["log.*", "color"]
    found = parsed({"keys": keys, "renameKeys": {"log.level": "level", "size": "SIZE"}})

    assert isinstance(parsed({"keys": keys, "renameKeys": {"log.level": "level"}}), Syncer)
    assert isinstance(found, InvalidSpec)
    assert found.message == "Select in spec.keys what spec.renameKeys renames: size"


@pytest.mark.parametrize("spec", [b'{"sourceNamespace": "\xff"}', b'{"new": ' + b"[" * 100_000])
def test_of_a_spec_that_is_no_json_nothing_is_repeated(spec: bytes) -> None:
    found = parse_syncer(Parent(ObjectMeta("sample"), spec=Raw(spec)))

    assert isinstance(found, InvalidSpec)
    assert found.message == "Correct spec: unreadable JSON"


CANARY = {"name": "canary", "targetNamespaces": ["dev"], "soakSeconds": 1}
REST = {"name": "rest"}
LAST = (
    "Let the last item of spec.rollout.stages select nothing, so that it takes every target that "
    "is left"
)
SELECTOR = (
    "Correct a namespaceSelector in spec.rollout.stages: the value of a is not a string, put it in "
    "quotes"
)


@pytest.mark.parametrize(
    "rollout",
    [
        {"stages": [REST]},
        {"stages": [CANARY, REST], "maxFailures": "100%", "revisionHistoryLimit": 20},
        {"stages": [CANARY | {"soakSeconds": 31_536_000}, REST], "revisionHistoryLimit": 0},
        {
            "stages": [
                *(
                    {"name": f"s{n}", "namespaceSelector": {}, "approval": "Manual"}
                    for n in range(19)
                ),
                REST,
            ]
        },
    ],
)
def test_a_rollout_just_within_its_limits_is_followed(rollout: Mapping[str, object]) -> None:
    assert isinstance(parsed({"rollout": rollout}), Syncer)


@pytest.mark.parametrize(
    ("rollout", "said"),
    [
        ({"stages": []}, "Write 1 to 20 items in spec.rollout.stages"),
        (
            {"stages": [*(CANARY | {"name": f"s{n}"} for n in range(20)), REST]},
            "Write 1 to 20 items in spec.rollout.stages",
        ),
        (
            {"stages": [CANARY | {"name": "Canary"}, REST]},
            "Correct spec.rollout.stages: Canary cannot be used as a name",
        ),
        (
            {"stages": [CANARY, CANARY, REST]},
            "Correct spec.rollout.stages: canary is used more than once",
        ),
        (
            {"stages": [{"name": "canary", "soakSeconds": 1}, REST]},
            "Select targets in spec.rollout.stages: canary selects nothing",
        ),
        (
            {"stages": [CANARY]},
            LAST,
        ),
        (
            {"stages": [CANARY | {"namespaceSelector": {"a": 1}}, REST]},
            SELECTOR,
        ),
        (
            {"stages": [CANARY | {"soakSeconds": 0}, REST]},
            "Set soakSeconds or approval: Manual in spec.rollout.stages: canary",
        ),
        (
            {"stages": [CANARY, REST | {"soakSeconds": 31_536_001}]},
            "Set soakSeconds to 0 to 31536000 in spec.rollout.stages: rest",
        ),
        (
            {"stages": [REST], "maxFailures": "101%"},
            "Set spec.rollout.maxFailures to a number, or to a percentage from 0% to 100%",
        ),
        (
            {"stages": [REST], "revisionHistoryLimit": 21},
            "Set spec.rollout.revisionHistoryLimit to 0 to 20",
        ),
        (
            {"stages": [CANARY | {"targetNamespaces": ["d.ev"]}, REST]},
            "Correct spec.rollout.stages: 1 name cannot be a namespace's",
        ),
    ],
)
def test_a_rollout_beyond_its_limits_is_refused_with_the_reason(
    rollout: Mapping[str, object], said: str
) -> None:
    found = parsed({"rollout": rollout})

    assert isinstance(found, InvalidSpec)
    assert found.message == said


def test_a_pinned_revision_needs_a_rollout_and_a_name() -> None:
    rollout = {"stages": [REST]}
    without, nameless = (
        parsed({"pinnedRevision": "r-1"}),
        parsed({"pinnedRevision": "R", "rollout": rollout}),
    )

    assert isinstance(parsed({"pinnedRevision": "r-1", "rollout": rollout}), Syncer)
    assert isinstance(without, InvalidSpec)
    assert without.message == (
        "Remove spec.pinnedRevision, or set spec.rollout: without it no revision is stored"
    )
    assert isinstance(nameless, InvalidSpec)
    assert nameless.message == "Correct spec.pinnedRevision: it is not an object name"

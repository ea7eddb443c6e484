"""What answers instead of a hook is refused in a sentence, whatever it answers."""

import json
from typing import Any

import pytest

from hooks.preview.simulator.hook import HookError, ask, ask_related

CHILD = {"apiVersion": "v1", "kind": "ConfigMap"}
UNREADABLE = "sync hook failed (version=v2): can't unmarshal webhookResponse: "


def answering(body: bytes, status: int = 200) -> Any:
    return ask(lambda _path, _body: (status, body), "sync", {})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>", "Expecting value: line 1 column 1 (char 0)"),
        (b"[]", "the answer is not an object"),
        (b'{"status":{},"status":{}}', 'duplicate field "status"'),
        (b'{"status":5}', 'field "status" has the wrong type'),
        (b'{"resyncAfterSeconds":NaN}', "NaN is no number of JSON"),
        (b'{"status":' + b"[" * 100_000, "it is nested too deeply"),
        (b'{"children":[5]}', "Object 'Kind' is missing in children[0]"),
        *(
            (
                json.dumps({"children": [CHILD | wrong]}).encode(),
                "metadata is missing in children[0]",
            )
            for wrong in (
                {},
                {"metadata": ["a"]},
                {"metadata": {"name": 5}},
                {"metadata": {"name": "a", "namespace": 5}},
                {"metadata": {"name": "a", "labels": 5}},
                {"metadata": {"name": "a", "annotations": ["a"]}},
            )
        ),
    ],
)
def test_nonsense_is_refused_with_its_reason(body: bytes, said: str) -> None:
    with pytest.raises(HookError) as refused:
        answering(body)
    assert str(refused.value) == UNREADABLE + said


def test_malformed_rules_are_refused() -> None:
    with pytest.raises(HookError, match=r"an object was expected\Z"):
        ask_related(lambda _path, _body: (200, b'{"relatedResources":[5]}'), {})


def test_what_is_sent_back_whole_is_only_counted() -> None:
    with pytest.raises(HookError, match=r"unsupported status code: 500 body: 1,000 bytes\Z"):
        answering(b"x" * 1_000, status=500)


def test_a_very_long_wait_is_capped_at_years() -> None:
    assert answering(b'{"resyncAfterSeconds":1e308}').resync_after_seconds == 10 * 365 * 24 * 3600

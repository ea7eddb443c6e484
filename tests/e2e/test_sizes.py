"""What is too large is said before any copy is touched; what fits, to the byte, is copied."""

import re
from typing import Any

import pytest

from tests.conditions import ready_of
from tests.controlplane import DYNAMIC_APPLY, SERVER_SIDE_APPLY, Object, Stack
from tests.scenarios.many_keys import FULL, RELEASED, SCENARIOS, meet_the_limit_to_the_byte
from tests.scenarios.real import RealWorld

_ANNOTATIONS_LIMIT = 262_144
_VALUES = 1_000 * 1024
# Go escapes each of these in its own way, and the limit counts what Go writes.
_AWKWARD = '<a href="x">&\u2028\u2029\n\t\\é\U0001f600\x01'


def test_a_source_of_1000_kib_is_copied_or_is_too_large_for_the_strategy(stack: Stack) -> None:
    prefix = f"sizes-{stack.strategy.split('-', maxsplit=1)[0]}"
    _namespaces(stack, prefix)
    data = {f"key-{number}": "x" * (_VALUES // 10) for number in range(10)}
    stack.client.create(_source(prefix, data))
    stack.client.create(_syncer(prefix))

    ready = _settled(stack, prefix)

    if stack.strategy == SERVER_SIDE_APPLY:
        assert ready["reason"] == "AllCopiesCurrent"
        assert stack.client.get("ConfigMap", "large", f"{prefix}-target")["data"] == data
    else:
        assert ready["reason"] == "TooLarge"
        size = _size(ready["message"])
        assert _VALUES < size < _VALUES + 2_000
        assert stack.client.find("ConfigMap", "large", f"{prefix}-target") is None


def test_the_limit_of_dynamic_apply_is_met_to_the_byte(stack: Stack) -> None:
    if stack.strategy != DYNAMIC_APPLY:
        return  # server-side apply keeps nothing in an annotation
    prefix = "exact"
    _namespaces(stack, prefix)
    too_long = 300_000
    stack.client.create(_source(prefix, {"text": _AWKWARD, "filling": "x" * too_long}))
    stack.client.create(_syncer(prefix))
    over = _size(_settled(stack, prefix)["message"]) - _ANNOTATIONS_LIMIT

    _fill(stack, prefix, too_long - over)
    stack.client.wait_for("ConfigMapSyncer", prefix, _is_ready, "the copy that just fits")
    copy = stack.client.get("ConfigMap", "large", f"{prefix}-target")
    annotations = copy["metadata"]["annotations"]
    assert copy["data"]["text"] == _AWKWARD
    assert sum(len((k + v).encode()) for k, v in annotations.items()) == _ANNOTATIONS_LIMIT

    _fill(stack, prefix, too_long - over + 1)
    ready = ready_of(
        stack.client.wait_for(
            "ConfigMapSyncer", prefix, lambda s: not _is_ready(s), "a source one byte too large"
        )
    )
    assert ready["reason"] == "TooLarge"
    size = f"{_ANNOTATIONS_LIMIT + 1:,} bytes, more than the {_ANNOTATIONS_LIMIT:,} bytes that are"
    assert size in ready["message"]
    assert stack.client.get("ConfigMap", "large", f"{prefix}-target") == copy


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_etcd_would_refuse_costs_no_copy(stack: Stack, scenario: str) -> None:
    SCENARIOS[scenario](RealWorld(stack), f"{scenario}-{stack.strategy[0]}")


def test_etcds_limit_is_met_to_the_byte(stack: Stack) -> None:
    if stack.strategy != SERVER_SIDE_APPLY:
        return  # its own limit is met long before
    meet_the_limit_to_the_byte(RealWorld(stack), "etcd")


@pytest.mark.parametrize("full", FULL)
@pytest.mark.parametrize("scenario", RELEASED)
def test_an_orphaned_copy_of_the_largest_size_is_taken_back(
    stack: Stack, scenario: str, full: str
) -> None:
    if stack.strategy != SERVER_SIDE_APPLY:
        return  # dynamic apply takes nothing back
    RELEASED[scenario](RealWorld(stack), f"{scenario}-{full}", FULL[full])


def test_a_source_that_no_request_can_carry_is_too_large(stack: Stack) -> None:
    if stack.strategy != SERVER_SIDE_APPLY:
        return  # its own limit is met long before
    prefix = "escapes"
    _namespaces(stack, prefix)
    stack.client.create(_source(prefix, {"first": "\x01" * 300_000}))
    # Two requests can together write what one cannot: each byte takes six in JSON.
    _patch_source(stack, prefix, {"second": "\x01" * 300_000})
    stack.client.create(_syncer(prefix))

    ready = _settled(stack, prefix)

    assert ready["reason"] == "TooLarge"
    assert _size(ready["message"]) > 3_600_000
    assert "3,145,728" in ready["message"]


def test_only_what_is_selected_counts(stack: Stack) -> None:
    if stack.strategy != DYNAMIC_APPLY:
        return  # what server-side apply refuses, no source can hold as it is
    prefix = "selected"
    _namespaces(stack, prefix)
    data = {"small": "x", "large": "x" * _VALUES}
    stack.client.create(_source(prefix, data))
    stack.client.create(_syncer(prefix))
    assert _settled(stack, prefix)["reason"] == "TooLarge"

    stack.client.merge_patch("ConfigMapSyncer", prefix, {"spec": {"keys": ["s*"]}})

    stack.client.wait_for("ConfigMapSyncer", prefix, _is_ready, "the selected key to be copied")
    copy = stack.client.get("ConfigMap", "large", f"{prefix}-target")
    assert copy["data"] == {"small": "x"}


def _namespaces(stack: Stack, prefix: str) -> None:
    for role in ("source", "target"):
        stack.client.create(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"{prefix}-{role}"}}
        )


def _source(prefix: str, data: dict[str, str]) -> Object:
    metadata = {"name": "large", "namespace": f"{prefix}-source"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def _patch_source(stack: Stack, prefix: str, data: dict[str, str]) -> None:
    stack.client.merge_patch("ConfigMap", "large", {"data": data}, f"{prefix}-source")


def _fill(stack: Stack, prefix: str, size: int) -> None:
    _patch_source(stack, prefix, {"filling": "x" * size})


def _syncer(prefix: str) -> Object:
    return {
        "apiVersion": "config.example.com/v1alpha1",
        "kind": "ConfigMapSyncer",
        "metadata": {"name": prefix},
        "spec": {
            "sourceNamespace": f"{prefix}-source",
            "sourceConfigMap": "large",
            "targetNamespaces": [f"{prefix}-target"],
        },
    }


def _is_ready(syncer: Object) -> bool:
    return bool(ready_of(syncer).get("status") == "True")


def _settled(stack: Stack, name: str) -> dict[str, Any]:
    decided = ("AllCopiesCurrent", "TooLarge")
    syncer = stack.client.wait_for(
        "ConfigMapSyncer", name, lambda s: ready_of(s).get("reason") in decided, "a decision"
    )
    return ready_of(syncer)


def _size(message: str) -> int:
    found = re.search(r"would take ([\d,]+) bytes", message)
    assert found, message
    return int(found[1].replace(",", ""))

"""A stranger's object that is nested as deeply as Kubernetes stores stops no syncer."""

import sys
from collections.abc import Iterator, Mapping
from functools import partial

import pytest

from tests.controlplane import Object, Stack

_DEPTH = 9_990
"""Kubernetes refuses JSON that is nested more than 10,000 deep."""


@pytest.fixture
def stranger(stack: Stack) -> Iterator[str]:
    """A namespace with a nested object of the copies' name."""
    namespace = f"nesting-{stack.strategy[0]}-stranger"
    client = stack.client
    client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    fields = '{"f:data":' + '{"f:a":' * _DEPTH + "{}" + "}" * (_DEPTH + 1)
    entry = (
        '{"manager":"somebody","operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1",'
        f'"fieldsV1":{fields}}}'
    )
    nested = (
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings",'
        f'"managedFields":[{entry}]}}}}'
    )
    # The tests' own client reads the answer.
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(2 * _DEPTH)
    client.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", nested.encode())
    yield namespace
    client.delete("ConfigMap", "settings", namespace)
    sys.setrecursionlimit(limit)


def test_deeply_nested_managed_fields_in_the_namespace_of_a_stranger_stop_no_syncer(
    stack: Stack, stranger: str
) -> None:
    prefix = f"nesting-{stack.strategy[0]}"
    target = f"{prefix}-target"
    client = stack.client
    stored = client.get("ConfigMap", "settings", stranger)["metadata"]["managedFields"]
    assert "somebody" in [each["manager"] for each in stored]

    client.add_syncer(prefix, [target], {"key": "first"})
    for value in ("first", "second"):
        content = {"key": value}
        client.merge_patch("ConfigMap", "settings", {"data": content}, prefix)
        holds = partial(_holds, content)
        client.wait_for("ConfigMap", "settings", holds, f"the value {value}", target)

    sizes = [call["requestBytes"] for call in stack.hook.calls("sync", prefix)]
    assert sizes[-1] > len("f:a") * _DEPTH
    client.delete("ConfigMapSyncer", prefix)
    client.wait_until_gone("ConfigMapSyncer", prefix)


def _holds(content: Mapping[str, str], copy: Object) -> bool:
    return bool(copy["data"] == content)

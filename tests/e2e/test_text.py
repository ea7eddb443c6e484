"""A source whose values are no text, which only protobuf can carry and JSON shows as U+FFFD."""

from tests.conditions import ready_of
from tests.controlplane import Stack


def test_a_source_with_bytes_that_are_no_text_is_not_copied(stack: Stack) -> None:
    prefix = f"text-{stack.strategy[0]}"
    source, target = f"{prefix}-source", f"{prefix}-target"
    for namespace in (source, target):
        stack.client.create(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        )
    stack.client.request(
        "POST",
        f"/api/v1/namespaces/{source}/configmaps",
        _in_protobuf("bytes", source, "key", b"text \xff"),
        content_type="application/vnd.kubernetes.protobuf",
    )
    stack.client.create(
        {
            "apiVersion": "config.example.com/v1alpha1",
            "kind": "ConfigMapSyncer",
            "metadata": {"name": prefix},
            "spec": {
                "sourceNamespace": source,
                "sourceConfigMap": "bytes",
                "targetNamespaces": [target],
            },
        }
    )

    found = stack.client.wait_for(
        "ConfigMapSyncer", prefix, lambda s: bool(ready_of(s)), "a status"
    )

    assert ready_of(found)["reason"] == "ContentInvalid"
    assert "has U+FFFD in the value of key" in ready_of(found)["message"]
    assert stack.client.find("ConfigMap", "bytes", target) is None
    stack.client.merge_patch("ConfigMap", "bytes", {"data": {"key": "text"}}, source)
    stack.client.wait_for(
        "ConfigMapSyncer", prefix, lambda s: ready_of(s).get("status") == "True", "the copy"
    )
    assert stack.client.get("ConfigMap", "bytes", target)["data"] == {"key": "text"}


def _in_protobuf(name: str, namespace: str, key: str, value: bytes) -> bytes:
    """A ConfigMap as Kubernetes' clients in Go send it."""
    metadata = _field(1, name.encode()) + _field(3, namespace.encode())
    entry = _field(1, key.encode()) + _field(2, value)
    kind = _field(1, b"v1") + _field(2, b"ConfigMap")
    config_map = _field(1, metadata) + _field(2, entry)
    return b"k8s\x00" + _field(1, kind) + _field(2, config_map)


def _field(number: int, content: bytes) -> bytes:
    """A field of protobuf that is shorter than 128 bytes."""
    return bytes([number << 3 | 2, len(content)]) + content

"""What only a real cluster can show of Secrets: who enables them, and that nothing gets out."""

import base64
import contextlib
import hashlib
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import yaml

from tests.controlplane import (
    DYNAMIC_APPLY,
    SERVER_SIDE_APPLY,
    Object,
    Process,
    Stack,
    wait_for,
)
from tests.controlplane.tools import ROOT

ANNOTATION = "metacontroller.k8s.io/last-applied-configuration"
ALLOWED = {"config.example.com/allow-sync-to": "*"}
MARKER = "hush-marker-4711"
EDITED = "hush-edited-4712"
KINDS = ("ConfigMapSyncer", "ConfigMap", "Event")


def make(stack: Stack, prefix: str, targets: Sequence[str], **spec: Any) -> None:
    """A Secret with the marker in it, its syncer, and the namespaces of both."""
    for namespace in (f"{prefix}-source", *targets):
        stack.client.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        )
    stack.client.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "login", "namespace": f"{prefix}-source", "annotations": ALLOWED},
            "data": {"password": encoded(MARKER)},
        }
    )
    desired = {
        "sourceNamespace": f"{prefix}-source",
        "sourceSecret": "login",
        "targetNamespaces": targets,
    }
    stack.client.create(
        {
            "apiVersion": "config.example.com/v1alpha1",
            "kind": "ConfigMapSyncer",
            "metadata": {"name": prefix},
            "spec": desired | spec,
        }
    )


def wait_for_reason(stack: Stack, syncer: str, reason: str) -> str:
    """The message of the condition Ready once it has the reason."""

    def ready(found: Object) -> dict[str, Any]:
        conditions = found.get("status", {}).get("conditions", [])
        return next((c for c in conditions if c["type"] == "Ready"), {})

    found = stack.client.wait_for(
        "ConfigMapSyncer", syncer, lambda s: ready(s).get("reason") == reason, reason, seconds=60
    )
    return str(ready(found)["message"])


def encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def test_secrets_are_copied_once_the_component_is_installed_and_not_before() -> None:
    with Stack(SERVER_SIDE_APPLY) as stack:
        make(stack, "enabled", ["enabled-dev"])

        message = wait_for_reason(stack, "enabled", "SecretsNotEnabled")

        assert "components: [components/secrets, components/tls]" in message
        assert stack.client.find("Secret", "login", "enabled-dev") is None
        assert all(call["related"] <= 2 for call in stack.hook.calls("sync", "enabled"))

        stack.install(["secrets"])
        wait_for_reason(stack, "enabled", "AllCopiesCurrent")

        assert stack.client.get("Secret", "login", "enabled-dev")["data"] == {
            "password": encoded(MARKER)
        }


def test_no_secret_crosses_the_network_in_the_clear() -> None:
    def elsewhere(registration: list[Object]) -> list[Object]:
        # A loopback address, too, but not one that the hook can be sure of.
        text = yaml.safe_dump(registration).replace("http://127.0.0.1", "http://127.0.0.2")
        moved: list[Object] = yaml.safe_load(text)
        return moved

    with Stack(
        SERVER_SIDE_APPLY,
        hook_settings={"HOST": "0.0.0.0"},  # noqa: S104 - any loopback address reaches it
        components=["secrets"],
        installation=elsewhere,
    ) as stack:
        make(stack, "clear", ["clear-dev"])

        message = wait_for_reason(stack, "clear", "SecretsNotEnabled")

        assert "Secrets would cross the network unencrypted" in message
        assert stack.client.find("Secret", "login", "clear-dev") is None
        assert all(call["related"] <= 2 for call in stack.hook.calls("sync", "clear"))


def test_what_dynamic_apply_puts_into_an_annotation_stops_further_copies_whatever_is_set() -> None:
    settings = {"APPLY_STRATEGY": SERVER_SIDE_APPLY}
    with Stack(DYNAMIC_APPLY, hook_settings=settings, components=["secrets"]) as stack:
        make(stack, "leak", ["leak-dev"])

        message = wait_for_reason(stack, "leak", "SecretsNotEnabled")

        assert f"1 of 1 copies have the annotation {ANNOTATION}, which holds the data a" in message
        stack.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "next"}})
        more = {"spec": {"targetNamespaces": ["leak-dev", "next"]}}
        stack.client.merge_patch("ConfigMapSyncer", "leak", more)
        stack.wait_until_syncing()
        assert stack.client.find("Secret", "login", "next") is None

        # As the message says: the other strategy takes the annotation off, and all is well.
        stack.metacontroller.kill()
        stack.metacontroller = stack.another_metacontroller(SERVER_SIDE_APPLY)
        stack.metacontroller.start()
        wait_for_reason(stack, "leak", "AllCopiesCurrent")
        for namespace in ("leak-dev", "next"):
            copy = stack.client.get("Secret", "login", namespace)
            assert ANNOTATION not in copy["metadata"]["annotations"]


@pytest.mark.parametrize("stack", [SERVER_SIDE_APPLY], indirect=True)
def test_thousands_of_keys_under_metacontrollers_name_delay_no_other_copy(stack: Stack) -> None:
    make(stack, "crowd", ["crowd-hostile", "crowd-quiet"])
    wait_for_reason(stack, "crowd", "AllCopiesCurrent")
    copy = stack.client.get("Secret", "login", "crowd-hostile")
    for field in ("managedFields", "resourceVersion", "uid", "creationTimestamp"):
        del copy["metadata"][field]
    copy["data"] |= {f"key-{number}": encoded("x") for number in range(12_000)}

    stack.client.apply(copy, field_manager="metacontroller")
    changed = {"password": encoded(EDITED)}
    stack.client.merge_patch("Secret", "login", {"data": changed}, "crowd-source")

    for namespace in ("crowd-quiet", "crowd-hostile"):
        stack.client.wait_for(
            "Secret", "login", lambda found: found.get("data") == changed, "changed", namespace
        )
    wait_for_reason(stack, "crowd", "AllCopiesCurrent")


@pytest.mark.parametrize("stack", [SERVER_SIDE_APPLY], indirect=True)
def test_a_tenant_who_marks_their_copy_again_and_again_stops_no_other_copy(stack: Stack) -> None:
    targets = [f"marking-{name}" for name in ("dev", "prod", "tenant")]
    make(stack, "marking", targets)
    wait_for_reason(stack, "marking", "AllCopiesCurrent")
    *others, tenant = targets
    with _marking(stack, tenant) as is_marked:
        for number in range(5):
            wait_for(is_marked, "the copy to be marked")
            rotated = {"password": encoded(f"{EDITED}-{number}")}
            stack.client.merge_patch("Secret", "login", {"data": rotated}, "marking-source")
            for namespace in others:
                wait_for(
                    partial(_holds, stack, namespace, rotated),
                    f"the copy in {namespace} to be rotated",
                )

    # As soon as the tenant stops, the last copy follows.
    wait_for(partial(_holds, stack, tenant, rotated), "the tenant's copy to be rotated")
    wait_for_reason(stack, "marking", "AllCopiesCurrent")
    found = stack.client.get("Secret", "login", tenant)
    assert ANNOTATION not in found["metadata"]["annotations"]


def _holds(stack: Stack, namespace: str, data: dict[str, str]) -> bool:
    return bool(stack.client.get("Secret", "login", namespace)["data"] == data)


@contextlib.contextmanager
def _marking(stack: Stack, namespace: str) -> Iterator[Callable[[], bool]]:
    """Somebody who marks the copy in a namespace under Metacontroller's name until the test ends.

    Gives what tells whether they have marked it once more since it was last asked.
    """
    _, client = stack.control_plane.add_identity("tenant-of-marking", "system:masters")
    stopped, marked = threading.Event(), threading.Event()
    path = f"/api/v1/namespaces/{namespace}/secrets/login"
    mark = {"metadata": {"annotations": {ANNOTATION: '{"data": {}}'}}}

    def write() -> None:
        while not stopped.is_set():
            client.request(
                "PATCH",
                path,
                mark,
                content_type="application/merge-patch+json",
                parameters={"fieldManager": "metacontroller"},
            )
            marked.set()

    def is_marked() -> bool:
        is_so = marked.is_set()
        marked.clear()
        return is_so

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            yield is_marked
        finally:
            stopped.set()
            writing.result()


@pytest.mark.parametrize("stack", [SERVER_SIDE_APPLY], indirect=True)
def test_nothing_of_a_secret_s_values_gets_out_of_secrets(stack: Stack) -> None:
    prefix = "marker"
    targets = [f"{prefix}-{name}" for name in ("dev", "prod", "taken", "missing")]
    taken = {"name": "login", "namespace": targets[2]}
    stack.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": targets[2]}})
    stack.client.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": taken,
            "data": {"password": encoded(EDITED)},
        }
    )
    make(stack, prefix, targets[:3], immutable=False)
    stack.client.merge_patch("ConfigMapSyncer", prefix, {"spec": {"targetNamespaces": targets}})
    wait_for_reason(stack, prefix, "TargetsBlocked")
    # A drifted copy, a key by hand, a replaced one, a lost source, a refused write, a deletion.
    patch = {"data": {"password": encoded(EDITED), "mine": encoded(EDITED)}}
    stack.client.merge_patch("Secret", "login", patch, targets[0])
    wait_for(
        lambda: (
            stack.client.get("Secret", "login", targets[0])["data"] == {"password": encoded(MARKER)}
        ),
        "the edit to be undone",
    )
    stack.client.merge_patch("ConfigMapSyncer", prefix, {"spec": {"immutable": True}})
    changed = {"data": {"password": encoded(EDITED), "more": encoded(MARKER)}}
    stack.client.merge_patch("Secret", "login", changed, f"{prefix}-source")
    wait_for(
        lambda: (
            (stack.client.find("Secret", "login", targets[0]) or {}).get("data") == changed["data"]
        ),
        "the copy to be replaced",
    )
    previews: list[str] = []
    for rule in (
        {"format": "JSON"},
        {"format": "PEM"},
        {"format": "YAML", "schema": {"type": "object"}},
        {"schema": {"properties": {"password": {"enum": ["another"]}, "more": {"pattern": "^a"}}}},
    ):
        stack.client.merge_patch("ConfigMapSyncer", prefix, {"spec": {"validation": [rule]}})
        wait_for_reason(stack, prefix, "ContentInvalid")
        previews += _previews(stack)
    stack.client.merge_patch("ConfigMapSyncer", prefix, {"spec": {"validation": None}})
    stack.client.merge_patch("ConfigMapSyncer", prefix, {"spec": {"keys": ["nothing"]}})
    wait_for_reason(stack, prefix, "KeyNotFound")
    previews += _previews(stack)
    stack.client.delete("ConfigMapSyncer", prefix)
    stack.client.wait_until_gone("ConfigMapSyncer", prefix)

    calls = stack.hook.calls("sync", prefix)
    assert [call for call in calls if {"requestBytes", "responseBytes"} & call.keys()] == []
    written = {
        "the hook's log": _log(stack.hook),
        "Metacontroller's log": _log(stack.metacontroller),
        "the metrics": _metrics(stack),
        "the previews": "\n".join(previews),
        **{
            kind: str(stack.client.list(kind)) for kind in ("ConfigMapSyncer", "ConfigMap", "Event")
        },
    }
    assert all(written.values())
    for where, text in written.items():
        for value in (MARKER, EDITED):
            for shape in _shapes(value):
                assert shape not in text, f"{value} as {shape} in {where}"


def _previews(stack: Stack) -> Iterator[str]:
    """All that a preview of this cluster can print."""
    kinds = "configmapsyncers,configmaps,secrets,namespaces"
    shown = ("-A", "-o", "yaml", "--show-managed-fields")
    dump = stack.control_plane.kubectl("get", kinds, *shown).stdout
    assert encoded(MARKER) in dump
    for output in ("table", "diff", "yaml", "json"):
        done = subprocess.run(
            [sys.executable, "-m", "hooks", "preview", "-", "--secrets", "--output", output],
            cwd=ROOT,
            input=dump,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
        yield done.stdout + done.stderr


def _log(process: Process) -> str:
    return process.output.read_text("utf-8") + process.log.read_text("utf-8")


def _metrics(stack: Stack) -> str:
    with urllib.request.urlopen(f"{stack.hook.url}/metrics", timeout=10) as page:
        return str(page.read().decode())


def _shapes(value: str) -> Iterator[str]:
    """The value, and what could be derived from it."""
    for text in (value, encoded(value), base64.b64encode(encoded(value).encode()).decode()):
        yield text
        for digest in (hashlib.sha256, hashlib.sha1, hashlib.md5):
            yield digest(text.encode()).hexdigest()

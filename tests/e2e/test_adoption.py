"""Handing over under dynamic apply, as the component installs it.

Metacontroller is one of our own: it looks for its label, and has the rights of the page.
"""

from collections.abc import Iterator

import pytest

from tests.controlplane import DYNAMIC_APPLY, Object, Stack, audit, wait_for
from tests.controlplane.stack import COMPLETE, shipped_arguments


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(
        DYNAMIC_APPLY,
        metacontroller_arguments=[*shipped_arguments(), f"--apply-strategy={DYNAMIC_APPLY}"],
        audited=True,
        registration=COMPLETE,
        components=["adoption"],
    ) as running:
        for name in ("source", "target", "elsewhere"):
            running.client.create(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            )
        yield running


def test_what_is_handed_over_is_adopted_with_no_further_right(stack: Stack) -> None:
    make(stack, "given")
    make_config_map(stack, "given", "target", {"level": "debug", "colour": "red"})
    label(stack, "given", "target", "given")

    wait_for_copy(stack, "given")

    assert audit.refused(stack.audited()) == []


def test_what_is_handed_over_while_the_hook_is_away_is_adopted_when_it_is_back(
    stack: Stack,
) -> None:
    make(stack, "late")
    make_config_map(stack, "late", "target", {"level": "debug"})
    stack.hook.kill()
    label(stack, "late", "target", "late")
    stack.hook.start()

    wait_for_copy(stack, "late")

    # A failed call would be an event in the object's namespace.
    refused = audit.refused(stack.audited())
    assert [each for each in refused if "/namespaces/target/events" not in each] == []


def test_one_call_after_the_other_finds_what_no_syncer_wants_untouched(stack: Stack) -> None:
    make(stack, "wanted")
    make_config_map(stack, "wanted", "elsewhere", {"level": "debug"})
    label(stack, "wanted", "elsewhere", "wanted")
    before = stack.client.get("ConfigMap", "wanted", "elsewhere")

    # Each of these asks about every object that waits, and is answered before it is gone.
    for _ in range(2):
        wait_for_another_call(stack, "elsewhere/wanted")

    assert {call["adopter"] for call in calls(stack, "elsewhere/wanted")} == {""}
    assert stack.client.get("ConfigMap", "wanted", "elsewhere") == before


def wait_for_another_call(stack: Stack, key: str) -> None:
    """Create and delete a syncer, which makes Metacontroller call about every waiting object."""
    before = len(calls(stack, key))
    stack.wait_until_syncing()
    wait_for(lambda: len(calls(stack, key)) > before, f"a call about {key}")


def calls(stack: Stack, key: str) -> list[Object]:
    """What the hook's log says of the calls about one object."""
    return [call for call in stack.hook.calls("adopt") if call.get("object") == key]


def make(stack: Stack, name: str) -> None:
    """A source and a syncer of its name, with one target."""
    make_config_map(stack, name, "source", {"level": "info"})
    stack.client.create(
        {
            "apiVersion": "config.example.com/v1alpha1",
            "kind": "ConfigMapSyncer",
            "metadata": {"name": name},
            "spec": {
                "sourceNamespace": "source",
                "sourceConfigMap": name,
                "targetNamespaces": ["target"],
            },
        }
    )


def make_config_map(stack: Stack, name: str, namespace: str, data: dict[str, str]) -> None:
    metadata = {"name": name, "namespace": namespace}
    stack.client.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
    )


def label(stack: Stack, name: str, namespace: str, syncer: str) -> None:
    stack.client.merge_patch(
        "ConfigMap", name, {"metadata": {"labels": {"synced-by": syncer}}}, namespace
    )


def wait_for_copy(stack: Stack, name: str) -> None:
    def is_copy(found: Object) -> bool:
        owners = found["metadata"].get("ownerReferences", [])
        return [owner["name"] for owner in owners] == [name] and found["data"] == {"level": "info"}

    stack.client.wait_for("ConfigMap", name, is_copy, "the copy", namespace="target", seconds=60)

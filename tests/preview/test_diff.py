"""A diff shows every key that changes, no value of a Secret, and nothing that moves a cursor."""

from hooks.preview.output import diff
from hooks.preview.simulation import State
from hooks.preview.simulator.objects import Object
from tests.preview.world import config_map, state, syncer


def lines(before: State, after: State, *, coloured: bool = False) -> list[str]:
    return list(diff.lines(before, after, coloured=coloured))


def secret(**fields: object) -> Object:
    metadata = {"name": "token", "namespace": "dev"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", **fields}


def test_a_changed_config_map_is_shown_key_by_key() -> None:
    text = "".join(f"line {number}\n" for number in range(20))
    changed = text.replace("line 3\n", "").replace("line 15", "line fifteen")
    before = config_map("settings", "dev", {"labels": {"a": "1"}}, data={"a": "1", "t": text})
    after = config_map(
        "settings", "dev", data={"a": "2", "t": changed}, binaryData={"b": "AA=="}, immutable=True
    )
    assert lines(state(before), state(after)) == [
        "~ ConfigMap dev/settings",
        "  + binaryData.b: AA==",
        "  - data.a: 1",
        "  + data.a: 2",
        "    data.t:",
        "      line 1",
        "      line 2",
        "  -   line 3",
        "      line 4",
        "      line 5",
        "      …",
        "      line 13",
        "      line 14",
        "  -   line 15",
        "  +   line fifteen",
        "      line 16",
        "      line 17",
        "  + immutable: True",
        "  - metadata.labels.a: 1",
    ]


def test_a_line_break_at_the_end_is_a_change_too() -> None:
    before = config_map("settings", "dev", data={"a": "1\n"})
    after = config_map("settings", "dev", data={"a": "1"})
    assert lines(state(before), state(after)) == [
        "~ ConfigMap dev/settings",
        "    data.a:",
        "      (only the line break at the end)",
    ]


def test_new_and_deleted_objects_have_a_sign_of_their_own() -> None:
    before = config_map("a", "dev", data={"k": "1"})
    after = config_map("b", "dev", data={"k": "1"})
    assert lines(state(before), state(after)) == [
        "- ConfigMap dev/a",
        "  - data.k: 1",
        "+ ConfigMap dev/b",
        "  + data.k: 1",
    ]


def test_of_a_secret_only_the_keys_are_shown() -> None:
    before = secret(data={"a": "TUFSS0VS", "b": "TUFSS0VS"})
    after = secret(data={"a": "TUFSS0VSMg==", "c": "TUFSS0VS"})
    assert lines(state(before), state(after)) == [
        "~ Secret dev/token",
        "  - data.a: (hidden)",
        "  + data.a: (hidden)",
        "  - data.b: (hidden)",
        "  + data.c: (hidden)",
    ]


def test_of_the_annotations_of_a_secret_only_our_own_are_shown() -> None:
    annotations = {"tool.example.com/applied": "TUFSS0VS", "config.example.com/source": "a/b"}
    after = secret(data={})
    after["metadata"]["annotations"] = annotations
    assert lines(state(secret(data={})), state(after)) == [
        "~ Secret dev/token",
        "  + metadata.annotations.config.example.com/source: a/b",
        "  + metadata.annotations.tool.example.com/applied: (hidden)",
    ]


def test_texts_too_large_to_be_compared_are_shown_as_they_were_and_as_they_are() -> None:
    numbers = [str(number) for number in range(3_000)]
    before = config_map("a", "dev", data={"k": "\n".join(numbers)})
    after = config_map("a", "dev", data={"k": "\n".join(reversed(numbers))})
    assert lines(state(before), state(after)) == [
        "~ ConfigMap dev/a",
        "    data.k:",
        *(f"  -   {number}" for number in numbers),
        *(f"  +   {number}" for number in reversed(numbers)),
    ]


def test_the_characters_of_a_value_cannot_control_the_terminal() -> None:
    after = config_map("a", "dev", data={"k": "\x1b[2J\r", "t": "\x1b[2J\nü\t"})
    assert lines(state(), state(after)) == [
        "+ ConfigMap dev/a",
        "  + data.k: \\x1b[2J\\r",
        "    data.t:",
        "  +   \\x1b[2J",
        "  +   ü",
    ]


def test_a_syncer_shows_its_spec_and_whether_it_is_ready() -> None:
    def ready(status: str, reason: str) -> Object:
        return {"conditions": [{"type": "Ready", "status": status, "reason": reason}]}

    before = syncer(targetNamespaces=["dev"], sourceConfigMap="a") | {
        "status": ready("True", "AllCopiesCurrent")
    }
    after = syncer(targetNamespaces=["dev", "qa"], sourceConfigMap="a") | {
        "status": ready("False", "TargetsBlocked")
    }
    assert lines(state(before), state(after)) == [
        "~ ConfigMapSyncer sample",
        '  - spec.targetNamespaces: ["dev"]',
        '  + spec.targetNamespaces: ["dev", "qa"]',
        "  - status.Ready: True (AllCopiesCurrent)",
        "  + status.Ready: False (TargetsBlocked)",
    ]


def test_owners_finalizers_and_deletion_are_shown_but_no_bookkeeping() -> None:
    before = config_map("a", "dev", {"resourceVersion": "1"})
    bookkeeping = config_map("a", "dev", {"resourceVersion": "2", "managedFields": []})
    owner = {"kind": "ConfigMapSyncer", "name": "sample", "controller": True}
    after = config_map(
        "a",
        "dev",
        {"ownerReferences": [owner], "finalizers": ["a/b"], "deletionTimestamp": "now"},
    )
    assert lines(state(before), state(bookkeeping)) == []
    assert lines(state(before), state(after)) == [
        "~ ConfigMap dev/a",
        "  + metadata.deletionTimestamp: is being deleted",
        "  + metadata.finalizers: a/b",
        "  + metadata.ownerReferences: ConfigMapSyncer sample",
    ]


def test_colours_go_with_the_signs() -> None:
    before = config_map("a", "dev", data={"k": "1", "t": "1\n2\n"})
    after = config_map("a", "dev", data={"k": "2", "t": "1\n"})
    assert lines(state(before), state(after), coloured=True) == [
        "\x1b[1m~ ConfigMap dev/a\x1b[0m",
        "\x1b[31m  - data.k: 1\x1b[0m",
        "\x1b[32m  + data.k: 2\x1b[0m",
        "    data.t:",
        "      1",
        "\x1b[31m  -   2\x1b[0m",
    ]

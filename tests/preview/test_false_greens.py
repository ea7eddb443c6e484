"""Nothing that goes wrong ends the preview with 0: whatever is written, and however."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hooks.preview.simulator.objects import Object
from tests.preview.bad_metadata import ACCEPTED_METADATA, REFUSED_METADATA, REFUSED_WITHOUT_GROUP
from tests.preview.in_process import GOOD, OBJECTS, SYNCER, Run
from tests.preview.slips import slipped

KIND, VERSION = "ConfigMapSyncer", "config.example.com/v1alpha1"


def documents(*texts: str) -> str:
    return "---\n".join(texts)


# Files and folders.


def test_what_is_right_ends_with_0(run: Run) -> None:
    ended = run("-", given=documents(GOOD, SYNCER, OBJECTS))
    assert (ended.status, ended.complained) == (0, "")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\ufeff" + SYNCER, id="a byte order mark"),
        pytest.param(SYNCER.replace("\n", "\r\n"), id="line ends of Windows"),
        pytest.param(SYNCER.replace("\n", "\r"), id="line ends of old Macs"),
        pytest.param(f"--- # a syncer\n{SYNCER}...\n", id="markers with comments and ends"),
        pytest.param(json.dumps(yaml.safe_load(SYNCER)), id="JSON"),
        pytest.param(f"%YAML 1.1\n---\n{SYNCER}", id="a directive"),
        pytest.param(f"{{{{- if .Values.syncer }}}}\n{SYNCER}{{{{- end }}}}\n", id="Helm"),
        pytest.param(SYNCER.replace("team", "{{ .Release.Name }}"), id="a Helm value"),
        pytest.param(SYNCER.replace("team", '"{{ .Release.Name }}"'), id="a quoted Helm value"),
        pytest.param(
            SYNCER.replace("settings", "'{{ .Values.x }}'"), id="a Helm value in the spec"
        ),
        pytest.param(f"{SYNCER}...\n{SYNCER}", id="a second document without a marker"),
        pytest.param(f"{SYNCER}kind: Namespace\n", id="a kind twice"),
        pytest.param(SYNCER.replace("kind:", "Kind:"), id="the name of a field"),
        pytest.param(SYNCER.replace("kind", "&k kind"), id="an anchor on a key"),
        pytest.param(SYNCER.replace(KIND, f"!!binary {KIND}"), id="a tag"),
        pytest.param(f"- {SYNCER}".replace("\n", "\n  "), id="in a plain list"),
        pytest.param(f"a: |\n  {SYNCER}".replace("\n", "\n  "), id="as a text"),
    ],
)
@pytest.mark.parametrize("ending", [".yaml", ".yml", ".json"])
def test_a_syncer_is_read_or_refused_however_it_is_written(
    run: Run, tmp_path: Path, text: str, ending: str
) -> None:
    (tmp_path / "good.yaml").write_text(documents(GOOD, OBJECTS))
    (tmp_path / f"team{ending}").write_text(text, newline="")
    ended = run(tmp_path)
    assert ended.status == 2 or "\nteam " in ended.printed


def test_links_are_followed_once_and_one_that_leads_nowhere_is_an_error(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "team.yaml").write_text(SYNCER)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "good.yaml").write_text(documents(GOOD, OBJECTS))
    (folder / "linked").symlink_to(tmp_path / "real")
    (folder / "again.yaml").symlink_to(tmp_path / "real" / "team.yaml")
    (tmp_path / "real" / "round").symlink_to(folder)
    ended = run(folder)
    assert (ended.status, ended.complained) == (0, "")
    assert "\nteam " in ended.printed
    (folder / "lost.yaml").symlink_to(tmp_path / "absent.yaml")
    ended = run(folder)
    assert ended.status == 2
    assert ended.complained == f"{folder}/lost.yaml: No such file or directory\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "holds no .yaml, .yml or .json file"), ("# later\n---\n", "holds no object")],
)
def test_a_path_without_an_object_is_an_error_unless_it_may_be_empty(
    run: Run, tmp_path: Path, content: str | None, said: str
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    if content is not None:
        (empty / "a.yaml").write_text(content)
    good = tmp_path / "good.yaml"
    good.write_text(documents(GOOD, OBJECTS))
    for arguments in ([good, empty], [good, "--change", empty]):
        ended = run(*arguments)
        assert (ended.status, ended.complained) == (2, f"{empty}: {said}\n")
        assert run(*arguments, "--allow-empty").status == 0
    ended = run(empty, "--allow-empty")
    assert (ended.status, ended.printed, ended.complained) == (0, "No copies.\n", "")


def test_objects_without_a_syncer_are_an_error_unless_there_need_be_none(run: Run) -> None:
    assert run("-", given=OBJECTS).status == 2
    assert run("-", "--allow-empty", given=OBJECTS).status == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("\ndata:", "\ndat:", 'unknown field "dat"'),
        ("\ndata:", "\nData:", 'unknown field "Data"'),
        ("namespace: shared}", "namespace: shared, labes: {}}", 'unknown field "metadata.labes"'),
        ("labels:", "label:", 'unknown field "metadata.label"'),
    ],
)
def test_a_field_that_kubernetes_does_not_know_is_an_error(
    run: Run, old: str, new: str, said: str
) -> None:
    assert old in OBJECTS
    ended = run("-", given=documents(SYNCER, OBJECTS.replace(old, new, 1)))
    assert ended.status == 2
    assert said in ended.complained


# Anything that may be mistyped.

BREAKING: dict[str, object] = {
    "sourceNamespace": ["absent", "Shared", "", None, 5, ["shared"], "dev", "*"],
    "sourceConfigMap": ["absent", "Settings", "", None, {}, "a/b"],
    "sourceSecret": ["settings"],
    "targetNamespaces": [["absent"], [], ["dev", "dev"], "dev", ["shared"], ["Dev"], [5], None],
    "excludeNamespaces": [["dev"], ["dev", "dev"], "dev", [None]],
    "namespaceSelector": [{"matchLabels": 5}, "team", [], {"matchExpressions": [{"key": "a"}]}],
    "keys": [["absent"], "level", [5], [""]],
    "renameKeys": [{"absent": "a"}, {"level": "a/b"}, [], {"level": ""}],
    "targetName": ["kube-root-ca.crt", "Copy", "", "a b"],
    "targetLabels": [{"synced-by": "me"}, {"a b": "c"}, {"a": "b c"}, ["a"]],
    "targetAnnotations": [{"config.example.com/source": "a"}, {"a b": "c"}, {"a": 5}],
    "immutable": ["yes", 1],
    "conflictPolicy": ["fail", "Ask", ""],
    "deletionPolicy": ["retain", 0],
    "sourceDeletionPolicy": ["Orphan"],
    "pruneLimit": ["half", -1, "101%", 1.5],
    "suspend": [True, "no"],
    "progressDeadlineSeconds": [0, -1, "60", 10**30],
    "targetNamespace": ["dev"],
    "Suspend": [False],
}
"""Values that the API server refuses, or with which the syncer cannot become Ready."""


def broken_specs() -> Iterator[Object]:
    for field, values in BREAKING.items():
        assert isinstance(values, list)
        for value in values:
            item = yaml.safe_load(SYNCER)
            item["spec"][field] = value
            yield item


def broken_metadata() -> Iterator[Object]:
    for metadata in REFUSED_METADATA.values():
        item = yaml.safe_load(SYNCER)
        item["metadata"] |= metadata
        yield item


BROKEN = [*broken_specs(), *broken_metadata()]


@pytest.mark.parametrize(
    "item", BROKEN, ids=lambda item: json.dumps([item["metadata"], item["spec"]])[-40:]
)
def test_no_wrong_field_ends_with_0(run: Run, item: Object) -> None:
    good = list(yaml.safe_load_all(documents(GOOD, OBJECTS)))
    assert run("-", given=yaml.safe_dump_all([item, *good])).status in (1, 2)


@pytest.mark.parametrize(
    "metadata",
    [*REFUSED_METADATA.values(), *REFUSED_WITHOUT_GROUP.values()],
    ids=[*REFUSED_METADATA, *REFUSED_WITHOUT_GROUP],
)
@pytest.mark.parametrize("at", range(3))
def test_no_wrong_metadata_of_another_kind_ends_with_0(run: Run, metadata: Object, at: int) -> None:
    items = list(yaml.safe_load_all(documents(OBJECTS, SYNCER)))
    items[at]["metadata"] |= metadata
    ended = run("-", given=yaml.safe_dump_all(items))
    assert ended.status == 2
    assert f"{items[at]['kind']} {items[at]['metadata']['name']}: " in ended.complained


@pytest.mark.parametrize("metadata", ACCEPTED_METADATA.values(), ids=ACCEPTED_METADATA)
@pytest.mark.parametrize("at", range(4))
def test_correct_metadata_is_not_a_mistake(run: Run, metadata: Object, at: int) -> None:
    items = list(yaml.safe_load_all(documents(OBJECTS, SYNCER)))
    items[at]["metadata"] |= metadata
    assert run("-", given=yaml.safe_dump_all(items)).complained == ""


@pytest.mark.parametrize("metadata", REFUSED_WITHOUT_GROUP.values(), ids=REFUSED_WITHOUT_GROUP)
def test_a_syncer_can_have_fields_that_builtin_kinds_cannot(run: Run, metadata: Object) -> None:
    syncer, *others = list(yaml.safe_load_all(documents(SYNCER, OBJECTS)))
    syncer["metadata"] |= metadata
    assert run("-", given=yaml.safe_dump_all([syncer, *others])).complained == ""


SLIPS = "abCM-_ s.\u0421"


@st.composite
def near(draw: st.DrawFn, word: str) -> str:
    """A word that is one or two slips away from another, or is written in another way."""
    changed = draw(st.sampled_from([word, word.lower(), word.upper(), f"{word}s", f"{word} "]))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(changed) - 1))
        letter = draw(st.sampled_from(SLIPS))
        swapped = f"{changed[:at]}{changed[at + 1 : at + 2]}{changed[at]}{changed[at + 2 :]}"
        changed = draw(
            st.sampled_from(
                [
                    f"{changed[:at]}{changed[at + 1 :]}",
                    f"{changed[:at]}{letter}{changed[at:]}",
                    f"{changed[:at]}{letter}{changed[at + 1 :]}",
                    swapped,
                ]
            )
        )
    return changed


@st.composite
def wrong(draw: st.DrawFn) -> Object:
    """A syncer that the API server would refuse, or that would not become Ready."""
    item: Object = draw(st.sampled_from([*BROKEN, yaml.safe_load(SYNCER)]))
    kind, version = draw(near(KIND)), draw(near("config.example.com")) + "/v1alpha1"
    match draw(st.integers(0, 5)):
        case 0:
            item = {**item, "kind": kind}
        case 1:
            item = {**item, "apiVersion": version}
        case 2:
            item = {**item, "kind": item["apiVersion"], "apiVersion": item["kind"]}
        case 3:
            item = {**item, "apiVersion": draw(st.sampled_from(["config.example.com/v1", "v1"]))}
        case 4:
            del (item := dict(item))[draw(st.sampled_from(["kind", "apiVersion", "metadata"]))]
        case _:
            item = draw(st.sampled_from(BROKEN))
    if (item.get("kind"), item.get("apiVersion")) == (KIND, VERSION) and item not in BROKEN:
        item = {key: value for key, value in item.items() if key != "spec"}
    return item


@st.composite
def written(draw: st.DrawFn, item: Object) -> bytes:
    """A manifest among good ones, in one of the ways in which people keep them."""
    good = list(yaml.safe_load_all(documents(GOOD, OBJECTS)))
    at = draw(st.integers(0, len(good)))
    items = [*good[:at], item, *good[at:]]
    a_list = {"apiVersion": "v1", "kind": "List", "items": items}
    nested = {"apiVersion": "v1", "kind": "List", "items": [a_list]}
    style = draw(st.sampled_from([None, True, False]))
    texts = [
        lambda: yaml.safe_dump_all(items, default_flow_style=style, allow_unicode=True),
        lambda: "\n---\n".join(json.dumps(one) for one in items),
        lambda: json.dumps(a_list),
        lambda: yaml.safe_dump(nested, default_flow_style=style),
        lambda: "--- # next\n".join(yaml.safe_dump(one) + "...\n" for one in items),
    ]
    text = draw(st.sampled_from(texts))()
    end = draw(st.sampled_from(["\n", "\r\n"]))
    return draw(st.sampled_from(["", "\ufeff"])).encode() + text.replace("\n", end).encode()


FUZZED = settings(
    max_examples=100,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@FUZZED
@given(st.data())
def test_no_wrong_syncer_ends_with_0(run: Run, data: st.DataObject) -> None:
    item = data.draw(wrong())
    assert run("-", given=data.draw(written(item))).status in (1, 2)


@FUZZED
@given(st.integers(0, 2**32))
def test_after_any_slip_all_syncers_are_there_and_ready_or_it_does_not_end_with_0(
    run: Run, number: int
) -> None:
    text = slipped(documents(GOOD, SYNCER, OBJECTS), random.Random(number))
    ended = run("-", "-o", "json", given=text)
    if ended.status == 0:
        syncers = [item for item in json.loads(ended.printed)["items"] if item["kind"] == KIND]
        ready = [
            condition["status"]
            for item in syncers
            for condition in item["status"]["conditions"]
            if condition["type"] == "Ready"
        ]
        assert ready == ["True", "True"], text

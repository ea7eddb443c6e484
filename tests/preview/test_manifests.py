"""Reading manifests: what is taken from files, folders and standard input, and at what cost."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from hooks.preview.input import documents, manifests
from hooks.preview.simulator.objects import Object
from tests.preview.world import config_map, namespace

SYNCER_KIND = "apiVersion: config.example.com/v1alpha1\nkind: ConfigMapSyncer\n"


class NoRules:
    """A schema that only asks for a source namespace."""

    def default(self, item: Object) -> Object:
        return item

    def violations(self, item: Object) -> Sequence[str]:
        spec = item.get("spec") or {}
        return [] if "sourceNamespace" in spec else ["spec.sourceNamespace: Required value"]

    def status_violations(self, status: object) -> Sequence[str]:
        return []


def read(*paths: str | Path, standard_input: str = "") -> manifests.Input:
    return manifests.read(map(str, paths), io.BytesIO(standard_input.encode()), NoRules())


def said(given: manifests.Input) -> list[str]:
    return [str(problem) for problem in given.problems]


def test_documents_lists_json_and_folders_are_read_and_other_kinds_are_counted(
    tmp_path: Path,
) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.yaml").write_text(
        "# a comment\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: dev}\n"
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n---\n"
    )
    (tmp_path / "b.json").write_text(
        '{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "ConfigMap", '
        '"metadata": {"name": "a", "namespace": "dev"}, "data": {"k": "v"}}]}'
    )
    (tmp_path / "notes.txt").write_text("not a manifest: [")
    empty = "kind: ConfigMapList\napiVersion: v1\nitems: []\n---\n"
    a_namespace = "kind: Namespace\napiVersion: v1\nmetadata: {name: prod}\n"
    given = read(tmp_path, "-", standard_input=empty + a_namespace)
    assert said(given) == []
    assert given.ignored == 1
    assert [manifest.item for manifest in given.manifests] == [
        config_map("a", "dev", data={"k": "v"}),
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "dev"}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "prod"}},
    ]


def test_a_config_map_without_a_namespace_is_meant_for_default() -> None:
    given = read("-", standard_input="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    assert given.manifests[0].item["metadata"] == {"name": "a", "namespace": "default"}


def test_a_time_stays_the_text_that_it_is() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {when: 2025-01-01}\n"
    given = read("-", standard_input=text)
    assert given.manifests[0].item["data"] == {"when": "2025-01-01"}


CONFIG_MAP_KIND = "kind: ConfigMap\napiVersion: v1\n"


def test_anchors_are_followed_where_they_are_few() -> None:
    text = CONFIG_MAP_KIND + "metadata: {name: a}\ndata: {a: &v x, b: *v}\n"
    given = read("-", standard_input=text)
    assert given.manifests[0].item["data"] == {"a": "x", "b": "x"}


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\xfa")
    (tmp_path / "empty").mkdir()
    given = read(tmp_path / "a.yaml", tmp_path / "empty", tmp_path / "absent.yaml")
    assert said(given) == [
        f"{tmp_path}/a.yaml:1: is not UTF-8 text",
        f"{tmp_path}/empty: holds no .yaml, .yml or .json file",
        f"{tmp_path}/absent.yaml: no such file",
    ]


def test_a_document_with_many_mistakes_is_looked_through_for_lines_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    composed: list[str] = []
    compose = yaml.compose

    def counted(text: str, **how: Any) -> Any:
        composed.append(text)
        return compose(text, **how)

    monkeypatch.setattr(yaml, "compose", counted)
    values = "".join(f"  key-{number}: {number}\n" for number in range(1_000))
    given = read("-", standard_input=CONFIG_MAP_KIND + "metadata: {name: a}\ndata:\n" + values)
    assert said(given)[999].startswith("standard input:1004: ConfigMap a: data[key-999]: ")
    assert len(composed) == 1


def test_a_text_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_MOST_BYTES", 1_000)
    given = read("/dev/zero", "-", standard_input="#" * 1_001)
    assert said(given) == [
        "/dev/zero: has more than 1,000 bytes",
        "standard input: has more than 1,000 bytes",
    ]


def test_no_value_of_a_config_map_is_in_a_problem() -> None:
    item = config_map("a", "dev", data={"k": ["hidden"]}, binaryData={"b": "hidden!"})
    given = read("-", standard_input=str(item))
    assert len(given.problems) == 2
    assert not any("hidden" in sentence for sentence in said(given))


def test_a_namespace_manifest_is_kept_as_it_is() -> None:
    item = namespace("dev", team="x")
    given = read("-", standard_input=str(item))
    assert [manifest.item for manifest in given.manifests] == [item]

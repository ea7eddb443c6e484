"""Reading manifests: every mistake is found, and named by its place."""

import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from hooks.preview import manifests
from hooks.preview.objects import Object
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
    return manifests.read(map(str, paths), io.StringIO(standard_input), NoRules())


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
    given = read(tmp_path, "-", standard_input="kind: ConfigMapList\napiVersion: v1\nitems: []\n")
    assert said(given) == []
    assert given.ignored == 1
    assert [manifest.item for manifest in given.manifests] == [
        config_map("a", "dev", data={"k": "v"}),
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "dev"}},
    ]


def test_a_config_map_without_a_namespace_is_meant_for_default() -> None:
    given = read("-", standard_input="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    assert given.manifests[0].item["metadata"] == {"name": "a", "namespace": "default"}


def test_a_time_stays_the_text_that_it_is() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {when: 2025-01-01}\n"
    given = read("-", standard_input=text)
    assert given.manifests[0].item["data"] == {"when": "2025-01-01"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "a: [1\n---\nkind: ConfigMap\napiVersion: v1\nmetadata: {name: A}\n",
            [
                (
                    "standard input, document 1, line 2, column 1: not YAML: "
                    "did not find expected ',' or ']'"
                ),
                (
                    "standard input, document 2 (line 3): ConfigMap A: metadata.name: "
                    "Invalid value: "
                    "\"A\": a lowercase RFC 1123 subdomain: at most 253 of a-z, 0-9, '-' and '.', "
                    "each part beginning and ending with a letter or digit"
                ),
            ],
        ),
        (
            "- a\n- b\n",
            [
                (
                    "standard input, document 1 (line 1): is not an object: a map with "
                    "apiVersion and "
                    "kind"
                )
            ],
        ),
        (
            "metadata: {name: a}\n",
            ["standard input, document 1 (line 1): apiVersion and kind: Required value"],
        ),
        (
            "kind: Namespace\napiVersion: v1\nmetadata:\n  name: a\n  name: b\n",
            [
                (
                    'standard input, document 1, line 5, column 3: not YAML: the key "name" stands '
                    "there twice"
                )
            ],
        ),
        (
            '{"kind": "Namespace",\n"metadata": ]}',
            ["standard input, document 1, line 2, column 13: not JSON: Expecting value"],
        ),
        (
            "kind: List\napiVersion: v1\nitems: 5\n",
            ["standard input, document 1 (line 1): items: must be a list"],
        ),
        (
            "kind: List\napiVersion: v1\nitems: [&a {kind: List, apiVersion: v1, items: [*a]}]\n",
            ["standard input, document 1 (line 1): a List contains itself"],
        ),
        (
            (
                "kind: Namespace\napiVersion: v1\n"
                "metadata: {name: a, creationTimestamp: today, managedFields: [b]}\n"
            ),
            [
                (
                    "standard input, document 1 (line 1): Namespace a: metadata.creationTimestamp: "
                    "must be a time such as 2025-01-31T12:00:00Z"
                ),
                (
                    "standard input, document 1 (line 1): Namespace a: metadata.managedFields[0]: "
                    "must be a map with fieldsV1"
                ),
            ],
        ),
        (
            "kind: ConfigMap\napiVersion: v1\nmetadata: 5\n",
            ["standard input, document 1 (line 1): ConfigMap: metadata: Required value"],
        ),
        (
            (
                "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n"
                "data: {port: 80, list: [a], 5: x}\n"
            ),
            [
                (
                    "standard input, document 1 (line 1): ConfigMap a: data[port]: must "
                    "be a string, "
                    "not a number: put it in quotes"
                ),
                (
                    "standard input, document 1 (line 1): ConfigMap a: data[list]: must "
                    "be a string, "
                    "not a list: put it in quotes"
                ),
                (
                    "standard input, document 1 (line 1): ConfigMap a: data: the key 5 must be a "
                    "string: put it in quotes"
                ),
            ],
        ),
        (
            SYNCER_KIND + "metadata: {name: a}\n---\n" + SYNCER_KIND + "metadata: {name: b}\n",
            [
                (
                    "standard input, document 1 (line 1): ConfigMapSyncer a: spec.sourceNamespace: "
                    "Required value"
                ),
                (
                    "standard input, document 2 (line 5): ConfigMapSyncer b: spec.sourceNamespace: "
                    "Required value"
                ),
            ],
        ),
        (
            (
                "kind: Namespace\napiVersion: v1\nmetadata: {name: a}\n---\n"
                "kind: Namespace\napiVersion: v1\nmetadata: {name: a}\n"
            ),
            [
                (
                    "standard input, document 2 (line 5): Namespace a: stands already in "
                    "standard input, document 1 (line 1)"
                )
            ],
        ),
        (
            "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a, labels: [b], finalizers: c}\n",
            [
                (
                    "standard input, document 1 (line 1): ConfigMap a: metadata.labels: "
                    "must be a map "
                    "of strings"
                ),
                (
                    "standard input, document 1 (line 1): ConfigMap a: "
                    "metadata.finalizers: must be a "
                    "list"
                ),
            ],
        ),
    ],
)
def test_a_mistake_is_named_by_its_place_and_hides_no_other(text: str, expected: list[str]) -> None:
    assert said(read("-", standard_input=text)) == expected


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\xfa")
    (tmp_path / "empty").mkdir()
    given = read(tmp_path / "a.yaml", tmp_path / "empty", tmp_path / "absent.yaml")
    assert said(given) == [
        f"{tmp_path}/a.yaml: is not UTF-8 text",
        f"{tmp_path}/empty: holds no .yaml, .yml or .json file",
        f"{tmp_path}/absent.yaml: no such file",
    ]


def test_no_value_of_a_config_map_stands_in_a_problem() -> None:
    item = config_map("a", "dev", data={"k": ["hidden"]}, binaryData={"b": "hidden!"})
    given = read("-", standard_input=str(item))
    assert len(given.problems) == 2
    assert not any("hidden" in sentence for sentence in said(given))


def test_a_namespace_manifest_is_kept_as_it_is() -> None:
    item = namespace("dev", team="x")
    given = read("-", standard_input=str(item))
    assert [manifest.item for manifest in given.manifests] == [item]

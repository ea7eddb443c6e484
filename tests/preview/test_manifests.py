"""Reading manifests: every mistake is found, and named by its place."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from hooks.preview import documents, manifests
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


NAMESPACE_KIND = "kind: Namespace\napiVersion: v1\n"
CONFIG_MAP_KIND = "kind: ConfigMap\napiVersion: v1\n"
LAUGHS = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "a: [1\n---\n" + CONFIG_MAP_KIND + "metadata:\n  name: A\n",
            [
                "2:1: not YAML: did not find expected ',' or ']'",
                (
                    '6: ConfigMap A: metadata.name: Invalid value: "A": a lowercase RFC 1123 '
                    "subdomain: at most 253 of a-z, 0-9, '-' and '.', each part beginning and "
                    "ending with a letter or digit"
                ),
            ],
            id="broken YAML before another document",
        ),
        pytest.param(
            "- a\n- b\n",
            ["1: is not an object: a map with apiVersion and kind"],
            id="a list that is no List",
        ),
        pytest.param(
            "metadata: {name: a}\n", ["1: apiVersion and kind: Required value"], id="no kind"
        ),
        pytest.param(
            NAMESPACE_KIND + "metadata:\n  name: a\n  name: b\n",
            ['5:3: not YAML: the key "name" stands there twice'],
            id="a key twice",
        ),
        pytest.param(
            '{"kind": "Namespace",\n"metadata": ]}',
            ["2:13: not JSON: Expecting value"],
            id="broken JSON",
        ),
        pytest.param(
            "a: 1\nb: \x00\n",
            ["2: not YAML: a character that must not stand in a text"],
            id="a NUL",
        ),
        pytest.param(
            "kind: List\napiVersion: v1\nitems: 5\n",
            ["3: items: must be a list"],
            id="a List without a list",
        ),
        pytest.param(
            "kind: List\napiVersion: v1\nitems:\n- 5\n- kind: ConfigMap\n  apiVersion: v1\n"
            "  metadata:\n    name: a\n  data:\n    port: 80\n",
            [
                "4: is not an object: a map with apiVersion and kind",
                "10: ConfigMap a: data[port]: must be a string, not a number: put it in quotes",
            ],
            id="two items of a List",
        ),
        pytest.param(
            "kind: List\napiVersion: v1\nitems: [&a {kind: List, apiVersion: v1, items: [*a]}]\n",
            ["1: an anchor contains itself"],
            id="a List in itself",
        ),
        pytest.param(
            SYNCER_KIND + LAUGHS + "metadata: {name: a}\nspec: {sourceNamespace: *a11}\n",
            ["1: its anchors stand for more than 1,000,000 values"],
            id="a billion laughs",
        ),
        pytest.param("[" * 100_000, ["1: nested too deeply"], id="deep nesting in JSON"),
        pytest.param(
            "a: " + "[" * 5_000 + "]" * 5_000,
            ["1:1003: nested too deeply"],
            id="deep nesting in YAML",
        ),
        pytest.param(
            NAMESPACE_KIND + f"metadata: {{name: a, generation: {2**64}}}\n",
            ["1: holds a number that does not fit into 64 bits"],
            id="a huge number",
        ),
        pytest.param(
            f'{{"kind": {"9" * 5_000}}}',
            ["1: cannot be read as YAML or JSON"],
            id="a number of five thousand digits",
        ),
        pytest.param(
            NAMESPACE_KIND
            + "metadata:\n  name: a\n  creationTimestamp: today\n  managedFields: [b]\n",
            [
                (
                    "5: Namespace a: metadata.creationTimestamp: must be a time such as "
                    "2025-01-31T12:00:00Z"
                ),
                "6: Namespace a: metadata.managedFields[0]: must be a map with fieldsV1",
            ],
            id="what the server fills in is damaged",
        ),
        pytest.param(
            CONFIG_MAP_KIND + "metadata: 5\n",
            ["3: ConfigMap: metadata: Required value"],
            id="metadata that is no map",
        ),
        pytest.param(
            CONFIG_MAP_KIND
            + "metadata: {name: a}\ndata:\n  a.port: 80\n  a: {b: c}\n  list: [a]\n  5: x\n",
            [
                "5: ConfigMap a: data[a.port]: must be a string, not a number: put it in quotes",
                "6: ConfigMap a: data[a]: must be a string, not a map: put it in quotes",
                "7: ConfigMap a: data[list]: must be a string, not a list: put it in quotes",
                "4: ConfigMap a: data: the key 5 must be a string: put it in quotes",
            ],
            id="values that are no strings",
        ),
        pytest.param(
            CONFIG_MAP_KIND + f"metadata: {{name: a}}\ndata:\n  large: {'x' * 2_000_000}\n",
            ["4: ConfigMap a: data: Too long: may not be more than 1048576 bytes, it has 2000000"],
            id="a ConfigMap of two megabytes",
        ),
        pytest.param(
            SYNCER_KIND + "metadata: {name: a}\n---\n" + SYNCER_KIND + "metadata: {name: b}\n",
            [
                "1: ConfigMapSyncer a: spec.sourceNamespace: Required value",
                "5: ConfigMapSyncer b: spec.sourceNamespace: Required value",
            ],
            id="a rule of the schema, in two documents",
        ),
        pytest.param(
            (NAMESPACE_KIND + "metadata: {name: a}\n---\n") * 2,
            ["5: Namespace a: stands already at standard input:1"],
            id="an object twice",
        ),
        pytest.param(
            CONFIG_MAP_KIND + "metadata: {name: a, labels: [b], finalizers: c}\n",
            [
                "3: ConfigMap a: metadata.labels: must be a map of strings",
                "3: ConfigMap a: metadata.finalizers: must be a list",
            ],
            id="metadata of wrong shapes",
        ),
        pytest.param(
            NAMESPACE_KIND + 'metadata: {name: "\\e[2J"}\n',
            [
                (
                    '3: Namespace \\x1b[2J: metadata.name: Invalid value: "\\x1b[2J": a lowercase '
                    "RFC 1123 label: at most 63 of a-z, 0-9 and '-', no '-' at either end"
                )
            ],
            id="a name that would clear the screen",
        ),
        pytest.param(
            "kind: Secret\napiVersion: v1\nmetadata: {name: a}\ndata:\n  token: MARKER!\n",
            ["5: Secret a: data[token]: Invalid value: not base64"],
            id="a Secret, whose value is not told",
        ),
    ],
)
def test_a_mistake_is_named_by_its_place_and_hides_no_other(text: str, expected: list[str]) -> None:
    assert said(read("-", standard_input=text)) == [
        f"standard input:{sentence}" for sentence in expected
    ]


def test_anchors_are_followed_where_they_are_few() -> None:
    text = CONFIG_MAP_KIND + "metadata: {name: a}\ndata: {a: &v x, b: *v}\n"
    given = read("-", standard_input=text)
    assert given.manifests[0].item["data"] == {"a": "x", "b": "x"}


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\xfa")
    (tmp_path / "empty").mkdir()
    given = read(tmp_path / "a.yaml", tmp_path / "empty", tmp_path / "absent.yaml")
    assert said(given) == [
        f"{tmp_path}/a.yaml: is not UTF-8 text",
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
    monkeypatch.setattr(documents, "_MOST_CHARACTERS", 1_000)
    given = read("/dev/zero", "-", standard_input="#" * 1_001)
    assert said(given) == [
        "/dev/zero: has more than 1,000 characters",
        "standard input: has more than 1,000 characters",
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

"""What cannot be used is refused with file, line and field; cheaply, and without a value in it."""

import io
import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from hooks.preview.input import manifests
from hooks.preview.simulator.schema import Schema

SCHEMA = Schema.load()
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
NO_SOURCE = "spec: Name the source either in sourceConfigMap or in sourceSecret."
SYNCER = """\
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: team
spec:
  sourceNamespace: shared
  sourceConfigMap: settings
  targetNamespaces:
    - dev
    - staging
"""
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"
LAUGHS = "a0: &a0 [1, 1]\n" + "".join(
    f"a{level}: &a{level} [*a{level - 1}, *a{level - 1}, *a{level - 1}]\n" for level in range(1, 60)
)
MERGED_LAUGHS = "a0: &a0 {k: 1}\n" + "".join(
    f"a{level}: &a{level} {{<<: [*a{level - 1}, *a{level - 1}, *a{level - 1}]}}\n"
    for level in range(1, 60)
)


def said(text: str | bytes) -> list[str]:
    content = text if isinstance(text, bytes) else text.encode()
    given = manifests.read(["-"], io.BytesIO(content), SCHEMA)
    return [str(problem).removeprefix("standard input:") for problem in given.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "a: [1\n---\n" + CONFIG_MAP + "data: {port: 80}\n",
            [
                "2:1: not YAML: did not find expected ',' or ']'",
                ("6: ConfigMap a: data[port]: must be a string, not a number: put it in quotes"),
            ],
            id="broken YAML, and the next document is read all the same",
        ),
        pytest.param(
            '{"kind": "Namespace",\n"metadata": ]}',
            ["2:13: not JSON: Expecting value"],
            id="broken JSON",
        ),
        pytest.param(
            '{"kind": "Namespace",\n"kind": "Namespace"}',
            ['2:1: not YAML: the key "kind" occurs twice'],
            id="a key twice in JSON",
        ),
        pytest.param(
            "kind: Namespace\nmetadata:\n  name: a\n  name: b\n",
            ['4:3: not YAML: the key "name" occurs twice'],
            id="a key twice in YAML",
        ),
        pytest.param(
            "- a\n- b\n",
            ["1: is not an object: a map with apiVersion and kind"],
            id="a list at the top",
        ),
        pytest.param(
            "\n\nmetadata: {name: a}\n",
            ["3: apiVersion and kind: Required value"],
            id="no kind",
        ),
        pytest.param(
            "kind: [a]\napiVersion: 5\n",
            ["1: apiVersion and kind: Required value"],
            id="a kind that is no text",
        ),
        pytest.param(
            "kind: List\napiVersion: v1\nitems: 5\n",
            ["3: items: must be a list"],
            id="a List without items",
        ),
        pytest.param(
            "kind: List\napiVersion: v1\nitems:\n- 5\n- kind: ConfigMap\n  apiVersion: v1\n"
            "  metadata:\n    name: A\n",
            [
                "4: is not an object: a map with apiVersion and kind",
                (
                    '8: ConfigMap A: metadata.name: Invalid value: "A": a lowercase RFC 1123 '
                    "subdomain: at most 253 of a-z, 0-9, '-' and '.', each part beginning and "
                    "ending with a letter or digit"
                ),
            ],
            id="mistakes in the items of a List",
        ),
        pytest.param(
            "kind: ConfigMap\napiVersion: v1\nmetadata: 5\n",
            ["3: ConfigMap: metadata: Required value"],
            id="metadata that is no map",
        ),
        pytest.param(
            CONFIG_MAP + "data:\n  list: [a]\n  5: x\n",
            [
                "4: ConfigMap a: data: the key 5 must be a string: put it in quotes",
                "5: ConfigMap a: data[list]: must be a string, not a list: put it in quotes",
            ],
            id="a key that is a number",
        ),
        pytest.param(
            CONFIG_MAP + "data:\n  list: [a]\n  yes: x\n",
            [
                "4: ConfigMap a: data: the key True must be a string: put it in quotes",
                "5: ConfigMap a: data[list]: must be a string, not a list: put it in quotes",
            ],
            id="a key that is a boolean",
        ),
        pytest.param(
            CONFIG_MAP + "data:\n  a: text\n  b: {c: d}\n  e:\n  f: 1e3\n",
            [
                "6: ConfigMap a: data[b]: must be a string, not a map: put it in quotes",
                "7: ConfigMap a: data[e]: must be a string, not null: put it in quotes",
                "8: ConfigMap a: data[f]: must be a string, not a number: put it in quotes",
            ],
            id="wrong types, each at its line",
        ),
        pytest.param(
            CONFIG_MAP + "data: {a: x}\nbinaryData: {a: eA==, b: '?'}\n",
            [
                "5: ConfigMap a: binaryData[b]: Invalid value: not base64",
                "4: ConfigMap a: data[a]: Invalid value: duplicate of key present in binaryData",
            ],
            id="a key on both sides, and what is not base64",
        ),
        pytest.param(
            SYNCER.replace("shared", "Shared").replace("- staging", "- dev"),
            [
                "10: ConfigMapSyncer team: spec.targetNamespaces[1]: Duplicate value: 'dev'",
                (
                    "6: ConfigMapSyncer team: spec.sourceNamespace: Give the name of a namespace: "
                    "lowercase letters, digits and '-', beginning and ending with a letter or "
                    "digit."
                ),
            ],
            id="a rule of the CRD next to its schema",
        ),
        pytest.param(
            SYNCER.replace("  sourceNamespace: shared\n", "").replace("dev", "5")
            + "  targets: [dev]\n",
            [
                '10: ConfigMapSyncer team: unknown field "spec.targets"',
                "5: ConfigMapSyncer team: spec.sourceNamespace: Required value",
                (
                    "8: ConfigMapSyncer team: spec.targetNamespaces[0]: must be of type string: "
                    "put it in quotes"
                ),
            ],
            id="the schema of the CRD",
        ),
        pytest.param(
            f"{SYNCER}---\n{SYNCER}".replace("  sourceConfigMap: settings\n", ""),
            [
                f"5: ConfigMapSyncer team: {NO_SOURCE}",
                f"15: ConfigMapSyncer team: {NO_SOURCE}",
            ],
            id="the same mistake in two documents",
        ),
        pytest.param(
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n"
            "  creationTimestamp: today\n  managedFields: [b]\n",
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
            CONFIG_MAP.replace("a}", "a, labels: [b], finalizers: c}"),
            [
                "3: ConfigMap a: metadata.labels: must be a map of strings",
                "3: ConfigMap a: metadata.finalizers: must be a list",
            ],
            id="metadata of wrong shapes",
        ),
        pytest.param(
            SYNCER.replace(
                "  name: team\n",
                "  name: team\n  generateName: A_b\n  finalizers:\n  - a b\n  ownerReferences:\n"
                "  - apiVersion: a/b/c\n    kind: Shop\n    name: shop\n    uid: ''\n    ns: a\n",
            ),
            [
                '13: ConfigMapSyncer team: unknown field "metadata.ownerReferences[0].ns"',
                (
                    '5: ConfigMapSyncer team: metadata.generateName: Invalid value: "A_b": '
                    "a lowercase RFC 1123 subdomain: at most 253 of a-z, 0-9, '-' and '.', "
                    "each part beginning and ending with a letter or digit"
                ),
                (
                    "9: ConfigMapSyncer team: metadata.ownerReferences[0].apiVersion: "
                    "Invalid value: version must not be empty"
                ),
                (
                    "12: ConfigMapSyncer team: metadata.ownerReferences[0].uid: "
                    "Invalid value: must not be empty"
                ),
                (
                    '7: ConfigMapSyncer team: metadata.finalizers[0]: Invalid value: "a b": '
                    "not a qualified name such as example.com/name: the prefix is a lowercase "
                    "DNS subdomain, and the name has at most 63 of A-Z, a-z, 0-9, '-', '_' and '.'"
                ),
            ],
            id="owners, finalizers and the start of a name that are refused",
        ),
        pytest.param(
            'apiVersion: v1\nkind: Namespace\nmetadata: {name: "\\e[2J"}\n',
            [
                (
                    '3: Namespace \\x1b[2J: metadata.name: Invalid value: "\\x1b[2J": a lowercase '
                    "RFC 1123 label: at most 63 of a-z, 0-9 and '-', no '-' at either end"
                )
            ],
            id="a name that would clear the screen",
        ),
        pytest.param(
            CONFIG_MAP + "data:\n  a.port: 80\n  a: {b: c}\n",
            [
                "5: ConfigMap a: data[a.port]: must be a string, not a number: put it in quotes",
                "6: ConfigMap a: data[a]: must be a string, not a map: put it in quotes",
            ],
            id="keys with dots",
        ),
        pytest.param(
            f"{CONFIG_MAP}---\n{CONFIG_MAP}",
            ["5: ConfigMap a: is already defined at standard input:1"],
            id="an object twice",
        ),
        pytest.param(
            CONFIG_MAP + "data:\n  large: " + "x" * 2 * 1024 * 1024 + "\n",
            [
                (
                    "4: ConfigMap a: data: Too long: may not be more than 1048576 bytes, "
                    "it has 2097152"
                )
            ],
            id="a ConfigMap of 2 MB",
        ),
        pytest.param(
            "kind: List\napiVersion: v1\nitems: [&a {kind: List, apiVersion: v1, items: [*a]}]\n",
            ["3:9: not YAML: an anchor contains itself"],
            id="a List in itself",
        ),
        pytest.param(
            CONFIG_MAP + "data: &d\n  a: *d\n",
            ["4:7: not YAML: an anchor contains itself"],
            id="an anchor in itself",
        ),
        pytest.param(
            LAUGHS, ["1: its anchors stand for more than 1,000,000 values"], id="a billion laughs"
        ),
        pytest.param(
            MERGED_LAUGHS,
            ["1: its anchors stand for more than 1,000,000 values"],
            id="a billion laughs by merging",
        ),
        pytest.param("[" * 200_000, ["1: nested more than 200 levels deep"], id="many brackets"),
        pytest.param("- " * 200_000, ["1: nested more than 200 levels deep"], id="many dashes"),
        pytest.param("? " * 200_000, ["1: nested more than 200 levels deep"], id="many questions"),
        pytest.param(
            '{"a":' * 200_000, ["1: nested more than 200 levels deep"], id="many maps in JSON"
        ),
        pytest.param(
            "".join("  " * level + "a:\n" for level in range(300)),
            ["201: nested more than 200 levels deep"],
            id="many levels of indentation",
        ),
        pytest.param(
            json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}).replace(
                "{}", '{"annotations":' * 300 + "{}" + "}" * 300
            ),
            ["1: ConfigMap: nested more than 200 levels deep"],
            id="a deep object",
        ),
        pytest.param(
            CONFIG_MAP + "data:\n  a: \0\n",
            ["5: not YAML: a character that is not allowed"],
            id="a NUL",
        ),
        pytest.param(b"apiVersion: v1\nkind: \xff\n", ["2: is not UTF-8 text"], id="no UTF-8"),
        pytest.param(
            '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"},\n'
            '"data": {"a": "\\ud800"}}',
            ["1: ConfigMap a: data.a: contains half of a surrogate pair"],
            id="half of a surrogate pair",
        ),
        pytest.param(
            SYNCER + f"  progressDeadlineSeconds: {10**30}\n",
            [
                (
                    "11: ConfigMapSyncer team: spec.progressDeadlineSeconds: holds a number that "
                    "does not fit into 64 bits"
                ),
                "11: ConfigMapSyncer team: spec.progressDeadlineSeconds: must fit into int32",
                (
                    "11: ConfigMapSyncer team: spec.progressDeadlineSeconds: should be less than "
                    "or equal to 86400"
                ),
            ],
            id="a number of 30 digits",
        ),
        pytest.param(
            SYNCER + f"  progressDeadlineSeconds: {'9' * 10_000}\n",
            ["1: holds a number that does not fit into 64 bits"],
            id="a number of 10,000 digits",
        ),
        pytest.param(
            SYNCER + "  progressDeadlineSeconds: .inf\n",
            [
                (
                    "11: ConfigMapSyncer team: spec.progressDeadlineSeconds: is a number that JSON "
                    "does not know"
                ),
                ("11: ConfigMapSyncer team: spec.progressDeadlineSeconds: must be of type integer"),
                (
                    "11: ConfigMapSyncer team: spec.progressDeadlineSeconds: should be less than "
                    "or equal to 86400"
                ),
            ],
            id="infinity",
        ),
        pytest.param(
            CONFIG_MAP + "data: !!set {a, b}\n",
            [
                "4: ConfigMap a: data: is a value that JSON does not know, of the type set",
                "4: ConfigMap a: data: must be a map of strings",
            ],
            id="a set",
        ),
        pytest.param(
            SECRET + "stringData:\n  password: !Passw0rd\n",
            [
                (
                    "5:13: not YAML: a tag that Kubernetes does not know: put a text that begins "
                    "with ! in quotes"
                )
            ],
            id="a password that looks like a tag",
        ),
        pytest.param(
            SECRET + "stringData:\n  password: *Passw0rd\n",
            [
                (
                    "5:13: not YAML: an alias without its anchor: put a text that begins "
                    "with * in quotes"
                )
            ],
            id="a password that looks like an alias",
        ),
        pytest.param(
            SECRET + "data:\n  password: Passw0rd!\n",
            ["5: Secret a: data[password]: Invalid value: not base64"],
            id="a password that is not encoded",
        ),
    ],
)
def test_a_mistake_is_named_by_line_and_field_and_hides_no_other(
    text: str | bytes, expected: list[str]
) -> None:
    assert said(text) == expected


@pytest.mark.parametrize("text", [LAUGHS, MERGED_LAUGHS, "[" * 1_000_000, CONFIG_MAP * 1000])
def test_no_document_takes_more_memory_than_a_process_of_a_gigabyte_has(
    text: str, tmp_path: Path
) -> None:
    (tmp_path / "bad.yaml").write_text(text)

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))

    done = subprocess.run(
        [sys.executable, "-m", "hooks", "preview", str(tmp_path)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        preexec_fn=limited,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("12:30", "12:30"),
        ("22:22", "22:22"),
        ("2025-01-01", "2025-01-01"),
        ("=", "="),
        ("1.2.3", "1.2.3"),
        ("0x", "0x"),
    ],
)
def test_a_word_that_is_text_for_kubectl_is_text(word: str, meant: str) -> None:
    content = f"{CONFIG_MAP}data:\n  a: {word}\n".encode()
    given = manifests.read(["-"], io.BytesIO(content), SCHEMA)
    assert [manifest.item["data"]["a"] for manifest in given.manifests] == [meant]


@pytest.mark.parametrize(
    "word", ["1e3", "08", "010", "1_000", "0o17", "0x1F", ".5", "1.", "y", "no", "~", "5"]
)
def test_a_word_that_is_no_text_for_kubectl_is_refused(word: str) -> None:
    assert said(f"{CONFIG_MAP}data:\n  a: {word}\n")[0].startswith(
        "5: ConfigMap a: data[a]: must be a string"
    )

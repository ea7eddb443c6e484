"""What docs/security.md says that each identity may do is what the manifests allow, all of it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text("utf-8")
BASE = ROOT / "metacontroller" / "base"
COMPONENT = ROOT / "metacontroller" / "components" / "metacontroller"
KUBERNETES_ROLES = ("view", "edit", "admin")

Right = tuple[str, str, str, str, str]
"""Namespace or none, API group, resource, name or none, verb."""


def _documents(path: Path) -> list[dict[str, Any]]:
    """The objects of a manifest; a component's patch can be a list, which is none."""
    documents = yaml.safe_load_all(path.read_text("utf-8"))
    return [document for document in documents if isinstance(document, dict)]


def _rows(heading: str) -> Iterator[list[str]]:
    """The cells of the first table below a heading, without its two first lines."""
    _, _, section = PAGE.partition(f"\n## {heading}\n")
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table, f"no table below {heading}"
    for line in table[0].splitlines()[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


def _names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _documented() -> list[Right]:
    rights = []
    for where, group, resource, verbs, _ in _rows("Metacontroller"):
        resources, _, name = resource.partition(" named ")
        rights += [
            ("".join(_names(where)), "".join(_names(group)), each, "".join(_names(name)), verb)
            for each in _names(resources)
            for verb in _names(verbs)
        ]
    return rights


def _granted() -> list[Right]:
    return [
        (role["metadata"].get("namespace", ""), group, resource, name, verb)
        for role in _documents(COMPONENT / "rights.yaml")
        for rule in role.get("rules", ())
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
        for verb in rule["verbs"]
    ]


def test_metacontroller_has_the_rights_of_the_table_and_no_others() -> None:
    assert sorted(_documented()) == sorted(_granted())


def test_every_right_has_a_reason() -> None:
    assert [row for row in _rows("Metacontroller") if not row[-1]] == []


def test_the_hook_has_no_rights() -> None:
    ((account, namespace, rights),) = _rows("Hook")
    (made,) = _documents(BASE / "serviceaccount.yaml")
    assert _names(account) == [made["metadata"]["name"]]
    assert _names(namespace) == [made["metadata"]["namespace"]]
    assert rights == "none"
    manifests = [
        document
        for path in (ROOT / "metacontroller").rglob("*.yaml")
        for document in _documents(path)
    ]
    bound = [
        subject["name"]
        for document in manifests
        if document["kind"] in {"RoleBinding", "ClusterRoleBinding"}
        for subject in document["subjects"]
    ]
    assert made["metadata"]["name"] not in bound


@pytest.mark.parametrize("name", KUBERNETES_ROLES)
def test_people_have_the_rights_of_the_table_and_no_others(name: str) -> None:
    label = f"rbac.authorization.k8s.io/aggregate-to-{name}"
    added = [
        role
        for role in _documents(BASE / "roles.yaml")
        if role["metadata"]["labels"].get(label) == "true"
    ]
    rules = [rule for role in added for rule in role["rules"]]
    rows = {cell: (verbs, role) for cell, verbs, role in _rows("Users")}
    verbs, ours = rows[f"`{name}`"]

    assert {(*rule["apiGroups"], *rule["resources"]) for rule in rules} == {
        ("config.example.com", "configmapsyncers")
    }
    assert set(_names(verbs)) == {verb for rule in rules for verb in rule["verbs"]}
    assert _names(ours) == [
        max(added, key=lambda r: len(r["rules"][0]["verbs"]))["metadata"]["name"]
    ]


def test_the_page_names_no_other_builtin_role() -> None:
    assert [_names(row[0]) for row in _rows("Users")] == [[name] for name in KUBERNETES_ROLES]


def test_the_rights_on_secrets_are_those_on_the_page() -> None:
    patch = ROOT / "metacontroller" / "components" / "secrets" / "clusterrole.yaml"
    (added,) = yaml.safe_load(patch.read_text("utf-8"))
    sentence = PAGE.partition("With `metacontroller/components/secrets` it may also ")[2]
    listed = re.findall(r"`(\w+)`", sentence.partition(" in every namespace")[0])

    assert added["path"] == "/rules/-"
    assert added["value"] == {"apiGroups": [""], "resources": ["secrets"], "verbs": listed[:-1]}
    assert listed[-1] == "secrets"

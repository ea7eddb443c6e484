"""The Metacontroller that is shipped fits the hook, the registration and its own rights."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPONENT = ROOT / "metacontroller" / "components" / "metacontroller"
BASE = ROOT / "metacontroller" / "base"


def _documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def _pod() -> dict[str, Any]:
    (deployment,) = _documents(COMPONENT / "deployment.yaml")
    pod: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return pod


def _arguments() -> dict[str, str]:
    (container,) = _pod()["containers"]
    pairs = (argument.removeprefix("--").partition("=") for argument in container["args"])
    return {name: value for name, _, value in pairs}


def _rules() -> list[dict[str, Any]]:
    roles = [each for each in _documents(COMPONENT / "rights.yaml") if "rules" in each]
    return [rule for role in roles for rule in role["rules"]]


@pytest.mark.parametrize("page", ["README.md", "docs/installation.md"])
def test_it_is_the_version_that_the_documents_name(page: str) -> None:
    (container,) = _pod()["containers"]
    _, _, version = container["image"].rpartition(":")
    named = set(re.findall(r"v4\.\d+\.\d+", (ROOT / page).read_text("utf-8")))
    assert named == {version}


def test_its_apply_strategy_is_the_one_that_the_hook_is_set_to() -> None:
    (deployment,) = _documents(BASE / "deployment.yaml")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    settings = {each["name"]: each["value"] for each in container["env"]}
    assert _arguments()["apply-strategy"] == settings["APPLY_STRATEGY"]


def test_it_looks_for_the_label_that_the_registration_carries() -> None:
    (registration,) = _documents(COMPONENT / "registration.yaml")
    ((key, value),) = registration["metadata"]["labels"].items()
    assert _arguments()["target-label-selector"] == f"{key}={value}"
    installation = (ROOT / "docs/installation.md").read_text("utf-8")
    assert f"--target-label-selector=!{key}`" in installation
    assert f"`{key}: {value}`" in installation


def test_its_replicas_take_turns_by_the_one_lease_that_it_may_have() -> None:
    arguments = _arguments()
    assert "leader-election" in arguments
    roles = [each for each in _documents(COMPONENT / "rights.yaml") if each["kind"] == "Role"]
    leases = [
        (role["metadata"]["namespace"], rule.get("resourceNames", []), rule["verbs"])
        for role in roles
        for rule in role["rules"]
        if rule["resources"] == ["leases"]
    ]
    namespace, name = arguments["leader-election-namespace"], arguments["leader-election-id"]
    assert leases == [(namespace, [], ["create"]), (namespace, [name], ["get", "update"])]


@pytest.mark.parametrize("what", ["apiGroups", "resources", "verbs"])
def test_it_has_no_wildcard(what: str) -> None:
    assert [rule for rule in _rules() if any("*" in name for name in rule[what])] == []


@pytest.mark.parametrize(
    "resource",
    ["secrets", "pods", "serviceaccounts", "roles", "clusterroles", "rolebindings"],
)
def test_it_has_no_way_to_gain_privileges(resource: str) -> None:
    assert resource not in {name for rule in _rules() for name in rule["resources"]}


def test_everything_is_bound_to_its_own_service_account_alone() -> None:
    bindings = [each for each in _documents(COMPONENT / "rights.yaml") if "subjects" in each]
    (account,) = _documents(COMPONENT / "serviceaccount.yaml")
    name, namespace = account["metadata"]["name"], account["metadata"]["namespace"]
    assert _pod()["serviceAccountName"] == name
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    assert [each["subjects"] for each in bindings] == [[subject]] * len(bindings)


def test_its_garbage_is_collected_often_and_below_its_limit() -> None:
    (container,) = _pod()["containers"]
    assert container["env"] == [
        {"name": "GOGC", "value": "50"},
        {"name": "GOMEMLIMIT", "value": "1800MiB"},
    ]
    assert container["resources"]["limits"]["memory"] == "2Gi"


def test_its_user_is_a_number_because_its_image_only_has_a_name() -> None:
    assert _pod()["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }

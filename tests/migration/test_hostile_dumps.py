"""A dump can hold anything, and what is printed of it is run by a shell."""

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from hooks.cli import main
from hooks.cli.parser import MODULE

Object: TypeAlias = dict[str, Any]

REFLECTOR = "reflector.v1.k8s.emberstack.com"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
COMMANDS = (
    "'; touch ran; '\n$(touch ran)\n`touch ran`\n\"; touch ran; \"\nEND_OF_MANIFESTS\ntouch ran\n"
    "(kubectl ; touch ran;\n"
)
"""What would be run wherever it is not quoted."""


def config_map(metadata: Object, **fields: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": "shared", **metadata},
        "data": {"level": "info"},
        **fields,
    }


def source(**metadata: Any) -> Object:
    allowed = {f"{REFLECTOR}/reflection-{word}": "true" for word in ("allowed", "auto-enabled")}
    return config_map({"annotations": allowed, **metadata})


def mirror(metadata: Object, **fields: Any) -> Object:
    annotations = {
        f"{REFLECTOR}/reflects": "shared/settings",
        f"{REFLECTOR}/auto-reflects": "true",
        f"{REFLECTOR}/reflected-version": "1",
    }
    return config_map({"namespace": "dev", "annotations": annotations, **metadata}, **fields)


def deployment(spec: object) -> Object:
    metadata = {"name": "reflector", "namespace": "tools"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def reflecting(**container: Any) -> Object:
    container = {"image": "example.com/kubernetes-reflector:1", **container}
    return {"template": {"spec": {"containers": [container]}}}


def bundle(spec: object, name: str = "roots") -> Object:
    return {
        "apiVersion": "trust.cert-manager.io/v1alpha1",
        "kind": "Bundle",
        "metadata": {"name": name, "uid": f"uid-of-{name}"},
        "spec": spec,
    }


def written(key: str = "ca.crt") -> Object:
    return {"configMap": {"key": key}}


def target(content: str, name: str = "roots") -> Object:
    api_version = "trust.cert-manager.io/v1alpha1"
    owner = {"apiVersion": api_version, "kind": "Bundle", "name": name, "uid": f"uid-of-{name}"}
    other = {"apiVersion": "v1", "kind": COMMANDS, "name": COMMANDS, "uid": "another"}
    labels = {"trust.cert-manager.io/bundle": name}
    owners = [{**owner, "controller": True}, other]
    metadata = {"name": name, "namespace": "dev", "labels": labels, "ownerReferences": owners}
    return config_map(metadata, data={"ca.crt": content})


def dumped(folder: Path, items: Iterable[Object]) -> str:
    path = folder / "dump.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [*items]}))
    return str(path)


def calls_of(script: str, folder: Path) -> list[list[str]]:
    """The arguments with which a script calls kubectl; what it reads is thrown away."""
    recorder = folder / "bin" / "kubectl"
    recorder.parent.mkdir()
    recorder.write_text(
        "#!/usr/bin/env python3\nimport json, sys\n"
        "with open('calls', 'a') as calls:\n    print(json.dumps(sys.argv[1:]), file=calls)\n"
        "if '-' in sys.argv:\n    sys.stdin.read()\n"
        "if 'jsonpath={.metadata.uid}' in sys.argv:\n    print('uid-of-the-syncer')\n"
    )
    recorder.chmod(0o755)
    done = subprocess.run(
        ["sh"],
        input=script,
        cwd=folder,
        env={"PATH": f"{recorder.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in (folder / "calls").read_text().splitlines()]


def patches(calls: Sequence[Sequence[str]]) -> Mapping[tuple[str, str], Any]:
    """What each object is patched with."""
    return {(call[-4], call[3]): json.loads(call[-1]) for call in calls if call[1:2] == ["patch"]}


@pytest.mark.parametrize("context", ["one", "a b", "$(touch ran)", r"domain\user"])
def test_a_shell_runs_nothing_that_a_dump_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], context: str
) -> None:
    sources = [{"configMap": {"name": "settings", "key": "ca.crt"}}]
    items = [
        bundle({"sources": sources, "target": written()}),
        config_map({"namespace": "cert-manager"}, data={"ca.crt": CERTIFICATE}),
        target(f"{CERTIFICATE}{COMMANDS}"),
        bundle({"sources": [{"inLine": CERTIFICATE}], "target": written()}, "moved"),
        target(f"{CERTIFICATE}{COMMANDS}", "moved"),
    ]
    path = dumped(tmp_path, items)
    command = ["migrate", "--from", "trust-manager", path, "-o", "script", "--context", context]

    assert main.main([*command, "--apply-strategy", "dynamic-apply"], MODULE) == 0
    calls = calls_of(capsys.readouterr().out, tmp_path)

    assert not (tmp_path / "ran").exists()
    assert {call[0] for call in calls} == {f"--context={context}"}
    done = patches(calls)
    assert done["cert-manager", "settings"] == {"data": {"ca.crt": f"{CERTIFICATE}{COMMANDS}"}}
    assert done["dev", "roots"]["metadata"]["ownerReferences"] == [
        {"apiVersion": "v1", "kind": COMMANDS, "name": COMMANDS, "uid": "another"}
    ]
    assert [call[2:] for call in calls if call[1] == "label"] == [
        ["configmap", name, "-n", "dev", "--overwrite", "controller-uid=uid-of-the-syncer"]
        for name in ("moved", "roots")
    ]


NO_NAME = "metadata.name: Invalid value: "


@pytest.mark.parametrize(
    ("tool", "items", "said"),
    [
        # A name that is an option, a command, or one to the terminal.
        ("reflector", [source(name="--kubeconfig=file")], f'{NO_NAME}"--kubeconfig=file"'),
        ("reflector", [source(name="x; touch ran")], f'{NO_NAME}"x; touch ran"'),
        ("reflector", [source(name="x\x1b]0;y\x07")], f'{NO_NAME}"x\\x1b]0;y\\x07"'),
        ("reflector", [source(name="x\ny")], f'{NO_NAME}"x'),
        ("reflector", [source(namespace="--all")], "metadata.namespace: Invalid value"),
        ("reflector", [source(name="\ud800")], "metadata.name: contains half of a surrogate pair"),
        ("reflector", [deployment({**reflecting(), "replicas": "1; touch ran"})], "spec.replicas:"),
        (
            "reflector",
            [deployment({**reflecting(), "selector": {"matchLabels": {"a": "\x1b[2J"}}})],
            "spec.selector.matchLabels.a: should match",
        ),
        # Fields of another shape.
        ("reflector", [source(), mirror({}, data=5)], "data: must be of type object"),
        ("reflector", [source(), mirror({}, data={"a": 5})], "data.a: must be of type string"),
        ("reflector", [mirror({"ownerReferences": 5})], "metadata.ownerReferences: must be a list"),
        (
            "reflector",
            [source(ownerReferences=[{"controller": True}])],
            "metadata.ownerReferences[0].apiVersion: Required value",
        ),
        (
            "reflector",
            [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}, "status": 5}],
            "status: must be of type object",
        ),
        ("reflector", [deployment(5)], "spec: must be of type object"),
        ("reflector", [deployment(reflecting(args=[5]))], "spec.template.spec.containers[0].args"),
        (
            "replicator",
            [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {}}],
            "metadata.name: Required value",
        ),
        (
            "replicator",
            [
                {
                    "apiVersion": "v1",
                    "kind": "ServiceAccount",
                    "metadata": {"name": "a:b", "annotations": ["a"]},
                }
            ],
            "metadata.annotations: must be a map of strings",
        ),
        ("trust-manager", [bundle(5)], "spec: must be of type object"),
        ("trust-manager", [bundle({"sources": [None]})], "spec.sources[0]: must be of type object"),
        (
            "trust-manager",
            [bundle({"target": {"configMap": {}}})],
            "spec.target.configMap.key: Required value",
        ),
        (
            "trust-manager",
            [
                bundle(
                    {
                        "target": {
                            **written(),
                            "namespaceSelector": {
                                "matchExpressions": [{"key": "a", "operator": "Like"}]
                            },
                        }
                    }
                )
            ],
            "spec.target.namespaceSelector.matchExpressions[0].operator: Unsupported value",
        ),
    ],
)
def test_what_no_api_server_has_stored_is_refused_by_its_field(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    tool: str,
    items: list[Object],
    said: str,
) -> None:
    path = dumped(tmp_path, items)
    status = main.main(["migrate", "--from", tool, path, "-o", "script"], MODULE)
    printed = capsys.readouterr()
    assert (status, printed.out) == (2, "")
    assert printed.err.startswith(f"{path}:1: {said}")
    assert all(line.isprintable() for line in printed.err.splitlines())


def test_objects_that_no_tool_is_about_may_be_of_any_shape(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others: list[Object] = [
        {"apiVersion": "example.com/v1", "kind": "ConfigMap", "metadata": {"name": "A:B"}},
        {"apiVersion": "v1", "kind": "Event", "metadata": 5},
    ]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role"}
    named = {**role, "metadata": {"name": "system:node", "namespace": "shared"}}
    path = dumped(tmp_path, [*others, named, source(), mirror({})])
    status = main.main(["migrate", "--from", "reflector", path], MODULE)
    assert (status, capsys.readouterr().err) == (0, "")


def test_a_source_of_a_bundle_of_an_unknown_kind_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = [bundle({"sources": [{"other": {}}], "target": written()}), target(CERTIFICATE)]
    status = main.main(["migrate", "--from", "trust-manager", dumped(tmp_path, items)], MODULE)
    assert status == 1
    assert "Bundle roots: has a source of a kind that is not known here" in capsys.readouterr().out


REPLICATOR = "replicator.v1.mittwald.de"


@pytest.mark.parametrize(
    ("allowed", "namespaces", "options", "is_carried"),
    [
        ("true", "dev", [], True),
        ("true", " de[a-z] ", [], True),
        ("1", "prod,^d.*", [], True),
        ("true", "de", [], False),
        ("true", "prod", [], False),
        ("true", "[", [], False),
        ("true", "", [], False),
        ("false", "dev", [], False),
        ("", "", ["--allow-all"], True),
        ("", "", ["-allow-all=true"], True),
        ("", "", ["--allow-all=false"], False),
    ],
)
def test_a_copy_that_only_says_that_it_has_pulled_is_given_nothing(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    allowed: str,
    namespaces: str,
    options: list[str],
    *,
    is_carried: bool,
) -> None:
    permissions = {
        f"{REPLICATOR}/replication-allowed": allowed,
        f"{REPLICATOR}/replication-allowed-namespaces": namespaces,
    }
    claims = {
        f"{REPLICATOR}/replicate-from": "shared/settings",
        f"{REPLICATOR}/replicated-from-version": "1",
    }
    container = {"image": "kubernetes-replicator", "args": options}
    items = [
        config_map({"annotations": permissions}),
        config_map({"namespace": "dev", "annotations": claims}, data={}),
        deployment({"template": {"spec": {"containers": [container]}}}),
    ]
    path = dumped(tmp_path, items)
    status = main.main(["migrate", "--from", "replicator", path, "-o", "json"], MODULE)
    migration = json.loads(capsys.readouterr().out)
    assert (status, bool(migration["manifests"])) == ((0, True) if is_carried else (1, False))
    assert [found["about"] for found in migration["notCarriedOver"]] == (
        [] if is_carried else ["ConfigMap dev/settings"]
    )


def test_certificates_that_only_a_target_holds_are_trusted_nowhere_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = CERTIFICATE.replace("AA==", "AQ==")
    items = [
        bundle({"sources": [{"inLine": CERTIFICATE}], "target": written()}),
        target(foreign),
    ]
    status = main.main(["migrate", "--from", "trust-manager", dumped(tmp_path, items)], MODULE)
    assert status == 1
    assert "its targets hold others than it does itself" in " ".join(
        capsys.readouterr().out.split()
    )


def test_an_object_of_another_name_is_no_target_of_a_bundle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = target(CERTIFICATE)
    other["metadata"] |= {"name": "other"}
    items = [bundle({"sources": [{"inLine": CERTIFICATE}], "target": written()}), other]
    status = main.main(["migrate", "--from", "trust-manager", dumped(tmp_path, items)], MODULE)
    assert status == 1
    assert "Bundle roots: has no target yet" in capsys.readouterr().out

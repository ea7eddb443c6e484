"""Copies of other tools are handed over by the steps that are printed, and none is ever away.

The objects are as each tool leaves them behind, by its sources; where a tool's program is there, it
makes them itself, and runs until the step that stops it.
"""

import base64
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.controlplane import DYNAMIC_APPLY, SERVER_SIDE_APPLY, Stack
from tests.controlplane.client import ApiStatusError, Object, wait_for
from tests.controlplane.plane import answers
from tests.controlplane.process import Process
from tests.controlplane.stack import COMPLETE
from tests.e2e.migrations import History, Migrant, content, deployment, program
from tests.wheel import InstalledWheel

DATA = {"LOG_LEVEL": "info", "application.yaml": "server:\n  port: 8080\n"}
BINARY = {"logo.png": base64.b64encode(bytes(range(256))).decode()}

REFLECTOR = "reflector.v1.k8s.emberstack.com"
REPLICATOR = "replicator.v1.mittwald.de"
TRUST = "trust.cert-manager.io"


@pytest.fixture
def migrant(installed: InstalledWheel, stack: Stack, tmp_path: Path) -> Migrant:
    return Migrant(installed, stack, tmp_path)


@pytest.fixture
def folders(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Callable[..., None]]:
    """Makes namespaces, and takes back all that a test made in and for them."""
    made: list[str] = []
    # Other tests of the same stack may have left some, even one that cannot be deleted.
    known = {syncer["metadata"]["name"] for syncer in stack.client.list("ConfigMapSyncer")}

    def make(*names: str, **labels: str) -> None:
        for name in names:
            metadata: Object = {"name": name, "labels": labels}
            stack.client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
            made.append(name)

    yield make
    left = {syncer["metadata"]["name"] for syncer in stack.client.list("ConfigMapSyncer")}
    for name in left - known:
        stack.client.delete("ConfigMapSyncer", name)
        stack.client.wait_until_gone("ConfigMapSyncer", name)
    for name in made:
        stack.client.delete("Namespace", name)
    for name in made:
        stack.client.wait_until_gone("Namespace", name)


def config_map(name: str, namespace: str, **metadata: object) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "data": DATA,
        "binaryData": BINARY,
    }


def owner_of(item: Object) -> list[tuple[str, str]]:
    owners = item["metadata"].get("ownerReferences", ())
    return [(owner["kind"], owner["name"]) for owner in owners]


def assert_taken_over(
    stack: Stack, history: History, kind: str, name: str, places: Sequence[str], mark: str
) -> None:
    """Each copy is its syncer's, without the tool's marks, and was there with its bytes always."""
    always: dict[str, Mapping[str, object]] = {}
    for what, item in history.events(kind, name):
        place = item["metadata"]["namespace"]
        if place not in places:
            continue
        assert what in ("ADDED", "MODIFIED"), (what, place)
        assert always.setdefault(place, content(item)) == content(item)
    assert sorted(always) == sorted(places)
    for place in places:
        copy = stack.client.get(kind, name, place)
        marked = {**copy["metadata"].get("annotations", {}), **copy["metadata"]["labels"]}
        assert [key for key in marked if key.startswith(mark)] == []
        assert owner_of(copy) == [("ConfigMapSyncer", name)]
        assert content(copy) == always[place]


def change_reaches(stack: Stack, kind: str, name: str, source: str, places: Sequence[str]) -> None:
    """A change of the source reaches every copy, as a proof that the syncer looks after them."""
    value = "bmV3" if kind == "Secret" else "new"
    stack.client.merge_patch(kind, name, {"data": {"CHANGED": value}}, source)
    for place in places:
        stack.client.wait_for(
            kind,
            name,
            lambda item: item["data"].get("CHANGED") == value,
            "the copy to follow its source",
            place,
        )


REFLECTED = [f"reflected-{name}" for name in ("dev", "prod", "stage", "team-a", "team-b")]


def leave_as_reflector_does(
    stack: Stack, folders: Callable[..., None], kind: str = "ConfigMap"
) -> History:
    """A source with five automatic mirrors; returns the history from before they are there."""
    client = stack.client
    folders("reflected", *REFLECTED)
    pattern = "reflected-dev,reflected-prod,reflected-stage,reflected-team-.*"
    annotations = {
        f"{REFLECTOR}/reflection-allowed": "true",
        f"{REFLECTOR}/reflection-allowed-namespaces": pattern,
        f"{REFLECTOR}/reflection-auto-enabled": "true",
        "config.example.com/allow-sync-to": "reflected-*",
    }
    item = config_map("app-config", "reflected", annotations=annotations)
    if kind == "Secret":
        item = {**item, "kind": kind, "type": "example.com/own", "data": BINARY}
        del item["binaryData"]
    source = client.create(item)
    history = History(client)
    for place in REFLECTED:
        # ResourceMirror.ResourceReflect: the content, four annotations, and no label.
        marks = {
            f"{REFLECTOR}/auto-reflects": "True",
            f"{REFLECTOR}/reflects": "reflected/app-config",
            f"{REFLECTOR}/reflected-version": source["metadata"]["resourceVersion"],
            f"{REFLECTOR}/reflected-at": "2026-11-24T05:06:10.1234567+00:00",
        }
        metadata = {"name": "app-config", "namespace": place, "annotations": marks}
        client.create({**item, "metadata": metadata})
    labels = {"app.kubernetes.io/name": "reflector"}
    image = "docker.io/emberstack/kubernetes-reflector:9.1.0"
    client.apply(deployment("reflector", "reflected", image, labels))
    return history


def strategy_of(stack: Stack) -> str:
    return f"--apply-strategy {stack.strategy}"


def test_five_mirrors_of_reflector_are_taken_over_and_never_away(
    stack: Stack, migrant: Migrant, folders: Callable[..., None]
) -> None:
    history = leave_as_reflector_does(stack, folders)

    migrant.follow(migrant.report("--from reflector", strategy_of(stack)))

    assert_taken_over(stack, history, "ConfigMap", "app-config", REFLECTED, REFLECTOR)
    source = stack.client.get("ConfigMap", "app-config", "reflected")
    assert [key for key in source["metadata"]["annotations"] if key.startswith(REFLECTOR)] == []
    change_reaches(stack, "ConfigMap", "app-config", "reflected", REFLECTED)


@pytest.mark.parametrize(
    "stack",
    [(DYNAMIC_APPLY, COMPLETE)],
    indirect=True,
)
def test_without_adoption_the_steps_label_what_metacontroller_writes(
    stack: Stack, migrant: Migrant, folders: Callable[..., None]
) -> None:
    history = leave_as_reflector_does(stack, folders)
    migrant.follow(migrant.report("--from reflector", strategy_of(stack)))
    assert_taken_over(stack, history, "ConfigMap", "app-config", REFLECTED, REFLECTOR)


@pytest.mark.parametrize("stack", [SERVER_SIDE_APPLY], indirect=True)
def test_mirrors_of_a_secret_are_taken_over_with_the_consent_of_its_owner(
    stack: Stack, migrant: Migrant, folders: Callable[..., None]
) -> None:
    history = leave_as_reflector_does(stack, folders, "Secret")
    stack.client.merge_patch(
        "Secret",
        "app-config",
        {"metadata": {"annotations": {"config.example.com/allow-sync-to": None}}},
        "reflected",
    )
    refused = migrant.report("--from reflector --secrets", status=1)
    (consent,) = [line for line in refused.splitlines() if "allow-sync-to" in line]
    assert migrant.run(consent.partition("$ ")[2]).returncode == 0

    migrant.follow(migrant.report("--from reflector --secrets"))

    assert_taken_over(stack, history, "Secret", "app-config", REFLECTED, REFLECTOR)
    change_reaches(stack, "Secret", "app-config", "reflected", REFLECTED)


REPLICATED = [f"replicated-{name}" for name in ("dev", "prod", "team-a")]


def give_replicator_work(stack: Stack, folders: Callable[..., None]) -> None:
    """A source that pushes by name and by label, and copies that pull."""
    client = stack.client
    folders("replicated", "replicated-dev", "replicated-team-a", "replicated-own")
    folders("replicated-prod", tier="upper")
    annotations = {
        f"{REPLICATOR}/replicate-to": "replicated-dev,replicated-team-.*",
        f"{REPLICATOR}/replicate-to-matching": "tier=upper",
        f"{REPLICATOR}/replication-allowed": "true",
        f"{REPLICATOR}/replication-allowed-namespaces": ".*",
    }
    client.create(
        config_map("app-config", "replicated", annotations=annotations, labels={"app": "web"})
    )
    pulls = {f"{REPLICATOR}/replicate-from": "replicated/app-config"}
    for place, data in (("replicated-dev", {}), ("replicated-own", {"MINE": "1"})):
        metadata = {"name": "pulled", "namespace": place, "annotations": pulls}
        client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    labels = {"app.kubernetes.io/name": "kubernetes-replicator"}
    image = "quay.io/mittwald/kubernetes-replicator:latest"
    client.apply(deployment("replicator", "replicated", image, labels))


def leave_as_replicator_does(stack: Stack) -> None:
    """What ReplicateObjectTo and ReplicateDataFrom write."""
    client = stack.client
    source = client.get("ConfigMap", "app-config", "replicated")
    marks = {
        f"{REPLICATOR}/replicated-at": "2026-11-24T05:06:10Z",
        f"{REPLICATOR}/replicated-from-version": source["metadata"]["resourceVersion"],
        f"{REPLICATOR}/replicated-keys": ",".join(sorted([*DATA, *BINARY])),
    }
    for place in REPLICATED:
        client.create(config_map("app-config", place, annotations=marks, labels={"app": "web"}))
    for place in ("replicated-dev", "replicated-own"):
        patch = {"metadata": {"annotations": marks}, "data": DATA, "binaryData": BINARY}
        client.merge_patch("ConfigMap", "pulled", patch, place)


def replicator(stack: Stack) -> Process:
    """The real kubernetes-replicator."""
    workspace = stack.control_plane.workspace
    address = f"127.0.0.1:{workspace.port()}"
    kinds = [f"-replicate-{kind}=false" for kind in ("roles", "role-bindings", "service-accounts")]
    command = [
        program("kubernetes-replicator", "KUBERNETES_REPLICATOR"),
        *(f"-kubeconfig={stack.control_plane.kubeconfig}", f"-status-addr={address}", *kinds),
    ]
    ready = f"http://{address}/readyz"
    return Process(workspace, "replicator", command, ready=lambda: answers(ready))


def wait_until_replicated(stack: Stack) -> None:
    names = [("app-config", place) for place in REPLICATED]
    for name, place in [*names, ("pulled", "replicated-dev"), ("pulled", "replicated-own")]:
        stack.client.wait_for(
            "ConfigMap",
            name,
            lambda item: item.get("binaryData") == BINARY,
            "replicator to copy",
            place,
        )


@pytest.mark.parametrize("by", ["objects as it leaves them", "the tool itself"])
def test_copies_of_replicator_are_taken_over_and_never_away(
    stack: Stack, migrant: Migrant, folders: Callable[..., None], by: str
) -> None:
    tool = replicator(stack) if by == "the tool itself" else None
    give_replicator_work(stack, folders)
    if tool is None:
        leave_as_replicator_does(stack)
    else:
        tool.start()
        wait_until_replicated(stack)
    history = History(stack.client)
    stop = tool.kill if tool else (lambda: None)

    try:
        report = migrant.report("--from replicator", strategy_of(stack), status=1)
        migrant.follow(report, stop)
        if tool is not None:
            # The last step starts it again, for the copy that stays with it.
            tool.start()
        change_reaches(stack, "ConfigMap", "app-config", "replicated", REPLICATED)
        if tool is not None:
            stack.client.wait_for(
                "ConfigMap",
                "pulled",
                lambda item: item["data"].get("CHANGED") == "new" and item["data"]["MINE"] == "1",
                "replicator to go on with what stays with it",
                "replicated-own",
            )
    finally:
        stop()

    assert "- ConfigMap replicated-own/pulled: holds keys that the source does not have" in report
    events = history.events("ConfigMap", "app-config") + history.events("ConfigMap", "pulled")
    assert {what for what, _ in events} == {"MODIFIED"}
    for place in REPLICATED:
        copy = stack.client.get("ConfigMap", "app-config", place)
        assert owner_of(copy) == [("ConfigMapSyncer", "app-config")]
        assert copy["metadata"]["labels"]["app"] == "web"
    pulled = stack.client.get("ConfigMap", "pulled", "replicated-dev")
    assert owner_of(pulled) == [("ConfigMapSyncer", "pulled")]
    # Until the source changed, no event showed other bytes.
    for _, item in events:
        if item["metadata"]["namespace"] != "replicated-own" and "CHANGED" not in item["data"]:
            assert content(item) == content({"data": DATA, "binaryData": BINARY})


TRUSTING = [f"trusting-{name}" for name in ("dev", "prod")]
BUNDLES: Object = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"bundles.{TRUST}"},
    "spec": {
        "group": TRUST,
        "names": {"kind": "Bundle", "plural": "bundles"},
        "scope": "Cluster",
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}


def certificate(name: str, folder: Path) -> str:
    """A certificate of an authority in PEM, with its key next to it as the webhook needs them."""
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", f"/CN={name}"),
            *("-keyout", folder / "tls.key", "-out", folder / "tls.crt"),
        ],
        check=False,
        capture_output=True,
    )
    assert made.returncode == 0, made.stderr
    return (folder / "tls.crt").read_text("utf-8")


def give_trust_manager_work(
    stack: Stack,
    folders: Callable[..., None],
    certificates: Sequence[str],
    selector: Object | None = None,
) -> None:
    """Two Bundles: one of a ConfigMap, with a remark in it, and one that holds a certificate."""
    client = stack.client
    if selector is None:
        selector = {"matchLabels": {"trust": "ours"}}
    client.apply(BUNDLES)
    folders("trusted")
    folders(*TRUSTING, trust="ours")
    metadata: Object = {"name": "roots", "namespace": "trusted"}
    data = {"root.pem": "# Ask security before you edit this.\n" + "\n".join(certificates)}
    client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    target = {
        "configMap": {"key": "ca.crt", "metadata": {"labels": {"purpose": "trust"}}},
        "namespaceSelector": selector,
    }
    sources = {
        "company-ca": {"configMap": {"name": "roots", "key": "root.pem"}},
        "held-ca": {"inLine": certificates[0]},
    }
    wait_for(lambda: client.find("CustomResourceDefinition", f"bundles.{TRUST}"), "the kind Bundle")
    for name, source in sources.items():
        bundle = {
            "apiVersion": f"{TRUST}/v1alpha1",
            "kind": "Bundle",
            "metadata": {"name": name},
            "spec": {"sources": [source], "target": target},
        }
        wait_for(lambda: created(stack, bundle), "the API server to serve Bundles")  # noqa: B023
    labels = {"app": "trust-manager"}
    image = "quay.io/jetstack/trust-manager:v0.24.0"
    item = deployment("trust-manager", "trusted", image, labels)
    item["spec"]["template"]["spec"]["containers"][0]["args"] = ["--trust-namespace=trusted"]
    client.apply(item)


def created(stack: Stack, item: Object) -> bool:
    try:
        stack.client.create(item)
    except ApiStatusError as error:
        if error.code != HTTPStatus.NOT_FOUND:
            raise
        return False
    return True


def leave_as_trust_manager_does(stack: Stack, certificates: Sequence[str]) -> None:
    """What Reconciler.applyConfigMap writes, as the manager of its fields."""
    for name, held in (("company-ca", certificates), ("held-ca", certificates[:1])):
        bundle = stack.client.get("Bundle", name)
        owner = {
            "apiVersion": f"{TRUST}/v1alpha1",
            "kind": "Bundle",
            "name": name,
            "uid": bundle["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
        for place in TRUSTING:
            metadata = {
                "name": name,
                "namespace": place,
                "labels": {f"{TRUST}/bundle": name, "purpose": "trust"},
                "annotations": {f"{TRUST}/hash": "0a1b"},
                "ownerReferences": [owner],
            }
            data = {"ca.crt": "\n".join(text.strip() for text in held)}
            item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
            stack.client.apply(item, field_manager="trust-manager")


def trust_manager(stack: Stack, folder: Path) -> Process:
    """The real trust-manager."""
    workspace = stack.control_plane.workspace
    probed = workspace.port()
    command = [
        program("trust-manager", "TRUST_MANAGER"),
        *(f"--kubeconfig={stack.control_plane.kubeconfig}", "--trust-namespace=trusted"),
        *("--leader-elect=false", "--webhook-host=127.0.0.1", f"--webhook-port={workspace.port()}"),
        *(f"--webhook-certificate-dir={folder}", f"--metrics-port={workspace.port()}"),
        f"--readiness-probe-port={probed}",
    ]
    url = f"http://127.0.0.1:{probed}/readyz"
    return Process(workspace, "trust-manager", command, ready=lambda: answers(url))


@pytest.mark.parametrize("by", ["objects as it leaves them", "the tool itself"])
def test_targets_of_trust_manager_lose_their_owner_and_are_never_away(
    stack: Stack, migrant: Migrant, folders: Callable[..., None], tmp_path: Path, by: str
) -> None:
    tool = trust_manager(stack, tmp_path) if by == "the tool itself" else None
    certificates = [certificate(name, tmp_path) for name in ("one", "two")]
    history = History(stack.client)
    give_trust_manager_work(stack, folders, certificates)
    if tool is None:
        leave_as_trust_manager_does(stack, certificates)
    else:
        tool.start()
        for name in ("company-ca", "held-ca"):
            for place in TRUSTING:
                stack.client.wait_for(
                    "ConfigMap", name, lambda item: "data" in item, "trust-manager to write", place
                )
    stop = tool.kill if tool else (lambda: None)

    try:
        migrant.follow(migrant.report("--from trust-manager", strategy_of(stack)), stop)
        if tool is not None:
            # Where it goes on for others, it leaves alone what it does not own.
            tool.start()
        stack.collect_garbage()
    finally:
        stop()

    for name in ("company-ca", "held-ca"):
        assert_taken_over(stack, history, "ConfigMap", name, TRUSTING, TRUST)
        assert stack.client.find("Bundle", name) is None
        copy = stack.client.get("ConfigMap", name, TRUSTING[0])
        assert copy["metadata"]["labels"]["purpose"] == "trust"


@pytest.mark.parametrize("stack", [SERVER_SIDE_APPLY], indirect=True)
def test_a_replicator_that_runs_goes_on_copying_into_what_no_longer_pulls(
    stack: Stack, folders: Callable[..., None]
) -> None:
    """Why the first step stops it; docs/migration.md says so."""
    tool = replicator(stack)
    give_replicator_work(stack, folders)
    client = stack.client
    try:
        tool.start()
        wait_until_replicated(stack)
        marks = {"metadata": {"annotations": {f"{REPLICATOR}/replicate-from": None}}}
        client.merge_patch("ConfigMap", "pulled", marks, "replicated-dev")
        labels = {"metadata": {"labels": {"synced-by": "app-config"}}}
        client.merge_patch("ConfigMap", "app-config", labels, "replicated-dev")

        client.merge_patch("ConfigMap", "app-config", {"data": {"CHANGED": "new"}}, "replicated")

        for name in ("pulled", "app-config"):
            changed = client.wait_for(
                "ConfigMap",
                name,
                lambda item: item["data"].get("CHANGED") == "new",
                "replicator to go on",
                "replicated-dev",
            )
        assert changed["metadata"]["labels"] == {"app": "web"}
    finally:
        tool.kill()


@pytest.mark.parametrize("stack", [SERVER_SIDE_APPLY], indirect=True)
def test_a_trust_manager_that_runs_restores_the_owner_of_its_target(
    stack: Stack, folders: Callable[..., None], tmp_path: Path
) -> None:
    """Why the first step stops it; docs/migration.md says so."""
    tool = trust_manager(stack, tmp_path)
    give_trust_manager_work(stack, folders, [certificate("one", tmp_path)] * 2)
    client, place = stack.client, TRUSTING[0]
    try:
        tool.start()
        before = client.wait_for("ConfigMap", "held-ca", owner_of_one, "its target", place)
        client.merge_patch("ConfigMap", "held-ca", {"metadata": {"ownerReferences": None}}, place)
        restored = client.wait_for("ConfigMap", "held-ca", owner_of_one, "its owner again", place)
    finally:
        tool.kill()
        for name in ("company-ca", "held-ca"):
            client.delete("Bundle", name)

    assert owner_of(restored) == owner_of(before) == [("Bundle", "held-ca")]
    assert restored["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]


def owner_of_one(item: Object) -> bool:
    return len(owner_of(item)) == 1


def test_targets_in_every_namespace_are_taken_over_where_a_syncer_can_reach_them(
    installed: InstalledWheel, tmp_path: Path
) -> None:
    """In a cluster of its own: everything in it is a target."""
    with Stack(SERVER_SIDE_APPLY) as stack:
        tool = trust_manager(stack, tmp_path)
        client = stack.client

        def make(*names: str, **labels: str) -> None:
            for name in names:
                metadata: Object = {"name": name, "labels": labels}
                client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})

        history = History(client)
        certificates = [certificate(name, tmp_path) for name in ("one", "two")]
        give_trust_manager_work(stack, make, certificates, selector={})
        places = [item["metadata"]["name"] for item in client.list("Namespace")]
        assert {"kube-system", "kube-public", "kube-node-lease", "default", "trusted"} < {*places}
        try:
            tool.start()
            for place in places:
                client.wait_for("ConfigMap", "held-ca", owner_of_one, "a target", place)
                client.wait_for("ConfigMap", "company-ca", owner_of_one, "a target", place)
            migrant = Migrant(installed, stack, tmp_path)
            migrant.follow(migrant.report("--from trust-manager"), tool.kill)
        finally:
            tool.kill()
        stack.collect_garbage()

        others = [place for place in places if place != "trusted"]
        for name in ("company-ca", "held-ca"):
            assert_taken_over(stack, history, "ConfigMap", name, others, TRUST)
            # The namespace of the sources keeps its object, which nobody owns.
            assert owner_of(client.get("ConfigMap", name, "trusted")) == []

"""What docs/uninstall.md says becomes of syncers and copies, whatever is removed before what."""

import re
import subprocess
from collections.abc import Callable, Iterator
from itertools import permutations

import pytest

from tests.controlplane import SERVER_SIDE_APPLY, Client, Object, Stack, wait_for
from tests.controlplane.stack import CRD
from tests.controlplane.tools import ROOT, kubectl
from tests.controlplane.workspace import environment

THE_CRD, THE_CONTROLLER, METACONTROLLER = "the CRD", "the CompositeController", "Metacontroller"
PARTS = (THE_CRD, THE_CONTROLLER, METACONTROLLER)
NAME = "configmapsyncers.config.example.com"
SOURCE, TARGETS = "uninstalled", ("uninstalled-dev", "uninstalled-prod")
SYNCER: Object = {
    "apiVersion": "config.example.com/v1alpha1",
    "kind": "ConfigMapSyncer",
    "metadata": {"name": "uninstalled"},
    "spec": {
        "sourceNamespace": SOURCE,
        "sourceConfigMap": "settings",
        "targetNamespaces": list(TARGETS),
    },
}
PAGE = (ROOT / "docs/uninstall.md").read_text("utf-8")
ROWS = {
    order: tuple(commands)
    for order, *commands in re.findall(
        r"^\| (the .+|Metacontroller.+) \| (.+) \| (.+) \| (.+) \| .+ \|$", PAGE, re.MULTILINE
    )
}
BRING_BACK = (
    "kubectl kustomize metacontroller/ | "
    "kubectl apply -l app.kubernetes.io/component=registration -f -"
)
FINALIZERS_OFF = (
    "kubectl get configmapsyncers -o name | xargs -n 1 kubectl patch --type merge "
    """-p '{"metadata":{"finalizers":null}}'"""
)
RETAIN = (
    "kubectl get configmapsyncers -o name | xargs -n 1 kubectl patch --type merge "
    """-p '{"spec":{"deletionPolicy":"Retain"}}'"""
)
DELETE = "kubectl delete configmapsyncers --all"
ORPHAN = f"{DELETE} --cascade=orphan"
DELETE_WHAT_IS_LEFT = (
    "kubectl delete configmaps,secrets -A -l app.kubernetes.io/managed-by=configmap-syncer"
)
GONE = ("gone", "gone", "gone")
HANGING = ("stay", "are stuck", "is stuck")
RETAINED = ("stay", "gone", "gone")
WITHOUT_OWNER = ("stay without owner", "gone", "gone")


def _id_of(what: object) -> str:
    if isinstance(what, tuple):
        return ", ".join(what)
    return str(getattr(what, "__name__", what)).replace("_", " ").strip()


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    """A stack that the tests of this module take apart and put together again."""
    with Stack(SERVER_SIDE_APPLY) as stack:
        for name in (SOURCE, *TARGETS):
            metadata = {"name": name}
            stack.client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        metadata = {"name": "settings", "namespace": SOURCE}
        stack.client.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
        yield stack


@pytest.fixture
def stack(running: Stack) -> Stack:
    """Everything installed, and a syncer with a copy in each of its targets."""
    if running.client.find("CustomResourceDefinition", NAME) is None:
        running.metacontroller.kill()
        running.control_plane.install_crds(CRD)
        # The garbage collector learns of a kind that comes later only after up to 30 s.
        running.control_plane.controller_manager.restart()
        running.install()
        running.metacontroller.start()
    running.client.apply(SYNCER)
    running.client.wait_for(
        "ConfigMapSyncer",
        SYNCER["metadata"]["name"],
        lambda syncer: syncer.get("status", {}).get("syncedCount") == len(TARGETS),
        "every copy",
    )
    return running


def _remove(stack: Stack, part: str) -> None:
    if part == METACONTROLLER:
        stack.metacontroller.kill()
    elif part == THE_CONTROLLER:
        stack.client.delete("CompositeController", "configmap-syncer")
    else:
        stack.client.delete("CustomResourceDefinition", NAME)
        # It is gone some seconds after the last syncer, and that may be never.
        wait_for(lambda: _syncers(stack) in ("are stuck", "gone"), "the CRD to begin to go")


def _copies(client: Client) -> list[Object]:
    return client.list("ConfigMap", labels="app.kubernetes.io/managed-by=configmap-syncer")


def _owners(client: Client) -> int:
    return sum(len(copy["metadata"].get("ownerReferences", ())) for copy in _copies(client))


def _syncers(stack: Stack) -> str:
    """What has become of the syncers: those that nobody looks after hang when they are deleted."""
    if stack.client.find("CustomResourceDefinition", NAME) is None:
        return "gone"
    found = stack.client.find("ConfigMapSyncer", SYNCER["metadata"]["name"])
    if found is None:
        return "gone"
    controller = stack.client.find("CompositeController", "configmap-syncer")
    looked_after = stack.metacontroller.running and controller is not None
    return "live" if looked_after or "deletionTimestamp" not in found["metadata"] else "are stuck"


def _left(stack: Stack) -> tuple[str, str, str]:
    """What has become of the copies, the syncers and the CRD, in the words of the page."""
    syncers = _syncers(stack)
    if syncers == "gone":
        stack.client.wait_until_gone("CustomResourceDefinition", NAME)
    stack.collect_garbage()
    copies = _copies(stack.client)
    assert len(copies) in (0, len(TARGETS))
    # A syncer that is gone is still named where its kind went before the collector came to a copy.
    is_owned = all(copy["metadata"].get("ownerReferences") for copy in copies)
    stay = "stay" if is_owned else "stay without owner"
    crd = stack.client.find("CustomResourceDefinition", NAME)
    return stay if copies else "gone", syncers, "is stuck" if crd else "gone"


def _run(stack: Stack, *commands: str) -> None:
    """Run commands that the page shows, as it shows them."""
    path = f"{kubectl().parent}:{environment().get('PATH', '')}"
    for command in commands:
        assert f"$ {command}\n" in PAGE or f"`{command}`" in PAGE
        subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            check=True,
            capture_output=True,
            cwd=ROOT,
            env=environment(KUBECONFIG=str(stack.control_plane.kubeconfig), PATH=path),
        )


def _bring_back(stack: Stack) -> None:
    _run(stack, BRING_BACK)
    stack.metacontroller.kill()
    # The hook of the tests is not where the registration's is.
    stack.install()
    stack.metacontroller.start()


def _take_the_finalizers_off(stack: Stack) -> None:
    _run(stack, FINALIZERS_OFF)


def _take_them_off_and_keep_the_copies(stack: Stack) -> None:
    _run(stack, f"{ORPHAN} --wait=false")
    wait_for(lambda: _owners(stack.client) == 0, "copies without owner")
    _run(stack, FINALIZERS_OFF)


@pytest.mark.parametrize(
    ("order", "left"),
    [
        ((THE_CRD, THE_CONTROLLER, METACONTROLLER), GONE),
        ((THE_CRD, METACONTROLLER, THE_CONTROLLER), GONE),
    ],
    ids=_id_of,
)
def test_the_crd_takes_every_syncer_and_copy_with_it_while_a_controller_runs(
    stack: Stack, order: tuple[str, ...], left: tuple[str, ...]
) -> None:
    first, *others = order
    _remove(stack, first)
    stack.client.wait_until_gone("CustomResourceDefinition", NAME)
    for part in others:
        _remove(stack, part)

    assert _left(stack) == ROWS[", ".join(order)] == left


@pytest.mark.parametrize(
    ("order", "way_out", "end"),
    [
        ((THE_CONTROLLER, THE_CRD, METACONTROLLER), _take_the_finalizers_off, GONE),
        (
            (THE_CONTROLLER, METACONTROLLER, THE_CRD),
            _take_them_off_and_keep_the_copies,
            WITHOUT_OWNER,
        ),
        ((METACONTROLLER, THE_CRD, THE_CONTROLLER), _bring_back, GONE),
        ((METACONTROLLER, THE_CONTROLLER, THE_CRD), _bring_back, GONE),
    ],
    ids=_id_of,
)
def test_syncers_without_a_controller_are_stuck_with_their_copies_until_a_way_out_is_taken(
    stack: Stack,
    order: tuple[str, ...],
    way_out: Callable[[Stack], None],
    end: tuple[str, ...],
) -> None:
    for part in order:
        _remove(stack, part)
    assert _left(stack) == ROWS[", ".join(order)] == HANGING

    way_out(stack)

    stack.client.wait_until_gone("CustomResourceDefinition", NAME)
    assert _left(stack) == end
    _run(stack, DELETE_WHAT_IS_LEFT)
    assert _copies(stack.client) == []


@pytest.mark.parametrize(
    ("commands", "row", "left"),
    [
        ((DELETE,), "the syncers, then the others in any order", GONE),
        (
            (RETAIN, DELETE),
            "the syncers under `deletionPolicy: Retain`, then the others in any order",
            RETAINED,
        ),
        (
            (ORPHAN,),
            "the syncers with `--cascade=orphan`, then the others in any order",
            WITHOUT_OWNER,
        ),
    ],
    ids=_id_of,
)
def test_once_the_syncers_are_gone_nothing_is_stuck(
    stack: Stack, commands: tuple[str, ...], row: str, left: tuple[str, ...]
) -> None:
    _run(stack, *commands)
    assert _syncers(stack) == "gone"
    # The order in which living syncers would hang.
    for part in (METACONTROLLER, THE_CONTROLLER, THE_CRD):
        _remove(stack, part)

    assert _left(stack) == ROWS[row] == left
    _run(stack, DELETE_WHAT_IS_LEFT)


def test_the_page_has_a_row_for_every_order() -> None:
    orders = {", ".join(order) for order in permutations(PARTS)}
    assert {row for row in ROWS if not row.startswith("the syncers")} == orders

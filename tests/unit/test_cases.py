"""Every folder of tests/cases: the whole answer, and what holds for every answer."""

import copy
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from hooks.api import protocol
from hooks.app import create_app
from hooks.copies.prune_guard import RECORDED_SECONDS
from hooks.finalize import finalize
from hooks.preview.simulator import registration
from hooks.preview.simulator.appliers import controller_reference
from hooks.preview.simulator.clock import Clock
from hooks.preview.simulator.cluster import Cluster
from hooks.preview.simulator.hook import ask, ask_labels, ask_related, encode
from hooks.preview.simulator.metacontroller import Metacontroller
from hooks.preview.simulator.objects import (
    RESOURCES,
    Object,
    is_deleting,
    key_of,
    namespace_of,
    with_metadata,
)
from hooks.preview.simulator.ownership import LAST_APPLIED
from hooks.preview.simulator.registration import Installation
from hooks.preview.simulator.schema import Schema
from hooks.sync import sync
from tests.cases import FOLDER, HOOKS, Case, cases, expanded, shortened
from tests.cases.asking import LoggedAnswer, answer_to, call_hook
from tests.definition import COPIED
from tests.scenarios.story import paths
from tests.wsgi import HookAnswer, hook_of

CASES = tuple(cases())
DEFERRED = tuple(case for case in CASES if case.is_deferred)
CHILDREN = tuple(
    case for case in CASES if case.hook in ("sync", "finalize") and case not in DEFERRED
)
ADOPT = tuple(case for case in CASES if case.hook == "adopt")
CUSTOMIZE = tuple(case for case in CASES if case.hook in ("customize", "adopt/customize"))
SCHEMA = Schema.load()
MOST_STEPS = 4
SHORTEST_SECRET = 6

every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_answer_with_children = pytest.mark.parametrize("case", CHILDREN, ids=str)
every_deferred_answer = pytest.mark.parametrize("case", DEFERRED, ids=str)
every_adopt = pytest.mark.parametrize("case", ADOPT, ids=str)
every_customize = pytest.mark.parametrize("case", CUSTOMIZE, ids=str)

UNSTORABLE = {
    "finalize/deletion-at-an-unreadable-time-is-not-deferred": "every API server tells the time",
    "sync/key-of-unknown-managers-crosses-in-two-writes": "every API server tells the managers",
    "sync/immutable-copy-of-unknown-managers-stays-immutable": "every API server tells them",
    "sync/copy-that-a-claim-would-make-too-large-is-replaced": "it holds more than it may",
    "sync/secrets-are-not-copied-where-the-webhook-s-url-is-not-known": "it is asked on loopback",
    "sync/secrets-that-would-cross-the-network-in-the-clear-are-not-copied": "so is this one",
    "sync/binary-values-over-one-mebibyte-are-too-large": "no API server stores that source",
    "sync/values-over-one-mebibyte-are-too-large": "no API server stores that source",
}
"""Cases that no cluster can hold, made to show a limit from its far side."""

ALL_NAMESPACES = {"apiVersion": "v1", "resource": "namespaces"}
ALL_SYNCERS = {"apiVersion": "config.example.com/v1alpha1", "resource": "configmapsyncers"}
BEHIND = {
    "sync/copy-that-is-about-to-be-released-is-left-to-the-next-sync": "a label is shown late",
    "sync/copy-that-is-about-to-be-released-is-in-no-plan": "a label is shown late",
    "sync/copy-that-is-ours-but-not-yet-observed-is-desired": "the copies are shown late",
    "sync/group-that-holds-nothing-may-be-empty-or-absent": "a namespace is not shown",
    "sync/marked-copy-of-a-secret-is-not-applied-after-the-deadline": "versions are not the same",
    "sync/secret-that-no-rule-selects-deletes-no-copy": "the rules are old",
    "sync/source-takes-no-copy-along-where-no-namespace-is-shown": "the rules are old",
    "sync/source-that-is-not-shown-takes-no-copy-along-that-is-not-shown-either": "so are these",
    "sync/children-and-related-may-be-null": "nothing is shown",
    "sync/rules-of-an-older-version-hold-every-copy": "the rules are old",
    "sync/rules-of-an-older-version-make-no-first-copy": "the rules are old",
    "sync/rules-of-an-older-version-say-nothing-of-closed-namespaces": "the rules are old",
    "sync/every-copy-is-kept-where-not-all-namespaces-are-shown": "the rules are old",
}
"""Cases in which Metacontroller shows less than there is; the simulated one is never behind."""


def installed(case: Case) -> Installation:
    """The registration that the case's request tells of."""
    children = {child["resource"] for child in case.request["controller"]["spec"]["childResources"]}
    is_enabled = "secrets" in children
    return Installation(
        case.strategy,
        registration.CHILDREN_WITH_SECRETS if is_enabled else registration.CHILDREN,
    )


@cache
def answer(case: Case) -> LoggedAnswer:
    return answer_to(case)


def test_there_is_a_case_of_every_hook() -> None:
    assert {case.hook for case in CASES} == set(HOOKS)


def test_a_case_is_in_the_folder_of_its_hook_and_concept() -> None:
    depths = {str(case): len(case.folder.relative_to(FOLDER / case.hook).parts) for case in CASES}
    assert {name: depth for name, depth in depths.items() if depth != 2} == {}


def test_no_name_of_a_case_or_story_begins_with_an_article() -> None:
    names = (*(case.folder.name for case in CASES), *(path.stem for path in paths()))
    assert [name for name in names if name.startswith(("a-", "an-", "the-"))] == []


@every_case
def test_the_answer_is_the_recorded_one(case: Case) -> None:
    answered = answer(case)

    assert answered.code == (429 if case in DEFERRED else 200), answered.body
    assert answered.decoded == case.response


@every_case
def test_the_same_request_gives_the_same_bytes(case: Case) -> None:
    assert answer_to(case).body == answer(case).body


@every_deferred_answer
def test_a_deferred_answer_is_there_when_metacontroller_asks_again(case: Case) -> None:
    later = case.now + timedelta(seconds=int(case.response["Retry-After"]))

    assert call_hook(case.hook, case.body, later, case.settings).code == 200


@every_answer_with_children
def test_the_request_is_not_changed(case: Case) -> None:
    request = protocol.decode_sync(case.body)
    before = copy.deepcopy(request)
    decide = {"sync": sync, "finalize": finalize}[case.hook]

    decide(request, case.settings.options, case.now)

    assert protocol.encode(request) == protocol.encode(before)


@every_answer_with_children
def test_metacontroller_can_read_the_answer(case: Case) -> None:
    response = ask(lambda _, __: (200, answer(case).body), case.hook, case.request)

    assert response.resync_after_seconds >= 0
    for child in response.children:
        kind = child["kind"]
        fields = {"apiVersion", "kind", "metadata", "data", "immutable"}
        assert set(child) <= fields | {"type" if kind == "Secret" else "binaryData"}
        assert (child["apiVersion"], kind) in {("v1", each) for each in COPIED}
        metadata = child["metadata"]
        assert set(metadata) <= {"name", "namespace", "labels", "annotations", "ownerReferences"}
        for owner in metadata.get("ownerReferences", ()):
            # Metacontroller adds the syncer, unless the annotation of dynamic apply takes it off;
            # apart from it only its own Namespace may own a copy.
            is_syncer = owner["kind"] == "ConfigMapSyncer"
            parent = case.request["parent"]["metadata"]
            name = parent["name"] if is_syncer else metadata["namespace"]
            assert (owner["kind"] in ("ConfigMapSyncer", "Namespace"), owner["name"]) == (
                True,
                name,
            )
            assert owner["uid"]
            assert (owner["controller"], owner["blockOwnerDeletion"]) == (is_syncer, is_syncer)
        assert metadata["name"]
        assert metadata["namespace"]
        assert "controller-uid" not in metadata.get("labels", {})
        assert LAST_APPLIED not in metadata.get("annotations", {})
    keys = [(c["metadata"]["namespace"], c["metadata"]["name"]) for c in response.children]
    assert len(set(keys)) == len(keys)


@every_customize
def test_metacontroller_can_read_the_rules(case: Case) -> None:
    rules = ask_related(lambda _, __: (200, answer(case).body), case.request)

    # Without names a rule selects everything, which is only ever meant of Namespaces and syncers.
    for rule in rules:
        selected = dict(rule)
        requirements = selected.pop("labelSelector", {}).get("matchExpressions", ())
        assert rule.get("names") or selected in (ALL_NAMESPACES, ALL_SYNCERS)
        assert "labelSelector" not in rule or requirements


@every_adopt
def test_metacontroller_can_read_the_label(case: Case) -> None:
    labels = ask_labels(lambda _, __: (200, answer(case).body), case.request)

    assert set(labels) <= {"controller-uid"}


@every_adopt
def test_what_gets_the_label_is_kept_by_the_next_sync(case: Case) -> None:
    labels = ask_labels(lambda _, __: (200, answer(case).body), case.request)
    if not labels:
        return
    given = case.request["object"]
    (parent,) = case.request["related"]["ConfigMapSyncer.config.example.com/v1alpha1"].values()
    adopted = with_metadata(
        given,
        labels={**given["metadata"]["labels"], **labels},
        ownerReferences=[controller_reference(parent)],
    )
    source = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "app-config", "namespace": "default"},
        "data": {"level": "info"},
    }
    request = {
        "controller": registration.composite_controller(registration.CHILDREN),
        "parent": parent,
        "children": {"ConfigMap.v1": {key_of(adopted): adopted}},
        "related": {
            "ConfigMap.v1": {key_of(item): item for item in (source, adopted)},
            "Namespace.v1": {
                **case.request["related"]["Namespace.v1"],
                "default": {"kind": "Namespace", "metadata": {"name": "default"}},
            },
        },
    }

    answered = call_hook("sync", encode(request), case.now, case.settings)

    (child,) = answered.decoded["children"]
    assert (place(child), child["data"]["level"]) == (place(given), "info")


@every_case
def test_no_answer_holds_a_null(case: Case) -> None:
    assert None not in values(answer(case).decoded)


@every_answer_with_children
def test_the_status_is_what_the_crd_describes(case: Case) -> None:
    syncer = {
        "apiVersion": "config.example.com/v1alpha1",
        "kind": "ConfigMapSyncer",
        "metadata": {"name": "sample"},
        "spec": {
            "sourceNamespace": "default",
            "sourceConfigMap": "app-config",
            "targetNamespaces": ["dev"],
        },
        "status": answer(case).decoded["status"],
    }

    assert SCHEMA.violations(syncer) == []


@every_answer_with_children
def test_the_counts_add_up_and_the_lists_are_sorted(case: Case) -> None:
    status = answer(case).decoded["status"]

    counted = status["syncedCount"] + status["pendingCount"] + status["failedCount"]
    # On top of the targets come namespaces whose copy should be gone and is there.
    assert 0 <= counted - status["targetCount"] <= len(left_out(case))
    for names in (status["syncedNamespaces"], status["failedNamespaces"]):
        assert names == sorted(names)
    reasons = [failure["namespace"] for failure in status["failures"]]
    assert reasons == sorted(reasons)
    assert status["observedGeneration"] == case.request["parent"]["metadata"]["generation"]
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")
    all_synced = status["syncedCount"] == status["targetCount"] == counted
    if counted == 0:
        all_synced = ready["reason"] == "NoTargets"
    acts = case.hook == "sync" and ready["reason"] not in {"PruneHeld", "Suspended"}
    assert (ready["status"] == "True") == (all_synced and acts)


@every_answer_with_children
def test_the_conditions_that_kstatus_reads_are_there_only_while_they_are_true(case: Case) -> None:
    conditions = answer(case).decoded["status"]["conditions"]
    ready = conditions[-1]
    for_kstatus = [each for each in conditions if each["type"] in ("Reconciling", "Stalled")]

    named = ["SourceResolved", "Synced", *(each["type"] for each in for_kstatus), "Ready"]
    assert [each["type"] for each in conditions] == named
    assert [each["status"] for each in for_kstatus] == ["True"] * len(for_kstatus)
    assert len(for_kstatus) == (ready["status"] == "False" and ready["reason"] != "Suspended")
    for each in for_kstatus:
        if each["type"] == "Stalled":
            assert (each["reason"], each["message"]) == (ready["reason"], ready["message"])


@every_answer_with_children
def test_without_a_source_no_copy_is_deleted(case: Case) -> None:
    response = answer(case).decoded
    resolved = next(c for c in response["status"]["conditions"] if c["type"] == "SourceResolved")
    if case.hook == "finalize" or resolved["status"] == "True":
        return
    kept = {(c["metadata"]["namespace"], c["metadata"]["name"]) for c in response["children"]}

    observed = [copy for copy in group(case, "children", "ConfigMap.v1") if not is_deleting(copy)]
    for found in observed:
        place = (found["metadata"]["namespace"], found["metadata"]["name"])
        assert place in kept or not is_open(case, place[0]) or goes_with_its_source(case, found)


@every_answer_with_children
def test_what_is_not_ours_is_never_returned(case: Case) -> None:
    ours = case.request["parent"]["metadata"]
    observed = {place(copy) for copy in group(case, "children", "ConfigMap.v1")}
    spec = case.request["parent"].get("spec")
    is_overwriting = isinstance(spec, dict) and spec.get("conflictPolicy") == "Overwrite"
    foreign = {
        place(found)
        for found in group(case, "related", "ConfigMap.v1")
        if place(found) not in observed and not belongs(found, ours)
        if not (is_overwriting and is_free(found))
    }

    assert not foreign & {place(child) for child in answer(case).decoded.get("children", ())}


@every_case
def test_no_data_is_in_the_log_or_the_status(case: Case) -> None:
    status = json.dumps(answer(case).decoded.get("status", {}))
    objects = [
        *([case.request["object"]] if case.hook == "adopt" else []),
        *group(case, "children", "ConfigMap.v1"),
        *group(case, "related", "ConfigMap.v1"),
    ]
    for found in objects:
        for field in ("data", "binaryData"):
            for value in (found.get(field) or {}).values():
                if len(value) >= SHORTEST_SECRET:
                    assert value not in answer(case).log
                    assert value not in status


@pytest.mark.long
@pytest.mark.parametrize(
    "case", [case for case in CHILDREN if str(case) not in UNSTORABLE], ids=str
)
def test_the_answer_comes_true_in_four_steps_at_most(case: Case) -> None:
    clock = Clock(case.now)
    post = hook_of(create_app(case.settings, clock, io.StringIO()))
    answers: list[bytes] = []

    def hook(path: str, body: bytes) -> HookAnswer:
        answered = post(path, body)
        if path != "/customize":
            answers.append(answered[1])
        return answered

    cluster = restored(case, clock)
    metacontroller = Metacontroller(cluster, hook, clock, installed=installed(case))
    metacontroller.settle()

    # What the cluster shows is what the case says, so the story begins with the case's answer.
    first, recorded = json.loads(answers[0]), answer(case).decoded
    for answered_status in (first["status"], recorded["status"]):
        # Versions are the cluster's own.
        answered_status.pop("sourceResourceVersion", None)
    assert first == recorded or str(case) in BEHIND
    assert len(answers) <= 1 + MOST_STEPS
    assert metacontroller.events == []
    # What is recorded in the status takes effect when it is read back, and begins steps of its own.
    recorded_seconds = f'"resyncAfterSeconds":{RECORDED_SECONDS}'.encode()
    while recorded_seconds in answers[-1]:
        metacontroller.advance(RECORDED_SECONDS)
        metacontroller.settle()
    before = everything(cluster)
    metacontroller._queue.add(case.request["parent"]["metadata"]["name"])
    metacontroller.settle()
    assert everything(cluster) == before


@pytest.mark.parametrize(
    ("small", "value"),
    [
        pytest.param({"$repeat": ["x", 101]}, "x" * 101, id="a long text of one character"),
        pytest.param(
            {"$list": {"count": 21, "value": {"name": "n{n}"}}},
            [{"name": f"n{number:04}"} for number in range(21)],
            id="a long list of numbered items",
        ),
        pytest.param(list(range(30)), list(range(30)), id="a long list of other items"),
        pytest.param({"a": [1, "x", None]}, {"a": [1, "x", None]}, id="what is small already"),
    ],
)
def test_what_is_written_small_is_read_as_it_was(small: Any, value: Any) -> None:
    assert shortened(value) == small
    assert expanded(small) == value


def restored(case: Case, clock: Clock) -> Cluster:
    """A cluster that holds just what the request shows."""
    cluster = Cluster(clock)
    for kind in RESOURCES.values():
        shown = {
            place(found): found
            for field in ("related", "children")
            for found in group(case, field, kind.group_key)
        }
        for found in shown.values():
            cluster.restore(found)
    cluster.restore(case.request["parent"])
    return cluster


def everything(cluster: Cluster) -> list[Object]:
    return [item for kind in RESOURCES for item in cluster.list(kind)]


def group(case: Case, field: str, name: str) -> list[Object]:
    return list(((case.request.get(field) or {}).get(name) or {}).values())


def place(found: Object) -> tuple[str, str]:
    return namespace_of(found), found["metadata"]["name"]


def is_free(found: Object) -> bool:
    """Whether nothing on an object says that somebody controls it, or that it is a source."""
    metadata = found["metadata"]
    return not (
        any(owner.get("controller") for owner in metadata.get("ownerReferences") or ())
        or "synced-by" in (metadata.get("labels") or {})
        or "config.example.com/allow-sync-to" in (metadata.get("annotations") or {})
    )


def belongs(found: Object, syncer: Object) -> bool:
    """Whether an object is a copy of this syncer, observed or not: design rule 5."""
    owners = found["metadata"].get("ownerReferences") or ()
    controllers = [owner["uid"] for owner in owners if owner.get("controller")]
    labels = found["metadata"].get("labels") or {}
    return controllers == [syncer["uid"]] or (
        not controllers and labels.get("synced-by") == syncer["name"]
    )


def left_out(case: Case) -> set[str]:
    """The namespaces with an observed copy that the answer leaves out."""
    returned = {place(child) for child in answer(case).decoded.get("children", ())}
    kinds = ("ConfigMap.v1", "Secret.v1")
    observed = {place(copy) for kind in kinds for copy in group(case, "children", kind)}
    return {namespace for namespace, _ in observed - returned}


def is_open(case: Case, namespace: str) -> bool:
    """Whether a namespace is shown, and takes objects."""
    shown = {found["metadata"]["name"]: found for found in group(case, "related", "Namespace.v1")}
    found = shown.get(namespace)
    return (
        found is not None
        and not is_deleting(found)
        and found.get("status", {}).get("phase") != "Terminating"
    )


def goes_with_its_source(case: Case, copy: Object) -> bool:
    """Whether a copy names the missing source and is deleted with it."""
    spec = case.request["parent"]["spec"]
    kind = {"ConfigMap": "sourceConfigMap", "Secret": "sourceSecret"}[copy["kind"]]
    source = f"{spec['sourceNamespace']}/{spec.get(kind)}"
    made_from: str = copy["metadata"]["annotations"]["config.example.com/source"]
    return spec.get("sourceDeletionPolicy") == "Delete" and made_from == source


def values(value: Any) -> Iterator[Any]:
    """Every value in JSON that is neither a map nor a list."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from values(item)
    else:
        yield value


@every_answer_with_children
def test_the_log_has_sizes_only_when_they_are_not_those_of_secrets(case: Case) -> None:
    (line,) = map(json.loads, answer(case).log.splitlines())
    groups = [case.request.get(part) or {} for part in ("children", "related")]
    has_secrets = any(group.get("Secret.v1") for group in groups)

    assert ("requestBytes" in line, "responseBytes" in line) == (not has_secrets, not has_secrets)

"""The steps of a migration in their order: at no moment is a namespace without its object.

The tool is stopped before anything else: it deletes copies, or restores its marks, when it sees
them change. A copy loses the tool's marks and gets the syncer's label in one write.
"""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from hooks.api.names import CONTROLLER_UID, PLURAL, RESOURCE, SYNCED_BY
from hooks.migration.carrying import Carried
from hooks.migration.controller import INSTALLED, ToolController
from hooks.migration.inventory import annotations_of
from hooks.migration.replication import Marks
from hooks.migration.trust_manager import BUNDLE_LABEL, BUNDLES
from hooks.preview.options import Strategy
from hooks.preview.simulator.objects import Object, labels_of, name_of, namespace_of, owners_of

_SECONDS: Final = 120
_KUBECTL: Final = "kubectl "


@dataclass(frozen=True, slots=True)
class MigrationStep:
    """What to do, why, and the commands that do it.

    `file` is that of the manifests, where the commands apply it. One that `is_reading` changes
    nothing in the cluster.
    """

    title: str
    why: str
    commands: Sequence[str]
    file: str = ""
    is_reading: bool = False


@dataclass(frozen=True, slots=True)
class Departure:
    """What steps are about: the syncers, the tool's controller, and whether it is needed on.

    `writing` is the command that writes the manifests into the file `manifests`, and `cluster` are
    the options of kubectl that say which cluster is meant.
    """

    carried: Sequence[Carried]
    controller: ToolController
    strategy: Strategy
    writing: str
    manifests: str
    cluster: Sequence[str]
    is_needed_on: bool


def steps(departure: Departure) -> list[MigrationStep]:
    """All of them; none where nothing is carried over."""
    if not departure.carried:
        return []
    stop, *others = (_in_cluster(step, _kubectl(departure)) for step in _steps(departure))
    return [stop, _writing(departure), *others]


def _writing(departure: Departure) -> MigrationStep:
    return MigrationStep(
        "Write the manifests to a file, and read them",
        f"They are made of the marks of {departure.controller.title}, which the next steps remove.",
        [departure.writing],
        is_reading=True,
    )


def _kubectl(departure: Departure) -> str:
    """How kubectl is called for the cluster that is meant."""
    return "".join(f"{word} " for word in ("kubectl", *map(shlex.quote, departure.cluster)))


def _in_cluster(step: MigrationStep, kubectl: str) -> MigrationStep:
    # At the beginning alone: the same words can be in what a command writes.
    commands = [
        f"{kubectl}{command.removeprefix(_KUBECTL)}" if command.startswith(_KUBECTL) else command
        for command in step.commands
    ]
    return replace(step, commands=commands)


def _steps(departure: Departure) -> Iterator[MigrationStep]:
    tool = departure.controller.title
    yield _stop(departure.controller)
    if patches := list(_source_patches(departure.carried)):
        yield MigrationStep(
            "Write the sources as the copies are",
            "trust-manager sorts certificates and removes what stands between them. With the same "
            "in the source, no copy changes.",
            patches,
        )
    if commands := list(_unmarked_sources(departure)):
        yield MigrationStep(
            "Take the annotations off the sources",
            f"Without them, {tool} takes nothing back when it is started again. Remove them also "
            f"where the sources come from: {INSTALLED[departure.controller.tool].sources}.",
            commands,
        )
    yield MigrationStep(
        "Create the syncers",
        "They leave the copies alone and report them as conflicts until the next step.",
        [f"kubectl apply -f {departure.manifests}"],
        departure.manifests,
    )
    owners = any(each.replication.marks.owners for each in departure.carried)
    if commands := list(_hand_overs(departure.carried)):
        yield MigrationStep(
            "Hand over the copies",
            f"Each command removes the marks of {tool} from one object"
            f"{', and the owner with which it would be deleted' if owners else ''}, and names the "
            "syncer, in one write.",
            commands,
        )
    if commands and departure.strategy is Strategy.DYNAMIC:
        yield MigrationStep(
            "Let Metacontroller write the copies",
            "The component metacontroller/components/adoption does this, too; where it is "
            "installed, the labels are there already.",
            list(_adoptions(departure.carried, _kubectl(departure))),
        )
    yield _check(departure)
    if bundles := _retired(departure):
        yield MigrationStep(
            "Delete the Bundles",
            "They own nothing any more, so the garbage collector deletes nothing with them. The "
            "first commands show what is still marked as a target, which should be nothing.",
            [*map(_marked, bundles), *map(_deletion, bundles)],
        )
    yield _end(departure)


def _check(departure: Departure) -> MigrationStep:
    names = [each.name for each in departure.carried]
    syncers = [f"{RESOURCE}/{name}" for name in names]
    return MigrationStep(
        "Check that every copy is taken over",
        "Nothing has been deleted until here.",
        [
            shlex.join(
                ["kubectl", "wait", "--for=condition=Ready", *syncers, f"--timeout={_SECONDS}s"]
            ),
            shlex.join(["kubectl", "get", PLURAL, *names]),
        ],
    )


def _stop(controller: ToolController) -> MigrationStep:
    place = ["-n", controller.namespace]
    pods = ",".join(f"{key}={value}" for key, value in controller.pods.items())
    guess = (
        ""
        if controller.is_known
        else (" Its Deployment was not found; this is its usual name, so correct it.")
    )
    return MigrationStep(
        f"Stop {controller.title}",
        "Its copies stay as they are, and nothing updates them until they are handed over. Where "
        f"GitOps or a CronJob starts it, stop that first.{guess} What it has copied since this "
        "report was made, a new report has: make one now.",
        [
            shlex.join(
                ["kubectl", "scale", f"deployment/{controller.name}", *place, "--replicas=0"]
            ),
            shlex.join(
                [
                    *("kubectl", "wait", "--for=delete", "pods", *place),
                    *("-l", pods, f"--timeout={_SECONDS}s"),
                ]
            ),
        ],
    )


def _end(departure: Departure) -> MigrationStep:
    controller = departure.controller
    if departure.is_needed_on:
        replicas = f"--replicas={controller.replicas}"
        place = ["-n", controller.namespace]
        return MigrationStep(
            f"Start {controller.title} again",
            "It goes on with what is not carried over, and knows nothing of what is.",
            [shlex.join(["kubectl", "scale", f"deployment/{controller.name}", *place, replicas])],
        )
    return MigrationStep(
        f"Uninstall {controller.title}",
        "Nothing is left that it does. Uninstall it in the way in which it was installed.",
        [],
    )


def _source_patches(carried: Sequence[Carried]) -> Iterator[str]:
    for each in carried:
        if each.replication.source_patch is not None:
            yield _patched(each.replication.source, each.replication.source_patch)


def _unmarked_sources(departure: Departure) -> Iterator[str]:
    """Each source loses what makes the tool push, and what lets pull where nothing pulls on."""
    pulled_on = {
        _key(each.replication.source)
        for each in departure.carried
        if set(each.replication.pulled) - each.kept.keys()
    }
    marks: dict[tuple[str, str, str], dict[str, None]] = {}
    for each in departure.carried:
        source = each.replication.source
        given = each.replication.source_marks
        if _key(source) not in pulled_on:
            given = [*given, *each.replication.permissions]
        there = annotations_of(source)
        marks.setdefault(_key(source), {}).update(
            dict.fromkeys(mark for mark in given if mark in there)
        )
    for (kind, namespace, name), found in marks.items():
        if found:
            removed = [f"{mark}-" for mark in found]
            yield shlex.join(["kubectl", "annotate", kind.lower(), name, "-n", namespace, *removed])


def _key(item: Object) -> tuple[str, str, str]:
    return item["kind"], namespace_of(item), name_of(item)


def _hand_overs(carried: Sequence[Carried]) -> Iterator[str]:
    for each in carried:
        marks = each.replication.marks
        for copy in each.kept.values():
            yield _patched(copy, _released(copy, marks, {SYNCED_BY: each.name}))
        for copy in each.released:
            yield _patched(copy, _released(copy, marks, {}))


def _released(copy: Object, marks: Marks, given: Mapping[str, str]) -> Object:
    """A merge patch that takes a tool's marks off, and gives labels."""
    annotations = {mark: None for mark in marks.annotations if mark in annotations_of(copy)}
    labels = [*given.items(), *((mark, None) for mark in marks.labels if mark in labels_of(copy))]
    owners = owners_of(copy)
    others = [owner for owner in owners if owner.get("uid") not in marks.owners]
    metadata: Object = {}
    if annotations:
        metadata["annotations"] = annotations
    if labels:
        metadata["labels"] = dict(labels)
    if len(others) < len(owners):
        metadata["ownerReferences"] = others or None
    return {"metadata": metadata}


def _adoptions(carried: Sequence[Carried], kubectl: str) -> Iterator[str]:
    for each in carried:
        syncer = shlex.quote(f"{RESOURCE}/{each.name}")
        uid = f"\"$({kubectl}get {syncer} -o jsonpath='{{.metadata.uid}}')\""
        for copy in each.kept.values():
            named = ["kubectl", "label", copy["kind"].lower(), name_of(copy)]
            place = ["-n", namespace_of(copy), "--overwrite"]
            yield f"{shlex.join([*named, *place])} {CONTROLLER_UID}={uid}"


def _retired(departure: Departure) -> list[Object]:
    return [bundle for each in departure.carried for bundle in each.replication.retired]


def _marked(bundle: Object) -> str:
    label = f"{BUNDLE_LABEL}={name_of(bundle)}"
    return shlex.join(["kubectl", "get", "configmaps", "-A", "-l", label])


def _deletion(bundle: Object) -> str:
    return shlex.join(["kubectl", "delete", BUNDLES, name_of(bundle)])


def _patched(item: Object, patch: Object) -> str:
    named = ["kubectl", "patch", item["kind"].lower(), name_of(item), "-n", namespace_of(item)]
    return shlex.join([*named, "--type=merge", "-p", json.dumps(patch, separators=(",", ":"))])

"""The end of a story in a form in which two worlds can be compared.

Uids are replaced by what they are the uids of, times by the word for it, and versions go: every
other byte of every object must be the same in memory as it is on a real control plane, down to
who owns which field.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from hooks.preview.simulator.objects import RESOURCES
from tests.scenarios.story import Manifest, ObjectReference, Story

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# What confirms or approves a change is a digest of the syncer's uid, and of times, too.
_TOKEN = re.compile(
    r'((?:confirm-prune|approve-rollout)(?:=|": ")|"(?:pruneToken|approvalToken)": ")'
    r"[0-9a-f]{16}(?:,[0-9a-f]{16})*\b"
)
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# A map is there as long as somebody has a key in it; whose it is decides nothing.
_MAPS = {"/f:data", "/f:binaryData", "/f:metadata/f:labels", "/f:metadata/f:annotations"}
# The name under which a user writes says which client it was.
_USERS = {"python-requests": "user"}


class Listing(Protocol):
    """A world whose objects can be listed."""

    def objects(self, kind: str) -> list[Manifest]: ...


def end_state(story: Story, world: Listing) -> dict[str, Any]:
    """Every object of the story by its reference, without what two worlds cannot have in common."""
    found = {str(ObjectReference.of(item)): item for item in _of_story(story, world)}
    names = {item["metadata"]["uid"]: name for name, item in found.items()}
    versions = {item["metadata"]["resourceVersion"]: name for name, item in found.items()}
    end = {name: _comparable(item, names, versions) for name, item in sorted(found.items())}
    if story.is_a_race:
        # Whether the one that lost had the copy for a moment is not known before.
        for item in end.values():
            item.get("status", {}).pop("lastSyncTime", None)
    return end


def _of_story(story: Story, world: Listing) -> Iterable[Manifest]:
    for kind in RESOURCES:
        for item in world.objects(kind):
            metadata = item["metadata"]
            if metadata.get("namespace", metadata["name"]).startswith(story.prefix):
                yield {"kind": kind} | {k: v for k, v in item.items() if k != "apiVersion"}


def _comparable(item: Manifest, names: dict[str, str], versions: dict[str, str]) -> Any:
    metadata = {
        key: value
        for key, value in item["metadata"].items()
        if key not in ("resourceVersion", "managedFields")
    }
    compared = {**item, "metadata": metadata}
    if seen := item.get("status", {}).get("sourceResourceVersion"):
        version = f"the version of {versions.get(seen, 'what has gone')}"
        compared["status"] = {**item["status"], "sourceResourceVersion": version}
    if item["kind"] in ("ConfigMap", "Secret"):
        compared["fields"] = _owners(item["metadata"].get("managedFields", ()))
    text = json.dumps(compared, sort_keys=True)
    for uid, name in names.items():
        text = text.replace(uid, f"uid of {name}")
    text = _UID.sub("uid of what is gone", text)
    text = _TOKEN.sub(r"\1token", text)
    named = json.loads(_TIME.sub("time", text))
    for fields in named.get("fields", {}).values():
        # Owners have stood in the order of their uids until now.
        fields.sort()
    return named


def differences(real: Any, simulated: Any, where: str = "") -> Iterator[str]:
    """One line for every place in which two end states differ; none when they are the same."""
    if isinstance(real, dict) and isinstance(simulated, dict):
        for key in sorted(real.keys() | simulated.keys()):
            yield from differences(real.get(key), simulated.get(key), f"{where}/{key}")
    elif real != simulated:
        yield f"{where}: really {real!r}, simulated {simulated!r}"


def _owners(managed_fields: Iterable[Manifest]) -> dict[str, list[str]]:
    """The fields of every field manager that has one."""
    owners = {}
    for entry in managed_fields:
        manager = _USERS.get(entry["manager"], entry["manager"])
        if fields := sorted(set(_paths(entry["fieldsV1"])) - _MAPS):
            owners[f"{manager} by {entry['operation']}"] = fields
    return owners


def _paths(tree: Manifest, path: str = "") -> Iterator[str]:
    for step, below in tree.items():
        if step != ".":
            yield from _paths(below, f"{path}/{step}") if below else [f"{path}/{step}"]

"""Requests that are full of what others may write: keys, fields, owners, finalizers, consents.

Each is a recorded request of tests/cases with one thing in it many times. None of it may cost the
hook more than it costs to read.
"""

import copy
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hooks.resolve.source import content_hash
from tests.cases import find

Request = dict[str, Any]

_KEY: Final = "dev/app-config"
_SOURCE: Final = "default/app-config"
_SECRET: Final = "hand-added-key-of-a-secret-is-claimed-first"
_CONFIG_MAP: Final = "key-that-only-another-manager-owns-is-taken-out-before-it-changes-sides"
_VALUE: Final = "eA=="


def keys_applied_as_metacontroller(number: int) -> Request:
    """A Secret's copy with keys that its tenant applied under Metacontroller's name."""
    request = _recorded(_SECRET)
    for found in _copies(request):
        found["data"] = _many(number, _VALUE)
        found["metadata"]["managedFields"][0]["fieldsV1"]["f:data"] = _fields(number)
    return request


def keys_of_a_manager_each(number: int) -> Request:
    """A Secret's copy in which each key has its own field manager."""
    request = _recorded(_SECRET)
    for found in _copies(request):
        found["data"] = _many(number, _VALUE)
        ours = found["metadata"]["managedFields"][0]
        found["metadata"]["managedFields"] += [
            ours | {"manager": f"tenant-{key}", "fieldsV1": {"f:data": {f"f:{key}": {}}}}
            for key in _names(number)
        ]
    return request


def keys_that_cross_sides(number: int) -> Request:
    """A ConfigMap's copy with a forged digest, whose keys the source has on the other side."""
    request = _recorded(_CONFIG_MAP)
    source = request["related"]["ConfigMap.v1"][_SOURCE]
    source["data"], source["binaryData"] = {}, _many(number, _VALUE)
    held = _many(number, "x")
    for found in _copies(request):
        found["data"] = held
        found["metadata"]["annotations"]["config.example.com/content-hash"] = content_hash(held, {})
        found["metadata"]["managedFields"][0]["fieldsV1"]["f:data"] = _fields(number)
    return request


def keys_to_be_claimed(number: int) -> Request:
    """A ConfigMap's copy with keys that somebody else has added."""
    request = _recorded(_CONFIG_MAP)
    for found in _copies(request):
        found["data"] = _many(number, "x")
        found["metadata"]["managedFields"][1]["fieldsV1"]["f:data"] = _fields(number)
    return request


def keys_of_the_source(number: int) -> Request:
    """A source of many keys; globs select some, and others get another name."""
    request = _recorded(_CONFIG_MAP)
    request["related"]["ConfigMap.v1"][_SOURCE]["data"] = _many(number, "x")
    names = list(_names(number))
    request["parent"]["spec"] |= {
        "keys": [f"*{name[4:]}*" for name in names[:1_000]] + ["*"],
        "renameKeys": {name: f"renamed-{name}" for name in names[:100]},
    }
    return request


def owners(number: int) -> Request:
    """A copy, and an object in the way of another one, that many others own."""
    request = _recorded(_CONFIG_MAP)
    many = [
        {"apiVersion": "v1", "kind": "Node", "name": name, "uid": name} for name in _names(number)
    ]
    for found in _copies(request):
        metadata = found["metadata"]
        metadata["ownerReferences"] = many + metadata["ownerReferences"]
    in_the_way = copy.deepcopy(request["related"]["ConfigMap.v1"][_KEY])
    in_the_way["metadata"] |= {"namespace": "prod", "ownerReferences": many, "labels": {}}
    request["related"]["ConfigMap.v1"]["prod/app-config"] = in_the_way
    return _with_namespaces(request, ["prod"])


def finalizers(number: int) -> Request:
    """A copy that hangs in deletion, with many finalizers."""
    request = _recorded(_CONFIG_MAP)
    for found in _copies(request):
        found["metadata"]["deletionTimestamp"] = "2026-01-01T12:00:00Z"
        found["metadata"]["finalizers"] = [f"example.com/{name}" for name in _names(number)]
    return request


def metadata_of_a_held_copy(number: int) -> Request:
    """A copy with many labels and annotations, all owned by Metacontroller's field manager."""
    request = _recorded(_CONFIG_MAP)
    del request["related"]["ConfigMap.v1"][_SOURCE]
    for found in _copies(request):
        metadata = found["metadata"]
        ours = metadata["managedFields"][0]["fieldsV1"]["f:metadata"]
        for part in ("labels", "annotations"):
            metadata[part] |= _many(number, "x")
            ours[f"f:{part}"] |= _fields(number)
    return request


def last_applied_annotation(number: int) -> Request:
    """A held copy whose annotation of dynamic apply names many labels."""
    request = _recorded(_CONFIG_MAP)
    del request["related"]["ConfigMap.v1"][_SOURCE]
    applied = json.dumps({"metadata": {"labels": _many(number, "x")}})
    for found in _copies(request):
        found["metadata"]["labels"] |= _many(number, "x")
        found["metadata"]["annotations"]["metacontroller.k8s.io/last-applied-configuration"] = (
            applied
        )
    return request


def consent_to_many(number: int) -> Request:
    """A source whose consent names many namespaces, and many targets."""
    request = _recorded(_CONFIG_MAP)
    listed = ",".join([*_names(number), *(f"*{n}*x" for n in range(100))])
    source = request["related"]["ConfigMap.v1"][_SOURCE]
    source["metadata"]["annotations"] = {"config.example.com/allow-sync-to": listed}
    return _with_namespaces(request, _names(number))


def missing_source(number: int) -> Request:
    """Many targets that wait for a source and failed before."""
    request = _with_namespaces(_recorded(_CONFIG_MAP), _names(number))
    del request["related"]["ConfigMap.v1"][_SOURCE]
    names = list(_names(number))
    request["parent"]["status"] |= {
        "failedNamespaces": names,
        "syncedNamespaces": names,
        "failures": [{"namespace": name, "reason": "NotApplied"} for name in names],
    }
    return request


def globs_and_namespaces(number: int) -> Request:
    """Many namespaces, and as many globs that could match them."""
    request = _with_namespaces(_recorded(_CONFIG_MAP), _names(number))
    request["parent"]["spec"] |= {
        "targetNamespaces": [f"*{name[4:]}*x" for name in _names(min(number, 10_000))],
        "excludeNamespaces": [f"{'*a' * 20}{n}" for n in range(100)],
    }
    request["related"]["Namespace.v1"]["kube-system"] = _namespace(request, "kube-system")
    return request


def copies_that_others_made(number: int) -> Request:
    """Many objects of one namespace that carry a copy's owner and labels."""
    request = _recorded(_CONFIG_MAP)
    group = request["children"]["ConfigMap.v1"]
    for name in _names(number):
        made = copy.deepcopy(group[_KEY])
        made["metadata"] |= {"name": name, "namespace": "elsewhere"}
        group[f"elsewhere/{name}"] = made
    return request


@dataclass(frozen=True, slots=True)
class Situation:
    """A request with so many of something, and the reason that its answer gives for `Ready`."""

    make: Callable[[int], Request]
    reason: str
    limit: float = 3.0
    """How many times `json.loads` of its body a sync may cost."""


SITUATIONS: Final[Mapping[str, Situation]] = {
    "keys applied as Metacontroller": Situation(keys_applied_as_metacontroller, "Progressing"),
    "keys of a manager each": Situation(keys_of_a_manager_each, "Progressing"),
    "keys that cross sides": Situation(keys_that_cross_sides, "Progressing"),
    "keys to be claimed": Situation(keys_to_be_claimed, "Progressing"),
    # Each key has to be held against 1,000 globs, which are as many as a spec can have.
    "keys of the source, under 1,000 globs": Situation(keys_of_the_source, "Progressing", 60.0),
    "owners": Situation(owners, "TargetsBlocked"),
    "finalizers": Situation(finalizers, "Progressing"),
    "labels and annotations": Situation(metadata_of_a_held_copy, "SourceNotFound"),
    "fields of the last-applied annotation": Situation(last_applied_annotation, "SourceNotFound"),
    "consents and targets": Situation(consent_to_many, "TargetsBlocked"),
    "targets without a source": Situation(missing_source, "SourceNotFound"),
    "namespaces and globs": Situation(globs_and_namespaces, "Progressing"),
    "copies that others made": Situation(copies_that_others_made, "Progressing"),
}


def encoded(request: Request) -> bytes:
    """A request as Metacontroller sends it: Go writes the keys of a map in their order."""
    return json.dumps(request, separators=(",", ":"), sort_keys=True).encode()


def _recorded(name: str) -> Request:
    request: Request = find("sync", name).request
    return request


def _copies(request: Request) -> Iterator[Any]:
    """The copy in dev, as it is observed and as it is related."""
    for shown in ("children", "related"):
        for group in request[shown].values():
            if _KEY in group:
                yield group[_KEY]


def _names(number: int) -> Iterator[str]:
    return (f"also{n:06}" for n in range(number))


def _many(number: int, value: str) -> dict[str, str]:
    return dict.fromkeys(_names(number), value)


def _fields(number: int) -> dict[str, Any]:
    return {f"f:{name}": {} for name in _names(number)}


def _with_namespaces(request: Request, names: Iterable[str]) -> Request:
    for name in names:
        request["related"]["Namespace.v1"][name] = _namespace(request, name)
        request["parent"]["spec"]["targetNamespaces"].append(name)
    return request


def _namespace(request: Request, name: str) -> Any:
    made = copy.deepcopy(request["related"]["Namespace.v1"]["dev"])
    made["metadata"] |= {"name": name, "labels": {"kubernetes.io/metadata.name": name}}
    return made

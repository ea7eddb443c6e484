"""Give a request much of what others may write: keys, fields, owners, finalizers, consents.

Work that grows with the square shows only where there is a lot of something, and mutations of
small requests seldom make that by themselves.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from tests.fuzzing.calls import decoded

NUMBER: Final = 500
"""How many of each: enough for a square to be far more than what it is the square of."""
_OBJECTS: Final = 2
"""How many objects get so much, so that one request does not take a second."""
_NAMES: Final = [f"many{number}" for number in range(NUMBER)]
_CONSENTS: Final = ("config.example.com/allow-sync-to", "config.example.com/accept-sync-from")
_MAPS: Final = ("data", "binaryData", "labels", "annotations")
_LISTS: Final = ("finalizers", "ownerReferences", "managedFields")


def crowded(body: bytes) -> bytes:
    """The same request with a lot in it; what is no request stays what it is."""
    request = decoded(body)
    if not isinstance(request, dict):
        return body
    for found in _objects(request):
        for part in (found, found.get("metadata")):
            if isinstance(part, dict):
                _crowd(part)
    return json.dumps(request).encode()


def _objects(request: Any) -> Iterator[Any]:
    """The parent, and the first objects of every group, each as child and as related object."""
    yield from filter(_is_map, [request.get("parent")])
    for shown in filter(_is_map, (request.get("children"), request.get("related"))):
        for group in filter(_is_map, shown.values()):
            yield from filter(_is_map, list(group.values())[:_OBJECTS])


def _crowd(part: Any) -> None:
    for field in _MAPS:
        if isinstance(part.get(field), dict):
            part[field] |= dict.fromkeys(_NAMES, "eA==")
    for field in _LISTS:
        value = part.get(field)
        if isinstance(value, list) and value:
            for entry in value:
                _crowd_fields(entry)
            value += [_another(value[-1], name) for name in _NAMES]
    annotations = part.get("annotations")
    for consent in _CONSENTS:
        if isinstance(annotations, dict) and consent in annotations:
            annotations[consent] = ",".join([*_NAMES, str(annotations[consent])])


def _crowd_fields(entry: Any) -> None:
    """Let a field manager own as much of what it owns something of."""
    fields = entry.get("fieldsV1") if isinstance(entry, dict) else None
    while isinstance(fields, dict):
        for field, owned in fields.items():
            if isinstance(owned, dict) and field.removeprefix("f:") in _MAPS:
                owned |= {f"f:{name}": {} for name in _NAMES}
        fields = fields.get("f:metadata")


def _another(value: Any, name: str) -> Any:
    """Another entry of a list, much like one that stands there."""
    if isinstance(value, dict):
        return {**value, "name": name, "uid": name, "manager": name, "fieldsV1": {}}
    return name if isinstance(value, str) else value


def _is_map(value: Any) -> bool:
    return isinstance(value, dict)

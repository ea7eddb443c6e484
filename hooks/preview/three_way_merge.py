"""Merge what is wanted into what is there, knowing what was wanted last time.

Dynamic apply is Metacontroller's stand-in for `kubectl apply`: a field that was wanted and is no
longer goes, a field that is wanted is set, every other one stays. It knows no types, so it guesses
which lists are maps. Facts: Metacontroller's package `dynamic/apply`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

_ABSENT: Final = None
# In this order; `name` wins over `uid`, which is why owners are told apart by their names.
_MERGE_KEYS: Final = ("containerPort", "port", "mountPath", "name", "uid", "ip", "path")


class MergeError(Exception):
    """A field is a map or a list on one side and something else on the other."""


def merge(observed: Any, last_applied: Any, desired: Any, path: str = "") -> Any:  # noqa: ANN401 - JSON of any shape
    """The observed value with the difference from `last_applied` to `desired` made in it.

    Nothing that is handed in is changed. Raises MergeError.
    """
    if isinstance(observed, Mapping):
        last, wanted = (_of_kind(Mapping, value, path) or {} for value in (last_applied, desired))
        return _merge_maps(observed, last, wanted, path)
    if isinstance(observed, list):
        lists = [
            observed,
            *(_of_kind(list, value, path) or [] for value in (last_applied, desired)),
        ]
        key = _merge_key(lists)
        return desired if key is None else _merge_lists(key, lists, path)
    return desired


def _of_kind(kind: type, value: Any, path: str) -> Any:  # noqa: ANN401 - as merge
    if value is not None and not isinstance(value, kind):
        raise MergeError(f"{path}: expecting a {kind.__name__.lower()}")
    return value


def _merge_maps(
    observed: Mapping[str, Any], last: Mapping[str, Any], desired: Mapping[str, Any], path: str
) -> dict[str, Any]:
    kept = {key: value for key, value in observed.items() if key in desired or key not in last}
    return kept | {
        key: merge(observed.get(key, _ABSENT), last.get(key), value, f"{path}[{key}]")
        for key, value in desired.items()
    }


def _merge_lists(key: str, lists: Sequence[list[dict[str, Any]]], path: str) -> list[Any]:
    """Lists of maps that a key tells apart: in the order that is there, what is new at the end."""
    observed, last, desired = ({str(item[key]): item for item in items} for items in lists)
    merged = _merge_maps(observed, last, desired, path)
    return list(merged.values())


def _merge_key(lists: Sequence[list[Any]]) -> str | None:
    """The key that every item of all lists has; None where the lists are not lists of maps."""
    items = [item for items in lists for item in items]
    if not items or not all(isinstance(item, Mapping) for item in items):
        return None
    return next((key for key in _MERGE_KEYS if all(key in item for item in items)), None)

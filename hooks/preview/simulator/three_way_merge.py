"""Merge what is desired into what is there, knowing what was desired last time.

Dynamic apply is Metacontroller's stand-in for `kubectl apply`: a field that was desired and is no
longer goes, a field that is desired is set, every other one stays. It knows no types, so it guesses
which lists are maps. Facts: Metacontroller's package `dynamic/apply`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

_ABSENT: Final = None
# In this order; `name` wins over `uid`, which is why owners are distinguished by their names.
_MERGE_KEYS: Final = ("containerPort", "port", "mountPath", "name", "uid", "ip", "path")


def merge(observed: Any, last_applied: Any, desired: Any) -> Any:  # noqa: ANN401 - JSON of any shape
    """The observed value with the difference from `last_applied` to `desired` made in it.

    Nothing that is handed in is changed. A value of another kind than the observed one counts as
    empty: Metacontroller means to refuse it, but its check is never true.
    """
    if isinstance(observed, Mapping):
        last, new = (
            value if isinstance(value, Mapping) else {} for value in (last_applied, desired)
        )
        return _merge_maps(observed, last, new)
    if isinstance(observed, list):
        lists = [
            observed,
            *(value if isinstance(value, list) else [] for value in (last_applied, desired)),
        ]
        key = _merge_key(lists)
        return desired if key is None else _merge_lists(key, lists)
    return desired


def _merge_maps(
    observed: Mapping[str, Any], last: Mapping[str, Any], desired: Mapping[str, Any]
) -> dict[str, Any]:
    kept = {key: value for key, value in observed.items() if key in desired or key not in last}
    return kept | {
        key: merge(observed.get(key, _ABSENT), last.get(key), value)
        for key, value in desired.items()
    }


def _merge_lists(key: str, lists: Sequence[list[dict[str, Any]]]) -> list[Any]:
    """Lists of maps that a key tells apart: in the order that is there, what is new at the end."""
    observed, last, desired = ({str(item[key]): item for item in items} for items in lists)
    merged = _merge_maps(observed, last, desired)
    return list(merged.values())


def _merge_key(lists: Sequence[list[Any]]) -> str | None:
    """The key that every item of all lists has; None where the lists are not lists of maps."""
    items = [item for items in lists for item in items]
    if not items or not all(isinstance(item, Mapping) for item in items):
        return None
    return next((key for key in _MERGE_KEYS if all(key in item for item in items)), None)

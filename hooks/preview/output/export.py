"""Write objects for other tools: as one List, as `kubectl get -o yaml` would print it.

Values of Secrets are never among it (redaction.py).
"""

import json
from collections.abc import Collection, Iterable
from typing import Final, TextIO

import yaml

from hooks.preview.input import scalars
from hooks.preview.redaction import redacted
from hooks.preview.simulator.objects import Object, with_metadata

_FastDumper: Final[type[yaml.SafeDumper]] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_FastDumper):  # type: ignore[valid-type,misc]
    """YAML as people read it: nothing by reference, text of many lines as such."""

    yaml_implicit_resolvers = scalars.EITHER_WAY

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def write_yaml(items: Collection[Object], to: TextIO) -> None:
    """Write a List in YAML, object by object: all of it at once would be many times as large."""
    head = {key: value for key, value in _list(()).items() if key != "items"}
    _dump(head, to)
    to.write("items:\n" if items else "items: []\n")
    for item in items:
        _dump([shown(item)], to)


def documents(items: Iterable[Object]) -> str:
    """Manifests in YAML, each a document of its own, as they are applied."""
    return "".join(f"---\n{_dump(shown(item))}" for item in items)


def write_json(items: Iterable[Object], to: TextIO) -> None:
    """Write a List in JSON, in ASCII, so that no value can take hold of a terminal."""
    json.dump(_list(items), to, indent=4)
    to.write("\n")


def shown(item: Object) -> Object:
    """An object without managedFields, and a Secret without its values."""
    item = with_metadata(item, managedFields=None) if "managedFields" in item["metadata"] else item
    return redacted(item)


def _dump(value: object, to: TextIO | None = None) -> str:
    """Write a value, or return it as a text where there is nothing to write to."""
    written: str | None = yaml.dump(
        value, to, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000
    )
    return written or ""


def _list(items: Iterable[Object]) -> Object:
    return {"apiVersion": "v1", "kind": "List", "items": [shown(item) for item in items]}

"""Syncers whose content is rolled out, as they are once the hook has done its work."""

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

import yaml

Objects = list[dict[str, Any]]
Settled = Callable[..., Objects]

MARKER = "PLANTED"
"""What stands in every value of a Secret, and in nothing that may be printed."""

CANARY = {"name": "canary", "targetNamespaces": ["dev"], "soakSeconds": 600}
EARLY = {"name": "early", "namespaceSelector": {"tier": "early"}, "approval": "Manual"}
REST = {"name": "rest"}
STAGES = (CANARY, EARLY, REST)
NAMESPACES = {"dev": {}, "qa": {"tier": "early"}, "prod": {}, "shared": {}}
FIRST = {"level": "info", "text": "a\nb\n", "old": "x"}
SECOND = {"level": "debug", "text": "a\nc\n", "new": "z"}


_SETTLED: dict[str, str] = {}
"""What the hook made of each input: many tests begin with the same one."""


def syncer(stages: Sequence[dict[str, Any]], *, is_secret: bool = False) -> dict[str, Any]:
    source = "sourceSecret" if is_secret else "sourceConfigMap"
    return {
        "apiVersion": "config.example.com/v1alpha1",
        "kind": "ConfigMapSyncer",
        "metadata": {"name": "team"},
        "spec": {
            "sourceNamespace": "shared",
            source: "settings",
            "targetNamespaces": ["dev", "qa", "prod"],
            "rollout": {"stages": list(stages)},
        },
    }


def source(values: dict[str, str], *, is_secret: bool = False) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "settings", "namespace": "shared"}
    item = {"apiVersion": "v1", "metadata": metadata}
    if not is_secret:
        return item | {"kind": "ConfigMap", "data": values}
    metadata["annotations"] = {"config.example.com/allow-sync-to": "*"}
    marked = {key: f"{MARKER}-{value}" for key, value in values.items()}
    return item | {"kind": "Secret", "stringData": marked}


def changed(
    settled: Settled,
    folder: Any,
    stages: Sequence[dict[str, Any]] = STAGES,
    *,
    is_secret: bool = False,
) -> Objects:
    """The objects after the first content went everywhere and the source was changed."""
    namespaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        for name, labels in NAMESPACES.items()
    ]
    given = [syncer(stages, is_secret=is_secret), source(FIRST, is_secret=is_secret), *namespaces]
    (folder / "given.yaml").write_text(yaml.safe_dump_all(given))
    (folder / "change.yaml").write_text(yaml.safe_dump(source(SECOND, is_secret=is_secret)))
    more = ["--secrets"] if is_secret else []
    key = json.dumps([given, is_secret])
    if key not in _SETTLED:
        done = settled(folder / "given.yaml", "--change", folder / "change.yaml", *more)
        _SETTLED[key] = json.dumps(done)
    objects: Objects = json.loads(_SETTLED[key])
    recorded = syncer_in(objects)["status"]["rollout"]
    contents = {recorded["stableRevision"]: FIRST, recorded["updateRevision"]: SECOND}
    for item in objects:
        if is_secret and (values := contents.get(item["metadata"]["name"])):
            # A preview prints no value of a Secret.
            item["data"] = {key: encoded(value) for key, value in values.items()}
    return objects


def encoded(value: str) -> str:
    """A value as a Secret has it, with the marker in it."""
    return base64.b64encode(f"{MARKER}-{value}".encode()).decode()


def is_leaking(printed: str) -> bool:
    """Whether anything of a Secret's values was printed, encoded or not."""
    return MARKER in printed or base64.b64encode(MARKER.encode()).decode()[:8] in printed


def syncer_in(objects: Objects) -> dict[str, Any]:
    """The one syncer among the objects."""
    (found,) = (item for item in objects if item["kind"] == "ConfigMapSyncer")
    return found

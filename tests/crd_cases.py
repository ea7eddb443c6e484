"""The ConfigMapSyncers of tests/crds: what the API accepts, what it refuses, and in which words."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from hooks.preview.simulator.objects import Object
from tests.definition import STATUS

_FOLDER = Path(__file__).with_name("crds")
_ERROR = "# error: "


@dataclass(frozen=True, slots=True)
class RefusedManifest:
    """A manifest that is refused, and what the refusal says."""

    manifest: Object
    error: str


def valid() -> dict[str, Object]:
    """Manifests that are accepted, by the sentence that names them."""
    return {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in _files("valid")}


def invalid() -> dict[str, RefusedManifest]:
    """Manifests that are refused, by the sentence that names them."""
    return {path.stem: _refused(path) for path in _files("invalid")}


def with_targets(count: int) -> Object:
    """A ConfigMapSyncer with that many targets, with names as long as they can be."""
    return {
        "apiVersion": "config.example.com/v1alpha1",
        "kind": "ConfigMapSyncer",
        "metadata": {"name": "many-targets"},
        "spec": {
            "sourceNamespace": "default",
            "sourceConfigMap": "app-config",
            "targetNamespaces": [f"{'n' * 58}{number:05}" for number in range(count)],
        },
    }


def full_status() -> Object:
    """A status in which every field and every reason for a failed namespace is used."""
    reasons = STATUS["failures"]["items"]["properties"]["reason"]["enum"]
    since = "2025-01-01T00:00:00Z"
    condition = {
        "status": "False",
        "reason": "TargetsBlocked",
        "message": "1 of 2 target namespaces cannot get its copy.",
        "lastTransitionTime": "2025-01-01T00:00:00Z",
        "observedGeneration": 3,
    }
    return {
        "observedGeneration": 3,
        "conditions": [condition | {"type": type_} for type_ in ("Ready", "Synced")],
        "syncedNamespaces": ["dev"],
        "failedNamespaces": ["prod"],
        "targetCount": 3,
        "syncedCount": 1,
        "pendingCount": 1,
        "failedCount": 1,
        "failures": [
            {
                "namespace": f"team-{number}",
                "reason": reason,
                "message": "A sentence.",
                "since": since,
            }
            for number, reason in enumerate(reasons)
        ],
        "contentHash": "sha256:" + "0123456789abcdef" * 4,
        "sourceResourceVersion": "42",
        "lastSyncTime": "2025-01-01T00:00:00Z",
        "pendingSince": "2025-01-01T00:00:01Z",
        "pruneToken": "0123456789abcdef",
        "formerSources": ["default/app-config"],
        "rollout": {
            "updateRevision": "many-targets-0123456789abcdef",
            "stableRevision": "many-targets-fedcba9876543210",
            "phase": "Halted",
            "stage": "canary",
            "startedAt": since,
            "soakingSince": since,
            "updatedCount": 1,
            "targetCount": 3,
            "approvalToken": "0123456789abcdef",
            "failures": [{"namespace": "dev", "reason": "NotApplied", "message": "A sentence."}],
        },
        "plan": {
            "create": {"count": 1, "namespaces": ["dev"]},
            "update": {
                "count": 1,
                "copies": [{"namespace": "prod", "keyCount": 1, "keys": ["app.yaml"]}],
            },
            "takeOver": {"count": 1, "copies": [{"namespace": "staging", "keyCount": 0}]},
            "delete": {"count": 1, "namespaces": ["team-1"]},
            "hold": {"count": 1, "namespaces": ["team-2"]},
            "fail": {"count": 0},
        },
    }


def _files(verdict: str) -> list[Path]:
    return sorted((_FOLDER / verdict).glob("*.yaml"))


def _refused(path: Path) -> RefusedManifest:
    text = path.read_text("utf-8")
    first_line, _, _ = text.partition("\n")
    assert first_line.startswith(_ERROR), f"{path.name} must begin with '{_ERROR}'"
    return RefusedManifest(yaml.safe_load(text), first_line.removeprefix(_ERROR))

"""The names of the API: its group and kind, and the labels and annotations on objects."""

from typing import Final

GROUP: Final = "config.example.com"
SYNCER_KIND: Final = "ConfigMapSyncer"
SYNCER_API_VERSION: Final = f"{GROUP}/v1alpha1"
PLURAL: Final = "configmapsyncers"
RESOURCE: Final = "configmapsyncer"
"""The name under which kubectl finds a syncer; the commands in messages use it."""

RELATED: Final = f"{SYNCER_KIND}.{SYNCER_API_VERSION}"
"""The group of related objects that holds syncers; its keys are plain names."""

NAMESPACES: Final = "Namespace.v1"
"""The group of related objects that holds Namespaces; its keys are plain names."""

SYNCED_BY: Final = "synced-by"
"""The label that names the syncer of a copy, and hands an object over to it."""

SYNCED_FROM: Final = "synced-from"
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGER: Final = "configmap-syncer"
"""The value of MANAGED_BY."""

CONTROLLER_UID: Final = "controller-uid"
"""Metacontroller's own label on children (generateSelector); read in messages, never returned."""

SOURCE: Final = f"{GROUP}/source"
"""The annotation on a copy that names its source as `namespace/name`."""

CONTENT_HASH: Final = f"{GROUP}/content-hash"
"""The annotation on a copy of a ConfigMap with the digest of what was written."""

HELD: Final = f"{GROUP}/held"
"""Comes and goes on a copy of a Secret for as long as that has dynamic apply's annotation."""

REVISION_OF: Final = f"{GROUP}/revision-of"
"""The label on a stored revision that names its syncer."""

REVISION: Final = f"{GROUP}/revision"
"""The annotation on a copy that names the revision that it holds."""

APPROVE_ROLLOUT: Final = f"{GROUP}/approve-rollout"
"""The annotation on a syncer that approves the steps of a rollout whose tokens it lists."""

ROLLOUT_FAILED: Final = f"{GROUP}/rollout-failed"
"""The annotation on a Namespace that says that this revision fails there."""

CONFIRM_PRUNE: Final = f"{GROUP}/confirm-prune"
"""The annotation on a syncer that lets through the change whose token is its value."""

ALLOW_SYNC_TO: Final = f"{GROUP}/allow-sync-to"
"""The annotation on a source that lists the namespaces which may hold a copy."""

ACCEPT_SYNC_FROM: Final = f"{GROUP}/accept-sync-from"
"""The annotation on a Namespace that lists the namespaces from which it takes copies."""

LAST_APPLIED: Final = "metacontroller.k8s.io/last-applied-configuration"
"""Where dynamic apply keeps what it wrote; its presence tells which strategy wrote a copy."""

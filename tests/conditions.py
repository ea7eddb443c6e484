"""Look up a condition of a ConfigMapSyncer by its type; their order and number mean nothing."""

from hooks.preview.simulator.objects import Object


def condition(status: Object, kind: str) -> Object:
    """One condition of a status; empty where the status does not have it."""
    return next((each for each in status.get("conditions") or () if each["type"] == kind), {})


def ready(status: Object) -> Object:
    """The condition `Ready` of a status; empty where nobody has looked at the syncer yet."""
    return condition(status, "Ready")


def ready_of(syncer: Object) -> Object:
    """The condition `Ready` of a syncer; empty where it has no status yet."""
    return ready(syncer.get("status", {}))

"""What our controllers ask of Metacontroller, as far as the offline run follows it.

The CompositeController is the one that `metacontroller/` installs, without or with its component
for Secrets, the DecoratorController that of its component for adoption; the hook is sent them with
every request.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hooks.preview.simulator.objects import (
    CONFIG_MAP,
    CONTROLLER_UID,
    COPIED,
    SECRET,
    SYNCED_BY,
    Object,
    Resource,
)

NAME: Final = "configmap-syncer"
FINALIZER: Final = f"metacontroller.io/compositecontroller-{NAME}"
RESYNC_PERIOD_SECONDS: Final = 300

CHILDREN: Final = tuple(resource for resource in COPIED if resource is not SECRET)
CHILDREN_WITH_SECRETS: Final = COPIED


@dataclass(frozen=True, slots=True)
class Installation:
    """How Metacontroller writes (its flag `--apply-strategy`), and which kinds of children.

    The component for adoption makes a difference under dynamic apply alone.
    """

    strategy: str = "server-side-apply"
    children: Sequence[Resource] = CHILDREN
    has_adoption: bool = False


BASE: Final = Installation()
"""What `metacontroller/` installs without components, with a Metacontroller as we advise it."""


def composite_controller(children: Sequence[Resource]) -> Object:
    """The CompositeController with so many kinds of children."""
    return {
        "apiVersion": "metacontroller.k8s.io/v1alpha1",
        "kind": "CompositeController",
        "metadata": {"name": NAME},
        "spec": {
            "generateSelector": True,
            "resyncPeriodSeconds": RESYNC_PERIOD_SECONDS,
            "parentResource": {
                "apiVersion": "config.example.com/v1alpha1",
                "resource": "configmapsyncers",
                "ignoreStatusChanges": True,
            },
            "childResources": [
                {
                    "apiVersion": child.api_version,
                    "resource": child.plural,
                    "updateStrategy": {"method": "InPlace"},
                }
                for child in children
            ],
            "hooks": {
                hook: {"version": "v2", "webhook": {"url": f"http://127.0.0.1:8080/{hook}"}}
                for hook in ("sync", "finalize", "customize")
            },
        },
    }


ADOPTION: Final[Object] = {
    "apiVersion": "metacontroller.k8s.io/v1alpha1",
    "kind": "DecoratorController",
    "metadata": {"name": f"{NAME}-adoption"},
    "spec": {
        "resyncPeriodSeconds": RESYNC_PERIOD_SECONDS,
        "resources": [
            {
                "apiVersion": CONFIG_MAP.api_version,
                "resource": CONFIG_MAP.plural,
                "labelSelector": {
                    "matchExpressions": [
                        {"key": SYNCED_BY, "operator": "Exists"},
                        {"key": CONTROLLER_UID, "operator": "DoesNotExist"},
                    ]
                },
            }
        ],
        "hooks": {
            hook: {"version": "v2", "webhook": {"url": f"http://127.0.0.1:8080/{path}"}}
            for hook, path in {"sync": "adopt", "customize": "adopt/customize"}.items()
        },
    },
}
"""The DecoratorController that labels what is handed over."""

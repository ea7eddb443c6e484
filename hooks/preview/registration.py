"""What the CompositeController asks of Metacontroller, as far as the offline run follows it.

The same as `metacontroller/` installs; the hook is sent it with every request.
"""

from typing import Final

from hooks.preview.objects import Object

NAME: Final = "configmap-syncer"
FINALIZER: Final = f"metacontroller.io/compositecontroller-{NAME}"
RESYNC_PERIOD_SECONDS: Final = 900

COMPOSITE_CONTROLLER: Final[Object] = {
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
                "apiVersion": "v1",
                "resource": "configmaps",
                "updateStrategy": {"method": "InPlace"},
            }
        ],
        "hooks": {
            hook: {"version": "v2", "webhook": {"url": f"http://127.0.0.1:8080/{hook}"}}
            for hook in ("sync", "finalize", "customize")
        },
    },
}

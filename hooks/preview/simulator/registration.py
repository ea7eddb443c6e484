"""What our controllers ask of Metacontroller, as far as the offline run follows it.

The CompositeController is the one that `metacontroller/` installs, without or with its component
for Secrets, the DecoratorController that of its component for adoption; the hook is sent them with
every request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import yaml

from hooks.preview.options import Strategy
from hooks.preview.simulator.files import YAML_LOADER, shipped
from hooks.preview.simulator.objects import COPIED, SECRET, Object, Resource

_FOLDER: Final = "metacontroller"
_HOOK_URL: Final = "http://127.0.0.1:8080"
"""Where `metacontroller/local` has the hook; only the path says anything in a simulation."""


def _registered(file: str, hooks: Mapping[str, str]) -> Object:
    """A controller as its manifest registers it, without labels, and with local webhooks."""
    text = shipped(f"{_FOLDER}/{file}").read_text("utf-8")
    manifest: Object = yaml.load(text, YAML_LOADER)  # noqa: S506 - a safe loader
    webhooks = {
        hook: {"version": "v2", "webhook": {"url": f"{_HOOK_URL}/{path}"}}
        for hook, path in hooks.items()
    }
    return manifest | {
        "metadata": {"name": manifest["metadata"]["name"]},
        "spec": manifest["spec"] | {"hooks": webhooks},
    }


_COMPOSITE: Final = _registered(
    "registration/compositecontroller.yaml",
    {hook: hook for hook in ("sync", "finalize", "customize")},
)
NAME: Final = str(_COMPOSITE["metadata"]["name"])
FINALIZER: Final = f"metacontroller.io/compositecontroller-{NAME}"
RESYNC_PERIOD_SECONDS: Final = int(_COMPOSITE["spec"]["resyncPeriodSeconds"])

CHILDREN: Final = tuple(resource for resource in COPIED if resource is not SECRET)
CHILDREN_WITH_SECRETS: Final = COPIED


@dataclass(frozen=True, slots=True)
class Installation:
    """How Metacontroller writes (its flag `--apply-strategy`), and which kinds of children.

    The component for adoption makes a difference under dynamic apply alone.
    """

    strategy: str = Strategy.SERVER_SIDE
    children: Sequence[Resource] = CHILDREN
    has_adoption: bool = False


BASE: Final = Installation()
"""What `metacontroller/` installs without components, with a Metacontroller as we advise it."""


def composite_controller(children: Sequence[Resource]) -> Object:
    """The CompositeController with so many kinds of children."""
    registered = _COMPOSITE["spec"]["childResources"][0]
    child_resources = [
        registered | {"apiVersion": child.api_version, "resource": child.plural}
        for child in children
    ]
    return _COMPOSITE | {"spec": _COMPOSITE["spec"] | {"childResources": child_resources}}


ADOPTION: Final = _registered(
    "components/adoption/decoratorcontroller.yaml",
    {"sync": "adopt", "customize": "adopt/customize"},
)
"""The DecoratorController that labels what is handed over."""

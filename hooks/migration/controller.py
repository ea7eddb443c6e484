"""The controller of a tool: which Deployment it is, and what its arguments say."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hooks.migration.inventory import Inventory
from hooks.migration.options import Tool
from hooks.preview.simulator.objects import Object, name_of, namespace_of

DEPLOYMENT: Final = "Deployment"
_ALLOWS_ALL: Final = frozenset(
    f"{dashes}allow-all{value}" for dashes in ("-", "--") for value in ("", "=true")
)


@dataclass(frozen=True, slots=True)
class Installed:
    """How a tool is called, and how its own manifests and charts install it."""

    title: str
    image: str
    namespace: str
    deployment: str
    pods: Mapping[str, str]
    sources: str


INSTALLED: Final[Mapping[Tool, Installed]] = {
    Tool.REFLECTOR: Installed(
        "Reflector",
        "kubernetes-reflector",
        "kube-system",
        "reflector",
        {"app.kubernetes.io/name": "reflector"},
        "their manifests, Helm values, or cert-manager's secretTemplate",
    ),
    Tool.REPLICATOR: Installed(
        "kubernetes-replicator",
        "kubernetes-replicator",
        "kube-system",
        "replicator-kubernetes-replicator",
        {"app.kubernetes.io/name": "kubernetes-replicator"},
        "their manifests, Helm values, or cert-manager's secretTemplate",
    ),
    Tool.TRUST_MANAGER: Installed(
        "trust-manager",
        "trust-manager",
        "cert-manager",
        "trust-manager",
        {"app": "trust-manager"},
        "",
    ),
}


@dataclass(frozen=True, slots=True)
class ToolController:
    """The Deployment that is stopped; `is_known` tells whether it was read, or is a guess.

    Where it `allows_all`, replicator lets everything be pulled, whatever the source says.
    """

    tool: Tool
    namespace: str
    name: str
    pods: Mapping[str, str]
    replicas: int
    trust_namespace: str
    is_known: bool
    allows_all: bool = False

    @property
    def title(self) -> str:
        """What the tool is called."""
        return INSTALLED[self.tool].title


def controller(tool: Tool, inventory: Inventory, namespace: str | None) -> ToolController:
    """The tool's Deployment: in a namespace, or wherever one has its image."""
    installed = INSTALLED[tool]
    for item in inventory.of_kind(DEPLOYMENT):
        arguments = list(_arguments(item, installed.image))
        if arguments and namespace in (None, namespace_of(item)):
            spec = item.get("spec") or {}
            return ToolController(
                tool,
                namespace_of(item),
                name_of(item),
                spec.get("selector", {}).get("matchLabels") or installed.pods,
                spec.get("replicas", 1) or 1,
                _trust_namespace(arguments[0]),
                is_known=True,
                allows_all=not _ALLOWS_ALL.isdisjoint(arguments[0]),
            )
    place = namespace or installed.namespace
    return ToolController(
        tool, place, installed.deployment, installed.pods, 1, place, is_known=False
    )


def _arguments(deployment: Object, image: str) -> Iterator[Sequence[str]]:
    """The arguments of the containers that run an image of this name."""
    template = (deployment.get("spec") or {}).get("template") or {}
    for container in (template.get("spec") or {}).get("containers") or ():
        repository = str(container.get("image", "")).partition("@")[0].rpartition("/")[2]
        if repository.partition(":")[0] == image:
            yield container.get("args") or ()


def _trust_namespace(arguments: Sequence[str]) -> str:
    for argument in arguments:
        option, _, value = argument.partition("=")
        if option == "--trust-namespace":
            return value
    return INSTALLED[Tool.TRUST_MANAGER].namespace

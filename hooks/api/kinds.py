"""The kinds of objects that are copied: how Kubernetes calls them, and in what they differ."""

from dataclasses import dataclass
from typing import Final

API_VERSION: Final = "v1"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind, by the names under which the API, Metacontroller and a syncer's spec know it.

    Of a secret kind nothing that is derived from values leaves the objects, not even a digest.
    """

    name: str
    resource: str
    is_secret: bool

    @property
    def field(self) -> str:
        """The field of a syncer's spec that names a source of the kind."""
        return f"source{self.name}"

    @property
    def group(self) -> str:
        """The key of the kind's group in a hook request, `Kind.version`."""
        return f"{self.name}.{API_VERSION}"


CONFIG_MAP: Final = Kind("ConfigMap", "configmaps", is_secret=False)
SECRET: Final = Kind("Secret", "secrets", is_secret=True)
KINDS: Final = (CONFIG_MAP, SECRET)
_BY_NAME: Final = {kind.name: kind for kind in KINDS}


def of(name: str) -> Kind:
    """The kind of an observed object by its `kind`."""
    return _BY_NAME.get(name, CONFIG_MAP)

"""Find the manifests that the simulator follows.

In the repository and in the image they are next to the package, in the wheel inside it.
"""

from pathlib import Path
from typing import Final

import yaml

YAML_LOADER: Final[type[yaml.SafeLoader]] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The loader in C is ten times as fast; PyYAML can be built without it."""

_PACKAGE: Final = Path(__file__).parents[2]
_IN_WHEEL: Final = _PACKAGE / "shipped"
"""Where `pyproject.toml` puts the manifests in the wheel."""


def shipped(path: str) -> Path:
    """A manifest by its path in the repository."""
    return (_IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent) / path

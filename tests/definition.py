"""What the custom resource definition says of the API, without the code of the service."""

from pathlib import Path
from typing import Any, Final

import yaml

CRD: Final = "crds/configmapsyncers.config.example.com.yaml"
_ROOT: Final = Path(__file__).resolve().parents[1]

VERSION: Final[dict[str, Any]] = yaml.safe_load((_ROOT / CRD).read_text("utf-8"))["spec"][
    "versions"
][0]
_PROPERTIES: Final = VERSION["schema"]["openAPIV3Schema"]["properties"]
SPEC: Final[dict[str, dict[str, Any]]] = _PROPERTIES["spec"]["properties"]
"""The schemas of the fields of `spec`."""
STATUS: Final[dict[str, dict[str, Any]]] = _PROPERTIES["status"]["properties"]
"""The schemas of the fields of `status`."""
DEFAULTS: Final = {name: schema["default"] for name, schema in SPEC.items() if "default" in schema}
"""What the API server writes into a spec that does not say it."""
COPIED: Final = tuple(
    name.removeprefix("source")
    for name, schema in SPEC.items()
    if name.startswith("source") and schema["description"].startswith("Name of the source")
)
"""The kinds that are copied; `source` and the kind is the field that names a source of it."""

"""The words of the command line that are about the tools that are left."""

from enum import StrEnum


class Tool(StrEnum):
    """The tools whose copies can be carried over."""

    REFLECTOR = "reflector"
    REPLICATOR = "replicator"
    TRUST_MANAGER = "trust-manager"


class Delivery(StrEnum):
    """What is printed of a migration."""

    REPORT = "report"
    SCRIPT = "script"
    YAML = "yaml"
    JSON = "json"

"""The choices of a preview, apart from the code that acts on them.

A shell completes a command line at every press of Tab, and must not wait for the simulator to load.
"""

from enum import StrEnum


class Output(StrEnum):
    """The formats."""

    TABLE = "table"
    WIDE = "wide"
    DIFF = "diff"
    PLAN = "plan"
    YAML = "yaml"
    JSON = "json"


class Trigger(StrEnum):
    """What can end the preview with its own exit status."""

    DELETION = "deletion"
    TAKE_OVER = "take-over"
    NO_TARGETS = "no-targets"
    INVALID_CONTENT = "invalid-content"
    CHANGE = "change"


class Propagation(StrEnum):
    """What deleting an owner does to its dependents."""

    BACKGROUND = "background"
    FOREGROUND = "foreground"
    ORPHAN = "orphan"


class Strategy(StrEnum):
    """How Metacontroller writes, as its flag `--apply-strategy` has it."""

    SERVER_SIDE = "server-side-apply"
    DYNAMIC = "dynamic-apply"

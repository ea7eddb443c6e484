"""Times as the API writes them: RFC 3339, in UTC and to the second."""

import re
from datetime import UTC, datetime
from typing import Final

# What is read back is said again, so nothing is read that could not have been written here.
RFC_3339: Final = r"^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9](:[0-5][0-9]){2}(Z|[+-][0-9:]{5})\Z"


def write_time(time: datetime) -> str:
    """A time as statuses write it: RFC 3339 in UTC, to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_time(stamp: str) -> datetime | None:
    """The time that a stamp says; None where it says none."""
    if not re.match(RFC_3339, stamp):
        return None
    try:
        return datetime.fromisoformat(stamp).astimezone(UTC)
    except (OverflowError, ValueError):
        return None

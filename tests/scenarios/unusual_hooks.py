"""The hook in forms that only tests need, for gunicorn to start by their names."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

import flask

from hooks.app import create_app
from hooks.resolve.source import Content
from hooks.rollout import revisions

SKEW_SECONDS = 3


def equal_digits(content: Content) -> str:
    """Digits that tell no contents of ConfigMaps apart."""
    return content.resource_version if content.hash is None else "0" * 16


def with_equal_digits() -> flask.Flask:
    """The hook where the digests of all contents begin with the same digits."""
    revisions._digits = equal_digits
    return create_app()


def with_two_clocks() -> Callable[[Any, Any], Iterable[bytes]]:
    """Two replicas that are asked in turn, of which one has a fast clock."""

    def fast() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=SKEW_SECONDS)

    replicas = cycle([create_app(), create_app(clock=fast)])

    def in_turn(environ: Any, start: Any) -> Iterable[bytes]:
        return next(replicas)(environ, start)

    return in_turn

"""The hook that a simulation calls, started for it or running already, and its installation."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from hooks.preview import service
from hooks.preview.simulator.hook import Hook
from hooks.preview.simulator.registration import CHILDREN, CHILDREN_WITH_SECRETS, Installation


@contextmanager
def opened(options: argparse.Namespace) -> Iterator[Hook]:
    """What calls the hook of `--hook-url`, or one under `--apply-strategy`.

    Raises UnreachableError and ServiceError.
    """
    if options.hook_url:
        with service.at(options.hook_url) as hook:
            yield hook
    else:
        with service.running(options.apply_strategy) as hook:
            yield hook


def installed(options: argparse.Namespace, *, has_secrets: bool) -> Installation:
    """How the hook is installed, as `metacontroller/local` does it."""
    children = CHILDREN_WITH_SECRETS if has_secrets else CHILDREN
    return Installation(options.apply_strategy, children, has_adoption=True)

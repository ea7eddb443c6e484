"""The hook that a simulation calls: one that is started for it, or one that runs already."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from hooks.preview import service
from hooks.preview.simulator.hook import Hook


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

"""The command of the preview, once for each module."""

from collections.abc import Iterator

import pytest

from tests.preview.in_process import Run, runner


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """The command in this process."""
    with pytest.MonkeyPatch.context() as patched:
        yield runner(patched)

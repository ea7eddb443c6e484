"""The service under gunicorn, started as its image starts it."""

import contextlib
import json
import os
import ssl
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import smoke
from tests.smoke import COMMAND, GUNICORN

REPOSITORY = Path(__file__).parents[2]
MACHINE = {
    name: value
    for name, value in os.environ.items()
    if name in {"HOME", "LANG", "LC_ALL", "PATH", "SYSTEMROOT", "TMPDIR"}
}


@dataclass(frozen=True)
class Edge:
    """A running service: its port, its process, and what it has printed so far."""

    port: int
    process: subprocess.Popen[bytes]
    output: Path

    def log(self) -> list[dict[str, Any]]:
        """The log's lines, oldest first."""
        return [json.loads(line) for line in self.output.read_text().splitlines()]


Start = Callable[..., Edge]


def refusal_to_start(command: Sequence[str] = COMMAND, **settings: str) -> str:
    """What a service says that cannot start with such settings; it must not start."""
    ended = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=MACHINE | {"HOST": "127.0.0.1"} | settings,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode != 0
    return ended.stderr


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a service with settings of its own; it ends with the test. `tls` reaches it."""
    with contextlib.ExitStack() as services:

        def start(
            tls: ssl.SSLContext | None = None, application: str = COMMAND[-1], **settings: str
        ) -> Edge:
            output = tmp_path / "output"
            printed = services.enter_context(output.open("wb"))
            service = services.enter_context(
                smoke.started(
                    [*GUNICORN, application], MACHINE | settings, REPOSITORY, printed, tls
                )
            )
            return Edge(service.port, service.process, output)

        yield start


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a service with default settings, one for all tests of a module."""
    output = tmp_path_factory.mktemp("service") / "output"
    with (
        output.open("wb") as printed,
        smoke.started(COMMAND, MACHINE, REPOSITORY, printed) as service,
    ):
        yield service.port

"""A test run leaves nothing behind, however it ends, and does not get in another one's way."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.controlplane import Process, Workspace, wait_for
from tests.controlplane.tools import ROOT

_RUN = """
import signal, sys
from tests.controlplane import Process, Workspace
workspace = Workspace()
sleeper = Process(workspace, "sleeper", ["sleep", "1000"], ready=lambda: True)
sleeper.start()
print(sleeper.pid, workspace.folder, flush=True)
signal.pause()
"""


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A killed process of a dead parent stays a zombie where nobody collects those.
    return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"


def test_a_killed_run_leaves_no_process_and_no_folder() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _RUN], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        pid, _, folder = run.stdout.readline().strip().partition(" ")
        assert _exists(int(pid))
        run.send_signal(signal.SIGKILL)
    wait_for(lambda: not _exists(int(pid)), "the sleeper to end")
    wait_for(lambda: not Path(folder).exists(), "the folder to go")


def test_the_next_run_removes_the_folder_of_one_that_could_not_clean_up() -> None:
    with Workspace() as living:
        dead = living.folder.with_name("run-of-one-that-died")
        dead.mkdir(exist_ok=True)
        (dead / "lock").touch()
        with Workspace():
            assert not dead.exists()
            assert living.folder.exists()


def test_of_a_port_that_somebody_else_uses_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([False, False, True])
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("tests.controlplane.workspace._free", lambda _port: next(free))
    with Workspace() as workspace:
        port = workspace.port()
        shared = workspace.folder.parent
        assert [file.name for file in shared.glob("port-*")] == [f"port-{port}"]


def test_runs_that_end_leave_nothing_in_the_folder_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Workspace() as last:
        last.port()
        with Workspace() as first:
            first.port()
        assert last.folder.exists()
    assert list(tmp_path.iterdir()) == []


def test_the_next_run_frees_the_ports_of_one_that_could_not_clean_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Workspace() as living:
        port = living.port()
        dead = living.folder.with_name("port-1")
        dead.touch()
        with Workspace():
            assert not dead.exists()
            assert living.folder.with_name(f"port-{port}").exists()


def test_what_a_program_wrote_last_is_known_wherever_it_wrote_it() -> None:
    with Workspace() as workspace:
        program = Process(workspace, "program", ["sleep", "1000"], ready=lambda: True)
        program.start()
        assert program.last_line() == ""
        for number, file in enumerate((program.log, program.output, program.log)):
            with file.open("a", encoding="utf-8") as written:
                written.write(f"before\n{number}\n")
            later = 2**32 + number
            os.utime(file, (later, later))
            assert program.last_line() == str(number)
        program.kill()


def test_two_runs_never_share_a_port() -> None:
    with Workspace() as first, Workspace() as second:
        ports = [workspace.port() for workspace in (first, second) for _ in range(50)]
    assert len(set(ports)) == len(ports)


def test_a_program_that_is_killed_can_be_started_again() -> None:
    with Workspace() as workspace:
        sleeper = Process(workspace, "sleeper", ["sleep", "1000"], ready=lambda: True)
        sleeper.start()
        first = sleeper.pid
        sleeper.restart()
        assert not _exists(first)
        assert sleeper.pid != first
        sleeper.stop()
        assert not sleeper.running

"""A folder, ports and an end for everything that one test run starts.

Runs go side by side on one machine and die without notice. So a run locks what
it takes (its folder, its ports): the kernel frees a lock when its holder dies,
and the next run removes the folders and files whose lock is free.
"""

import contextlib
import fcntl
import getpass
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Self

_LOCK = "lock"
# Below the range from which Linux takes the ports of outgoing connections: a
# server that is stopped and started again finds its port still free.
_PORTS = range(15000, 32000)


class Workspace:
    """One run's folder and ports; closing it ends every process that was registered here."""

    def __init__(self) -> None:
        self._shared = Path(tempfile.gettempdir()) / f"configmap-syncer-tests-{getpass.getuser()}"
        self._locks: list[IO[bytes]] = []
        self.folder = self._make_folder()
        self._remove_dead()
        self._reaper = subprocess.Popen(
            [sys.executable, "-I", str(Path(__file__).with_name("reaper.py"))],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._tell("folder", str(self.folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End what still runs and remove what is on disk; returns when both is done."""
        if self._reaper.stdin and not self._reaper.stdin.closed:
            self._reaper.stdin.close()
        self._reaper.wait(timeout=30)
        for lock in self._locks:
            Path(lock.name).unlink(missing_ok=True)
            lock.close()
        self._locks.clear()
        with contextlib.suppress(OSError):  # Another run is in it, or has removed it.
            self._shared.rmdir()

    def port(self) -> int:
        """A loopback port that no other run takes while this one lives."""
        for port in random.sample(_PORTS, k=500):
            lock = (self._shared / f"port-{port}").open("ab")
            is_locked = _locked(lock)
            if is_locked and _free(port):
                self._locks.append(lock)
                return port
            if is_locked:
                Path(lock.name).unlink(missing_ok=True)
            lock.close()
        raise RuntimeError(f"No free port on loopback between {_PORTS.start} and {_PORTS.stop}.")

    def started(self, group: int) -> None:
        """Note a process group that must not outlive this run."""
        self._tell("group", str(group))

    def ended(self, group: int) -> None:
        """Forget a process group whose number the system may now give to somebody else."""
        self._tell("gone", str(group))

    def _tell(self, word: str, value: str) -> None:
        if self._reaper.stdin is None or self._reaper.stdin.closed:
            raise RuntimeError("The workspace is closed.")
        self._reaper.stdin.write(f"{word} {value}\n")
        self._reaper.stdin.flush()

    def _make_folder(self) -> Path:
        # Locked before it gets the name under which the next run would look for it.
        making = self._make_unlocked_folder()
        lock = (making / _LOCK).open("wb")
        _locked(lock)
        self._locks.append(lock)
        return making.rename(self._shared / making.name.replace("making-", "run-"))

    def _make_unlocked_folder(self) -> Path:
        while True:
            self._shared.mkdir(exist_ok=True)
            # A run that ends removes the shared folder when it is empty.
            with contextlib.suppress(FileNotFoundError):
                return Path(tempfile.mkdtemp(prefix="making-", dir=self._shared))

    def _remove_dead(self) -> None:
        for folder in self._shared.glob("run-*"):
            with contextlib.suppress(FileNotFoundError), (folder / _LOCK).open("rb") as lock:
                if _locked(lock):
                    shutil.rmtree(folder, ignore_errors=True)
        for port in self._shared.glob("port-*"):
            with contextlib.suppress(FileNotFoundError), port.open("rb") as lock:
                if _locked(lock):
                    port.unlink()


def _locked(file: IO[bytes]) -> bool:
    """Whether this process now holds the lock of a file that still has a name."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    # Who held it before may have removed the file, and another run may have made it again.
    return os.fstat(file.fileno()).st_nlink > 0


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def environment(**settings: str) -> dict[str, str]:
    """This process's environment for a child, without what could change the child's behaviour."""
    unwanted = {"KUBECONFIG", "PYTHONPATH", "PYTHONHOME", "PYTHONWARNINGS"}
    kept = {
        name: value
        for name, value in os.environ.items()
        # A proxy would be asked for loopback too, where no_proxy does not say otherwise.
        if name not in unwanted and not name.lower().endswith("_proxy")
    }
    return kept | settings

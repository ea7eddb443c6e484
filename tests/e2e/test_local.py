"""`make local` is there until it is asked to end, or its hook ends, and leaves nothing behind."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.controlplane import wait_for
from tests.controlplane.tools import ROOT, kubectl
from tests.controlplane.workspace import environment

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PROGRAMS = {"etcd", "kube-apiserver", "kube-controller-manager", "metacontroller", "gunicorn:"}
LAST = "the last line that the hook wrote"


@dataclass(frozen=True, slots=True)
class Local:
    """`make local` with a folder for temporary files that is its own."""

    temporary: Path
    process: subprocess.Popen[str]
    printed: Path
    kubectl_cache: Path

    def ready(self) -> Path:
        """Return when it says that it is ready: the kubeconfig that it names."""
        wait_for(lambda: "Ready." in self._text() or self._ended(), "make local to get ready", 120)
        named = re.search(r"export KUBECONFIG=(.+)", self._text())
        assert named, self._text()
        return Path(named[1])

    def kubectl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        settings = {"KUBECONFIG": str(self.ready()), "KUBECACHEDIR": str(self.kubectl_cache)}
        return subprocess.run(
            [kubectl(), *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=environment(**settings),
            timeout=120,
        )

    def end(self) -> tuple[int, str]:
        """Return when it has ended: its exit code, and all that it printed."""
        # A start is not over sooner where the processor is busy.
        return self.process.wait(timeout=180), self._text()

    def left(self) -> list[str]:
        """Every file in its folder, and every process that it started and that still runs."""
        files = [str(path) for path in self.temporary.rglob("*")]
        return [*files, *self.processes().values()]

    def processes(self) -> dict[int, str]:
        """The command of every process that has its folder in the environment or writes there."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            # Others end in the meantime, or are not ours to read; a zombie has neither.
            with contextlib.suppress(OSError):
                if self._is_in(folder):
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(folder.name)] = command.decode()
        return found

    def names(self) -> set[str]:
        """The names of the programs that run."""
        return {
            Path(command.split(" ", maxsplit=1)[0]).name for command in self.processes().values()
        }

    def _is_in(self, process: Path) -> bool:
        # gunicorn's processes write their title over their environment.
        mark = f"TMPDIR={self.temporary}\0".encode()
        return mark in (process / "environ").read_bytes() or any(
            str(file.readlink()).startswith(f"{self.temporary}/")
            for file in (process / "fd").iterdir()
        )

    def _text(self) -> str:
        return self.printed.read_text("utf-8")

    def _ended(self) -> bool:
        return self.process.poll() is not None


@contextlib.contextmanager
def started(folder: Path, **settings: str) -> Iterator[Local]:
    temporary = folder / "temporary"
    temporary.mkdir()
    printed = folder / "printed"
    with printed.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.controlplane"],
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env=environment(TMPDIR=str(temporary), **settings),
        )
    try:
        yield Local(temporary, process, printed, folder / "kubectl-cache")
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("ending", ENDINGS, ids=[each.name for each in ENDINGS])
def test_at_a_signal_it_leaves_no_file_and_no_process(
    tmp_path: Path, ending: signal.Signals
) -> None:
    with started(tmp_path) as local:
        local.ready()
        assert local.names() >= PROGRAMS

        local.process.send_signal(ending)

        code, printed = local.end()
        assert (code, printed.splitlines()[-1]) == (0, "Everything is removed.")
        assert local.left() == []


def test_at_a_signal_while_it_starts_it_leaves_no_file_and_no_process(tmp_path: Path) -> None:
    with started(tmp_path) as local:
        wait_for(lambda: "kube-apiserver" in local.names(), "the API server to be started")

        local.process.send_signal(signal.SIGTERM)

        code, printed = local.end()
        assert (code, printed.splitlines()[-1]) == (0, "Everything is removed.")
        assert local.left() == []


def test_a_start_that_fails_says_why_and_leaves_no_file_and_no_process(tmp_path: Path) -> None:
    broken = tmp_path / "metacontroller"
    broken.write_text("#!/bin/sh\necho 'flag provided but not defined'\nexit 2\n", "utf-8")
    broken.chmod(0o755)
    with started(tmp_path, METACONTROLLER=str(broken)) as local:
        code, printed = local.end()

        assert code == 1
        assert "The start failed. metacontroller ended with code 2.\n" in printed
        assert "\nflag provided but not defined\n" in printed
        assert "Traceback" not in printed
        assert local.left() == []


def test_when_the_hook_ends_it_prints_the_hook_s_last_line_and_fails(tmp_path: Path) -> None:
    with started(tmp_path) as local:
        log = local.ready().with_name("hook.log")
        (hook,) = (
            pid
            for pid, command in local.processes().items()
            if command.startswith("gunicorn:") and os.getsid(pid) == pid
        )
        with log.open("a", encoding="utf-8") as written:
            written.write(f"{LAST}\n")

        os.kill(hook, signal.SIGKILL)

        code, printed = local.end()
        assert code == 1
        assert f"\nThe hook has ended. The last line of its output:\n{LAST}\n" in printed
        assert local.left() == []


def test_what_the_folder_for_it_registers_is_deleted_by_the_same_folder(tmp_path: Path) -> None:
    folder = "metacontroller/local/"
    with started(tmp_path) as local:
        local.ready()
        registered = local.kubectl("get", "-o", "name", "-k", folder)
        assert registered.stdout.splitlines() == [
            "customresourcedefinition.apiextensions.k8s.io/configmapsyncers.config.example.com",
            "compositecontroller.metacontroller.k8s.io/configmap-syncer",
            "decoratorcontroller.metacontroller.k8s.io/configmap-syncer-adoption",
        ]
        applied = local.kubectl("apply", "-f", "examples/")
        assert applied.returncode == 0, applied.stderr
        ready = ("--for=condition=Ready", "configmapsyncers", "--all", "--timeout=60s")
        assert local.kubectl("wait", *ready).returncode == 0

        # As docs/uninstall.md says.
        for arguments in (("configmapsyncers", "--all"), ("-k", folder)):
            deleted = local.kubectl("delete", *arguments)
            assert (deleted.returncode, deleted.stderr) == (0, "")

        left = local.kubectl("get", "--ignore-not-found", "-o", "name", "-k", folder)
        assert left.stdout == ""
        copies = "app.kubernetes.io/managed-by=configmap-syncer"
        assert local.kubectl("get", "configmaps", "-A", "-l", copies, "-o", "name").stdout == ""

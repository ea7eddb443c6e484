"""A known vulnerability is not passed, and what nobody could answer is not called harmless."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.locks import ROOT, pins, run
from tools import audit

pytestmark = pytest.mark.long  # pip-audit is started for each test, and reads both locks.


@contextmanager
def _index(answer: Mapping[str, Any]) -> Iterator[str]:
    """A service that answers as OSV does: what it knows of a package, by its name."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(answer.get(request["package"]["name"], {})).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is said of a request."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()


def _audit(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    service = ("--vulnerability-service", "osv", "--osv-url", url)
    # A proxy that is set for the real index is not used for this one.
    return run("tools.audit", *service, *arguments, NO_PROXY="127.0.0.1")


_FLAW = {
    "id": "PYSEC-2026-1",
    "aliases": ["CVE-2026-1"],
    "summary": "a flaw",
    "affected": [
        {
            "package": {"name": "flask", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
        }
    ],
}


def test_a_known_vulnerability_fails() -> None:
    with _index({"flask": {"vulns": [_FLAW]}}) as url:
        done = _audit(url)
    version = pins("requirements.txt")["flask"].version
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == (
        "Known vulnerabilities; newer versions: make lock LOCK_ARGS=--upgrade\n"
        f"flask {version}: PYSEC-2026-1, mended in 99.1\n"
    )


def test_a_vulnerability_that_was_judged_can_be_left_out_by_its_name() -> None:
    with _index({"flask": {"vulns": [_FLAW]}}) as url:
        done = _audit(url, "--ignore-vuln", "CVE-2026-1")
    assert done.returncode == 0
    assert done.stdout.startswith("No known vulnerability in ")


def test_every_package_for_this_system_is_audited() -> None:
    with _index({}) as url:
        done = _audit(url)
    here = [pin for pin in pins("requirements-dev.txt").values() if pin.is_for_here]
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"No known vulnerability in {len(here)} packages\n"


def test_an_index_that_cannot_be_reached_is_reported_and_fails_nothing() -> None:
    with _index({}) as url:
        pass
    done = _audit(url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("NOT AUDITED for vulnerabilities: no answer from the index (")


def test_an_index_that_knows_no_package_is_not_an_all_clear() -> None:
    answer = {"dependencies": [{"name": "flask", "skip_reason": "not found"}], "fixes": []}
    verdict = audit.judged(json.dumps(answer), "No known vulnerabilities found")
    assert verdict == audit.Verdict(
        is_failure=False,
        lines=[
            "NOT AUDITED for vulnerabilities: the index does not know 1 of 1 packages (flask)",
        ],
    )


def test_a_finding_is_not_hidden_by_what_the_index_does_not_know() -> None:
    flaw = {"id": "PYSEC-2026-1", "fix_versions": [], "aliases": [], "description": ""}
    packages = [
        {"name": "flask", "version": "3.1.3", "vulns": [flaw]},
        {"name": "gevent", "skip_reason": "not found"},
    ]
    verdict = audit.judged(json.dumps({"dependencies": packages}), "")
    assert verdict.is_failure
    assert list(verdict.lines) == [
        "Known vulnerabilities; newer versions: make lock LOCK_ARGS=--upgrade",
        "flask 3.1.3: PYSEC-2026-1, mended in no version yet",
        "NOT AUDITED for vulnerabilities: the index does not know 1 of 2 packages (gevent)",
    ]


def test_an_audit_that_breaks_for_another_reason_fails() -> None:
    done = run("tools.audit", "--no-such-option")
    assert done.returncode == 1
    assert done.stdout.startswith("pip-audit failed: ")


@pytest.mark.parametrize(("ending", "expected"), [(0, 0), (1, 2)])
def test_make_check_says_what_the_audit_says_and_ends_as_it_does(
    tmp_path: Path, ending: int, expected: int
) -> None:
    passing = dict.fromkeys(("ruff", "mypy", "lint-imports"), "")
    for name, does in {**passing, "python": f'echo "asked: $*"; exit {ending}'}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "stamp").touch()

    here = [f"BIN={tmp_path}", f"VENV={tmp_path}", f"STAMP={tmp_path}/stamp"]
    done = subprocess.run(
        ["make", "check", *here, "AUDIT_ARGS=--given"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == expected
    assert "asked: -m tools.audit --given\n" in done.stdout

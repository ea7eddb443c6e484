"""`make chaos` spoils what it should and nothing else, and excuses nothing that it must not."""

import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import cast

import pytest

from tests.controlplane import Workspace
from tests.reliability.faults import FAULTS, Missed
from tests.reliability.healing import Healing, failures, healing
from tests.reliability.parts import Parts
from tests.reliability.proxy import Proxy
from tests.reliability.world import BYSTANDER, SUBJECT

_ANSWER = b'{"children": [], "status": {}}'
_SECONDS_TO_GIVE_UP = 10
CHANCE = Random(1)


class _Hook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(_ANSWER)))
        self.end_headers()
        self.wfile.write(_ANSWER)

    def log_message(self, *_: object) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _OnlyProxy:
    """What faults of the answers need of the parts."""

    proxy: Proxy


class _OnlyShortcomings:
    """A world that is well once it was resynced, or never."""

    def __init__(self, *, heals: bool) -> None:
        self._heals = heals
        self._resynced: set[str] = set()

    def resync(self, syncers: set[str], _: str) -> None:
        self._resynced |= syncers

    def shortcomings(self) -> dict[str, list[str]]:
        is_well = self._heals and SUBJECT in self._resynced
        return {} if is_well else {SUBJECT: ["a copy is not current"]}


@dataclass(frozen=True, slots=True)
class _OnlyUnanswered:
    """Parts whose proxy saw that /customize was not answered about these syncers."""

    lost: set[str]

    @property
    def proxy(self) -> "_OnlyUnanswered":
        return self

    def unanswered(self, hook: str, _: float) -> set[str]:
        return self.lost if hook == "customize" else set()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hook)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    port = server.server_address[1]
    with Workspace() as workspace, Proxy(workspace.port(), f"http://127.0.0.1:{port}") as running:
        yield running
    server.shutdown()
    server.server_close()


def _ask(proxy: Proxy, hook: str, syncer: str = SUBJECT) -> tuple[int, bytes]:
    """Code and body of an answer; code 0 where there is none, or not a whole one."""
    connection = http.client.HTTPConnection(
        proxy.url.removeprefix("http://"), timeout=_SECONDS_TO_GIVE_UP
    )
    try:
        connection.request(
            "POST", f"/{hook}", json.dumps({"parent": {"metadata": {"name": syncer}}})
        )
        response = connection.getresponse()
        return response.status, response.read()
    except http.client.IncompleteRead as half:
        return 0, half.partial
    except (http.client.HTTPException, OSError):
        return 0, b""
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("name", "sync", "customize"),
    [
        pytest.param("500", (500, b"internal error\n"), (500, b"internal error\n"), id="500"),
        pytest.param("429", (429, b"too many requests\n"), (200, _ANSWER), id="429"),
        pytest.param("half a body", (0, _ANSWER[:15]), (0, _ANSWER[:15]), id="half a body"),
        pytest.param("garbage", *[(200, b"<html>Welcome</html>\n")] * 2, id="garbage"),
    ],
)
def test_an_answer_is_spoilt_until_so_many_were(
    proxy: Proxy, name: str, sync: tuple[int, bytes], customize: tuple[int, bytes]
) -> None:
    (fault,) = (each for each in FAULTS if each.name == name)
    assert _ask(proxy, "sync") == (200, _ANSWER)
    parts = cast("Parts", _OnlyProxy(proxy))
    breaking = threading.Thread(target=fault.inject, args=(parts, CHANCE))
    breaking.start()
    spoilt = []
    while breaking.is_alive():
        spoilt.append((_ask(proxy, "customize"), _ask(proxy, "sync")))
    breaking.join()

    assert (customize, sync) in spoilt
    assert _ask(proxy, "sync") == (200, _ANSWER)
    assert _ask(proxy, "customize", BYSTANDER) == (200, _ANSWER)
    assert proxy.unanswered("customize", 0) == (set() if name == "429" else {SUBJECT})
    assert proxy.unanswered("sync", 0) == {SUBJECT}


def test_a_request_about_another_syncer_is_spoilt_but_is_not_a_hit(proxy: Proxy) -> None:
    with proxy.interfering(lambda _: False, SUBJECT):
        assert _ask(proxy, "sync", BYSTANDER) == (0, b"")
        with pytest.raises(AssertionError, match="1 spoilt calls"):
            proxy.wait_for_hits(1, 0)
        _ask(proxy, "sync", SUBJECT)
        proxy.wait_for_hits(1, _SECONDS_TO_GIVE_UP)


def test_a_fault_that_nobody_notices_is_missed(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.reliability.faults._SECONDS_TO_FIRST_HIT", 0)
    (fault,) = (each for each in FAULTS if each.name == "500")

    with pytest.raises(Missed):
        fault.inject(cast("Parts", _OnlyProxy(proxy)), CHANCE)


@pytest.mark.parametrize(
    ("lost", "heals", "how"),
    [
        pytest.param({SUBJECT, BYSTANDER}, True, Healing.LOST_EVENT, id="its event was lost"),
        pytest.param({BYSTANDER}, True, Healing.ONLY_BY_RESYNC, id="another's event was lost"),
        pytest.param({SUBJECT}, False, Healing.NEVER, id="a resync does not help"),
    ],
)
def test_what_only_a_resync_heals_is_excused_by_a_lost_event_alone(
    monkeypatch: pytest.MonkeyPatch, lost: set[str], how: Healing, *, heals: bool
) -> None:
    monkeypatch.setattr("tests.reliability.healing._RESYNC_SECONDS", 0)
    world = _OnlyShortcomings(heals=heals)
    left = world.shortcomings()

    assert healing(cast("Parts", _OnlyUnanswered(lost)), world, left, 0) is how
    wrong = list(failures(left, how))
    assert bool(wrong) is (how is not Healing.LOST_EVENT)
    assert "a copy is not current" in wrong or not wrong

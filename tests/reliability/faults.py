"""What is done to the parts of the product while it works."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tests.controlplane import TimedOut
from tests.reliability.parts import Parts
from tests.reliability.proxy import Exchange, Interference
from tests.reliability.world import SUBJECT

_SECONDS_TO_FIRST_HIT: Final = 10
_SECONDS_TO_HIT: Final = 60
_SLOW_SECONDS: Final = 3
_LONGER_THAN_METACONTROLLER_WAITS: Final = 65


class Missed(Exception):
    """The hook was not called again: the operation was over before the fault fell."""


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """A fault by name; `inject` returns when it is over, and every part is there again.

    Raises Missed.

    `weight` is its share in a run: one that takes long comes less often. `standby` says that a
    second Metacontroller waits for the first one to lose its lease.
    """

    name: str
    inject: Callable[[Parts, random.Random], None]
    weight: int = 4
    standby: bool = False


def _answers(
    interference: Interference, most_hits: int = 10, first: float = 0
) -> Callable[[Parts, random.Random], None]:
    """The hook's answers are spoilt until so many about the subject were."""

    def inject(parts: Parts, chance: random.Random) -> None:
        with parts.proxy.interfering(interference, SUBJECT):
            try:
                parts.proxy.wait_for_hits(1, first + _SECONDS_TO_FIRST_HIT)
            except TimedOut as too_late:
                raise Missed from too_late
            parts.proxy.wait_for_hits(chance.randint(1, most_hits), _SECONDS_TO_HIT)

    return inject


def _answer_too_late(parts: Parts, chance: random.Random) -> None:
    over = threading.Event()

    def wait(_: Exchange) -> bool:
        over.wait(_LONGER_THAN_METACONTROLLER_WAITS)
        return False

    _answers(wait, most_hits=1, first=_LONGER_THAN_METACONTROLLER_WAITS)(parts, chance)
    # What it has asked since need not wait as long.
    over.set()


def _no_answer(_: Exchange) -> bool:
    return False


def _replying(code: int, body: bytes) -> Interference:
    def interfere(exchange: Exchange) -> bool:
        exchange.reply(code, body)
        return False

    return interfere


def _busy(exchange: Exchange) -> bool:
    # As the hook itself, which never refuses /customize: Metacontroller would drop the event.
    is_customize = exchange.hook == "customize"
    exchange.reply(*(exchange.forward() if is_customize else (429, b"too many requests\n")))
    return is_customize


def _slowly(exchange: Exchange) -> bool:
    answer = exchange.forward()
    time.sleep(_SLOW_SECONDS)
    exchange.reply(*answer)
    return True


def _half(exchange: Exchange) -> bool:
    exchange.reply_half(*exchange.forward())
    return False


def _kill_hook(parts: Parts, chance: random.Random) -> None:
    parts.hook.kill()
    try:
        _answers(_no_answer)(parts, chance)
    finally:
        parts.hook.start()


def _kill_hook_while_it_answers(parts: Parts, chance: random.Random) -> None:
    dying, over = threading.Lock(), threading.Event()

    def die(exchange: Exchange) -> bool:
        exchange.forward()
        with dying:
            if not over.is_set():
                parts.hook.kill()
        return False

    try:
        _answers(die)(parts, chance)
    finally:
        with dying:
            over.set()
            parts.hook.kill()
            parts.hook.start()


def _restart_etcd(parts: Parts, _: random.Random) -> None:
    parts.plane.etcd.restart()
    parts.plane.api_server.wait_until_ready()


FAULTS = (
    InjectedFault("hook killed", _kill_hook),
    InjectedFault("hook killed while it answers", _kill_hook_while_it_answers),
    InjectedFault("Metacontroller killed", lambda parts, _: parts.restart_metacontroller()),
    InjectedFault("leader killed", lambda parts, _: parts.kill_leader(), weight=2, standby=True),
    InjectedFault("API server killed", lambda parts, _: parts.plane.api_server.restart()),
    InjectedFault("etcd killed", _restart_etcd),
    InjectedFault("500", _answers(_replying(500, b"internal error\n"))),
    InjectedFault("429", _answers(_busy, most_hits=3)),
    # Nothing need be asked again after an answer that came.
    InjectedFault("slow", _answers(_slowly, most_hits=1)),
    InjectedFault("no answer in time", _answer_too_late, weight=1),
    InjectedFault("half a body", _answers(_half)),
    InjectedFault("garbage", _answers(_replying(200, b"<html>Welcome</html>\n"))),
)


def deck(faults: Sequence[InjectedFault], chance: random.Random) -> Iterator[InjectedFault]:
    """Every fault as often as it weighs, in random order, again and again."""
    while True:
        cards = [fault for fault in faults for _ in range(fault.weight)]
        chance.shuffle(cards)
        yield from cards

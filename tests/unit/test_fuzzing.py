"""The fuzzer itself: that it runs, and that it sees what is broken."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hooks.api.options import HookOptions
from hooks.api.protocol import KubernetesObject
from hooks.copies import field_ownership
from hooks.validation import verdict
from tests.fuzzing import __main__ as command
from tests.fuzzing import calls, contents, conversations, decisions, edge, judge
from tests.fuzzing.calls import HookCall
from tests.fuzzing.mutations import mutated
from tests.fuzzing.report import FuzzReport, NotFuzzed

CALLS = tuple(calls.recorded())
FEW = CALLS[::40]


def test_a_call_is_read_as_it_was_written() -> None:
    assert [HookCall.read(call.written) for call in CALLS] == list(CALLS)
    assert HookCall.read(b"").body == b""


@pytest.mark.parametrize("seed", range(40))
def test_mutated_requests_break_nothing(seed: int) -> None:
    random = Random(seed)
    call = random.choice(CALLS)

    judge.judge(replace(call, body=mutated(call.body, random)))


def test_the_same_seed_gives_the_same_mutations() -> None:
    def made() -> list[bytes]:
        random = Random(7)
        spoken = [conversations.conversation(list(FEW), random) for _ in range(30)]
        return [*spoken, *(mutated(call.body, random) for call in FEW)]

    assert made() == made()
    assert len(set(made())) > 30


def leaky(call: HookCall) -> bytes:
    """An answer whose status holds the whole request."""
    return b'{"status":' + call.body + b"}"


def forgetful(call: HookCall) -> bytes:
    """An answer that is another one each time."""
    return b'{"status":{"targetCount":%d}}' % next(COUNTED)


def rude(call: HookCall) -> bytes:
    """An answer with a field that Metacontroller does not know."""
    return b'{"children":[],"more":1}'


def twofold(call: HookCall) -> bytes:
    """An answer with the same copy twice."""
    child = b'{"kind":"ConfigMap","metadata":{"name":"a","namespace":"b"}}'
    return b'{"children":[%b,%b]}' % (child, child)


COUNTED = iter(range(100))


@pytest.mark.parametrize("answer", [leaky, forgetful, rude, twofold])
def test_an_answer_that_breaks_an_invariant_is_found(
    answer: Callable[[HookCall], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    call = next(q for q in CALLS if q.hook == "sync" and b'"data"' in q.body)
    judge.judge(call)
    monkeypatch.setattr(HookCall, "answer", answer)

    with pytest.raises(Exception, match=r"is shown|two answers|unknown field|twice"):
        judge.judge(call)


def of_each_key(copy: KubernetesObject, policy: HookOptions) -> set[str]:
    """The keys of ours alone, looked up by going through all owners again for each of them."""
    keys = {key for manager in copy.field_managers for key in manager.keys}
    return {key for key in keys if sum(key in manager.keys for manager in copy.field_managers) == 1}


def test_work_that_grows_with_the_square_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    call = next(q for q in CALLS if q.hook == "sync" and b'"aHVzaC1taW5l"' in q.body)
    judge._works_in_proportion(call)
    monkeypatch.setattr(field_ownership, "keys_of_ours_alone", of_each_key)

    with pytest.raises(judge.BrokenAnswer, match="lines of work"):
        judge._works_in_proportion(call)


def test_recorded_requests_with_a_lot_in_them_cost_no_more_than_that() -> None:
    for call in FEW:
        judge._works_in_proportion(call)


@pytest.mark.long
@pytest.mark.skipif(decisions.IS_MISSING, reason="there is no atheris for this platform")
def test_the_guided_part_runs_for_its_time_and_reports_what_it_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "recorded", lambda: iter(FEW))

    report = decisions.fuzz(2, 1, tmp_path)

    assert not report.is_broken, report
    reached = re.search(r"([\d.]+) % of the lines and branches", str(report))
    assert reached
    assert float(reached[1]) > 30
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_the_running_service_survives_what_it_is_sent(tmp_path: Path) -> None:
    report = edge.fuzz(3, 1, tmp_path)

    assert not report.is_broken, report
    assert "200" in str(report)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def failing_port() -> Iterator[int]:
    """A port where every connection is answered with 500."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 500 Internal Server Error\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(30)


def test_a_service_that_fails_is_found(failing_port: int, tmp_path: Path) -> None:
    service = edge.FuzzedService(failing_port, 1, tmp_path / "output")

    with pytest.raises(edge.BrokenService, match="answered with 500"):
        service.hear(b"GET / HTTP/1.1\r\n\r\n", goes_away=False)


@pytest.mark.parametrize(
    "line", ["Traceback (most recent call last):", '{"code":500}', conversations.MARK]
)
def test_a_service_that_prints_what_it_must_not_is_found(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.smoke.call", lambda *_: (200, b""))
    output = tmp_path / "output"
    output.write_text(f"fine\n{line}\n")

    with pytest.raises(edge.BrokenService, match="printed"):
        edge.FuzzedService(1, 1, output).look()


def test_growth_is_distinguished_from_warming_up() -> None:
    def growth(mebibytes: list[float]) -> float | None:
        return edge.FuzzedService(1, 1, Path(), mebibytes=mebibytes).growth

    assert growth([20.0, 50.0]) is None
    assert growth([20.0] * 10 + [50.0] * 90) == 0.0
    assert growth([float(number) for number in range(100)]) == 50.0


@pytest.mark.parametrize("is_broken", [True, False])
def test_the_command_fails_when_something_broke_and_says_how_to_see_it_again(
    is_broken: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Part:
        @staticmethod
        def fuzz(seconds: int, seed: int, findings: Path) -> FuzzReport:
            files = (findings / "input",) if is_broken else ()
            return FuzzReport("one", seed, (f"{seconds} seconds",), files, is_broken=is_broken)

    class Absent:
        @staticmethod
        def fuzz(seconds: int, seed: int, findings: Path) -> Any:
            raise NotFuzzed("not here")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "_PARTS", {"one": Part, "two": Absent})
    monkeypatch.setattr("sys.argv", ["fuzzing", "--seconds", "7", "--seed", "8"])

    assert command.main() == int(is_broken)
    printed = capsys.readouterr().out
    assert "seed 8" in printed
    assert "7 seconds" in printed
    assert "NOT FUZZED, two: not here" in printed
    assert ("make fuzz FUZZ_ARGS='one --replay .fuzzing/input'" in printed) is is_broken


@pytest.mark.parametrize("seed", range(20))
def test_hostile_contents_and_schemas_break_nothing(seed: int) -> None:
    assert contents.judge(contents.drawn(Random(seed)), is_counted=False)


def test_a_value_in_the_message_of_a_verdict_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"validation": [{"format": "JSON"}], "text": "never-tell-x", "is_secret": True}
    assert contents.judge(given, is_counted=True) == "invalid"
    monkeypatch.setattr(verdict, "_format_problem", lambda _, key, values, __: values.text(key))

    with pytest.raises(contents.BrokenVerdict, match="a value is shown"):
        contents.judge(given, is_counted=False)


def test_a_finding_among_contents_is_saved_and_can_be_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "STEPS", 0)
    monkeypatch.setattr(contents, "_LINES_PER_BYTE", 0)
    monkeypatch.setattr(contents, "_COUNTED", 1)

    report = contents.fuzz(60, 1, tmp_path)

    assert report.is_broken
    with pytest.raises(contents.BrokenVerdict, match="lines of work"):
        contents.replay(*report.findings)

"""A benchmark that cannot fail measures nothing."""

import io
import json
from collections.abc import Callable, Iterator

import pytest

from benchmarks import __main__ as command
from benchmarks import grown, hook
from benchmarks.ratio import Ratio


def ratio(*values: float, limit: float) -> Ratio:
    return Ratio("something", "something else", values, limit)


@pytest.mark.parametrize(
    ("values", "limit", "kept"),
    [
        pytest.param([1.0, 1.1, 9.0], 1.1, True, id="the median counts, not the worst"),
        pytest.param([1.0, 1.2, 1.2], 1.1, False, id="the median is over the limit"),
    ],
)
def test_a_ratio_keeps_its_limit_or_breaks_it(
    values: list[float], limit: float, *, kept: bool
) -> None:
    measured = ratio(*values, limit=limit)

    assert measured.is_kept is kept
    assert ("BROKEN" in str(measured)) is not kept


@pytest.mark.parametrize(("limit", "code"), [(2.0, 0), (1.0, 1)])
def test_the_command_fails_when_a_limit_is_broken(
    limit: float, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure() -> Iterator[Ratio]:
        yield ratio(1.5, limit=limit)

    monkeypatch.setattr(command, "_BENCHMARKS", {"one": measure})
    monkeypatch.setattr("sys.argv", ["benchmarks", "one"])

    assert command.main() == code
    assert ("Over its limit" in capsys.readouterr().err) is bool(code)


@pytest.mark.parametrize(
    ("grow", "reason"),
    [(grown.settled, "AllCopiesCurrent"), (grown.changed, "Progressing")],
    ids=["settled", "changed"],
)
def test_a_grown_request_is_the_situation_that_it_is_said_to_be(
    grow: Callable[[int], grown.Request], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grown, "TARGETS", 3)
    body = grown.encoded(grow(1_000))

    answer = json.loads(grown.ask(grown.application(), io.BytesIO(body), len(body)))

    assert answer["status"]["conditions"][-1]["reason"] == reason
    assert [child["metadata"]["namespace"] for child in answer["children"]] == [
        "benchmark-target-0000",
        "benchmark-target-0001",
        "benchmark-target-0002",
    ]
    with pytest.raises(RuntimeError, match="not Held but"):
        hook._check(body, "Held")

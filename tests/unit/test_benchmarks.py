"""A benchmark that cannot fail measures nothing."""

import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.benchmarks import __main__ as command
from tests.benchmarks import grown, hook, hostile_validation, rollout, scale, validation
from tests.benchmarks.picture import draw
from tests.benchmarks.ratio import Ratio
from tests.conditions import ready
from tests.hostile_contents import HOSTILE_CONTENTS, HostileContent


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

    assert ready(answer["status"])["reason"] == reason
    assert [child["metadata"]["namespace"] for child in answer["children"]] == [
        "benchmark-target-0000",
        "benchmark-target-0001",
        "benchmark-target-0002",
    ]
    with pytest.raises(RuntimeError, match="not Held but"):
        hook._check(body, "Held")
    with pytest.raises(RuntimeError, match="3 children"):
        hook._check(body, reason, 4)


@pytest.fixture
def few_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "TARGETS", 10)
    monkeypatch.setattr(rollout, "CONTENT_BYTES", 100)
    monkeypatch.setattr(rollout, "_ROUNDS", 1)


@pytest.mark.usefixtures("few_targets")
def test_a_rollout_writes_each_copy_once_and_asks_the_hook_a_few_times_for_a_stage() -> None:
    writes, calls, seconds = rollout.measure()

    assert (list(writes.values), writes.limit) == ([1.0], 1.0)
    # Without the time that it takes, which depends on the machine.
    assert calls.is_kept
    assert calls.median > rollout.STAGES
    assert "CPU time" in seconds.what


@pytest.mark.usefixtures("few_targets")
def test_a_rollout_that_writes_copies_twice_or_asks_too_often_breaks_its_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changed = rollout._changed

    def wasteful(*, is_staged: bool) -> rollout.RolloutCosts:
        costs = changed(is_staged=is_staged)
        if is_staged:
            costs.writes[rollout._targets()[0]] += 1
        return replace(costs, calls=costs.calls * 2 if is_staged else costs.calls)

    monkeypatch.setattr(rollout, "_changed", wasteful)
    writes, calls, _ = rollout.measure()

    assert not writes.is_kept
    assert not calls.is_kept


@pytest.mark.usefixtures("few_targets")
@pytest.mark.parametrize(
    ("broken", "value", "said"),
    [
        pytest.param("STAGES", 1, "the last copy was written after", id="one stage is none"),
        pytest.param("_ENOUGH_SECONDS", 12, "not AllCopiesCurrent but", id="half of the stages"),
    ],
)
def test_what_is_no_staged_rollout_is_not_measured(
    broken: str, value: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout, broken, value)
    with pytest.raises(RuntimeError, match=said):
        list(rollout.measure())


def test_a_hostile_content_is_measured_at_its_first_and_at_its_second_sync(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert hostile_validation._FIRST_LIMITS.keys() == HOSTILE_CONTENTS.keys()
    names = ["an alias bomb", "a $ref that loops"]
    few = {name: HOSTILE_CONTENTS[name] for name in names}
    monkeypatch.setattr(hostile_validation, "HOSTILE_CONTENTS", few)
    monkeypatch.setattr(hostile_validation, "_ROUNDS", 1)
    monkeypatch.setattr(hostile_validation, "_SECOND_ROUNDS", 1)
    monkeypatch.setattr(validation, "_BYTES", 2_000)

    measured = [ratio.what for ratio in hostile_validation.measure()]

    assert measured == [
        f"Hook, CPU time, {which} sync of {name}" for name in names for which in ("first", "second")
    ]


def test_a_content_that_is_not_as_hostile_as_it_is_said_to_be_is_not_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = {"an alias bomb": HostileContent("a: 1")}
    monkeypatch.setattr(hostile_validation, "HOSTILE_CONTENTS", few)
    monkeypatch.setattr(validation, "_BYTES", 2_000)
    with pytest.raises(RuntimeError, match="not ContentInvalid but Progressing"):
        list(hostile_validation.measure())


def test_the_picture_has_a_point_for_each_measurement_and_nothing_outside() -> None:
    measured = [
        scale.Measured(targets, kilobytes, *(7.0 * targets * kilobytes,) * 6, targets * kilobytes)
        for targets in scale.TARGETS
        for kilobytes in scale.KILOBYTES
    ]

    picture = ET.fromstring(draw(scale.panels(measured)))  # noqa: S314 - it is our own

    _, _, width, height = map(float, picture.attrib["viewBox"].split())
    places = [
        (float(element.attrib[f"{kind}x"]), float(element.attrib[f"{kind}y"]))
        for name, kind in (("circle", "c"), ("text", ""))
        for element in picture.iter(f"{{http://www.w3.org/2000/svg}}{name}")
    ]
    places += [
        (float(x), float(y))
        for line in picture.iter("{http://www.w3.org/2000/svg}polyline")
        for x, y in (point.split(",") for point in line.attrib["points"].split())
    ]
    circles = list(picture.iter("{http://www.w3.org/2000/svg}circle"))
    assert len(circles) == 6 * len(measured)
    assert all(0 < x < width and 0 < y < height for x, y in places)


def test_the_table_has_a_line_for_each_measurement() -> None:
    measured = [
        scale.Measured(100, 1, 0.5, 1.25, *(1.0,) * 4, 2_000_000),
        scale.Measured(5_000, 10, 20.0, None, *(1.0,) * 4, 115_000_000),
    ]

    lines = scale.table(measured).splitlines()[2:]

    assert [line.split(" | ")[:3] for line in lines] == [
        ["| 100", "1 KB", "0.5"],
        ["| 5,000", "10 KB", "20"],
    ]
    assert [line.split(" | ")[-1] for line in lines] == ["1.25 |", " |"]

"""A benchmark that cannot fail measures nothing."""

import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator

import pytest

from tests.benchmarks import __main__ as command
from tests.benchmarks import grown, hook, scale
from tests.benchmarks.picture import draw
from tests.benchmarks.ratio import Ratio
from tests.conditions import ready


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

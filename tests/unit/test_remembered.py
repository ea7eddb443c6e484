"""What is remembered stays below its size, and what was kept last is there."""

from hooks.api.remembered import Remembered


def test_what_is_kept_is_there_until_newer_results_have_its_room() -> None:
    remembered = Remembered[str](limit_bytes=100)

    for number in range(10):
        remembered.keep(b"%d" % number, str(number), 20)

    kept = [number for number in range(10) if remembered.get(b"%d" % number) == str(number)]
    assert kept == [6, 7, 8, 9]


def test_a_result_that_is_larger_than_the_limit_is_kept_alone() -> None:
    remembered = Remembered[str](limit_bytes=100)
    remembered.keep(b"small", "small", 1)

    remembered.keep(b"large", "large", 1_000)
    remembered.keep(b"next", "next", 1)

    assert [remembered.get(key) for key in (b"small", b"large", b"next")] == [None, "large", "next"]

"""Worked examples of substituted hours."""

import random

import pytest

from services.ingest.domain.means.periods import HOUR
from services.ingest.domain.means.substitution import HourValue, Substitute, gaps, rule_for, substitute
from shared.contracts.ingest import Medium

GAS, WATER = rule_for(Medium.GAS), rule_for(Medium.WATER)


def series(*values: float | None) -> list[HourValue]:
    return [HourValue(i * HOUR, value) for i, value in enumerate(values)]


def filled(hours: list[HourValue], capture: float, medium: Medium = Medium.GAS, factor: str = "x") -> list[Substitute]:
    return substitute(rule_for(medium), factor, hours, since=0, capture=capture)


def rising(count: int) -> list[float]:
    """Greatest value first: the maximum of the last N depends on N."""
    return [float(count - i) for i in range(count)]


@pytest.mark.parametrize(
    ("capture", "gap", "window"),
    [(0.95, 24, 180), (0.90, 1, 180), (0.95, 25, 720), (0.899, 3, 2160), (0.75, 30, 2160)],
)
def test_hj75_takes_the_greatest_of_the_last_valid_hours(capture: float, gap: int, window: int) -> None:
    result = filled(series(*rising(2500), *[None] * gap, 9.0), capture)

    # 2,500 falling values down to 1: the greatest of the last N is N
    assert [item.value for item in result] == [float(window)] * gap
    assert {(item.hours, item.gap, item.statistic) for item in result} == {(window, gap, "max")}
    assert (result[0].at, result[0].last_at) == (2500 * HOUR, 2499 * HOUR)
    assert result[0].first_at == (2500 - window) * HOUR


def test_hj75_gives_nothing_below_75_percent() -> None:
    assert filled(series(1.0, None, 1.0), 0.749) == []


def test_hj356_takes_the_mean_of_as_many_hours_as_the_gap_is_long() -> None:
    # a gap of three: the mean of 20, 30, 70 = 40; pH: their median 30
    hours = series(500.0, 20.0, 30.0, 70.0, None, None, None, 1.0)

    assert [item.value for item in filled(hours, 0.5, Medium.WATER, "w01018")] == [40.0] * 3
    assert [item.value for item in filled(hours, 0.5, Medium.WATER, "w01001")] == [30.0] * 3


def test_the_most_recent_hours_are_taken_by_time_whatever_the_order_of_the_rows() -> None:
    hours = series(*rising(400), None)
    shuffled = hours.copy()
    random.Random(7).shuffle(shuffled)  # noqa: S311 - any order will do

    assert filled(shuffled, 0.99) == filled(hours, 0.99)
    assert filled(shuffled, 0.99)[0].value == 180.0


def test_substitutes_are_never_made_of_substitutes() -> None:
    result = filled(series(10.0, None, None, 20.0, None), 0.99, Medium.WATER, "w01018")

    # two before the first gap: only one was measured; before the second: the one just before it
    assert [(item.at // HOUR, item.value, item.hours) for item in result] == [(1, 10.0, 1), (2, 10.0, 1), (4, 20.0, 1)]


def test_stopped_hours_are_no_gap_and_no_measurement() -> None:
    hours = [HourValue(0, 5.0), HourValue(HOUR, 99.0, stopped=True), HourValue(2 * HOUR, None, stopped=True),
             HourValue(3 * HOUR, None)]  # fmt: skip

    assert [[hour.at for hour in gap] for gap in gaps(hours)] == [[3 * HOUR]]
    assert [item.value for item in filled(hours, 0.99)] == [5.0]


def test_only_gaps_of_the_span_are_filled_and_the_look_back_is_kept() -> None:
    hours = series(7.0, None, 3.0, None)

    assert [item.at for item in substitute(GAS, "x", hours, since=2 * HOUR, capture=1.0)] == [3 * HOUR]
    assert filled(series(None, 1.0), 0.99) == []
    assert "HJ 356" in WATER.source

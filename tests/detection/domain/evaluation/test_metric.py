"""Worked examples of the metric."""

from dataclasses import replace

import numpy as np
import pytest

from services.detection.domain.evaluation import Rate, Score, Span, gap_of, merge, runs, score, wilson

HOUR = 3600
TIMES = np.arange(0, 720 * HOUR, HOUR)


def span(first: int, points: int, kind: str = "spike", *, at: int | None = None) -> Span:
    """A span of whole hours."""
    return Span(first * HOUR, (first + points) * HOUR, kind, (first if at is None else at) * HOUR)


def judge(labels: list[Span], alarms: list[Span], *, by_kind: bool = True, fits: dict | None = None) -> Score:
    return score(labels, alarms, TIMES, float(HOUR), by_kind=by_kind, fits=fits)


def test_wilson_interval_of_ten_in_ten():
    low, high = wilson(10, 10)

    assert (round(low, 4), high) == (0.7225, 1.0)
    assert [round(end, 4) for end in wilson(1, 10)] == [0.0179, 0.4042]
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("interval", "gap"), [(60, 1800), (900, 2700), (3600, 10800), (5400, 16200)])
def test_gap_is_three_samples_or_half_an_hour_or_two_hours(interval: float, gap: float):
    assert gap_of(interval) == gap


def test_spans_of_one_kind_merge_within_the_gap_and_are_known_when_the_first_was():
    merged = merge([span(0, 1, at=2), span(4, 1), span(8, 1, "step"), span(9, 1)], gap=3.0 * HOUR)

    assert merged == [span(0, 5, at=2), span(8, 1, "step"), span(9, 1)]


def test_labels_are_runs_of_marked_points():
    marked = np.zeros(720, dtype=bool)
    marked[[3, 4, 719]] = True

    assert runs(TIMES, marked, HOUR, "drift") == [span(3, 2, "drift"), span(719, 1, "drift")]


def test_precision_counts_alarm_episodes_and_recall_label_episodes():
    made = judge([span(100, 10), span(300, 1)], [span(101, 1), span(102, 1), span(105, 1), span(200, 1), span(500, 1)])

    assert made.recall() == Rate(1, 2)
    assert made.precision() == Rate(1, 3)
    assert (made.false, made.burden) == (2, 2.0)


def test_an_alarm_on_one_point_of_a_long_label_covers_one_point():
    made = judge([span(100, 50)], [span(120, 1)])

    assert (made.recall(), made.coverage()) == (Rate(1, 1), Rate(1, 50))


@pytest.mark.parametrize(("first", "met"), [(97, 0), (98, 1), (103, 1), (104, 0)])
def test_tolerance_is_two_samples_on_both_sides(first: int, met: int):
    made = judge([span(100, 2)], [span(first, 1)])

    assert (made.recall(), made.precision()) == (Rate(met, 1), Rate(met, 1))


def test_latency_is_to_the_first_decision_not_to_the_start_that_it_names():
    labels = [span(100, 10), span(200, 10), span(300, 10)]
    made = judge(labels, [span(100, 10, at=106), span(200, 2, at=208), span(200, 1, "step", at=202)])
    latency = made.latency()

    assert (latency.median_samples, latency.p90_samples) == (4.0, pytest.approx(5.6))
    assert latency.median_minutes == 240.0
    assert np.isnan(judge(labels, []).latency().median_samples)


def test_an_alarm_of_another_kind_finds_the_label_and_stands_in_the_matrix():
    made = judge([span(100, 10, "drift"), span(200, 1, "spike")], [span(105, 1, "step")])

    assert (made.recall("drift"), made.right_kind("drift")) == (Rate(1, 1), Rate(0, 1))
    assert dict(made.confusion) == {("drift", "step"): 1, ("spike", "missed"): 1}


def test_fitting_kinds_are_given_by_the_caller():
    made = judge([span(100, 10, "drift")], [span(105, 1, "step")], fits={"drift": frozenset({"step"})})

    assert made.right_kind("drift") == Rate(1, 1)


def test_two_checks_on_one_thing_are_two_alarms_unless_kinds_do_not_count():
    alarms = [span(500, 1, "step"), span(500, 1, "spike")]

    assert judge([], alarms).false == 2
    assert judge([], alarms, by_kind=False).false == 1


def test_scores_add_up_as_if_judged_in_one():
    one = judge([span(100, 1)], [span(100, 1), span(500, 1)])
    both = one + judge([span(100, 1, "step")], [])

    assert (both.recall(), both.recall("step"), both.precision()) == (Rate(1, 2), Rate(0, 1), Rate(1, 2))
    assert (both.days, both.burden) == (60.0, 0.5)


def test_alarming_always_is_worth_no_more_than_its_one_episode():
    made = judge([span(100, 1), span(300, 1)], [span(0, 720)])

    assert (made.precision(), made.recall(), made.latency().median_samples) == (Rate(1, 1), Rate(2, 2), 0.0)


def test_an_alarm_on_another_factor_of_the_outlet_does_not_count():
    label = Span(100 * HOUR, 110 * HOUR, "step", 100 * HOUR, ("so2", "so2-converted"))
    right, wrong = (Span(105 * HOUR, 106 * HOUR, "step", 105 * HOUR, (factor,)) for factor in ("so2", "nox"))

    made = judge([label], [wrong, right])

    assert (made.recall(), made.precision(), made.coverage()) == (Rate(1, 1), Rate(1, 2), Rate(1, 10))
    assert judge([label], [wrong]).recall() == Rate(0, 1)
    assert judge([label], [wrong], by_kind=False).recall() == Rate(1, 1)


def test_strengths_of_one_kind_are_summed_by_its_first_word():
    made = judge([span(100, 2, "step weak"), span(200, 2, "step strong")], [span(201, 1, "step")]).collapsed()

    assert (made.recall("step"), made.coverage("step")) == (Rate(1, 2), Rate(1, 4))
    assert dict(made.confusion) == {("step", "step"): 1, ("step", "missed"): 1}
    assert made.latency("step").median_samples == 1.0


def test_some_kinds_of_labels_alone_leave_the_alarms_as_judged():
    made = judge([span(100, 1, "lost"), span(300, 1, "spike")], [span(100, 1), span(500, 1)])
    some = made.of(lambda kind: kind == "spike")

    assert (some.recall(), made.recall(), some.precision()) == (Rate(0, 1), Rate(1, 2), Rate(1, 2))
    assert set(some.confusion) == {("spike", "missed")}


def test_a_lost_link_is_one_alarm():
    lost = [replace(span(10, 3, "missing"), factors=(code,)) for code in ("a19001", "a21002", "a21026", "a21026-Zs")]
    label = replace(span(10, 3, "link_loss"), factors=("a19001", "a21002", "a21026", "a21026-Zs"))

    def counted(alarms: list[Span], together: frozenset[str] = frozenset({"missing"})) -> tuple[Rate, Rate]:
        made = score([label], alarms, TIMES, float(HOUR), together=together)
        return made.recall(), made.precision()

    assert counted(lost) == (Rate(1, 1), Rate(1, 1))
    assert counted(lost, frozenset({"constant"})) == (Rate(1, 1), Rate(4, 4))
    assert counted(lost[1:]) == (Rate(1, 1), Rate(3, 3))
    far = [replace(one, start=one.start + 900 * place) for place, one in enumerate(lost[:3])]
    assert counted(far) == (Rate(1, 1), Rate(3, 3))
    other = [replace(span(300, 1, "missing"), factors=(code,)) for code in ("a19001", "a21002", "a21026")]
    assert counted([*lost, *other])[1] == Rate(1, 2)

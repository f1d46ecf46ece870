"""Two sides of a backtest: same, new and gone; labels; burden."""

from datetime import timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest

from services.detection.domain import backtest
from services.detection.domain.anomalies import Episode
from services.detection.domain.backtests.comparison import Known, Outcome, Side, Window, burden, compare
from shared.contracts.detection.backtests import DifferenceKind
from shared.contracts.detection.quality import Verdict
from tests.detection.domain.makers import T0, make_key, make_rules, make_traits


def episodes(starts: list[int], length: int = 10) -> tuple[Episode, ...]:
    """Constant runs of some hours, beginning at these hours."""
    v = np.random.default_rng(1).normal(50, 5, 600).round(2)
    for start in starts:
        v[start : start + length] = v[start]
    t = T0 + 3600 * np.arange(600, dtype=np.int64)
    columns = backtest.Columns(t, v, np.full(600, ord("N"), np.uint8))
    rules = [rule for rule in make_rules() if rule.code == "CONST"]
    return backtest.run(rules, make_traits(), columns, np.full((600, 2), np.nan), key=make_key()).episodes


def known(one: Episode, verdict: Verdict | None) -> Known:
    return Known(one.id, "A-1", one.factor, one.rule, one.started_at, one.until, verdict)


def window(some: tuple[Episode, ...]) -> Window:
    return Window(some[0].started_at - timedelta(days=1), some[-1].until + timedelta(days=1))


def test_sides_labels_and_differences() -> None:
    before, after = episodes([50, 150, 250]), episodes([55, 250, 400])
    labels = [known(one, verdict) for one, verdict in
              zip(before, (Verdict.CONFIRMED, Verdict.FALSE_ALARM, Verdict.EXPLAINED), strict=True)]  # fmt: skip
    found, differences, more = compare(before, after, labels, window(before + after), {"CONST", "SPIKE"})

    const = found["CONST"]
    assert (const.same, const.gone, const.new) == (2, 1, 1)
    assert const.before == Side(3, confirmed=1, explained=1, false_alarms=1)
    assert const.after == Side(3, confirmed=1, explained=1, false_alarms=0)
    assert (found["SPIKE"].before.episodes, more) == (0, 0)
    gone, new = differences
    assert (gone.kind, gone.anomaly, new.kind, new.anomaly) == (
        DifferenceKind.GONE,
        labels[1],
        DifferenceKind.NEW,
        None,
    )


def test_only_what_begins_in_the_window_counts() -> None:
    before = episodes([50, 150])
    short = Window(before[1].started_at, before[1].until)
    labels = [known(one, Verdict.CONFIRMED) for one in before]
    found, _, _ = compare(before, before, labels, short, {"CONST"})

    assert (found["CONST"].before, found["CONST"].same) == (Side(1, confirmed=1), 1)


def test_outcomes_add_up_and_keep_the_earliest_differences() -> None:
    before = episodes([50, 150, 250])
    found, differences, _ = compare(before, (), [], window(before), {"CONST"})
    one = Outcome(found, differences, 0, outlets=1, series=2, series_days=10.0, points=600)
    both = one.joined(one, 4)

    assert (both.rules["CONST"].gone, both.outlets, both.series, both.series_days, both.points) == (6, 2, 4, 20.0, 1200)
    assert (len(both.differences), both.more) == (4, 2)
    assert [one.started_at for one in both.differences] == [d.started_at for d in differences for _ in (0, 1)][:4]


def test_the_burden_is_anomalies_in_thirty_days() -> None:
    assert burden(3, 90.0) == pytest.approx(1.0)
    assert burden(0, 0.0) is None


def test_a_live_anomaly_that_overlaps_is_named_where_none_is_the_same() -> None:
    before = episodes([50])
    near = known(before[0], None)._replace(id=UUID(int=5), started_at=before[0].started_at + timedelta(hours=2))
    far = near._replace(id=uuid4(), started_at=before[0].until, until=before[0].until + timedelta(hours=1))
    _, (gone,), _ = compare(before, (), [far, near], window(before), {"CONST"})

    assert gone.anomaly == near

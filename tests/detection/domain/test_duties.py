"""Duties: which facts are breaches, and how looks at them become hits that are told once."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.detection.domain.duties import (
    calibration,
    clock,
    day_mean,
    drift,
    flag_rate,
    late_mark,
    mark_budget,
    mean_gap,
    parameter,
    quality_check,
)
from services.detection.domain.duties.breach import Breach, Looked, Running, find_news, go_on, hit_id
from shared.contracts.detection.anomalies import WHOLE_OUTLET
from shared.contracts.ingest.links import LinkedDevice, LinkOut, Tolerance, Traffic
from shared.contracts.ingest.marks import MarkEffect, MarkKind, MarkOut, MarkSource, MarkState, OutletBudget
from shared.contracts.ingest.means import Basis, DayOut, DifferenceOut, MeanKind, MeanOut, MeanState, Method, Why
from shared.contracts.ingest.parameters import ParameterChangeOut
from shared.contracts.ingest.qa import ErrorKind, QaDueOut, QaKind, QaOut, QaSource, QaState
from shared.contracts.ingest.registry import LinkState

NOW = datetime(2026, 3, 20, 4, tzinfo=UTC)
OUTLET, FIRM = uuid4(), uuid4()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
COD = "w01018"


def numbers(**given: float) -> Any:
    """The same numbers for one outlet; nobody knows any other."""
    return lambda outlet_id, _factor: given if outlet_id == OUTLET else None


def due(**fields: Any) -> QaDueOut:
    given: dict[str, Any] = {
        "enterprise_id": FIRM, "outlet_id": OUTLET, "factor": COD, "kind": QaKind.STANDARD_CHECK,
        "state": QaState.OVERDUE, "interval_days": 7, "last_at": NOW - 10 * DAY, "last_passed": True,
        "due_at": NOW - 3 * DAY, "source": "x",
    }  # fmt: skip
    return QaDueOut(**given | fields)


@pytest.mark.parametrize(
    ("fields", "since"),
    [
        ({}, NOW - 2 * DAY),
        ({"state": QaState.FAILED}, NOW - 2 * DAY),
        ({"due_at": NOW - DAY}, NOW),
        ({"due_at": NOW - HOUR}, None),
        ({"due_at": None, "state": QaState.NEVER}, None),
        ({"state": QaState.SOON}, None),
        ({"outlet_id": uuid4()}, None),
    ],
)
def test_a_check_is_overdue_after_its_grace(fields: dict[str, Any], since: datetime | None) -> None:
    found = calibration.find([due(**fields)], numbers(grace_days=1.0), NOW)

    assert [(one.since, one.until, one.reference) for one in found] == ([(since, None, 7.0)] if since else [])


def record(**fields: Any) -> QaOut:
    given: dict[str, Any] = {
        "id": uuid4(), "no": "Q-1", "enterprise_id": FIRM, "outlet_id": OUTLET, "factor": COD,
        "kind": QaKind.STANDARD_CHECK, "at": NOW - DAY, "pairs": [], "full_scale": None, "reference": 100.0,
        "reading": 85.0, "error": -0.15, "error_kind": ErrorKind.RELATIVE, "limit": 0.1, "passed": False,
        "next_due_at": None, "rule_source": "", "note": "", "source": QaSource.API, "recorded_at": NOW,
        "recorded_by": "x", "replaces": None, "replaced": False, "evidence": [],
    }  # fmt: skip
    return QaOut(**given | fields)


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({}, True),
        ({"passed": True, "error": 0.05}, False),
        ({"passed": None, "limit": None}, False),
        ({"replaced": True}, False),
        ({"error": None}, False),
    ],
)
def test_a_failed_check_counts_unless_it_was_corrected(fields: dict[str, Any], *, counts: bool) -> None:
    found = quality_check.find([record(**fields)], numbers(times=1.0))

    assert [(one.value, one.reference, one.until) for one in found] == (
        [(0.15, 0.1, NOW - DAY + HOUR)] if counts else []
    )


CUSUM = {"k": 0.5, "h": 5.0, "learn": 20.0, "least_points": 25.0}


def checks(errors: list[float], **fields: Any) -> list[QaOut]:
    """Weekly checks, the last a week ago."""
    days = range(7 * len(errors), 0, -7)
    return [record(at=NOW - n * DAY, error=e, passed=True, **fields) for n, e in zip(days, errors, strict=True)]


def test_errors_that_move_one_way_drift_though_each_passes() -> None:
    steady = [0.01 * (-1) ** n for n in range(40)]
    moved = [*steady[:26], *(0.01 * (-1) ** n + 0.03 for n in range(14))]

    (found,) = drift.find(checks(moved), numbers(**CUSUM))
    assert (found.until, found.reference) == (None, 0.1)
    assert found.value == pytest.approx(0.03, abs=0.011)
    assert NOW - 14 * 7 * DAY <= found.since <= NOW - 8 * 7 * DAY
    assert drift.find(checks(steady), numbers(**CUSUM)) == []
    assert drift.find(checks(moved[-20:]), numbers(**CUSUM)) == []
    assert drift.find(checks(moved, replaced=True), numbers(**CUSUM)) == []
    assert drift.find(checks([0.0] * 40), numbers(**CUSUM)) == []


@pytest.mark.parametrize(
    ("before", "after", "registered", "told"),
    [
        ("100", "200", False, (200.0, 100.0)),
        ("0-100 mg/L", "0-250 mg/L", False, (250.0, 100.0)),
        ("none", "1.02e1", False, (10.2, 0.0)),
        ("100", "200", True, None),
    ],
)
def test_a_change_that_is_not_registered_is_told(
    before: str, after: str, told: tuple[float, float] | None, *, registered: bool
) -> None:
    change = ParameterChangeOut(
        id=uuid4(), device_id=uuid4(), outlet_id=OUTLET, enterprise_id=FIRM, factor="", code="i13001", before=before,
        after=after, at=NOW, registered=registered,
    )  # fmt: skip
    found = parameter.find([change], numbers())

    assert [(one.factor, one.value, one.reference) for one in found] == ([(WHOLE_OUTLET, *told)] if told else [])


@pytest.mark.parametrize(
    ("reported", "value", "kind", "counts"),
    [
        (51.5, 50.0, MeanKind.HOUR, True),
        (50.9, 50.0, MeanKind.HOUR, False),
        (51.5, 50.0, MeanKind.DAY, False),
        (None, 50.0, MeanKind.HOUR, False),
        (0.1, 0.0, MeanKind.HOUR, True),
    ],
)
def test_a_mean_that_the_minutes_do_not_give(
    reported: float | None, value: float, kind: MeanKind, *, counts: bool
) -> None:
    mean = DifferenceOut(**a_mean(kind=kind, value=value, reported=reported), outlet_id=OUTLET, enterprise_id=FIRM)

    assert bool(mean_gap.find([mean], numbers(relative=0.02))) == counts


def a_mean(**fields: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "factor": COD, "unit": "mg/L", "kind": MeanKind.DAY, "at": NOW, "value": 50.0, "converted": None,
        "emission": None, "state": MeanState.VALID, "valid": 60, "expected": 60, "reasons": {},
        "basis": Basis.MINUTES, "method": Method.ARITHMETIC, "reported": None, "reported_flag": "N",
        "difference": None, "agreement": None, "late": False, "rev": 1, "why": Why.PERIOD_END, "rule": "r",
        "digest": "", "computed_at": NOW,
    }  # fmt: skip
    return given | fields


@pytest.mark.parametrize(
    ("fields", "limits", "told"),
    [
        ({"value": 61.0}, (None, 60.0), (61.0, 60.0)),
        ({"value": 60.0}, (None, 60.0), None),
        ({"value": 61.0, "converted": 55.0}, (None, 60.0), None),
        ({"value": 55.0, "converted": 61.0}, (None, 60.0), (61.0, 60.0)),
        ({"value": 61.0, "state": MeanState.FEW}, (None, 60.0), None),
        ({"value": None}, (None, 60.0), None),
        ({"value": 5.0}, (6.0, 9.0), (5.0, 6.0)),
        ({"value": 500.0}, (None, None), None),
    ],
)
def test_a_derived_day_mean_is_held_against_the_limit_of_a_day(
    fields: dict[str, Any], limits: tuple[float | None, float | None], told: tuple[float, float] | None
) -> None:
    found = day_mean.find({OUTLET: [MeanOut(**a_mean(**fields))]}, lambda *_: limits)

    assert [(one.value, one.reference, one.until) for one in found] == ([(*told, NOW + DAY)] if told else [])


def mark(**fields: Any) -> MarkOut:
    given: dict[str, Any] = {
        "id": uuid4(), "no": "M-1", "enterprise_id": FIRM, "outlet_id": OUTLET, "device_id": None,
        "kind": MarkKind.DEVICE, "code": "fault", "code_zh": "故障", "code_en": "fault", "effect": MarkEffect.INVALID,
        "since": NOW - 3 * DAY, "until": NOW - 2 * DAY, "factors": [], "source": MarkSource.AUTO, "flag": "D",
        "reason": "", "state": MarkState.PROPOSED, "effective": True, "submitted_at": None, "submitted_by": "",
        "due_at": NOW - DAY, "late": True, "evidence_due_at": None, "evidence": [], "review_reason": "",
        "reviewed_at": None, "reviewed_by": "", "untrue": False, "version": 1, "changed_at": NOW,
    }  # fmt: skip
    return MarkOut(**given | fields)


def test_marks_of_one_date_are_late_together_until_the_last_is_handed_in() -> None:
    handed = mark(submitted_at=NOW - 20 * HOUR, state=MarkState.PENDING)
    later = mark(submitted_at=NOW - 5 * HOUR, state=MarkState.PENDING)
    find = late_mark.find

    (both,) = find([handed, mark()], numbers(grace_hours=0.0), NOW)
    (done,) = find([later, handed], numbers(grace_hours=0.0), NOW)
    assert (both.factor, both.since, both.until, both.value) == (WHOLE_OUTLET, NOW - DAY, None, 24.0)
    assert (done.until, done.value) == (NOW - 5 * HOUR, 19.0)
    assert find([mark(late=False), mark(state=MarkState.WITHDRAWN)], numbers(grace_hours=0.0), NOW) == []
    assert find([handed], numbers(grace_hours=4.0), NOW) == []


@pytest.mark.parametrize(("used", "counts"), [(47.9, False), (48.0, True), (70.0, True)])
def test_a_budget_is_told_from_its_share_on(used: float, *, counts: bool) -> None:
    budget = OutletBudget(
        outlet_id=OUTLET, codes=["fault"], year=2026, limit_h=60, used_h=used, left_h=60 - used, warning=counts,
        source_zh="", source_en="",
    )  # fmt: skip

    assert bool(mark_budget.find([budget], numbers(share=0.8), NOW)) == counts


@pytest.mark.parametrize(
    ("states", "days", "share"),
    [
        ("V" * 21 + "MMM", 12, 3 / 24),
        ("V" * 21 + "DDM", 12, 3 / 24),
        ("V" * 22 + "MM", 12, None),
        ("V" * 21 + "...", 12, None),
        ("V" * 12 + "M" * 12, 9, None),
    ],
)
def test_the_share_of_flagged_hours_of_a_month(states: str, days: int, share: float | None) -> None:
    listed = [
        DayOut(day=(NOW - n * DAY).date(), states=states, hours=24, stopped=0, expected=24, received=24, valid=20,
               late=0, transmission=1, validity=1, tvr=1, capture=1)
        for n in range(days)
    ]  # fmt: skip
    found = flag_rate.find({OUTLET: listed, uuid4(): listed}, numbers(share=0.1, min_days=10.0), NOW)

    assert [one.value for one in found] == ([pytest.approx(share)] if share else [])


def test_the_worst_clock_of_an_outlet_counts() -> None:
    def device(skew: float | None, *, off: bool = True, active: bool = True) -> LinkedDevice:
        return LinkedDevice(
            id=uuid4(), mn="M", edition="2017", active=active, outlet_id=OUTLET, outlet_code="1", outlet_name_zh="x",
            outlet_name_en="x", enterprise_id=FIRM, enterprise_name_zh="x", enterprise_name_en="x",
            tolerance=Tolerance.LENIENT, link=LinkOut(state=LinkState.ONLINE, skew=skew, clock_off=off),
            week=Traffic(),
        )  # fmt: skip

    listed = [device(75.0), device(-240.0), device(999.0, off=False), device(None), device(500.0, active=False)]
    (found,) = clock.find(listed, numbers(seconds=60.0), NOW)
    assert (found.value, found.factor) == (240.0, WHOLE_OUTLET)
    assert clock.find(listed, numbers(seconds=300.0), NOW) == []


# -- breaches become hits --------------------------------------------------------------------------


def looked(*breaches: Breach) -> Looked:
    return Looked("CAL", "calibration", breaches)


def breach(since: datetime, until: datetime | None = None) -> Breach:
    return Breach(OUTLET, COD, since, until, 0.0, 7.0)


def news(listed: Looked, told: set[UUID], running: list[Running], now: datetime, *, closes: bool = True) -> Any:
    return [(hit.opened, hit.started_at, hit.until) for hit in find_news(listed, told, running, now, closes=closes)]


def test_a_breach_is_told_once_again_a_day_later_and_when_it_ends() -> None:
    since = NOW - 90 * timedelta(minutes=1)
    one = breach(since)
    told = {hit_id(looked(one), one)}
    running = [Running(OUTLET, COD, since, 0.0, 7.0)]

    assert news(looked(one), set(), [], NOW) == [(True, since, NOW)]
    assert news(looked(one), told, running, NOW + HOUR) == []
    assert news(looked(one), told, running, since + DAY + HOUR / 2) == [(True, since, since + DAY + HOUR / 2)]
    assert news(looked(), told, running, NOW + HOUR) == [(False, since, NOW + HOUR)]
    assert news(looked(), told, running, NOW + HOUR, closes=False) == []
    assert news(looked(breach(since, NOW)), told, running, NOW + HOUR) == [(False, since, NOW)]


def test_what_is_over_when_first_seen_is_told_once() -> None:
    one = breach(NOW - DAY, NOW - DAY + HOUR)

    assert news(looked(one, one), set(), [], NOW) == [(False, NOW - DAY, NOW - DAY + HOUR)]
    assert news(looked(one), {hit_id(looked(one), one)}, [], NOW) == []


def test_what_has_no_known_start_goes_on_from_its_own() -> None:
    running = [Running(OUTLET, COD, NOW - DAY, 0.0, 7.0)]

    assert [one.since for one in go_on([breach(NOW)], running)] == [NOW - DAY]
    assert [one.since for one in go_on([breach(NOW)], [])] == [NOW]

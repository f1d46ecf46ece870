"""Each block of P: what it costs, what caused it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.grading.domain.blocks import overdue_weeks, score_blocks
from services.grading.domain.emission import worst_month
from services.grading.domain.facts import Case, Completeness, EnterpriseFacts, Exceedance, Finding, Mark, Visit
from services.grading.domain.score import Block, spread
from shared.contracts.casework import CaseState, FindingState, VisitType
from shared.contracts.ingest.marks import MarkOutcome
from tests.grading.makers import (
    AS_OF,
    FIRM,
    HOUR,
    OUTLET,
    QUARTER,
    RULES,
    SECOND,
    an_id,
    at,
    make_case,
    make_days,
    make_facts,
    make_finding,
    make_hours,
    make_mark,
    make_visit,
)


def block(code: str, facts: EnterpriseFacts) -> Block:
    return {each.code: each for each in score_blocks(facts, QUARTER, AS_OF, RULES)}[code]


def points(code: str, facts: EnterpriseFacts) -> dict[str, float]:
    return {f"{cause.code}:{cause.ref}": cause.points for cause in block(code, facts).causes}


def test_a_clean_enterprise_has_all_points_and_says_what_is_not_assessed():
    blocks = score_blocks(make_facts(), QUARTER, AS_OF, RULES)

    assert [(each.code, each.score, each.maximum) for each in blocks] == [
        ("B1", 25, 25), ("B2", 20, 20), ("B3", 15, 15), ("B4", 15, 15), ("B5", 10, 10), ("B6", 10, 10), ("B7", 5, 5),
    ]  # fmt: skip
    causes = [(each.code, cause.kind, cause.ref, cause.params) for each in blocks for cause in each.causes]
    assert causes == [
        ("B6", "enterprise", str(FIRM), {"what": "om_assessment"}),
        ("B7", "enterprise", str(FIRM), {"what": "public_tips"}),
    ]


EMISSION = {
    "three hours": ([make_hours("a", at(3, 8), 3)], 23.5),
    "one day": ([make_days("d", at(3), 1)], 20.0),
    "a day and ten of its hours, taken up": ([make_days("d", at(3), 1), make_hours("a", at(3, 2), 10)], 20.0),
    "a day and twelve of its hours": ([make_days("d", at(3), 1), make_hours("a", at(3, 2), 12)], 19.0),
    "the same hours at another outlet": (
        [make_days("d", at(3), 1), make_hours("a", at(3, 2), 4, outlet_id=SECOND)], 18.0),
    "two factors on the same day count once": (
        [make_days("d", at(3), 1), make_days("e", at(3), 1, factor="w21003")], 20.0),
    "two factors in overlapping hours": (
        [make_hours("a", at(3, 8), 4), make_hours("b", at(3, 10), 4, factor="w21003")], 22.0),
    "two outlets on one day are two outlet-days": (
        [make_days("d", at(3), 1), make_days("e", at(3), 1, outlet_id=SECOND)], 15.0),
    "hours cost ten points at most": ([make_hours("a", at(3), 100)], 15.0),
    "the floor": ([make_days("d", at(3), 9)], 0.0),
    "three hours over the quarter's start, one inside": ([make_hours("a", QUARTER.start - 2 * HOUR, 3)], 24.5),
    "three days over the quarter's end, two inside": ([make_days("d", at(29, month=9), 3)], 15.0),
    "5 of 12 hours: the earliest beside the last": ([make_hours("a", at(3), 5, last_at=at(3, 11))], 22.5),
    "other rules do not count": ([make_hours("a", at(3), 5, rule="CONST")], 25.0),
    "the quarter before": ([make_hours("a", at(3, month=6), 5)], 25.0),
}  # fmt: skip


@pytest.mark.parametrize(("exceedances", "score"), EMISSION.values(), ids=EMISSION.keys())
def test_emission(exceedances: list[Exceedance], score: float):
    assert block("B1", make_facts(exceedances=tuple(exceedances))).score == score


def test_each_exceedance_is_a_cause_with_its_own_points():
    facts = make_facts(exceedances=(make_hours("a", at(4, 1), 3), make_days("d", at(3), 2), make_hours("b", at(9), 2)))

    causes = block("B1", facts).causes
    assert [
        (cause.ref, cause.points, cause.code, cause.params.get("days"), cause.params.get("hours")) for cause in causes
    ] == [
        (str(an_id("d")), -10.0, "exceeding_days", 2, None),
        (str(an_id("b")), -1.0, "exceeding_hours", None, 2),
    ]
    assert causes[1].params == {
        "no": "A-b", "factor": "w01018", "outlet": "W1", "outlet_name_zh": "废水总排口",
        "outlet_name_en": "Main outlet", "hours": 2,
    }  # fmt: skip
    assert causes[1].at == at(9)


def test_a_cause_cut_down_by_a_cap_says_so():
    facts = make_facts(exceedances=(make_hours("a", at(3), 15), make_hours("b", at(5), 15), make_hours("c", at(7), 2)))

    causes = block("B1", facts).causes
    assert [(cause.points, cause.params.get("capped", False)) for cause in causes] == [
        (-7.5, False), (-2.5, True), (0.0, True),
    ]  # fmt: skip


def test_worst_month_counts_days_of_all_outlets_once():
    anomalies = [
        make_days("a", at(3), 3), make_days("b", at(4), 3, outlet_id=SECOND), make_days("c", at(1, month=7), 3),
        make_days("d", at(30, month=6), 1), make_hours("e", at(20), 40),
    ]  # fmt: skip

    assert worst_month(anomalies, QUARTER) == ("2026-08", 4)
    assert worst_month([], QUARTER) == ("", 0)


DATA = {
    "at the upper end": ([(2000, 1900, 1900)], 20.0),
    "in the middle": ([(2000, 1800, 1700)], 14.0),
    "at the lower end": ([(2000, 1600, 1500)], 8.0),
    "below": ([(2000, 0, 0)], 8.0),
    "two outlets by hours": ([(1000, 1000, 1000), (1000, 800, 700)], 14.0),
}


@pytest.mark.parametrize(("rows", "score"), DATA.values(), ids=DATA.keys())
def test_data(rows: list[tuple[int, int, int]], score: float):
    completeness = tuple(Completeness(outlet, FIRM, *row) for outlet, row in zip((OUTLET, SECOND), rows, strict=False))

    assert block("B2", make_facts(completeness=completeness)).score == score


def test_outlets_share_what_their_missing_hours_cost():
    completeness = (Completeness(OUTLET, FIRM, 1000, 950, 900), Completeness(SECOND, FIRM, 1000, 800, 800))
    facts = make_facts(completeness=completeness)

    assert points("B2", facts) == {
        f"data_incomplete:{OUTLET}": -2.0, f"data_incomplete:{SECOND}": -4.0,
    }  # fmt: skip
    assert block("B2", facts).causes[0].params == {
        "outlet": "W1", "outlet_name_zh": "废水总排口", "outlet_name_en": "Main outlet",
        "expected": 1000, "received": 950, "valid": 900, "tvr": 0.9,
    }  # fmt: skip


def test_without_expected_hours_the_rate_is_not_assessed():
    facts = make_facts(completeness=(Completeness(OUTLET, FIRM, 0, 0, 0),))

    assert facts.tvr is None
    assert [cause.params for cause in block("B2", facts).causes] == [{"what": "readings"}]
    assert block("B2", facts).score == 20


MARKS = {
    "none due": ((), 20.0),
    "all in time": ((make_mark("1"), make_mark("2")), 20.0),
    "one of four late": ((make_mark("1", MarkOutcome.LATE), *(make_mark(no) for no in "234")), 18.0),
    "one late, one never": ((make_mark("1", MarkOutcome.LATE), make_mark("2", MarkOutcome.MISSING)), 12.0),
    "an untrue one in time": ((make_mark("1", untrue=True), make_mark("2")), 18.0),
    "late and untrue": ((make_mark("1", MarkOutcome.LATE, untrue=True),), 10.0),
    "before marks were assessed": (None, 20.0),
}


@pytest.mark.parametrize(("marks", "score"), MARKS.values(), ids=MARKS.keys())
def test_marks(marks: tuple[Mark, ...] | None, score: float):
    assert block("B2", make_facts(marks=marks)).score == score


def test_every_point_of_the_mark_part_leads_to_its_mark():
    late, untrue = make_mark("1", MarkOutcome.LATE), make_mark("2", untrue=True)

    causes = block("B2", make_facts(marks=(late, untrue))).causes
    assert [(cause.kind, cause.ref, cause.code, cause.points) for cause in causes] == [
        ("mark", str(late.id), "mark_late", -4.0), ("mark", str(untrue.id), "mark_untrue", -2.0),
    ]  # fmt: skip
    assert block("B2", make_facts(marks=(late,))).causes[0].params == {
        "no": "1", "mark": "device_fault", "outlet": "W1", "since": at(3).isoformat(),
        "due_at": at(4, 12).isoformat(), "submitted_at": at(4).isoformat(),
    }  # fmt: skip


LATE = {"on_time": False, "replied_at": at(6)}
RESPONSE = {
    "no inquiry": ([], 15.0),
    "all well": ([make_case("1"), make_case("2")], 15.0),
    "one of two late": ([make_case("1"), make_case("2", **LATE)], 10.5),
    "never answered": ([make_case("1", on_time=None, replied_at=None, state=CaseState.OVERDUE)], 6.0),
    "not due yet": ([make_case("1", on_time=None, replied_at=None, reply_by=AS_OF + HOUR)], 15.0),
    "late without a verdict": ([make_case("1", on_time=None, replied_at=at(5))], 6.0),
    "returned": ([make_case("1", returns=2), make_case("2"), make_case("3")], 14.0),
    "recurrence": ([make_case("1", recurrence=True)], 12.0),
    "all bad": ([make_case("1", returns=1, recurrence=True, **LATE)], 0.0),
    "withdrawn, false, covered and merged do not count": (
        [make_case(state, state=CaseState(state), **LATE) for state in
         ("withdrawn", "false_alarm", "covered_by_mark", "merged")], 15.0),
}  # fmt: skip


@pytest.mark.parametrize(("cases", "score"), RESPONSE.values(), ids=RESPONSE.keys())
def test_response(cases: list[Case], score: float):
    assert block("B3", make_facts(cases=tuple(cases))).score == score


def test_late_returned_and_recurring_cases_are_causes_by_number():
    cases = (make_case("WX-1", **LATE), make_case("WX-2", returns=1), make_case("WX-3", recurrence=True))

    causes = block("B3", make_facts(cases=cases)).causes
    assert [(cause.kind, cause.ref, cause.code, cause.points, cause.params) for cause in causes] == [
        ("case", "WX-1", "reply_late", -3.0,
         {"no": "WX-1", "reply_by": at(4).isoformat(), "replied_at": at(6).isoformat()}),
        ("case", "WX-2", "reply_returned", -1.0, {"no": "WX-2", "returns": 1}),
        ("case", "WX-3", "recurrence", -1.0, {"no": "WX-3"}),
    ]  # fmt: skip


SITE = {
    "none": ([], 15.0),
    "nothing found": ([make_visit("1", 0)], 15.0),
    "three points in one visit": ([make_visit("1", 3)], 7.5),
    "the same on two visits": ([make_visit("1", 3), make_visit("2", 0)], 11.25),
    "more than the block": ([make_visit("1", 16)], 0.0),
    "advice and back-checks do not count": (
        [make_visit("1", 8, type=VisitType.SERVICE), make_visit("2", 8, type=VisitType.BACK_CHECK)], 15.0),
}  # fmt: skip


@pytest.mark.parametrize(("visits", "score"), SITE.values(), ids=SITE.keys())
def test_site(visits: list[Visit], score: float):
    assert block("B4", make_facts(visits=tuple(visits))).score == score


def test_visits_bear_the_loss_by_their_points():
    facts = make_facts(visits=(make_visit("1", 1), make_visit("2", 8), make_visit("3", 0)))

    assert points("B4", facts) == {f"site_findings:{an_id('1')}": -0.83, f"site_findings:{an_id('2')}": -6.67}
    assert block("B4", facts).score == 7.5


OPEN = {"state": FindingState.FIXING, "verified_at": None, "on_time": None}
DONE_LATE = {"verified_at": at(30), "on_time": False}
RECTIFICATION = {
    "none due": ([], 10.0),
    "in time": ([make_finding("1")], 10.0),
    "one of two late, ten days": ([make_finding("1"), make_finding("2", **DONE_LATE)], 3.0),
    "open, two weeks and a day": ([make_finding("1"), make_finding("2", due_at=AS_OF - timedelta(15), **OPEN)], 1.0),
    "under review is nobody's delay": (
        [make_finding("1", state=FindingState.REVIEW, verified_at=None, on_time=None)], 10.0),
    "waived": ([make_finding("1", state=FindingState.WAIVED, verified_at=None, on_time=None)], 10.0),
    "due later": ([make_finding("1", due_at=AS_OF + HOUR, **OPEN)], 10.0),
    "overdue since the quarter before costs weeks only": (
        [make_finding("1", due_at=at(1, month=6), verified_at=at(9, month=7), on_time=False)], 8.0),
    "the floor": ([make_finding("1", due_at=at(3, month=7), **OPEN)], 0.0),
}  # fmt: skip


@pytest.mark.parametrize(("findings", "score"), RECTIFICATION.values(), ids=RECTIFICATION.keys())
def test_rectification(findings: list[Finding], score: float):
    assert block("B5", make_facts(findings=tuple(findings))).score == score


@pytest.mark.parametrize(("days", "weeks"), [(6.9, 0), (7, 1), (13.9, 1), (14, 2)])
def test_only_whole_weeks_are_overdue_weeks(days: float, weeks: int):
    finding = replace(make_finding("1", **OPEN), due_at=AS_OF - timedelta(days=days))

    assert overdue_weeks(finding, QUARTER, AS_OF) == weeks


@pytest.mark.parametrize(("total", "weights"), [(-9.0, [1.0] * 7), (-1.0, [1.0, 1.0, 1.0]), (-0.01, [1.0, 5.0])])
def test_spread_parts_add_up_exactly(total: float, weights: list[float]):
    assert round(sum(spread(total, weights)), 2) == total

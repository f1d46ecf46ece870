"""A lost link is one case, whichever way its anomalies arrive."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from shared.contracts.casework import CaseDetail, CaseEvent, CaseState
from shared.contracts.detection import ANOMALY_UPDATED, SEVERAL, AnomalyOut, Explanation, Nature, Severity
from tests.casework.desk import Desk
from tests.casework.makers import NOW, make_anomaly

pytestmark = pytest.mark.anyio
FACTORS = ("w01018", "w21001", "w21003", "w21011")


def make_child(factor: str, parent_id: UUID | None = None, **changes: object) -> AnomalyOut:
    fields = {"factor": factor, "rule": "MISS", "nature": Nature.DEVICE, "severity": Severity.C, "parent_id": parent_id}
    return make_anomaly(**{**fields, **changes})


def make_parent(factors: tuple[str, ...] = FACTORS, **changes: object) -> AnomalyOut:
    explanation = Explanation(code="several.missing", params={"factors": len(factors), "hours": 2})
    return make_child(SEVERAL, factors=list(factors), explanation=explanation, **changes)


async def cases(desk: Desk) -> list[CaseDetail]:
    page = await desk.client("supervisor").list_cases(sort="newest", limit=100, state=[*CaseState])
    return [await desk.client("supervisor").get_case(no) for no in sorted(item.no for item in page.items)]


async def test_parent_and_children_told_together_are_one_case(desk: Desk) -> None:
    parent = make_parent()
    await desk.bring(parent, *(make_child(factor, parent.id, count_30d=7) for factor in FACTORS))

    (case,) = await cases(desk)
    assert case.count_30d == 1
    assert (case.factor, case.factor_name_zh, case.factor_name_en) == ("*", "多个因子", "several factors")
    assert (case.anomalies, len(case.anomaly_list)) == (1, 5)
    assert {tuple(one.factors) for one in case.anomaly_list if one.factor == SEVERAL} == {FACTORS}
    assert [entry.event for entry in case.timeline] == ["case.opened"]


async def test_cases_of_children_told_before_go_into_that_of_the_parent(desk: Desk) -> None:
    first, second = (make_child(factor) for factor in FACTORS[:2])
    await desk.bring(first, second)
    assert len(await cases(desk)) == 2

    parent = make_parent(FACTORS[:3])
    renewed = [one.model_copy(update={"parent_id": parent.id, "version": 2}) for one in (first, second)]
    await desk.bring(parent, *renewed, make_child(FACTORS[2], parent.id), event_type=ANOMALY_UPDATED)

    found = await cases(desk)
    whole = next(case for case in found if case.factor == SEVERAL)
    merged = [case for case in found if case.factor != SEVERAL]
    assert (whole.state, len(whole.anomaly_list)) == (CaseState.SCREENING, 4)
    assert {(case.state, case.merged_into, len(case.anomaly_list)) for case in merged} == {
        (CaseState.MERGED, whole.no, 0)
    }
    assert (await desk.client("auditor").verify_audit()).intact


async def test_a_case_that_somebody_has_sent_out_keeps_its_anomaly(desk: Desk) -> None:
    first = make_child(FACTORS[0])
    await desk.bring(first)
    (sent,) = await cases(desk)
    await desk.act("supervisor", sent, CaseEvent.SEND_INQUIRY)

    parent = make_parent()
    await desk.bring(parent, first.model_copy(update={"parent_id": parent.id, "version": 2}))

    assert [(case.state, len(case.anomaly_list)) for case in await cases(desk)] == [
        (CaseState.INQUIRY_SENT, 1),
        (CaseState.SCREENING, 1),
    ]


async def test_a_late_joiner_comes_to_the_case_and_the_title_counts_it(desk: Desk) -> None:
    parent = make_parent(FACTORS[:3])
    await desk.bring(parent, *(make_child(factor, parent.id) for factor in FACTORS[:3]))
    (case,) = await cases(desk)
    await desk.act("supervisor", case, CaseEvent.SEND_INQUIRY)

    more = make_parent(FACTORS, id=parent.id, version=2, severity=Severity.B)
    await desk.bring(more, make_child(FACTORS[3], parent.id), event_type=ANOMALY_UPDATED)

    (case,) = await cases(desk)
    assert (case.title.params["factors"], case.severity, len(case.anomaly_list)) == (4, Severity.B, 5)


async def test_another_problem_of_a_factor_stays_a_case_of_its_own(desk: Desk) -> None:
    parent = make_parent()
    await desk.bring(parent, *(make_child(factor, parent.id) for factor in FACTORS), make_anomaly())

    assert [case.factor for case in await cases(desk)] == [SEVERAL, "w01018"]


async def test_the_next_lost_link_is_a_recurrence(desk: Desk) -> None:
    parent = make_parent(started_at=NOW - timedelta(days=2))
    again = make_parent(recurrence_of=parent.id, id=uuid4())
    await desk.bring(parent, again)

    assert [case.recurrence for case in await cases(desk)] == [False, True]

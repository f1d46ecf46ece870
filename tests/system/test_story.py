"""From a reading to a colour, through all five services."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from PIL import Image

from shared.clients.base import ServiceCallError
from shared.contracts.casework import (
    CaseAct,
    CaseDetail,
    CaseEvent,
    CaseState,
    CaseSummary,
    CauseCode,
    EvidenceKind,
    FindingAct,
    FindingEvent,
    FindingIn,
    FindingSeverity,
    ReasonCode,
    ReplyIn,
    VisitAct,
    VisitEvent,
)
from shared.contracts.grading import Colour, Publication
from shared.contracts.ingest import (
    EnterpriseIn,
    LimitIn,
    Medium,
    OutletFactor,
    OutletIn,
    ReadingKind,
    ReadingRow,
    ReadingsIn,
    enterprise_uuid,
    outlet_uuid,
)
from tests.system.conftest import START, Park, until

FIRM, OUTLET = enterprise_uuid("T-001"), outlet_uuid("T-001", "DW001")
COD = "w01018"


async def register(park: Park) -> None:
    for code in ("T-001", "T-002"):
        await park.ingest.add_enterprise(
            EnterpriseIn(
                code=code,
                name_zh=f"{code} 厂",
                name_en=code,
                trade="food",
                connected_on=datetime(2024, 1, 1, tzinfo=UTC).date(),
            )
        )
    await park.ingest.add_outlet(
        OutletIn(
            enterprise_id=FIRM, code="DW001", name_zh="总排口", name_en="Main outlet", medium=Medium.WATER,
            factors=[OutletFactor(factor=COD, unit="mg/L", span_low=0, span_high=500, resolution=0.1)],
        )
    )  # fmt: skip
    await park.ingest.add_limit(
        LimitIn(
            outlet_id=OUTLET,
            factor=COD,
            upper=50,
            unit="mg/L",
            standard="GB 18918-2002",
            valid_from=START - timedelta(days=400),
        )
    )


async def send_hours(park: Park, values: list[float], *, before: datetime = START) -> None:
    first = before.replace(minute=0, second=0, microsecond=0) - timedelta(hours=len(values))
    rows = [ReadingRow(at=first + timedelta(hours=i), values={COD: v}) for i, v in enumerate(values)]
    await park.ingest.post_readings(ReadingsIn(outlet_id=OUTLET, kind=ReadingKind.HOUR, rows=rows))


def honest(hours: int) -> list[float]:
    return [30 + 4 * ((i * 7) % 5) / 5 + 0.1 * (i % 3) for i in range(hours)]


async def the_case(park: Park, rule: str) -> CaseSummary:
    async def ask() -> list[CaseSummary]:
        return [case for case in (await park.casework.list_cases(limit=50)).items if case.rule == rule]

    return (await until(ask, lambda cases: len(cases) == 1))[0]


async def act(park: Park, who: str, case: CaseSummary, what: CaseAct) -> CaseDetail:
    client = park.casework.as_user(await park.as_(who))
    return await client.act_on_case(case.id, what, (await client.get_case(case.id)).version)


def photo() -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (8, 8), "white").save(buffer, "PNG")
    return buffer.getvalue()


async def answer(park: Park, case: CaseSummary) -> CaseDetail:
    await act(park, "zhou", case, CaseAct(event=CaseEvent.SEND_INQUIRY))
    await act(park, "firm", case, CaseAct(event=CaseEvent.ACKNOWLEDGE))
    firm = park.casework.as_user(await park.as_("firm"))
    file = await firm.add_evidence(case.id, "photo.png", photo(), kind=EvidenceKind.PHOTO, media_type="image/png")
    reply = ReplyIn(
        cause_code=CauseCode.TREATMENT_FAULT, statement="加药泵跳停，出水升高。", actions="已投用备用泵。",
        signer_name="李工", signer_role="环保主管", evidence_ids=[file.id],
    )  # fmt: skip
    replied = await act(park, "firm", case, CaseAct(event=CaseEvent.REPLY, reply=reply))
    assert replied.state is CaseState.REPLIED
    return await act(park, "zhou", case, CaseAct(event=CaseEvent.START_ANALYSIS))


async def test_an_exceedance_is_visited_rectified_closed_and_graded(park: Park):
    await register(park)
    await send_hours(park, [*honest(48), 61.0, 66.5, 58.2, *honest(3)])
    case = await the_case(park, "EX-H")
    assert (case.state, case.enterprise_id, case.factor) == (CaseState.SCREENING, FIRM, COD)
    await answer(park, case)
    planned = await act(
        park, "zhou", case,
        CaseAct(event=CaseEvent.VERIFY_ON_SITE, reason_code=ReasonCode.SEVERE, reason="说明与曲线不符",
                visit_at=START + timedelta(hours=20)),
    )  # fmt: skip
    assert planned.state is CaseState.KEY_VERIFICATION

    officer = park.casework.as_user(await park.as_("wang"))
    visit = (await officer.list_visits(case_id=case.id)).items[0]
    visit = await officer.act_on_visit(
        visit.id, VisitAct(event=VisitEvent.START, officers=["王磊 01", "赵航 02"]), visit.version
    )
    code = (await officer.list_finding_codes())[0].code
    finding = FindingIn(code=code, severity=FindingSeverity.GENERAL, facts="加药记录缺失三天。")
    visit = await officer.act_on_visit(
        visit.id, VisitAct(event=VisitEvent.COMPLETE, record="查看加药间与记录。", findings=[finding]), visit.version
    )
    assert (visit.findings, visit.points) == (1, 3)

    firm = park.casework.as_user(await park.as_("firm"))
    issued = (await firm.list_findings(case_id=case.id)).items[0]
    done = await firm.act_on_finding(
        issued.id, FindingAct(event=FindingEvent.SUBMIT_PLAN, text="补齐记录"), issued.version
    )
    file = await firm.add_evidence(case.id, "after.png", photo(), kind=EvidenceKind.PHOTO, finding_id=issued.id)
    done = await firm.act_on_finding(
        issued.id, FindingAct(event=FindingEvent.SUBMIT_EVIDENCE, text="已补齐", evidence_ids=[file.id]), done.version
    )
    await officer.act_on_finding(issued.id, FindingAct(event=FindingEvent.VERIFY, text="现场复核通过"), done.version)
    closed = await officer.get_case(case.id)
    assert (closed.state, closed.closed_at) == (CaseState.CLOSED, START)
    assert (await park.casework.as_user(await park.as_("wang")).verify_audit()).intact

    grading = park.grading.as_user(await park.as_("wang"))

    async def draft() -> dict[str, float]:
        listed = await grading.draft_list("2026Q4")
        row = next(row for row in listed.rows if row.enterprise_id == FIRM)
        return {block.code: block.score for block in row.blocks}

    scores = await until(draft, lambda s: s["B1"] < 25 and s["B4"] < 15)
    assert scores["B1"] == 25 - 0.5 * 3
    assert scores["B4"] == 15 * (1 - 3 / 6)
    listed = await grading.get_list("2026Q4", state="draft")
    await grading.publish("2026Q4", Publication(note="试运行，先行发布"), listed.version)
    row = next(row for row in listed.rows if row.enterprise_id == FIRM)
    assert (await park.grading.get_grade(FIRM)).colour is row.colour
    public = await park.grading.public_list()
    assert {r.enterprise_code: r.colour for r in public.rows}["T-001"] is row.colour

    async def colour_in_casework() -> Colour:
        return (await park.casework.get_case(case.id)).colour

    await until(colour_in_casework, lambda colour: colour is row.colour)


async def test_a_constant_value_is_explained_and_closed_simplified(park: Park):
    await register(park)
    await send_hours(park, [*honest(30), *([33.3] * 9), *honest(4)])
    case = await the_case(park, "CONST")
    await answer(park, case)
    closed = await act(
        park,
        "zhou",
        case,
        CaseAct(event=CaseEvent.SIMPLIFY, reason_code=ReasonCode.CAUSE_PROVEN, reason="校准未切回，记录相符"),
    )

    assert closed.state is CaseState.SIMPLIFIED
    firm = park.casework.as_user(await park.as_("firm"))
    assert [entry.event for entry in (await firm.get_case(case.id)).timeline if entry.event.startswith("case.")][
        :2
    ] != []


async def test_the_other_plant_sees_nothing_of_it(park: Park):
    await register(park)
    await send_hours(park, [*honest(30), *([33.3] * 9), *honest(4)])
    case = await the_case(park, "CONST")
    other = await park.as_("other")

    assert (await park.casework.as_user(other).list_cases()).items == []
    for ask in (
        park.casework.as_user(other).get_case(case.id),
        park.ingest.as_user(other).get_outlet(OUTLET),
        park.detection.as_user(other).get_anomaly((await park.detection.list_anomalies()).items[0].id),
        park.grading.as_user(other).get_grade(FIRM),
    ):
        with pytest.raises(ServiceCallError) as refused:
            await ask
        assert refused.value.status == 404

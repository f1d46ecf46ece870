"""A small invented park as contract models: what the fake services hold."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from shared.contracts.casework import (
    AllowedEvent,
    CaseCounts,
    CaseDetail,
    CaseEvent,
    CaseState,
    CaseSummary,
    CauseCode,
    ClockOut,
    DecisionOut,
    EvidenceKind,
    EvidenceOut,
    FindingOut,
    FindingSeverity,
    FindingState,
    InquiryOut,
    ReasonCode,
    ReplyOut,
    TimelineEntry,
    VisitOut,
    VisitState,
    VisitType,
)
from shared.contracts.detection import AnomalyOut, AnomalyState, Explanation, Frequency, Nature, Severity
from shared.contracts.grading import (
    Block,
    Cause,
    Colour,
    GradeHistory,
    GradeList,
    GradeOut,
    GradeRow,
    ListState,
    PublicList,
    PublicRow,
    Reason,
)
from shared.contracts.ingest import (
    EnterpriseOut,
    LimitOut,
    Medium,
    OutletFactor,
    OutletOut,
    ReadingKind,
    Series,
    SeriesLimit,
    enterprise_uuid,
    outlet_uuid,
)

NOW = datetime(2026, 11, 23, 3, 43, tzinfo=UTC)
"""11:43 in the park."""
COD = "w01018"
FLOW = "w00000"
FIRMS = (
    ("E-001", "恒泽精细化工有限公司", "Hengze Fine Chemicals", "fine_chemicals", Colour.RED),
    ("E-002", "联丰表面处理有限公司", "Lianfeng Surface Treatment", "electroplating", Colour.RED),
    ("E-003", "华湖印染有限公司", "Huahu Dyeing", "printing_dyeing", Colour.YELLOW),
    ("E-004", "润泽食品有限公司", "Runze Food", "food", Colour.YELLOW),
    ("E-005", "博远制药有限公司", "Boyuan Pharmaceutical", "pharmaceutical", Colour.GREEN),
    ("E-006", "启明电子材料有限公司", "Qiming Materials", "circuit_boards", Colour.GREY),
)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def uid(name: str) -> UUID:
    return uuid5(UUID(int=7), name)


def make_enterprise(code: str, name_zh: str, name_en: str, trade: str) -> EnterpriseOut:
    return EnterpriseOut(
        id=enterprise_uuid(code), code=code, name_zh=name_zh, name_en=name_en, trade=trade, address="示范路 1 号",
        connected_on=NOW.date() - timedelta(days=900), key_unit=True, contact_name="李工", contact_phone="0512-5550100",
        version=1, changed_at=NOW,
    )  # fmt: skip


def make_outlet(code: str) -> OutletOut:
    outlet_id = outlet_uuid(code, "DW001")
    limit = LimitOut(
        id=uid(f"limit {code}"), outlet_id=outlet_id, factor=COD, upper=50, unit="mg/L",
        standard="GB 18918-2002 一级A", valid_from=NOW - timedelta(days=500),
    )  # fmt: skip
    return OutletOut(
        id=outlet_id, enterprise_id=enterprise_uuid(code), code="DW001", name_zh="废水总排口", name_en="Main outlet",
        medium=Medium.WATER, version=1, changed_at=NOW, limits=[limit],
        factors=[OutletFactor(factor=COD, unit="mg/L", span_high=200), OutletFactor(factor=FLOW, unit="m³/h")],
    )  # fmt: skip


def make_series(
    outlet_id: UUID, factor: str, kind: ReadingKind, since: datetime, until: datetime, shape: str = "CONST"
) -> Series:
    """A curve that looks like a real one: a daily course, a constant run or a hump, a gap, a flagged span."""
    step = 3600 if kind is ReadingKind.HOUR else 60
    t0 = int(since.timestamp()) // step * step
    count = max(0, (int(min(until, NOW).timestamp()) - t0) // step)
    values: list[float | None] = []
    for index in range(count):
        left = (NOW.timestamp() - (t0 + index * step)) / 3600
        value = 34 + 4 * math.sin(index * step / 9000) + 2 * math.sin(index * 1.7) + math.sin(index * 12.9) * 1.2
        if shape == "CONST" and 2.7 <= left <= 9.7:
            value = 31.2
        if shape == "EX-H" and 5 <= left <= 9:
            value += 30 * math.sin((left - 5) / 4 * math.pi)
        values.append(None if 14 < left < 14.4 else round(value, 1))
    flagged = {i: "C" for i in range(count) if 9.0 <= (NOW.timestamp() - (t0 + i * step)) / 3600 <= 9.7}
    limit = SeriesLimit(
        upper=50, lower=None, averaging=ReadingKind.HOUR, standard="GB 18918-2002 一级A",
        valid_from=NOW - timedelta(days=500), valid_to=None,
    )  # fmt: skip
    limits = [limit] if factor == COD else []
    unit = "mg/L" if factor == COD else "m³/h"
    return Series(
        outlet_id=outlet_id,
        factor=factor,
        kind=kind,
        unit=unit,
        t0=t0,
        step=step,
        v=values,
        flags=flagged,
        limits=limits,
    )


def make_anomaly(code: str, rule: str, severity: Severity) -> AnomalyOut:
    numbers = {"observed": 31.2, "reference": 0.05, "count": 420.0, "hours": 7.0, "longest_hours": 7.0}
    check = "constant" if rule == "CONST" else "exceedance.above" if rule == "EX-H" else "missing"
    if rule == "EX-H":
        numbers = {"observed": 63.7, "reference": 50.0, "ratio": 1.27, "count": 4.0, "hours": 4.0}
    return AnomalyOut(
        id=uid(f"anomaly {code}{rule}"), no=f"A-20261123-00{code[-2:]}", enterprise_id=enterprise_uuid(code),
        outlet_id=outlet_uuid(code, "DW001"), factor=COD,
        kind=ReadingKind.HOUR if rule == "EX-H" else ReadingKind.MINUTE, rule=rule,
        nature=Nature.EXCEEDANCE if rule == "EX-H" else Nature.DATA_QUALITY, severity=severity,
        frequency=Frequency.REPEATED, count_30d=3, state=AnomalyState.CLOSED, started_at=NOW - 9.7 * HOUR,
        last_at=NOW - 2.7 * HOUR, ended_at=NOW - 2.7 * HOUR, points=420, observed=numbers["observed"],
        reference=numbers["reference"], unit="mg/L", explanation=Explanation(code=check, params=numbers),
        detected_at=NOW - 2.6 * HOUR,
    )  # fmt: skip


def make_clock(name: str, left: timedelta, total: timedelta, policy: str, params: dict[str, Any]) -> ClockOut:
    return ClockOut(
        name=name, started_at=NOW + left - total, due_at=NOW + left, policy=policy, params=params,
        source="平台默认值 platform default", overdue=left < timedelta(),
    )  # fmt: skip


def make_case(index: int, *, rule: str, severity: Severity, state: CaseState, clock: ClockOut | None) -> CaseDetail:
    code, name_zh, name_en, _trade, colour = FIRMS[index % len(FIRMS)]
    anomaly = make_anomaly(code, rule, severity)
    case_id = uid(f"case {index}")
    return CaseDetail(
        id=case_id, no=f"WX-2026-{184 + index:06d}", enterprise_id=enterprise_uuid(code), enterprise_code=code,
        enterprise_name_zh=name_zh, enterprise_name_en=name_en, outlet_id=outlet_uuid(code, "DW001"),
        outlet_code="DW001", outlet_name_zh="废水总排口", outlet_name_en="Main outlet", medium=Medium.WATER, factor=COD,
        factor_name_zh="化学需氧量", factor_name_en="COD", rule=rule, nature=anomaly.nature, severity=severity,
        frequency=Frequency.REPEATED if index % 2 == 0 else Frequency.FIRST, count_30d=3 if index % 2 == 0 else 1,
        title=anomaly.explanation, state=state, clock=clock, colour=colour, priority=100 - index,
        anomaly_started_at=anomaly.started_at, anomaly_last_at=anomaly.last_at, anomalies=1,
        opened_at=NOW - 2.5 * HOUR, changed_at=NOW - HOUR, version=3, anomaly_list=[anomaly],
        timeline=[make_entry("case.opened", NOW - 2.5 * HOUR, "system")],
    )  # fmt: skip


def make_entry(event: str, at: datetime, who: str, **more: Any) -> TimelineEntry:
    return TimelineEntry(at=at, actor=who, actor_name=who, organisation="衡鉴监理", event=event, **more)


def with_inquiry(case: CaseDetail) -> CaseDetail:
    inquiry = InquiryOut(
        sent_at=NOW - 2 * HOUR, sent_by="周敏", text="请核实 11-23 02:00 至 09:00 化学需氧量恒值的原因，并按时答复。",
        acknowledge_by=NOW, reply_by=NOW + 22 * HOUR,
    )  # fmt: skip
    entry = make_entry("case.send_inquiry", NOW - 2 * HOUR, "周敏")
    return case.model_copy(update={"inquiry": inquiry, "timeline": [*case.timeline, entry]})


def with_reply(case: CaseDetail) -> CaseDetail:
    case = with_inquiry(case)
    file = make_evidence(case, "校准记录_1123.pdf")
    reply = ReplyOut(
        cause_code=CauseCode.CALIBRATION, began_at=NOW - 9.7 * HOUR, ended_at=NOW - 2.7 * HOUR,
        statement="夜班仪表做标样校准后未切回测量状态，8:59 已恢复。", actions="已恢复测量并补做质控样。",
        signer_name="李工", signer_role="环保主管", evidence_ids=[file.id], id=uid("reply"), round=1,
        submitted_at=NOW - HOUR, submitted_by="li", on_time=True,
    )  # fmt: skip
    entry = make_entry("case.reply", NOW - HOUR, "李工")
    photo = make_evidence(case, "现场照片.jpg", EvidenceKind.PHOTO, "image/jpeg")
    return case.model_copy(
        update={"replies": [reply], "rounds": 1, "evidence": [file, photo], "timeline": [*case.timeline, entry]}
    )


def make_evidence(
    case: CaseDetail, name: str, kind: EvidenceKind = EvidenceKind.DOCUMENT, media_type: str = "application/pdf"
) -> EvidenceOut:
    return EvidenceOut(
        id=uid(f"file {case.no} {name}"), case_id=case.id, kind=kind, name=name, media_type=media_type, size=217_000,
        sha256="ab" * 32, uploaded_at=NOW - HOUR, uploaded_by="李工", organisation="恒泽精细化工", from_enterprise=True,
    )  # fmt: skip


JUDGEMENTS = [
    AllowedEvent(event="start_analysis"),
    AllowedEvent(
        event="simplify", needs=["reason_code"], reason_codes=[ReasonCode.CAUSE_PROVEN, ReasonCode.OTHER],
        blocked="severity_a_needs_officer",
    ),
    AllowedEvent(
        event="verify_on_site", needs=["reason_code", "visit_at"],
        reason_codes=[ReasonCode.CONTRADICTION, ReasonCode.SEVERE],
    ),
    AllowedEvent(event="return_reply", needs=["reason_code", "reason"], reason_codes=[ReasonCode.INCOMPLETE]),
]  # fmt: skip
SCREENINGS = [
    AllowedEvent(event="send_inquiry"),
    AllowedEvent(event="mark_false_alarm", needs=["reason_code"], reason_codes=[ReasonCode.SENSOR_ARTEFACT]),
    AllowedEvent(event="merge", needs=["into", "reason_code"], reason_codes=[ReasonCode.SAME_EPISODE]),
]


def make_cases() -> list[CaseDetail]:
    """Work for every queue: replied, overdue, waiting, to screen, on site, rectifying, closed."""
    hours = timedelta(hours=1)
    analysis = make_clock("analysis", 0.7 * hours, 4 * hours, "analysis_hours", {"hours": 4, "severity": "A"})
    late = make_clock("reply", -0.3 * hours, 24 * hours, "reply_hours", {"hours": 24})
    reply = make_clock("reply", 5 * hours, 24 * hours, "reply_hours", {"hours": 24})
    screening = make_clock("screening", 1.5 * hours, 2 * hours, "screening_hours", {"hours": 2})
    visit = make_clock("visit", 21 * hours, 72 * hours, "visit_workdays", {"workdays": 3})
    fix = make_clock("rectification", 300 * hours, 360 * hours, "rectification_days", {"days": 15})
    replied = with_reply(
        make_case(0, rule="CONST", severity=Severity.A, state=CaseState.REPLIED, clock=analysis)
    ).model_copy(update={"allowed": JUDGEMENTS})
    overdue = with_inquiry(make_case(1, rule="EX-H", severity=Severity.A, state=CaseState.OVERDUE, clock=late))
    waiting = with_inquiry(
        make_case(6, rule="EX-H", severity=Severity.B, state=CaseState.INQUIRY_SENT, clock=reply)
    ).model_copy(update={"allowed": [AllowedEvent(event="acknowledge"), AllowedEvent(event="reply", needs=["reply"])]})
    screened = make_case(3, rule="MISS", severity=Severity.B, state=CaseState.SCREENING, clock=screening).model_copy(
        update={"allowed": SCREENINGS}
    )
    site = with_reply(make_case(2, rule="CONST", severity=Severity.B, state=CaseState.KEY_VERIFICATION, clock=visit))
    decision = DecisionOut(
        event=CaseEvent.VERIFY_ON_SITE, at=NOW - 0.5 * hours, by="周敏", reason_code=ReasonCode.CONTRADICTION,
        reason="校准记录与恒值时段不符。",
    )  # fmt: skip
    site = site.model_copy(
        update={"decisions": [decision], "visits": [make_visit(site)], "allowed": [
            AllowedEvent(event="withdraw", needs=["reason_code", "reason"], reason_codes=[ReasonCode.SENT_IN_ERROR])]}
    )  # fmt: skip
    fixing = with_reply(make_case(12, rule="EX-H", severity=Severity.B, state=CaseState.RECTIFYING, clock=fix))
    fixing = fixing.model_copy(update={"findings": [make_finding(fixing)], "visits": [make_visit(fixing, done=True)]})
    closed = with_reply(make_case(4, rule="MISS", severity=Severity.C, state=CaseState.SIMPLIFIED, clock=None))
    return [replied, overdue, waiting, screened, site, fixing, closed.model_copy(update={"closed_at": NOW})]


def make_visit(case: CaseDetail, *, done: bool = False) -> VisitOut:
    allowed = (
        []
        if done
        else [AllowedEvent(event="start", needs=["officers"]), AllowedEvent(event="cancel", needs=["reason"])]
    )
    return VisitOut(
        id=uid(f"visit {case.no}"), no=f"XC-2026-{case.no[-4:]}", case_id=case.id, case_no=case.no,
        enterprise_id=case.enterprise_id, enterprise_name_zh=case.enterprise_name_zh,
        enterprise_name_en=case.enterprise_name_en, outlet_code=case.outlet_code, type=VisitType.INSPECTION,
        trigger="data_clue", state=VisitState.COMPLETED if done else VisitState.PLANNED, planned_at=NOW + 20 * HOUR,
        completed_at=NOW if done else None, officers=["王磊"], record="现场核查记录。" if done else "",
        colour=case.colour,
        findings=1 if done else 0, points=3 if done else 0, allowed=allowed, version=1,
    )  # fmt: skip


def make_finding(case: CaseDetail) -> FindingOut:
    return FindingOut(
        id=uid(f"finding {case.no}"), no=f"ZG-2026-{case.no[-4:]}", case_id=case.id, case_no=case.no,
        visit_id=uid(f"visit {case.no}"), enterprise_id=case.enterprise_id, enterprise_name_zh=case.enterprise_name_zh,
        enterprise_name_en=case.enterprise_name_en, code="13-5", title_zh="运维记录缺失或不实",
        title_en="Records missing or untrue", clause="环境保护部令第19号第十三条第（五）项",
        severity=FindingSeverity.GENERAL,
        points=3, facts="近 30 天校准记录缺 4 次，标液无有效期证明。", location="站房", responsible="enterprise",
        state=FindingState.ISSUED, found_at=NOW - 30 * HOUR, issued_at=NOW - 30 * HOUR, due_at=NOW + 300 * HOUR,
        allowed=[AllowedEvent(event="submit_plan", needs=["text"]),
                 AllowedEvent(event="submit_evidence", needs=["text", "evidence_ids"])], version=2,
    )  # fmt: skip


def summary(case: CaseDetail) -> CaseSummary:
    return CaseSummary(**{name: getattr(case, name) for name in CaseSummary.model_fields})


def make_counts() -> CaseCounts:
    return CaseCounts(
        screening=1, waiting=1, replied=1, overdue=1, due_soon=2, verification=1, rectifying=1, visits_planned=1,
        findings_open=1, opened_today=6, merged_today=41, closed_30d=120, simplified_30d=107,
        mean_reply_hours=3.4, red=2,
    )  # fmt: skip


def make_row(code: str, name_zh: str, name_en: str, trade: str, colour: Colour) -> GradeRow:
    grey = colour is Colour.GREY
    cause = Cause(
        kind="case", ref="WX-2026-000184", points=-3.0, code="reply_late", at=NOW,
        params={"no": "WX-2026-000184", "reply_by": NOW.isoformat(), "replied_at": NOW.isoformat()},
    )  # fmt: skip
    blocks = [
        Block(code="B1", score=18.5, maximum=25, causes=[]), Block(code="B2", score=11, maximum=20, causes=[]),
        Block(code="B3", score=7, maximum=15, causes=[cause]), Block(code="B4", score=15, maximum=15),
        Block(code="B5", score=10, maximum=10), Block(code="B6", score=10, maximum=10),
        Block(code="B7", score=5, maximum=5),
    ]  # fmt: skip
    reasons = [Reason(code="insufficient_data", params={"rule": "no_readings"})] if grey else []
    risk = {Colour.RED: 38.5, Colour.YELLOW: 21.4, Colour.GREEN: 6.6}.get(colour)
    return GradeRow(
        enterprise_id=enterprise_uuid(code), enterprise_code=code, name_zh=name_zh, name_en=name_en, trade=trade,
        blocks=[] if grey else blocks, p=None if grey else 76.5, p_smoothed=None if grey else 78.1, h=1.1,
        h_factors=[Reason(code="key_unit", params={"points": 0.1})], risk=risk, colour=colour,
        previous=None if grey else Colour.YELLOW, reasons=reasons,
    )  # fmt: skip


def make_list(state: ListState = ListState.PUBLISHED, quarter: str = "2026Q3") -> GradeList:
    rows = [make_row(*firm) for firm in FIRMS]
    return GradeList(
        quarter=quarter, version=2, state=state, computed_at=NOW - 3 * HOUR, digest="9f" * 32, rules="e6-2026",
        published_at=NOW - HOUR if state is ListState.PUBLISHED else None, published_by="王磊", rows=rows,
        counts={Colour.RED: 2, Colour.YELLOW: 2, Colour.GREEN: 1, Colour.GREY: 1},
    )  # fmt: skip


def make_public() -> PublicList:
    rows = [
        PublicRow(
            enterprise_id=enterprise_uuid(code), enterprise_code=code, name_zh=zh, name_en=en, trade=trade,
            colour=colour, previous=Colour.YELLOW, blocks={"B1": 0.74, "B2": 0.55, "B3": 0.47},
        )
        for code, zh, en, trade, colour in FIRMS
    ]  # fmt: skip
    counts = {Colour.RED: 2, Colour.YELLOW: 2, Colour.GREEN: 1, Colour.GREY: 1}
    return PublicList(
        quarter="2026Q3",
        version=2,
        interim=False,
        published_at=NOW,
        counts=counts,
        rows=rows,
        quarters=["2026Q3", "2026Q2"],
    )


def make_grade() -> GradeOut:
    row = make_row(*FIRMS[0])
    history = [GradeHistory(quarter="2026Q2", version=1, colour=Colour.YELLOW, p=81.0, risk=20.9)]
    return GradeOut(
        enterprise_id=row.enterprise_id,
        quarter="2026Q3",
        colour=Colour.RED,
        row=row,
        draft=make_row(*FIRMS[0]),
        history=history,
    )

"""A real monitor, as its logger would have sent it: the longest constant run is asked about, closed and graded."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from PIL import Image
from sqlalchemy import text

from park.replay import Courier, read_means, upload_of
from services.ingest.hj212.codec import Edition, Sender
from services.ingest.hj212.gateway import serve
from services.ingest.service.intake import Intake
from services.ingest.service.uploads import UploadSink
from shared.contracts.casework import (
    CaseAct,
    CaseDetail,
    CaseEvent,
    CaseState,
    CaseSummary,
    CauseCode,
    EvidenceKind,
    ReasonCode,
    ReplyIn,
)
from shared.contracts.detection import AnomalyOut, AnomalyState, Nature, Severity
from shared.contracts.grading import Block
from shared.contracts.ingest import (
    DeviceIn,
    EnterpriseIn,
    Medium,
    OutletFactor,
    OutletIn,
    enterprise_uuid,
    outlet_uuid,
)
from shared.db import Database
from tests.real.test_constant_runs import FILE, RUNS
from tests.system.conftest import Park, park, until

__all__ = ["park"]

pytestmark = [
    pytest.mark.skipif(not FILE.exists(), reason="real data ../shared/data/cn_online_hourly.csv.gz is absent"),
    pytest.mark.slow,
]

ZONE = ZoneInfo("Asia/Shanghai")
FIRM, OUTLET = enterprise_uuid("T-001"), outlet_uuid("T-001", "DW001")
MN, AMMONIA = "0100C0DE5A5A00000000T001", "w21003"


@asynccontextmanager
async def gateway(park: Park) -> AsyncIterator[int]:
    """The HJ 212 gateway beside ingest; its port."""
    db = Database(park.apps["ingest"].state.settings.database_url, pool_size=4)
    server = await serve("127.0.0.1", 0, UploadSink(db, Intake(db)), now=park.clock.now)
    try:
        yield server.port
    finally:
        await server.stop()
        await db.close()


async def register(park: Park) -> None:
    await park.ingest.add_enterprise(
        EnterpriseIn(
            code="T-001",
            name_zh="某污水处理厂",
            name_en="A sewage works",
            trade="sewage",
            connected_on=date(2020, 1, 1),
        )
    )
    ammonia = OutletFactor(factor=AMMONIA, unit="mg/L", resolution=0.01)
    await park.ingest.add_outlet(
        OutletIn(enterprise_id=FIRM, code="DW001", name_zh="总排口", medium=Medium.WATER, factors=[ammonia])
    )
    await park.ingest.add_device(DeviceIn(outlet_id=OUTLET, mn=MN, password="123456"))


async def replay(park: Park, file: Path) -> int:
    """Every hour of the file as an upload 2061 over TCP; how many of them hold a value."""
    means = read_means(file, ZONE)
    sender = Sender(mn=MN, st="32", pw="123456", edition=Edition.V2017)
    uploads = [upload_of(sender, "hour", AMMONIA, mean, number) for number, mean in enumerate(means)]
    async with gateway(park) as port:
        outcome = await Courier("127.0.0.1", port).deliver(uploads, on_progress=lambda _: None)
    assert outcome.acknowledged == len(uploads) == 4579
    return sum(mean.value is not None for mean in means)


async def constant_runs(park: Park) -> list[AnomalyOut]:
    return (await park.detection.list_anomalies(rule="CONST", outlet_id=OUTLET, limit=1000)).items


class Run(NamedTuple):
    """A constant value: first hour, the hour after the last, the value, and in how many uploads."""

    start: datetime
    end: datetime
    value: float
    points: int


async def hits_of(park: Park, least: int) -> list[Run]:
    """Constant runs of at least so many hours that are over, longest first, as detection keeps them."""
    async with park.apps["detection"].state.db.transaction() as session:
        rows = await session.execute(
            text(
                "select started_at, until, value, points from hits"
                " where rule = 'CONST' and not running and points >= :least order by points desc"
            ),
            {"least": least},
        )
        return [Run(*row) for row in rows]


def one_around(found: list[AnomalyOut], run: Run) -> AnomalyOut:
    """The anomaly that holds a run: others of the same value or near it may have merged with it."""
    (one,) = (one for one in found if one.started_at <= run.start and one.ended_at and run.end <= one.ended_at)
    return one


async def act(park: Park, who: str, case: CaseSummary | CaseDetail, what: CaseAct) -> CaseDetail:
    client = park.casework.as_user(await park.as_(who))
    return await client.act_on_case(case.id, what, (await client.get_case(case.id)).version)


async def reply(park: Park, case: CaseSummary, statement: str) -> None:
    """The enterprise answers with a photograph of its maintenance record."""
    firm = park.casework.as_user(await park.as_("firm"))
    buffer = BytesIO()
    Image.new("RGB", (8, 8), "white").save(buffer, "PNG")
    file = await firm.add_evidence(case.id, "record.png", buffer.getvalue(), kind=EvidenceKind.PHOTO)
    answer = ReplyIn(
        cause_code=CauseCode.DEVICE_FAULT, statement=statement, actions="已更换取样泵并重新校准。",
        signer_name="李工", signer_role="环保主管", evidence_ids=[file.id],
    )  # fmt: skip
    done = await act(park, "firm", case, CaseAct(event=CaseEvent.REPLY, reply=answer))
    assert done.state is CaseState.REPLIED


async def test_a_real_constant_run_becomes_an_inquiry_an_answer_and_a_point_less(park: Park):
    await register(park)
    values = await replay(park, FILE)
    await park.apps["ingest"].state.means.run(120)
    stored = await park.ingest.completeness(
        datetime(2021, 1, 1, tzinfo=UTC), datetime(2022, 2, 1, tzinfo=UTC), outlet_id=OUTLET
    )
    assert 0 < stored[0].received_hours <= values

    # The three runs are found to the hour, as the kernel finds them in the file itself, each within one anomaly.
    runs = [Run(local(start), local(end), value, points) for start, end, value, points in RUNS]
    await until(lambda: hits_of(park, 83), lambda hits: hits == runs, 90)
    found = await constant_runs(park)
    around = [one_around(found, run) for run in runs]
    assert [(one.observed, one.explanation.params["longest_hours"]) for one in around] == [
        (run.value, (run.end - run.start) / timedelta(hours=1)) for run in runs
    ]
    assert {(one.nature, one.severity, one.state, one.unit) for one in around} == {
        (Nature.SUSPECTED_FRAUD, Severity.B, AnomalyState.CLOSED, "mg/L")
    }
    longest = around[0]

    # The longest becomes an inquiry.
    case = await the_case_of(park, longest)
    await act(park, "zhou", case, CaseAct(event=CaseEvent.SEND_INQUIRY))
    await act(park, "firm", case, CaseAct(event=CaseEvent.ACKNOWLEDGE))
    park.clock.advance(timedelta(hours=2))
    await reply(park, case, "原因在查。")
    thin = CaseAct(event=CaseEvent.RETURN_REPLY, reason_code=ReasonCode.INCOMPLETE, reason="缺少运维记录")
    await act(park, "zhou", case, thin)
    await reply(park, case, "取样泵堵塞，分析仪重复上一次测值，至春节后维护时发现。")
    await act(park, "zhou", case, CaseAct(event=CaseEvent.START_ANALYSIS))
    proven = CaseAct(event=CaseEvent.SIMPLIFY, reason_code=ReasonCode.CAUSE_PROVEN, reason="运维记录与曲线相符")
    closed = await act(park, "zhou", case, proven)
    assert (closed.state, closed.anomalies) == (CaseState.SIMPLIFIED, case.anomalies)

    # It shows in the enterprise's score, with the case as the cause.
    response = await until(lambda: draft_response(park), lambda block: len(block.causes) >= 2)
    assert [(cause.kind, cause.ref, cause.code, cause.points) for cause in response.causes] == [
        ("case", case.no, "reply_returned", -3.0),
        ("case", case.no, "recurrence", -3.0),  # another one had ended less than 72 h before
    ]
    assert response.score == 15 - 6


def local(at: str) -> datetime:
    """The file's times are those of the park."""
    return datetime.fromisoformat(at).replace(tzinfo=ZONE).astimezone(UTC)


async def the_case_of(park: Park, anomaly: AnomalyOut) -> CaseSummary:
    async def ask() -> list[CaseSummary]:
        cases, cursor = [], None
        while True:
            page = await park.casework.list_cases(limit=100, cursor=cursor)
            cases += [case for case in page.items if case.anomaly_started_at <= anomaly.started_at]
            cursor = page.next
            if cursor is None:
                return [case for case in cases if case.rule == "CONST" and case.anomaly_last_at >= anomaly.last_at]

    return (await until(ask, lambda cases: len(cases) == 1, 60))[0]


async def draft_response(park: Park) -> Block:
    grading = park.grading.as_user(await park.as_("wang"))
    listed = await grading.draft_list("2026Q4")
    row = next(row for row in listed.rows if row.enterprise_id == FIRM)
    return next(block for block in row.blocks if block.code == "B3")

"""Marks and quality-assurance records of the demo: in time, late, untrue, and waiting for evidence."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from launcher.demo.people import People
from shared.auth import Role, TokenSource
from shared.clients.identity import IdentityClient
from shared.clients.ingest import IngestClient
from shared.contracts.identity import ClientChange, ClientIn, OrganisationKind
from shared.contracts.ingest import OutletOut, outlet_uuid
from shared.contracts.ingest.marks import MarkAct, MarkEvent, MarkIn, MarkOut
from shared.contracts.ingest.qa import QaDueOut, QaIn, QaKind, QaPair, QaState

PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Told:
    """A mark of the demo: begins `back` before now, was handed in `after` its beginning; then what became of it."""

    outlet: str
    code: str
    back: timedelta
    lasts: timedelta | None
    after: timedelta
    reason: str
    factors: tuple[str, ...] = ()
    file: str = ""
    then: tuple[MarkEvent, str] | None = None


MARKS = (
    Told("E-008/DA001", "furnace_stop", 9 * DAY, 10 * HOUR, 11 * HOUR, "1#线计划检修停炉", file="停炉审批单.pdf",
         then=(MarkEvent.ACCEPT, "")),
    Told("E-008/DA001", "furnace_start", 9 * DAY - 10 * HOUR, 6 * HOUR, 7 * HOUR, "检修完成，启炉",
         file="启炉记录.pdf", then=(MarkEvent.ACCEPT, "")),
    Told("E-008/DA002", "fault", 5 * DAY, 4 * HOUR, 5 * HOUR, "活性炭喷射系统故障，已切换备用",
         file="故障处置记录.pdf"),
    Told("E-001/DW001", "device_maintenance", 4 * DAY, 2 * HOUR, 3 * HOUR, "更换 COD 仪表蠕动泵管", ("w01018",),
         file="维护记录.pdf", then=(MarkEvent.ACCEPT, "")),
    Told("E-001/DW001", "device_fault", 7 * DAY, 5 * HOUR, 58 * HOUR, "COD 仪表消解模块故障", ("w01018",)),
    Told("E-001/DW002", "stopped", 6 * DAY, 9 * HOUR, 10 * HOUR, "含镍车间停产",
         then=(MarkEvent.REJECT, "该时段流量正常，车间未停产")),
    Told("E-006/DW001", "device_maintenance", 3 * DAY, 3 * HOUR, 4 * HOUR, "清洗采样管路",
         then=(MarkEvent.QUERY, "请补充清洗前后照片")),
    Told("E-003/DA002", "grid_disconnected", 8 * DAY, 9 * HOUR, 10 * HOUR, "2#机组解列备用", file="调度指令.pdf"),
    Told("E-007/DW001", "device_calibration", 2 * DAY, HOUR, 2 * HOUR, "铜在线仪校准", ("w20122",),
         then=(MarkEvent.ACCEPT, "")),
    Told("E-011/DA001", "shut_down", 4 * DAY, 5 * HOUR, 50 * HOUR, "窑系统停机检修"),
    Told("E-002/DA001", "stopped", 10 * HOUR, None, HOUR, "定型机停产保养，恢复时间待定"),
)  # fmt: skip
UNTOUCHED, DRIFTED, OVERDUE = (9, 7), (13, 0), (11, 3)
"""Of every so many duties, the one that nobody did, that failed, that is overdue."""
PAIRS_OF_A_COMPARISON = 3


@asynccontextmanager
async def bringing_over(stack: dict[str, Any]) -> AsyncIterator[IngestClient]:
    """Ingest as the system that marks were kept in before: a client of its own, closed again afterwards."""
    admin = next(client for client in stack["clients"] if client["role"] == "admin")
    token = TokenSource(stack["identity"], admin["client_id"], admin["client_secret"])
    async with IdentityClient(stack["identity"], token) as identity:
        home = next(each for each in await identity.list_organisations() if each.kind is OrganisationKind.SYSTEM)
        client = await identity.add_client(
            ClientIn(name="原标记平台（演示）", roles=[Role.SERVICE], organisation_id=home.id)
        )
        own = TokenSource(stack["identity"], client.client_id, str(client.client_secret))
        async with IngestClient(stack["ingest"], own, timeout=60) as ingest:
            yield ingest
        await identity.change_client(client.client_id, ClientChange(active=False))


async def tell_marks(ingest: IngestClient, people: People, now: datetime) -> int:
    """Hand the marks in and let the officer decide; how many."""
    officer = ingest.as_user(await people.token(people.officer))
    for told in MARKS:
        mark = await ingest.add_mark(_given(told, now))
        if told.file:
            mark = await ingest.add_mark_evidence(mark.id, told.file, PDF + told.file.encode())
        if told.then is not None:
            await _decide(officer, mark, *told.then)
    return len(MARKS)


def _given(told: Told, now: datetime) -> MarkIn:
    enterprise, code = told.outlet.split("/")
    since = (now - told.back).replace(minute=0, second=0, microsecond=0)
    return MarkIn(
        outlet_id=outlet_uuid(enterprise, code), code=told.code, since=since,
        until=since + told.lasts if told.lasts else None, factors=list(told.factors), reason=told.reason,
        submitted_at=min(since + told.after, now),
    )  # fmt: skip


async def _decide(officer: IngestClient, mark: MarkOut, event: MarkEvent, reason: str) -> None:
    act = MarkAct(event=event, reason=reason, untrue=event is MarkEvent.REJECT)
    await officer.act_on_mark(mark.id, act, mark.version)


async def tell_quality(ingest: IngestClient, now: datetime) -> int:
    """Calibrations, checks and comparisons of the last weeks; how many. Some duties are left overdue."""
    duties, outlets = await asyncio.gather(ingest.list_qa_due(), ingest.list_outlets(limit=1000))
    places = {outlet.id: outlet for outlet in outlets.items}
    records = [record for place, duty in enumerate(duties) for record in _records(place, duty, places, now)]
    for start in range(0, len(records), 8):
        await asyncio.gather(*(ingest.add_qa_record(record) for record in records[start : start + 8]))
    return len(records)


def _records(place: int, duty: QaDueOut, places: dict[Any, OutletOut], now: datetime) -> list[QaIn]:
    if duty.state is not QaState.NEVER or _is(place, UNTOUCHED):
        return []
    factor = next(item for item in places[duty.outlet_id].factors if item.factor == duty.factor)
    span = (factor.span_high or 100.0) - (factor.span_low or 0.0)
    reference = 0.0 if duty.kind is QaKind.ZERO else 7.0 if duty.factor == "w01001" else span * 0.6
    off = span * (0.09 if _is(place, DRIFTED) else 0.011) * (1 if place % 2 else -1)
    back = duty.interval_days * (1.3 if _is(place, OVERDUE) else 0.1 + place % 7 / 8)
    pairs = PAIRS_OF_A_COMPARISON if duty.kind is QaKind.COMPARISON else 1
    readings = [QaPair(reference=reference, reading=round(reference + off * (1 + n / 5), 3)) for n in range(pairs)]
    return [
        QaIn(
            outlet_id=duty.outlet_id, factor=duty.factor, kind=duty.kind, pairs=readings,
            at=(now - timedelta(days=back)).replace(second=0, microsecond=0),
        )
    ]  # fmt: skip


def _is(place: int, which: tuple[int, int]) -> bool:
    return place % which[0] == which[1]

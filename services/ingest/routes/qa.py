"""HTTP of quality-assurance records."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from services.ingest.deps.qa import QaReader, QaWriter
from services.ingest.domain.marks.model import Evidence
from services.ingest.domain.qa.judging import Duty, Record
from services.ingest.routes.answers import page_of
from services.ingest.routes.cursors import time_cursor
from services.ingest.routes.evidence import Upload, content_of
from services.ingest.routes.marks import evidence_out
from services.ingest.store.qa import QaFilter
from shared.contracts.ingest.base import Code
from shared.contracts.ingest.qa import QaDueOut, QaIn, QaKind, QaOut, QaState
from shared.http import Page, link_next

router = APIRouter(prefix="/v1", tags=["quality assurance"])


def qa_out(record: Record, evidence: Sequence[Evidence] = ()) -> QaOut:
    """A record with its files."""
    fields = {name: value for name, value in asdict(record).items() if name != "serial"}
    return QaOut(
        **{
            **fields,
            "pairs": list(record.pairs),
            "no": record.no,
            "evidence": [evidence_out(file) for file in evidence],
        }
    )


def due_out(duty: Duty) -> QaDueOut:
    """A duty."""
    return QaDueOut(
        enterprise_id=duty.outlet.enterprise_id, outlet_id=duty.outlet.id, factor=duty.factor, kind=duty.rule.kind,
        state=duty.state, interval_days=duty.rule.days, last_at=duty.last.at if duty.last else None,
        last_passed=duty.last.passed if duty.last else None, due_at=duty.due_at, source=duty.rule.source,
    )  # fmt: skip


@router.get("/qa-records/due")
async def list_qa_due(
    service: QaReader, enterprise_id: UUID | None = None, outlet_id: UUID | None = None,
    state: Annotated[list[QaState] | None, Query(max_length=5)] = None,
) -> list[QaDueOut]:  # fmt: skip
    """Periodic duties of outlets in use: overdue, failed, due soon, done, never done."""
    found = await service.list_due(enterprise_id=enterprise_id, outlet_id=outlet_id)
    return [due_out(duty) for duty in found if not state or duty.state in state]


@router.get("/qa-records")
async def list_qa_records(  # noqa: PLR0913, PLR0917 - filters
    service: QaReader, request: Request, response: Response,
    outlet_id: UUID | None = None, enterprise_id: UUID | None = None, factor: Code | None = None,
    kind: QaKind | None = None, passed: bool | None = None,  # noqa: FBT001 - a filter
    since: AwareDatetime | None = None, until: AwareDatetime | None = None,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[QaOut]:  # fmt: skip
    """Records, the latest first; corrected ones are told as `replaced`."""
    which = QaFilter(
        enterprise_id=enterprise_id, outlet_id=outlet_id, factor=factor, kind=kind, passed=passed, since=since,
        until=until,
    )  # fmt: skip
    found = await service.list_records(which, after=time_cursor(cursor), limit=limit + 1)
    files = await service.evidence_of(found)
    page = page_of(found, limit, lambda item: qa_out(item, files.get(item.id, ())), lambda item: [item.at, item.id])
    link_next(request, response, page.next)
    return page


@router.get("/qa-records/{record_id}")
async def get_qa_record(record_id: UUID, service: QaReader) -> QaOut:
    """One record."""
    record = await service.get_record(record_id)
    return qa_out(record, (await service.evidence_of([record])).get(record_id, ()))


@router.post("/qa-records", status_code=201)
async def add_qa_record(record: QaIn, service: QaWriter) -> QaOut:
    """Hand in a calibration, check or comparison: error, limit and result are computed."""
    return qa_out(await service.add_record(record))


@router.post("/qa-records/{record_id}/evidence", status_code=201)
async def add_qa_evidence(record_id: UUID, service: QaWriter, file: Upload) -> QaOut:
    """Hand in a file that proves a record."""
    record = await service.add_evidence(record_id, file.filename or "", await content_of(file))
    return qa_out(record, (await service.evidence_of([record])).get(record_id, ()))

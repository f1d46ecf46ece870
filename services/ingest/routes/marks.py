"""HTTP of marks."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from services.ingest.deps.marks import Insight, MarkReader, MarkVersion, MarkWriter, MayReadMarks
from services.ingest.domain.marks.model import Mark
from services.ingest.domain.marks.rules import catalogue
from services.ingest.routes.answers import page_of
from services.ingest.routes.cursors import time_cursor
from services.ingest.service.marks import MarkService
from services.ingest.store.marks import MarkFilter
from shared.contracts.ingest.marks import (
    BudgetOut,
    MarkAct,
    MarkCheck,
    MarkCodeOut,
    MarkEvidenceOut,
    MarkFacts,
    MarkIn,
    MarkKind,
    MarkOut,
    MarkSource,
    MarkState,
    MarkVersionOut,
)
from shared.http import Page, etag_of, link_next

router = APIRouter(prefix="/v1", tags=["marks"])
MAX_MARKS = 500


def mark_out(mark: Mark, service: MarkService) -> MarkOut:
    """A mark, with what the caller may do with it."""
    fields = {name: value for name, value in asdict(mark).items() if name in MarkOut.model_fields}
    code = catalogue().codes[mark.code]
    fields |= {
        "code_zh": code.name_zh, "code_en": code.name_en,
        "no": mark.no, "factors": list(mark.factors), "effective": mark.effective, "late": mark.is_late(service.now),
        "evidence": [evidence_out(file) for file in mark.evidence], "allowed": service.allowed(mark),
    }  # fmt: skip
    return MarkOut(**fields)


def evidence_out(file: object) -> MarkEvidenceOut:
    """A file, its content apart."""
    return MarkEvidenceOut.model_validate(file, from_attributes=True)


@router.get("/marks/codes")
async def list_mark_codes(_caller: MayReadMarks) -> list[MarkCodeOut]:
    """The catalogue of codes, with their effects and sources."""
    return [
        MarkCodeOut(
            code=code.code, kind=code.kind, name_zh=code.name_zh, name_en=code.name_en, effect=code.effect,
            evidence=code.evidence, trades=sorted(code.trades),
            source_zh=code.source_zh, source_en=code.source_en, valid_from=code.valid_from,
            valid_to=code.valid_to,
        )
        for code in catalogue().codes.values()
    ]  # fmt: skip


@router.get("/marks/facts")
async def mark_facts(
    service: Insight, since: AwareDatetime, until: AwareDatetime, enterprise_id: UUID | None = None
) -> list[MarkFacts]:
    """Marks due in a span by enterprise: on time, late, never handed in, untrue; and budgets overrun."""
    return await service.facts(since, until, enterprise_id)


@router.get("/marks/budgets")
async def mark_budgets(
    service: Insight, outlet_id: UUID, year: Annotated[int, Query(ge=2000, le=2100)]
) -> list[BudgetOut]:
    """Yearly budgets of an outlet and what is left of them."""
    return await service.budgets(outlet_id, year)


@router.post("/marks/check")
async def check_mark(mark: MarkIn, service: Insight) -> MarkCheck:
    """What would come of a mark: overlaps, deadlines, budget, signs in the readings. Nothing is kept."""
    return await service.check(mark)


@router.get("/marks")
async def list_marks(  # noqa: PLR0913, PLR0917 - filters
    service: MarkReader, request: Request, response: Response,
    outlet_id: UUID | None = None, enterprise_id: UUID | None = None,
    state: Annotated[list[MarkState] | None, Query(max_length=10)] = None,
    code: Annotated[list[str] | None, Query(max_length=40)] = None,
    kind: MarkKind | None = None, source: MarkSource | None = None,
    since: AwareDatetime | None = None, until: AwareDatetime | None = None,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_MARKS)] = 100,
) -> Page[MarkOut]:  # fmt: skip
    """Marks with a moment in the span, the latest beginning first."""
    which = MarkFilter(
        enterprise_id=enterprise_id, outlet_id=outlet_id, states=state or (), codes=code or (), kind=kind,
        source=source, since=since, until=until,
    )  # fmt: skip
    found = await service.list_marks(which, after=time_cursor(cursor), limit=limit + 1)
    page = page_of(found, limit, lambda mark: mark_out(mark, service), lambda mark: [mark.since, mark.id])
    link_next(request, response, page.next)
    return page


@router.post("/marks", status_code=201)
async def add_mark(mark: MarkIn, service: MarkWriter, response: Response) -> MarkOut:
    """Hand in a mark; as a reviewer propose one to the enterprise."""
    kept = await service.add_mark(mark)
    response.headers["ETag"] = etag_of(kept.version)
    return mark_out(kept, service)


@router.get("/marks/{mark_id}")
async def get_mark(mark_id: UUID, service: MarkReader, response: Response) -> MarkOut:
    """One mark."""
    mark = await service.get_mark(mark_id)
    response.headers["ETag"] = etag_of(mark.version)
    return mark_out(mark, service)


@router.get("/marks/{mark_id}/versions")
async def list_mark_versions(mark_id: UUID, service: MarkReader) -> list[MarkVersionOut]:
    """What it said after each change, the first version first."""
    return [MarkVersionOut(**asdict(version)) for version in await service.list_versions(mark_id)]


@router.post("/marks/{mark_id}/events")
async def act_on_mark(
    mark_id: UUID, act: MarkAct, service: MarkWriter, version: MarkVersion, response: Response
) -> MarkOut:
    """Confirm, correct, answer, finish, withdraw; accept, query, reject. `If-Match` names the version seen."""
    mark = await service.act(mark_id, act, version)
    response.headers["ETag"] = etag_of(mark.version)
    return mark_out(mark, service)

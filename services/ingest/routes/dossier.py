"""HTTP of the dossier: a list and a form for each part, and what all entries share."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime

from services.ingest.deps.dossier import Dossier
from services.ingest.domain.dossier import Entry, dues_of
from services.ingest.routes.answers import page_of
from services.ingest.routes.cursors import outlet_cursor
from shared.clock import PARK_ZONE
from shared.contracts.ingest.dossier import (
    AnalyserIn,
    ChangeIn,
    ContactIn,
    Due,
    Ending,
    EntryOut,
    LogLine,
    OperationIn,
    Part,
    PermitIn,
    PowerPointIn,
    VersionOut,
    VideoIn,
)
from shared.http import MAX_PAGE, Page, link_next

router = APIRouter(prefix="/v1", tags=["dossier"])
Reason = Annotated[str, Query(max_length=400, description="why; kept with the version")]


def entry_out(entry: Entry, today: date) -> EntryOut:
    """An entry with the terms that run."""
    return EntryOut(**vars(entry), dues=[Due(**vars(due)) for due in dues_of(entry, today)])


def _today(request: Request) -> date:
    today: date = request.app.state.clock.now().astimezone(PARK_ZONE).date()
    return today


@dataclass(frozen=True)
class Filters:
    """Which entries."""

    part: Annotated[list[Part] | None, Query(max_length=10)] = None
    enterprise_id: UUID | None = None
    outlet_id: UUID | None = None
    ended: bool = False


@router.get("/dossier")
async def list_entries(
    service: Dossier, request: Request, response: Response, filters: Annotated[Filters, Depends()],
    cursor: Annotated[str | None, Query(max_length=400)] = None, limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 200,
) -> Page[EntryOut]:  # fmt: skip
    """Entries of the dossier by part; `ended` shows past ones too. Contacts are left out for who may not see them."""
    found = await service.list_entries(
        filters.part or list(Part), enterprise_id=filters.enterprise_id, outlet_id=filters.outlet_id,
        ended=filters.ended, after=outlet_cursor(cursor), limit=limit + 1,
    )  # fmt: skip
    today = _today(request)
    page = page_of(found, limit, lambda item: entry_out(item, today), lambda item: [item.part.value, item.id])
    link_next(request, response, page.next)
    return page


@router.get("/dossier/{entry_id}")
async def get_entry(entry_id: UUID, service: Dossier, request: Request) -> EntryOut:
    """One entry."""
    return entry_out(await service.get(entry_id), _today(request))


@router.get("/dossier/{entry_id}/versions")
async def list_versions(entry_id: UUID, service: Dossier) -> list[VersionOut]:
    """Every content the entry had, the newest first."""
    return [
        VersionOut(
            version=item.version, data=item.data, active=item.active, changed_at=item.changed_at, by=item.actor,
            reason=item.reason,
        )
        for item in await service.list_versions(entry_id)
    ]  # fmt: skip


@router.post("/dossier/{entry_id}/end")
async def end_entry(entry_id: UUID, ending: Ending, service: Dossier, request: Request) -> EntryOut:
    """End an entry; it stays in the history."""
    return entry_out(await service.end(entry_id, ending.reason), _today(request))


@router.post("/permits")
async def put_permit(given: PermitIn, service: Dossier, request: Request, reason: Reason = "") -> EntryOut:
    """Register or change a discharge permit by enterprise and number."""
    return entry_out(await service.put(given, reason), _today(request))


@router.post("/contacts")
async def put_contact(given: ContactIn, service: Dossier, request: Request, reason: Reason = "") -> EntryOut:
    """Register or change a contact by enterprise, role and name; an enterprise may write its own."""
    return entry_out(await service.put(given, reason), _today(request))


@router.post("/analysers")
async def put_analyser(given: AnalyserIn, service: Dossier, request: Request, reason: Reason = "") -> EntryOut:
    """Register or change an analyser by outlet, factor and serial number."""
    return entry_out(await service.put(given, reason), _today(request))


@router.post("/operations")
async def put_operation(given: OperationIn, service: Dossier, request: Request, reason: Reason = "") -> EntryOut:
    """Register or change who operates an outlet's devices, by outlet and first day."""
    return entry_out(await service.put(given, reason), _today(request))


@router.post("/power-points")
async def put_power_point(given: PowerPointIn, service: Dossier, request: Request, reason: Reason = "") -> EntryOut:
    """Register or change a power-use point by outlet and code."""
    return entry_out(await service.put(given, reason), _today(request))


@router.post("/videos")
async def put_video(given: VideoIn, service: Dossier, request: Request, reason: Reason = "") -> EntryOut:
    """Register or change a camera by outlet and name."""
    return entry_out(await service.put(given, reason), _today(request))


@router.post("/changes")
async def put_change(given: ChangeIn, service: Dossier, request: Request, reason: Reason = "") -> EntryOut:
    """Tell of a change that the registry itself does not show."""
    return entry_out(await service.put(given, reason), _today(request))


@router.get("/outlets/{outlet_id}/changes")
async def change_log(
    outlet_id: UUID, service: Dossier, before: AwareDatetime | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[LogLine]:  # fmt: skip
    """The change log of an outlet: from the audit trail and as told, the newest first."""
    return await service.change_log(outlet_id, before, limit)

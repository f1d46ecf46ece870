"""HTTP of the registry."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.ingest.deps import MayReadRegistry, RegistryReader, RegistryWriter
from services.ingest.domain.factors import catalogue
from services.ingest.routes.answers import device_out, enterprise_out, outlet_out, page_of
from services.ingest.routes.cursors import code_cursor, outlet_cursor
from shared.contracts.ingest import (
    DeviceIn,
    DeviceOut,
    EnterpriseIn,
    EnterpriseOut,
    FactorOut,
    LimitIn,
    LimitOut,
    OutletIn,
    OutletOut,
)
from shared.http import MAX_PAGE, Page, link_next

router = APIRouter(prefix="/v1", tags=["registry"])
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Cursor = Annotated[str | None, Query(max_length=400)]


@router.get("/enterprises")
async def list_enterprises(
    service: RegistryReader, request: Request, response: Response,
    q: Annotated[str | None, Query(max_length=100, description="part of code or name")] = None,
    cursor: Cursor = None, limit: Limit = 200,
) -> Page[EnterpriseOut]:  # fmt: skip
    """Enterprises by code."""
    found = await service.list_enterprises(q=q, after=code_cursor(cursor), limit=limit + 1)
    page = page_of(found, limit, enterprise_out, lambda item: [item.code])
    link_next(request, response, page.next)
    return page


@router.get("/enterprises/{enterprise_id}")
async def get_enterprise(enterprise_id: UUID, service: RegistryReader) -> EnterpriseOut:
    """One enterprise."""
    return enterprise_out(await service.get_enterprise(enterprise_id))


@router.post("/enterprises")
async def add_enterprise(enterprise: EnterpriseIn, service: RegistryWriter) -> EnterpriseOut:
    """Register an enterprise, or change the one with this code."""
    return enterprise_out(await service.add_enterprise(enterprise))


@router.get("/outlets")
async def list_outlets(
    service: RegistryReader, request: Request, response: Response,
    enterprise_id: UUID | None = None, cursor: Cursor = None, limit: Limit = 200,
) -> Page[OutletOut]:  # fmt: skip
    """Outlets by code, with factors and limits."""
    found = await service.list_outlets(enterprise_id=enterprise_id, after=outlet_cursor(cursor), limit=limit + 1)
    page = page_of(found, limit, outlet_out, lambda item: [item.code, item.id])
    link_next(request, response, page.next)
    return page


@router.get("/outlets/{outlet_id}")
async def get_outlet(outlet_id: UUID, service: RegistryReader) -> OutletOut:
    """One outlet with factors and limits."""
    return outlet_out(await service.get_outlet(outlet_id))


@router.post("/outlets")
async def add_outlet(outlet: OutletIn, service: RegistryWriter) -> OutletOut:
    """Register an outlet, or change the one with this code of its enterprise."""
    return outlet_out(await service.add_outlet(outlet))


@router.get("/devices")
async def list_devices(
    service: RegistryReader, request: Request, response: Response,
    outlet_id: UUID | None = None, cursor: Cursor = None, limit: Limit = 200,
) -> Page[DeviceOut]:  # fmt: skip
    """Data loggers by MN, with their link state."""
    found = await service.list_devices(outlet_id=outlet_id, after=code_cursor(cursor), limit=limit + 1)
    now = request.app.state.clock.now()
    page = page_of(found, limit, lambda item: device_out(item, now), lambda item: [item.mn])
    link_next(request, response, page.next)
    return page


@router.post("/devices")
async def add_device(device: DeviceIn, service: RegistryWriter, request: Request) -> DeviceOut:
    """Register a data logger, or change the one with this MN; a password left out stays as it is."""
    return device_out(await service.add_device(device), request.app.state.clock.now())


@router.get("/factors")
async def list_factors(_caller: MayReadRegistry) -> list[FactorOut]:
    """All factor codes of the standard."""
    return [FactorOut(**asdict(factor)) for factor in catalogue().values()]


@router.get("/limits")
async def list_limits(service: RegistryReader, outlet_id: UUID | None = None) -> list[LimitOut]:
    """Limits, past ones too."""
    return [LimitOut(**asdict(limit)) for limit in await service.list_limits(outlet_id=outlet_id)]


@router.post("/limits")
async def add_limit(limit: LimitIn, service: RegistryWriter) -> LimitOut:
    """Set a limit from a date on; the one in force before it ends there."""
    return LimitOut(**asdict(await service.add_limit(limit)))

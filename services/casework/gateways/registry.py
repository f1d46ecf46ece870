"""Ingest's registry as casework needs it."""

from uuid import UUID

import httpx

from services.casework.domain.registry import Enterprise, Factor, Outlet
from shared.clients.base import ServiceCallError
from shared.clients.ingest import IngestClient
from shared.contracts.ingest import EnterpriseOut, FactorOut, OutletOut
from shared.errors import NotFoundError


def enterprise_of(wire: EnterpriseOut) -> Enterprise:
    """What casework keeps of an enterprise."""
    return Enterprise(wire.id, wire.code, wire.name_zh, wire.name_en, wire.version)


def outlet_of(wire: OutletOut) -> Outlet:
    """What casework keeps of an outlet."""
    return Outlet(wire.id, wire.enterprise_id, wire.code, wire.name_zh, wire.name_en, wire.medium, wire.version)


def factor_of(wire: FactorOut) -> Factor:
    """What casework keeps of a factor."""
    return Factor(wire.code, wire.name_zh, wire.name_en)


class Registry:
    """Reads what the feed has not brought yet."""

    def __init__(self, client: IngestClient) -> None:
        self._client = client

    async def get_enterprise(self, enterprise_id: UUID) -> Enterprise:
        """One enterprise; `NotFoundError` where ingest has none."""
        try:
            return enterprise_of(await self._client.get_enterprise(enterprise_id))
        except ServiceCallError as error:
            raise _told(error, f"ingest knows no enterprise {enterprise_id}") from error

    async def get_outlet(self, outlet_id: UUID) -> Outlet:
        """One outlet; `NotFoundError` where ingest has none."""
        try:
            return outlet_of(await self._client.get_outlet(outlet_id))
        except ServiceCallError as error:
            raise _told(error, f"ingest knows no outlet {outlet_id}") from error

    async def list_factors(self) -> list[Factor]:
        """All names of factors."""
        return [factor_of(item) for item in await self._client.list_factors()]


def _told(error: ServiceCallError, message: str) -> Exception:
    """A 404 is the event's fault (it is parked in the end); everything else passes and is tried again."""
    return NotFoundError(message) if error.status == httpx.codes.NOT_FOUND else error

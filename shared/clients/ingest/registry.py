"""Calls on the registry."""

from uuid import UUID

from shared.clients.base import ServiceClient
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
from shared.http import Page


class RegistryCalls(ServiceClient):
    """Calls on the registry."""

    async def list_enterprises(
        self, *, q: str | None = None, cursor: str | None = None, limit: int = 200
    ) -> Page[EnterpriseOut]:
        """Enterprises by code; `q` searches code and names."""
        return Page[EnterpriseOut].model_validate(
            await self.get_json("/v1/enterprises", q=q, cursor=cursor, limit=limit)
        )

    async def get_enterprise(self, enterprise_id: UUID) -> EnterpriseOut:
        """One enterprise."""
        return EnterpriseOut.model_validate(await self.get_json(f"/v1/enterprises/{enterprise_id}"))

    async def add_enterprise(self, enterprise: EnterpriseIn) -> EnterpriseOut:
        """Register or change by code (same code: same id)."""
        return EnterpriseOut.model_validate(await self.post_json("/v1/enterprises", enterprise))

    async def list_outlets(
        self, *, enterprise_id: UUID | None = None, cursor: str | None = None, limit: int = 200
    ) -> Page[OutletOut]:
        """Outlets with factors and limits, by code."""
        answer = await self.get_json("/v1/outlets", enterprise_id=enterprise_id, cursor=cursor, limit=limit)
        return Page[OutletOut].model_validate(answer)

    async def get_outlet(self, outlet_id: UUID) -> OutletOut:
        """One outlet with factors and limits."""
        return OutletOut.model_validate(await self.get_json(f"/v1/outlets/{outlet_id}"))

    async def add_outlet(self, outlet: OutletIn) -> OutletOut:
        """Register or change by enterprise and code."""
        return OutletOut.model_validate(await self.post_json("/v1/outlets", outlet))

    async def list_devices(
        self, *, outlet_id: UUID | None = None, cursor: str | None = None, limit: int = 200
    ) -> Page[DeviceOut]:
        """Data loggers with their link state."""
        answer = await self.get_json("/v1/devices", outlet_id=outlet_id, cursor=cursor, limit=limit)
        return Page[DeviceOut].model_validate(answer)

    async def add_device(self, device: DeviceIn) -> DeviceOut:
        """Register or change by MN; what is not given is not sent, and a password left out stays."""
        given = device.model_dump(mode="json", exclude_unset=True)
        return DeviceOut.model_validate(await self.post_json("/v1/devices", given))

    async def list_factors(self) -> list[FactorOut]:
        """All factor codes."""
        return [FactorOut.model_validate(item) for item in await self.get_json("/v1/factors")]

    async def list_limits(self, *, outlet_id: UUID | None = None) -> list[LimitOut]:
        """Limits, past ones too."""
        return [LimitOut.model_validate(item) for item in await self.get_json("/v1/limits", outlet_id=outlet_id)]

    async def add_limit(self, limit: LimitIn) -> LimitOut:
        """Set a limit from a date on; the one before it ends there."""
        return LimitOut.model_validate(await self.post_json("/v1/limits", limit))

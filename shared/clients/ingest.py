"""Typed client of ingest."""

from datetime import datetime
from typing import Any
from uuid import UUID

import pyarrow as pa

from shared.clients.base import ServiceClient
from shared.contracts.ingest import (
    Completeness,
    DeviceIn,
    DeviceOut,
    EnterpriseIn,
    EnterpriseOut,
    FactorOut,
    FreshnessOut,
    LimitIn,
    LimitOut,
    OutletIn,
    OutletOut,
    PacketOut,
    ReadingKind,
    ReadingsAccepted,
    ReadingsIn,
    Series,
)
from shared.http import Page

ARROW = "application/vnd.apache.arrow.stream"


class IngestClient(ServiceClient):
    """Registry, readings, series, packets."""

    service = "ingest"

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
        """Register or change by MN."""
        return DeviceOut.model_validate(await self.post_json("/v1/devices", device))

    async def list_factors(self) -> list[FactorOut]:
        """All factor codes."""
        return [FactorOut.model_validate(item) for item in await self.get_json("/v1/factors")]

    async def list_limits(self, *, outlet_id: UUID | None = None) -> list[LimitOut]:
        """Limits, past ones too."""
        return [LimitOut.model_validate(item) for item in await self.get_json("/v1/limits", outlet_id=outlet_id)]

    async def add_limit(self, limit: LimitIn) -> LimitOut:
        """Set a limit from a date on; the one before it ends there."""
        return LimitOut.model_validate(await self.post_json("/v1/limits", limit))

    async def post_readings(self, readings: ReadingsIn, *, key: str | None = None) -> ReadingsAccepted:
        """Bulk readings; durable when this returns. With `key` a repeat is answered, not applied again."""
        headers = {"Idempotency-Key": key} if key else None
        return ReadingsAccepted.model_validate(await self.post_json("/v1/readings", readings, headers=headers))

    async def read_arrow(self, outlet_ids: list[UUID], kind: ReadingKind, since: datetime, until: datetime) -> pa.Table:
        """Readings as a table outlet_id, factor, at, value, flag; `until` is inclusive."""
        params: list[tuple[str, Any]] = [("outlet_id", str(outlet_id)) for outlet_id in outlet_ids]
        params += [("kind", kind.value), ("since", since.isoformat()), ("until", until.isoformat())]
        response = await self.request("GET", "/v1/readings", params=params, headers={"Accept": ARROW}, timeout=60)
        with pa.ipc.open_stream(response.content) as reader:
            return reader.read_all()

    async def get_series(
        self,
        outlet_id: UUID,
        factor: str,
        *,
        kind: ReadingKind,
        since: datetime,
        until: datetime,
        max_points: int = 4000,
    ) -> Series:
        """A chart's data with limits; from `since` to before `until`."""
        answer = await self.get_json(
            f"/v1/outlets/{outlet_id}/series", factor=factor, kind=kind, since=since, until=until, max_points=max_points
        )
        return Series.model_validate(answer)

    async def list_packets(
        self, *, status: str | None = None, reason: str | None = None, mn: str | None = None, cursor: str | None = None,
        limit: int = 100,
    ) -> Page[PacketOut]:  # fmt: skip
        """Journal and quarantine, newest first."""
        answer = await self.get_json("/v1/packets", status=status, reason=reason, mn=mn, cursor=cursor, limit=limit)
        return Page[PacketOut].model_validate(answer)

    async def completeness(
        self, since: datetime, until: datetime, *, enterprise_id: UUID | None = None, outlet_id: UUID | None = None
    ) -> list[Completeness]:
        """Transmission and validity rates by outlet."""
        answer = await self.get_json(
            "/v1/completeness", since=since, until=until, enterprise_id=enterprise_id, outlet_id=outlet_id
        )
        return [Completeness.model_validate(item) for item in answer]

    async def freshness(self) -> FreshnessOut:
        """How far the data reach."""
        return FreshnessOut.model_validate(await self.get_json("/v1/freshness"))

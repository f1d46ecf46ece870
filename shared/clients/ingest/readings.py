"""Calls on readings, charts and completeness."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import pyarrow as pa

from shared.clients.base import ServiceClient
from shared.contracts.ingest import Completeness, FreshnessOut, ReadingKind, ReadingsAccepted, ReadingsIn, Series
from shared.contracts.ingest.readings import SparkAsk, Sparks, SparksAsk

ARROW = "application/vnd.apache.arrow.stream"


class ReadingCalls(ServiceClient):
    """Calls on readings, charts and completeness."""

    async def post_readings(self, readings: ReadingsIn, *, key: str | None = None) -> ReadingsAccepted:
        """Bulk readings; durable when this returns. With `key` a repeat is answered, not applied again."""
        headers = {"Idempotency-Key": key} if key else None
        return ReadingsAccepted.model_validate(await self.post_json("/v1/readings", readings, headers=headers))

    async def read_arrow(
        self, outlet_ids: list[UUID], kind: ReadingKind, since: datetime, until: datetime, *,
        factors: Sequence[str] = (),
    ) -> pa.Table:  # fmt: skip
        """Readings as a table outlet_id, factor, at, value, flag; `until` is inclusive; `factors` empty means all."""
        params: list[tuple[str, Any]] = [("outlet_id", str(outlet_id)) for outlet_id in outlet_ids]
        params += [("kind", kind.value), ("since", since.isoformat()), ("until", until.isoformat())]
        params += [("factor", factor) for factor in factors]
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

    async def get_sparks(self, asks: list[SparkAsk], *, max_points: int = 120) -> list[Series | None]:
        """Small curves in one call, in the order of the asks; None where there is no such outlet for this caller."""
        body = SparksAsk(asks=asks, max_points=max_points).model_dump(mode="json")
        response = await self.request("POST", "/v1/series/sparks", json=body, retry=True)
        return Sparks.model_validate(response.json()).sparks

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

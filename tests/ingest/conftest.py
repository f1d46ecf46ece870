"""The ingest service over a fresh database, its clock set by hand."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from services.ingest.main import create_app
from services.ingest.settings import Settings
from shared.auth import Role
from shared.clients.ingest import IngestClient
from shared.clock import FixedClock
from shared.contracts.ingest import (
    DeviceIn,
    EnterpriseIn,
    Medium,
    OutletFactor,
    OutletIn,
    ReadingKind,
    ReadingRow,
    ReadingsIn,
)
from shared.testing import TokenMaker, running
from tests.conftest import MakeDatabase

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)


@dataclass
class Ingest:
    """The app, a typed client with a service's token, and the same with anybody else's."""

    app: FastAPI
    url: str
    client: IngestClient
    http: httpx.AsyncClient
    clock: FixedClock
    tokens: TokenMaker

    def as_(self, *roles: Role, **options: Any) -> IngestClient:
        return self.client.as_user(self.tokens.token(*roles, **options))

    async def enterprise(self, code: str = "E1", **fields: Any) -> UUID:
        given = EnterpriseIn(code=code, name_zh=f"企业{code}", trade="sewage", **fields)
        return (await self.client.add_enterprise(given)).id

    async def outlet(self, code: str = "W1", enterprise: str = "E1", mn: str | None = None, **fields: Any) -> UUID:
        factors = [OutletFactor(factor="w01018", unit="mg/L"), OutletFactor(factor="w21003", unit="mg/L")]
        enterprise_id = await self.enterprise(enterprise)
        given = OutletIn(
            enterprise_id=enterprise_id, code=code, name_zh=f"排口{code}", medium=fields.pop("medium", Medium.WATER),
            factors=fields.pop("factors", factors), **fields,
        )  # fmt: skip
        outlet_id = (await self.client.add_outlet(given)).id
        if mn is not None:
            await self.client.add_device(DeviceIn(outlet_id=outlet_id, mn=mn))
        return outlet_id

    async def send(
        self, outlet_id: UUID, kind: ReadingKind, *rows: tuple[datetime, dict[str, float | None]], **flags: str
    ) -> tuple[int, int, int]:
        given = [ReadingRow(at=at, values=values, flags=flags or {}) for at, values in rows]
        accepted = await self.client.post_readings(ReadingsIn(outlet_id=outlet_id, kind=kind, rows=given))
        return accepted.stored, accepted.corrected, accepted.unchanged


@pytest.fixture
async def ingest(make_database: MakeDatabase, tokens: TokenMaker, tmp_path: Path) -> AsyncIterator[Ingest]:
    url = await make_database("ingest")
    settings = Settings(
        database_url=url,
        jobs=False,
        transfers_dir=tmp_path / "transfers",
        archive_dir=tmp_path / "archive",
        urls={"identity": "http://identity"},
    )
    app = create_app(settings)
    clock = FixedClock(NOW)
    app.state.clock, app.state.verifier = clock, tokens.verifier()
    app.state.transfers.clock = clock
    async with running(app, "ingest") as http:
        transport = httpx.ASGITransport(app)
        async with IngestClient("http://ingest", transport=transport, attempts=1) as client:
            service = client.as_user(tokens.token(Role.SERVICE, name="loader"))
            yield Ingest(app, url, service, http, clock, tokens)

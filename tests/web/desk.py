"""The portal over the real ingest service, for tests of forms and pages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx

from services.ingest.main import create_app as create_ingest
from services.ingest.service.transfers.runner import Runner
from services.ingest.settings import Settings
from shared.auth import Role
from shared.clients.ingest import IngestClient
from shared.contracts.ingest import EnterpriseIn, Medium, OutletFactor, OutletIn
from shared.testing import running
from tests.web.conftest import make_settings
from tests.web.makers import FIRMS
from tests.web.park import PASSWORD, Park
from web.main import create_app


@dataclass
class Desk:
    """The portal, the jobs behind it, and a client to look into what was stored."""

    portal: httpx.AsyncClient
    runner: Runner
    client: IngestClient
    enterprise: UUID
    outlet: UUID

    async def log_in(self, username: str) -> None:
        answer = await self.portal.post("/login", data={"username": username, "password": PASSWORD})
        assert answer.status_code == 303


@asynccontextmanager
async def open_desk(park: Park, url: str, folder: Path) -> AsyncIterator[Desk]:
    """One enterprise with one outlet, and the portal in front of them."""
    settings = Settings(database_url=url, jobs=False, transfers_dir=folder, urls={"identity": "http://identity"})
    ingest = create_ingest(settings)
    ingest.state.verifier = park.tokens.verifier()
    network = park.network()
    network.apps["ingest"] = ingest
    async with running(ingest), running(create_app(make_settings(), network), "portal") as portal:
        portal.headers["Origin"] = "http://portal"
        client = IngestClient("http://ingest", transport=httpx.ASGITransport(ingest))
        client = client.as_user(park.tokens.token(Role.SERVICE))
        code, name, *_ = FIRMS[0]
        made = await client.add_enterprise(EnterpriseIn(code=code, name_zh=name, trade="fine_chemicals"))
        given = OutletIn(
            enterprise_id=made.id, code="DW001", name_zh="废水总排口", medium=Medium.WATER,
            factors=[OutletFactor(factor="w01018", unit="mg/L"), OutletFactor(factor="w01001")],
        )  # fmt: skip
        outlet = await client.add_outlet(given)
        yield Desk(portal, ingest.state.transfers, client, made.id, outlet.id)
        await client.close()

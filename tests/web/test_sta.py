import httpx
from fastapi import FastAPI, Request

from shared.testing import Network
from tests.web.conftest import URLS
from web.proxy import Proxy


async def test_sensorthings_under_the_portals_address(app: FastAPI, client: httpx.AsyncClient) -> None:
    asked: list[Request] = []
    ingest, network = FastAPI(), Network()
    network.apps["ingest"] = ingest

    @ingest.get("/sta/v1.1")
    @ingest.get("/sta/v1.1/{path:path}")
    async def answer(request: Request) -> dict[str, list[str]]:
        asked.append(request)
        return {"value": []}

    app.state.proxy = Proxy(URLS, network)

    assert (await client.get("/sta/v1.1/Things")).status_code == 401
    for scheme in ("Bearer", "Basic"):
        headers = {"Authorization": f"{scheme} x", "X-Forwarded-Host": "evil.example", "Cookie": "session=1"}
        told = await client.get("/sta/v1.1/Things?$top=1", headers=headers)
        assert told.json() == {"value": []}
    assert (await client.get("/sta/v1.1", headers={"Authorization": "Bearer x"})).status_code == 200

    assert [request.url.path for request in asked] == ["/sta/v1.1/Things", "/sta/v1.1/Things", "/sta/v1.1"]
    assert asked[0].query_params["$top"] == "1"
    assert asked[0].headers["x-forwarded-host"] == str(client.base_url.netloc, "ascii")
    assert "cookie" not in asked[0].headers

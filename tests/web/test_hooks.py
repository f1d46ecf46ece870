"""The pages of webhooks over the real ingest service."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from services.ingest.main import create_app as create_ingest
from services.ingest.settings import Settings
from shared.testing import running
from tests.conftest import MakeDatabase
from tests.web.conftest import make_settings
from tests.web.park import PASSWORD, Park
from web.main import create_app


@pytest.fixture
async def portal(park: Park, make_database: MakeDatabase) -> AsyncIterator[httpx.AsyncClient]:
    """The portal with fakes but for ingest."""
    url = await make_database("ingest")
    ingest = create_ingest(Settings(database_url=url, jobs=False, urls={"identity": "http://identity"}))
    ingest.state.verifier = park.tokens.verifier()
    network = park.network()
    network.apps["ingest"] = ingest
    async with running(ingest), running(create_app(make_settings(), network), "portal") as client:
        client.headers["Origin"] = "http://portal"
        yield client


async def _log_in(portal: httpx.AsyncClient, username: str) -> None:
    answer = await portal.post("/login", data={"username": username, "password": PASSWORD})
    assert answer.status_code == 303


async def test_an_administrator_makes_changes_and_tries_a_webhook(portal: httpx.AsyncClient) -> None:
    await _log_in(portal, "admin")
    assert "尚未向任何系统推送事件" in (await portal.get("/admin/webhooks")).text

    refused = await portal.post("/admin/webhooks", data={"name": "", "url": "https://127.0.0.1/x"})
    assert refused.status_code == 422
    assert "请填写名称" in refused.text
    inside = await portal.post(
        "/admin/webhooks", data={"name": "平台", "url": "https://127.0.0.1/x", "types": "ingest.device.state.v1"}
    )
    assert inside.status_code == 422
    assert "这不是公网地址" in inside.text
    made = await portal.post(
        "/admin/webhooks", data={"name": "平台", "url": "https://a.example/x", "types": "ingest.device.state.v1"}
    )
    assert re.search(r"whsec_[A-Za-z0-9+/=]{32}", made.text)

    listed = (await portal.get("/admin/webhooks")).text
    assert "whsec_" not in listed
    [path] = re.findall(r'href="(/admin/webhooks/[0-9a-f-]{36})"', listed)
    assert (await portal.post(f"{path}/test")).status_code == 303
    assert "测试消息" in (await portal.get(path)).text
    changed = {"name": "平台二", "url": "https://a.example/x", "types": "ingest.mark.changed.v1", "version": "1"}
    assert (await portal.post(path, data=changed)).status_code == 303
    shown = (await portal.get(path, headers={"Accept-Language": "en"})).text
    assert "平台二" in shown
    assert "Mark changed" in shown
    assert (await portal.post(path, data=changed)).status_code == 412
    assert "whsec_" in (await portal.post(f"{path}/secret")).text


async def test_others_do_not_get_there(portal: httpx.AsyncClient) -> None:
    await _log_in(portal, "wang")
    assert (await portal.get("/admin/webhooks")).status_code == 403

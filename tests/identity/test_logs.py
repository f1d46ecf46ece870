"""A real process on a real socket: what it writes tells of every refusal and holds no secret."""

import asyncio
import json
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.conftest import MakeDatabase
from tests.identity.conftest import SECRET, bootstrap_content, write_bootstrap

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def identity_process(
    url: str, bootstrap: str, output: Path
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    port = free_port()
    env = {**os.environ, "IDENTITY_DATABASE_URL": url, "IDENTITY_BOOTSTRAP_FILE": bootstrap}
    command = ("-m", "uvicorn", "--factory", "services.identity.main:create_app", "--port", str(port))
    with output.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, cwd=ROOT, env=env, stdout=file, stderr=asyncio.subprocess.STDOUT
        )
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 15)


async def until_ready(http: httpx.AsyncClient) -> None:
    for _ in range(150):
        try:
            if (await http.get("/readyz")).status_code == 200:
                return
        except httpx.ConnectError:
            pass
        await asyncio.sleep(0.1)
    raise TimeoutError("identity did not get ready in 15 s")


async def use(http: httpx.AsyncClient) -> set[str]:
    """Everything with a secret in it, right and wrong; the secrets that came out."""
    opened = (await http.post("/v1/sessions", json={"username": "zhou", "password": "pass-zhou"})).json()
    session = {"session_token": opened["session_token"]}
    access = (await http.post("/v1/sessions/token", json=session)).json()["access_token"]
    await http.get("/v1/accounts/me", headers={"Authorization": f"Bearer {access}"})
    await http.get("/v1/accounts", headers={"Authorization": f"Bearer {access}"})
    await http.get("/v1/accounts/me", headers={"Authorization": f"Bearer {access}x"})
    await http.post("/v1/sessions", json={"username": "typed-secret-by-mistake", "password": "guessed-password"})
    await http.post("/v1/sessions", json={"username": "zhou", "password": "guessed-password"})
    form = {"grant_type": "client_credentials", "client_id": "root", "client_secret": f"root-{SECRET}"}
    token = (await http.post("/oauth/token", data=form)).json()["access_token"]
    await http.post("/oauth/token", data=form | {"client_secret": "guessed-secret"})
    admin = {"Authorization": f"Bearer {token}"}
    body = {"name": "x", "roles": ["admin"], "organisation_id": opened["account"]["organisation_id"]}
    made = (await http.post("/v1/clients", json=body, headers=admin)).json()
    account = f"/v1/accounts/{opened['account']['id']}"
    await http.patch(account, json={"password": "changed-password"}, headers=admin)
    await http.post("/v1/sessions/end", json=session)
    return {session["session_token"], access, token, made["client_secret"]}


async def test_events_are_logged_without_secrets(make_database: MakeDatabase, tmp_path: Path) -> None:
    bootstrap, output = write_bootstrap(tmp_path, bootstrap_content()), tmp_path / "log"
    async with (
        identity_process(await make_database("identity"), bootstrap, output) as (_, base),
        httpx.AsyncClient(base_url=base, timeout=10) as http,
    ):
        await until_ready(http)
        secrets = await use(http)

    text = output.read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    events = {line["event"] for line in lines}
    assert {"bootstrap", "login", "login_failed", "refused", "client_token", "client_refused", "client_added",
            "account_changed", "key_added", "leader"} <= events  # fmt: skip
    failed = [line for line in lines if line["event"] == "login_failed"]
    assert [line["account"] is None for line in failed] == [True, False]
    assert all(line["level"] == "warning" and line["request_id"] and line["address"] for line in failed)
    typed = {"pass-zhou", "guessed-password", "typed-secret-by-mistake", "guessed-secret", "changed-password", SECRET}
    assert [secret for secret in secrets | typed if secret in text] == []
    assert not re.search(r"argon2|eyJ|\"d\":", text)


async def test_bad_bootstrap_ends_the_process_with_a_clear_line(make_database: MakeDatabase, tmp_path: Path) -> None:
    content = bootstrap_content()
    content["accounts"][0]["roles"] = ["king"]
    output = tmp_path / "log"
    url, path = await make_database("identity"), write_bootstrap(tmp_path, content)
    async with identity_process(url, path, output) as (process, _):
        assert await asyncio.wait_for(process.wait(), 20) != 0

    text = output.read_text()
    assert "BootstrapError" in text
    assert f"IDENTITY_BOOTSTRAP_FILE {path} is not right: accounts.0.roles.0: " in text
    assert "pass-" not in text

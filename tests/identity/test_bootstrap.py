import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.identity.bootstrap import BootstrapError, read_bootstrap
from services.identity.main import create_app
from shared.clock import monotonic
from shared.contracts.ingest import enterprise_uuid
from shared.testing import running
from tests.conftest import MakeDatabase
from tests.identity.conftest import SECRET, MakeWorld, World, bootstrap_content, make_settings, write_bootstrap

Content = dict[str, list[dict[str, Any]]]


async def test_all_entries_are_there(world: World) -> None:
    organisations = await world.rows("select name_zh, kind, enterprise_id from organisations order by name_zh")
    assert organisations == [
        ("alpha单位", "enterprise", enterprise_uuid("E-001")), ("beta单位", "enterprise", enterprise_uuid("E-002")),
        ("bureau单位", "bureau", None), ("hj单位", "supervisor", None), ("system单位", "system", None),
    ]  # fmt: skip
    for username in ("zhou", "wang", "alice", "bob", "admin"):
        assert (await world.log_in(username)).status_code == 201
    for client in ("portal", "plant", "root"):
        assert (await world.client_token(client)).status_code == 200


async def test_second_start_changes_nothing(make_database: MakeDatabase, make_world: MakeWorld) -> None:
    url = await make_database("identity")
    first: World = await make_world(url=url)
    everything = "select * from {} order by 1"
    tables = ("organisations", "accounts", "clients", "signing_keys", "audit_entry")
    before = [await first.rows(everything.format(table)) for table in tables]

    second: World = await make_world(url=url)
    assert [await second.rows(everything.format(table)) for table in tables] == before


async def test_changed_entries_are_brought_in(make_database: MakeDatabase, make_world: MakeWorld) -> None:
    url = await make_database("identity")
    first: World = await make_world(url=url)
    session = await first.session("zhou")
    other = await first.session("wang")
    content = bootstrap_content()
    content["organisations"][1]["name_zh"] = "新名"
    content["accounts"][0] |= {"password": "quite-new", "roles": ["supervisor", "supervisor_lead"]}
    content["clients"][1]["client_secret"] = "n" * 40

    second: World = await make_world(url=url, content=content)
    assert (await second.exchange(session)).status_code == 401  # the password changed
    assert (await second.exchange(other)).status_code == 200
    assert (await second.log_in("zhou")).status_code == 401
    account = (await second.log_in("zhou", "quite-new")).json()["account"]
    assert (account["roles"], account["organisation_name_zh"]) == (["supervisor", "supervisor_lead"], "新名")
    assert (await second.client_token("plant")).status_code == 401
    assert (await second.client_token("plant", client_secret="n" * 40)).status_code == 200


async def test_closed_account_stays_closed(make_database: MakeDatabase, make_world: MakeWorld) -> None:
    url = await make_database("identity")
    first: World = await make_world(url=url)
    account = (await first.log_in("bob")).json()["account"]["id"]
    admin = await first.headers("admin")
    await first.http.patch(f"/v1/accounts/{account}", json={"active": False}, headers=admin)

    second: World = await make_world(url=url)
    assert (await second.log_in("bob")).status_code == 401


async def test_start_without_a_file(make_database: MakeDatabase) -> None:
    app = create_app(make_settings(await make_database("identity")))
    async with running(app) as http:
        assert (await http.get("/readyz")).status_code == 200
        assert len((await http.get("/.well-known/jwks.json")).json()["keys"]) == 1


def edit(change: Callable[[Content], Any]) -> Content:
    content = bootstrap_content()
    change(content)
    return content


BAD: list[tuple[Any, str]] = [
    ("{", "file: Invalid JSON"),
    ("[]", "file: Input should be an object"),
    ("{}", "organisations: Field required"),
    (edit(lambda c: c["accounts"][0].update(password="short")), "accounts.0.password: "),
    (edit(lambda c: c["accounts"][0].update(roles=["king"])), "accounts.0.roles.0: "),
    (edit(lambda c: c["accounts"][0].update(username="Zhou")), "accounts.0.username: "),
    (edit(lambda c: c["accounts"][0].update(surprise=1)), "accounts.0.surprise: "),
    (edit(lambda c: c["clients"][0].update(client_secret="weak-secret")), "clients.0.client_secret: "),
    (edit(lambda c: c["accounts"][2].update(roles=["officer"])), "account alice: "),
    (edit(lambda c: c["accounts"][0].update(roles=["enterprise"])), "account zhou: "),
    (edit(lambda c: c["clients"][1].update(roles=["service"])), "client plant: "),
    (edit(lambda c: c["organisations"].pop(0)), "account admin: no organisation "),
    (edit(lambda c: c["organisations"][3].update(enterprise_code=None)), "needs its enterprise_id"),
    (edit(lambda c: c["organisations"][1].update(enterprise_code="E-009")), "has no enterprise_id"),
    (edit(lambda c: c["accounts"].append(c["accounts"][0])), "account zhou stands there twice"),
    (edit(lambda c: c["clients"].append(c["clients"][0])), "client portal stands there twice"),
    (edit(lambda c: c["organisations"].append(c["organisations"][0])), "stands there twice"),
]


@pytest.mark.parametrize(("content", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_file_is_refused_with_the_place(tmp_path: Path, content: Any, message: str) -> None:
    path = write_bootstrap(tmp_path, content)

    with pytest.raises(BootstrapError) as refused:
        read_bootstrap(path)
    text = str(refused.value)
    assert text.startswith(f"IDENTITY_BOOTSTRAP_FILE {path} is not right: ")
    assert message in text
    assert not any(secret in text for secret in ("pass-", SECRET, "short", "weak-secret"))
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BootstrapError, match="cannot be read: No such file"):
        read_bootstrap(str(tmp_path / "none.json"))


async def test_bad_file_stops_the_start(make_database: MakeDatabase, tmp_path: Path) -> None:
    url = await make_database("identity")
    app = create_app(make_settings(url, write_bootstrap(tmp_path, "{")))

    with pytest.raises(BootstrapError):
        async with running(app):
            pass


async def test_twenty_accounts_start_fast(make_database: MakeDatabase, tmp_path: Path) -> None:
    content = bootstrap_content()
    template = content["accounts"][0]
    content["accounts"] += [{**template, "username": f"person{n}", "password": f"password-{n}"} for n in range(15)]
    url = await make_database("identity")
    path = write_bootstrap(tmp_path, json.dumps(content))

    for _ in range(2):  # the first start hashes, the second verifies
        began = monotonic()
        async with running(create_app(make_settings(url, path))):
            assert monotonic() - began < 10  # about a second on two free cores

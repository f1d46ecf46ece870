import asyncio
import hashlib
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from shared.audit import SYSTEM, Actor, Verdict, entries, record, verify
from shared.auth import Principal, Role
from shared.db import Database
from tests.shared.conftest import MakeKernel, OpenDatabase, connected, fetch

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@pytest.fixture
async def db(make_kernel: MakeKernel, open_database: OpenDatabase) -> Database:
    return open_database(await make_kernel())


async def write(db: Database, count: int, subject: str = "case:1") -> None:
    for number in range(count):
        async with db.transaction() as session:
            await record(session, SYSTEM, "case.move", subject, at=AT, after={"number": number})


async def check(db: Database) -> Verdict:
    async with db.transaction() as session:
        return await verify(session)


async def test_entry_says_who_did_what(db: Database) -> None:
    principal = Principal("42", "周敏", frozenset({Role.SUPERVISOR}), frozenset(), UUID(int=1), "衡鉴", "supervisor")
    async with db.transaction() as session:
        number = await record(
            session, Actor.of(principal), "case.close", "case:7", at=AT,
            before={"status": "open"}, after={"status": "closed"}, reason="现场复核",
        )  # fmt: skip
        (entry,) = await entries(session, subject="case:7")

    assert number == entry.id == 1
    assert entry.payload == {
        "at": "2026-11-23T02:00:00+00:00", "actor": "42", "actor_name": "周敏", "organisation": "衡鉴",
        "action": "case.close", "subject": "case:7", "before": {"status": "open"}, "after": {"status": "closed"},
        "reason": "现场复核", "request_id": "",
    }  # fmt: skip
    columns = await fetch(db.url, "select at, actor, action, subject from audit_entry")
    assert columns == [("2026-11-23T02:00:00+00:00", "42", "case.close", "case:7")]


async def test_chain_is_that_of_the_description(db: Database) -> None:
    await write(db, 3)

    digest = b""
    for payload, stored in await fetch(db.url, "select payload, hash from audit_entry order by id"):
        digest = hashlib.sha256(digest + payload.encode()).digest()
        assert stored == digest
    assert await check(db) == Verdict(3, None, digest.hex())


async def test_nothing_is_written_when_the_change_fails(db: Database) -> None:
    with pytest.raises(ValueError, match="no"):  # noqa: PT012 - the transaction is the point
        async with db.transaction() as session:
            await record(session, SYSTEM, "a", "b", at=AT)
            raise ValueError("no")

    assert (await check(db)).entries == 0


@pytest.mark.parametrize("statement", ["update audit_entry set payload = '{}'", "delete from audit_entry",
                                       "truncate audit_entry"])  # fmt: skip
async def test_entries_are_append_only(db: Database, statement: str) -> None:
    await write(db, 2)
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await fetch(db.url, statement)

    assert (await check(db)).broken_at is None


REWRITE_ONE = (
    "update audit_entry set payload = '{}', hash = sha256((select hash from audit_entry where id = 4) || '{}')"
    " where id = 5"
)
TAMPERING = {
    "payload": ("update audit_entry set payload = replace(payload, '\"number\":4', '\"number\":5') where id = 5", 5),
    "payload and its hash": (REWRITE_ONE, 6),
    "hash": ("update audit_entry set hash = sha256('x') where id = 5", 5),
    "row removed": ("delete from audit_entry where id = 5", 5),
    "last row removed": ("delete from audit_entry where id = 9", 9),
    "first row removed": ("delete from audit_entry where id = 1", 1),
    "all rows removed": ("delete from audit_entry", 1),
    "row added": ("insert into audit_entry(id, payload, hash) values(10, '{}', sha256('x'))", 10),
    "rows swapped": ("update audit_entry set id = case id when 5 then 60 when 6 then 5 end where id in (5, 6)", 5),
    "head moved back": ("update audit_head set id = 8, hash = (select hash from audit_entry where id = 8)", 10),
}  # fmt: skip


@pytest.mark.parametrize(("statement", "place"), TAMPERING.values(), ids=TAMPERING)
async def test_tampering_is_found_at_its_place(db: Database, statement: str, place: int) -> None:
    """By somebody who may switch the triggers off."""
    await write(db, 9)
    async with connected(db.url) as connection:
        await connection.execute("set session_replication_role = replica")
        await connection.execute(statement)

    assert (await check(db)).broken_at == place


async def test_concurrent_appends_keep_the_chain(db: Database) -> None:
    await asyncio.gather(*(write(db, 12, f"case:{writer}") for writer in range(8)))

    verdict = await check(db)
    assert (verdict.entries, verdict.broken_at) == (96, None)


async def test_entries_are_paged_newest_first(db: Database) -> None:
    await write(db, 5)
    await write(db, 1, "case:2")
    async with db.transaction() as session:
        first = await entries(session, subject="case:1", limit=3)
        rest = await entries(session, subject="case:1", before_id=first[-1].id, limit=3)
        everything = await entries(session)

    assert [entry.id for entry in first] == [5, 4, 3]
    assert [entry.id for entry in rest] == [2, 1]
    assert len(everything) == 6

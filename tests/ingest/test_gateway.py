"""The gateway end to end: real TCP, real frames, real database; answered means stored."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from services.ingest.hj212.codec import Edition, Frame, Framer, Packet, Report, Sender, frame, parse_segment
from services.ingest.hj212.codec import upload_frames as frames_of
from services.ingest.hj212.gateway import Limits, Outcome, Received, Server, serve
from services.ingest.service.intake import Intake
from services.ingest.service.uploads import UploadSink
from shared.auth import Role
from shared.contracts.ingest import (
    DeviceIn,
    LinkState,
    PacketOut,
    PacketStatus,
    ReadingKind,
    ReadingsEvent,
)
from shared.db import Database, plain_dsn
from tests.ingest.conftest import NOW, Ingest

MN = "010000A8900016F000169DC0"
T = datetime(2026, 2, 28, 16, 0, tzinfo=UTC)
QNS = tuple(f"202603011200000{number:02}" for number in range(100))
KIND = {"2011": ReadingKind.REALTIME, "2051": ReadingKind.MINUTE, "2061": ReadingKind.HOUR, "2031": ReadingKind.DAY}
SUFFIX = {"2011": "Rtd", "2051": "Avg", "2061": "Avg", "2031": "Avg"}


@dataclass
class Peer:
    """A logger: sends bytes, gathers answers."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    framer: Framer = field(default_factory=Framer)

    async def send(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))
        await self.writer.drain()

    async def answers(self, count: int, *, within: float = 5.0) -> list[Packet]:
        found: list[Packet] = []
        async with asyncio.timeout(within):
            while len(found) < count:
                data = await self.reader.read(65536)
                if not data:
                    break
                found += [parse_segment(item.segment) for item in self.framer.feed(data) if isinstance(item, Frame)]
        return found


@asynccontextmanager
async def gateway(ingest: Ingest, wrap: Any = None) -> AsyncIterator[Server]:
    db = Database(ingest.url)
    sink = UploadSink(db, Intake(db))
    server = await serve(
        "127.0.0.1",
        0,
        wrap(sink) if wrap else sink,
        now=ingest.clock.now,
        limits=Limits(stop_grace=3.0, retry_first=0.02),
    )
    try:
        yield server
    finally:
        await server.stop()
        await db.close()


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


async def journal(ingest: Ingest, count: int) -> list[PacketOut]:
    """The journal, oldest first, once it has `count` lines."""
    async with asyncio.timeout(5.0):
        while True:
            page = await ingest.client.list_packets(limit=500)
            if len(page.items) >= count:
                return page.items[::-1]
            await asyncio.sleep(0.02)


def upload(
    cn: str, edition: Edition, *, ack: bool = True, mn: str = MN, at: datetime = T, **values: float
) -> list[bytes]:
    sender = Sender(mn, "32", edition=edition)
    codes = values or {"w01018": 40.5, "w21003": 1.2}
    items = [(code, [(SUFFIX[cn], value), ("Flag", "N")]) for code, value in codes.items()]
    return frames_of(sender, Report(cn, at, items, ack_wanted=ack), qns=QNS)


@pytest.mark.parametrize("edition", [Edition.V2005, Edition.V2017])
@pytest.mark.parametrize("cn", list(KIND))
async def test_uploads_are_stored_journalled_told_and_answered(ingest: Ingest, cn: str, edition: Edition) -> None:
    outlet = await ingest.outlet(mn=MN)
    (sent,) = upload(cn, edition)
    async with gateway(ingest) as server, connected(server) as peer:
        await peer.send(sent)
        (answer,) = await peer.answers(1)
        table = await ingest.client.read_arrow([outlet], KIND[cn], T, T)
        (line,) = await journal(ingest, 1)
    (device,) = (await ingest.client.list_devices(outlet_id=outlet)).items
    feed = await ingest.http.get("/v1/feed", headers=ingest.tokens.headers(Role.SERVICE))
    (event,) = [item for item in feed.json() if item["type"] == "ingest.readings.accepted.v1"]
    (batch,) = ReadingsEvent.model_validate(event["data"]).batches

    assert (answer.cn, answer.st, answer.mn, answer.request_qn) == ("9014", "91", MN, QNS[0])
    assert [(row["factor"], row["value"], row["flag"]) for row in table.to_pylist()] == [
        ("w01018", 40.5, "N"), ("w21003", 1.2, "N"),
    ]  # fmt: skip
    assert (line.status, line.reason, line.mn, line.cn, line.raw) == ("stored", None, MN, cn, sent.decode().strip())
    assert (batch.outlet_id, batch.kind, batch.times, batch.corrected) == (outlet, KIND[cn], [int(T.timestamp())], [])
    assert (device.last_seen_at, device.link) == (NOW, LinkState.ONLINE)


async def test_numbers_of_2005_and_parts_of_a_split_packet_come_together(ingest: Ingest) -> None:
    outlet = await ingest.outlet(mn=MN)
    day = "DataTime=20260301000000"
    frames = [
        frame(f"ST=32;CN=2061;PW=123456;MN={MN};CP=&&{day};011-Cou=17.37,011-Min=23.2,011-Avg=23.5,011-Max=24.1&&".encode()),
        frame(f"QN={QNS[1]};ST=32;CN=2061;PW=123456;MN={MN};Flag=7;PNUM=2;PNO=1;CP=&&{day};w21003-Avg=1.5,w21003-Flag=D&&".encode()),
        frame(f"QN={QNS[2]};ST=32;CN=2061;PW=123456;MN={MN};Flag=7;PNUM=2;PNO=2;CP=&&{day};w01018-Avg=23.5&&".encode()),
        frame(f"QN={QNS[3]};ST=32;CN=2051;PW=123456;MN={MN};Flag=7;PNUM=2;PNO=1;CP=&&{day};w21003-Avg=1.5&&".encode()),
        frame(f"QN={QNS[4]};ST=32;CN=2051;PW=123456;MN={MN};Flag=7;PNUM=2;PNO=2;CP=&&{day};w01018-Avg=-,w01018-Flag=B&&".encode()),
    ]  # fmt: skip
    async with gateway(ingest) as server, connected(server) as peer:
        await peer.send(*frames)
        answers = await peer.answers(4)
    tables = [await ingest.client.read_arrow([outlet], kind, T, T) for kind in (ReadingKind.HOUR, ReadingKind.MINUTE)]
    connection = await asyncpg.connect(plain_dsn(ingest.url))
    try:
        more = await connection.fetchrow("select vmin, vmax, cou, rev from reading_value order by value desc limit 1")
    finally:
        await connection.close()

    assert [answer.request_qn for answer in answers] == list(QNS[1:5])
    assert [[(row["factor"], row["value"], row["flag"]) for row in table.to_pylist()] for table in tables] == [
        [("w01018", 23.5, "N"), ("w21003", 1.5, "D")], [("w01018", None, "B"), ("w21003", 1.5, "N")],
    ]  # fmt: skip
    assert tuple(more or ()) == (23.2, 24.1, 17.37, 0)


def request(cn: str, flag: int, body: str = "", mn: str = MN, st: str = "32", pw: str = "123456") -> bytes:
    return frame(f"QN={QNS[0]};ST={st};CN={cn};PW={pw};MN={mn};Flag={flag};CP=&&{body}&&".encode())


OK = "DataTime=20260301000000;w01018-Rtd=1"
JUDGED: list[tuple[str, bytes, PacketStatus, str | None, bool]] = [
    ("heartbeat", request("9015", 9), PacketStatus.ANSWERED, None, True),
    ("log-in of a vendor", request("9021", 5), PacketStatus.ANSWERED, None, True),
    ("unknown command, answer wanted", request("2777", 5, "X=1"), PacketStatus.ANSWERED, None, True),
    ("unknown command", request("2777", 4, "X=1"), PacketStatus.IGNORED, "not_an_upload", False),
    ("an answer is never answered", request("9014", 5), PacketStatus.IGNORED, "answer", False),
    ("a platform's command", request("1012", 5, "SystemTime=20260301000000"), PacketStatus.IGNORED,
     "request_not_upload", False),
    ("unknown MN", request("2011", 5, OK, mn="NOBODY"), PacketStatus.QUARANTINED, "unknown_mn", False),
    ("out of use", request("2011", 5, OK, mn="RETIRED"), PacketStatus.QUARANTINED, "inactive_device", False),
    ("wrong PW", request("2011", 5, OK, mn="LOCKED", pw="654321"), PacketStatus.QUARANTINED, "wrong_password", False),
    ("right PW", request("2011", 5, OK, mn="LOCKED", pw="abcdef"), PacketStatus.STORED, None, True),
    ("no DataTime", request("2011", 5, "w01018-Rtd=1"), PacketStatus.QUARANTINED, "no_data_time", False),
    ("bad DataTime", request("2011", 5, "DataTime=20261301000000;w01018-Rtd=1"), PacketStatus.QUARANTINED,
     "bad_data_time", False),
    ("no values", request("2011", 5, "DataTime=20260301000000"), PacketStatus.QUARANTINED, "no_values", False),
    ("far future", request("2011", 5, "DataTime=20260401000000;w01018-Rtd=1"), PacketStatus.QUARANTINED, "future_time",
     False),
    ("bad CRC", request("2011", 5, OK)[:-6] + b"FFFF\r\n", PacketStatus.QUARANTINED, "bad_crc", False),
    ("no MN", frame(b"ST=32;CN=2011;PW=1;CP=&&DataTime=20260301000000;a-Rtd=1&&"), PacketStatus.QUARANTINED, "no_mn",
     False),
    ("a value that is no number", request("2011", 5, OK + ";w21003-Rtd=abc"), PacketStatus.STORED, None, True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "status", "reason", "answered"), [case[1:] for case in JUDGED], ids=[case[0] for case in JUDGED]
)
async def test_each_packet_gets_its_judgement(
    ingest: Ingest, sent: bytes, status: PacketStatus, reason: str | None, *, answered: bool
) -> None:
    outlet = await ingest.outlet(mn=MN)
    await ingest.client.add_device(DeviceIn(outlet_id=outlet, mn="LOCKED", password="abcdef"))
    await ingest.client.add_device(DeviceIn(outlet_id=outlet, mn="RETIRED", active=False))
    async with gateway(ingest) as server, connected(server) as peer:
        await peer.send(sent, upload("2051", Edition.V2017)[0])
        answers = await peer.answers(1 + answered)
        first, last = await journal(ingest, 2)

    assert (first.status, first.reason) == (status, reason)
    assert first.raw.encode() == sent.strip()
    assert last.status is PacketStatus.STORED
    assert len(answers) == 1 + answered


@dataclass
class Failing:
    """A sink whose commits fail the first times, after the work was done."""

    sink: UploadSink
    failures: int = 2
    calls: int = 0

    async def store(self, batch: Sequence[Received]) -> Sequence[Outcome]:
        self.calls += 1
        if self.calls <= self.failures:
            raise asyncpg.PostgresConnectionError("the server is gone")
        return await self.sink.store(batch)


async def test_nothing_is_answered_before_its_commit(ingest: Ingest) -> None:
    await ingest.outlet(mn=MN)
    async with gateway(ingest, lambda sink: Failing(sink, failures=1000)) as server, connected(server) as peer:
        await peer.send(*upload("2061", Edition.V2017))
        with pytest.raises(TimeoutError):
            await peer.answers(1, within=0.6)

    assert (await ingest.client.list_packets()).items == []


async def test_a_batch_that_failed_is_stored_and_answered_later(ingest: Ingest) -> None:
    outlet = await ingest.outlet(mn=MN)
    async with gateway(ingest, Failing) as server, connected(server) as peer:
        await peer.send(*upload("2061", Edition.V2017))
        answers = await peer.answers(1)
        table = await ingest.client.read_arrow([outlet], ReadingKind.HOUR, T, T)

    assert len(answers) == 1
    assert table.num_rows == 2
    assert len((await ingest.client.list_packets()).items) == 1


async def test_a_commit_that_fails_in_the_database_gives_no_answer(ingest: Ingest) -> None:
    await ingest.outlet(mn=MN)
    connection = await asyncpg.connect(plain_dsn(ingest.url))
    try:
        await connection.execute(
            "create function refuse() returns trigger language plpgsql as"
            " $$ begin raise exception 'disk full' using errcode = '53100'; end $$;"
            "create constraint trigger refuse_commit after insert on packet deferrable initially deferred"
            " for each row execute function refuse()"
        )
        async with gateway(ingest) as server, connected(server) as peer:
            await peer.send(*upload("2061", Edition.V2017))
            with pytest.raises(TimeoutError):
                await peer.answers(1, within=0.5)
            await connection.execute("drop trigger refuse_commit on packet")
            late = await peer.answers(1)
    finally:
        await connection.close()

    assert len(late) == 1
    assert [line.status for line in (await ingest.client.list_packets()).items] == [PacketStatus.STORED]


async def test_content_the_database_refuses_costs_only_its_own_packet(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.ingest.store import dictionaries

    outlet = await ingest.outlet(mn=MN)
    monkeypatch.setattr(dictionaries, "MOST_ENTRIES", 3)
    noise = upload("2051", Edition.V2017, **{f"n{i}": 1.0 for i in range(4)})
    async with gateway(ingest) as server, connected(server) as peer:
        await peer.send(
            *upload("2061", Edition.V2017), *noise, *upload("2061", Edition.V2017, at=T + timedelta(hours=1))
        )
        answers = await peer.answers(2)
        lines = await journal(ingest, 3)
    table = await ingest.client.read_arrow([outlet], ReadingKind.HOUR, T, NOW)

    assert [(line.status, line.reason) for line in lines] == [
        ("stored", None), ("quarantined", "refused_by_store"), ("stored", None),
    ]  # fmt: skip
    assert (len(answers), table.num_rows) == (2, 4)


async def test_a_new_registration_takes_effect_soon(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    from services.ingest.service import uploads

    monkeypatch.setattr(uploads, "DEVICE_SECONDS", 0.0)
    outlet = await ingest.outlet()
    async with gateway(ingest) as server, connected(server) as peer:
        await peer.send(*upload("2061", Edition.V2017))
        await journal(ingest, 1)
        await ingest.client.add_device(DeviceIn(outlet_id=outlet, mn=MN))
        await peer.send(*upload("2061", Edition.V2017))
        await peer.answers(1)
        lines = await journal(ingest, 2)

    assert [line.reason for line in lines] == ["unknown_mn", None]


async def test_link_state_follows_the_clock(ingest: Ingest) -> None:
    await ingest.outlet(mn=MN)
    states = [(await ingest.client.list_devices()).items[0].link]
    async with gateway(ingest) as server, connected(server) as peer:
        await peer.send(*upload("2061", Edition.V2017))
        await peer.answers(1)
    for minutes in (10, 1):
        ingest.clock.advance(timedelta(minutes=minutes))
        states.append((await ingest.client.list_devices()).items[0].link)
    fresh = await ingest.client.freshness()

    assert states == [LinkState.NEVER, LinkState.ONLINE, LinkState.OFFLINE]
    assert (fresh.outlets_online, fresh.outlets) == (0, 1)


async def test_the_journal_is_read_in_pages_and_by_what_became_of_packets(ingest: Ingest) -> None:
    await ingest.outlet(mn=MN)
    unknown = request("2011", 5, OK, mn="NOBODY")
    async with gateway(ingest) as server, connected(server) as peer:
        await peer.send(
            *(upload("2051", Edition.V2017)[0] for _ in range(3)), unknown, b"##0010garbage\xff&&0000\r\n", unknown
        )
        await peer.answers(3)
        await journal(ingest, 6)
    bad = await ingest.client.list_packets(status="quarantined", limit=2)
    rest = await ingest.client.list_packets(status="quarantined", limit=2, cursor=bad.next)
    by_reason = await ingest.client.list_packets(reason="unknown_mn", mn="NOBODY")

    assert [line.reason for line in bad.items] == ["unknown_mn", "bad_crc"]
    assert bad.items[1].raw == "##0010garbage\\xff&&0000"
    assert ([line.reason for line in rest.items], rest.next) == (["unknown_mn"], None)
    assert [line.raw for line in by_reason.items] == [unknown.decode().strip()] * 2

"""A gateway with its command desk, and a data logger that answers commands as it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg

from services.ingest.hj212.codec import Edition, Frame, Framer, Packet, Report, Sender, answer, parse_segment
from services.ingest.hj212.codec import command as command_frame
from services.ingest.hj212.codec import upload_frames as frames_of
from services.ingest.hj212.gateway import Limits, Server, serve
from services.ingest.hj212.gateway.desk import Desk
from services.ingest.service.command_desk import CommandDesk
from services.ingest.service.intake import Intake
from services.ingest.service.uploads import UploadSink
from shared.contracts.ingest.commands import CommandDetail
from shared.db import Database, plain_dsn
from tests.ingest.conftest import Ingest

MN = "010000A8900016F000169DC0"
WAIT = 10.0
Answers = Callable[["Logger", Packet], list[bytes]]


@asynccontextmanager
async def gateway_with_desk(ingest: Ingest) -> AsyncIterator[Server]:
    db = Database(ingest.url)
    sink = UploadSink(db, Intake(db))
    server = await serve("127.0.0.1", 0, sink, now=ingest.clock.now, limits=Limits(stop_grace=3.0, retry_first=0.02))
    desk = asyncio.create_task(
        Desk(CommandDesk(db, ingest.clock, changed=sink.forget), server.sessions, ingest.url, look_every=0.1).run()
    )
    try:
        yield server
    finally:
        desk.cancel()
        with suppress(asyncio.CancelledError):
            await desk
        await server.stop()
        await db.close()


@dataclass
class Logger:
    """Keeps a connection, notes what it is asked, answers with `answers`."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    answers: Answers
    mn: str = MN
    edition: Edition = Edition.V2017
    pw: str = "123456"
    asked: list[Packet] = field(default_factory=list)
    framer: Framer = field(default_factory=Framer)

    @property
    def sender(self) -> Sender:
        return Sender(mn=self.mn, st="32", pw=self.pw, edition=self.edition)

    async def run(self) -> None:
        while data := await self.reader.read(65536):
            for event in self.framer.feed(data):
                if not isinstance(event, Frame):
                    continue
                packet = parse_segment(event.segment)
                if packet.cn in ("9013", "9014"):
                    continue
                self.asked.append(packet)
                for frame in self.answers(self, packet):
                    self.writer.write(frame)
                await self.writer.drain()

    def upload(self, cn: str, at: datetime, qn: str, **values: float) -> bytes:
        suffix = "Rtd" if cn == "2011" else "Avg"
        items = [(code, [(suffix, value), ("Flag", "N")]) for code, value in (values or {"w01018": 40.0}).items()]
        report = Report(cn=cn, data_time=at, items=items, ack_wanted=True)
        return frames_of(self.sender, report, qns=[qn])[0]

    def tell(self, cn: str, qn: str, *params: tuple[str, str]) -> bytes:
        return command_frame(self.sender, cn, list(params), qn=qn, ack_wanted=False)


@asynccontextmanager
async def logger(server: Server, answers: Answers, **fields: Any) -> AsyncIterator[Logger]:
    """A connected logger that has sent one upload, so that the gateway knows its MN."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    device = Logger(reader, writer, answers, **fields)
    task = asyncio.create_task(device.run())
    writer.write(device.upload("2011", datetime(2026, 3, 1, 4, 0, tzinfo=UTC), "20260301120000000"))
    try:
        async with asyncio.timeout(WAIT):
            while not server.sessions.is_open(device.mn):
                await asyncio.sleep(0.01)
        yield device
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        writer.close()
        async with asyncio.timeout(WAIT):
            while server.sessions.is_open(device.mn):
                await asyncio.sleep(0.01)


def obedient(logger: Logger, packet: Packet) -> list[bytes]:
    """9011 with 1, then 9012 with 1."""
    del logger
    return [answer(packet, "9011", 1), answer(packet, "9012", 1)]


def silent(logger: Logger, packet: Packet) -> list[bytes]:
    """Nothing."""
    del logger, packet
    return []


async def until(ingest: Ingest, command_id: Any, *states: str, within: float = WAIT) -> CommandDetail:
    """The command once it is in one of these states."""
    async with asyncio.timeout(within):
        while True:
            found = await ingest.client.get_command(command_id)
            if found.state.value in states:
                return found
            await asyncio.sleep(0.03)


async def run_out(ingest: Ingest) -> None:
    """Let the time-out of everything under way be over."""
    connection = await asyncpg.connect(plain_dsn(ingest.url))
    try:
        await connection.execute("update command set due_at = now() - interval '1 s' where due_at is not null")
        await connection.execute("select pg_notify('ingest_command', '')")
    finally:
        await connection.close()

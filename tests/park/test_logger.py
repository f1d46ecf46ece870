"""A logger of the park: it gives up on nothing, whatever the gateway does."""

import asyncio
from datetime import UTC, datetime

from park.logger import Logger
from park.replay import Answering
from park.responder import Responder
from park.station import Station
from services.ingest.hj212.codec import (
    Frame,
    Framer,
    Packet,
    Report,
    Sender,
    answer,
    command,
    parse_segment,
    upload_frames,
)


def frames(number: int) -> list[tuple[str, bytes]]:
    sender = Sender("LOGGER-1", "32")
    made = []
    for i in range(number):
        qn = f"20260105080000{i:03d}"
        report = Report(
            "2051", datetime(2026, 1, 5, 0, i, tzinfo=UTC), [("w01018", (("Avg", 40 + i),))], ack_wanted=True
        )
        made.append((qn, upload_frames(sender, report, qns=[qn])[0]))
    return made


class Gateway:
    """Answers as told: `cut` connections end after one frame, then every frame is answered."""

    def __init__(self, cut: int) -> None:
        self.cut = cut
        self.seen: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer = Framer()
        while data := await reader.read(65_536):
            for event in framer.feed(data):
                assert isinstance(event, Frame)
                packet = parse_segment(event.segment)
                self.seen.append(str(packet.qn))
                if self.cut:
                    self.cut -= 1
                    writer.close()
                    return
                writer.write(answer(packet, "9014"))
            await writer.drain()
        writer.close()


async def test_every_frame_is_sent_until_it_is_acknowledged():
    gateway = Gateway(cut=2)
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0)
    logger = Logger("127.0.0.1", server.sockets[0].getsockname()[1], "test", window=3)
    sent = frames(7)
    try:
        await asyncio.wait_for(logger.send(sent), 20)
    finally:
        await logger.close()
        server.close()
        await server.wait_closed()

    assert set(gateway.seen) == {qn for qn, _ in sent}
    assert gateway.seen[-1] == sent[-1][0]
    assert len(gateway.seen) == 7 + 2


class Asking(Gateway):
    """Asks for the clock as soon as a logger is there, and hangs up on the first one."""

    def __init__(self) -> None:
        super().__init__(cut=0)
        self.connections = 0
        self.answers: list[Packet] = []
        self.answered = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        platform = Sender("LOGGER-1", "32")
        writer.write(command(platform, "1011", (), qn=f"2026010508000000{self.connections}", ack_wanted=True))
        framer = Framer()
        while self.connections > 1 and (data := await reader.read(65_536)):
            packets = [parse_segment(event.segment) for event in framer.feed(data) if isinstance(event, Frame)]
            self.answers += [packet for packet in packets if packet.cn != "2051"]
            self.seen += [str(packet.qn) for packet in packets if packet.cn == "2051"]
            writer.writelines(answer(packet, "9014") for packet in packets if packet.cn == "2051")
            if any(packet.cn == "9012" for packet in packets):
                self.answered.set()
        writer.close()


async def test_a_logger_that_stays_answers_commands_while_it_sends_and_connects_again():
    gateway = Asking()
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0)
    now = datetime(2026, 1, 5, tzinfo=UTC)
    answering = Answering(Responder(Station(Sender("LOGGER-1", "32"))), lambda: now)
    logger = Logger("127.0.0.1", server.sockets[0].getsockname()[1], "test", answering=answering)
    staying = asyncio.create_task(logger.stay())
    try:
        await asyncio.wait_for(gateway.answered.wait(), 20)
        await asyncio.wait_for(logger.send(frames(5)), 20)
    finally:
        staying.cancel()
        await asyncio.gather(staying, return_exceptions=True)
        await logger.close()
        server.close()
        await server.wait_closed()

    assert gateway.connections == 2
    assert [packet.cn for packet in gateway.answers] == ["9011", "1011", "9012"]
    assert gateway.answers[1].param("SystemTime") == "20260105080000"
    assert len(set(gateway.seen)) == 5

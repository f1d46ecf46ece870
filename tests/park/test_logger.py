"""A logger of the park: it gives up on nothing, whatever the gateway does."""

import asyncio
from datetime import UTC, datetime

from park.logger import Logger
from services.ingest.hj212.codec import Frame, Framer, Report, Sender, answer, parse_segment, upload_frames


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

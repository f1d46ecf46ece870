"""A logger's connection to a gateway: frames go out, packets come in, commands are answered."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from park.replay.errors import ReplayError
from park.responder import Responder
from services.ingest.hj212.codec import Event, Frame, Framer, Packet, ParseError, parse_segment

CONNECT_TIMEOUT = 5.0
WRITE_TIMEOUT = 10.0
READ_SIZE = 65_536


@dataclass(frozen=True)
class Answering:
    """Who answers commands that come over a line, and by which clock."""

    responder: Responder
    now: Callable[[], datetime]

    def answers(self, events: list[Event]) -> bytes:
        """What to send because of events, and because time passed."""
        now = self.now()
        frames = [frame for event in events for frame in self.responder.take(event, now)]
        return b"".join([*frames, *self.responder.tick(now)])


class Line:
    """A connection to the gateway that counts what comes back."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answering: Answering | None = None
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._answering = answering
        self._draining = asyncio.Lock()
        self._framer = Framer()
        name = writer.get_extra_info("sockname")
        self.local = f"{name[0]}:{name[1]}"

    @classmethod
    async def open(cls, host: str, port: int, answering: Answering | None = None) -> "Line":
        """Connect, or `ReplayError`."""
        try:
            return cls(*await asyncio.wait_for(asyncio.open_connection(host, port), CONNECT_TIMEOUT), answering)
        except (OSError, TimeoutError) as error:
            raise ReplayError(f"no gateway answers at {host}:{port}: {error or type(error).__name__}") from error

    async def send(self, data: bytes) -> None:
        """Write and wait until the other side takes it."""
        self._writer.write(data)
        async with self._draining:
            await asyncio.wait_for(self._writer.drain(), WRITE_TIMEOUT)

    async def receive(self, seconds: float) -> list[Packet] | None:
        """Packets that came within some seconds (none: an empty list); None where the other side has closed.

        Commands among them are answered at once.
        """
        try:
            data = await asyncio.wait_for(self._reader.read(READ_SIZE), max(seconds, 0.001))
        except TimeoutError:
            events: list[Event] = []
        else:
            if not data:
                return None
            events = self._framer.feed(data)
        if self._answering is not None and (answers := self._answering.answers(events)):
            await self.send(answers)
        packets = []
        for event in events:
            if isinstance(event, Frame):
                with suppress(ParseError):
                    packets.append(parse_segment(event.segment))
        return packets

    def end(self) -> None:
        """Say that nothing more will come."""
        self._writer.write_eof()

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        with suppress(OSError, TimeoutError):
            await asyncio.wait_for(self._writer.wait_closed(), CONNECT_TIMEOUT)

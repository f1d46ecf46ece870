"""Plays one data logger 数采仪: keeps a connection, sends frames, resends what is not acknowledged."""

import asyncio
import contextlib
import random
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.ingest.hj212.codec import Frame, Framer, ParseError, parse_segment
from shared.logging import get_logger

log = get_logger(__name__)

CONNECT_TIMEOUT = 5.0
ANSWER_TIMEOUT = 15.0
LONGEST_PAUSE = 20.0
READ_SIZE = 65_536


@dataclass
class Logger:
    """A logger that never drops a frame: it waits for 9014 with the frame's QN, resends after a time-out."""

    host: str
    port: int
    name: str
    window: int = 20
    _unanswered: "OrderedDict[str, bytes]" = field(default_factory=OrderedDict, repr=False)
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None, repr=False)
    _framer: Framer = field(default_factory=Framer, repr=False)

    async def send(self, frames: Sequence[tuple[str, bytes]]) -> None:
        """Send (QN, frame) pairs; returns when each of them was acknowledged. Reconnects as often as needed."""
        failures = 0
        for start in range(0, len(frames), self.window):
            self._unanswered = OrderedDict(frames[start : start + self.window])
            while self._unanswered:
                try:
                    await self._try()
                    failures = 0
                except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                    failures += 1
                    await self.close()
                    pause = min(LONGEST_PAUSE, 0.3 * 2 ** min(failures, 8)) * random.uniform(0.5, 1.0)
                    log.warning("logger_retry", logger=self.name, error=repr(error), pause=round(pause, 1))
                    await asyncio.sleep(pause)

    async def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            writer = self._streams[1]
            self._streams = None
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), CONNECT_TIMEOUT)

    async def _try(self) -> None:
        if self._streams is None:
            opening = asyncio.open_connection(self.host, self.port)
            self._streams = await asyncio.wait_for(opening, CONNECT_TIMEOUT)
            self._framer = Framer()
        reader, writer = self._streams
        writer.writelines(self._unanswered.values())
        await asyncio.wait_for(writer.drain(), ANSWER_TIMEOUT)
        while self._unanswered:
            data = await asyncio.wait_for(reader.read(READ_SIZE), ANSWER_TIMEOUT)
            if not data:
                raise ConnectionResetError("the gateway closed the connection")
            self._take(data)

    def _take(self, data: bytes) -> None:
        for event in self._framer.feed(data):
            if isinstance(event, Frame):
                try:
                    answer = parse_segment(event.segment)
                except ParseError:
                    log.warning("logger_odd_answer", logger=self.name, frame=event.raw.decode("latin-1"))
                    continue
                if answer.cn == "9014":
                    self._unanswered.pop(answer.request_qn or "", None)

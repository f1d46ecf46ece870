"""Plays one data logger 数采仪: keeps a connection, sends until all is acknowledged, answers commands."""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from park.replay.errors import ReplayError
from park.replay.line import Answering, Line
from shared.logging import get_logger

log = get_logger(__name__)

ANSWER_TIMEOUT = 15.0
LONGEST_PAUSE = 20.0
LISTEN = 1.0
"""Seconds between two looks at the clock while nothing comes."""


@dataclass
class Logger:
    """A logger that never drops a frame: it waits for 9014 with the frame's QN, resends after a time-out.

    answering: who answers the platform's commands as long as the connection is open.
    """

    host: str
    port: int
    name: str
    window: int = 20
    answering: Answering | None = None
    _unanswered: "OrderedDict[str, bytes]" = field(default_factory=OrderedDict, repr=False)
    _line: Line | None = field(default=None, repr=False)
    _listening: "asyncio.Task[None] | None" = field(default=None, repr=False)
    _heard: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def send(self, frames: Sequence[tuple[str, bytes]]) -> None:
        """Send (QN, frame) pairs; returns when each of them was acknowledged. Reconnects as often as needed."""
        failures = 0
        for start in range(0, len(frames), self.window):
            self._unanswered = OrderedDict(frames[start : start + self.window])
            while self._unanswered:
                try:
                    await self._try()
                    failures = 0
                except (OSError, TimeoutError, ReplayError) as error:
                    failures += 1
                    await self._retry_later(failures, error)

    async def stay(self) -> None:
        """Keep a connection and answer commands until cancelled."""
        failures = 0
        while True:
            try:
                listening = (await self._connected())[1]
                await asyncio.wait([listening])
                raise self._loss(listening)
            except (OSError, TimeoutError, ReplayError) as error:
                failures = 0 if isinstance(error, ConnectionResetError) else failures + 1
                await self._retry_later(failures, error)

    async def close(self) -> None:
        """Hang up."""
        listening, self._listening = self._listening, None
        line, self._line = self._line, None
        if listening is not None:
            listening.cancel()
            with suppress(asyncio.CancelledError, OSError, TimeoutError):
                await listening
        if line is not None:
            await line.close()

    async def _try(self) -> None:
        line, listening = await self._connected()
        await line.send(b"".join(self._unanswered.values()))
        while self._unanswered:
            self._heard.clear()
            if listening.done():
                raise self._loss(listening)
            await asyncio.wait_for(self._heard.wait(), ANSWER_TIMEOUT)

    async def _connected(self) -> "tuple[Line, asyncio.Task[None]]":
        async with self._opening:
            if self._line is None or self._listening is None or self._listening.done():
                await self.close()
                self._line = await Line.open(self.host, self.port, self.answering)
                self._listening = asyncio.create_task(self._listen(self._line), name=f"{self.name}-listens")
            return self._line, self._listening

    async def _listen(self, line: Line) -> None:
        try:
            while (packets := await line.receive(LISTEN)) is not None:
                for packet in packets:
                    if packet.cn == "9014":
                        self._unanswered.pop(packet.request_qn or "", None)
                if packets:
                    self._heard.set()
        finally:
            self._heard.set()

    @staticmethod
    def _loss(listening: "asyncio.Task[None]") -> BaseException:
        error = None if listening.cancelled() else listening.exception()
        return error or ConnectionResetError("the line was closed")

    async def _retry_later(self, failures: int, error: Exception) -> None:
        await self.close()
        pause = min(LONGEST_PAUSE, 0.3 * 2 ** min(failures, 8)) * random.uniform(0.5, 1.0)
        log.warning("logger_retry", logger=self.name, error=repr(error), pause=round(pause, 1))
        await asyncio.sleep(pause)

"""Plays one data logger 数采仪: keeps a connection, sends frames, resends what is not acknowledged."""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from park.replay.errors import ReplayError
from park.replay.wire import Line
from shared.logging import get_logger

log = get_logger(__name__)

ANSWER_TIMEOUT = 15.0
LONGEST_PAUSE = 20.0


@dataclass
class Logger:
    """A logger that never drops a frame: it waits for 9014 with the frame's QN, resends after a time-out."""

    host: str
    port: int
    name: str
    window: int = 20
    _unanswered: "OrderedDict[str, bytes]" = field(default_factory=OrderedDict, repr=False)
    _line: Line | None = field(default=None, repr=False)

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
                    await self.close()
                    pause = min(LONGEST_PAUSE, 0.3 * 2 ** min(failures, 8)) * random.uniform(0.5, 1.0)
                    log.warning("logger_retry", logger=self.name, error=repr(error), pause=round(pause, 1))
                    await asyncio.sleep(pause)

    async def close(self) -> None:
        """Hang up."""
        if self._line is not None:
            line, self._line = self._line, None
            await line.close()

    async def _try(self) -> None:
        line = self._line = self._line or await Line.open(self.host, self.port)
        await line.send(b"".join(self._unanswered.values()))
        while self._unanswered:
            packets = await line.receive(ANSWER_TIMEOUT)
            if packets is None:
                raise ConnectionResetError("the gateway closed the connection")
            if not packets:
                raise TimeoutError("no answer")
            for packet in packets:
                if packet.cn == "9014":
                    self._unanswered.pop(packet.request_qn or "", None)

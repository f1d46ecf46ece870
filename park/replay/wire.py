"""The wire of a replay.

Means are sent with a window of unacknowledged frames; what is not acknowledged in time is sent again with a
growing pause, a few times. Frames are sent once, in order, whatever they are; answers are counted.
"""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from park.replay.errors import ReplayError
from park.replay.line import Answering, Line
from shared.clock import monotonic

LAST_ANSWERS = 10.0
"""Seconds to wait for the last answers after the last frame."""
LONGEST_PAUSE = 10.0

Progress = Callable[[int], None]


@dataclass
class Outcome:
    """What became of a replay. `remotes`: our own addresses as the gateway saw them."""

    total: int
    sent: int = 0
    resent: int = 0
    acknowledged: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    remotes: list[str] = field(default_factory=list)


Work = Callable[[Progress], Coroutine[Any, Any, Outcome]]
"""A replay that tells its progress."""


class _Pace:
    """Keeps to a rate of frames a second; 0 is as fast as it goes."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._began = monotonic()
        self._count = 0

    async def wait(self) -> None:
        self._count += 1
        if self._rate > 0:
            await asyncio.sleep(max(0.0, self._began + self._count / self._rate - monotonic()))


async def send_frames(  # noqa: PLR0913 - where, what, how fast, and what comes back
    host: str,
    port: int,
    frames: Sequence[bytes],
    *,
    rate: float,
    on_progress: Progress,
    answering: Answering | None = None,
    stay: float = 0.0,
) -> Outcome:
    """Send frames as they are, once and in order, and count the answers until the gateway closes or falls silent.

    answering: who answers commands meanwhile, and for `stay` seconds after the last frame.
    """
    outcome = Outcome(len(frames))
    line = await Line.open(host, port, answering)
    outcome.remotes.append(line.local)
    listening = asyncio.create_task(_count_answers(line, outcome))
    pace = _Pace(rate)
    try:
        for frame in frames:
            await pace.wait()
            await line.send(frame)
            outcome.sent += 1
            on_progress(outcome.sent)
        if stay:
            await asyncio.sleep(stay)
        line.end()
        with suppress(TimeoutError):
            await asyncio.wait_for(listening, LAST_ANSWERS)
    except (OSError, TimeoutError) as error:
        raise ReplayError(f"the gateway took {outcome.sent} of {len(frames)} frames: {error!r}") from error
    finally:
        listening.cancel()
        await line.close()
    return outcome


async def _count_answers(line: Line, outcome: Outcome) -> None:
    while (packets := await line.receive(LAST_ANSWERS)) is not None:
        outcome.answers.update(packet.cn for packet in packets)
        outcome.acknowledged += len(packets)


@dataclass
class _Waiting:
    frame: bytes
    until: float
    tries: int = 1


@dataclass
class Courier:
    """Delivers frames that ask for an answer: each is acknowledged by its QN, or given up after `attempts`."""

    host: str
    port: int
    window: int = 50
    timeout: float = 10.0
    attempts: int = 5
    rate: float = 0.0
    answering: Answering | None = None
    stay: float = 0.0
    """Seconds to go on answering after the last acknowledgement."""
    _line: Line | None = field(default=None, repr=False)
    _waiting: dict[str, _Waiting] = field(default_factory=dict, repr=False)

    async def deliver(self, frames: Sequence[tuple[str, bytes]], *, on_progress: Progress) -> Outcome:
        """Deliver (QN, frame) pairs. Raises `ReplayError` when one was not acknowledged after all attempts."""
        outcome, queue, pace = Outcome(len(frames)), deque(frames), _Pace(self.rate)
        try:
            while queue or self._waiting:
                try:
                    line = self._line or await self._connect(outcome)
                    await self._fill(line, queue, pace, outcome)
                    await self._listen(line, outcome)
                except (ConnectionError, TimeoutError):
                    await self._lost()
                on_progress(outcome.acknowledged)
            await self._stay()
        finally:
            await self._hang_up()
        return outcome

    async def _connect(self, outcome: Outcome) -> Line:
        for attempt in range(1, self.attempts + 1):
            try:
                line = await Line.open(self.host, self.port, self.answering)
            except ReplayError:
                if attempt == self.attempts:
                    raise
                await asyncio.sleep(_pause(attempt))
                continue
            break
        self._line = line
        outcome.remotes.append(line.local)
        for qn in list(self._waiting):
            await self._again(line, qn, outcome)
        return line

    async def _fill(self, line: Line, queue: deque[tuple[str, bytes]], pace: _Pace, outcome: Outcome) -> None:
        while queue and len(self._waiting) < self.window:
            await pace.wait()
            qn, frame = queue.popleft()
            self._waiting[qn] = _Waiting(frame, monotonic() + self.timeout)
            outcome.sent += 1
            await line.send(frame)

    async def _listen(self, line: Line, outcome: Outcome) -> None:
        soonest = min(waiting.until for waiting in self._waiting.values())
        packets = await line.receive(soonest - monotonic())
        if packets is None:
            raise ConnectionResetError("the gateway closed the connection")
        for packet in packets:
            if packet.cn == "9014" and self._waiting.pop(packet.request_qn or "", None) is not None:
                outcome.acknowledged += 1
        now = monotonic()
        for qn in [qn for qn, waiting in self._waiting.items() if waiting.until <= now]:
            await self._again(line, qn, outcome)

    async def _again(self, line: Line, qn: str, outcome: Outcome) -> None:
        waiting = self._waiting[qn]
        if waiting.tries >= self.attempts:
            raise ReplayError(
                f"QN {qn} was not acknowledged after {self.attempts} attempts; {outcome.acknowledged} of"
                f" {outcome.total} were. Is the MN registered, and PW right? The journal says why"
            )
        waiting.tries += 1
        waiting.until = monotonic() + self.timeout + _pause(waiting.tries)
        outcome.resent += 1
        await line.send(waiting.frame)

    async def _stay(self) -> None:
        until = monotonic() + self.stay
        while self.answering is not None and self._line is not None and (rest := until - monotonic()) > 0:
            if await self._line.receive(min(rest, 1.0)) is None:
                return

    async def _lost(self) -> None:
        await self._hang_up()
        await asyncio.sleep(_pause(1))

    async def _hang_up(self) -> None:
        if self._line is not None:
            await self._line.close()
            self._line = None


def _pause(attempt: int) -> float:
    return min(LONGEST_PAUSE, 0.2 * 2.0**attempt) * random.uniform(0.5, 1.0)

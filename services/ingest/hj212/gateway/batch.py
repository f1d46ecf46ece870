"""Group commit: frames of all connections gathered for a moment and stored together.

Answered means stored. A batch leaves this module only after `Sink.store` returned; when that
fails the same batch is tried again and nobody is answered. Memory stays bounded because the
owner stops reading while the batcher is `pressed`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from services.ingest.hj212.gateway.limits import Limits
from services.ingest.hj212.gateway.sink import Outcome, Received, Sink
from services.ingest.hj212.gateway.stats import Stats
from shared.logging import get_logger

log = get_logger(__name__)

Settled = Callable[[Sequence[Received], Sequence[Outcome]], None]


class Batcher:
    """One queue, one batch in flight."""

    def __init__(
        self,
        sink: Sink,
        limits: Limits,
        stats: Stats,
        *,
        on_settled: Settled,
        on_pressure: Callable[[], None],
    ) -> None:
        self._sink = sink
        self._limits = limits
        self._stats = stats
        self._on_settled = on_settled
        self._on_pressure = on_pressure
        self._queue: deque[Received] = deque()
        self._in_flight = 0
        self._some = asyncio.Event()
        self._full = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._failing = False
        self._since = 0.0
        """When the oldest frame that waits came, by the loop's time."""
        self.pressed = False
        self._hurry = False

    def put(self, received: Received) -> None:
        """Add a frame to the next batch."""
        self._queue.append(received)
        count = len(self._queue)
        if count == 1:
            self._since = asyncio.get_running_loop().time()
            self._some.set()
            self._idle.clear()
        if count == self._limits.batch_frames:
            self._full.set()
        self._stats.waiting = waiting = count + self._in_flight
        if waiting >= self._limits.queue_high and not self.pressed:
            self._weigh()

    async def run(self) -> None:
        """Store batches for ever."""
        while True:
            await self._some.wait()
            if not self._full.is_set() and not self._hurry:
                await self._gather()
            count = min(len(self._queue), self._limits.batch_frames)
            batch = [self._queue.popleft() for _ in range(count)]
            self._in_flight = count
            self._since = asyncio.get_running_loop().time()
            if not self._queue:
                self._some.clear()
            if len(self._queue) < self._limits.batch_frames:
                self._full.clear()
            outcomes = await self._store(batch)
            self._in_flight = 0
            self._on_settled(batch, outcomes)
            del batch, outcomes  # a thousand frames are not kept until the next ones come
            self._weigh()
            if not self._queue:
                self._idle.set()

    async def drain(self) -> None:
        """Store what waits without delay; returns when nothing does. The caller sets the time limit."""
        self._hurry = True
        self._full.set()
        await self._idle.wait()

    async def _gather(self) -> None:
        """Wait for others; what a frame has waited for the batch before it counts."""
        try:
            async with asyncio.timeout_at(self._since + self._limits.batch_delay):
                await self._full.wait()
        except TimeoutError:
            return

    async def _store(self, batch: Sequence[Received]) -> Sequence[Outcome]:
        delay = self._limits.retry_first
        while True:
            try:
                async with asyncio.timeout(self._limits.store_timeout):
                    outcomes = await self._sink.store(batch)
                if len(outcomes) != len(batch):
                    raise ValueError(f"the sink judged {len(outcomes)} of {len(batch)} frames")  # noqa: TRY301
            except Exception as error:  # whatever the store raises, the batch is kept and tried again
                self._stats.store_failures += 1
                log.exception("batch_not_stored", frames=len(batch), error=repr(error), retry_in=delay)
                self._set_failing(failing=True)
                await asyncio.sleep(delay)
                delay = min(delay * 2, self._limits.retry_last)
            else:
                self._stats.batches += 1
                self._set_failing(failing=False)
                return outcomes

    def _set_failing(self, *, failing: bool) -> None:
        self._failing = failing
        self._weigh()

    def _weigh(self) -> None:
        waiting = len(self._queue) + self._in_flight
        self._stats.waiting = waiting
        mark = self._limits.queue_low if self.pressed else self._limits.queue_high
        pressed = self._failing or waiting >= mark
        if pressed is not self.pressed:
            self.pressed = pressed
            self._stats.pauses += pressed
            self._on_pressure()

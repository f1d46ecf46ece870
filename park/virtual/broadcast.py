"""Sends a virtual park to a platform as its loggers would: over TCP, some lines at a time, as fast as it is taken."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from park.model import HOUR, MINUTE, grid
from park.replay.wire import Courier
from park.virtual.build import window
from park.virtual.columns import VirtualOutlet, VirtualPark
from park.virtual.frames import frames_of, plant_rows
from park.virtual.spoken import SpokenOutlet
from services.ingest.hj212.codec import Edition, Sender
from shared.clients.base import ServiceCallError
from shared.clients.ingest import IngestClient
from shared.clock import Clock
from shared.contracts.ingest import MAX_ROWS, ReadingKind, ReadingRow, ReadingsIn, outlet_uuid

KIND = {MINUTE: ReadingKind.MINUTE, HOUR: ReadingKind.HOUR}
PIECE = {MINUTE: 2 * 1440 * MINUTE, HOUR: 90 * 24 * HOUR}
"""Seconds of means that are made and sent at once, so that a year costs no more memory than a season."""
ATTEMPTS, BUSY = 6, frozenset({429, 502, 503, 504})
SEND_AFTER = 5
"""Seconds after the end of a period before its mean is sent."""
Advance = Callable[[int], None]


@dataclass
class Broadcast:
    """Sends the outlets of a park. `lines`: connections at a time; `sent` frames that were acknowledged, `rows` of the
    plants' own meters.
    """

    park: VirtualPark
    models: Sequence[SpokenOutlet]
    gateway: tuple[str, int]
    ingest: IngestClient
    lines: int = 16
    sent: int = 0
    rows: int = 0
    _gate: asyncio.Semaphore = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._gate = asyncio.Semaphore(self.lines)

    async def send(self, step: int, since: int, until: int, advance: Advance) -> None:
        """Means of `step` seconds that begin in [since, until), of all outlets; `advance` hears of periods sent.

        Raises ReplayError where the gateway does not acknowledge a frame.
        """
        async with asyncio.TaskGroup() as group:
            for model in self.models:
                group.create_task(self._send_one(model, step, (since, until), advance), name=model.key)

    async def follow(self, clock: Clock, reached: dict[int, int], on_round: Callable[[int], None]) -> None:
        """Send each period after it has ended, from `reached` (step → end of the last one sent) on, until cancelled."""
        while True:
            now = int(clock.now().timestamp()) - SEND_AFTER
            for step in (MINUTE, HOUR):
                until = now // step * step
                if until > reached[step]:
                    await self.send(step, reached[step], until, lambda _periods: None)
                    reached[step] = until
            on_round(reached[MINUTE])
            due = (now // MINUTE + 1) * MINUTE + SEND_AFTER
            await clock.sleep(timedelta(seconds=max(0.0, due - clock.now().timestamp())), least=0.2)

    async def _send_one(self, model: SpokenOutlet, step: int, span: tuple[int, int], advance: Advance) -> None:
        sender = Sender(model.mn, model.system, model.password, Edition(model.edition))
        async with self._gate:
            for begin in range(span[0], span[1], PIECE[step]):
                end = min(begin + PIECE[step], span[1])
                outlet = await asyncio.to_thread(self._cut, model.key, step, begin, end)
                times = grid(begin, end, step)
                # Whoever reads an outlet's hour takes all factors that are there: the meters come first, in order.
                await self._tell_plant(model, outlet, step, times)
                frames = list(frames_of(outlet, times, step, sender))
                done = await Courier(*self.gateway).deliver(frames, on_progress=lambda _count: None)
                self.sent += done.acknowledged
                advance(len(times))

    def _cut(self, key: str, step: int, since: int, until: int) -> VirtualOutlet:
        return window(self.park, since, until, [key], step).outlets[key]

    async def _tell_plant(self, model: SpokenOutlet, outlet: VirtualOutlet, step: int, times: np.ndarray) -> None:
        rows = plant_rows(outlet, times)
        for start in range(0, len(rows), MAX_ROWS):
            part = [ReadingRow(at=at, values=values) for at, values in rows[start : start + MAX_ROWS]]
            outlet_id = outlet_uuid(model.enterprise, model.code)
            await self._post(ReadingsIn(outlet_id=outlet_id, kind=KIND[step], rows=part))
            self.rows += len(part)

    async def _post(self, readings: ReadingsIn) -> None:
        """Rows written twice are the same, so that a call that was not answered may be made again."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self.ingest.post_readings(readings)
            except ServiceCallError as error:
                if error.status not in BUSY or attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(2.0**attempt)
            else:
                return

"""`python -m park.live`: the demo park's loggers, sending minute and hour means over HJ 212 as time goes by.

Those of the 2025 edition also tell their daily checks and working states (`park.field`).

They answer commands: clock, intervals, history, samples and the rest (`park.responder`).

Each logger remembers nothing: it asks ingest how far its data reach and sends what is missing since (补传, at most a
day), so that a stop of this process or of the gateway leaves no hole.
"""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from park.demo import load
from park.field import EDITION, FieldTeller
from park.logger import Logger
from park.model import HOUR, MINUTE, OutletModel, Times, Values, grid, rows
from park.replay import Answering
from park.responder import Responder
from park.station import station_of
from services.ingest.hj212.codec import Edition, Report, Sender, upload_frames
from shared.auth import TokenSource
from shared.clients.base import ServiceCallError
from shared.clients.ingest import IngestClient
from shared.clock import PARK_ZONE, Clock
from shared.contracts.ingest import ReadingKind, outlet_uuid
from shared.errors import AppError
from shared.logging import configure, get_logger

log = get_logger(__name__)

SEEDED = "seeded.json"
"""Written into the data folder, where this process runs, when the demo was loaded."""
LONGEST_GAP = timedelta(days=1)
SEND_AFTER = 3
"""Seconds after the end of a period before its mean is sent."""
COMMAND = {MINUTE: "2051", HOUR: "2061"}
KIND = {MINUTE: ReadingKind.MINUTE, HOUR: ReadingKind.HOUR}


@dataclass
class LiveOutlet:
    """One outlet's logger with its position in both series."""

    model: OutletModel
    logger: Logger
    clock: Clock
    sent_until: dict[int, int]
    """Step → end of the last period sent, unix seconds."""
    teller: FieldTeller | None = None

    async def run(self) -> None:
        """Send each period after it has ended, until cancelled."""
        while True:
            now = int(self.clock.now().timestamp())
            for step in (MINUTE, HOUR):
                await self._catch_up(step, now - SEND_AFTER)
            if self.teller is not None and (frames := self.teller.due(now - SEND_AFTER)):
                await self.logger.send(frames)
            due = (now // MINUTE + 1) * MINUTE + SEND_AFTER
            await self.clock.sleep(timedelta(seconds=due - self.clock.now().timestamp()))

    async def _catch_up(self, step: int, now: int) -> None:
        times = grid(self.sent_until[step], now // step * step, step)
        if len(times) == 0:
            return
        values = self.model.minutes(times) if step == MINUTE else self.model.hours(times)
        await self.logger.send(list(self._frames(step, times, values)))
        self.sent_until[step] = int(times[-1]) + step

    def _frames(self, step: int, times: Times, values: dict[str, Values]) -> Iterator[tuple[str, bytes]]:
        sender = Sender(self.model.mn, self.model.system, self.model.password, Edition(self.model.edition))
        for at, row in rows(values, times):
            moment = datetime.fromtimestamp(at, UTC)
            items = [(code, (("Avg", value), ("Flag", "N"))) for code, value in row.items() if value is not None]
            ended = (moment + timedelta(seconds=step)).astimezone(PARK_ZONE)
            qn = f"{ended:%Y%m%d%H%M%S}{step % 1000 // 10:02d}"
            report = Report(COMMAND[step], moment, items, ack_wanted=True)
            frames = upload_frames(sender, report, qns=(f"{qn}{part}" for part in range(10)))
            for part, frame in enumerate(frames):
                yield f"{qn}{part}", frame


async def _reached(ingest: IngestClient, model: OutletModel, step: int, now: datetime) -> int:
    """End of the last period ingest holds, not further back than `LONGEST_GAP`."""
    since = now - LONGEST_GAP
    series = await ingest.get_series(
        outlet_uuid(model.enterprise, model.code), model.factors[0].code,
        kind=KIND[step], since=since, until=now, max_points=4000,
    )  # fmt: skip
    last = max((index for index, value in enumerate(series.v) if value is not None), default=None)
    return int(since.timestamp()) if last is None else series.t0 + (last + 1) * series.step


def _anchor(note: Path, clock: Clock) -> datetime:
    """The moment the demo's history ended: the note that seeding left in the data folder, or now."""
    if not note.exists():
        return clock.now()
    return datetime.fromisoformat(json.loads(note.read_text(encoding="utf-8"))["seeded_at"])


async def _outlets(env: Mapping[str, str], clock: Clock) -> list[LiveOutlet]:
    models = load().anchored(_anchor(Path(env.get("PARK_SEEDED", SEEDED)), clock))
    token = TokenSource(env["SANSE_IDENTITY_URL"], env["PARK_CLIENT_ID"], env["PARK_CLIENT_SECRET"])
    host, port = env["INGEST_GATEWAY_HOST"], int(env["INGEST_GATEWAY_PORT"])
    outlets = []
    async with IngestClient(env["SANSE_INGEST_URL"], token) as ingest:
        for key, model in models.items():
            reached = {step: await _reached(ingest, model, step, clock.now()) for step in (MINUTE, HOUR)}
            answering = Answering(Responder(station_of(model)), clock.now)
            teller = FieldTeller(model) if model.edition == EDITION else None
            logger = Logger(host, port, key, answering=answering)
            outlets.append(LiveOutlet(model, logger, clock, reached, teller))
    return outlets


async def live(env: Mapping[str, str]) -> None:
    """Run all loggers until SIGTERM."""
    clock = Clock.from_env(env)
    outlets: list[LiveOutlet] = []
    while not outlets:
        try:
            outlets = await _outlets(env, clock)
        except (ServiceCallError, AppError, OSError) as error:
            log.warning("park_waits", error=repr(error))
            await asyncio.sleep(2)
    log.info("park_live", outlets=len(outlets))
    try:
        async with asyncio.TaskGroup() as group:
            for outlet in outlets:
                group.create_task(outlet.run(), name=outlet.logger.name)
                group.create_task(outlet.logger.stay(), name=f"{outlet.logger.name}-stays")
    finally:
        await asyncio.gather(*(outlet.logger.close() for outlet in outlets))


async def main() -> None:
    """Until SIGTERM or Ctrl-C."""
    configure("park", os.environ.get("SANSE_LOG_LEVEL", "INFO"))
    task = asyncio.create_task(live(os.environ))
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    asyncio.run(main())

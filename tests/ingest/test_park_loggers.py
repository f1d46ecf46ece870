"""The park's loggers against the real gateway: commands and history of all three editions, encrypted in the last."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from park.archive import Kept
from park.logger import Logger
from park.replay import Answering
from park.responder import Responder, Temper
from park.station import Station
from services.ingest.hj212.codec import Edition, Report, Sender, upload_frames
from services.ingest.hj212.gateway import Server
from shared.contracts.ingest import DeviceIn, ReadingKind
from shared.contracts.ingest.commands import CommandIn
from shared.contracts.ingest.links import DeviceSettingsChange
from tests.ingest.conftest import Ingest
from tests.ingest.loggers import MN, gateway_with_desk, until

KEY = "0123456789abcdef"
FIRST = datetime(2026, 2, 27, 16, 0, tzinfo=UTC)
EDITIONS = [(Edition.V2005, None), (Edition.V2017, None), (Edition.V2025, None), (Edition.V2025, KEY)]


def station(edition: Edition, key: str | None) -> Station:
    history = Kept(
        Report("2061", FIRST + timedelta(hours=n), [("w01018", [("Avg", 40.0 + n), ("Flag", "N")])]) for n in range(24)
    )
    return Station(Sender(MN, "32", edition=edition, key=key.encode() if key else None), history, heartbeat=None)


@asynccontextmanager
async def on_the_line(
    ingest: Ingest, server: Server, made: Station, temper: Temper | None = None
) -> AsyncIterator[Logger]:
    answering = Answering(Responder(made, temper), ingest.clock.now)
    logger = Logger("127.0.0.1", server.port, "park", answering=answering)
    staying = asyncio.create_task(logger.stay())
    qn = "20260228000000001"
    report = Report("2051", FIRST, [("w01018", [("Avg", 39.0), ("Flag", "N")])], ack_wanted=True)
    try:
        async with asyncio.timeout(20):
            await logger.send([(qn, upload_frames(made.sender, report, qns=[qn])[0])])
        yield logger
    finally:
        staying.cancel()
        await asyncio.gather(staying, return_exceptions=True)
        await logger.close()


async def registered(ingest: Ingest, edition: Edition, key: str | None) -> tuple[UUID, UUID]:
    outlet = await ingest.outlet()
    device = await ingest.client.add_device(DeviceIn(outlet_id=outlet, mn=MN, edition=edition.value))
    if key:
        await ingest.client.change_device_settings(device.id, DeviceSettingsChange(sm4_key=key), version=0)
    return outlet, device.id


@pytest.mark.parametrize(("edition", "key"), EDITIONS)
async def test_a_clock_is_set_and_history_is_fetched(ingest: Ingest, edition: Edition, key: str | None) -> None:
    outlet, device = await registered(ingest, edition, key)
    made = station(edition, key)
    made.clock_offset = timedelta(seconds=95)
    span = {"since": FIRST.isoformat(), "until": (FIRST + timedelta(hours=5)).isoformat()}
    async with gateway_with_desk(ingest) as server, on_the_line(ingest, server, made):
        clock = await ingest.client.send_command(CommandIn(device_id=device, code="calibrate_time"))
        await until(ingest, clock.id, "done")
        fetch = await ingest.client.send_command(CommandIn(device_id=device, code="fetch_hours", params=span))
        done = await until(ingest, fetch.id, "done")
    table = await ingest.client.read_arrow([outlet], ReadingKind.HOUR, FIRST, FIRST + timedelta(days=1))

    assert done.return_code == 1
    assert abs(made.clock_offset) < timedelta(seconds=2)
    assert table["value"].to_pylist()[:5] == [40.0, 41.0, 42.0, 43.0, 44.0]
    assert len(table) <= 6


async def test_a_logger_that_leaves_out_9011_is_still_done(ingest: Ingest) -> None:
    _, device = await registered(ingest, Edition.V2017, None)
    made = station(Edition.V2017, None)
    async with gateway_with_desk(ingest) as server, on_the_line(ingest, server, made, Temper(no_qn_rtn=True)):
        asked = await ingest.client.send_command(
            CommandIn(device_id=device, code="set_realtime_interval", params={"seconds": 120})
        )
        done = await until(ingest, asked.id, "done")

    assert (done.outcome, made.rtd_interval) == ("success", 120)

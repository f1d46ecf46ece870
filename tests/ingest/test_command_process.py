"""The gateway's process and the park's loggers: three editions over real sockets, and a kill at the worst moment."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from park.archive import Kept
from park.logger import Logger
from park.replay.line import Answering
from park.responder import Responder, Temper
from park.station import Station
from services.ingest.hj212.codec import Edition, Report, Sender, upload_frames
from shared.auth import Role
from shared.clock import wall
from shared.contracts.ingest import DeviceIn, ReadingKind
from shared.contracts.ingest.commands import CommandIn, CommandOut
from shared.contracts.ingest.links import DeviceSettingsChange
from tests.ingest.conftest import Ingest
from tests.ingest.loggers import gateway_with_desk, run_out, until
from tests.ingest.test_gateway_process import free_port, process

MN = "010000A8900016F000169DC0"
KEY = "0123456789ABCDEF"
START = datetime(2026, 2, 28, 20, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def station_of(edition: Edition) -> Station:
    history = Kept(
        Report(cn="2061", data_time=START + HOUR * hour, items=[("w01018", [("Avg", 30.5), ("Flag", "N")])])
        for hour in range(8)
    )
    key = KEY.encode() if edition is Edition.V2025 else None
    return Station(Sender(MN, "32", "123456", edition, key), history, send_realtime=False, heartbeat=None)


async def device_of(ingest: Ingest, edition: Edition = Edition.V2017) -> UUID:
    outlet = await ingest.outlet()
    device = (await ingest.client.add_device(DeviceIn(outlet_id=outlet, mn=MN, edition=edition.value))).id
    if edition is Edition.V2025:
        version = (await ingest.client.get_device(device)).settings.version
        await ingest.client.change_device_settings(device, DeviceSettingsChange(sm4_key=KEY), version=version)
    return device


async def give(ingest: Ingest, device: UUID, code: str, reason: str = "", **params: str) -> CommandOut:
    return await ingest.client.send_command(CommandIn(device_id=device, code=code, params=params, reason=reason))


@asynccontextmanager
async def connected(
    port: int, station: Station, now: datetime | None = None, temper: Temper | None = None
) -> AsyncIterator[Logger]:
    """A logger of the park that has said something and stays."""
    responder = Responder(station, temper) if temper else Responder(station)
    logger = Logger("127.0.0.1", port, "logger", answering=Answering(responder, (lambda: now) if now else wall))
    at = (now or wall()).replace(minute=0, second=0, microsecond=0) - HOUR
    report = Report(cn="2061", data_time=at, items=[("w01018", [("Avg", 1.0), ("Flag", "N")])], ack_wanted=True)
    qn = "20260301110000000"
    await asyncio.wait_for(logger.send([(qn, upload_frames(station.sender, report, qns=[qn])[0])]), 30)
    staying = asyncio.create_task(logger.stay())
    try:
        yield logger
    finally:
        staying.cancel()
        with suppress(asyncio.CancelledError):
            await staying
        await logger.close()


@pytest.mark.parametrize("edition", [Edition.V2005, Edition.V2017, Edition.V2025], ids=str)
async def test_a_logger_of_the_park_obeys(ingest: Ingest, edition: Edition) -> None:
    station = station_of(edition)
    device = await device_of(ingest, edition)
    outlet = (await ingest.client.list_outlets()).items[0].id
    async with gateway_with_desk(ingest) as server, connected(server.port, station, ingest.clock.now()):
        asked = [
            await give(ingest, device, "set_realtime_interval", seconds="90"),
            await give(ingest, device, "read_realtime_interval"),
            await give(ingest, device, "fetch_hours", since=START.isoformat(), until=(START + HOUR * 4).isoformat()),
        ]
        done = [await until(ingest, made.id, "done", "failed", "refused") for made in asked]
        officer, second = ingest.as_(Role.OFFICER, name="first"), ingest.as_(Role.OFFICER, name="second")
        order = CommandIn(device_id=device, code="set_password", params={"password": "ab12CD"}, reason="年度更换")
        made = await officer.send_command(order)
        await second.approve_command(made.id, made.version)
        changed = await until(ingest, made.id, "done", "failed", "refused")
        after = await give(ingest, device, "read_realtime_interval")  # with the new PW now
        told = await until(ingest, after.id, "done", "failed", "refused")
    rows = await ingest.client.read_arrow([outlet], ReadingKind.HOUR, START, START + HOUR * 4)

    assert [item.state.value for item in (*done, changed, told)] == ["done"] * 5
    assert (station.rtd_interval, station.sender.pw) == (90, "ab12CD")
    assert ("RtdInterval", "90") in done[1].result
    assert ("RtdInterval", "90") in told.result
    assert (done[2].values_arrived, rows.num_rows) == (5, 5)
    assert (done[2].exchange[0].note == "encrypted") is (edition is Edition.V2025)


async def test_a_killed_gateway_process_sends_nothing_dangerous_again(ingest: Ingest) -> None:
    device = await device_of(ingest)
    # The process lives in real time, and so must the commands.
    ingest.clock.set(wall())
    port = free_port()
    deaf = Temper(deaf=True)
    async with process(ingest.url, port) as first, connected(port, station_of(Edition.V2017), temper=deaf):
        harmful = await give(ingest, device, "calibrate_zero_span", "每周校准", factor="w01018")
        await until(ingest, harmful.id, "sent", within=30)
        waiting = await give(ingest, device, "set_timeouts", seconds="7", repeats="2")
        first.send_signal(signal.SIGKILL)
        await asyncio.wait_for(first.wait(), 30)
    station = station_of(Edition.V2017)
    async with process(ingest.url, port), connected(port, station):
        await run_out(ingest)
        gone = await until(ingest, harmful.id, "timed_out", within=30)
        done = await until(ingest, waiting.id, "done", within=30)

    assert (gone.outcome, gone.tries, len([line for line in gone.exchange if line.sent])) == ("no_answer", 1, 1)
    assert (done.outcome, station.over_time, station.re_count) == ("success", 7, 2)

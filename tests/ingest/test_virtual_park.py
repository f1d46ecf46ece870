"""The virtual park over the real gateway: what ingest then holds is what the park made."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import numpy as np

from park.model import HOUR, MINUTE
from park.virtual.broadcast import Broadcast
from park.virtual.build import build
from park.virtual.columns import NO_RECORD
from park.virtual.registering import register
from shared.clock import Clock, wall
from shared.contracts.ingest import ReadingKind, outlet_uuid
from tests.ingest.conftest import Ingest
from tests.ingest.loggers import gateway_with_desk

OUTLETS, HOURS = 8, 24 * 12


async def test_the_park_is_registered_and_its_means_arrive(ingest: Ingest) -> None:
    until = int(ingest.clock.now().timestamp()) // HOUR * HOUR
    since = until - HOURS * HOUR
    park = build(11, OUTLETS, HOURS, since)
    told: list[int] = []
    async with gateway_with_desk(ingest) as server:
        for _ in range(2):
            models = await register(ingest.client, park, datetime.fromtimestamp(since, UTC))
        sending = Broadcast(park, models, ("127.0.0.1", server.port), ingest.client, lines=4)
        await sending.send(HOUR, since, until, told.append)
        await sending.send(MINUTE, until - 2 * HOUR, until, told.append)

    assert sum(told) == OUTLETS * (HOURS + 120)
    assert sending.rows == OUTLETS * (HOURS + 120)
    for key, outlet in park.outlets.items():
        outlet_id = outlet_uuid(*key.split("/"))
        held = await _held(ingest, outlet_id, since, until)
        for code, column in outlet.columns.items():
            if "-" in code and not code.startswith("power"):
                continue
            rows = np.flatnonzero(column.flags != NO_RECORD)
            expected = {int(park.t[row]): (_number(column.v[row]), chr(column.flags[row])) for row in rows}
            assert held.get(code, {}) == expected, (key, code)
    minutes = await ingest.client.read_arrow(
        [outlet_uuid(*next(iter(park.outlets)).split("/"))], ReadingKind.MINUTE,
        datetime.fromtimestamp(until - 2 * HOUR, UTC), datetime.fromtimestamp(until, UTC),
    )  # fmt: skip
    assert len(minutes) > 500


async def test_the_park_goes_on_as_time_goes_by(ingest: Ingest) -> None:
    begin = int(ingest.clock.now().timestamp()) // HOUR * HOUR
    clock = Clock(datetime.fromtimestamp(begin, UTC), wall().timestamp(), 600.0)
    park = build(11, 2, 48, begin - 24 * HOUR)
    reached: list[int] = []
    async with gateway_with_desk(ingest) as server:
        models = await register(ingest.client, park, datetime.fromtimestamp(begin, UTC))
        sending = Broadcast(park, models, ("127.0.0.1", server.port), ingest.client)
        following = asyncio.create_task(sending.follow(clock, {MINUTE: begin, HOUR: begin}, reached.append))
        async with asyncio.timeout(60):
            while not reached or reached[-1] < begin + HOUR:
                await asyncio.sleep(0.1)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    outlet_id = outlet_uuid(*next(iter(park.outlets)).split("/"))
    since, until = (datetime.fromtimestamp(moment, UTC) for moment in (begin, begin + HOUR))
    minutes = await ingest.client.read_arrow([outlet_id], ReadingKind.MINUTE, since, until)
    times = {int(at.timestamp()) for at in minutes["at"].to_pylist()}
    assert times - {begin + HOUR} == set(range(begin, begin + HOUR, MINUTE))
    assert len(await ingest.client.read_arrow([outlet_id], ReadingKind.HOUR, since, until)) > 5


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


async def _held(ingest: Ingest, outlet_id: UUID, since: int, until: int) -> dict[str, dict[int, tuple[object, str]]]:
    first, last = (datetime.fromtimestamp(moment, UTC) for moment in (since, until))
    table = await ingest.client.read_arrow([outlet_id], ReadingKind.HOUR, first, last)
    found: dict[str, dict[int, tuple[object, str]]] = {}
    for row in table.to_pylist():
        found.setdefault(row["factor"], {})[int(row["at"].timestamp())] = (row["value"], row["flag"])
    return found

"""Live relations: the same anomalies however the feed is cut and the packets of one time are sent, as in history."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from services.detection.domain.backtest import Choice
from services.detection.domain.history import Line, find_relations
from services.detection.domain.hits import SeriesKey
from services.detection.domain.kernel import Batch
from services.detection.service.rulebook import load_rulebook, traits_of
from shared.contracts.ingest import (
    ENTERPRISE_CHANGED,
    EnterpriseIn,
    EnterpriseOut,
    Medium,
    OutletFactor,
    OutletOut,
    ReadingKind,
    enterprise_uuid,
)
from tests.detection.conftest import START, MakeWorld, World, make_outlet
from tests.detection.domain.relations.rows import HOURS, POWER, make_columns
from tests.detection.test_marks import tell_mark

COLUMNS = {factor: Batch(one.t, np.round(one.v, 4), one.flags, one.limits) for factor, one in make_columns().items()}
RULES = {"CONV", "MASS", "DILUTE", "STOP-RUN", "MON-OFF"}


def the_outlet() -> OutletOut:
    factors = [OutletFactor(factor=code, resolution=0.0001) for code in COLUMNS]
    return make_outlet("W1", medium=Medium.GAS, factors=factors, limits=[])


async def tell_trade(world: World) -> None:
    firm = EnterpriseIn(code="E1", name_zh="E1", trade="thermal_power")
    told = EnterpriseOut(**firm.model_dump(), id=enterprise_uuid("E1"), version=1, changed_at=START)
    await world.ingest.tell(ENTERPRISE_CHANGED, "E1", told.model_dump(mode="json"), START)


async def send(world: World, outlet_id: UUID, begin: int, end: int, factors: set[str]) -> None:
    """Hours of some factors in one event, those under one flag together."""
    for flag in "NF":
        rows = []
        for row in range(begin, end):
            values = {code: float(COLUMNS[code].v[row]) for code in sorted(factors)
                      if chr(COLUMNS[code].flags[row]) == flag}  # fmt: skip
            if values:
                rows.append((datetime.fromtimestamp(int(COLUMNS[POWER].t[row]), UTC), values))
        if rows:
            await world.ingest.accept(outlet_id, ReadingKind.HOUR, rows, flag=flag)


async def tell(world: World) -> None:
    """Eight hours an event; the power meter has a logger of its own, which is now the first and now the last."""
    await tell_trade(world)
    outlet_id = await world.ingest.register(the_outlet())
    station = set(COLUMNS) - {POWER}
    await send(world, outlet_id, 0, 2, set(COLUMNS))
    for begin in range(2, HOURS, 8):
        parts = [station, {POWER}] if begin % 3 else [{POWER}, station]
        for factors in parts:
            await send(world, outlet_id, begin, min(begin + 8, HOURS), factors)


async def result(world: World) -> tuple[Any, ...]:
    anomalies = [one.model_copy(update={"version": 0}) for one in await world.anomalies()]
    return anomalies, await world.rows("select * from hits order by id"), await world.rows("select * from memories")


async def test_any_batches_and_crashes_give_the_same(make_world: MakeWorld):
    whole = await make_world()
    await tell(whole)
    await whole.catch_up(1000)
    known = await result(whole)
    assert {one.rule for one in known[0]} >= RULES

    for limit, crash_at in ((7, frozenset({2, 5})), (40, frozenset[int]())):
        other = await make_world()
        await tell(other)
        await other.catch_up(limit, crash_at=crash_at)
        assert await result(other) == known


async def test_read_while_packets_of_one_time_arrive_one_by_one(make_world: MakeWorld):
    """Each hour's power comes in an event of its own, and detection looks between the two."""
    one_by_one, together = await make_world(), await make_world()
    for world in (one_by_one, together):
        await tell_trade(world)
        outlet_id = await world.ingest.register(the_outlet())
        await send(world, outlet_id, 0, 180, set(COLUMNS))
        for row in range(180, 260):
            await send(world, outlet_id, row, row + 1, set(COLUMNS) - {POWER})
            if world is one_by_one:
                await world.catch_up()
            await send(world, outlet_id, row, row + 1, {POWER})
        await world.catch_up()

    known = await result(together)
    assert {one.rule for one in known[0]} >= {"CONV", "MASS", "DILUTE"}
    assert await result(one_by_one) == known


async def test_live_tells_what_history_tells(world: World):
    await tell_trade(world)
    outlet_id = await world.ingest.register(the_outlet())
    for begin in range(0, HOURS, 24):
        await send(world, outlet_id, begin, min(begin + 24, HOURS), set(COLUMNS))
    await world.catch_up(3)

    lines = [
        Line(traits_of(the_outlet(), code, ReadingKind.HOUR, "thermal_power"),
             SeriesKey(outlet_id, code, ReadingKind.HOUR, timedelta(hours=1)), batch)
        for code, batch in COLUMNS.items()
    ]  # fmt: skip
    hits = {hit.id: hit for hit in find_relations(load_rulebook().rules, lines, Choice())}
    expected = sorted((hit.id, hit.rule, hit.factor_and_span) for hit in map(_Told, hits.values()))
    stored = await world.rows("select id, rule, factor, started_at, until, points from hits")
    assert sorted((row[0], row[1], tuple(row[2:])) for row in stored if row[1] in RULES) == expected


class _Told:
    """A hit as the store keeps it."""

    def __init__(self, hit: Any) -> None:
        self.id, self.rule = hit.id, hit.rule
        self.factor_and_span = hit.series.factor, hit.started_at, hit.until, hit.count


async def test_running_under_a_mark_of_stop_is_suspected_fraud(world: World):
    await tell_trade(world)
    outlet_id = await world.ingest.register(the_outlet())
    first = datetime.fromtimestamp(int(COLUMNS[POWER].t[150]), UTC)
    await tell_mark(world, first, first + timedelta(hours=12), effect="stopped")
    await send(world, outlet_id, 0, 190, set(COLUMNS))
    await world.catch_up()

    (found,) = await world.anomalies(rule="STOP-RUN")
    assert (found.factor, found.nature, found.severity, found.started_at) == ("a00000", "N4", "A", first)
    assert found.explanation.code == "stop_run"
    assert found.explanation.params["observed"] == pytest.approx(1.0, abs=0.2)


async def test_a_memory_of_another_layout_begins_anew(world: World):
    await tell_trade(world)
    outlet_id = await world.ingest.register(the_outlet())
    await send(world, outlet_id, 0, 20, set(COLUMNS))
    await world.catch_up()
    async with world.app.state.db.transaction() as session:
        await (await session.connection()).exec_driver_sql("update memories set memory = 'x'")
    await send(world, outlet_id, 20, 30, set(COLUMNS))
    await world.catch_up()

    assert len(await world.rows("select memory from memories where memory <> 'x'")) == 1


async def test_anomalies_that_run_are_brought_up_to_date(world: World):
    await tell_trade(world)
    outlet_id = await world.ingest.register(the_outlet())
    await send(world, outlet_id, 0, 204, set(COLUMNS))
    await world.catch_up()
    (begun,) = await world.anomalies(rule="CONV")
    await send(world, outlet_id, 204, 216, set(COLUMNS))
    await world.catch_up()
    await world.run_job("refresh_running")

    (grown,) = await world.anomalies(rule="CONV")
    assert (begun.nature, begun.severity) == ("N2", "C")
    assert (grown.nature, grown.severity) == ("N4", "B")

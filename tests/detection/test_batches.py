"""Whatever is read in one transaction, and wherever a process dies: the same anomalies with the same numbers."""

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.contracts.detection import AnomalyOut
from shared.contracts.ingest import Medium, OutletFactor, OutletOut, ReadingKind, outlet_uuid
from tests.detection.conftest import (
    COD,
    HOUR,
    LEAD,
    MakeWorld,
    Rows,
    World,
    at,
    honest,
    hours,
    make_limit,
    make_outlet,
    minutes,
)

HOURS = 24 * 9
Part = tuple[str, ReadingKind, Rows]


def the_outlets() -> list[OutletOut]:
    """Water with a hazardous factor, and gas with a limit that changes on the fourth day."""
    water, gas = outlet_uuid("E1", "W1"), outlet_uuid("E2", "G1")
    return [
        make_outlet(
            "W1",
            factors=[OutletFactor(factor=COD, unit="mg/L", span_high=500, resolution=0.1), OutletFactor(factor=LEAD)],
            limits=[make_limit(water), make_limit(water, LEAD, 0.5), make_limit(water, averaging=ReadingKind.DAY)],
        ),
        make_outlet(
            "G1", "E2", medium=Medium.GAS, factors=[OutletFactor(factor="a21026", resolution=0.01, span_high=200)],
            limits=[
                make_limit(gas, "a21026", 60.0, valid_to=at(96)), make_limit(gas, "a21026", 32.0, valid_from=at(96)),
            ],
        ),
    ]  # fmt: skip


def the_values(chance: random.Random, base: float) -> list[float | None]:
    """Nine days of hours with runs over the limit, constant runs, negatives, spikes and holes."""
    values: list[float | None] = [*honest(HOURS, base)]
    for _ in range(6):
        first, length = chance.randrange(HOURS), chance.choice([1, 2, 7, 30])
        odd = chance.choice([None, base * 2.5, base, -9999.0, 510.0])
        values[first : first + length] = [odd] * min(length, HOURS - first)
    return values


def the_story(seed: int) -> list[tuple[datetime, list[Part]]]:
    """What ingest accepts, and when: hours of three series as they come, minutes of two days, days, late ones."""
    chance = random.Random(seed)  # noqa: S311 - a story that can be told again
    columns = {("W1", COD): the_values(chance, 30.0), ("W1", LEAD): the_values(chance, 0.3),
               ("G1", "a21026"): the_values(chance, 30.0)}  # fmt: skip
    held_back = set(range(100, 106)) | {0, 60}
    story: list[tuple[datetime, list[Part]]] = []
    first = 0
    while first < HOURS:
        last = min(HOURS, first + chance.choice([1, 1, 2, 5, 20]))
        shown = [hour for hour in range(first, last) if hour not in held_back]
        parts = []
        for code in ("W1", "G1"):
            named = {factor: values for (outlet, factor), values in columns.items() if outlet == code}
            rows = [(at(hour), {factor: values[hour] for factor, values in named.items()}) for hour in shown]
            parts.append((code, ReadingKind.HOUR, rows))
            if last <= 48:
                fine = [(moment, value) for hour in shown for moment, value in minutes([30.0 + hour % 7] * 60, hour)]
                parts.append((code, ReadingKind.MINUTE, fine))
        story.append((at(last), [part for part in parts if part[2]]))
        first = last
    days = [20.0 if day % 3 else 77.0 for day in range(8)]
    story += [(at(24 * i + 30), [("W1", ReadingKind.DAY, hours([mean], 24 * i - 8))]) for i, mean in enumerate(days)]
    late = [(at(hour), {COD: 66.6}) for hour in sorted(held_back)]
    story.append((at(150), [("W1", ReadingKind.HOUR, late)]))
    return [one for one in sorted(story, key=lambda one: one[0]) if one[1]]


async def tell(world: World, seed: int) -> None:
    outlets = {one.code: await world.ingest.register(one) for one in the_outlets()}
    for when, parts in the_story(seed):
        await world.ingest.accept_many([(outlets[code], kind, rows) for code, kind, rows in parts], when=when)


async def result(world: World) -> tuple[list[AnomalyOut], list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Anomalies without their version, which counts transactions; states; hits."""
    anomalies = [one.model_copy(update={"version": 0}) for one in await world.anomalies()]
    states = await world.rows(
        "select outlet_id, factor, kind, state, first_at, last_at, late from series order by 1, 2, 3"
    )
    hits = await world.rows("select * from hits order by id")
    return anomalies, states, hits


@pytest.mark.parametrize("seed", [1, 2])
async def test_any_batches_and_crashes_give_the_same(make_world: MakeWorld, seed: int):
    whole = await make_world()
    await tell(whole, seed)
    await whole.catch_up(1000)
    anomalies, states, hits = await result(whole)
    assert {one.rule for one in anomalies} >= {"EX-H", "EX-D", "CONST"}
    assert len(states) == 6
    assert len({one.no for one in anomalies}) == len(anomalies)

    for limit, crash_at in ((1, frozenset({3, 4, 20, 31})), (3, frozenset({1, 2, 9})), (17, frozenset[int]())):
        other = await make_world()
        await tell(other, seed)
        await other.catch_up(limit, crash_at=crash_at)
        assert await result(other) == (anomalies, states, hits)
        assert await other.rows("select count(*) from feed_parked") == [(0,)]


@pytest.mark.parametrize("seed", [1, 2])
async def test_however_a_gateway_groups_what_loggers_send_the_anomalies_are_the_same(make_world: MakeWorld, seed: int):
    """Minutes and then the hour of two outlets, in the order in which loggers send them."""
    chance = random.Random(seed)  # noqa: S311 - a story that can be told again
    fine = {code: the_values(chance, 30.0)[:72] for code in ("W1", "G1")}
    sent: list[Part] = []
    for hour in range(72):
        for code, factor in (("W1", COD), ("G1", "a21026")):
            value = fine[code][hour]
            noisy = [None if value is None else value + 0.05 * (i % 7) * (value != 30.0) for i in range(60)]
            sent.append((code, ReadingKind.MINUTE, minutes(noisy[:31], hour, factor)))
            sent.append((code, ReadingKind.MINUTE, minutes(noisy[31:], hour + 31 / 60, factor)))
            sent.append((code, ReadingKind.HOUR, hours([value], hour, factor)))
    told: list[list[AnomalyOut]] = []
    for most in (1, 4, 90):
        world = await make_world()
        outlets = {one.code: await world.ingest.register(one) for one in the_outlets()}
        first = 0
        while first < len(sent):
            last = first + chance.randint(1, most)
            parts: dict[tuple[str, ReadingKind], list[Any]] = {}
            for code, kind, rows in sent[first:last]:
                parts.setdefault((code, kind), []).extend(rows)
            await world.ingest.accept_many([(outlets[code], kind, rows) for (code, kind), rows in parts.items()])
            first = last
        await world.catch_up()
        told.append([one.model_copy(update={"version": 0}) for one in await world.anomalies()])

    assert len(told[0]) > 4
    assert told[0] == told[1] == told[2]


async def test_jobs_between_batches_change_nothing_that_is_over(make_world: MakeWorld):
    whole, disturbed = await make_world(), await make_world()
    await tell(whole, 4)
    await whole.catch_up(1000)
    outlets = {one.code: await disturbed.ingest.register(one) for one in the_outlets()}
    for when, parts in the_story(4):
        await disturbed.ingest.accept_many([(outlets[code], kind, rows) for code, kind, rows in parts], when=when)
        await disturbed.catch_up()
        await disturbed.run_job("refresh_running", when)

    (anomalies, states, hits), others = await result(whole), await result(disturbed)
    assert (anomalies, states) == others[:2]
    assert [hit[0] for hit in hits] == [hit[0] for hit in others[2]]


async def test_the_same_events_after_a_restore_of_ingest_are_not_applied_again(world: World):
    """The feed's epoch changes, the consumer reads it again from the start, and knows every event by its id."""
    await tell(world, 6)
    await world.catch_up()
    before = await result(world)
    async with world.ingest.db.transaction() as session:
        connection = await session.connection()
        await connection.exec_driver_sql("update feed_head set epoch = gen_random_uuid()")
    await world.catch_up()  # refused: gone
    await world.catch_up()

    assert await world.rows("select seq from feed_cursor") == [(len(the_story(6)) + 2,)]
    assert await result(world) == before


def test_the_story_is_late_in_places():
    newest, late = at(-1000), 0
    for _, parts in the_story(1):
        for _, kind, rows in parts:
            if kind is ReadingKind.HOUR:
                late += sum(moment < newest - timedelta(hours=3) for moment, _ in rows)
                newest = max(newest, *(moment for moment, _ in rows))
    assert late >= 6
    assert newest > at(HOURS) - 2 * HOUR

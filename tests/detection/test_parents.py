"""A lost link through the service: a parent told before its children, the same however the feed was cut."""

from typing import Any

import pytest

from shared.auth import Role
from shared.contracts.detection import SEVERAL, AnomalyOut, AnomalyState
from shared.contracts.ingest import OutletFactor, ReadingKind, outlet_uuid
from tests.detection.conftest import Rows, World, at, honest, make_outlet

W1, HOUR_MEAN = outlet_uuid("E1", "W1"), ReadingKind.HOUR
FACTORS = ("w01018", "w21001", "w21003", "w21011")
HOURS = [*range(10), *range(16, 40)]


def rows_at(hours: list[int], factors: tuple[str, ...] = FACTORS) -> Rows:
    values = {code: honest(60, 20.0 + 3 * place) for place, code in enumerate(factors)}
    return [(at(hour), {code: values[code][hour] for code in factors}) for hour in hours]


async def lose(world: World, *parts: list[int]) -> list[AnomalyOut]:
    """The hours of one outlet in as many events, its link lost from the tenth to the fifteenth."""
    factors = [OutletFactor(factor=code, unit="mg/L", span_high=100) for code in FACTORS]
    await world.ingest.register(make_outlet(factors=factors, limits=[]))
    for hours in parts:
        await world.ingest.accept(W1, HOUR_MEAN, rows_at(hours))
        await world.catch_up()
    return await world.anomalies(rule="MISS")


def plain(anomalies: list[AnomalyOut]) -> set[tuple[Any, ...]]:
    return {(one.id, one.factor, one.parent_id, tuple(one.factors), one.points, one.ended_at) for one in anomalies}


async def test_a_lost_link_is_told_once_and_names_its_factors(world: World):
    found = await lose(world, HOURS)
    (parent,) = [one for one in found if one.factor == SEVERAL]

    assert (parent.factors, parent.points, parent.state) == (list(FACTORS), 24, AnomalyState.CLOSED)
    assert (parent.started_at, parent.ended_at, parent.severity) == (at(10), at(16), "B")
    assert {one.parent_id for one in found if one.factor != SEVERAL} == {parent.id}
    assert (await world.told())[0] == ("opened", "MISS", 1)
    assert parent.no.endswith("-0001")


@pytest.mark.parametrize(
    "parts",
    [
        [[hour] for hour in HOURS],
        [HOURS[:12], HOURS[12:13], HOURS[13:]],
    ],
    ids=["hour by hour", "in three"],
)
async def test_the_cut_of_the_feed_is_nothing(world: World, parts: list[list[int]]):
    found = plain(await lose(world, *parts))

    assert {one[1] for one in found} == {*FACTORS, SEVERAL}
    (parent,) = [one for one in found if one[1] == SEVERAL]
    assert parent[3:] == (FACTORS, 24, at(16))
    assert {one[2] for one in found if one[1] != SEVERAL} == {parent[0]}


async def test_a_factor_told_by_another_event_joins(world: World):
    factors = [OutletFactor(factor=code, unit="mg/L", span_high=100) for code in FACTORS]
    await world.ingest.register(make_outlet(factors=factors, limits=[]))
    for code in FACTORS:
        await world.ingest.accept(W1, HOUR_MEAN, rows_at(HOURS[:10], (code,)))
    for code in FACTORS:
        await world.ingest.accept(W1, HOUR_MEAN, rows_at(HOURS[10:14], (code,)))
        await world.catch_up()

    found = await world.anomalies(rule="MISS")
    (parent,) = [one for one in found if one.factor == SEVERAL]
    assert parent.factors == list(FACTORS)
    assert {one.parent_id for one in found if one.factor != SEVERAL} == {parent.id}


async def test_lists_leave_children_out_or_give_them_alone_and_only_to_their_firm(world: World):
    found = await lose(world, HOURS)
    (parent,) = [one for one in found if one.factor == SEVERAL]
    staff, other = world.as_(Role.SUPERVISOR), world.as_(Role.ENTERPRISE, enterprise="E2")

    alone = await staff.list_anomalies(alone=True, rule="MISS")
    children = await staff.list_anomalies(parent_id=parent.id)
    assert [one.id for one in alone.items] == [parent.id]
    assert sorted(one.factor for one in children.items) == list(FACTORS)
    assert (await other.list_anomalies(parent_id=parent.id)).items == []
    own = await world.as_(Role.ENTERPRISE, enterprise="E1").list_anomalies(rule="MISS")
    assert len(own.items) == len(FACTORS) + 1

"""The mining bench over HTTP: who may ask, what is refused, and reports against planted truths."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

from services.detection.service.mining import bench, reports, worker
from services.detection.service.mining.worker import Miner
from services.detection.store.places import PlaceStore
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.clients.detection import DetectionClient
from shared.contracts.detection.mining import MiningAsk
from shared.contracts.ingest import (
    ENTERPRISE_CHANGED,
    EnterpriseOut,
    OutletFactor,
    ReadingKind,
    enterprise_uuid,
    outlet_uuid,
)
from tests.detection.conftest import COD, LEAD, START, MakeWorld, World, at, hours, make_outlet

HOURS = 600
MINE = [outlet_uuid(f"E{number}", "W1") for number in range(1, 7)]
REPORTS = ("digits", "bunching", "repeats", "twins", "peers")


def walk(seed: int, number: int = HOURS) -> list[float]:
    """A random walk pulled back to 60: no two alike, in steps of 0.01."""
    steps, v = np.random.default_rng(seed).normal(0, 3, number), np.full(number, 60.0)
    for i in range(1, number):
        v[i] = v[i - 1] + 0.1 * (60 - v[i - 1]) + steps[i]
    return [round(float(value), 2) for value in v]


async def firm(world: World, number: int, trade: str = "electroplating", **fields: Any) -> UUID:
    """An enterprise with one outlet."""
    code = f"E{number}"
    told = EnterpriseOut(
        id=enterprise_uuid(code), code=code, name_zh=f"企业{number}", name_en=f"Firm {number}", trade=trade, version=1,
        changed_at=START,
    )  # fmt: skip
    await world.ingest.tell(ENTERPRISE_CHANGED, code, told.model_dump(mode="json"), START)
    return await world.ingest.register(make_outlet("W1", code, **fields))


async def send(world: World, number: int, values: list[float], **options: Any) -> None:
    await world.ingest.accept(MINE[number - 1], ReadingKind.HOUR, hours(values), **options)


async def park(world: World) -> None:
    """Six firms of one trade; the sixth is a scaled copy of the second, the third sends two days again."""
    values = [walk(seed) for seed in range(6)]
    values[5] = [round(1.5 * value + 10, 2) for value in values[1]]
    values[2][400:448] = values[2][100:148]
    for number, one in enumerate(values, 1):
        await firm(world, number)
        await send(world, number, one)
    await world.catch_up()


def ask(**fields: Any) -> MiningAsk:
    given: dict[str, Any] = {"factor": COD, "since": at(0), "until": at(HOURS), **fields}
    if not given.keys() & {"outlet_id", "trade"}:
        given["trade"] = "electroplating"
    return MiningAsk(**given)


def query(**fields: Any) -> dict[str, str]:
    asked = {"trade": "electroplating", "factor": COD, "since": at(0).isoformat(), "until": at(HOURS).isoformat()}
    return {key: value for key, value in {**asked, **fields}.items() if value is not None}


async def refusal(call: Any) -> tuple[int, str]:
    with pytest.raises(ServiceCallError) as refused:
        await call
    return refused.value.status, refused.value.code


def officer(world: World) -> DetectionClient:
    return world.as_(Role.OFFICER)


# -- who may -------------------------------------------------------------------------------------------


async def test_staff_only(world: World):
    await park(world)
    for report in (*REPORTS, "similar", "trades"):
        params = {"anomaly": str(uuid4())} if report == "similar" else query()
        path = f"/v1/mining/{report}"
        assert (await world.http(path, params=params)).status_code == 401
        own = await world.http(path, Role.ENTERPRISE, enterprise="E1", params=params)
        assert (own.status_code, own.json()["code"]) == (403, "forbidden")
        mine = await world.http(path, Role.ENTERPRISE, enterprise="E1", params={**params, "outlet_id": str(MINE[0])})
        assert mine.status_code == 403
        assert (await world.http(path, Role.SERVICE, params=params)).status_code == 403
        for role in (Role.SUPERVISOR, Role.OFFICER, Role.ADMIN):
            assert (await world.http(path, role, params=params)).status_code == (404 if report == "similar" else 200)


# -- what is refused -----------------------------------------------------------------------------------


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"since": at(10).isoformat(), "until": at(10).isoformat()}, 422, "ends_before_start"),
    ({"since": at(10).isoformat(), "until": at(5).isoformat()}, 422, "ends_before_start"),
    ({"until": (at(0) + timedelta(days=401)).isoformat()}, 422, "too_long"),
    ({"since": "1990-01-01T00:00:00Z", "until": "1990-01-02T00:00:00Z"}, 422, "too_early"),
    ({"factor": "w99999"}, 422, "unknown"),
    ({"trade": "glass"}, 422, "unknown"),
    ({"trade": None}, 422, "one_of"),
    ({"outlet_id": str(MINE[0])}, 422, "one_of"),
    ({"park": "true"}, 422, "one_of"),
    ({"trade": None, "outlet_id": str(uuid4())}, 404, "outlet_not_found"),
    ({"factor": "no code!"}, 422, "string_pattern_mismatch"),
    ({"kind": "century"}, 422, "enum"),
    ({"since": "yesterday"}, 422, "datetime_from_date_parsing"),
    ({"since": "0001-01-01T00:00:00+14:00"}, 422, "too_long"),
    ({"until": "9999-12-31T23:59:59-14:00"}, 422, "too_long"),
]


@pytest.mark.parametrize("report", REPORTS)
async def test_what_makes_no_sense_is_refused(world: World, report: str):
    await firm(world, 1)
    await world.catch_up()
    for fields, status, code in REFUSED:
        answer = await world.http(f"/v1/mining/{report}", Role.OFFICER, params=query(**fields))
        problem = answer.json()
        assert answer.status_code == status, fields
        assert code in {problem["code"], *(item["code"] for item in problem["errors"])}, fields


async def test_too_much_is_refused_before_anything_is_read(world: World, monkeypatch: pytest.MonkeyPatch):
    await park(world)
    monkeypatch.setattr(reports, "MOST_STREAMED", 1000)
    world.ingest.asked.clear()
    assert await refusal(officer(world).report_digits(ask())) == (413, "too_large")
    assert world.ingest.asked == []
    assert (await officer(world).report_digits(ask(outlet_id=MINE[0], compare=False))).outlets == 1


async def test_a_report_that_takes_too_long_ends(world: World):
    await park(world)
    world.app.state.miner = Miner(world.app.state.miner.readings, seconds=0.0)
    assert await refusal(officer(world).report_peers(ask())) == (503, "mining_timeout")
    assert world.app.state.miner._running == 0


async def test_few_reports_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch):
    await park(world)
    monkeypatch.setattr(worker, "MOST_AT_ONCE", 0)
    assert await refusal(officer(world).report_peers(ask())) == (503, "mining_busy")


# -- reports -------------------------------------------------------------------------------------------


async def test_twins_of_a_trade_and_of_one_outlet(world: World):
    await park(world)
    report = await officer(world).report_twins(ask())
    best = report.pairs[0]
    assert {best.one.outlet_id, best.other.outlet_id} == {MINE[1], MINE[5]}
    assert best.found
    assert best.scale == pytest.approx(1.5 if best.one.outlet_id == MINE[1] else 1 / 1.5, abs=0.01)
    assert [pair.found for pair in report.pairs[1:]] == [False] * 14
    assert (report.possible, report.complete, report.outlets) == (15, True, 6)
    assert best.one_values != best.other_values
    assert len(best.one_values) == len(best.other_values) == 240
    assert {best.one.enterprise_en, best.other.enterprise_en} == {"Firm 2", "Firm 6"}

    own = await officer(world).report_twins(ask(outlet_id=MINE[5]))
    assert own.possible == 5
    assert [own.pairs[0].one.outlet_id, own.pairs[0].other.outlet_id] == [MINE[5], MINE[1]]
    assert own.pairs[0].scale == pytest.approx(1 / 1.5, abs=0.01)


async def test_one_outlet_against_the_whole_park(world: World):
    await park(world)
    copy = await firm(world, 8, trade="glass")
    await world.ingest.accept(copy, ReadingKind.HOUR, hours([value / 2 for value in walk(4)]))
    await world.catch_up()
    own = await officer(world).report_twins(ask(outlet_id=copy, park=True))
    assert (own.possible, own.trade, own.pairs[0].found) == (6, "", True)
    assert own.pairs[0].other.outlet_id == MINE[4]
    assert (await officer(world).report_twins(ask(outlet_id=copy))).possible == 0
    whole = MiningAsk(factor=COD, since=at(0), until=at(HOURS), park=True)
    assert (await officer(world).report_twins(whole)).possible == 21


async def test_repeats_are_told_with_both_copies(world: World):
    await park(world)
    report = await officer(world).report_repeats(ask())
    assert [row.total for row in report.rows] == [1, 0, 0, 0, 0, 0]
    (pair,) = report.rows[0].pairs
    assert report.rows[0].outlet.outlet_id == MINE[2]
    assert (pair.exact, pair.original_since, pair.copy_since, pair.points) == (True, at(100), at(400), 48)
    assert pair.then == pair.now

    alone = await officer(world).report_repeats(ask(outlet_id=MINE[0]))
    assert ([row.outlet.outlet_id for row in alone.rows], alone.rows[0].total) == ([MINE[0]], 0)


async def test_digits_with_the_outlet_asked_for_first(world: World):
    await park(world)
    await firm(world, 7)
    invented = [round(round(value) + 0.05 * (i % 2), 2) for i, value in enumerate(walk(9))]
    await world.ingest.accept(outlet_uuid("E7", "W1"), ReadingKind.HOUR, hours(invented))
    await world.catch_up()
    report = await officer(world).report_digits(ask(outlet_id=MINE[3]))
    assert report.rows[0].outlet.outlet_id == MINE[3]
    assert report.rows[1].outlet.outlet_id == outlet_uuid("E7", "W1")
    assert (report.rows[1].found, sum(report.rows[1].counts)) == (True, report.rows[1].points)
    assert sum(report.pooled) == pytest.approx(1)
    assert len(report.honest) == 5

    trade = await officer(world).report_digits(ask())
    assert trade.rows[0].found
    assert [row.found for row in trade.rows[1:]] == [False] * 6


async def test_bunching_holds_values_against_the_limit(world: World):
    await firm(world, 1)
    rng = np.random.default_rng(3)
    values = rng.normal(49, 4, 3000)
    over = (values > 50) & (values < 53)
    values[over] = 50 * (1 - rng.uniform(0.001, 0.019, int(over.sum())))
    await send(world, 1, [round(float(value), 2) for value in values])
    await firm(world, 2, limits=[])
    await send(world, 2, walk(2))
    await world.catch_up()
    report = await officer(world).report_bunching(ask(until=at(3000)))
    shaved, without = report.rows
    assert (shaved.outlet.outlet_id, shaved.found, shaved.limits) == (MINE[0], True, [50.0])
    assert shaved.z is not None
    assert shaved.z > report.z
    assert shaved.above_share is not None
    assert shaved.above_share < report.share
    assert sum(one.count for one in shaved.bins) == shaved.points
    assert next((one.low, one.high) for one in shaved.bins if one.zone) == (0.98, 1.0)
    assert without.unjudged is not None
    assert without.unjudged.code == "no_limit"
    assert "限值" in without.unjudged.text_zh
    assert "limit" in without.unjudged.text_en


async def test_peers_with_the_one_apart_first(world: World):
    await park(world)
    report = await officer(world).report_peers(ask())
    assert (report.rows[0].outlet.outlet_id, report.rows[0].found) == (MINE[5], True)
    assert len(report.rows[0].quantiles) == 5
    asked = await officer(world).report_peers(ask(outlet_id=MINE[0]))
    assert asked.rows[0].outlet.outlet_id == MINE[0]
    assert asked.trade == "electroplating"


async def test_other_units_and_other_trades_are_not_compared(world: World):
    await park(world)
    await firm(world, 7, factors=[OutletFactor(factor=COD, unit="ug/L")])
    await firm(world, 8, trade="glass")
    await firm(world, 9, active=False)
    await world.catch_up()
    report = await officer(world).report_peers(ask())
    assert (report.outlets, report.unit) == (7, "mg/L")
    reasons = {row.outlet.enterprise_en: row.unjudged.code for row in report.rows if row.unjudged}
    assert reasons == {"Firm 7": "other_unit"}
    trades = {one.trade: (one.outlets, one.factors) for one in await officer(world).list_mining_trades()}
    assert trades == {"electroplating": (7, {COD: 7}), "glass": (1, {COD: 1})}


async def test_what_is_no_measurement_is_left_out_and_counted(world: World):
    await firm(world, 1)
    await send(world, 1, walk(1))
    await world.ingest.accept(MINE[0], ReadingKind.HOUR, hours([70.0] * 10, 50), flag="C", when=at(HOURS))
    await world.ingest.accept(MINE[0], ReadingKind.HOUR, hours([None] * 5, 70), when=at(HOURS))
    await firm(world, 2)
    await firm(world, 3)
    await send(world, 3, [42.0])
    await world.catch_up()
    for report in (officer(world).report_digits, officer(world).report_peers, officer(world).report_repeats):
        rows = {row.outlet.outlet_id: row for row in (await report(ask())).rows}  # type: ignore[operator]
        assert (rows[MINE[0]].flagged, rows[MINE[0]].missing) == (10, 5)
        silent, single = rows[MINE[1]].unjudged, rows[MINE[2]].unjudged
        assert silent is not None
        assert silent.code == "no_data"
        assert single is not None
        assert single.code == "too_few"


async def test_many_outlets_come_in_parts_and_the_surplus_is_said(world: World, monkeypatch: pytest.MonkeyPatch):
    await park(world)
    whole = await officer(world).report_digits(ask())
    monkeypatch.setattr(bench, "CHUNK_POINTS", 2 * HOURS)
    world.ingest.asked.clear()
    assert await officer(world).report_digits(ask()) == whole
    assert [number for number, *_ in world.ingest.asked] == [2, 2, 2]
    monkeypatch.setattr(bench, "MOST_OUTLETS", 4)
    part = await officer(world).report_digits(ask())
    assert (part.cut, part.outlets) == (True, 4)


# -- similar -------------------------------------------------------------------------------------------


async def exceedances(world: World) -> None:
    """Bumps of COD at three firms, two of a shape, and a plateau; one of lead elsewhere."""
    calm = [40.0 + 0.3 * ((i * 7) % 5) for i in range(300)]
    bump = [52.0, 58.0, 66.0, 75.0, 82.0, 75.0, 66.0, 58.0, 52.0]
    for number, (first, peaks) in enumerate([(100, bump), (180, [value * 1.4 for value in bump]), (90, [60.0] * 9)], 1):
        await firm(world, number, trade="glass" if number == 2 else "electroplating")
        values = list(calm)
        values[first : first + 9] = peaks
        await send(world, number, values)
    await world.catch_up()


async def test_the_nearest_episode_has_the_same_shape(world: World):
    await exceedances(world)
    found = {one.outlet_id: one for one in await world.anomalies(rule="EX-H")}
    report = await officer(world).find_similar(found[MINE[0]].id)
    near, far = report.items[:2]
    assert (near.anomaly.id, far.anomaly.id) == (found[MINE[1]].id, found[MINE[2]].id)
    assert near.distance < 0.15 < far.distance
    parts, weights = near.parts, report.weights
    assert (parts.rule, parts.factor, parts.duration) == (0, 0, 0)
    assert parts.shape is not None
    assert weights.shape is not None
    assert near.distance == pytest.approx(weights.shape * parts.shape, abs=1e-6)
    assert len(report.profile) == len(near.profile) == 64
    assert near.outlet.enterprise_en == "Firm 2"
    assert report.exact
    assert report.considered == report.compared == len(report.items)

    mine = await officer(world).find_similar(found[MINE[0]].id, trade_only=True, limit=1)
    assert [one.anomaly.id for one in mine.items] == [found[MINE[2]].id]


async def test_an_anomaly_nobody_knows_has_no_similar_ones(world: World):
    assert await refusal(officer(world).find_similar(uuid4())) == (404, "anomaly_not_found")
    bad = await world.http("/v1/mining/similar", Role.OFFICER, params={"anomaly": "x", "limit": "0"})
    assert bad.status_code == 422


async def test_places_are_read_with_their_owners(make_world: MakeWorld):
    world = await make_world()
    await world.ingest.register(make_outlet("W1", "E1", factors=[OutletFactor(factor=LEAD)]))
    await world.catch_up()
    async with world.app.state.db.transaction() as session:
        places = await PlaceStore(session).of_ids([MINE[0], uuid4()])
        assert await PlaceStore(session).of_trade("electroplating") == []
    assert [(one.trade, one.enterprise_zh, one.unit(LEAD), one.unit(COD)) for one in places.values()] == [
        ("", "", "", None)
    ]

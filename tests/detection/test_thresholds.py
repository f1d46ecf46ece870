"""Thresholds: learnt by night from what nobody doubts, decided by people, in force from a data time on."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import text

from services.detection.domain.history import Line, find_hits_of_outlet
from services.detection.domain.hits import SeriesKey
from services.detection.domain.kernel import Batch
from services.detection.domain.thresholds.model import threshold_id
from services.detection.domain.thresholds.timeline import Timeline
from services.detection.gateways import Readings
from services.detection.service import learning, load_rulebook
from services.detection.service.rulebook import traits_of
from services.detection.service.timelines import Timelines
from services.detection.store import SeriesId
from services.detection.store.thresholds import ThresholdStore
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.detection.backtests import BacktestIn, RulesChange
from shared.contracts.detection.thresholds import (
    ThresholdDetail,
    ThresholdEvent,
    ThresholdIn,
    ThresholdOrigin,
    ThresholdProposal,
    ThresholdState,
    VersionState,
)
from shared.contracts.ingest import ReadingKind, outlet_uuid
from tests.detection.conftest import COD, HOUR, MakeWorld, World, at, hours, make_outlet

HOUR_MEAN = ReadingKind.HOUR
W1, W2 = outlet_uuid("E1", "W1"), outlet_uuid("E2", "W1")
CONST = threshold_id(W1, COD, HOUR_MEAN, "CONST")
MIDNIGHT = timedelta(hours=16)
"""Of Beijing after the start of the story, which is at eight in the morning."""


def steps(number: int, length: int) -> list[float]:
    """Values of an analyser that holds each of them for so many hours."""
    return [round(30 + 3 * ((i // length * 7) % 5) / 5 + 0.2 * (i // length % 3), 2) for i in range(number)]


async def begin(world: World, days: int = 30, length: int = 5, outlet: UUID = W1) -> None:
    """Two firms' outlets are known, and one has a history up to the eighth hour of the day before the clock."""
    for firm in ("E1", "E2"):
        await world.ingest.register(make_outlet("W1", firm))
    await read(world, steps(days * 24, length), outlet=outlet)
    world.clock.set(at(days * 24))


async def read(world: World, values: Sequence[float], first: int = 0, outlet: UUID = W1) -> None:
    await world.ingest.accept(outlet, HOUR_MEAN, hours(values, first))
    await world.catch_up()


async def learn(world: World, now: datetime | None = None) -> None:
    await world.run_job("learn_thresholds", now)


async def shown(world: World, which: UUID = CONST) -> ThresholdDetail:
    return await world.as_(Role.OFFICER).get_threshold(which)


async def refusal(call: Any) -> tuple[int, str]:
    with pytest.raises(ServiceCallError) as refused:
        await call
    return refused.value.status, refused.value.code


def made(**fields: Any) -> ThresholdIn:
    given = {"outlet_id": W1, "factor": COD, "kind": HOUR_MEAN, "rule": "CONST", "numbers": {"min_hours": 20.0},
             "reason": "老式分析仪每五小时出数", **fields}  # fmt: skip
    return ThresholdIn.model_validate(given)


async def judge(world: World, verdict: str) -> None:
    """What people found of every anomaly."""
    async with world.app.state.db.transaction() as session:
        await session.execute(
            text(
                "insert into labels select id, id, no, enterprise_id, outlet_id, rule, :verdict, false, until"
                " from anomalies on conflict (anomaly_id) do update set verdict = :verdict"
            ),
            {"verdict": verdict},
        )


# -- learning ------------------------------------------------------------------------------------------


async def test_an_outlet_learns_what_it_is_like_and_the_number_holds_from_the_next_day_on(world: World):
    await begin(world)
    await learn(world)
    one = await shown(world)

    assert (one.state, one.default, one.proposal, one.version) == (
        ThresholdState.LEARNT, {"min_hours": 6}, None, 1,
    )  # fmt: skip
    (version,) = one.versions
    midnight = at(30 * 24) + MIDNIGHT
    assert (version.state, version.origin, version.numbers) == (
        VersionState.COMING, ThresholdOrigin.LEARNT, {"min_hours": 10},
    )  # fmt: skip
    assert (version.valid_from, version.made.subject, one.numbers) == (midnight, "system", {"min_hours": 6})
    basis = version.basis
    assert basis is not None
    assert (basis.until, basis.days, basis.readings, basis.excluded) == (midnight - timedelta(days=1), 29, 712, 0)
    assert [(number.parameter, number.observed, number.low, number.high) for number in basis.numbers] == [
        ("min_hours", 5, 6, 24),
    ]  # fmt: skip

    world.clock.set(midnight)
    assert (await shown(world)).numbers == {"min_hours": 10}
    await read(world, [*steps(16, 5), *[33.3] * 9, *steps(7, 5), *[44.4] * 11, *steps(3, 5)], 30 * 24)
    (constant,) = await world.anomalies(rule="CONST")
    assert (constant.started_at, constant.points) == (at(30 * 24 + 32), 11)


async def test_learning_twice_for_a_day_and_day_after_day_writes_one_version(world: World):
    await begin(world)
    for days in range(4):
        await read(world, steps(24, 5), (30 + days) * 24)
        await learn(world, at((31 + days) * 24))
        await learn(world, at((31 + days) * 24 + 1))

    assert [one.number for one in (await shown(world)).versions] == [1]
    assert await world.rows("select count(*) from audit_entry") == [(1,)]


async def test_what_somebody_doubts_teaches_nothing_and_what_was_a_false_alarm_does(world: World):
    """Runs of eight hours are anomalies: a cheat that holds its values teaches only what people call false."""
    await begin(world, length=8)
    assert len(await world.anomalies(rule="CONST")) > 0
    for verdict in ("undetermined", "confirmed", "explained"):
        await judge(world, verdict)
        await learn(world, world.clock.now() + timedelta(days=1))
        assert (await world.as_(Role.OFFICER).list_thresholds()).items == []

    await judge(world, "false_alarm")
    await learn(world, world.clock.now() + timedelta(days=1))
    one = await shown(world)
    assert (one.state, one.proposal, one.numbers) == (ThresholdState.PROPOSED, {"min_hours": 16}, {"min_hours": 6})


async def test_hits_that_were_kept_quiet_teach_nothing_either(world: World):
    await begin(world, length=8)
    await judge(world, "false_alarm")
    async with world.app.state.db.transaction() as session:
        await session.execute(text("update hits set suppressed_by = id"))
    await learn(world)

    assert (await world.as_(Role.OFFICER).list_thresholds()).items == []


@pytest.mark.parametrize("days", [3, 15])
async def test_a_young_outlet_keeps_the_default(world: World, days: int):
    await begin(world, days=days)
    await learn(world)

    assert (await world.as_(Role.OFFICER).list_thresholds()).items == []


async def test_a_service_that_lags_behind_learns_nothing_yet(world: World):
    await begin(world)
    await world.ingest.accept(W1, HOUR_MEAN, hours(steps(4, 5), 30 * 24), when=at(30 * 24))
    await learn(world, at(31 * 24))
    assert await world.rows("select count(*) from thresholds") == [(0,)]

    await world.catch_up()
    await learn(world, at(31 * 24))
    assert await world.rows("select count(*) from thresholds") == [(1,)]


async def test_a_leader_that_was_paused_writes_nothing_for_a_day_that_another_has_learnt(world: World):
    await begin(world)
    book, now = load_rulebook(), world.clock.now()
    slot = at(29 * 24) + MIDNIGHT
    async with world.app.state.db.transaction() as session:
        (outlet,) = [one for one in await learning.due_outlets(session, slot, None) if one.id == W1]
        lesson = await learning.prepare(session, book, outlet, slot)
    history = await Readings(world.ingest_client).history(W1, lesson.kinds, lesson.since, lesson.until, 10_000)
    taught = learning.learn(book, lesson, history)
    for _ in range(2):
        async with world.app.state.db.transaction() as session:
            await learning.keep(session, book, lesson, taught, now)
    async with world.app.state.db.transaction() as session:
        due = [one.id for one in await learning.due_outlets(session, slot, None)]

    assert (W1 in due, W2 in due) == (False, True)
    assert await world.rows("select number from threshold_versions") == [(1,)]
    assert await world.rows("select count(*) from audit_entry") == [(1,)]


async def test_timelines_are_read_again_only_when_thresholds_have_changed(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    await begin(world, days=1)
    await hold(world, at(24), 12.0)
    asked: list[list[UUID]] = []
    accepted = ThresholdStore.accepted

    async def counted(store: ThresholdStore, outlet_ids: Sequence[UUID]) -> Any:
        asked.append(list(outlet_ids))
        return await accepted(store, outlet_ids)

    monkeypatch.setattr(ThresholdStore, "accepted", counted)
    timelines, rules = Timelines(), load_rulebook().policy.rules
    async with world.app.state.db.transaction() as session:
        for count_ in (2, 2, 3):
            await timelines.load(session, rules, {W1: count_, W2: 0})

    assert asked == [[W1], [W1]]
    assert timelines.of(SeriesId(W1, COD, HOUR_MEAN)).starts == ((at(24) + MIDNIGHT).timestamp(),)
    assert timelines.of(SeriesId(W2, COD, HOUR_MEAN)).starts == ()


async def test_each_page_of_outlets_is_learnt_and_one_that_cannot_be_read_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(learning, "OUTLETS_A_PAGE", 1)
    await begin(world)
    await read(world, steps(30 * 24, 5), outlet=W2)
    world.ingest.most = 0
    await learn(world)
    assert await world.rows("select count(*) from thresholds") == [(0,)]

    world.ingest.most = 500_000
    await learn(world)
    assert {row[0] for row in await world.rows("select outlet_id from thresholds")} == {W1, W2}


async def test_frozen_numbers_stay_until_they_are_released(world: World):
    await begin(world)
    await learn(world)
    lead = world.as_(Role.SUPERVISOR_LEAD)
    frozen = await world.as_(Role.SUPERVISOR).decide_threshold(CONST, ThresholdEvent.FREEZE, 1, "已核实")
    await read(world, steps(95 * 24, 4), 30 * 24)
    await learn(world, at(125 * 24))
    assert (frozen.state, [one.number for one in (await shown(world)).versions]) == (ThresholdState.FROZEN, [1])

    await lead.decide_threshold(CONST, ThresholdEvent.RELEASE, 2, "重新学习")
    await read(world, steps(24, 4), 125 * 24)
    await learn(world, at(126 * 24))
    one = await shown(world)
    assert [(version.number, version.numbers) for version in one.versions] == [
        (2, {"min_hours": 8}), (1, {"min_hours": 10}),
    ]  # fmt: skip
    assert (one.state, one.held_reason) == (ThresholdState.LEARNT, "重新学习")


# -- the same anomalies however history is read ------------------------------------------------------------


async def test_history_read_in_other_pieces_and_after_ends_before_a_commit_is_the_same(make_world: MakeWorld):
    """A version begins within an event, another one while a value has stood still for some hours."""
    stories = []
    for limit, crashes in ((1, frozenset[int]()), (3, frozenset({1, 3})), (40, frozenset({1}))):
        world = await make_world()
        await world.ingest.register(make_outlet())
        await world.catch_up()
        world.clock.set(at(0))
        for hour, wanted in ((0, 12.0), (24, 7.0)):
            await hold(world, at(hour), wanted)
        values = [*steps(10, 1), *[33.3] * 9, *steps(5, 1), *[35.5] * 9, *steps(3, 1), *[37.7] * 8, *steps(20, 1)]
        for first in range(0, len(values), 21):
            await world.ingest.accept(W1, HOUR_MEAN, hours(values[first : first + 21], first))
        await world.catch_up(limit, crash_at=crashes)
        hits = await world.rows("select id, started_at, until, points from hits order by started_at, id")
        stories.append((hits, [(one.id, one.no, one.points) for one in await world.anomalies()]))

    assert stories[0] == stories[1] == stories[2]
    lines = [line_of(values, await timeline_of(world))]
    told = find_hits_of_outlet(load_rulebook().rules, lines)
    assert {(hit.id, hit.started_at) for hit in told} == {(row[0], row[1]) for row in stories[0][0]}
    # Nine hours from 10 on: found by the rule's six before 16, and goes on. Nine from 24: under twelve. Eight from 36:
    # seven from 40 on.
    assert [(row[1], row[3]) for row in stories[0][0]] == [(at(10), 9), (at(36), 8)]


async def test_a_backtest_meets_the_numbers_that_held_then(world: World):
    world.app.state.backtest_pool = ThreadPoolExecutor
    await world.ingest.register(make_outlet())
    await world.catch_up()
    await hold(world, at(0), 12.0)
    values = [*steps(4, 1), *[33.3] * 7, *steps(19, 1), *[35.5] * 9, *steps(21, 1), *[37.7] * 13, *steps(30, 1)]
    await read(world, values)
    world.clock.set(at(110))
    live = await world.anomalies(rule="CONST")
    asked = BacktestIn(change=RulesChange(off=["CONST"]), first_day=date(2026, 3, 1), last_day=date(2026, 3, 4))
    one = await world.as_(Role.OFFICER).start_backtest(asked)
    await world.run_job("run_backtests")
    result = (await world.as_(Role.OFFICER).get_backtest(one.id)).result

    assert result is not None
    found = {(one.anomaly_id, one.started_at, one.points) for one in result.differences}
    assert found == {(one.id, one.started_at, one.points) for one in live}
    assert sorted(item[2] for item in found) == [7, 13]


async def timeline_of(world: World) -> Timeline:
    """Numbers of the series' own, as live detection reads them."""
    timelines = Timelines()
    async with world.app.state.db.transaction() as session:
        await timelines.load(session, load_rulebook().policy.rules, {W1: 1})
    return timelines.of(SeriesId(W1, COD, HOUR_MEAN))


def line_of(values: Sequence[float], own: Timeline) -> Line:
    """The history of hours as a backtest takes it."""
    t = np.array([int(at(i).timestamp()) for i in range(len(values))], np.int64)
    flags, limits = np.full(len(t), ord("N"), np.uint8), np.tile([np.nan, 50.0], (len(t), 1))
    traits = traits_of(make_outlet(), COD, HOUR_MEAN)
    return Line(traits, SeriesKey(W1, COD, HOUR_MEAN, HOUR), Batch(t, np.array(values), flags, limits), own)


async def hold(world: World, now: datetime, wanted: float) -> None:
    """Own numbers for data from the next day on, put in force at a moment."""
    world.clock.set(now)
    supervisor = world.as_(Role.SUPERVISOR)
    known = await world.rows("select version from thresholds")
    proposal = ThresholdProposal(numbers={"min_hours": wanted}, reason="x")
    if known:
        one = await supervisor.propose_threshold(CONST, known[0][0], proposal)
    else:
        one = await supervisor.propose_first_threshold(made(numbers={"min_hours": wanted}))
    await world.as_(Role.OFFICER).decide_threshold(CONST, ThresholdEvent.ACCEPT, one.version)


async def test_a_number_that_the_rule_no_longer_takes_does_not_stop_detection(world: World):
    await begin(world, days=1)
    await hold(world, at(24), 12.0)
    async with world.app.state.db.transaction() as session:
        await session.execute(text("""update threshold_versions set numbers = '{"gone": 1, "min_hours": -5}'"""))
    await read(world, [*steps(30, 1), *[33.3] * 7, *steps(3, 1)], 24)

    assert [one.points for one in await world.anomalies(rule="CONST")] == [7]


# -- people --------------------------------------------------------------------------------------------

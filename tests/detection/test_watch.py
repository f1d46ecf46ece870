"""Events of ingest become anomalies with the right grade, each told once."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.detection import jobs
from services.detection.domain.rules import Setting
from services.detection.service.rulebook import Rulebook, load_rulebook
from shared.contracts.detection import AnomalyState, Nature, Severity
from shared.contracts.ingest import (
    ENTERPRISE_CHANGED,
    EnterpriseIn,
    EnterpriseOut,
    OutletFactor,
    ReadingKind,
    enterprise_uuid,
    outlet_uuid,
)
from tests.detection.conftest import (
    COD,
    LEAD,
    START,
    Rows,
    World,
    at,
    honest,
    hours,
    make_limit,
    make_outlet,
    minutes,
)

W1 = outlet_uuid("E1", "W1")
DAY, HOUR_MEAN, MINUTE = ReadingKind.DAY, ReadingKind.HOUR, ReadingKind.MINUTE


async def test_hours_over_the_limit_become_one_anomaly(world: World):
    await world.ingest.register(make_outlet())
    await world.ingest.accept(W1, HOUR_MEAN, hours([*honest(10), 61.0, 75.5, 58.0, *honest(3)]))
    await world.catch_up()

    (one,) = await world.anomalies()
    assert (one.rule, one.nature, one.severity, one.state) == ("EX-H", Nature.EXCEEDANCE, Severity.B, AnomalyState.OPEN)
    assert (one.no, one.kind, one.points, one.observed, one.reference, one.unit) == (
        "A-20260301-0001", HOUR_MEAN, 3, 75.5, 50, "mg/L",
    )  # fmt: skip
    assert (one.started_at, one.last_at, one.ended_at) == (at(10), at(12), at(13))
    assert one.explanation.code == "exceedance.above"
    assert await world.told() == [("opened", "EX-H", 1)]


async def test_the_feed_tells_what_happened_to_an_anomaly(world: World):
    await world.ingest.register(make_outlet())
    for first, values in ((0, [*honest(5), 60.0]), (6, [61.0]), (7, honest(2)), (9, honest(20))):
        await world.ingest.accept(W1, HOUR_MEAN, hours(values, first))
        await world.catch_up()

    assert await world.told() == [("opened", "EX-H", 1), ("updated", "EX-H", 2), ("closed", "EX-H", 3)]
    (one,) = await world.anomalies()
    assert (one.state, one.version, one.ended_at) == (AnomalyState.CLOSED, 3, at(7))


async def test_many_changes_in_one_transaction_are_told_once(world: World):
    await world.ingest.register(make_outlet())
    for first, values in ((0, [*honest(5), 60.0]), (6, [61.0]), (7, honest(2)), (9, honest(20))):
        await world.ingest.accept(W1, HOUR_MEAN, hours(values, first))
    await world.catch_up()

    assert await world.told() == [("opened", "EX-H", 1)]
    (one,) = await world.anomalies()
    assert (one.state, one.version, one.points) == (AnomalyState.CLOSED, 1, 2)


@pytest.mark.parametrize(
    ("factor", "rule", "kind", "severity"),
    [(COD, "EX-H", HOUR_MEAN, "B"), (LEAD, "EX-H", HOUR_MEAN, "A"), (COD, "EX-D", DAY, "A"), (LEAD, "EX-D", DAY, "A")],
)
async def test_a_hazardous_factor_and_a_day_mean_are_grave(
    world: World, factor: str, rule: str, kind: ReadingKind, severity: str
):
    averaging = DAY if kind is DAY else HOUR_MEAN
    limits = [make_limit(W1, factor, 1.0, averaging=averaging)]
    await world.ingest.register(make_outlet(factors=[OutletFactor(factor=factor)], limits=limits))
    step = 24 if kind is DAY else 1
    rows: Rows = [(at(-8 + step * i), {factor: value}) for i, value in enumerate([0.5, 0.6, 1.2, 0.7])]
    await world.ingest.accept(W1, kind, rows, when=at(200))
    await world.catch_up()

    assert [(one.rule, one.severity) for one in await world.anomalies()] == [(rule, severity)]


async def test_each_value_is_held_against_the_limit_of_its_own_time(world: World):
    limits = [
        make_limit(W1, upper=35.0, valid_from=at(20)),
        make_limit(W1, upper=50.0, valid_to=at(20)),
        make_limit(W1, upper=1.0, averaging=DAY),
        make_limit(W1, LEAD, 0.1),
    ]
    await world.ingest.register(make_outlet(limits=limits))
    values = honest(40)
    values[10] = values[19] = values[20] = values[30] = 45.0
    await world.ingest.accept(W1, HOUR_MEAN, hours(values))
    await world.catch_up()

    assert [(one.rule, one.started_at, one.points, one.reference) for one in await world.anomalies(rule="EX-H")] == [
        ("EX-H", at(20), 1, 35), ("EX-H", at(30), 1, 35),
    ]  # fmt: skip


async def test_a_new_version_of_an_outlet_counts_from_its_event_on(world: World):
    await world.ingest.register(make_outlet())
    await world.ingest.accept(W1, HOUR_MEAN, hours([*honest(5), 45.0, *honest(2)]))
    await world.ingest.register(make_outlet(version=2, limits=[make_limit(W1, upper=40.0)]))
    await world.ingest.accept(W1, HOUR_MEAN, hours([45.0, *honest(2)], 8))
    await world.ingest.register(make_outlet(version=1))
    await world.ingest.accept(W1, HOUR_MEAN, hours([45.0, *honest(2)], 20))
    await world.catch_up()

    assert [(one.started_at, one.reference) for one in await world.anomalies(rule="EX-H")] == [
        (at(8), 40),
        (at(20), 40),
    ]


async def test_minutes_are_judged_by_the_hour_only_without_hour_means(world: World):
    await world.ingest.register(make_outlet("W1"))
    await world.ingest.register(make_outlet("W2"))
    w2 = outlet_uuid("E1", "W2")
    for hour in range(8):
        base = 60.0 if hour == 6 else 30.0
        rows = minutes(honest(60, base), hour)
        await world.ingest.accept(W1, MINUTE, rows)
        await world.ingest.accept(w2, MINUTE, rows)
        await world.ingest.accept(w2, HOUR_MEAN, hours([sum(honest(60, base)) / 60], hour))
    await world.catch_up()

    found = [(one.outlet_id, one.kind, one.started_at, one.points) for one in await world.anomalies(rule="EX-H")]
    assert sorted(found, key=str) == sorted([(W1, MINUTE, at(6), 1), (w2, HOUR_MEAN, at(6), 1)], key=str)


async def test_an_exceedance_by_minutes_ends_when_hour_means_begin_to_come(world: World):
    await world.ingest.register(make_outlet())
    for hour in range(6):
        await world.ingest.accept(W1, MINUTE, minutes(honest(60, 60.0 if hour > 3 else 30.0), hour))
    await world.ingest.accept(W1, MINUTE, minutes(honest(1, 60.0), 6))
    await world.catch_up()
    assert [one.ended_at for one in await world.anomalies(rule="EX-H")] == [None]

    await world.ingest.accept(W1, HOUR_MEAN, hours([31.0], 6))
    await world.ingest.accept(W1, MINUTE, minutes(honest(59, 31.0), 6 + 1 / 60))
    await world.ingest.accept(W1, HOUR_MEAN, hours(honest(20), 7))
    await world.catch_up()
    (one,) = await world.anomalies(rule="EX-H")
    assert (one.started_at, one.ended_at, one.state) == (at(4), at(6), AnomalyState.CLOSED)


# --- late and repeated


async def test_hours_that_come_late_are_judged_and_told_once(world: World):
    await world.ingest.register(make_outlet())
    await world.ingest.accept(W1, HOUR_MEAN, hours(honest(10)))
    await world.ingest.accept(W1, HOUR_MEAN, hours(honest(5), 20))
    late = hours([31.0, 70.0, 32.0], 14)
    await world.ingest.accept(W1, HOUR_MEAN, late, when=at(26))
    await world.catch_up()
    for _ in range(2):  # another factor of the same hours names them again
        await world.ingest.accept(W1, HOUR_MEAN, [(moment, {LEAD: 0.01}) for moment, _ in late], when=at(27))
        await world.catch_up(1)

    (one,) = await world.anomalies(rule="EX-H")
    assert (one.started_at, one.ended_at, one.points, one.observed, one.version) == (at(15), at(16), 1, 70, 1)
    assert await world.rows("select started_at, points from hits where rule = 'EX-H'") == [(at(15), 1)]


async def test_hours_told_in_order_are_not_told_again_when_sent_again(world: World):
    await world.ingest.register(make_outlet())
    story = hours([*honest(5), 60.0, 61.0, *honest(5), 70.0, 71.0, *honest(5)])
    await world.ingest.accept(W1, HOUR_MEAN, story)
    await world.catch_up()
    before = await world.anomalies()
    await world.ingest.accept(W1, HOUR_MEAN, story)
    await world.catch_up()

    assert [(one.started_at, one.points) for one in before if one.rule == "EX-H"] == [(at(5), 4)]
    assert await world.anomalies() == before


async def test_a_correction_over_the_limit_is_found(world: World):
    await world.ingest.register(make_outlet())
    await world.ingest.accept(W1, HOUR_MEAN, hours(honest(10)))
    await world.catch_up()
    await world.ingest.accept(W1, HOUR_MEAN, hours([80.0], 9), when=at(11))
    await world.catch_up()
    await world.ingest.accept(W1, HOUR_MEAN, hours([81.0], 4), when=at(12))
    await world.catch_up()

    (one,) = await world.anomalies(rule="EX-H")
    assert (one.started_at, one.ended_at, one.points, one.observed) == (at(4), at(10), 2, 81)


async def test_a_late_hit_before_the_first_keeps_number_and_identity(world: World):
    await world.ingest.register(make_outlet())
    await world.ingest.accept(W1, HOUR_MEAN, hours([*honest(18), 60.0, 31.0], -2))
    await world.catch_up()
    (before,) = await world.anomalies(rule="EX-H")
    await world.ingest.accept(W1, HOUR_MEAN, hours([66.0], 12), when=at(20))
    await world.catch_up()

    (after,) = await world.anomalies(rule="EX-H")
    assert (before.no, before.started_at) == ("A-20260302-0001", at(16))
    assert (after.no, after.id, after.started_at, after.points) == (before.no, before.id, at(12), 2)


async def test_marked_values_are_not_judged(world: World):
    await world.ingest.register(make_outlet())
    await world.ingest.accept(W1, HOUR_MEAN, hours(honest(5)))
    await world.ingest.accept(W1, HOUR_MEAN, hours([90.0, 90.0], 5), flag="M")
    await world.ingest.accept(W1, HOUR_MEAN, hours(honest(5), 7))
    await world.catch_up()

    assert await world.anomalies() == []


# --- what cannot be looked at


async def test_readings_ahead_of_their_arrival_do_not_blind_a_series(world: World):
    await world.ingest.register(make_outlet())
    await world.ingest.accept(W1, HOUR_MEAN, hours(honest(5)))
    await world.ingest.accept(W1, HOUR_MEAN, [(at(4.5), {COD: 30.3}), (at(23), {COD: 99.0})], when=at(6))
    await world.ingest.accept(W1, HOUR_MEAN, hours([31.0, 60.0, 31.5], 5))
    await world.catch_up()

    assert [(one.rule, one.started_at) for one in await world.anomalies()] == [("EX-H", at(6))]
    assert await world.rows("select last_at, late from series") == [(at(7), 0)]


async def test_readings_of_an_outlet_nobody_told_of_stop_nothing(world: World):
    unknown = UUID(int=7)
    await world.ingest.register(make_outlet())
    await world.ingest.accept_many([
        (unknown, HOUR_MEAN, hours([99.0])), (W1, HOUR_MEAN, hours([*honest(3), 60.0, 31.0])),
    ])  # fmt: skip
    await world.catch_up()

    assert [(one.rule, one.outlet_id) for one in await world.anomalies()] == [("EX-H", W1)]
    assert await world.rows("select outlet_id from series") == [(W1,)]
    assert await world.rows("select * from feed_parked") == []


async def test_answers_that_would_be_too_large_are_asked_for_in_parts(world: World):
    world.ingest.most = 7
    codes = [f"W{i}" for i in range(5)]
    for code in codes:
        await world.ingest.register(make_outlet(code))
    values = [*honest(18), 60.0, 31.0]
    await world.ingest.accept_many([(outlet_uuid("E1", code), HOUR_MEAN, hours(values)) for code in codes])
    await world.catch_up()

    assert [(one.started_at, one.points) for one in await world.anomalies(rule="EX-H")] == [(at(18), 1)] * 5
    assert len(world.ingest.asked) > 5


async def test_far_apart_times_do_not_fetch_what_lies_between(world: World):
    await world.ingest.register(make_outlet())
    await world.ingest.register(make_outlet("W2"))
    rows = [*hours([30.0], -20_000), *hours([31.0], 0)]
    await world.ingest.accept_many([(W1, HOUR_MEAN, rows), (outlet_uuid("E1", "W2"), HOUR_MEAN, rows)])
    await world.catch_up()

    spans = [(number, until - since) for number, _, since, until in world.ingest.asked]
    assert spans == [(2, timedelta(hours=2) - timedelta(seconds=1))] * 2
    assert await world.rows("select late, last_at from series") == [(0, at(0))] * 2


async def test_an_outlet_that_begins_with_old_readings_is_loaded_by_its_own_past(world: World):
    """Thirty days back from a late hit, however long ago, so that it joins what is there."""
    await world.ingest.register(make_outlet())
    await world.ingest.accept(W1, HOUR_MEAN, hours([*honest(5), 60.0, *honest(5)], -3000))
    await world.ingest.accept(W1, HOUR_MEAN, hours(honest(5)))
    await world.catch_up(1)
    await world.ingest.accept(W1, HOUR_MEAN, hours([66.0], -2993), when=at(6))
    await world.catch_up()

    (one,) = await world.anomalies(rule="EX-H")
    assert (one.started_at, one.ended_at, one.points, one.observed) == (at(-2995), at(-2992), 2, 66)


async def test_a_state_of_another_set_of_checks_begins_anew_and_holds_nothing_up(world: World):
    await world.ingest.register(make_outlet())
    await world.ingest.accept(W1, HOUR_MEAN, hours(honest(10)))
    await world.catch_up()
    async with world.app.state.db.transaction() as session:
        await session.execute(text("update series set state = '\\x0011'"))
    await world.ingest.accept(W1, HOUR_MEAN, hours([61.0, 62.0, *honest(3)], 10))
    await world.catch_up()

    (one,) = await world.anomalies()
    assert (one.rule, one.points, one.started_at) == ("EX-H", 2, at(10))
    async with world.app.state.db.transaction() as session:
        assert (await session.execute(text("select count(*) from feed_parked"))).scalar_one() == 0


async def test_a_trade_has_numbers_of_its_own(world: World, monkeypatch: pytest.MonkeyPatch):
    book = load_rulebook()
    lenient = Setting({"high": 100.0}, trades=frozenset({"cement"}))
    rules = [replace(rule, settings=(*rule.settings, lenient)) if rule.code == "RANGE" else rule for rule in book.rules]

    async def given(_session: AsyncSession) -> Rulebook:
        return Rulebook(tuple(rules), book.explanations)

    monkeypatch.setattr(jobs, "rulebook_of", given)
    for code, trade in (("E1", "paper"), ("E2", "cement")):
        firm = EnterpriseIn(code=code, name_zh=code, trade=trade)
        told = EnterpriseOut(**firm.model_dump(), id=enterprise_uuid(code), version=1, changed_at=START)
        await world.ingest.tell(ENTERPRISE_CHANGED, code, told.model_dump(mode="json"), START)
        outlet = await world.ingest.register(make_outlet("W1", code, limits=[]))
        await world.ingest.accept(outlet, HOUR_MEAN, hours([*honest(10), 120.0, *honest(3)]))
    await world.catch_up(limit=1)

    (one,) = await world.anomalies(rule="RANGE")
    assert (one.enterprise_id, one.observed, one.reference) == (enterprise_uuid("E2"), 120.0, 100.0)


@pytest.mark.parametrize(("place", "severity"), [("", Severity.B), ("CN-35", Severity.C), ("CN", Severity.B)])
async def test_an_hour_that_does_not_count_where_the_park_lies_is_a_warning(
    world: World, place: str, severity: Severity
):
    object.__setattr__(world.app.state.settings, "jurisdiction", place)
    await world.ingest.register(make_outlet())
    await world.ingest.accept(W1, HOUR_MEAN, hours([*honest(10), 61.0, 75.5, *honest(3)]))
    await world.catch_up()

    (one,) = await world.anomalies(rule="EX-H")
    assert (one.severity, one.nature) == (severity, Nature.EXCEEDANCE)

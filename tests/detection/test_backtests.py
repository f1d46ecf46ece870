"""Backtests over the API: what they find, rights, bounds; and what becomes of a run that is killed or cancelled."""

import asyncio
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.detection.domain.backtests.bounds import bounds
from services.detection.domain.backtests.life import ENDED, ROWS, IllegalBacktestEventError, find_row, move
from services.detection.gateways import Readings
from services.detection.service.backtest_runs import BacktestRunner, process_pool
from services.detection.service.proposals import finish_retuning
from services.detection.store.labels import Label, LabelStore
from shared.audit import verify
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.detection.backtests import BacktestEvent, BacktestIn, BacktestOut, BacktestState, RulesChange
from shared.contracts.detection.quality import Verdict
from shared.contracts.ingest import ReadingKind, enterprise_uuid, outlet_uuid
from shared.errors import ForbiddenError
from tests.detection.conftest import World, at, honest, hours, make_outlet

HOUR_MEAN = ReadingKind.HOUR
W1, W2 = outlet_uuid("E1", "W1"), outlet_uuid("E2", "W1")
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 10)
LONGER = {"CONST": {"min_hours": 9}}


def asked(**fields: Any) -> BacktestIn:
    given: dict[str, Any] = {"change": RulesChange(overrides=LONGER), "first_day": FIRST, "last_day": LAST, **fields}
    return BacktestIn(**given)


def threads(workers: int) -> Executor:
    return ThreadPoolExecutor(workers)


async def story(world: World) -> None:
    """Two firms: one with a constant run of 7 h and one of 12 h, the other with three hours above the limit."""
    world.app.state.backtest_pool = threads
    world.clock.set(at(250))
    for firm in ("E1", "E2"):
        await world.ingest.register(make_outlet("W1", firm))
    one, two = honest(240), honest(240)
    one[20:27], one[100:112] = [31.5] * 7, [33.1] * 12
    two[50:53] = [61.0, 62.0, 63.0]
    await world.ingest.accept(W1, HOUR_MEAN, hours(one))
    await world.ingest.accept(W2, HOUR_MEAN, hours(two))
    await world.catch_up()


async def label(world: World, anomaly_id: UUID, verdict: Verdict, rule: str = "CONST") -> None:
    async with world.app.state.db.transaction() as session:
        await LabelStore(session).save(
            [Label(anomaly_id, uuid4(), "WX-1", enterprise_uuid("E1"), W1, rule, verdict.value, False, at(240))]
        )


async def done(world: World, one: BacktestOut) -> BacktestOut:
    await world.run_job("run_backtests")
    return await world.as_(Role.AUDITOR).get_backtest(one.id)


async def refusal(call: Any) -> tuple[int, str]:
    with pytest.raises(ServiceCallError) as refused:
        await call
    return refused.value.status, refused.value.code


# -- what it finds -------------------------------------------------------------------------------------


async def test_what_would_no_longer_fire_with_labels_and_links(world: World) -> None:
    await story(world)
    short, long = await world.anomalies(rule="CONST")
    await label(world, short.id, Verdict.FALSE_ALARM)
    await label(world, long.id, Verdict.CONFIRMED)
    one = await world.as_(Role.SUPERVISOR).start_backtest(asked(note="较长"))
    assert (one.no, one.state, one.rules, one.may_cancel) == ("B-2026-0001", BacktestState.QUEUED, ["CONST"], True)

    one = await done(world, one)
    assert (one.state, one.done, one.total, one.asked_by, one.may_cancel) == ("done", 2, 2, "supervisor", False)
    assert one.result is not None
    (const,) = one.result.rules
    assert (const.same, const.gone, const.new) == (1, 1, 0)
    assert (const.before.episodes, const.before.precision, const.after.precision) == (2, 0.5, 1.0)
    assert const.before.low == pytest.approx(0.0945, abs=1e-3)
    assert const.before.burden == pytest.approx(2 * 30 / 20, rel=0.15)
    (gone,) = one.result.differences
    assert (gone.kind, gone.anomaly_id, gone.anomaly_no, gone.verdict) == ("gone", short.id, short.no, "false_alarm")
    assert (one.result.outlets, one.result.series) == (2, 2)


async def test_live_anomalies_of_a_replay_are_those_of_the_backtest(world: World) -> None:
    """The whole story, every rule: whatever began in the window is found again, to the moment and the hit."""
    await story(world)
    live = await world.anomalies()
    assert {one.rule for one in live} >= {"CONST", "EX-H"}
    codes = sorted({one.rule for one in live})
    one = await done(world, await world.as_(Role.OFFICER).start_backtest(asked(change=RulesChange(off=codes))))

    assert one.result is not None
    found = {(d.anomaly_id, d.rule, d.started_at, d.until, d.points) for d in one.result.differences}
    assert found == {(a.id, a.rule, a.started_at, a.ended_at or a.last_at + timedelta(hours=1), a.points) for a in live}
    assert all(rule.after.episodes == 0 for rule in one.result.rules)


async def test_scope_and_span_select(world: World) -> None:
    await story(world)
    officer = world.as_(Role.OFFICER)
    change = RulesChange(off=["EX-H"])
    cases: list[tuple[dict[str, Any], int, int]] = [
        ({}, 2, 1), ({"outlet_id": W1}, 1, 0), ({"enterprise_id": enterprise_uuid("E2")}, 1, 1),
        ({"last_day": date(2026, 3, 2)}, 2, 0), ({"first_day": date(2026, 3, 4)}, 2, 0),
    ]  # fmt: skip
    for fields, outlets, episodes in cases:
        one = await done(world, await officer.start_backtest(asked(change=change, **fields)))
        assert one.result is not None
        found = (one.result.outlets, one.result.rules[0].before.episodes)
        assert found == (outlets, episodes), fields


async def test_two_at_once_run_one_after_the_other_and_the_same_again_is_the_same(world: World) -> None:
    await story(world)
    client = world.as_(Role.SUPERVISOR)
    twice = await asyncio.gather(client.start_backtest(asked()), client.start_backtest(asked()))
    first, second = twice[0], await client.start_backtest(asked(outlet_id=W1))
    assert twice[0].id == twice[1].id
    await world.run_job("run_backtests")

    states = {one.no: (one.state, one.result) for one in (await client.list_backtests()).items}
    assert states == {first.no: ("done", None), second.no: ("done", None)}
    assert (await client.start_backtest(asked())).id not in {first.id, second.id}
    assert await world.rows("select distinct attempts from backtests where state = 'done'") == [(1,)]


# -- what stops it -------------------------------------------------------------------------------------


async def test_a_killed_run_is_taken_up_again_and_given_up_after_some_attempts(world: World) -> None:
    await story(world)
    one = await world.as_(Role.SUPERVISOR).start_backtest(asked())
    for attempt in range(1, bounds().most_attempts):
        await world.rows_written(f"update backtests set state = 'running', attempts = {attempt}, done = 1")
        again = await done(world, one)
        assert (again.state, again.done) == ("done", 2)
        assert await world.rows("select attempts from backtests") == [(attempt + 1,)]
        await world.rows_written("update backtests set result = null")
    await world.rows_written("update backtests set state = 'running', attempts = 3")
    lost = await done(world, one)

    assert (lost.state, lost.reason, lost.result) == ("failed", "interrupted", None)
    assert lost.finished_at is not None


async def test_ingest_away_leaves_it_for_the_next_look(world: World) -> None:
    await story(world)
    one = await world.as_(Role.SUPERVISOR).start_backtest(asked())
    failing = BacktestRunner(world.app.state.db, world.clock, _Away(world.ingest_client), finish_retuning, threads)
    await failing.run_waiting()
    assert (await world.as_(Role.SUPERVISOR).get_backtest(one.id)).state is BacktestState.RUNNING

    assert (await done(world, one)).state is BacktestState.DONE


class _Away(Readings):
    async def history(self, *_args: Any, **_options: Any) -> Any:
        raise ServiceCallError("ingest", 503, "upstream_unreachable", "ingest does not answer")


class _Cancelling(Readings):
    """Somebody else does something while the first outlet is read."""

    doing: Any = None

    async def history(self, *args: Any, **options: Any) -> Any:
        if self.doing is not None:
            doing, self.doing = self.doing, None
            await doing
        return await super().history(*args, **options)


async def test_a_cancelled_run_stops_and_leaves_nothing(world: World) -> None:
    await story(world)
    client = world.as_(Role.SUPERVISOR)
    one = await client.start_backtest(asked())
    readings = _Cancelling(world.ingest_client)
    readings.doing = client.cancel_backtest(one.id)
    await BacktestRunner(world.app.state.db, world.clock, readings, finish_retuning, threads).run_waiting()

    now = await client.get_backtest(one.id)
    assert (now.state, now.result, now.may_cancel) == (BacktestState.CANCELLED, None, False)
    assert await refusal(client.cancel_backtest(one.id)) == (409, "illegal_transition")
    async with world.app.state.db.transaction() as session:
        assert (await verify(session)).broken_at is None
    actions = await world.rows("select action from audit_entry order by id")
    assert actions == [("backtest.asked",), ("backtest.cancel",)]


async def test_a_run_that_was_taken_over_writes_nothing(world: World) -> None:
    await story(world)
    one = await world.as_(Role.SUPERVISOR).start_backtest(asked(outlet_id=W1))
    readings = _Cancelling(world.ingest_client)
    readings.doing = world.rows_written("update backtests set attempts = 2")
    await BacktestRunner(world.app.state.db, world.clock, readings, finish_retuning, threads).run_waiting()

    assert (await world.as_(Role.SUPERVISOR).get_backtest(one.id)).state is BacktestState.RUNNING


async def test_it_runs_in_processes(world: World) -> None:
    await story(world)
    world.app.state.backtest_pool = process_pool
    one = await done(world, await world.as_(Role.ADMIN).start_backtest(asked()))

    assert one.result is not None
    assert one.result.rules[0].gone == 1


# -- refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"last_day": date(2026, 2, 1)}, "last_day"),
        ({"last_day": date(2027, 1, 1)}, "last_day"),
        ({"first_day": date(2024, 1, 1)}, "last_day"),
        ({"outlet_id": uuid4()}, "outlet_id"),
        ({"enterprise_id": uuid4()}, "enterprise_id"),
    ],
)
async def test_a_bad_span_or_scope_is_refused_by_field(world: World, fields: dict[str, Any], field: str) -> None:
    await story(world)
    with pytest.raises(ServiceCallError) as refused:
        await world.as_(Role.SUPERVISOR).start_backtest(asked(**fields))

    assert refused.value.status == 422
    assert field in {error["where"] for error in refused.value.context["errors"]}


@pytest.mark.parametrize(
    ("change", "rule", "field"),
    [
        ({"overrides": {"CONST": {"min_hours": -1}}}, "CONST", "min_hours"),
        ({"overrides": {"CONST": {"none": 1}}}, "CONST", "none"),
        ({"overrides": {"NONE": {"min_hours": 1}}}, "NONE", "code"),
        ({"off": ["NONE"]}, "NONE", "code"),
        ({"settings": {"CONST": [{"values": {"min_hours": 3}}]}}, "CONST", "min_points"),
    ],
)
async def test_nonsense_numbers_are_refused_with_rule_and_field(
    world: World, change: dict[str, Any], rule: str, field: str
) -> None:
    await story(world)
    with pytest.raises(ServiceCallError) as refused:
        await world.as_(Role.SUPERVISOR).start_backtest(asked(change=RulesChange.model_validate(change)))

    assert (refused.value.status, refused.value.code) == (422, "bad_rule")
    assert (refused.value.context["rule"], refused.value.context["field"]) == (rule, field)


async def test_only_so_many_wait(world: World) -> None:
    await story(world)
    client = world.as_(Role.SUPERVISOR)
    for number in range(bounds().most_waiting):
        await client.start_backtest(asked(note=str(number)))

    assert await refusal(client.start_backtest(asked(note="x"))) == (429, "too_many_backtests")


async def test_staff_only_and_who_may_start(world: World) -> None:
    await story(world)
    one = await world.as_(Role.SUPERVISOR).start_backtest(asked())
    firm = world.as_(Role.ENTERPRISE, enterprise="E1")
    for call in (firm.list_backtests(), firm.get_backtest(one.id), firm.start_backtest(asked()),
                 firm.cancel_backtest(one.id)):  # fmt: skip
        assert await refusal(call) == (403, "forbidden")
    for role in (Role.AUDITOR, Role.SERVICE):
        assert [item.id for item in (await world.as_(role).list_backtests()).items] == [one.id]
        assert await refusal(world.as_(role).start_backtest(asked(note="y"))) == (403, "forbidden")
    for role in (Role.SUPERVISOR_LEAD, Role.OFFICER, Role.SECTION_HEAD, Role.ADMIN):
        assert await world.as_(role).start_backtest(asked())
    assert await refusal(world.as_(Role.OFFICER).get_backtest(uuid4())) == (404, "backtest_not_found")
    assert (await world.http("/v1/backtests")).status_code == 401


async def test_pages_hold_everything_once_and_filters_select(world: World) -> None:
    await story(world)
    client = world.as_(Role.SUPERVISOR)
    wanted = [(await client.start_backtest(asked(note=str(i)))).id for i in range(5)]
    other = await client.start_backtest(asked(change=RulesChange(off=["SPIKE"])))
    found, cursor = [], None
    while True:
        page = await client.list_backtests(cursor=cursor, limit=2, rule="CONST")
        found += [one.id for one in page.items]
        cursor = page.next
        if cursor is None:
            break

    assert found == wanted[::-1] or sorted(found) == sorted(wanted)
    assert [one.id for one in (await client.list_backtests(rule="SPIKE")).items] == [other.id]
    assert (await client.list_backtests(state=BacktestState.DONE)).items == []
    assert (await world.http("/v1/backtests?cursor=x", Role.SUPERVISOR)).status_code == 422


def test_the_table_of_its_life() -> None:
    for state in BacktestState:
        for event in BacktestEvent:
            row = find_row(state, event)
            if row is None:
                with pytest.raises(IllegalBacktestEventError):
                    move(state, event, tuple(Role))
            else:
                assert move(state, event, tuple(Role)) is row.target
        assert (state in ENDED) == (not any(state in row.sources for row in ROWS))
    with pytest.raises(ForbiddenError):
        move(BacktestState.QUEUED, BacktestEvent.CANCEL, (Role.AUDITOR,))

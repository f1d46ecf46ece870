"""Retuning: a rule that is seldom right, candidates tried by the clock, a proposal, and what people make of it."""

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.detection.domain.backtests.proposal import ROWS, find_row
from services.detection.store.labels import Label, LabelStore
from shared.audit import verify
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.detection.backtests import BacktestState
from shared.contracts.detection.proposals import ProposalEvent, ProposalOut, ProposalState
from shared.contracts.detection.quality import Verdict
from shared.contracts.ingest import ReadingKind, enterprise_uuid, outlet_uuid
from tests.detection.conftest import World, at, honest, hours, make_outlet
from tests.detection.test_backtests import threads

W1 = outlet_uuid("E1", "W1")
SHORT, LONG = 7, 20
"""Hours of constant runs: the rule's own number is 6."""


async def story(world: World, short: int = 11, long: int = 1) -> None:
    """Forty days with short constant runs that were false alarms, and a long one that was a finding."""
    world.app.state.backtest_pool = threads
    world.clock.set(at(1000))
    await world.ingest.register(make_outlet("W1", "E1"))
    values = honest(960)
    lengths = [SHORT] * short + [LONG] * long
    for number, length in enumerate(lengths):
        begin = 20 + 75 * number
        values[begin : begin + length] = [40.05 + number] * length
    await world.ingest.accept(W1, ReadingKind.HOUR, hours(values))
    await world.catch_up()
    for one in await world.anomalies(rule="CONST"):
        await label(world, one.id, Verdict.FALSE_ALARM if one.points <= SHORT + 1 else Verdict.CONFIRMED)


async def label(world: World, anomaly_id: Any, verdict: Verdict) -> None:
    row = Label(anomaly_id, uuid4(), "WX-1", enterprise_uuid("E1"), W1, "CONST", verdict.value, False, at(990))
    async with world.app.state.db.transaction() as session:
        await LabelStore(session).save([row])


async def proposed(world: World) -> ProposalOut:
    await world.run_job("propose_retuning")
    await world.run_job("run_backtests")
    (listed,) = (await world.as_(Role.AUDITOR).list_proposals()).items
    return await world.as_(Role.OFFICER).get_proposal(listed.id)


async def hours_of(world: World) -> float:
    rules = {rule.code: rule for rule in await world.as_(Role.SUPERVISOR).list_rules()}
    return float(rules["CONST"].parameters["settings"][0]["values"]["min_hours"])


async def refusal(call: Any) -> tuple[int, str]:
    with pytest.raises(ServiceCallError) as refused:
        await call
    return refused.value.status, refused.value.code


async def test_a_rule_seldom_right_gets_a_proposal_with_its_backtest(world: World) -> None:
    await story(world)
    quality = {one.rule: one for one in (await world.as_(Role.OFFICER).get_quality()).rules}
    assert quality["CONST"].retune
    one = await proposed(world)

    assert (one.no, one.rule, one.state, one.version) == ("P-2026-0001", "CONST", ProposalState.PROPOSED, 1)
    assert one.backtest is not None
    (outcome,) = one.backtest.rules
    assert (outcome.before.false_alarms, outcome.after.false_alarms) == (11, 0)
    assert (outcome.before.confirmed, outcome.after.confirmed) == (1, 1)
    assert outcome.after.precision == 1.0
    assert one.former[0].values["min_hours"] == 6
    assert one.settings[0].values["min_hours"] == 9
    assert len(one.tried) > 3
    test = await world.as_(Role.OFFICER).get_backtest(one.backtest_id)
    assert (test.retuning, test.asked_by, test.last_day - test.first_day) == (True, "system", timedelta(days=89))


async def test_it_is_looked_for_once(world: World) -> None:
    await story(world)
    await proposed(world)
    await world.run_job("propose_retuning")
    await world.run_job("run_backtests")

    assert len((await world.as_(Role.OFFICER).list_proposals()).items) == 1
    assert len((await world.as_(Role.OFFICER).list_backtests()).items) == 1


async def test_too_few_labels_or_nothing_better_give_no_proposal(world: World) -> None:
    await story(world, short=5, long=1)
    await world.run_job("propose_retuning")
    assert (await world.as_(Role.OFFICER).list_backtests()).items == []


async def test_nothing_better_is_kept_as_a_backtest_only(world: World) -> None:
    await story(world, short=0, long=12)
    for one in await world.anomalies(rule="CONST"):
        await label(world, one.id, Verdict.FALSE_ALARM)
    await world.rows_written("update labels set verdict = 'confirmed' where anomaly_id = (select min(anomaly_id::text)"
                             "::uuid from labels)")  # fmt: skip
    await world.run_job("propose_retuning")
    (asked,) = (await world.as_(Role.OFFICER).list_backtests()).items
    await world.rows_written("update labels set verdict = 'undetermined'")
    await world.run_job("run_backtests")

    assert (await world.as_(Role.OFFICER).get_backtest(asked.id)).state is BacktestState.DONE
    assert (await world.as_(Role.OFFICER).list_proposals()).items == []


async def test_accepted_numbers_hold_from_the_next_day_and_live_detection_uses_them(world: World) -> None:
    await story(world)
    one = await proposed(world)
    now = await world.as_(Role.OFFICER).decide_proposal(one.id, ProposalEvent.ACCEPT, one.version, "同意")
    # Hour 1000 of the story is midnight of 12 April in Beijing.
    assert (now.state, now.decision, now.valid_from, now.valid_to) == ("accepted", "同意", date(2026, 4, 13), None)
    assert await hours_of(world) == 6.0

    values = honest(140)
    values[10:18], values[80:88], values[100:112] = [41.11] * 8, [42.22] * 8, [43.33] * 12
    for hour in range(0, 140, 5):
        await world.ingest.accept(W1, ReadingKind.HOUR, hours(values[hour : hour + 5], 960 + hour))
    world.clock.set(at(1100))
    await world.catch_up()
    assert await hours_of(world) == 9.0
    fresh = [one.started_at for one in await world.anomalies(rule="CONST") if one.started_at >= at(960)]
    assert fresh == [at(970), at(1060)]


async def test_withdrawn_numbers_give_way_the_next_day(world: World) -> None:
    await story(world)
    one = await proposed(world)
    officer = world.as_(Role.OFFICER)
    one = await officer.decide_proposal(one.id, ProposalEvent.ACCEPT, one.version)
    world.clock.set(at(1100))
    assert await hours_of(world) == 9.0
    assert [item.event for item in (await officer.get_proposal(one.id)).allowed] == [ProposalEvent.WITHDRAW]
    assert await refusal(officer.decide_proposal(one.id, ProposalEvent.WITHDRAW, one.version, " ")) == (
        422, "invalid",
    )  # fmt: skip
    one = await officer.decide_proposal(one.id, ProposalEvent.WITHDRAW, one.version, "漏报")

    assert (one.state, one.end_reason, one.allowed) == (ProposalState.WITHDRAWN, "漏报", [])
    assert await hours_of(world) == 9.0
    world.clock.set(at(1124))
    assert await hours_of(world) == 6.0
    async with world.app.state.db.transaction() as session:
        assert (await verify(session)).broken_at is None
    actions = [row[0] for row in await world.rows("select action from audit_entry order by id")]
    assert actions == ["backtest.asked", "proposal.made", "backtest.finish", "proposal.accept", "proposal.withdraw"]


async def test_declined_with_a_reason_and_nothing_changes(world: World) -> None:
    await story(world)
    one = await proposed(world)
    head = world.as_(Role.SECTION_HEAD)
    assert await refusal(head.decide_proposal(one.id, ProposalEvent.DECLINE, one.version)) == (422, "invalid")
    assert await refusal(head.decide_proposal(one.id, ProposalEvent.WITHDRAW, one.version, "x")) == (
        409, "illegal_transition",
    )  # fmt: skip
    now = await head.decide_proposal(one.id, ProposalEvent.DECLINE, one.version, "样本太少")
    assert await refusal(head.decide_proposal(one.id, ProposalEvent.ACCEPT, one.version, "x")) == (
        412, "stale_version",
    )  # fmt: skip

    assert (now.state, now.decision, now.valid_from) == (ProposalState.DECLINED, "样本太少", None)
    assert await world.rows("select count(*) from rule_versions") == [(0,)]


async def test_a_proposal_of_a_rule_that_has_changed_since_is_blocked(world: World) -> None:
    await story(world)
    one = await proposed(world)
    await world.rows_written("update proposals set former = '[]'::jsonb")
    officer = world.as_(Role.OFFICER)

    allowed = {item.event: item.blocked for item in (await officer.get_proposal(one.id)).allowed}
    assert allowed == {ProposalEvent.ACCEPT: "rule_changed", ProposalEvent.DECLINE: None}
    assert await refusal(officer.decide_proposal(one.id, ProposalEvent.ACCEPT, one.version)) == (409, "blocked")


async def test_the_bureau_decides_and_staff_look(world: World) -> None:
    await story(world)
    one = await proposed(world)
    for role in (Role.SUPERVISOR, Role.SUPERVISOR_LEAD, Role.ADMIN, Role.AUDITOR):
        client = world.as_(role)
        assert (await client.get_proposal(one.id)).allowed == []
        assert await refusal(client.decide_proposal(one.id, ProposalEvent.ACCEPT, 1)) == (403, "forbidden")
    firm = world.as_(Role.ENTERPRISE, enterprise="E1")
    for call in (firm.list_proposals(), firm.get_proposal(one.id),
                 firm.decide_proposal(one.id, ProposalEvent.DECLINE, 1, "x")):  # fmt: skip
        assert await refusal(call) == (403, "forbidden")
    assert await refusal(world.as_(Role.OFFICER).get_proposal(uuid4())) == (404, "proposal_not_found")
    assert [item.id for item in (await world.as_(Role.OFFICER).list_proposals(rule="CONST")).items] == [one.id]
    assert (await world.as_(Role.OFFICER).list_proposals(state=ProposalState.DECLINED)).items == []
    assert (await world.http("/v1/proposals")).status_code == 401


async def test_a_version_that_no_longer_fits_its_rule_is_left_out(world: World) -> None:
    await story(world)
    one = await proposed(world)
    await world.as_(Role.OFFICER).decide_proposal(one.id, ProposalEvent.ACCEPT, one.version)
    await world.rows_written("""update rule_versions set settings = '[{"values": {"gone": 1}}]'::jsonb, id = id""")
    world.clock.set(at(1100))

    assert await hours_of(world) == 6.0


def test_every_state_and_event() -> None:
    expected = {(row.event, state) for row in ROWS for state in row.sources}
    assert {(event, state) for event in ProposalEvent for state in ProposalState if find_row(state, event)} == expected
    assert all(row.needs_reason for row in ROWS if row.event is not ProposalEvent.ACCEPT)

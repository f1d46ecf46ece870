"""Suppressions: four eyes, the table, rights; and which hits they keep quiet, however history is read."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from services.detection.domain.suppressing.table import ROWS
from shared.audit import verify
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.clients.detection import DetectionClient
from shared.contracts.detection import AnomalyState
from shared.contracts.detection.suppressions import (
    SuppressionEvent,
    SuppressionIn,
    SuppressionOut,
    SuppressionReason,
    SuppressionState,
)
from shared.contracts.ingest import ReadingKind, enterprise_uuid, outlet_uuid
from tests.detection.conftest import COD, LEAD, MakeWorld, World, at, honest, hours, make_limit, make_outlet

HOUR_MEAN = ReadingKind.HOUR
W1, W2 = outlet_uuid("E1", "W1"), outlet_uuid("E2", "W1")
BEFORE = at(-24)


def made(**fields: Any) -> SuppressionIn:
    given: dict[str, Any] = {"rule": "EX-H", "since": at(0), "until": at(15), "outlet_id": W1,
                             "reason_code": SuppressionReason.PLANNED_WORK, **fields}  # fmt: skip
    return SuppressionIn(**given)


async def begin(world: World) -> None:
    """Two firms' outlets are known, a day before their readings."""
    world.clock.set(BEFORE)
    for firm in ("E1", "E2"):
        outlet = make_outlet("W1", firm)
        await world.ingest.register(
            outlet.model_copy(update={"limits": [*outlet.limits, make_limit(outlet.id, LEAD, 0.5)]})
        )
    await world.catch_up()


async def approved(world: World, **fields: Any) -> SuppressionOut:
    one = await world.as_(Role.SUPERVISOR).propose_suppression(made(**fields))
    return await world.as_(Role.OFFICER).approve_suppression(one.id, one.version)


async def read(world: World, over: range, number: int = 40, *, first: int = 0, outlet: UUID = W1) -> None:
    """Hour means of COD, those `over` above the limit of 50."""
    values = [55.0 + i % 7 if i in over else value for i, value in enumerate(honest(number))]
    await world.ingest.accept(outlet, HOUR_MEAN, hours(values[first:], first))
    await world.catch_up()


async def exceedances(world: World) -> list[tuple[datetime, int]]:
    return [(one.started_at, one.points) for one in await world.anomalies(rule="EX-H")]


async def shown(world: World, one: SuppressionOut) -> SuppressionOut:
    return await world.as_(Role.OFFICER).get_suppression(one.id)


async def refusal(call: Any) -> tuple[int, str]:
    with pytest.raises(ServiceCallError) as refused:
        await call
    return refused.value.status, refused.value.code


# -- effect --------------------------------------------------------------------------------------------


async def test_a_suppressed_hit_opens_no_anomaly_and_is_counted(world: World):
    await begin(world)
    one = await approved(world)
    await read(world, range(5, 9))
    await read(world, range(5, 9), outlet=W2)

    (other,) = await world.anomalies(rule="EX-H")
    assert (other.outlet_id, other.points) == (W2, 4)
    now = await shown(world, one)
    assert (now.hits, now.last_hit_at) == (1, at(9))
    assert await world.rows("select count(*), count(suppressed_by) from hits where rule = 'EX-H'") == [(2, 1)]


async def test_a_hit_that_outlasts_the_suppression_becomes_an_anomaly_once(world: World):
    await begin(world)
    one = await approved(world, until=at(8))
    values = [*honest(5), *[60.0 + i for i in range(6)], *honest(20)]
    for hour in range(8):
        await world.ingest.accept(W1, HOUR_MEAN, hours(values[hour : hour + 1], hour))
        await world.catch_up()
    await world.run_job("refresh_running")
    assert (await exceedances(world), (await shown(world, one)).hits) == ([], 1)

    await world.ingest.accept(W1, HOUR_MEAN, hours(values[8:9], 8))
    await world.catch_up()
    await world.run_job("refresh_running")
    assert (await exceedances(world), (await shown(world, one)).hits) == ([(at(5), 4)], 0)

    await world.ingest.accept(W1, HOUR_MEAN, hours(values[9:], 9))
    await world.catch_up()
    (anomaly,) = await world.anomalies(rule="EX-H")
    assert (anomaly.started_at, anomaly.points, anomaly.ended_at) == (at(5), 6, at(11))
    assert anomaly.state is AnomalyState.CLOSED


async def test_what_runs_in_an_anomaly_already_stays_with_it(world: World):
    await begin(world)
    await read(world, range(5, 12), 8)
    world.clock.set(at(8))
    await approved(world, since=None, until=at(30))
    await read(world, range(5, 12), 40, first=8)

    assert await exceedances(world) == [(at(5), 7)]


async def test_a_revoked_one_keeps_quiet_what_came_before(world: World):
    await begin(world)
    one = await approved(world, until=at(72))
    await read(world, range(5, 8), 20)
    world.clock.set(at(20))
    ended = await world.as_(Role.SUPERVISOR).revoke_suppression(one.id, one.version, "工程已结束")
    await read(world, range(30, 33), 40, first=20)

    assert (ended.state, ended.in_effect) == (SuppressionState.REVOKED, False)
    assert await exceedances(world) == [(at(30), 3)]
    assert (await shown(world, one)).hits == 1


@pytest.mark.parametrize(
    ("fields", "quiet"),
    [
        ({"outlet_id": None, "enterprise_id": enterprise_uuid("E1")}, True),
        ({"outlet_id": None, "enterprise_id": enterprise_uuid("E2")}, False),
        ({"factor": COD}, True),
        ({"rule": "EX-D"}, False),
        ({"kind": HOUR_MEAN}, True),
        ({"kind": ReadingKind.MINUTE}, False),
        ({"value_at_most": 61.0}, True),
        ({"value_at_most": 60.9}, False),
        ({"value_at_least": 62.0}, False),
        ({"since": at(7)}, False),
        ({"until": at(8)}, False),
    ],
)
async def test_scope_condition_and_window_select(world: World, fields: dict[str, Any], *, quiet: bool):
    await begin(world)
    await approved(world, **fields)
    await world.ingest.accept(W1, HOUR_MEAN, hours([*honest(6), 61.0, 58.0, 55.0, *honest(3)]))
    await world.catch_up()

    assert (await exceedances(world) == []) is quiet


async def test_a_proposal_alone_keeps_nothing_quiet(world: World):
    await begin(world)
    officer, supervisor = world.as_(Role.OFFICER), world.as_(Role.SUPERVISOR)
    await supervisor.propose_suppression(made())
    refused = await supervisor.propose_suppression(made(note="另一项"))
    await officer.refuse_suppression(refused.id, 1, "理由不足")
    await read(world, range(5, 9))

    assert await exceedances(world) == [(at(5), 4)]


async def test_history_read_again_in_other_pieces_is_the_same(make_world: MakeWorld):
    """The hit goes on past the end; a second one lies within, a third after."""
    stories = []
    for limit in (1, 3, 40):
        world = await make_world()
        await begin(world)
        await approved(world, until=at(8))
        values = [*honest(2), 61.0, *honest(2), *[60.0 + i for i in range(6)], *honest(10), 70.0, *honest(20)]
        for hour in range(0, len(values), 3):
            await world.ingest.accept(W1, HOUR_MEAN, hours(values[hour : hour + 3], hour))
        await world.catch_up(limit)
        hits = await world.rows("select id, until, running, suppressed_by is null from hits order by id")
        found = [(one.id, one.no, one.started_at, one.ended_at, one.points) for one in await world.anomalies()]
        stories.append((hits, found))

    assert stories[0] == stories[1] == stories[2]
    assert next(item[2:] for item in stories[0][1]) == (at(5), at(11), 6)
    assert [quiet for *_, quiet in stories[0][0]].count(False) == 1


# -- the way of a proposal -----------------------------------------------------------------------------


async def test_every_row_of_the_table_and_nothing_else(world: World):
    await begin(world)
    officer, head = world.as_(Role.OFFICER), world.as_(Role.SECTION_HEAD)
    reached: dict[SuppressionState, SuppressionOut] = {}

    async def proposal(note: str) -> SuppressionOut:
        return await world.as_(Role.SUPERVISOR).propose_suppression(made(note=note, until=at(20)))

    reached[SuppressionState.PROPOSED] = await proposal("1")
    reached[SuppressionState.APPROVED] = await officer.approve_suppression((await proposal("2")).id, 1)
    reached[SuppressionState.REFUSED] = await officer.refuse_suppression((await proposal("3")).id, 1, "不必")
    reached[SuppressionState.REVOKED] = await head.revoke_suppression((await proposal("4")).id, 1, "不再需要")
    for state, one in reached.items():
        offered = {item.event for item in one.allowed} if state is not SuppressionState.PROPOSED else None
        expected = {row.event for row in ROWS if state in row.sources and Role.OFFICER in row.who}
        assert offered in (None, expected)
        for event in (SuppressionEvent.APPROVE, SuppressionEvent.REFUSE, SuppressionEvent.REVOKE):
            if event not in expected:
                assert await refusal(officer.decide_suppression(one.id, event, one.version, "x")) == (
                    409, "illegal_transition",
                )  # fmt: skip

    world.clock.set(at(21))
    await world.run_job("expire_suppressions")
    await world.run_job("expire_suppressions")
    states = {one.note: (one.state, one.version) for one in (await officer.list_suppressions()).items}
    assert states == {
        "1": ("expired", 2), "2": ("expired", 3), "3": ("refused", 2), "4": ("revoked", 2),
    }  # fmt: skip


async def test_one_proposes_and_another_approves(world: World):
    await begin(world)
    officer = world.as_(Role.OFFICER)
    own = await officer.propose_suppression(made())
    assert next((item.event, item.blocked) for item in own.allowed) == (SuppressionEvent.APPROVE, "own_proposal")
    assert await refusal(officer.approve_suppression(own.id, 1)) == (409, "blocked")
    assert await refusal(world.as_(Role.SUPERVISOR_LEAD).approve_suppression(own.id, 1)) == (403, "forbidden")
    done = await world.as_(Role.SECTION_HEAD).approve_suppression(own.id, 1, "同意")
    assert await refusal(world.as_(Role.SECTION_HEAD).revoke_suppression(own.id, 1, "旧版本")) == (
        412, "stale_version",
    )  # fmt: skip

    assert (done.no, done.state, done.decision) == ("S-2026-0001", SuppressionState.APPROVED, "同意")
    assert done.decided is not None
    assert (done.proposed.name, done.decided.name, done.decided.at) == ("officer", "section_head", BEFORE)
    async with world.app.state.db.transaction() as session:
        assert (await verify(session)).broken_at is None
        rows = await session.execute(text("select action, subject, actor from audit_entry order by id"))
        entries = [tuple(row) for row in rows]
    assert [(action, subject) for action, subject, _ in entries] == [
        ("suppression.proposed", f"suppression:{own.id}"), ("suppression.approve", f"suppression:{own.id}"),
    ]  # fmt: skip
    assert len({actor for *_, actor in entries}) == 2


async def test_the_same_proposal_again_is_the_same(world: World):
    await begin(world)
    client = world.as_(Role.SUPERVISOR)
    first = await client.propose_suppression(made())

    assert (await client.propose_suppression(made())).id == first.id
    assert (await client.propose_suppression(made(factor=COD))).id != first.id
    assert len((await client.list_suppressions()).items) == 2


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"until": at(0)}, "until"),
        ({"since": at(-300), "until": at(-100)}, "until"),
        ({"until": at(0) + timedelta(days=90, seconds=1)}, "until"),
        ({"since": at(24 * 40), "until": at(24 * 41)}, "since"),
        ({"rule": "NONE"}, "rule"),
        ({"outlet_id": uuid4()}, "outlet_id"),
        ({"outlet_id": None, "enterprise_id": uuid4()}, "enterprise_id"),
        ({"factor": "w99999"}, "factor"),
        ({"reason_code": SuppressionReason.OTHER, "note": " "}, "note"),
    ],
)
async def test_a_bad_proposal_is_refused_by_field(world: World, fields: dict[str, Any], where: str):
    await begin(world)
    with pytest.raises(ServiceCallError) as refused:
        await world.as_(Role.SUPERVISOR).propose_suppression(made(**fields))

    assert refused.value.status == 422
    assert where in {error["where"] for error in refused.value.context["errors"]}


async def test_ninety_days_are_allowed(world: World):
    await begin(world)
    limits = await world.as_(Role.ENTERPRISE, enterprise="E1").get_suppression_limits()

    assert (limits.most_days, limits.most_days_ahead) == (90, 30)
    assert await world.as_(Role.SUPERVISOR).propose_suppression(made(until=at(0) + timedelta(days=90)))


# -- rights --------------------------------------------------------------------------------------------


async def test_an_enterprise_sees_its_own_only_and_changes_none(world: World):
    await begin(world)
    own, foreign = await approved(world), await approved(world, outlet_id=W2)
    firm = world.as_(Role.ENTERPRISE, enterprise="E1")

    assert [one.id for one in (await firm.list_suppressions()).items] == [own.id]
    assert (await firm.list_suppressions(enterprise_id=enterprise_uuid("E2"))).items == []
    assert (await firm.list_suppressions(outlet_id=W2)).items == []
    assert (await firm.get_suppression(own.id)).allowed == []
    assert await refusal(firm.get_suppression(foreign.id)) == (404, "suppression_not_found")
    assert await refusal(firm.get_suppression(uuid4())) == (404, "suppression_not_found")
    for call in _writes(firm, own):
        assert await refusal(call) == (403, "forbidden")


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AUDITOR, Role.SERVICE])
async def test_who_only_reads(world: World, role: Role):
    await begin(world)
    one = await approved(world)
    client = world.as_(role)

    assert (await client.get_suppression(one.id)).allowed == []
    for call in _writes(client, one):
        assert await refusal(call) == (403, "forbidden")


def _writes(client: DetectionClient, one: SuppressionOut) -> list[Any]:
    return [client.propose_suppression(made(note="x")),
            *(client.decide_suppression(one.id, event, one.version, "x")
              for event in (SuppressionEvent.APPROVE, SuppressionEvent.REFUSE, SuppressionEvent.REVOKE))]  # fmt: skip


async def test_pages_hold_everything_once(world: World):
    await begin(world)
    client = world.as_(Role.SUPERVISOR)
    wanted = [(await client.propose_suppression(made(note=str(i)))).id for i in range(5)]
    found, cursor = [], None
    while True:
        page = await client.list_suppressions(cursor=cursor, limit=2)
        found += [one.id for one in page.items]
        cursor = page.next
        if cursor is None:
            break

    assert sorted(found) == sorted(wanted)
    assert len(found) == 5
    assert [one.id for one in (await client.list_suppressions(state=SuppressionState.APPROVED)).items] == []
    answer = await world.http("/v1/suppressions?cursor=nonsense", Role.SUPERVISOR)
    assert answer.status_code == 422

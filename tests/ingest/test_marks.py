from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.ingest.domain.covers import Cover, Effect
from services.ingest.store.marks import MarkStore
from services.ingest.store.registry import RegistryStore
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest import EnterpriseIn, OutletFactor, ReadingKind
from shared.contracts.ingest.marks import (
    ConflictKind,
    MarkAct,
    MarkEvent,
    MarkIn,
    MarkOut,
    MarkOutcome,
    MarkSource,
    MarkState,
)
from tests.ingest.conftest import NOW, Ingest
from tests.ingest.test_registry import audit_of, feed_of

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SINCE = NOW - 3 * HOUR


def given(outlet_id: UUID, code: str = "device_maintenance", **fields: Any) -> MarkIn:
    return MarkIn.model_validate(
        {"outlet_id": outlet_id, "code": code, "since": SINCE, "until": SINCE + HOUR, "reason": "更换试剂", **fields}
    )


async def covers(ingest: Ingest, outlet_id: UUID, since: datetime, until: datetime) -> list[Cover]:
    async with ingest.app.state.db.transaction() as session:
        (point,) = await RegistryStore(session).list_points([outlet_id])
        span = int(since.timestamp()), int(until.timestamp())
        return (await MarkStore(session).covers([point.number], *span)).get(point.number, [])


async def act(ingest: Ingest, mark: MarkOut, event: MarkEvent, *roles: Role, **fields: Any) -> MarkOut:
    options = {"enterprise_id": mark.enterprise_id} if Role.ENTERPRISE in roles else {}
    return await ingest.as_(*roles, **options).act_on_mark(mark.id, MarkAct(event=event, **fields), mark.version)


async def test_a_mark_is_kept_covered_told_and_audited(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet()
    mark = await ingest.client.add_mark(given(outlet_id, factors=["w01018"]))

    assert (mark.no, mark.state, mark.source, mark.late, mark.version) == (
        "M000001", MarkState.PENDING, MarkSource.MANUAL, False, 1,
    )  # fmt: skip
    assert mark.due_at == datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
    assert mark.evidence_due_at == datetime(2026, 4, 10, 16, 0, tzinfo=UTC)
    assert await covers(ingest, outlet_id, NOW - DAY, NOW) == [
        Cover(int(SINCE.timestamp()), int((SINCE + HOUR).timestamp()), frozenset({"w01018"}), Effect.INVALID, mark.id)
    ]
    kind, told = (await feed_of(ingest))[-1]
    assert (kind, told["outlet_id"], told["effect"], told["effective"], told["factors"]) == (
        "ingest.mark.changed.v1", str(outlet_id), "invalid", True, ["w01018"],
    )  # fmt: skip
    assert [entry["action"] for entry in await audit_of(ingest)][-1] == "mark.added"
    assert await ingest.client.add_mark(given(outlet_id, factors=["w01018"])) == mark


async def test_each_party_does_what_the_table_gives_it(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet()
    mark = await ingest.client.add_mark(given(outlet_id, "device_calibration"))
    with pytest.raises(ServiceCallError) as refused:
        await act(ingest, mark, MarkEvent.ACCEPT, Role.ENTERPRISE)
    assert refused.value.status == 403

    queried = await act(ingest, mark, MarkEvent.QUERY, Role.SUPERVISOR, reason="请说明")
    with pytest.raises(ServiceCallError) as stale:
        await act(ingest, mark, MarkEvent.ACCEPT, Role.OFFICER)
    assert (stale.value.status, queried.state) == (412, MarkState.QUERIED)
    answered = await act(ingest, queried, MarkEvent.ANSWER, Role.ENTERPRISE, reason="按计划校准")
    rejected = await act(ingest, answered, MarkEvent.REJECT, Role.OFFICER, reason="无校准记录", untrue=True)
    with pytest.raises(ServiceCallError) as late:
        await act(ingest, rejected, MarkEvent.ACCEPT, Role.OFFICER)

    assert (rejected.state, rejected.untrue, rejected.effective, late.value.code) == (
        MarkState.REJECTED, True, False, "illegal_transition",
    )  # fmt: skip
    assert await covers(ingest, outlet_id, NOW - DAY, NOW) == []
    versions = await ingest.client.list_mark_versions(mark.id)
    assert [(item.version, item.event, item.content["reason"]) for item in versions] == [
        (1, "added", "更换试剂"), (2, "query", "更换试剂"), (3, "answer", "按计划校准"), (4, "reject", "按计划校准"),
    ]  # fmt: skip


async def test_acceptance_waits_for_the_evidence_the_code_needs(ingest: Ingest) -> None:
    mark = await ingest.client.add_mark(given(await ingest.outlet()))
    with pytest.raises(ServiceCallError) as refused:
        await act(ingest, mark, MarkEvent.ACCEPT, Role.OFFICER)
    assert (refused.value.status, refused.value.context["guard"]) == (409, "evidence_missing")


async def test_contradictions_are_refused_and_the_same_code_is_offered_to_merge(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet()
    stopped = await ingest.client.add_mark(given(outlet_id, "stopped"))
    with pytest.raises(ServiceCallError) as other:
        await ingest.client.add_mark(given(outlet_id, "start_up", since=SINCE + HOUR / 2, until=SINCE + 2 * HOUR))
    longer = given(outlet_id, "stopped", since=SINCE + HOUR / 2, until=SINCE + 2 * HOUR, reason="检修")
    with pytest.raises(ServiceCallError) as same:
        await ingest.client.add_mark(longer)
    check = await ingest.client.check_mark(longer)
    merged = await ingest.client.add_mark(longer.model_copy(update={"merge": True}))

    assert (other.value.status, other.value.code, other.value.context["no"]) == (409, "mark_overlap", stopped.no)
    assert (other.value.context["offer"], same.value.context["offer"]) == (None, "merge")
    assert [(item.kind, item.no) for item in check.conflicts] == [(ConflictKind.SAME_CODE, stopped.no)]
    assert (merged.id, merged.since, merged.until, merged.reason, merged.version) == (
        stopped.id, SINCE, SINCE + 2 * HOUR, "更换试剂; 检修", 2,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"until": SINCE + timedelta(minutes=14)}, "too_short"),
        ({"until": SINCE - HOUR}, "ends_before_start"),
        ({"until": NOW + HOUR}, "in_the_future"),
        ({"since": NOW - 12 * DAY, "until": NOW - 11 * DAY}, "window_over"),
        ({"code": "furnace_start"}, None),
        ({"code": "nonsense"}, None),
        ({"factors": ["a01012"]}, None),
    ],
)
async def test_what_cannot_be_is_refused_with_the_reason(
    ingest: Ingest, fields: dict[str, Any], problem: str | None
) -> None:
    outlet_id = await ingest.outlet()
    with pytest.raises(ServiceCallError) as refused:
        await ingest.client.add_mark(given(outlet_id, **fields))
    assert (refused.value.status, refused.value.context.get("problem")) == (422, problem)


async def test_a_short_mark_counts_with_the_chain_it_continues(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet()
    await ingest.client.add_mark(given(outlet_id))
    short = given(outlet_id, "device_calibration", since=SINCE + HOUR, until=SINCE + HOUR + timedelta(minutes=5))
    assert (await ingest.client.add_mark(short)).code == "device_calibration"


async def test_a_running_mark_is_finished_once(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet()
    mark = await ingest.client.add_mark(given(outlet_id, "stopped", until=None))
    running = await covers(ingest, outlet_id, NOW - DAY, NOW + DAY)
    finished = await act(ingest, mark, MarkEvent.FINISH, Role.ENTERPRISE, until=NOW)
    with pytest.raises(ServiceCallError) as again:
        await act(ingest, finished, MarkEvent.FINISH, Role.ENTERPRISE, until=NOW)

    assert (running[0].until, mark.evidence_due_at) == (int((NOW + DAY).timestamp()), None)
    assert (finished.until, finished.state, again.value.context["guard"]) == (NOW, MarkState.PENDING, "has_ended")
    assert finished.evidence_due_at is not None


async def test_late_marks_and_the_correction_window(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet()
    ingest.clock.set(NOW + DAY + HOUR)
    mark = await ingest.client.add_mark(given(outlet_id))
    assert mark.late
    assert (await ingest.client.check_mark(given(outlet_id, "device_fault"))).warnings == ["late"]
    ingest.clock.set(NOW + 12 * DAY)
    with pytest.raises(ServiceCallError) as over:
        await act(ingest, mark, MarkEvent.CORRECT, Role.ENTERPRISE, reason="x")
    assert over.value.context["guard"] == "window_over"


async def test_a_correction_to_earlier_data_counts_from_then(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet()
    mark = await ingest.client.add_mark(given(outlet_id))
    ingest.clock.set(NOW + 2 * DAY)
    same = await act(ingest, mark, MarkEvent.CORRECT, Role.ENTERPRISE, reason="补充说明")
    earlier = await act(ingest, same, MarkEvent.CORRECT, Role.ENTERPRISE, reason="更正", since=SINCE - HOUR)
    assert (same.late, earlier.late) == (False, True)


async def test_a_supervisor_proposes_and_the_enterprise_confirms(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet()
    proposed = await ingest.as_(Role.SUPERVISOR).add_mark(given(outlet_id, "fault"))
    without = await covers(ingest, outlet_id, NOW - DAY, NOW)
    confirmed = await act(ingest, proposed, MarkEvent.CONFIRM, Role.ENTERPRISE, reason="确有故障")

    assert (proposed.state, proposed.source, proposed.submitted_at, without) == (
        MarkState.PROPOSED, MarkSource.PROPOSED, None, [],
    )  # fmt: skip
    assert (confirmed.state, confirmed.submitted_at, confirmed.effective) == (MarkState.PENDING, NOW, True)


async def test_budget_of_faults_by_trade_and_year(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet()
    await ingest.client.add_enterprise(EnterpriseIn(code="E1", name_zh="焚烧厂", trade="waste_incineration"))
    long = given(outlet_id, "fault", since=NOW - 4 * DAY, until=NOW - 2 * DAY)
    await ingest.client.add_mark(long)
    await ingest.client.add_mark(given(outlet_id, "stopped"))
    check = await ingest.client.check_mark(given(outlet_id, "accident", until=SINCE + 2 * HOUR))
    over = await ingest.client.check_mark(given(outlet_id, "accident", since=NOW - 2 * DAY, until=NOW - DAY))
    (budget,) = await ingest.client.mark_budgets(outlet_id, 2026)

    assert check.warnings == ["wastes_budget", "budget_warning"]
    assert check.budget is not None
    assert (check.budget.used_h, check.budget.left_h, over.warnings) == (50.0, 10.0, ["late", "budget_over"])
    assert (budget.used_h, budget.limit_h, budget.warning) == (48.0, 60.0, True)


async def test_signs_of_running_in_a_stopped_span(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet(factors=[OutletFactor(factor="w00000", unit="L/s")])
    await ingest.send(outlet_id, ReadingKind.HOUR, (SINCE, {"w00000": 12.5}), (SINCE + HOUR, {"w00000": 0.0}))
    check = await ingest.client.check_mark(given(outlet_id, "stopped", until=SINCE + 2 * HOUR))
    assert [(sign.factor, sign.hours, sign.greatest) for sign in check.running] == [("w00000", 1, 12.5)]
    assert check.warnings == ["signs_of_running"]


async def test_facts_tell_how_the_due_marks_turned_out(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet()
    on_time = await ingest.client.add_mark(given(outlet_id, "device_calibration"))
    late = await ingest.client.add_mark(
        given(outlet_id, since=NOW - 3 * DAY, until=NOW - 3 * DAY + HOUR, submitted_at=NOW)
    )
    untrue = await ingest.client.add_mark(given(outlet_id, "stopped"))
    await act(ingest, untrue, MarkEvent.REJECT, Role.OFFICER, reason="流量正常", untrue=True)
    missing = await ingest.as_(Role.SUPERVISOR).add_mark(given(outlet_id, "device_fault"))
    ingest.clock.set(NOW + 2 * DAY)
    (facts,) = await ingest.client.mark_facts(NOW - 30 * DAY, NOW + 30 * DAY)

    assert (facts.due, facts.on_time, facts.late, facts.missing, facts.untrue) == (4, 2, 1, 1, 1)
    assert {fact.no: fact.outcome for fact in facts.marks} == {
        on_time.no: MarkOutcome.ON_TIME, late.no: MarkOutcome.LATE, untrue.no: MarkOutcome.ON_TIME,
        missing.no: MarkOutcome.MISSING,
    }  # fmt: skip


async def test_an_enterprise_sees_and_changes_its_own_marks_only(ingest: Ingest) -> None:
    mine, theirs = await ingest.outlet("W1", "E1"), await ingest.outlet("W1", "E2")
    own = await ingest.client.add_mark(given(mine, "device_calibration"))
    foreign = await ingest.client.add_mark(given(theirs, "device_calibration"))
    alice = ingest.as_(Role.ENTERPRISE, enterprise_id=own.enterprise_id)
    span = NOW - 30 * DAY, NOW + 30 * DAY

    assert [mark.id for mark in (await alice.list_marks()).items] == [own.id]
    assert [facts.enterprise_id for facts in await alice.mark_facts(*span)] == [own.enterprise_id]
    for call in (
        alice.get_mark(foreign.id), alice.list_mark_versions(foreign.id), alice.add_mark(given(theirs)),
        alice.check_mark(given(theirs)), alice.mark_budgets(theirs, 2026),
        alice.list_marks(enterprise_id=foreign.enterprise_id),
        alice.mark_facts(*span, enterprise_id=foreign.enterprise_id),
        alice.act_on_mark(foreign.id, MarkAct(event=MarkEvent.WITHDRAW, reason="x"), 1),
    ):  # fmt: skip
        with pytest.raises(ServiceCallError) as refused:
            await call
        assert refused.value.status == 404
    with pytest.raises(ServiceCallError) as forbidden:
        await ingest.as_(Role.AUDITOR).add_mark(given(mine))
    assert forbidden.value.status == 403


async def test_lists_are_paged_and_filtered(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet()
    for hour in range(3):
        at = SINCE - hour * 5 * HOUR
        await ingest.client.add_mark(given(outlet_id, "device_calibration", since=at, until=at + HOUR))
    first = await ingest.client.list_marks(limit=2)
    rest = await ingest.client.list_marks(limit=2, cursor=first.next)
    inside = await ingest.client.list_marks(outlet_id=outlet_id, since=SINCE - 6 * HOUR, until=SINCE - 3 * HOUR)

    assert [mark.no for mark in (*first.items, *rest.items)] == ["M000001", "M000002", "M000003"]
    assert (rest.next, [mark.no for mark in inside.items]) == (None, ["M000002"])
    assert await ingest.client.list_marks(state=[MarkState.REJECTED]) == type(first)(items=[])

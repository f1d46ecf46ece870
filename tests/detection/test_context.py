"""What stands around an anomaly: rule, numbers in force, hits, recurrences, history, verdicts; and who may see it."""

from uuid import UUID, uuid4

from shared.auth import Role
from shared.contracts.casework import CaseState
from shared.contracts.detection import AnomalyOut
from shared.contracts.detection.context import NumberOrigin
from shared.contracts.ingest import ReadingKind
from tests.detection.conftest import World, at, honest, hours, make_outlet
from tests.detection.test_quality import follow, tell


async def three(world: World) -> tuple[UUID, list[AnomalyOut]]:
    """Hour means over the limit at 5 h, 40 h (its recurrence) and 200 h."""
    outlet = await world.ingest.register(make_outlet())
    values = honest(230)
    values[5], values[40], values[200] = 66.0, 67.0, 68.0
    await world.ingest.accept(outlet, ReadingKind.HOUR, hours(values))
    await world.catch_up()
    return outlet, [one for one in await world.anomalies() if one.rule == "EX-H"]


async def test_the_basis_chain_and_history_are_told(world: World) -> None:
    _, (first, second, third) = await three(world)
    staff = world.as_(Role.SUPERVISOR)

    middle = await staff.get_context(second.id)

    assert middle.rule is not None
    assert (middle.rule.code, middle.rule.severity) == ("EX-H", "B")
    assert {one.name: (one.value, one.origin) for one in middle.numbers} == {
        "valid_minutes": (45.0, NumberOrigin.DEFAULT), "hold_hours": (6.0, NumberOrigin.DEFAULT),
    }  # fmt: skip
    assert [(hit.started_at, hit.value, hit.suppressed) for hit in middle.hits] == [(at(40), 67.0, False)]
    assert [one.id for one in middle.chain] == [first.id, second.id]
    assert [one.id for one in middle.history] == [third.id]
    alone = await staff.get_context(third.id)
    assert (alone.chain, [one.id for one in alone.history]) == ([], [second.id, first.id])


async def test_verdicts_stand_beside_what_they_judge(world: World) -> None:
    _, (first, second, _) = await three(world)
    await tell(world, CaseState.FALSE_ALARM, anomaly=first.id, no="WX-1")
    await tell(world, CaseState.ANALYSING, anomaly=second.id, no="WX-2")
    await follow(world)

    found = {one.anomaly_id: one for one in (await world.as_(Role.OFFICER).get_context(second.id)).verdicts}

    assert (found[first.id].verdict, found[first.id].case_no) == ("false_alarm", "WX-1")
    assert (found[second.id].verdict, found[second.id].case_no) == (None, "WX-2")


async def test_an_enterprise_asks_about_its_own_only(world: World) -> None:
    _, (first, *_) = await three(world)

    own = await world.as_(Role.ENTERPRISE, enterprise="E1").get_context(first.id)
    assert own.anomaly_id == first.id
    assert own.chain[0].rule_precision is None
    path = f"/v1/anomalies/{first.id}/context"
    assert (await world.http(path, Role.ENTERPRISE, enterprise="E2")).status_code == 404
    assert (await world.http(f"/v1/anomalies/{uuid4()}/context", Role.SUPERVISOR)).status_code == 404
    assert (await world.http(path)).status_code == 401

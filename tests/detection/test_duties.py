"""Looks at duties become anomalies: each once, ended when the duty is met, whoever looks twice or is killed."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.detection.gateways.duties import Facts, Shares
from services.detection.service import load_rulebook
from services.detection.service.duties import DutyDesk
from shared.contracts.detection import AnomalyState, Nature, Severity
from shared.contracts.ingest import ReadingKind
from shared.contracts.ingest.means import Basis, MeanKind, MeanOut, MeanState, Method, Why
from shared.contracts.ingest.parameters import ParameterChangeOut
from shared.contracts.ingest.qa import QaDueOut, QaKind, QaState
from tests.detection.conftest import COD, CrashError, World, at, make_limit, make_outlet

DAY = timedelta(days=1)


async def look(world: World, facts: Facts, *, hours: float, dies: bool = False) -> None:
    world.clock.set(at(hours))
    async with world.app.state.db.transaction() as session:
        await DutyDesk(session, load_rulebook(), at(hours), frozenset()).look(facts)
        if dies:
            raise CrashError


def overdue(outlet_id: UUID, hours: float) -> Facts:
    due = QaDueOut(
        enterprise_id=uuid4(), outlet_id=outlet_id, factor=COD, kind=QaKind.STANDARD_CHECK, state=QaState.OVERDUE,
        interval_days=7, last_at=None, last_passed=None, due_at=at(hours), source="",
    )  # fmt: skip
    return Facts(due=[due])


async def test_an_overdue_check_is_one_anomaly_that_grows_graver_and_ends(world: World) -> None:
    outlet = await world.ingest.register(make_outlet())
    await world.catch_up()
    facts = overdue(outlet, 0)
    await look(world, facts, hours=12)
    assert await world.anomalies() == []

    for hours in (24.2, 24.4, 25, 30):
        await look(world, facts, hours=hours)
    (one,) = await world.anomalies()
    assert (one.rule, one.nature, one.severity, one.state, one.reference) == (
        "CAL", Nature.DATA_QUALITY, Severity.C, AnomalyState.OPEN, 7,
    )  # fmt: skip
    assert (one.started_at, one.ended_at) == (at(24), None)
    assert len(await world.told()) == 2

    await look(world, facts, hours=24 + 168.5)
    await look(world, Facts(), hours=200)
    (one,) = await world.anomalies()
    assert (one.severity, one.ended_at) == (Severity.B, at(200))
    assert await world.rows("select count(*) from hits where running") == [(0,)]


async def test_a_changed_parameter_is_grave_and_told_once(world: World) -> None:
    outlet = await world.ingest.register(make_outlet())
    await world.ingest.register(make_outlet("W2", active=False))
    await world.catch_up()
    change = ParameterChangeOut(
        id=uuid4(), device_id=uuid4(), outlet_id=outlet, enterprise_id=uuid4(), factor=COD, code="i13008",
        before="1.0", after="0.8", at=at(5), registered=False,
    )  # fmt: skip
    retired = change.model_copy(update={"outlet_id": make_outlet("W2").id})
    unknown = change.model_copy(update={"outlet_id": uuid4()})
    for hours in (6, 6.2, 7):
        await look(world, Facts(changes=[change, retired, unknown]), hours=hours)

    (one,) = await world.anomalies()
    assert (one.rule, one.nature, one.severity, one.observed, one.reference) == (
        "PARAM", Nature.SUSPECTED_FRAUD, Severity.A, 0.8, 1.0,
    )  # fmt: skip
    assert (one.explanation.code, one.outlet_id) == ("parameter", outlet)
    assert await world.told() == [("opened", "PARAM", 1)]


async def test_a_look_that_dies_before_its_commit_is_made_up_for(world: World) -> None:
    outlet = await world.ingest.register(make_outlet())
    await world.catch_up()
    facts = overdue(outlet, 0)
    with pytest.raises(CrashError):
        await look(world, facts, hours=30, dies=True)
    assert await world.anomalies() == []
    await look(world, facts, hours=31)

    assert [one.rule for one in await world.anomalies()] == ["CAL"]


async def test_a_derived_day_mean_over_its_limit_is_one_anomaly_beside_a_reported_one(world: World) -> None:
    limits = [make_limit(make_outlet().id, upper=40.0, averaging=ReadingKind.DAY)]
    outlet = await world.ingest.register(make_outlet(limits=limits))
    await world.ingest.accept(outlet, ReadingKind.DAY, [(at(-8), {COD: 44.0}), (at(16), {COD: 30.0})])
    await world.catch_up()
    mean = MeanOut(
        factor=COD, unit="mg/L", kind=MeanKind.DAY, at=at(-8), value=45.0, converted=None, emission=None,
        state=MeanState.VALID, valid=24, expected=24, reasons={}, basis=Basis.HOURS, method=Method.ARITHMETIC,
        reported=44.0, reported_flag="N", difference=None, agreement=None, late=False, rev=1, why=Why.PERIOD_END,
        rule="r", digest="", computed_at=at(20),
    )  # fmt: skip
    derived = [mean, mean.model_copy(update={"at": at(-8) + 5 * DAY, "value": 48.0})]
    shares = Shares((outlet,), at(0), {}, {outlet: derived}, [], [])
    for hours in (150, 174):
        world.clock.set(at(hours))
        async with world.app.state.db.transaction() as session:
            await DutyDesk(session, load_rulebook(), at(hours), frozenset()).look_at_shares(shares)

    found = [(one.rule, one.severity, one.started_at, one.observed) for one in await world.anomalies()]
    assert found == [("EX-D", Severity.A, at(-8), 44.0), ("EX-D", Severity.A, at(-8) + 5 * DAY, 48.0)]

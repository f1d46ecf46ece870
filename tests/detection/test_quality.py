"""Labels from casework's feed, and the precision of rules by them."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.detection.domain.evaluation.wilson import wilson
from services.detection.domain.judging.verdicts import End, judge
from services.detection.jobs import build_case_consumer
from shared.auth import Role
from shared.contracts.casework import CASE_CHANGED, CLOSED_STATES, CaseFact, CaseState, CauseCode
from shared.contracts.detection import Nature, Severity
from shared.contracts.detection.quality import QualityOut, RuleQuality, Verdict
from shared.contracts.ingest import ENTERPRISE_CHANGED, EnterpriseOut, ReadingKind, enterprise_uuid, outlet_uuid
from tests.detection.conftest import World, at, honest, hours, make_outlet

NOW = at(1000)


async def tell(world: World, state: CaseState, **fields: Any) -> UUID:
    """A fact of a case as casework tells it; the id of its one anomaly."""
    anomaly = fields.pop("anomaly", None) or uuid4()
    firm = fields.pop("firm", "E1")
    given: dict[str, Any] = {
        "case_id": uuid4(), "no": "WX-2026-000001", "enterprise_id": enterprise_uuid(firm),
        "outlet_id": outlet_uuid(firm, "W1"), "rule": "EX-H", "nature": Nature.EXCEEDANCE, "severity": Severity.B,
        "state": state, "event": "x", "at": NOW, "anomaly_ids": [anomaly], "version": 1, **fields,
    }  # fmt: skip
    fact = CaseFact(**given)
    await world.ingest.tell(CASE_CHANGED, f"case:{fact.case_id}", fact.model_dump(mode="json"), NOW)
    return UUID(str(anomaly))


async def follow(world: World, limit: int = 500) -> None:
    """Read the feed to its end as casework's."""
    consumer = build_case_consumer(world.app, world.ingest_client)  # type: ignore[arg-type]
    consumer.wait, consumer.limit = 0, limit
    while await consumer.step():
        pass


async def quality(world: World, by: str = "rule", **who: Any) -> QualityOut:
    role = Role.ENTERPRISE if who else Role.SUPERVISOR
    return await world.as_(role, **who).get_quality(by)


def counts(one: RuleQuality) -> tuple[int, int, int, int]:
    return one.confirmed, one.explained, one.false_alarms, one.undetermined


@pytest.mark.parametrize(
    ("state", "nature", "cause", "rectified", "verdict"),
    [
        ("false_alarm", "N1", None, False, "false_alarm"),
        ("covered_by_mark", "N2", None, False, "explained"),
        ("direct_lead", "N4", None, False, "confirmed"),
        ("merged", "N1", None, False, "undetermined"),
        ("withdrawn", "N1", "true_exceedance", False, "undetermined"),
        ("closed", "N1", "device_fault", True, "confirmed"),
        ("closed", "N1", "device_fault", False, "explained"),
        ("simplified", "N1", "true_exceedance", False, "confirmed"),
        ("simplified", "N1", "calibration", False, "explained"),
        ("simplified", "N2", "device_fault", False, "confirmed"),
        ("simplified", "N4", "communication", False, "explained"),
        ("simplified", "N3", "unknown", False, "undetermined"),
        ("simplified", "N3", None, False, "undetermined"),
        ("analysing", "N1", "true_exceedance", False, None),
    ],
)
def test_the_end_of_a_case_gives_the_verdict(
    state: str, nature: str, cause: str | None, *, rectified: bool, verdict: str | None
) -> None:
    end = End(CaseState(state), Nature(nature), CauseCode(cause) if cause else None, rectified)

    assert judge(end) == (Verdict(verdict) if verdict else None)


def test_every_end_has_a_verdict() -> None:
    for state in CaseState:
        for cause in (None, *CauseCode):
            for nature in Nature:
                assert (judge(End(state, nature, cause, rectified=False)) is not None) == (state in CLOSED_STATES)


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    # Reference values of R: binom::binom.confint(x, n, methods = "wilson")
    [(0, 10, 0.0, 0.2775328), (10, 10, 0.7224672, 1.0), (5, 10, 0.2365931, 0.7634069), (1, 5, 0.0362235, 0.6244654)],
)
def test_the_interval_is_wilsons(right: int, total: int, low: float, high: float) -> None:
    assert wilson(right, total) == pytest.approx((low, high), abs=1e-6)
    assert wilson(0, 0) == (0.0, 1.0)


async def test_labels_follow_the_case(world: World) -> None:
    case = uuid4()
    anomaly = await tell(world, CaseState.RECTIFYING, case_id=case)
    await follow(world)
    assert (await quality(world)).rules == []

    await tell(world, CaseState.CLOSED, case_id=case, anomaly=anomaly, version=2, cause_code=CauseCode.DEVICE_FAULT)
    await follow(world)
    await follow(world)
    (one,) = (await quality(world)).rules
    assert (one.rule, counts(one), one.precision) == ("EX-H", (1, 0, 0, 0), 1.0)

    await tell(world, CaseState.ANALYSING, case_id=case, anomaly=anomaly, version=3)
    await follow(world)
    assert (await quality(world)).rules == []
    assert await world.rows("select count(*) from labels") == [(1,)]


@pytest.mark.parametrize("limit", [1, 500])
async def test_precision_by_rule_and_outlet_with_what_to_retune(world: World, limit: int) -> None:
    for number in range(10):
        state = CaseState.DIRECT_LEAD if number == 0 else CaseState.FALSE_ALARM
        await tell(world, state, rule="SPIKE", firm="E1" if number < 7 else "E2")
    await tell(world, CaseState.DIRECT_LEAD, rule="EX-H")
    await tell(world, CaseState.WITHDRAWN, rule="EX-H")
    await tell(world, CaseState.FALSE_ALARM, rule="EX-H", at=NOW - timedelta(days=91))
    await follow(world, limit)

    by_rule = {one.rule: one for one in (await quality(world)).rules}
    spike, hour = by_rule["SPIKE"], by_rule["EX-H"]
    assert (counts(spike), spike.precision, spike.retune) == ((1, 0, 9, 0), 0.1, True)
    assert (spike.low, spike.high) == pytest.approx(wilson(1, 10))
    assert (counts(hour), hour.precision, hour.retune) == ((1, 0, 0, 1), 1.0, False)
    by_outlet = {(one.rule, one.outlet_id): counts(one) for one in (await quality(world, "outlet")).rules}
    assert by_outlet == {
        ("SPIKE", outlet_uuid("E1", "W1")): (1, 0, 6, 0), ("SPIKE", outlet_uuid("E2", "W1")): (0, 0, 3, 0),
        ("EX-H", outlet_uuid("E1", "W1")): (1, 0, 0, 1),
    }  # fmt: skip
    firm = (await quality(world, enterprise="E2")).rules
    assert [(one.rule, counts(one), one.retune) for one in firm] == [("SPIKE", (0, 0, 3, 0), False)]
    assert (await quality(world, enterprise="E3")).rules == []


async def test_the_grouping_is_one_of_three(world: World) -> None:
    for query in ("by=factor", "days=0", "days=5000"):
        assert (await world.http(f"/v1/quality?{query}", Role.SUPERVISOR)).status_code == 422


async def test_precision_by_trade_and_over_other_spans(world: World) -> None:
    firms = {"E1": "electroplating", "E2": "food"}
    for code, trade in firms.items():
        firm = EnterpriseOut(
            id=enterprise_uuid(code), code=code, name_zh=code, trade=trade, version=1, changed_at=NOW
        )  # fmt: skip
        await world.ingest.tell(ENTERPRISE_CHANGED, str(firm.id), firm.model_dump(mode="json"), NOW)
    await world.catch_up()
    await tell(world, CaseState.DIRECT_LEAD, firm="E1")
    await tell(world, CaseState.FALSE_ALARM, firm="E2", at=NOW - timedelta(days=40))
    await tell(world, CaseState.FALSE_ALARM, firm="E3", at=NOW - timedelta(days=200))
    await follow(world)
    staff = world.as_(Role.OFFICER)

    found = {one.trade: counts(one) for one in (await staff.get_quality("trade", 365)).rules}
    assert found == {"electroplating": (1, 0, 0, 0), "food": (0, 0, 1, 0), "": (0, 0, 1, 0)}
    assert [(await staff.get_quality("rule", days)).rules[0].false_alarms for days in (30, 90, 365)] == [0, 1, 2]
    assert (await staff.get_quality("rule", 30)).days == 30


async def test_labels_lead_to_their_cases(world: World) -> None:
    for number in range(3):
        await tell(world, CaseState.FALSE_ALARM, no=f"WX-{number}", rule="SPIKE", at=NOW - timedelta(days=number))
    await tell(world, CaseState.DIRECT_LEAD, no="WX-9", firm="E2", at=NOW - timedelta(days=5))
    await tell(world, CaseState.ANALYSING, no="WX-10")
    await follow(world)
    staff = world.as_(Role.AUDITOR)

    first = await staff.list_labels(limit=2)
    rest = await staff.list_labels(limit=2, cursor=first.next)
    assert [one.case_no for one in [*first.items, *rest.items]] == ["WX-0", "WX-1", "WX-2", "WX-9"]
    assert rest.next is None
    assert [one.case_no for one in (await staff.list_labels(verdict="confirmed")).items] == ["WX-9"]
    assert [one.case_no for one in (await staff.list_labels(rule="SPIKE", days=1)).items] == ["WX-0", "WX-1"]
    assert len((await staff.list_labels(outlet_id=outlet_uuid("E1", "W1"))).items) == 3
    mine = (await world.as_(Role.ENTERPRISE, enterprise="E2").list_labels()).items
    assert [one.case_no for one in mine] == ["WX-9"]
    assert (await world.as_(Role.ENTERPRISE, enterprise="E3").list_labels()).items == []
    assert (await world.http("/v1/quality/labels")).status_code == 401
    assert (await world.http("/v1/quality/labels?cursor=x", Role.SUPERVISOR)).status_code == 422


async def test_an_anomaly_tells_how_often_its_rule_was_right(world: World) -> None:
    world.clock.set(NOW)
    for number in range(10):
        await tell(world, CaseState.DIRECT_LEAD if number < 7 else CaseState.FALSE_ALARM)
    await tell(world, CaseState.DIRECT_LEAD, rule="RANGE")
    await follow(world)
    outlet = await world.ingest.register(make_outlet())
    await world.ingest.accept(outlet, ReadingKind.HOUR, hours([*honest(10), 61.0, 700.0, *honest(3)]))
    await world.catch_up()

    found = {one.rule: one.rule_precision for one in await world.anomalies()}
    assert (found["EX-H"], found["RANGE"]) == (0.7, None)
    told = await world.rows("select data->>'rule' as rule, data->>'rule_precision' as p from outbox order by id")
    assert dict(told)["EX-H"] == "0.7"
    (mine, *_) = (await world.as_(Role.ENTERPRISE, enterprise="E1").list_anomalies(rule="EX-H")).items
    assert mine.rule_precision is None

"""What others ask of detection: lists, one anomaly, rules; and what they may not see."""

from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event

from services.detection.service import evaluation
from services.detection.service.rulebook import load_rulebook
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.detection import AnomalyOut
from shared.contracts.ingest import ReadingKind, enterprise_uuid, outlet_uuid
from shared.http import encode_cursor
from tests.detection.conftest import COD, LEAD, World, at, honest, make_limit, make_outlet

HOUR_MEAN = ReadingKind.HOUR


async def populate(world: World) -> list[AnomalyOut]:
    """Two firms with three anomalies each: COD at 5 h (closed) and 60 h (open), lead at 40 h (closed)."""
    for firm in ("E1", "E2"):
        outlet = make_outlet("W1", firm)
        limits = [*outlet.limits, make_limit(outlet.id, LEAD, 0.5)]
        await world.ingest.register(outlet.model_copy(update={"limits": limits}))
        cod = honest(63)
        cod[5], cod[60:] = 66.0, [67.0, 68.0, 69.0]
        lead = honest(63, 0.0)
        lead = [value / 100 for value in lead]
        lead[40] = 0.7
        rows = [(at(i), {COD: cod[i], LEAD: lead[i]}) for i in range(63)]
        await world.ingest.accept(outlet.id, HOUR_MEAN, rows)
    await world.catch_up()
    return [one for one in await world.anomalies() if one.rule == "EX-H"]


def shown(anomalies: list[AnomalyOut]) -> list[tuple[datetime, str]]:
    return sorted((one.started_at, one.factor) for one in anomalies)


async def test_filters_select(world: World):
    everything = await populate(world)
    assert shown(everything) == [(at(5), COD)] * 2 + [(at(40), LEAD)] * 2 + [(at(60), COD)] * 2
    first, second = (at(5), COD), (at(60), COD)
    cases: list[tuple[dict[str, Any], list[tuple[datetime, str]]]] = [
        ({"enterprise_id": enterprise_uuid("E2")}, [first, (at(40), LEAD), second]),
        ({"outlet_id": outlet_uuid("E1", "W1"), "factor": COD}, [first, second]),
        ({"factor": LEAD}, [(at(40), LEAD)] * 2),
        ({"state": "open"}, [second] * 2),
        ({"state": "closed", "factor": COD}, [first] * 2),
        ({"since": at(41)}, [second] * 2),
        ({"since": at(40.5), "until": at(60)}, [(at(40), LEAD)] * 2),
        ({"since": at(6), "until": at(40)}, []),
        ({"since": at(500)}, [second] * 2),
        ({"until": at(5)}, []),
        ({"rule": "RANGE"}, []),
        ({"enterprise_id": uuid4()}, []),
    ]
    client = world.as_(Role.SUPERVISOR)
    for filters, expected in cases:
        found = (await client.list_anomalies(**{"rule": "EX-H", **filters})).items
        assert shown(found) == expected, filters


async def test_pages_hold_everything_once_newest_first(world: World):
    everything = await world.anomalies() if await populate(world) else []
    path: str | None = "/v1/anomalies?limit=2"
    found: list[str] = []
    while path:
        answer = await world.http(path, Role.SUPERVISOR)
        assert len(answer.json()["items"]) <= 2
        found += [item["id"] for item in answer.json()["items"]]
        path = answer.links.get("next", {}).get("url")

    assert found == [str(one.id) for one in reversed(everything)]
    assert len(found) > 6


@pytest.mark.parametrize("limit", [1, 1000])
async def test_a_list_takes_the_same_number_of_statements_however_long(world: World, limit: int):
    await populate(world)
    everything = await world.anomalies()
    statements: list[str] = []
    engine = world.app.state.db.engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    answer = await world.http(f"/v1/anomalies?limit={limit}", Role.SUPERVISOR)

    assert len(answer.json()["items"]) == min(limit, len(everything))
    assert len([one for one in statements if one.lstrip().lower().startswith("select")]) == 4


async def test_these_are_all_routes(world: World):
    """A new one needs its line in the tests of rights below."""
    assert {path for path in world.app.openapi()["paths"] if path.startswith("/v1/")} == {
        "/v1/anomalies", "/v1/anomalies/open-summary", "/v1/anomalies/{anomaly_id}",
        "/v1/anomalies/{anomaly_id}/context", "/v1/backtests", "/v1/backtests/{backtest_id}",
        "/v1/backtests/{backtest_id}/cancel", "/v1/evaluation", "/v1/feed", "/v1/mining/bunching",
        "/v1/mining/digits", "/v1/mining/peers", "/v1/mining/repeats", "/v1/mining/similar", "/v1/mining/trades",
        "/v1/mining/twins", "/v1/proposals", "/v1/proposals/{proposal_id}", "/v1/proposals/{proposal_id}/accept",
        "/v1/proposals/{proposal_id}/decline", "/v1/proposals/{proposal_id}/withdraw", "/v1/quality",
        "/v1/quality/labels", "/v1/rules", "/v1/rules/activity", "/v1/suppressions", "/v1/suppressions/limits",
        "/v1/suppressions/{suppression_id}", "/v1/suppressions/{suppression_id}/approve",
        "/v1/suppressions/{suppression_id}/refuse", "/v1/suppressions/{suppression_id}/revoke", "/v1/surveys",
        "/v1/thresholds", "/v1/thresholds/{threshold_id}", "/v1/thresholds/{threshold_id}/accept",
        "/v1/thresholds/{threshold_id}/freeze", "/v1/thresholds/{threshold_id}/propose",
        "/v1/thresholds/{threshold_id}/refuse", "/v1/thresholds/{threshold_id}/release",
    }  # fmt: skip


async def test_an_enterprise_sees_its_own_anomalies_only(world: World):
    everything = await populate(world)
    own = [one for one in everything if one.enterprise_id == enterprise_uuid("E1")]
    foreign = next(one for one in everything if one.enterprise_id == enterprise_uuid("E2"))
    firm = world.as_(Role.ENTERPRISE, enterprise="E1")

    assert shown((await firm.list_anomalies(rule="EX-H")).items) == shown(own)
    assert (await firm.list_anomalies(enterprise_id=enterprise_uuid("E2"))).items == []
    assert (await firm.list_anomalies(outlet_id=foreign.outlet_id)).items == []
    assert (await firm.get_anomaly(own[0].id)) == own[0]
    with pytest.raises(ServiceCallError) as hidden:
        await firm.get_anomaly(foreign.id)
    with pytest.raises(ServiceCallError) as absent:
        await firm.get_anomaly(UUID(int=5))
    assert (
        (hidden.value.status, hidden.value.code)
        == (absent.value.status, absent.value.code)
        == (404, "anomaly_not_found")
    )
    assert (await world.as_(Role.ENTERPRISE).list_anomalies()).items == []


@pytest.mark.parametrize(
    ("path", "roles", "status"),
    [
        ("/v1/anomalies", (), 401),
        ("/v1/anomalies/00000000-0000-0000-0000-000000000001", (), 401),
        ("/v1/rules", (), 401),
        ("/v1/quality", (), 401),
        ("/v1/suppressions", (), 401),
        ("/v1/suppressions/00000000-0000-0000-0000-000000000001", (), 401),
        ("/v1/feed", (), 401),
        ("/v1/feed", (Role.ENTERPRISE,), 403),
        ("/v1/feed", (Role.SUPERVISOR,), 403),
        ("/v1/feed", (Role.SERVICE,), 200),
        ("/v1/rules", (Role.ENTERPRISE,), 200),
        ("/v1/anomalies", (Role.OFFICER,), 200),
    ],
)
async def test_who_may_ask(world: World, path: str, roles: tuple[Role, ...], status: int):
    options = {"enterprise": "E1"} if Role.ENTERPRISE in roles else {}

    assert (await world.http(path, *roles, **options)).status_code == status


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=1001", "cursor=nonsense", f"cursor={encode_cursor('2026-03-01', 'x')}",
        f"cursor={encode_cursor('soon', '46dc5b96-bd0a-45d8-886d-87e8f72dd2f7')}", f"cursor={encode_cursor(1, 2, 3)}",
        "factor=a%20b",
        "rule=a%27b", "state=maybe", "since=2026-03-01T00:00:00", "until=never", "enterprise_id=7",
        f"factor={'x' * 41}", "since=0001-01-01T00:00:00%2B08:00", "until=9999-12-31T23:59:59-08:00",
    ],
)  # fmt: skip
async def test_nonsense_is_refused_and_named(world: World, query: str):
    answer = await world.http(f"/v1/anomalies?{query}", Role.SUPERVISOR)

    assert answer.status_code == 422
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert query.split("=", maxsplit=1)[0] in answer.text


async def test_a_cursor_without_a_zone_is_taken_as_a_time(world: World):
    await populate(world)
    query = encode_cursor("2026-03-02T00:00:00", str(UUID(int=0)))

    assert (await world.http(f"/v1/anomalies?cursor={query}", Role.SUPERVISOR)).status_code == 200


async def test_rules_say_what_they_check_and_why(world: World):
    rules = {rule.code: rule for rule in await world.as_(Role.ENTERPRISE, enterprise="E1").list_rules()}

    assert set(rules) == {rule.code for rule in load_rulebook().rules}
    constant = rules["CONST"]
    assert (constant.name_zh, constant.nature, constant.valid_from) == ("恒值", "N2", "2016-01-01")
    assert "环发〔2015〕175号" in constant.source
    assert constant.parameters["judges"] == ["hour", "minute"]
    assert constant.parameters["settings"][0]["values"]["min_points"] == 6
    assert rules["RANGE"].parameters["settings"][0]["values"]["low"] is None


async def test_it_is_ready_with_its_schema(world: World):
    assert (await world.http("/readyz")).status_code == 200
    async with world.app.state.db.transaction() as session:
        await (await session.connection()).exec_driver_sql("update alembic_version set version_num = 'older'")
    answer = await world.http("/readyz")

    assert answer.status_code == 503
    assert "sanse migrate" in answer.text


async def test_open_anomalies_are_summed_up_by_outlet(world: World):
    opened = [one for one in await populate(world) if one.state == "open"]
    every = await world.anomalies(state="open")

    found = {one.enterprise_id: one for one in await world.as_(Role.SUPERVISOR).open_summary()}

    assert set(found) == {one.enterprise_id for one in opened} == {enterprise_uuid("E1"), enterprise_uuid("E2")}
    for one in found.values():
        own = sorted((a for a in every if a.outlet_id == one.outlet_id), key=lambda a: a.severity)
        assert (one.a + one.b + one.c, one.worst[0].severity) == (len(own), own[0].severity)
        assert {worst.id for worst in one.worst} <= {a.id for a in own}
    mine = await world.as_(Role.ENTERPRISE, enterprise="E1").open_summary()
    assert [one.enterprise_id for one in mine] == [enterprise_uuid("E1")]
    assert await world.as_(Role.ENTERPRISE, enterprise="E9").open_summary() == []
    assert (await world.http("/v1/anomalies/open-summary")).status_code == 401


async def test_what_rules_have_done_is_counted_by_rule(world: World):
    found = await populate(world)
    world.clock.set(at(70))
    staff = world.as_(Role.SUPERVISOR)

    activity = await staff.get_activity(30)

    hour = next(one for one in activity.rules if one.rule == "EX-H")
    assert (hour.open, hour.anomalies, hour.outlets, activity.outlets) == (2, len(found), 2, 2)
    assert (hour.hits, hour.suppressed) == (6, 0)
    assert hour.burden == pytest.approx(3.0)
    assert hour.last_at == at(60)
    own = await world.as_(Role.ENTERPRISE, enterprise="E1").get_activity(30)
    assert (own.outlets, next(one for one in own.rules if one.rule == "EX-H").hits) == (1, 3)
    assert (await world.as_(Role.ENTERPRISE, enterprise="E9").get_activity(30)).rules == []
    world.clock.set(at(24 * 90))
    later = next(one for one in (await staff.get_activity(30)).rules if one.rule == "EX-H")
    assert (later.open, later.anomalies, later.hits) == (2, 0, 0)
    assert (await world.http("/v1/rules/activity?days=0", Role.SUPERVISOR)).status_code == 422


async def test_rules_tell_grades_and_bounds(world: World):
    rules = {rule.code: rule for rule in await world.as_(Role.SUPERVISOR).list_rules()}

    constant = rules["CONST"]
    assert (constant.check, constant.severity, constant.raises[0].after_hours) == ("constant", "C", 24.0)
    assert constant.raises[0].nature == "N4"
    assert {one.name for one in constant.bounds} >= set(constant.settings[0].values)
    assert rules["EX-H"].hazardous == "A"


async def test_the_evaluation_is_for_staff_and_systems(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    told = await world.as_(Role.SERVICE).get_evaluation()
    assert told == await world.as_(Role.AUDITOR).get_evaluation()
    assert told.bars
    assert (await world.http("/v1/evaluation", Role.ENTERPRISE, enterprise="E1")).status_code == 403
    assert (await world.http("/v1/evaluation")).status_code == 401
    monkeypatch.setattr(evaluation, "FILE", tmp_path / "none.json")
    assert (await world.http("/v1/evaluation", Role.SUPERVISOR)).json()["code"] == "evaluation_missing"

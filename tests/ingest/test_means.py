"""Means made from the service's own outbox: late data, corrections, marks, versions, kills, any order of arrival."""

import asyncio
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from services.ingest.service import mean_work
from services.ingest.service.mean_makers import Makers
from services.ingest.service.mean_work import MeanWork
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest import DeviceIn, Medium, OutletFactor, ReadingKind
from shared.contracts.ingest.marks import MarkIn
from shared.contracts.ingest.means import (
    Agreement,
    Basis,
    MeanKind,
    MeanSettingsIn,
    MeansEvent,
    MeanState,
    RateUnit,
    RecomputeIn,
    Why,
)
from shared.db import plain_dsn
from tests.ingest.conftest import NOW, Ingest

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
T = datetime(2026, 2, 28, 0, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 2, 26, 16, 0, tzinfo=UTC)
"""Start of 2026-02-27 in Beijing."""
FACTORS = [
    OutletFactor(factor="w01018", unit="mg/L", resolution=0.1), OutletFactor(factor="w00000", unit="L/s"),
]  # fmt: skip


async def make(ingest: Ingest) -> int:
    return int(await ingest.app.state.means.run(60))


async def send_minutes(ingest: Ingest, outlet: UUID, start: datetime, values: list[float], **flags: str) -> None:
    rows = [(start + timedelta(minutes=i), {"w01018": value, "w00000": 10.0}) for i, value in enumerate(values)]
    await ingest.send(outlet, ReadingKind.MINUTE, *rows, **flags)


async def hours(ingest: Ingest, outlet: UUID, factor: str = "w01018", kind: MeanKind = MeanKind.HOUR) -> list[Any]:
    return (await ingest.client.list_means(outlet, kind, T - 60 * DAY, NOW + DAY, factor=factor)).items


async def rows_of(ingest: Ingest, query: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(plain_dsn(ingest.url))
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def means_told(ingest: Ingest) -> list[tuple[str, list[int]]]:
    answer = await ingest.http.get("/v1/feed", headers=ingest.tokens.headers(Role.SERVICE))
    return [
        (batch.kind.value, batch.times)
        for event in answer.json()
        if event["type"] == "ingest.means.changed.v1"
        for batch in MeansEvent.model_validate(event["data"]).batches
    ]


async def test_an_hour_is_made_from_minutes_with_the_reported_mean_beside_it(ingest: Ingest) -> None:
    outlet = await ingest.outlet(factors=FACTORS)
    await send_minutes(ingest, outlet, T, [20.0] * 30 + [50.0] * 30)
    await ingest.send(outlet, ReadingKind.HOUR, (T, {"w01018": 40.0}))
    await make(ingest)
    (mean,) = await hours(ingest, outlet)
    (day,) = await hours(ingest, outlet, kind=MeanKind.DAY)
    beyond = (await ingest.client.list_differences(T - DAY, NOW)).items
    told = await means_told(ingest)

    # 35 mg/L at 10 L/s even: weighted 35.0; 36 m³ → 1.26 kg
    assert (mean.value, mean.emission, mean.state, mean.basis) == (35.0, 1.26, MeanState.VALID, Basis.MINUTES)
    assert (mean.reported, mean.difference, mean.agreement) == (40.0, -5.0, Agreement.BEYOND)
    assert (mean.rev, mean.why, mean.late, mean.rule, mean.valid) == (0, Why.PERIOD_END, False, "water-hj356/1", 60)
    assert (day.state, day.valid, day.reasons) == (MeanState.FEW, 1, {"missing": 23})
    assert [(item.outlet_id, item.factor, item.difference) for item in beyond] == [(outlet, "w01018", -5.0)]
    assert ("hour", [int(T.timestamp())]) in told
    assert ("day", [int((T - 8 * HOUR).timestamp())]) in told


async def test_late_data_and_corrections_make_versions_and_old_ones_are_kept(ingest: Ingest) -> None:
    outlet = await ingest.outlet(factors=FACTORS)
    await send_minutes(ingest, outlet, T - HOUR, [1.0] * 60)
    await send_minutes(ingest, outlet, NOW, [20.0] * 40)
    ingest.clock.advance(timedelta(minutes=66))
    await make(ingest)
    ingest.clock.advance(HOUR)
    await send_minutes(ingest, outlet, NOW + timedelta(minutes=40), [20.0] * 20)
    await make(ingest)
    await send_minutes(ingest, outlet, NOW, [20.0] * 59 + [80.0])
    await make(ingest)
    await make(ingest)
    versions = await ingest.client.list_mean_versions(outlet, MeanKind.HOUR, "w01018", NOW)

    assert [(item.rev, item.value, item.state, item.why) for item in versions] == [
        (2, 21.0, MeanState.VALID, Why.CORRECTION), (1, 20.0, MeanState.VALID, Why.LATE_DATA),
        (0, 20.0, MeanState.FEW, Why.PERIOD_END),
    ]  # fmt: skip
    assert [item.replaced_at is None for item in versions] == [True, False, False]
    assert len({item.digest for item in versions}) == 3
    assert versions[0].late


async def test_an_hour_waits_until_it_is_over(ingest: Ingest) -> None:
    outlet = await ingest.outlet(factors=FACTORS)
    await send_minutes(ingest, outlet, NOW, [20.0] * 50)
    ingest.clock.advance(timedelta(minutes=64))
    await make(ingest)
    early = await hours(ingest, outlet)
    waiting = await ingest.client.mean_progress()
    ingest.clock.advance(timedelta(minutes=1))
    due = await ingest.client.mean_progress()
    await make(ingest)

    assert (early, waiting.periods_due, due.periods_due, due.events_behind) == ([], 0, 1, 0)
    assert [mean.value for mean in await hours(ingest, outlet)] == [20.0]


async def test_marks_change_means_and_rates(ingest: Ingest) -> None:
    outlet = await ingest.outlet(factors=FACTORS)
    rows = [(MIDNIGHT + i * HOUR, {"w01018": 30.0, "w00000": 10.0}) for i in range(24)]
    await ingest.send(outlet, ReadingKind.HOUR, *rows)
    await make(ingest)
    before = (await ingest.client.list_outlet_days(outlet, date(2026, 2, 27), date(2026, 2, 28)))[0]
    codes = (await ingest.http.get("/v1/marks/codes", headers=ingest.tokens.headers(Role.SUPERVISOR))).json()
    for effect, since in (("stopped", 2), ("invalid", 6)):
        code = next(item["code"] for item in codes if item["effect"] == effect and not item["trades"])
        mark = MarkIn(
            outlet_id=outlet, code=code, since=MIDNIGHT + since * HOUR, until=MIDNIGHT + (since + 3) * HOUR,
            reason="计划检修", submitted_at=NOW,
        )  # fmt: skip
        await ingest.client.add_mark(mark)
    await make(ingest)
    after = (await ingest.client.list_outlet_days(outlet, date(2026, 2, 27), date(2026, 2, 28)))[0]
    (whole,) = await ingest.client.completeness(MIDNIGHT, MIDNIGHT + DAY)
    (part,) = await ingest.client.completeness(MIDNIGHT + 4 * HOUR, MIDNIGHT + 8 * HOUR)
    means = await hours(ingest, outlet)

    assert (before.states, before.tvr) == ("V" * 24, 1.0)
    assert after.states == "VVSSSVMMM" + "V" * 15
    assert (after.stopped, after.expected, after.received, after.valid) == (3, 21, 21, 18)
    assert (after.transmission, after.capture) == (1.0, pytest.approx(18 / 21))
    assert (whole.expected_hours, whole.received_hours, whole.valid_hours) == (21, 21, 18)
    assert (part.expected_hours, part.received_hours, part.valid_hours) == (3, 3, 1)
    assert {(mean.rev, mean.why) for mean in means if mean.state is MeanState.MARK} == {(1, Why.MARK_CHANGE)}


async def test_silent_hours_are_missing_and_late_ones_are_told(ingest: Ingest) -> None:
    outlet = await ingest.outlet(factors=FACTORS)
    await ingest.send(outlet, ReadingKind.HOUR, (NOW - HOUR, {"w01018": 30.0}))
    await make(ingest)
    ingest.clock.advance(4 * HOUR + timedelta(minutes=6))
    await make(ingest)
    silent = (await ingest.client.list_outlet_days(outlet, date(2026, 3, 1), date(2026, 3, 2)))[0]
    await ingest.send(outlet, ReadingKind.HOUR, (NOW + HOUR, {"w01018": 30.0}))
    await make(ingest)
    caught = (await ingest.client.list_outlet_days(outlet, date(2026, 3, 1), date(2026, 3, 2)))[0]

    # 12:00 in Beijing now: eleven blank hours before the first reading, then it, then silence
    assert silent.states == " " * 11 + "V...." + " " * 8
    assert (silent.expected, silent.received, silent.tvr) == (5, 1, 0.2)
    assert (caught.states[11:16], caught.late_hours, caught.late) == ("V.V..", [13], 1)


async def test_rates_by_day_month_and_quarter_agree(ingest: Ingest) -> None:
    outlet, other = await ingest.outlet("A", factors=FACTORS), await ingest.outlet("B", factors=FACTORS)
    start = datetime(2026, 1, 30, 16, 0, tzinfo=UTC)
    rows = [(start + i * HOUR, {"w01018": 30.0}) for i in range(48) if i not in {5, 30, 31}]
    await ingest.send(outlet, ReadingKind.HOUR, *rows)
    await make(ingest)

    async def rates(unit: RateUnit, until: datetime) -> list[tuple[str, int, int]]:
        page = await ingest.client.list_rates(unit, start, until, outlet_id=outlet)
        return [(item.at.isoformat(), item.expected, item.valid) for item in page.items]

    assert await rates(RateUnit.DAY, start + 2 * DAY) == [
        ("2026-01-30T16:00:00+00:00", 24, 23), ("2026-01-31T16:00:00+00:00", 24, 22),
    ]  # fmt: skip
    months = await rates(RateUnit.MONTH, NOW - 20 * DAY)
    assert [item[1:] for item in months] == [(24, 23), (28 * 24, 22)]
    quarter = await rates(RateUnit.QUARTER, NOW)
    assert [item[1:] for item in quarter] == [(29 * 24 + 11, 45)]  # the hour that ends now is not due yet
    first = await ingest.client.list_rates(RateUnit.QUARTER, start, NOW, limit=1)
    second = await ingest.client.list_rates(RateUnit.QUARTER, start, NOW, limit=1, cursor=first.next)
    assert [first.items[0].outlet_id, second.items[0].outlet_id] == [outlet, other]
    assert (second.items[0].expected, second.items[0].tvr, second.next) == (0, None, None)


class Killed(Exception):  # noqa: N818 - what a kill looks like from inside
    pass


@pytest.mark.parametrize("moment", ["before the end", "between the steps"])
async def test_killed_and_run_again_there_are_the_same_rows_and_no_double_version(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    outlet = await ingest.outlet(factors=FACTORS)
    for hour in range(3):
        await send_minutes(ingest, outlet, T + hour * HOUR, [20.0 + hour] * 60)
    if moment == "before the end":
        real = Makers.make

        async def die(self: Makers, *args: Any) -> Any:
            await real(self, *args)
            raise Killed

        monkeypatch.setattr(Makers, "make", die)
        with pytest.raises(Killed):
            await ingest.app.state.means.run(60)
        monkeypatch.undo()
        assert await rows_of(ingest, "select 1 from derived_value") == []
    else:
        await ingest.app.state.means.read_news()
    state = ingest.app.state
    other = MeanWork(state.db, state.intake, ingest.clock, "CN")
    await asyncio.gather(other.run(60), state.means.run(60))
    await make(ingest)

    assert [(mean.value, mean.rev) for mean in await hours(ingest, outlet)] == [(20.0, 0), (21.0, 0), (22.0, 0)]
    assert await rows_of(ingest, "select 1 from derived_revision where kind = 3") == []
    assert await rows_of(ingest, "select 1 from mean_task where due_at <= '2026-03-01T04:00Z'") == []
    told = [at for kind, times in await means_told(ingest) if kind == "hour" for at in times]
    assert sorted(told) == [int((T + i * HOUR).timestamp()) for i in range(3)]


@pytest.mark.parametrize("seed", range(2))
async def test_any_order_of_arrival_gives_the_same_values(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(mean_work, "EVENTS_A_STEP", 2)
    chance = random.Random(seed)  # noqa: S311 - reproducible
    outlets = [await ingest.outlet(code, factors=FACTORS) for code in ("A", "B")]
    for outlet, shuffled in zip(outlets, (False, True), strict=True):
        pieces: list[tuple[ReadingKind, list[tuple[datetime, dict[str, float | None]]]]] = []
        for hour in range(26):
            at = MIDNIGHT + hour * HOUR
            values = [20.0 + (hour * 7 + i) % 13 for i in range(60)]
            rows = [(at + timedelta(minutes=i), {"w01018": v, "w00000": 5.0 + i % 3}) for i, v in enumerate(values)]
            pieces += [(ReadingKind.MINUTE, rows[:35]), (ReadingKind.MINUTE, rows[35 : 60 - hour])]
            pieces.append((ReadingKind.HOUR, [(at, {"w01018": values[0]})]))
        pieces.append((ReadingKind.DAY, [(MIDNIGHT, {"w01018": 25.0})]))
        if shuffled:
            chance.shuffle(pieces)
        for number, (kind, rows) in enumerate(pieces):
            await ingest.send(outlet, kind, *rows) if rows else None
            if number % 10 == seed:
                await make(ingest)
        await make(ingest)
    ordered, mixed = [
        [
            (item.at, item.factor, item.value, item.emission, item.state, item.reasons, item.basis, item.digest)
            for kind in MeanKind
            for item in (await ingest.client.list_means(outlet, kind, T - 60 * DAY, NOW)).items
        ]
        for outlet in outlets
    ]
    days = [await ingest.client.list_outlet_days(outlet, date(2026, 2, 27), date(2026, 3, 1)) for outlet in outlets]

    assert len(ordered) == 2 * (26 + 2 + 1)
    assert mixed == ordered
    assert [day.states for day in days[0]] == [day.states for day in days[1]]


async def test_gaps_of_emission_are_filled_apart_and_given_up_when_data_come(ingest: Ingest) -> None:
    outlet = await ingest.outlet(factors=FACTORS)
    gap = {10, 11}
    rows = [(MIDNIGHT + i * HOUR, {"w01018": 20.0 + i, "w00000": 10.0}) for i in range(24) if i not in gap]
    await ingest.send(outlet, ReadingKind.HOUR, *rows)
    await make(ingest)
    filled = (await ingest.client.list_substitutes(outlet, MIDNIGHT, MIDNIGHT + DAY)).items
    await ingest.send(outlet, ReadingKind.HOUR, (MIDNIGHT + 10 * HOUR, {"w01018": 1.0, "w00000": 1.0}))
    await make(ingest)
    left = (await ingest.client.list_substitutes(outlet, MIDNIGHT, MIDNIGHT + DAY, factor="w01018")).items
    history = await rows_of(
        ingest, "select rev, replaced_at is null from substituted_value order by point, factor, at, rev"
    )

    # two hours before the gap: 28 and 29 mg/L → 28.5; 10 L/s → 36 m³ → 1.026 kg. After the correction the gap is one
    # hour long and the one before it has 1 mg/L.
    assert [(item.factor, item.value, item.emission, item.hours, item.gap_hours) for item in filled] == [
        ("w00000", 10.0, None, 2, 2), ("w01018", 28.5, pytest.approx(1.026), 2, 2),
    ] * 2  # fmt: skip
    assert {(item.rule, item.statistic, item.provisional) for item in filled} == {("HJ356/1", "mean", True)}
    assert [(item.at, item.value, item.rev) for item in left] == [(MIDNIGHT + 11 * HOUR, 1.0, 1)]
    assert (0, False) in history
    assert await rows_of(ingest, "select 1 from derived_value where kind = 3 and at = '2026-02-27T03:00Z'") == []


async def test_settings_change_means_when_a_span_is_made_again(ingest: Ingest) -> None:
    units = {"a21002": "mg/m³", "a19001": "%", "a00000": "m³/s"}
    outlet = await ingest.outlet(
        medium=Medium.GAS, factors=[OutletFactor(factor=code, unit=unit) for code, unit in units.items()]
    )
    await ingest.client.add_device(DeviceIn(outlet_id=outlet, mn="MN-GAS"))
    await ingest.send(outlet, ReadingKind.HOUR, (T, {"a21002": 30.0, "a19001": 9.0, "a00000": 42.0}))
    await make(ingest)
    (before,) = await hours(ingest, outlet, "a21002")
    settings = await ingest.client.set_mean_settings(outlet, MeanSettingsIn(reference_oxygen=6.0))
    put = await ingest.client.recompute_means(
        outlet, RecomputeIn(since=T, until=T + 3 * HOUR, reason="许可证注明基准氧")
    )
    await make(ingest)
    (after,) = await hours(ingest, outlet, "a21002")

    assert (before.converted, before.emission) == (None, 4.536)
    assert (settings.oxygen_in_force, settings.rule, settings.version) == (6.0, "gas-hj75/1", 1)
    assert (put.hours, after.converted, after.rev, after.why) == (3, 37.5, 1, Why.RULE_CHANGE)
    audited = await rows_of(ingest, "select payload::text like '%means.recompute%' from audit_entry")
    assert (True,) in audited
    with pytest.raises(ServiceCallError) as refused:
        await ingest.client.set_mean_settings(outlet, MeanSettingsIn(rule_set="water-hj356"))
    assert refused.value.status == 422


async def test_an_enterprise_sees_and_changes_nothing_of_another(ingest: Ingest) -> None:
    mine, theirs = await ingest.outlet("A", "E1", factors=FACTORS), await ingest.outlet("B", "E2", factors=FACTORS)
    for outlet in (mine, theirs):
        await send_minutes(ingest, outlet, T, [20.0] * 60)
        await ingest.send(outlet, ReadingKind.HOUR, (T, {"w01018": 40.0}))
    await make(ingest)
    enterprise = await ingest.enterprise("E1")
    client = ingest.as_(Role.ENTERPRISE, enterprise_id=enterprise)
    calls = [
        client.list_means(theirs, MeanKind.HOUR, T, NOW),
        client.list_mean_versions(theirs, MeanKind.HOUR, "w01018", T),
        client.list_substitutes(theirs, T, NOW),
        client.get_mean_settings(theirs),
        client.list_outlet_days(theirs, date(2026, 2, 1), date(2026, 2, 2)),
        client.list_differences(T, NOW, outlet_id=theirs),
        client.list_rates(RateUnit.DAY, T, NOW, enterprise_id=await ingest.enterprise("E2")),
    ]
    statuses = []
    for call in calls:
        with pytest.raises(ServiceCallError) as refused:
            await call
        statuses.append(refused.value.status)
    forbidden = []
    for write in (
        client.recompute_means(mine, RecomputeIn(since=T, until=NOW, reason="x")),
        client.set_mean_settings(mine, MeanSettingsIn()),
    ):
        with pytest.raises(ServiceCallError) as refused:
            await write
        forbidden.append(refused.value.status)

    assert statuses == [404] * 7
    assert forbidden == [403, 403]
    assert len((await client.list_means(mine, MeanKind.HOUR, T, NOW)).items) == 2
    assert {item.outlet_id for item in (await client.list_differences(T, NOW)).items} == {mine}
    assert {item.outlet_id for item in (await client.list_rates(RateUnit.DAY, T, T + HOUR)).items} == {mine}
    assert {item.outlet_id for item in await client.completeness(T, NOW)} == {mine}


async def test_lists_are_paged_and_bounded(ingest: Ingest) -> None:
    outlet = await ingest.outlet(factors=FACTORS)
    await ingest.send(outlet, ReadingKind.HOUR, *[(T + i * HOUR, {"w01018": 1.0, "w00000": 2.0}) for i in range(3)])
    await make(ingest)
    seen, cursor = [], None
    while True:
        page = await ingest.client.list_means(outlet, MeanKind.HOUR, T, NOW, limit=2, cursor=cursor)
        seen += [(item.at, item.factor) for item in page.items]
        cursor = page.next
        if cursor is None:
            break
    headers = ingest.tokens.headers(Role.SUPERVISOR)
    wide = {"since": "2020-01-01T00:00Z", "until": "2026-01-01T00:00Z"}
    span = {"since": T.isoformat(), "until": NOW.isoformat()}
    bad = [
        (f"/v1/outlets/{outlet}/means", wide | {"kind": "hour"}, 413),
        (f"/v1/outlets/{outlet}/means", span | {"kind": "hour", "cursor": "xx"}, 422),
        (f"/v1/outlets/{outlet}/means", span | {"kind": "week"}, 422),
        (f"/v1/outlets/{outlet}/means/history", {"kind": "hour", "factor": "zzz", "at": T.isoformat()}, 404),
        (f"/v1/outlets/{outlet}/days", {"since": "2026-01-02", "until": "2026-01-01"}, 422),
        (
            "/v1/rates",
            {"unit": "day", "since": "2026-01-01T00:00Z", "until": "2026-12-01T00:00Z", "limit": "1000"},
            413,
        ),
    ]
    statuses = [(await ingest.http.get(path, params=query, headers=headers)).status_code for path, query, _ in bad]

    assert seen == [(T + i * HOUR, code) for i in range(3) for code in ("w00000", "w01018")]
    assert statuses == [status for _, _, status in bad]
    definition = await ingest.client.rate_definition()
    assert {state.letter for state in definition.hour_states} == set("VFSMDE.")

"""The watch list's data: newest values, limits, marks, links, and who sees which outlets."""

from datetime import timedelta

import pytest

from shared.auth import Role
from shared.contracts.ingest import LimitIn, LinkState, ReadingKind, enterprise_uuid
from shared.contracts.ingest.live import OutletLive
from shared.contracts.ingest.marks import MarkIn
from tests.ingest.conftest import NOW, Ingest

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
COD, AMMONIA = "w01018", "w21003"


async def live(ingest: Ingest) -> dict[str, OutletLive]:
    return {one.code: one for one in (await ingest.client.list_live()).items}


async def test_each_factor_has_its_newest_value_against_its_limit(ingest: Ingest) -> None:
    outlet = await ingest.outlet(mn="MN-1")
    await ingest.client.add_limit(LimitIn(outlet_id=outlet, factor=COD, upper=50.0, valid_from=NOW - 900 * HOUR))
    await ingest.send(outlet, ReadingKind.HOUR, (NOW - 2 * HOUR, {COD: 40.0, AMMONIA: 1.0}))
    await ingest.send(outlet, ReadingKind.MINUTE, (NOW - 9 * MINUTE, {COD: 61.0}), (NOW - 8 * MINUTE, {COD: None}))
    await ingest.send(outlet, ReadingKind.MINUTE, (NOW + HOUR, {COD: 1.0}))

    one = (await live(ingest))["W1"]

    assert [(v.factor, v.kind, v.value, v.at) for v in one.values] == [
        (COD, ReadingKind.MINUTE, None, NOW - 8 * MINUTE),
        (AMMONIA, ReadingKind.HOUR, 1.0, NOW - 2 * HOUR),
    ]
    assert (one.last_at, one.silent, one.link) == (NOW - 8 * MINUTE, False, LinkState.NEVER)

    await ingest.send(outlet, ReadingKind.MINUTE, (NOW - 7 * MINUTE, {COD: 61.0}))
    value = (await live(ingest))["W1"].values[0]
    assert (value.upper, value.share, value.exceeding) == (50.0, pytest.approx(1.22), True)
    await ingest.send(outlet, ReadingKind.MINUTE, (NOW - 6 * MINUTE, {COD: 61.0}), w01018="D")
    assert not (await live(ingest))["W1"].values[0].exceeding


async def test_silence_is_told_unless_the_outlet_stands_still_by_a_mark(ingest: Ingest) -> None:
    spoke, still, never = [await ingest.outlet(code) for code in ("W1", "W2", "W3")]
    for outlet in (spoke, still):
        await ingest.send(outlet, ReadingKind.MINUTE, (NOW - HOUR, {COD: 40.0}))
    mark = MarkIn(outlet_id=still, code="stopped", since=NOW - HOUR, reason="检修停产，已报备")
    made = await ingest.as_(Role.ENTERPRISE, enterprise_id=enterprise_uuid("E1")).add_mark(mark)

    found = await live(ingest)

    assert {code: one.silent for code, one in found.items()} == {"W1": True, "W2": False, "W3": True}
    assert [(mark.no, mark.code_en) for mark in found["W2"].marks] == [(made.no, "Stopped")]
    assert found["W3"].last_at is None
    assert never == found["W3"].outlet_id


async def test_an_enterprise_sees_its_own_and_pages_follow_each_other(ingest: Ingest) -> None:
    for code, firm in (("W1", "E1"), ("W2", "E2"), ("W3", "E1")):
        await ingest.outlet(code, firm)
    await ingest.outlet("W4", "E1", active=False)
    own = ingest.as_(Role.ENTERPRISE, enterprise_id=enterprise_uuid("E1"))

    first = await ingest.client.list_live(limit=2)
    rest = await ingest.client.list_live(limit=2, cursor=first.next)

    assert [one.code for one in [*first.items, *rest.items]] == ["W1", "W2", "W3"]
    assert rest.next is None
    assert [one.code for one in (await own.list_live()).items] == ["W1", "W3"]
    assert (await own.list_live(enterprise_id=enterprise_uuid("E2"))).items == []
    answer = await ingest.http.get("/v1/live", headers=ingest.tokens.headers())
    assert answer.status_code == 403
    assert (await ingest.http.get("/v1/live")).status_code == 401

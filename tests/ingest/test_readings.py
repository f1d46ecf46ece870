from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest import (
    LimitIn,
    OutletFactor,
    ReadingKind,
    ReadingRow,
    ReadingsAccepted,
    ReadingsEvent,
    ReadingsIn,
)
from shared.db import plain_dsn
from tests.ingest.conftest import NOW, Ingest

HOUR = timedelta(hours=1)
T = datetime(2026, 2, 28, 0, 0, tzinfo=UTC)
BULK: dict[str, Any] = {"kind": "hour", "rows": [{"at": "2026-02-28T00:00:00Z", "values": {"w01018": 30.0}}]}


async def feed_of(ingest: Ingest, after: int = 0) -> list[dict[str, Any]]:
    answer = await ingest.http.get("/v1/feed", params={"after": after}, headers=ingest.tokens.headers(Role.SERVICE))
    events: list[dict[str, Any]] = answer.json()
    return events


async def batches_of(ingest: Ingest) -> list[tuple[str, list[int], list[int]]]:
    events = [event for event in await feed_of(ingest) if event["type"] == "ingest.readings.accepted.v1"]
    return [
        (batch.kind.value, batch.times, batch.corrected)
        for event in events
        for batch in ReadingsEvent.model_validate(event["data"]).batches
    ]


@pytest.mark.parametrize("kind", list(ReadingKind))
async def test_each_row_is_stored_corrected_or_unchanged(ingest: Ingest, kind: ReadingKind) -> None:
    outlet = await ingest.outlet()
    first = await ingest.send(outlet, kind, (T, {"w01018": 30.0, "w21003": 1.5}), (T + HOUR, {"w01018": 31.0}))
    again = await ingest.send(outlet, kind, (T, {"w01018": 30.0, "w21003": 1.5}), (T + HOUR, {"w01018": 31.0}))
    mixed = await ingest.send(
        outlet, kind, (T, {"w01018": 30.0}), (T + HOUR, {"w01018": None}), (T + HOUR, {"w21003": 1.1}),
        (T + 2 * HOUR, {"w01018": 32.0}), (T + 2 * HOUR, {"w01018": 33.0}),
    )  # fmt: skip
    table = await ingest.client.read_arrow([outlet], kind, T, T + 2 * HOUR)
    read = {(row["factor"], row["at"]): row["value"] for row in table.to_pylist()}
    t = int(T.timestamp())

    assert (first, again, mixed) == ((2, 0, 0), (0, 0, 2), (2, 2, 1))
    assert read == {
        ("w01018", T): 30.0, ("w01018", T + HOUR): None, ("w01018", T + 2 * HOUR): 33.0,
        ("w21003", T): 1.5, ("w21003", T + HOUR): 1.1,
    }  # fmt: skip
    assert await batches_of(ingest) == [
        (kind.value, [t, t + 3600], []),
        (kind.value, [t + 3600, t + 7200], [t + 3600, t + 7200]),
    ]


async def test_replaced_hour_means_keep_their_history(ingest: Ingest) -> None:
    outlet = await ingest.outlet()
    for value in (30.0, 30.0, 28.5, 29.0):
        ingest.clock.advance(HOUR)
        await ingest.send(outlet, ReadingKind.HOUR, (T, {"w01018": value}))
    connection = await asyncpg.connect(plain_dsn(ingest.url))
    try:
        history = await connection.fetch(
            "select v.rev, v.value, s.name, v.received_at, v.replaced_at from reading_revision v"
            " join reading_source s on s.id = v.source order by rev"
        )
    finally:
        await connection.close()

    assert [tuple(row) for row in history] == [
        (0, 30.0, "api:loader", NOW + HOUR, NOW + 3 * HOUR),
        (1, 28.5, "api:loader", NOW + 3 * HOUR, NOW + 4 * HOUR),
    ]


async def test_json_and_arrow_say_the_same(ingest: Ingest) -> None:
    one, two = await ingest.outlet("W1"), await ingest.outlet("W2")
    await ingest.send(
        one, ReadingKind.MINUTE, (T, {"w01018": 30.0, "x-9": None}), (T + HOUR, {"w01018": 1.0}), w01018="D"
    )
    await ingest.send(two, ReadingKind.MINUTE, (T, {"w01018": 31.25}))
    query = {"outlet_id": [str(one), str(two)], "kind": "minute", "since": T.isoformat(), "until": T.isoformat()}
    answer = await ingest.http.get("/v1/readings", params=query, headers=ingest.tokens.headers(Role.SUPERVISOR))
    table = await ingest.client.read_arrow([one, two], ReadingKind.MINUTE, T, T)

    assert answer.json() == [
        {"outlet_id": str(one), "factor": "w01018", "at": "2026-02-28T00:00:00Z", "value": 30.0, "flag": "D"},
        {"outlet_id": str(one), "factor": "x-9", "at": "2026-02-28T00:00:00Z", "value": None, "flag": "N"},
        {"outlet_id": str(two), "factor": "w01018", "at": "2026-02-28T00:00:00Z", "value": 31.25, "flag": "N"},
    ]
    assert [{**row, "at": row["at"].isoformat().replace("+00:00", "Z")} for row in table.to_pylist()] == answer.json()
    assert {field.name: str(field.type) for field in table.schema} == {
        "outlet_id": "string", "factor": "string", "at": "timestamp[us, tz=UTC]", "value": "double", "flag": "string",
    }  # fmt: skip


WRONG: list[tuple[str, dict[str, Any] | bytes, int, str]] = [
    ("no JSON", b"{", 422, "body"),
    ("not UTF-8", b'{"kind": "\xff"}', 422, "body"),
    ("NaN", b'{"outlet_id": "%s", "kind": "hour", "rows": [{"at": "2026-02-28T00:00:00Z", "values": {"a": NaN}}]}', 422,
     "body"),
    ("infinite",
     b'{"outlet_id": "%s", "kind": "hour", "rows": [{"at": "2026-02-28T00:00:00Z", "values": {"a": 1e999}}]}', 422,
     "rows[0].values[...]"),
    ("unknown field", {**BULK, "colour": 1}, 422, "body"),
    ("unknown kind", {**BULK, "kind": "week"}, 422, "kind"),
    ("no rows", {**BULK, "rows": []}, 422, "rows"),
    ("too many rows", {**BULK, "rows": BULK["rows"] * 1001}, 422, "rows"),
    ("too many values",
     {**BULK, "rows": [{"at": "2026-02-28T00:00:00Z", "values": dict.fromkeys(map(str, range(201)), 1)}]}, 422,
     "rows[0].values"),
    ("no zone", {**BULK, "rows": [{"at": "2026-02-28T00:00:00", "values": {}}]}, 422, "rows[0].at"),
    ("part of a second", {**BULK, "rows": [{"at": "2026-02-28T00:00:00.5Z", "values": {}}]}, 422, "rows[0].at"),
    ("two days ahead", {**BULK, "rows": [*BULK["rows"], {"at": "2026-03-03T00:00:00Z", "values": {}}]}, 422,
     "rows[1].at"),
    ("unset clock", {**BULK, "rows": [{"at": "1999-12-31T00:00:00Z", "values": {}}]}, 422, "rows[0].at"),
    ("text for a number", {**BULK, "rows": [{"at": "2026-02-28T00:00:00Z", "values": {"a": "1"}}]}, 422,
     "rows[0].values[...]"),
    ("bad code", {**BULK, "rows": [{"at": "2026-02-28T00:00:00Z", "values": {"a b": 1}}]}, 422, "rows[0].values"),
    ("flag without value", {**BULK, "rows": [{"at": "2026-02-28T00:00:00Z", "values": {}, "flags": {"a": "D"}}]}, 422,
     "rows[0].flags.a"),
    ("long flag", {**BULK, "rows": [{"at": "2026-02-28T00:00:00Z", "values": {"a": 1}, "flags": {"a": "DD"}}]}, 422,
     "rows[0].flags.a"),
    ("unknown outlet", {**BULK, "outlet_id": "00000000-0000-0000-0000-00000000000f"}, 404, ""),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "where"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
async def test_bad_bulk_is_refused_with_the_place(
    ingest: Ingest, body: dict[str, Any] | bytes, status: int, where: str
) -> None:
    outlet = str(await ingest.outlet())
    headers = ingest.tokens.headers(Role.SERVICE)
    if isinstance(body, bytes):
        content = body.replace(b"%s", outlet.encode())
        answer = await ingest.http.post("/v1/readings", content=content, headers=headers)
    else:
        answer = await ingest.http.post("/v1/readings", json={"outlet_id": outlet, **body}, headers=headers)

    assert answer.status_code == status
    assert [error["where"] for error in answer.json()["errors"]] == ([where] if where else [])
    assert (await feed_of(ingest))[2:] == []


async def test_idempotency_key_answers_a_repeat_and_refuses_another_body(ingest: Ingest) -> None:
    outlet = await ingest.outlet()
    one = ReadingsIn(outlet_id=outlet, kind=ReadingKind.HOUR, rows=[ReadingRow(at=T, values={"w01018": 30.0})])
    other = ReadingsIn(outlet_id=outlet, kind=ReadingKind.HOUR, rows=[ReadingRow(at=T, values={"w01018": 31.0})])
    answers = [await ingest.client.post_readings(one, key="k1") for _ in range(2)]
    with pytest.raises(ServiceCallError) as refused:
        await ingest.client.post_readings(other, key="k1")
    someone_else = await ingest.as_(Role.ADMIN, name="admin").post_readings(other, key="k1")

    assert answers == [ReadingsAccepted(stored=1, corrected=0, unchanged=0)] * 2
    assert (refused.value.status, refused.value.code) == (422, "idempotency_key_reused")
    assert someone_else == ReadingsAccepted(stored=0, corrected=1, unchanged=0)


async def test_a_failed_write_does_not_use_up_its_key(ingest: Ingest) -> None:
    outlet = await ingest.outlet()
    good = ReadingsIn(outlet_id=outlet, kind=ReadingKind.HOUR, rows=[ReadingRow(at=T, values={"w01018": 30.0})])
    bad = ReadingsIn(
        outlet_id=outlet, kind=ReadingKind.HOUR, rows=[ReadingRow(at=NOW + 48 * HOUR, values={"w01018": 30.0})]
    )
    with pytest.raises(ServiceCallError):
        await ingest.client.post_readings(bad, key="k")

    assert (await ingest.client.post_readings(good, key="k")).stored == 1


async def test_reading_back_is_bounded_and_says_so(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    outlet = await ingest.outlet()
    await ingest.send(outlet, ReadingKind.MINUTE, (T, {"a": 1.0, "b": 2.0}), (T + HOUR, {"a": 1.0}))
    await ingest.send(outlet, ReadingKind.HOUR, (T, {"a": 1.0, "b": 2.0}), (T + HOUR, {"a": 1.0}))
    from services.ingest.service import extracts

    monkeypatch.setattr(extracts, "MAX_VALUES", 2)
    monkeypatch.setattr(extracts, "MAX_STREAMED", 2)
    refusals = []
    for kind in (ReadingKind.MINUTE, ReadingKind.HOUR):
        with pytest.raises(ServiceCallError) as refused:
            await ingest.client.read_arrow([outlet], kind, T, T + HOUR)
        refusals.append((refused.value.status, refused.value.code))
        assert (await ingest.client.read_arrow([outlet], kind, T, T)).num_rows == 2
    with pytest.raises(ServiceCallError) as many:
        await ingest.client.read_arrow([uuid4() for _ in range(201)], ReadingKind.HOUR, T, T)

    assert refusals == [(413, "too_large"), (413, "too_large")]
    assert (many.value.status, many.value.context["limit"]) == (413, 200)


async def test_series_has_gaps_flags_and_the_limits_of_its_span(ingest: Ingest) -> None:
    outlet = await ingest.outlet(factors=[OutletFactor(factor="w01018", unit="mg/L")])
    await ingest.send(outlet, ReadingKind.HOUR, (T, {"w01018": 30.0}), (T + 3 * HOUR, {"w01018": 33.0}))
    await ingest.send(outlet, ReadingKind.HOUR, (T + HOUR, {"w01018": None}), w01018="D")
    for start, upper in ((T - 48 * HOUR, 60.0), (T + HOUR, 50.0), (T + 40 * HOUR, 40.0)):
        await ingest.client.add_limit(LimitIn(outlet_id=outlet, factor="w01018", upper=upper, valid_from=start))
    half = timedelta(minutes=30)
    series = await ingest.client.get_series(
        outlet, "w01018", kind=ReadingKind.HOUR, since=T - half, until=T + 5 * HOUR + half
    )
    empty = await ingest.client.get_series(outlet, "zzz", kind=ReadingKind.HOUR, since=T, until=T + 2 * HOUR)

    assert (series.t0, series.step, series.agg, series.unit) == (int(T.timestamp()), 3600, "raw", "mg/L")
    assert series.v == [30.0, None, None, 33.0, None, None]
    assert series.flags == {1: "D"}
    assert [(limit.upper, limit.valid_from, limit.valid_to) for limit in series.limits] == [
        (60.0, T - 48 * HOUR, T + HOUR), (50.0, T + HOUR, T + 40 * HOUR),
    ]  # fmt: skip
    assert (empty.v, empty.limits, empty.unit) == ([None, None], [], "")


async def test_series_of_many_points_is_an_envelope(ingest: Ingest) -> None:
    outlet = await ingest.outlet()
    rows = [(T + timedelta(minutes=i), {"w01018": float(i)}) for i in range(60) if not 20 <= i < 40]
    await ingest.send(outlet, ReadingKind.MINUTE, *rows)
    series = await ingest.client.get_series(
        outlet, "w01018", kind=ReadingKind.MINUTE, since=T, until=T + HOUR, max_points=12
    )

    assert (series.agg, series.t0, series.step) == ("minmax", int(T.timestamp()), 300)
    assert series.v == [0, 9, 10, 19, None, None, None, None, 40, 49, 50, 59]


async def test_completeness_counts_expected_received_and_valid_hours(ingest: Ingest) -> None:
    full, late, silent = await ingest.outlet("A"), await ingest.outlet("B"), await ingest.outlet("C")
    since = NOW - 10 * HOUR
    before = [(since - 2 * HOUR, {"w01018": 1.0})]
    await ingest.send(full, ReadingKind.HOUR, *before, *[(since + i * HOUR, {"w01018": 1.0}) for i in (0, 1, 2, 3)])
    await ingest.send(full, ReadingKind.HOUR, (since + 4 * HOUR, {"w01018": 1.0, "w21003": 1.0}), w21003="D")
    await ingest.send(full, ReadingKind.HOUR, (since + 5 * HOUR, {"w01018": 1.0}), w01018="F")
    await ingest.send(full, ReadingKind.HOUR, (since + 6 * HOUR, {"w01018": None}), w01018="B")
    await ingest.send(late, ReadingKind.HOUR, (since + 6 * HOUR, {"w01018": 1.0}))
    ingest.clock.advance(timedelta(minutes=5))  # the last hour is due
    await ingest.app.state.means.run(60)
    rates = await ingest.client.completeness(since, NOW + 100 * HOUR)
    one = await ingest.client.completeness(since, NOW - 5 * HOUR, outlet_id=full)

    assert [
        (rate.outlet_id, rate.expected_hours, rate.received_hours, rate.valid_hours, rate.transmission, rate.validity)
        for rate in rates
    ] == [(full, 10, 6, 5, 0.6, 5 / 6), (late, 4, 1, 1, 0.25, 1.0), (silent, 0, 0, 0, None, None)]
    assert rates[0].tvr == pytest.approx(0.5)
    assert (one[0].expected_hours, one[0].received_hours, len(one)) == (5, 5, 1)


async def test_freshness_tells_how_far_data_reach(ingest: Ingest) -> None:
    nothing = await ingest.client.freshness()
    outlet = await ingest.outlet(mn="MN-1")
    await ingest.send(outlet, ReadingKind.MINUTE, (T, {"a": 1.0}))
    await ingest.send(outlet, ReadingKind.HOUR, (T - HOUR, {"a": 1.0}))
    fresh = await ingest.client.freshness()

    assert (nothing.latest_at, nothing.received_at, nothing.outlets_online, nothing.outlets) == (None, None, 0, 0)
    assert (fresh.latest_at, fresh.received_at, fresh.outlets_online, fresh.outlets) == (T, NOW, 0, 1)


NOBODY = {"outlet_id": str(UUID(int=1)), "kind": "hour"}
BAD_QUERIES = [
    ("/v1/readings", {"kind": "hour", "since": T.isoformat(), "until": T.isoformat()}, 422),
    ("/v1/readings", {"outlet_id": "x", "kind": "hour", "since": T.isoformat(), "until": T.isoformat()}, 422),
    ("/v1/readings", NOBODY | {"since": T.isoformat(), "until": T.isoformat()}, 404),
    ("/v1/readings", NOBODY | {"since": "2026-01-02T00:00Z", "until": "2026-01-01T00:00Z"}, 422),
    ("/v1/readings", NOBODY | {"since": "2026-01-02T00:00", "until": "2026-01-03T00:00Z"}, 422),
    ("/v1/completeness", {"since": "2020-01-01T00:00Z", "until": "2026-01-01T00:00Z"}, 413),
    ("/v1/packets", {"cursor": "xxxx"}, 422),
    ("/v1/packets", {"status": "lost"}, 422),
    ("/v1/outlets", {"cursor": "WzFd"}, 422),
    ("/v1/enterprises", {"cursor": "WyJcdTAwMDAiXQ"}, 422),
    ("/v1/enterprises", {"limit": "0"}, 422),
]  # fmt: skip


@pytest.mark.parametrize(("path", "query", "status"), BAD_QUERIES)
async def test_bad_queries_are_refused(ingest: Ingest, path: str, query: dict[str, str], status: int) -> None:
    answer = await ingest.http.get(path, params=query, headers=ingest.tokens.headers(Role.SERVICE))

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"

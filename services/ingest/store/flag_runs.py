"""The SQL of runs of flags: what new readings say, the runs as they stand, and how far the work has come."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import orjson

from services.ingest.domain.field import WORKING_STATE
from services.ingest.domain.marks.rules import Catalogue
from services.ingest.domain.marks.runs import Flagged, Run
from services.ingest.domain.marks.states import Stated, States
from services.ingest.domain.readings import KIND_NUMBERS, NORMAL
from services.ingest.store.dictionaries import Dictionaries
from shared.contracts.ingest import READINGS_ACCEPTED, ReadingKind

CURSOR = "own.flags"
HOUR = 3600
MOST_MINUTES = 50_000

_EVENTS = """select seq, case when type = $3 then data::text end as data from outbox
  where seq > $1 order by seq limit $2"""
_OUTLETS = "select id, point, enterprise_id, minute_interval from outlet where id = any($1::uuid[])"
# Most readings carry no flag: only points with a flag, a working state or a run nearby are looked at more closely.
_RELEVANT = """select distinct q.point from unnest($1::int[], $2::bigint[]) as q(point, at)
  join frame f on f.point = q.point and f.kind = $3 and f.at = to_timestamp(q.at)
  where f.flags is not null or f.layout = any($4::int[])
union select distinct q.point from unnest($1::int[], $2::bigint[]) as q(point, at)
  join flag_run r on r.point = q.point and r.until >= to_timestamp(q.at) and r.since <= to_timestamp(q.at + 3600)
union select distinct q.point from unnest($1::int[], $2::bigint[]) as q(point, at)
  join analyser_state s on s.point = q.point and s.at > to_timestamp(q.at - $8::bigint)
    and s.at < to_timestamp(q.at + 3600)
union select distinct q.point from unnest($5::int[], $6::bigint[]) as q(point, at)
  join reading_value v on v.point = q.point and v.kind = $7 and v.at = to_timestamp(q.at) where v.flag <> 'N'
union select distinct q.point from unnest($5::int[], $6::bigint[]) as q(point, at)
  join flag_run r on r.point = q.point and r.until >= to_timestamp(q.at) and r.since <= to_timestamp(q.at + 3600)"""
_FRAMES = """select f.point, extract(epoch from f.at)::bigint as at, f.layout, f.flags, f.avg
  from unnest($1::int[], $2::bigint[]) as q(point, at)
  join frame f on f.point = q.point and f.kind = $3 and f.at = to_timestamp(q.at)"""
# An hour mean speaks where the outlet sends no minutes: its flag is then the finest word there is.
_HOURS = """select v.point, extract(epoch from v.at)::bigint as at, c.name, v.flag
  from unnest($1::int[], $2::bigint[]) as q(point, at)
  join reading_value v on v.point = q.point and v.kind = $3 and v.at = to_timestamp(q.at)
  join factor_code c on c.id = v.factor
  where not exists (select 1 from frame f where f.point = v.point and f.kind = $4
    and f.at >= v.at and f.at < v.at + interval '1 hour')"""
_RUNS = """select factor, flag, extract(epoch from since)::bigint as since, extract(epoch from until)::bigint as until,
  mark_id from flag_run where point = $1 and until >= to_timestamp($2) and since <= to_timestamp($3)
  order by factor, since"""
_DELETE = """delete from flag_run r using unnest($2::text[], $3::bigint[]) as q(factor, since)
  where r.point = $1 and r.factor = q.factor and r.since = to_timestamp(q.since)"""
_STATES = """select point, factor, code, extract(epoch from at)::bigint as at, state from analyser_state
  where point = any($1::int[]) and at >= to_timestamp($2) and at < to_timestamp($3)"""
_MINUTES = """select distinct f.point, extract(epoch from f.at)::bigint as at
  from unnest($1::int[], $2::bigint[], $3::bigint[]) as q(point, since, until)
  join frame f on f.point = q.point and f.kind = $4 and f.at >= to_timestamp(q.since) and f.at < to_timestamp(q.until)
  order by 1, 2 limit $5"""
_LATEST = """select greatest(
  (select max(at) + $4 * interval '1 second' from frame where point = $1 and kind = $2 and at >= $5),
  (select max(at) + interval '1 hour' from reading_value where point = $1 and kind = $3 and at >= $5))"""


class Place(NamedTuple):
    """An outlet whose flags are looked at; `step` is the seconds of its minute readings."""

    point: int
    outlet_id: UUID
    enterprise_id: UUID
    step: int


class Told(NamedTuple):
    """What some events told: (point, time) pairs of minute and of hour readings, and the outlets by point."""

    places: Mapping[int, Place]
    minutes: Sequence[tuple[int, int]]
    hours: Sequence[tuple[int, int]]


class FlagRunStore:
    """Reads and writes in the caller's transaction, on the raw connection."""

    def __init__(self, connection: asyncpg.Connection, dictionaries: Dictionaries) -> None:
        self._connection = connection
        self._dictionaries = dictionaries

    async def take(self, limit: int) -> Told | None:
        """What the next events of the outbox told; None where there are none. Moves the cursor."""
        await self._connection.execute("insert into feed_cursor(feed) values($1) on conflict do nothing", CURSOR)
        after = await self._connection.fetchval("select seq from feed_cursor where feed = $1 for update", CURSOR)
        await self._connection.execute("select feed_sequence()")
        rows = await self._connection.fetch(_EVENTS, after, limit, READINGS_ACCEPTED)
        if not rows:
            return None
        await self._connection.execute(
            "update feed_cursor set seq = $2, updated_at = clock_timestamp() where feed = $1", CURSOR, rows[-1]["seq"]
        )
        batches = [batch for row in rows if row["data"] for batch in orjson.loads(row["data"])["batches"]]
        return await self._placed(batches)

    async def wait_turn(self) -> None:
        """Hold the cursor, so that nobody else works on runs until this transaction ends."""
        await self._connection.execute("insert into feed_cursor(feed) values($1) on conflict do nothing", CURSOR)
        await self._connection.execute("select seq from feed_cursor where feed = $1 for update", CURSOR)

    async def around(self, spans: Sequence[tuple[UUID, int, int]]) -> Told:
        """The minute readings there are in spans of outlets, from the first moment to before the second."""
        places = await self._places({outlet_id for outlet_id, _, _ in spans})
        known = [(places[outlet_id].point, since, until) for outlet_id, since, until in spans if outlet_id in places]
        columns = ([row[place] for row in known] for place in range(3))
        rows = await self._connection.fetch(_MINUTES, *columns, KIND_NUMBERS[ReadingKind.MINUTE], MOST_MINUTES)
        minutes = [(row["point"], row["at"]) for row in rows]
        return Told({place.point: place for place in places.values()}, minutes, [])

    async def _places(self, ids: Collection[UUID]) -> dict[UUID, Place]:
        rows = await self._connection.fetch(_OUTLETS, list(ids))
        return {row["id"]: Place(row["point"], row["id"], row["enterprise_id"], row["minute_interval"] * 60)
                for row in rows}  # fmt: skip

    async def _placed(self, batches: Sequence[Mapping[str, Any]]) -> Told:
        places = await self._places({UUID(batch["outlet_id"]) for batch in batches})
        pairs: dict[str, set[tuple[int, int]]] = {ReadingKind.MINUTE: set(), ReadingKind.HOUR: set()}
        for batch in batches:
            place = places.get(UUID(batch["outlet_id"]))
            if place is not None and batch["kind"] in pairs:
                pairs[batch["kind"]].update((place.point, at) for at in batch["times"])
        return Told(
            {place.point: place for place in places.values()}, sorted(pairs[ReadingKind.MINUTE]),
            sorted(pairs[ReadingKind.HOUR]),
        )  # fmt: skip

    async def flagged(self, told: Told, known: Catalogue) -> dict[int, list[Flagged]]:
        """What the readings say, by point; points with neither a flag nor a run nearby are left out."""
        with_state = list(await self._dictionaries.layouts_with(self._connection, WORKING_STATE))
        rows = await self._connection.fetch(
            _RELEVANT, *_columns(told.minutes), KIND_NUMBERS[ReadingKind.MINUTE], with_state, *_columns(told.hours),
            KIND_NUMBERS[ReadingKind.HOUR], int(known.state_holds.total_seconds()),
        )  # fmt: skip
        relevant = {row["point"] for row in rows}
        if not relevant:
            return {}
        found: dict[int, list[Flagged]] = {}
        minutes = [pair for pair in told.minutes if pair[0] in relevant]
        frames = await self._connection.fetch(_FRAMES, *_columns(minutes), KIND_NUMBERS[ReadingKind.MINUTE])
        states = await self._states(minutes, known)
        layouts = await self._dictionaries.layout_factors(self._connection, {row["layout"] for row in frames})
        for row in frames:
            step = told.places[row["point"]].step
            frame = _of_frame(row, layouts[row["layout"]], step, known.analyser_states)
            found.setdefault(row["point"], []).extend(_stated(frame, states, row["point"]))
        hours = [pair for pair in told.hours if pair[0] in relevant]
        for row in await self._connection.fetch(
            _HOURS, *_columns(hours), KIND_NUMBERS[ReadingKind.HOUR], KIND_NUMBERS[ReadingKind.MINUTE]
        ):
            found.setdefault(row["point"], []).append(Flagged(row["name"], row["at"], HOUR, row["flag"]))
        return found

    async def _states(self, minutes: Sequence[tuple[int, int]], known: Catalogue) -> States:
        if not minutes:
            return States((), known)
        first, last = min(at for _, at in minutes), max(at for _, at in minutes)
        since = first - int(known.state_holds.total_seconds())
        rows = await self._connection.fetch(_STATES, list({point for point, _ in minutes}), since, last + HOUR)
        return States((Stated(**row) for row in rows), known)

    async def list_runs(self, point: int, since: int, until: int) -> list[Run]:
        """Runs that touch a span."""
        return [Run(**row) for row in await self._connection.fetch(_RUNS, point, since, until)]

    async def replace_runs(self, point: int, old: Sequence[Run], new: Sequence[Run]) -> None:
        """Put new runs in the place of old ones."""
        kept = set(old) & set(new)
        gone, come = [run for run in old if run not in kept], [run for run in new if run not in kept]
        if gone:
            await self._connection.execute(
                _DELETE, point, [run.factor for run in gone], [run.since for run in gone],
            )  # fmt: skip
        await self._connection.executemany(
            "insert into flag_run values($1, $2, to_timestamp($3), to_timestamp($4), $5, $6)",
            [(point, run.factor, run.since, run.until, run.flag, run.mark_id) for run in come],
        )

    async def reaches_to(self, place: Place, since: int) -> datetime | None:
        """Where the outlet's readings not older than `since` end."""
        at: datetime | None = await self._connection.fetchval(
            _LATEST, place.point, KIND_NUMBERS[ReadingKind.MINUTE], KIND_NUMBERS[ReadingKind.HOUR], place.step,
            datetime.fromtimestamp(since, UTC),
        )  # fmt: skip
        return at


def _columns(pairs: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [point for point, _ in pairs], [at for _, at in pairs]


def _stated(flagged: Iterable[Flagged], states: States, point: int) -> Iterable[Flagged]:
    """A reading without a flag of its own says what the state of its analyser says."""
    for each in flagged:
        flag = states.flag(point, each.factor, each.at + each.step) if each.flag == NORMAL else None
        yield each if flag is None else each._replace(flag=flag)


def _of_frame(row: Any, layout: Sequence[str], step: int, states: Mapping[int, str]) -> Iterable[Flagged]:
    flags = row["flags"] or "N" * len(layout)
    state = None
    if WORKING_STATE in layout:
        value = row["avg"][layout.index(WORKING_STATE)]
        state = states.get(int(value)) if value == value else None  # noqa: PLR0124 - NaN
    for factor, flag in zip(layout, flags, strict=True):
        if factor != WORKING_STATE:
            yield Flagged(factor, row["at"], step, state if state and flag == "N" else flag)

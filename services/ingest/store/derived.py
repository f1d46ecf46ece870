"""Derived means: one row a value, a new version only where an input changed, the old ones kept."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from services.ingest.domain.means.folds import Part
from services.ingest.domain.means.plants import Mean, Reported
from services.ingest.store.dictionaries import Dictionaries
from shared.contracts.ingest.means import Agreement, Basis, MeanState, Method

STATES = {state: number for number, state in enumerate(MeanState, 1)}
BASES = {basis: number for number, basis in enumerate(Basis, 1)}
METHODS = {method: number for number, method in enumerate(Method, 1)}
AGREEMENTS = {Agreement.WITHIN: 1, Agreement.BEYOND: 2}
STATE_OF = {number: state for state, number in STATES.items()}
BASIS_OF = {number: basis for basis, number in BASES.items()}
METHOD_OF = {number: method for method, number in METHODS.items()}
AGREEMENT_OF = {number: agreement for agreement, number in AGREEMENTS.items()}

_COLUMNS = """point, factor, kind, at, value, converted, emission, reported, digest, rule, valid, expected, state,
  basis, method, why, agreement, late, reported_flag, reasons"""
_CHANGED = (
    "value", "converted", "emission", "reported", "digest", "rule", "valid", "expected", "state", "basis", "method",
    "why", "agreement", "reported_flag", "reasons",
)  # fmt: skip
_SAVE = f"""with given as (
  select point, factor, kind, to_timestamp(at) as at, value, converted, emission, reported, digest, rule, valid,
    expected, state, basis, method, why, agreement, late, reported_flag, reasons
  from unnest($1::int[], $2::int[], $3::smallint[], $4::bigint[], $5::float8[], $6::float8[], $7::float8[],
    $8::float8[], $9::bigint[], $10::int[], $11::smallint[], $12::smallint[], $13::smallint[], $14::smallint[],
    $15::smallint[], $16::smallint[], $17::smallint[], $18::bool[], $19::text[], $20::text[]) as q({_COLUMNS})),
put as (
  insert into derived_value as d ({_COLUMNS}, computed_at, rev) select {_COLUMNS}, $21, 0 from given
  on conflict (point, factor, kind, at) do update set
    {", ".join(f"{name} = excluded.{name}" for name in _CHANGED)},
    late = d.late or excluded.late, computed_at = excluded.computed_at, rev = d.rev + 1
  where d.digest <> excluded.digest
  returning new.point, new.kind, new.at, old.rev as old_rev, old.computed_at as old_at, old.value as o_value,
    old.converted as o_converted, old.emission as o_emission, old.reported as o_reported, old.digest as o_digest,
    new.factor, old.rule as o_rule, old.valid as o_valid, old.expected as o_expected, old.state as o_state,
    old.basis as o_basis, old.method as o_method, old.why as o_why, old.agreement as o_agreement,
    old.late as o_late, old.reported_flag as o_flag, old.reasons as o_reasons),
history as (
  insert into derived_revision ({_COLUMNS}, computed_at, rev, replaced_at)
  select point, factor, kind, at, o_value, o_converted, o_emission, o_reported, o_digest, o_rule, o_valid,
    o_expected, o_state, o_basis, o_method, o_why, o_agreement, o_late, o_flag, o_reasons, old_at, old_rev, $21
  from put where old_rev is not null)
select distinct point, extract(epoch from at)::bigint as at from put"""
_PARTS = """select d.point, f.name as factor, extract(epoch from d.at)::bigint as at, d.value, d.converted, d.emission,
    d.state, d.digest
  from derived_value d join factor_code f on f.id = d.factor
  where d.point = any($1::int[]) and d.kind = $2 and d.at >= $3 and d.at < $4 order by d.point, f.name, d.at"""
_REPORTED = """select r.point, f.name as factor, extract(epoch from r.at)::bigint as at, r.value, r.flag,
    coalesce(r.value, r.cou) is not null as some
  from reading_value r join factor_code f on f.id = r.factor
  where r.point = any($1::int[]) and r.kind = $2 and r.at >= $3 and r.at < $4"""
_SHOWN = """f.name as factor, d.kind, d.at, d.value, d.converted, d.emission, d.state, d.valid, d.expected, d.reasons,
  d.basis, d.method, d.reported, d.reported_flag, d.agreement, d.late, d.rev, d.why, s.name as rule, d.digest,
  d.computed_at"""
_FROM = "join factor_code f on f.id = d.factor join reading_source s on s.id = d.rule"
_LIST = f"""select {_SHOWN} from derived_value d {_FROM}
  where d.point = $1 and d.kind = $2 and d.at >= $3 and d.at < $4 and ($5::text is null or f.name = $5)
    and ($6::timestamptz is null or (d.at, f.name) > ($6, $7))
  order by d.at, f.name limit $8"""
_HISTORY = f"""select {_SHOWN}, null::timestamptz as replaced_at from derived_value d {_FROM}
  where d.point = $1 and d.kind = $2 and d.at = $3 and f.name = $4
  union all select {_SHOWN}, d.replaced_at from derived_revision d {_FROM}
  where d.point = $1 and d.kind = $2 and d.at = $3 and f.name = $4
  order by rev desc limit $5"""
_BEYOND = f"""select {_SHOWN}, o.id as outlet_id, o.enterprise_id from derived_value d {_FROM}
  join outlet o on o.point = d.point
  where d.agreement = 2 and d.at >= $1 and d.at < $2 and ($3::uuid is null or o.enterprise_id = $3)
    and ($4::uuid is null or o.id = $4)
    and ($5::timestamptz is null or (d.at, d.point, f.name, d.kind) < ($5, $6, $7, $8))
  order by d.at desc, d.point desc, f.name desc, d.kind desc limit $9"""


class Derived(NamedTuple):
    """A mean on its way into the store."""

    point: int
    factor: str
    kind: int
    at: int
    mean: Mean
    why: int
    late: bool


def rule_source(name: str) -> str:
    """A rule set's name as an entry of the dictionary of sources."""
    return f"rule:{name}"


def _spelt(reasons: Mapping[str, int]) -> str | None:
    return " ".join(f"{name}={count}" for name, count in sorted(reasons.items())) or None


def reasons_of(text: str | None) -> dict[str, int]:
    """Counts by reason, as stored."""
    pairs = (part.rsplit("=", 1) for part in (text or "").split())
    return {name: int(count) for name, count in pairs}


class DerivedStore:
    """Reads and writes in the caller's transaction."""

    def __init__(self, connection: asyncpg.Connection, dictionaries: Dictionaries) -> None:
        self._connection = connection
        self._dictionaries = dictionaries

    async def save(self, means: Iterable[Derived], at: datetime) -> set[tuple[int, int]]:
        """Write; (point, time) of what is new or changed. Codes and rules must have been learnt."""
        lines = sorted((self._line(item) for item in means), key=lambda line: line[:4])
        if not lines:
            return set()
        columns = [list(column) for column in zip(*lines, strict=True)]
        rows = await self._connection.fetch(_SAVE, *columns, at)
        return {(row["point"], row["at"]) for row in rows}

    def _line(self, item: Derived) -> tuple[Any, ...]:
        mean = item.mean
        return (
            item.point, self._dictionaries.factor(item.factor), item.kind, item.at, mean.value, mean.converted,
            mean.emission, mean.reported, mean.digest, self._dictionaries.source(rule_source(mean.rule)), mean.valid,
            mean.expected, STATES[mean.state], BASES[mean.basis], METHODS[mean.method], item.why,
            None if mean.agreement is None else AGREEMENTS[mean.agreement], item.late, mean.reported_flag,
            _spelt(mean.reasons),
        )  # fmt: skip

    async def parts(
        self, points: Sequence[int], kind: int, since: datetime, until: datetime
    ) -> dict[int, dict[str, list[Part]]]:
        """Means from `since` to before `until`, by point and factor, ascending."""
        found: dict[int, dict[str, list[Part]]] = {}
        for row in await self._connection.fetch(_PARTS, list(points), kind, since, until):
            part = Part(
                row["at"], row["value"], row["converted"], row["emission"], STATE_OF[row["state"]], row["digest"]
            )
            found.setdefault(row["point"], {}).setdefault(row["factor"], []).append(part)
        return found

    async def reported(
        self, points: Sequence[int], kind: int, since: datetime, until: datetime
    ) -> dict[tuple[int, int], dict[str, Reported]]:
        """The devices' own means from `since` to before `until`, by (point, time) and factor."""
        found: dict[tuple[int, int], dict[str, Reported]] = {}
        for row in await self._connection.fetch(_REPORTED, list(points), kind, since, until):
            told = Reported(row["value"], row["flag"], row["some"])
            found.setdefault((row["point"], row["at"]), {})[row["factor"]] = told
        return found

    async def list_means(  # noqa: PLR0913 - which ones, and where the page begins
        self, point: int, kind: int, since: datetime, until: datetime, *, factor: str | None,
        after: tuple[datetime, str] | None, limit: int,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Means by time and factor."""
        place = after or (None, None)
        rows = await self._connection.fetch(_LIST, point, kind, since, until, factor, *place, limit)
        return [dict(row) for row in rows]

    async def list_versions(
        self, point: int, kind: int, at: datetime, factor: str, *, limit: int
    ) -> list[dict[str, Any]]:
        """All versions of one mean, the one in force first."""
        rows = await self._connection.fetch(_HISTORY, point, kind, at, factor, limit)
        return [dict(row) for row in rows]

    async def list_beyond(
        self, since: datetime, until: datetime, *, whose: tuple[UUID | None, UUID | None],
        after: tuple[datetime, int, str, int] | None, limit: int,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Means whose reported value is beyond the tolerance, the newest first. `whose`: enterprise, outlet."""
        place = after or (None, None, None, None)
        rows = await self._connection.fetch(_BEYOND, since, until, *whose, *place, limit)
        return [dict(row) for row in rows]

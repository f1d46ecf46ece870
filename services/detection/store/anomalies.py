"""Anomalies as stored episodes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import count
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ARRAY, DateTime, Uuid, and_, bindparam, column, func, or_, union
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from services.detection.domain.anomalies import Episode
from services.detection.store.bulk import among, chunks
from services.detection.tables import AnomalyRow, HitRow, NumberRow
from shared.contracts.detection import AnomalyState, Severity

_EPISODE: TypeAdapter[Episode] = TypeAdapter(Episode)


@dataclass(frozen=True)
class Stored:
    """An episode with its number, owner and version."""

    episode: Episode
    no: str
    enterprise_id: UUID
    version: int


@dataclass(frozen=True)
class Filters:
    """What a list shows; None does not filter. `since` and `until` select episodes that overlap the span."""

    enterprise_id: UUID | None = None
    outlet_id: UUID | None = None
    factor: str | None = None
    rule: str | None = None
    state: AnomalyState | None = None
    since: datetime | None = None
    until: datetime | None = None
    parent_id: UUID | None = None
    alone: bool = False
    """Without those that a parent stands for."""

    def conditions(self) -> list[Any]:
        """As SQL conditions."""
        equal = {
            "enterprise_id": self.enterprise_id, "outlet_id": self.outlet_id, "factor": self.factor,
            "rule": self.rule, "state": self.state.value if self.state else None, "parent_id": self.parent_id,
        }  # fmt: skip
        found = [getattr(AnomalyRow, name) == value for name, value in equal.items() if value is not None]
        if self.alone:
            found.append(col(AnomalyRow.parent_id).is_(None))
        if self.since is not None:
            found.append(or_(col(AnomalyRow.until) > self.since, col(AnomalyRow.state) == AnomalyState.OPEN.value))
        if self.until is not None:
            found.append(col(AnomalyRow.started_at) < self.until)
        return found


class AnomalyStore:
    """Reads and writes anomalies."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def known(self, since: Mapping[UUID, datetime]) -> list[Stored]:
        """Episodes of these outlets that are open or reach past a time of each, with all that share their parent."""
        times = func.unnest(
            bindparam(None, list(since), type_=ARRAY(Uuid)),
            bindparam(None, list(since.values()), type_=ARRAY(DateTime(timezone=True))),
        )
        wanted = times.table_valued(
            column("outlet_id", Uuid), column("since", DateTime(timezone=True)), name="wanted"
        ).render_derived()
        parent = aliased(AnomalyRow)
        recent = [
            or_(col(one.until) >= wanted.c.since, col(one.state) == AnomalyState.OPEN.value)
            for one in (AnomalyRow, parent)
        ]
        rows = await self._session.execute(
            select(AnomalyRow)
            .join(wanted, col(AnomalyRow.outlet_id) == wanted.c.outlet_id)
            .join(parent, col(parent.id) == col(AnomalyRow.parent_id), isouter=True)
            .where(or_(*recent))
            .order_by(col(AnomalyRow.started_at), col(AnomalyRow.id))
        )
        return [_stored(row) for row in rows.scalars()]

    async def outlets_with_open(self, after: UUID | None, limit: int) -> list[UUID]:
        """Outlets with an open anomaly or a suppressed hit that runs, in order of their id, after a given one."""
        opened = select(col(AnomalyRow.outlet_id)).where(col(AnomalyRow.state) == AnomalyState.OPEN.value)
        quiet = select(col(HitRow.outlet_id)).where(col(HitRow.running), col(HitRow.suppressed_by).is_not(None))
        either = union(opened, quiet).subquery()
        query = select(either.c.outlet_id).order_by(either.c.outlet_id).limit(limit)
        if after is not None:
            query = query.where(either.c.outlet_id > after)
        return list((await self._session.execute(query)).scalars())

    async def find(self, anomaly_id: UUID) -> Stored | None:
        """One anomaly, or None."""
        row = await self._session.get(AnomalyRow, anomaly_id)
        return _stored(row) if row else None

    async def open_by_outlet(
        self, enterprise_id: UUID | None, outlets: int, each: int
    ) -> list[tuple[UUID, UUID, Counter[str], list[Stored]]]:
        """Outlet, enterprise, open anomalies by severity and the `each` gravest; at most so many outlets.

        A parent counts once for those that it stands for.
        """
        severity = col(AnomalyRow.episode)["severity"].astext
        whose = [] if enterprise_id is None else [col(AnomalyRow.enterprise_id) == enterprise_id]
        alone = col(AnomalyRow.parent_id).is_(None)
        opened = [col(AnomalyRow.state) == AnomalyState.OPEN.value, alone, *whose]
        outlet, firm = col(AnomalyRow.outlet_id), col(AnomalyRow.enterprise_id)
        counted = (
            select(outlet, firm, severity.label("severity"), func.count().label("n"))
            .where(*opened).group_by(outlet, firm, severity).order_by(outlet).limit(outlets * len(Severity))
        )  # fmt: skip
        order = [severity, col(AnomalyRow.started_at).desc(), col(AnomalyRow.id)]
        place = func.row_number().over(partition_by=outlet, order_by=order)
        ranked = select(col(AnomalyRow.id), place.label("place")).where(*opened).subquery()
        query = (
            select(AnomalyRow).join(ranked, ranked.c.id == col(AnomalyRow.id)).where(ranked.c.place <= each)
            .order_by(outlet, ranked.c.place).limit(outlets * each)
        )  # fmt: skip
        found: dict[tuple[UUID, UUID], tuple[Counter[str], list[Stored]]] = {}
        for row in await self._session.execute(counted):
            found.setdefault((row.outlet_id, row.enterprise_id), (Counter(), []))[0][row.severity] = row.n
        for row in (await self._session.execute(query)).scalars():
            if (key := (row.outlet_id, row.enterprise_id)) in found:
                found[key][1].append(_stored(row))
        return [(*key, counts, worst) for key, (counts, worst) in found.items()]

    async def select(self, filters: Filters, after: tuple[datetime, UUID] | None, limit: int) -> list[Stored]:
        """Newest start first; `after` is the last row of the page before."""
        query = select(AnomalyRow).where(*filters.conditions())
        if after is not None:
            started, last = after
            same = and_(col(AnomalyRow.started_at) == started, col(AnomalyRow.id) < last)
            query = query.where(or_(col(AnomalyRow.started_at) < started, same))
        query = query.order_by(col(AnomalyRow.started_at).desc(), col(AnomalyRow.id).desc()).limit(limit)
        return [_stored(row) for row in (await self._session.execute(query)).scalars()]

    async def like(
        self, episode: Episode, kin: Iterable[str], limit: int, outlets: Sequence[UUID] | None
    ) -> list[Stored]:
        """Other episodes of its rule, the latest first, then those of the rules `kin`; up to `limit` of each.

        Of these outlets, or of all where None.
        """
        place = [] if outlets is None else [among(AnomalyRow.outlet_id, outlets)]
        found: list[Stored] = []
        for rules in ([episode.rule], sorted(set(kin) - {episode.rule})):
            query = select(AnomalyRow).where(col(AnomalyRow.rule).in_(rules), col(AnomalyRow.id) != episode.id, *place)
            query = query.order_by(col(AnomalyRow.started_at).desc(), col(AnomalyRow.id).desc()).limit(limit)
            found += [_stored(row) for row in (await self._session.execute(query)).scalars()]
        return found

    async def take_numbers(self, days: Sequence[date]) -> list[str]:
        """A number for each of these days, as `A-20261123-0031`: dense within the day, in this order."""
        wanted = Counter(day.strftime("%Y%m%d") for day in days)
        if not wanted:
            return []
        statement = insert(NumberRow).values([{"day": day, "last": wanted[day]} for day in sorted(wanted)])
        counted = statement.on_conflict_do_update(
            index_elements=["day"], set_={"last": col(NumberRow.last) + statement.excluded["last"]}
        ).returning(col(NumberRow.day), col(NumberRow.last))
        last = {row.day: row.last for row in await self._session.execute(counted)}
        following = {day: count(last[day] - wanted[day] + 1) for day in wanted}
        return [f"A-{day:%Y%m%d}-{next(following[f'{day:%Y%m%d}']):04d}" for day in days]

    async def save(self, anomalies: Sequence[Stored]) -> None:
        """Write new and changed anomalies."""
        for part in chunks(sorted(anomalies, key=lambda one: one.episode.id)):
            statement = insert(AnomalyRow).values([_row(one) for one in part])
            changes = {
                name: statement.excluded[name]
                for name in ("state", "started_at", "until", "episode", "parent_id", "version")
            }
            await self._session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changes))


def _row(one: Stored) -> dict[str, Any]:
    episode = one.episode
    return {
        "id": episode.id, "no": one.no, "enterprise_id": one.enterprise_id, "outlet_id": episode.outlet_id,
        "factor": episode.factor, "rule": episode.rule, "state": episode.state.value, "started_at": episode.started_at,
        "until": episode.until, "episode": _EPISODE.dump_python(episode, mode="json"), "parent_id": episode.parent_id,
        "version": one.version,
    }  # fmt: skip


def _stored(row: AnomalyRow) -> Stored:
    return Stored(_EPISODE.validate_python(row.episode), row.no, row.enterprise_id, row.version)

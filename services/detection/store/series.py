"""Outlets and the kernel's state of their series."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.detection.store.bulk import among, chunks
from services.detection.tables import OutletRow, SeriesRow
from shared.contracts.ingest import OutletOut, ReadingKind

WRITER_LOCK = 7_260_101


class SeriesId(NamedTuple):
    """One series 数据序列."""

    outlet_id: UUID
    factor: str
    kind: ReadingKind


@dataclass(frozen=True)
class StoredSeries:
    """A series' state as bytes of the kernel's vector, its first and last time and its count of late points."""

    id: SeriesId
    state: bytes
    first_at: datetime | None
    last_at: datetime | None
    late: int


class SeriesStore:
    """Reads and writes outlets and series."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock(self) -> None:
        """One writer of states at a time: the feed consumer or the clock's job, until the commit."""
        await self._session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": WRITER_LOCK})

    async def save_outlet(self, outlet: OutletOut) -> None:
        """Keep the newest version."""
        values = {
            "id": outlet.id, "enterprise_id": outlet.enterprise_id, "version": outlet.version,
            "outlet": outlet.model_dump(mode="json"),
        }  # fmt: skip
        statement = insert(OutletRow).values(values)
        changes = {name: statement.excluded[name] for name in ("enterprise_id", "version", "outlet")}
        await self._session.execute(
            statement.on_conflict_do_update(
                index_elements=["id"], set_=changes, where=col(OutletRow.version) <= statement.excluded["version"]
            )
        )

    async def outlets(self, ids: Iterable[UUID]) -> dict[UUID, OutletOut]:
        """Those of the outlets that are known."""
        return {one: outlet for one, (outlet, _) in (await self.counted_outlets(ids)).items()}

    async def counted_outlets(self, ids: Iterable[UUID]) -> dict[UUID, tuple[OutletOut, int]]:
        """Those of the outlets that are known, with how often thresholds of their series have changed."""
        rows = await self._session.execute(select(OutletRow).where(among(OutletRow.id, ids)))
        return {row.id: (OutletOut.model_validate(row.outlet), row.thresholds) for row in rows.scalars()}

    async def outlets_in_use(self, after: UUID | None, limit: int) -> list[UUID]:
        """Outlets that are not retired, in order of their id, after a given one."""
        query = select(OutletRow.id).where(col(OutletRow.outlet)["active"].as_boolean())
        if after is not None:
            query = query.where(col(OutletRow.id) > after)
        return list((await self._session.execute(query.order_by(col(OutletRow.id)).limit(limit))).scalars())

    async def of_outlets(self, ids: Iterable[UUID]) -> dict[SeriesId, StoredSeries]:
        """All series of these outlets."""
        rows = await self._session.execute(select(SeriesRow).where(among(SeriesRow.outlet_id, ids)))
        return {one.id: one for one in map(_stored, rows.scalars())}

    async def quiet(self, since: datetime, until: datetime, after: SeriesId | None, limit: int) -> list[StoredSeries]:
        """Series whose last point is in a span, in order of their id, after a given one."""
        query = select(SeriesRow).where(col(SeriesRow.last_at) >= since, col(SeriesRow.last_at) <= until)
        key = [col(SeriesRow.outlet_id), col(SeriesRow.factor), col(SeriesRow.kind)]
        if after is not None:
            query = query.where(tuple_(*key) > tuple_(after.outlet_id, after.factor, after.kind.value))
        rows = await self._session.execute(query.order_by(*key).limit(limit))
        return [_stored(row) for row in rows.scalars()]

    async def cursor(self, feed: str) -> int:
        """How far a feed has been read."""
        found = await self._session.execute(text("select seq from feed_cursor where feed = :feed"), {"feed": feed})
        return found.scalar_one_or_none() or 0

    async def save(self, series: Sequence[StoredSeries]) -> None:
        """Write states, in key order so that two writers cannot wait for each other in a circle."""
        for part in chunks(sorted(series, key=lambda one: one.id)):
            statement = insert(SeriesRow).values(
                [
                    {"outlet_id": one.id.outlet_id, "factor": one.id.factor, "kind": one.id.kind.value,
                     "state": one.state, "first_at": one.first_at, "last_at": one.last_at, "late": one.late}
                    for one in part
                ]
            )  # fmt: skip
            changes = {name: statement.excluded[name] for name in ("state", "first_at", "last_at", "late")}
            await self._session.execute(
                statement.on_conflict_do_update(index_elements=["outlet_id", "factor", "kind"], set_=changes)
            )


def _stored(row: SeriesRow) -> StoredSeries:
    series = SeriesId(row.outlet_id, row.factor, ReadingKind(row.kind))
    return StoredSeries(series, row.state, row.first_at, row.last_at, row.late)

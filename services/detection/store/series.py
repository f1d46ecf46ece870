"""Outlets and the kernel's state of their series."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

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
    """A series' state as bytes of the kernel's vector, its last time and its count of late points."""

    id: SeriesId
    state: bytes
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
        rows = await self._session.execute(select(OutletRow).where(col(OutletRow.id).in_(list(ids))))
        return {row.id: OutletOut.model_validate(row.outlet) for row in rows.scalars()}

    async def of_outlets(self, ids: Iterable[UUID]) -> dict[SeriesId, StoredSeries]:
        """All series of these outlets."""
        rows = await self._session.execute(select(SeriesRow).where(col(SeriesRow.outlet_id).in_(list(ids))))
        return {one.id: one for one in map(_stored, rows.scalars())}

    async def quiet(self, since: datetime, until: datetime, limit: int) -> list[StoredSeries]:
        """Series whose last point is in a span, oldest first."""
        rows = await self._session.execute(
            select(SeriesRow)
            .where(col(SeriesRow.last_at) >= since, col(SeriesRow.last_at) <= until)
            .order_by(col(SeriesRow.last_at))
            .limit(limit)
        )
        return [_stored(row) for row in rows.scalars()]

    async def save(self, series: Sequence[StoredSeries]) -> None:
        """Write states, in key order so that two writers cannot wait for each other in a circle."""
        if not series:
            return
        statement = insert(SeriesRow).values(
            [
                {"outlet_id": one.id.outlet_id, "factor": one.id.factor, "kind": one.id.kind.value, "state": one.state,
                 "last_at": one.last_at, "late": one.late}
                for one in sorted(series, key=lambda one: one.id)
            ]
        )  # fmt: skip
        changes = {name: statement.excluded[name] for name in ("state", "last_at", "late")}
        await self._session.execute(
            statement.on_conflict_do_update(index_elements=["outlet_id", "factor", "kind"], set_=changes)
        )


def _stored(row: SeriesRow) -> StoredSeries:
    return StoredSeries(SeriesId(row.outlet_id, row.factor, ReadingKind(row.kind)), row.state, row.last_at, row.late)

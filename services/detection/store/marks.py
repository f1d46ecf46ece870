"""Marks 标记 as detection knows them: the newest version of each."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.detection.domain.covers import Cover
from services.detection.store.bulk import among
from services.detection.tables import MarkRow
from shared.contracts.ingest.marks import MarkEffect


class MarkStore:
    """Reads and writes marks."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def save(self, cover: Cover, version: int, *, effective: bool) -> None:
        """Keep the newest version of a mark, also of one without effect: an older one must not come back."""
        values = {
            "id": cover.mark_id, "outlet_id": cover.outlet_id, "version": version, "effective": effective,
            "effect": cover.effect.value, "since": cover.since, "until": cover.until, "factors": sorted(cover.factors),
        }  # fmt: skip
        statement = insert(MarkRow).values(values)
        changes = {name: statement.excluded[name] for name in values if name != "id"}
        await self._session.execute(
            statement.on_conflict_do_update(
                index_elements=["id"], set_=changes, where=col(MarkRow.version) <= statement.excluded["version"]
            )
        )

    async def covers(self, since: Mapping[UUID, datetime]) -> dict[UUID, list[Cover]]:
        """Effective marks of these outlets that reach beyond the earliest of the times, oldest first."""
        if not since:
            return {}
        rows = await self._session.execute(
            select(MarkRow)
            .where(among(MarkRow.outlet_id, since), col(MarkRow.effective))
            .where(or_(col(MarkRow.until).is_(None), col(MarkRow.until) > min(since.values())))
            .order_by(col(MarkRow.since), col(MarkRow.id))
        )
        found: dict[UUID, list[Cover]] = {}
        for row in rows.scalars():
            found.setdefault(row.outlet_id, []).append(_cover(row))
        return found

    async def to_look_back(self, limit: int) -> list[tuple[Cover, int]]:
        """Effective marks of stop with the version that was not yet held against the readings before it."""
        stops = col(MarkRow.effective) & (col(MarkRow.effect) == MarkEffect.STOPPED.value)
        rows = await self._session.execute(
            select(MarkRow)
            .where(stops, col(MarkRow.looked_back) < col(MarkRow.version))
            .order_by(col(MarkRow.id))
            .limit(limit)
        )
        return [(_cover(row), row.version) for row in rows.scalars()]

    async def looked_back(self, mark_id: UUID, version: int) -> None:
        """Note that a version was held against the readings; a later one is looked at again."""
        await self._session.execute(update(MarkRow).where(col(MarkRow.id) == mark_id).values(looked_back=version))


def _cover(row: MarkRow) -> Cover:
    return Cover(row.id, row.outlet_id, MarkEffect(row.effect), row.since, row.until, frozenset(row.factors))

"""The SQL of the dossier: entries with their versions, and the trail of an outlet."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.ingest.domain.dossier import Entry, Version
from services.ingest.tables import DossierEntryRow, DossierVersionRow
from shared.contracts.ingest.dossier import Part
from shared.errors import NotFoundError

MOST_SUBJECTS = 500


class EntryNotFoundError(NotFoundError):
    """No such entry, or not this caller's."""

    code = "entry_not_found"


def _entry(row: DossierEntryRow) -> Entry:
    return Entry(**{**row.model_dump(), "part": Part(row.part)})


class DossierStore:
    """Reads and writes in the caller's transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_entries(
        self, parts: Sequence[Part], *, enterprise_id: UUID | None, outlet_id: UUID | None, ended: bool,
        after: tuple[str, UUID] | None, limit: int,
    ) -> list[Entry]:  # fmt: skip
        """By part and id; `ended` ones only where asked."""
        query = select(DossierEntryRow).where(col(DossierEntryRow.part).in_([part.value for part in parts]))
        if enterprise_id is not None:
            query = query.where(col(DossierEntryRow.enterprise_id) == enterprise_id)
        if outlet_id is not None:
            query = query.where(col(DossierEntryRow.outlet_id) == outlet_id)
        if not ended:
            query = query.where(col(DossierEntryRow.active))
        if after is not None:
            query = query.where(tuple_(col(DossierEntryRow.part), col(DossierEntryRow.id)) > after)
        query = query.order_by(col(DossierEntryRow.part), col(DossierEntryRow.id)).limit(limit)
        return [_entry(row) for row in (await self._session.execute(query)).scalars()]

    async def find(self, entry_id: UUID, *, lock: bool = False) -> Entry | None:
        """One entry or None."""
        row = await self._session.get(DossierEntryRow, entry_id, with_for_update=lock or None, populate_existing=True)
        return None if row is None else _entry(row)

    async def get(self, entry_id: UUID, *, lock: bool = False) -> Entry:
        """One entry; raises when there is none."""
        found = await self.find(entry_id, lock=lock)
        if found is None:
            raise EntryNotFoundError("no such entry", entry_id=str(entry_id))
        return found

    async def save(self, entry: Entry, *, actor: str, organisation: str, reason: str) -> None:
        """The entry and its version, together."""
        values = {**vars(entry), "part": entry.part.value}
        statement = insert(DossierEntryRow).values(**values)
        changed = {name: statement.excluded[name] for name in ("data", "active", "version", "changed_at")}
        await self._session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed))
        version = DossierVersionRow(
            entry_id=entry.id, version=entry.version, data=entry.data, active=entry.active,
            changed_at=entry.changed_at, actor=actor, organisation=organisation, reason=reason,
        )  # fmt: skip
        self._session.add(version)
        await self._session.flush()

    async def list_versions(self, entry_id: UUID, limit: int) -> list[Version]:
        """All contents, the newest first."""
        query = (
            select(DossierVersionRow)
            .where(col(DossierVersionRow.entry_id) == entry_id)
            .order_by(col(DossierVersionRow.version).desc())
            .limit(limit)
        )
        rows = (await self._session.execute(query)).scalars()
        return [Version(**row.model_dump(exclude={"entry_id"})) for row in rows]

    async def trail(self, subjects: Sequence[str], before: datetime | None, limit: int) -> list[dict[str, Any]]:
        """Audit entries of these subjects, the newest first."""
        rows = await self._session.execute(
            text(
                "select payload from audit_entry where subject = any(cast(:subjects as text[]))"
                " and (cast(:before as text) is null or at < :before) order by id desc limit :limit"
            ),
            {
                "subjects": list(subjects[:MOST_SUBJECTS]), "limit": limit,
                "before": before.isoformat() if before else None,
            },
        )  # fmt: skip
        return [orjson.loads(row.payload) for row in rows]

"""Enterprises as ingest last told of them."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.detection.store.bulk import among
from services.detection.tables import EnterpriseRow
from shared.contracts.ingest import EnterpriseOut

FIELDS = ("version", "trade", "name_zh", "name_en")


class EnterpriseStore:
    """Reads and writes enterprises."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def save(self, enterprise: EnterpriseOut) -> None:
        """Keep the newest version."""
        statement = insert(EnterpriseRow).values(
            id=enterprise.id, **{name: getattr(enterprise, name) for name in FIELDS}
        )
        await self._session.execute(
            statement.on_conflict_do_update(
                index_elements=["id"],
                set_={name: statement.excluded[name] for name in FIELDS},
                where=col(EnterpriseRow.version) <= statement.excluded["version"],
            )
        )

    async def trades(self, ids: Iterable[UUID]) -> dict[UUID, str]:
        """Trade codes of those that are known."""
        rows = await self._session.execute(
            select(EnterpriseRow.id, EnterpriseRow.trade).where(among(EnterpriseRow.id, ids))
        )
        return {one.id: one.trade for one in rows}

"""What relations remember of outlets, as bytes."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import select

from services.detection.store.bulk import among, chunks
from services.detection.tables import MemoryRow
from shared.contracts.ingest import ReadingKind

Key = tuple[UUID, ReadingKind]


class MemoryStore:
    """Reads and writes memories by outlet and kind."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def of_outlets(self, ids: Iterable[UUID]) -> dict[Key, bytes]:
        """Those of these outlets."""
        rows = await self._session.execute(select(MemoryRow).where(among(MemoryRow.outlet_id, ids)))
        return {(row.outlet_id, ReadingKind(row.kind)): row.memory for row in rows.scalars()}

    async def save(self, memories: Mapping[Key, bytes]) -> None:
        """Write them, in key order so that two writers cannot wait for each other in a circle."""
        for part in chunks(sorted(memories.items())):
            statement = insert(MemoryRow).values(
                [{"outlet_id": outlet_id, "kind": kind.value, "memory": data} for (outlet_id, kind), data in part]
            )
            await self._session.execute(
                statement.on_conflict_do_update(
                    index_elements=["outlet_id", "kind"], set_={"memory": statement.excluded["memory"]}
                )
            )

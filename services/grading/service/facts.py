"""Keeping the facts of other services."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.grading.gateways import Fact
from services.grading.store import FactsStore


class FactsService:
    """Facts in one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._facts = FactsStore(session)

    async def keep(self, facts: Sequence[Fact]) -> None:
        """Take over facts in the order in which they happened; repeats and older versions change nothing."""
        await self._facts.keep(facts)

    async def find_unknown(self, ids: Iterable[UUID]) -> list[UUID]:
        """Those of the enterprises that are not known yet."""
        wanted = set(ids)
        return sorted(wanted - (await self._facts.find_enterprises(wanted)).keys())

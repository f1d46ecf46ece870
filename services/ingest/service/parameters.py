"""What others ask of parameter changes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.parameters import ParameterChange, terms
from services.ingest.store.parameters import ParameterStore, Which
from shared.auth import Principal


class ParameterService:
    """Use cases in the caller's transaction."""

    def __init__(self, session: AsyncSession, caller: Principal) -> None:
        self._store = ParameterStore(session)
        self._caller = caller

    async def list_changes(
        self, which: Which, *, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[ParameterChange]:
        """The latest first, what the caller may see."""
        if which.enterprise_id is not None:
            self._caller.check_may_see(which.enterprise_id)
        only = self._caller.tenant or which.enterprise_id
        return await self._store.list_changes(which._replace(enterprise_id=only), terms(), after=after, limit=limit)

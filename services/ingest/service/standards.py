"""Standards applied to outlets: a preview first, then limits with the reference."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.standards import check_use, find_class, plan
from services.ingest.service.registry import RegistryService
from shared.auth import Principal
from shared.contracts.ingest import LimitIn
from shared.contracts.ingest.standards import Effect, StandardUse, UseOut
from shared.errors import ForbiddenError

WRITE = "registry:write"
SETTING = frozenset({Effect.SETS, Effect.REPLACES})


class StandardService:
    """Use cases in the caller's transaction."""

    def __init__(self, session: AsyncSession, now: Callable[[], datetime], caller: Principal) -> None:
        self._registry = RegistryService(session, now, caller)
        self._caller = caller

    async def use(self, outlet_id: UUID, use: StandardUse) -> UseOut:
        """Show what a class would set, or set it. Values nobody verified are left out unless they are named."""
        outlet = await self._registry.get_outlet(outlet_id)
        if not use.preview and WRITE not in self._caller.scopes:
            raise ForbiddenError(f"this needs the scope {WRITE}", scope=WRITE)
        standard, chosen = find_class(use.standard, use.class_id)
        check_use(standard, outlet, use.valid_from)
        lines = plan(chosen.rows, outlet, use)
        name = f"{standard.number} {chosen.name_zh}"
        for line in lines if not use.preview else ():
            if line.effect in SETTING:
                await self._registry.add_limit(
                    LimitIn(
                        outlet_id=outlet_id, factor=line.factor, upper=line.upper, lower=line.lower,
                        averaging=line.averaging, unit=line.unit, valid_from=use.valid_from,
                        standard=name if line.verified else f"{name}（未核对 not verified）",
                    )
                )  # fmt: skip
        return UseOut(
            outlet_id=outlet_id, standard=name, valid_from=use.valid_from, applied=not use.preview, lines=lines
        )

"""Outlets with the names and trades of their enterprises, for reports over many of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.detection.store.bulk import among
from services.detection.tables import EnterpriseRow, OutletRow
from shared.contracts.ingest import OutletOut

MOST = 10_000
"""Outlets read at once."""


@dataclass(frozen=True)
class Place:
    """An outlet and whose it is; trade and names are empty while the enterprise is not known."""

    outlet: OutletOut
    trade: str = ""
    enterprise_zh: str = ""
    enterprise_en: str = ""

    @property
    def id(self) -> UUID:
        """The outlet's id."""
        return self.outlet.id

    def unit(self, factor: str) -> str | None:
        """Unit of a factor; None where the outlet does not monitor it."""
        return next((one.unit for one in self.outlet.factors if one.factor == factor), None)


class PlaceStore:
    """Reads outlets with their enterprises."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def of_ids(self, ids: Iterable[UUID]) -> dict[UUID, Place]:
        """Those of the outlets that are known, in use or not."""
        return {one.id: one for one in await self._read(_query().where(among(OutletRow.id, ids)))}

    async def of_trade(self, trade: str) -> list[Place]:
        """Outlets in use of a trade, by code."""
        found = await self._read(_query().where(col(EnterpriseRow.trade) == trade))
        return _by_code(found)

    async def in_use(self) -> list[Place]:
        """All outlets in use, by code."""
        return _by_code(await self._read(_query()))

    async def _read(self, query: Any) -> list[Place]:
        rows = await self._session.execute(query.order_by(col(OutletRow.id)).limit(MOST))
        return [_place((row[0], row[1])) for row in rows]


def _by_code(places: Iterable[Place]) -> list[Place]:
    return sorted((one for one in places if one.outlet.active), key=lambda one: (one.outlet.code, str(one.id)))


def _query() -> Any:
    return select(OutletRow, EnterpriseRow).join(
        EnterpriseRow, col(EnterpriseRow.id) == col(OutletRow.enterprise_id), isouter=True
    )


def _place(row: tuple[OutletRow, EnterpriseRow | None]) -> Place:
    outlet, firm = OutletOut.model_validate(row[0].outlet), row[1]
    return Place(outlet, firm.trade, firm.name_zh, firm.name_en) if firm else Place(outlet)

"""What rules have done: anomalies, hits, suppressed hits, by rule, in a fixed number of statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.detection.store.bulk import among
from services.detection.tables import AnomalyRow, HitRow, OutletRow
from shared.contracts.detection import AnomalyState

MOST_RULES = 500


@dataclass(frozen=True)
class Activity:
    """Counts of one rule since a moment; `open` whenever they began. `last_at`: the newest start of an anomaly."""

    rule: str
    open: int = 0
    anomalies: int = 0
    outlets: int = 0
    hits: int = 0
    suppressed: int = 0
    last_at: datetime | None = None


class ActivityStore:
    """Reads in the caller's transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def by_rule(self, since: datetime, enterprise_id: UUID | None) -> list[Activity]:
        """Each rule that has an open anomaly, or any since then."""
        recent, opened = col(AnomalyRow.started_at) >= since, col(AnomalyRow.state) == AnomalyState.OPEN.value
        rule, outlet = col(AnomalyRow.rule), col(AnomalyRow.outlet_id)
        counts: list[Any] = [
            rule, func.count().filter(opened).label("open"), func.count().filter(recent).label("anomalies"),
            func.count(outlet.distinct()).filter(recent).label("outlets"),
            func.max(col(AnomalyRow.started_at)).label("last_at"),
        ]  # fmt: skip
        anomalies: Select[Any] = select(*counts).where(recent | opened).group_by(rule).limit(MOST_RULES)
        told: list[Any] = [col(HitRow.rule), func.count().label("hits"),
                           func.count(col(HitRow.suppressed_by)).label("suppressed")]  # fmt: skip
        hits: Select[Any] = (
            select(*told).where(col(HitRow.started_at) >= since).group_by(col(HitRow.rule)).limit(MOST_RULES)
        )
        if enterprise_id is not None:
            anomalies = anomalies.where(col(AnomalyRow.enterprise_id) == enterprise_id)
            hits = hits.where(among(HitRow.outlet_id, await self._outlets(enterprise_id)))
        found: dict[str, dict[str, Any]] = {}
        for query in (anomalies, hits):
            for row in (await self._session.execute(query)).mappings():
                found.setdefault(row["rule"], {}).update(row)
        return [Activity(**found[rule]) for rule in sorted(found)]

    async def count_outlets(self, enterprise_id: UUID | None) -> int:
        """Outlets that are known."""
        query = select(func.count()).select_from(OutletRow)
        if enterprise_id is not None:
            query = query.where(col(OutletRow.enterprise_id) == enterprise_id)
        return int((await self._session.execute(query)).scalar_one())

    async def _outlets(self, enterprise_id: UUID) -> Sequence[UUID]:
        query = select(col(OutletRow.id)).where(col(OutletRow.enterprise_id) == enterprise_id)
        return (await self._session.execute(query)).scalars().all()

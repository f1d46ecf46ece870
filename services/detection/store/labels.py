"""Verdicts on anomalies, one each."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.detection.store.bulk import among, chunks
from services.detection.tables import AnomalyRow, LabelRow

MOST_GROUPS = 2000


@dataclass(frozen=True)
class Label:
    """What the case `case_no` says of an anomaly; `verdict` None while it is open."""

    anomaly_id: UUID
    case_id: UUID
    case_no: str
    enterprise_id: UUID
    outlet_id: UUID
    rule: str
    verdict: str | None
    rectified: bool
    judged_at: datetime


@dataclass(frozen=True)
class Tally:
    """How many labels of a rule, and of an outlet if asked for, have a verdict."""

    rule: str
    outlet_id: UUID | None
    verdict: str
    count: int


class LabelStore:
    """Reads and writes labels."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def rectified(self, case_ids: Sequence[UUID]) -> set[UUID]:
        """Those of the cases in which something had to be mended."""
        query = select(LabelRow.case_id).where(among(LabelRow.case_id, case_ids), col(LabelRow.rectified)).distinct()
        return set((await self._session.execute(query)).scalars())

    async def save(self, labels: Sequence[Label]) -> None:
        """The latest word on each anomaly."""
        for part in chunks(sorted(labels, key=lambda one: one.anomaly_id)):
            statement = insert(LabelRow).values([asdict(one) for one in part])
            changes = {name: statement.excluded[name] for name in LabelRow.model_fields if name != "anomaly_id"}
            await self._session.execute(statement.on_conflict_do_update(index_elements=["anomaly_id"], set_=changes))

    async def tally(self, since: datetime, enterprise_id: UUID | None, *, by_outlet: bool) -> list[Tally]:
        """Labels since a moment by the anomaly's own rule, where it is known, and verdict."""
        rule = func.coalesce(col(AnomalyRow.rule), col(LabelRow.rule)).label("rule")
        keys: list[Any] = [rule, col(LabelRow.outlet_id)] if by_outlet else [rule]
        columns: list[Any] = [*keys, col(LabelRow.verdict), func.count().label("labels")]
        query: Select[Any] = (
            select(*columns)
            .join(AnomalyRow, col(AnomalyRow.id) == col(LabelRow.anomaly_id), isouter=True)
            .where(col(LabelRow.verdict).is_not(None), col(LabelRow.judged_at) >= since)
            .group_by(*keys, col(LabelRow.verdict))
            .order_by(*keys)
            .limit(MOST_GROUPS)
        )
        if enterprise_id is not None:
            query = query.where(col(LabelRow.enterprise_id) == enterprise_id)
        rows = await self._session.execute(query)
        return [Tally(row.rule, row.outlet_id if by_outlet else None, row.verdict, row.labels) for row in rows]

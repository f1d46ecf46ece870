"""Verdicts on anomalies, one each."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.detection.store.bulk import among, chunks
from services.detection.tables import AnomalyRow, EnterpriseRow, LabelRow

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


class By(StrEnum):
    """What labels are counted by beside the rule."""

    RULE = "rule"
    OUTLET = "outlet"
    TRADE = "trade"


@dataclass(frozen=True)
class Tally:
    """How many labels of a rule, and of an outlet or trade if asked for, have a verdict."""

    rule: str
    outlet_id: UUID | None
    trade: str | None
    verdict: str
    count: int


@dataclass(frozen=True)
class Judged:
    """A label with what is known of its anomaly."""

    label: Label
    rule: str
    anomaly_no: str = ""
    factor: str = ""
    started_at: datetime | None = None


@dataclass(frozen=True)
class LabelFilter:
    """Which labels to list; None does not filter."""

    since: datetime
    enterprise_id: UUID | None = None
    outlet_id: UUID | None = None
    rule: str | None = None
    verdict: str | None = None


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

    async def tally(self, since: datetime, enterprise_id: UUID | None, by: By = By.RULE) -> list[Tally]:
        """Labels since a moment by the anomaly's own rule, where it is known, and verdict."""
        rule = func.coalesce(col(AnomalyRow.rule), col(LabelRow.rule)).label("rule")
        more: dict[By, list[Any]] = {By.RULE: [], By.OUTLET: [col(LabelRow.outlet_id)],
                By.TRADE: [func.coalesce(col(EnterpriseRow.trade), "").label("trade")]}  # fmt: skip
        keys: list[Any] = [rule, *more[by]]
        columns: list[Any] = [*keys, col(LabelRow.verdict), func.count().label("labels")]
        query: Select[Any] = (
            select(*columns)
            .join(AnomalyRow, col(AnomalyRow.id) == col(LabelRow.anomaly_id), isouter=True)
            .where(col(LabelRow.verdict).is_not(None), col(LabelRow.judged_at) >= since)
            .group_by(*keys, col(LabelRow.verdict))
            .order_by(*keys)
            .limit(MOST_GROUPS)
        )
        if by is By.TRADE:
            query = query.join(EnterpriseRow, col(EnterpriseRow.id) == col(LabelRow.enterprise_id), isouter=True)
        if enterprise_id is not None:
            query = query.where(col(LabelRow.enterprise_id) == enterprise_id)
        return [
            Tally(
                row.rule, row.outlet_id if by is By.OUTLET else None, row.trade if by is By.TRADE else None,
                row.verdict, row.labels,
            )
            for row in await self._session.execute(query)
        ]  # fmt: skip

    async def find(self, anomaly_ids: Sequence[UUID]) -> dict[UUID, Label]:
        """Labels of these anomalies, by anomaly."""
        rows = await self._session.execute(select(LabelRow).where(among(LabelRow.anomaly_id, anomaly_ids)))
        return {row.anomaly_id: Label(**row.model_dump()) for row in rows.scalars()}

    async def select(self, which: LabelFilter, after: tuple[datetime, UUID] | None, limit: int) -> list[Judged]:
        """Labels with a verdict, the latest first."""
        rule = func.coalesce(col(AnomalyRow.rule), col(LabelRow.rule))
        query = (
            select(LabelRow, AnomalyRow)
            .join(AnomalyRow, col(AnomalyRow.id) == col(LabelRow.anomaly_id), isouter=True)
            .where(col(LabelRow.verdict).is_not(None), col(LabelRow.judged_at) >= which.since)
            .order_by(col(LabelRow.judged_at).desc(), col(LabelRow.anomaly_id).desc())
            .limit(limit)
        )
        for column, value in ((LabelRow.enterprise_id, which.enterprise_id), (LabelRow.outlet_id, which.outlet_id),
                              (LabelRow.verdict, which.verdict)):  # fmt: skip
            if value is not None:
                query = query.where(col(column) == value)
        if which.rule is not None:
            query = query.where(rule == which.rule)
        if after is not None:
            query = query.where(tuple_(col(LabelRow.judged_at), col(LabelRow.anomaly_id)) < tuple_(*after))
        return [_judged(label, anomaly) for label, anomaly in await self._session.execute(query)]


def _judged(row: LabelRow, anomaly: AnomalyRow | None) -> Judged:
    label = Label(**row.model_dump())
    if anomaly is None:
        return Judged(label, row.rule)
    return Judged(label, anomaly.rule, anomaly.no, anomaly.factor, anomaly.started_at)

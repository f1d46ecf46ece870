"""Rule hits as they were last told."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.detection.domain.duties.breach import Running
from services.detection.domain.hits import Hit
from services.detection.store.bulk import among, chunks
from services.detection.tables import HitRow

_TOLD = ("started_at", "until", "running", "value", "reference", "points", "suppressed_by")


class Line(NamedTuple):
    """One rule on one series: where hits follow each other."""

    outlet_id: UUID
    factor: str
    kind: str
    rule: str


@dataclass(frozen=True)
class Told:
    """A hit as it was last told; `suppressed`: it opened no anomaly by itself."""

    started_at: datetime
    until: datetime
    running: bool
    points: int
    value: float
    reference: float
    suppressed: bool


@dataclass(frozen=True)
class Span:
    """From the start of a hit to the moment after it."""

    started_at: datetime
    until: datetime

    def holds(self, at: datetime) -> bool:
        """Whether that moment lies in it."""
        return self.started_at <= at < self.until


class RunningHit(NamedTuple):
    """A hit that has not ended, as it was last told."""

    outlet_id: UUID
    factor: str
    kind: str
    rule: str
    started_at: datetime
    until: datetime
    value: float
    reference: float
    points: int


def line_of(hit: Hit) -> Line:
    """Where a hit belongs."""
    return Line(hit.series.outlet_id, hit.series.factor, hit.series.kind.value, hit.rule)


class HitStore:
    """Reads and writes hits."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def spans(self, outlet_ids: Iterable[UUID], since: datetime, until: datetime) -> list[tuple[Line, Span]]:
        """Spans of all hits of these outlets that overlap `since` to `until`."""
        rows = await self._session.execute(
            select(HitRow).where(
                among(HitRow.outlet_id, outlet_ids), col(HitRow.until) > since, col(HitRow.started_at) <= until
            )
        )
        return [
            (Line(row.outlet_id, row.factor, row.kind, row.rule), Span(row.started_at, row.until))
            for row in rows.scalars()
        ]

    async def running(self, rule: str) -> list[Running]:
        """Hits of a rule that have not ended."""
        rows = await self._session.execute(select(HitRow).where(col(HitRow.running), col(HitRow.rule) == rule))
        return [Running(row.outlet_id, row.factor, row.started_at, row.value, row.reference) for row in rows.scalars()]

    async def running_of(self, outlet_ids: Iterable[UUID], rules: Sequence[str]) -> list[RunningHit]:
        """Hits of these rules at these outlets that have not ended."""
        query = select(HitRow).where(
            col(HitRow.running), col(HitRow.rule).in_(rules), among(HitRow.outlet_id, outlet_ids)
        )
        return [
            RunningHit(
                row.outlet_id, row.factor, row.kind, row.rule, row.started_at, row.until, row.value, row.reference,
                row.points,
            )
            for row in (await self._session.execute(query)).scalars()
        ]  # fmt: skip

    async def known(self, ids: Sequence[UUID]) -> set[UUID]:
        """Those of these hits that were told."""
        found: set[UUID] = set()
        for part in chunks(ids):
            found |= set((await self._session.execute(select(HitRow.id).where(among(HitRow.id, part)))).scalars())
        return found

    async def told(self, line: Line, since: datetime, until: datetime, limit: int) -> list[Told]:
        """Hits of one line that touch a span, the first ones."""
        where = [getattr(HitRow, name) == value for name, value in line._asdict().items()]
        rows = await self._session.execute(
            select(HitRow).where(*where, col(HitRow.until) > since, col(HitRow.started_at) <= until)
            .order_by(col(HitRow.started_at)).limit(limit)
        )  # fmt: skip
        return [
            Told(row.started_at, row.until, row.running, row.points, row.value, row.reference,
                 row.suppressed_by is not None)
            for row in rows.scalars()
        ]  # fmt: skip

    async def save(self, hits: Sequence[Hit], quiet: Mapping[UUID, UUID]) -> None:
        """Write new hits, and what is new of known ones; `quiet` names the suppression of those that have one."""
        for part in chunks(sorted(hits, key=lambda hit: hit.id)):
            statement = insert(HitRow).values([_row(hit, quiet.get(hit.id)) for hit in part])
            changes = {name: statement.excluded[name] for name in _TOLD}
            await self._session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changes))


def _row(hit: Hit, suppressed_by: UUID | None) -> dict[str, object]:
    line = line_of(hit)
    return {
        "id": hit.id, **line._asdict(), "started_at": hit.started_at, "until": hit.until, "running": hit.opened,
        "value": hit.value, "reference": hit.reference, "points": hit.count, "suppressed_by": suppressed_by,
    }  # fmt: skip

"""Runs of the surveys, and for which nights outlets were surveyed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.detection.store.bulk import among, chunks
from services.detection.tables import OutletRow, SurveyNightRow, SurveyRunRow
from shared.contracts.detection.surveys import SurveyState, SurveyTrigger

MOST_OPEN = 20
"""Runs looked at in one go."""


@dataclass(frozen=True)
class Run:
    """One run: its scope (one outlet, an enterprise, all), the night it goes up to, and how far it has come.

    `requested_by` is a person as JSON; `cursor` the last outlet done; `gaps` counts series by "rule why".
    """

    id: UUID
    night: datetime
    trigger: SurveyTrigger
    requested_at: datetime
    outlet_id: UUID | None = None
    enterprise_id: UUID | None = None
    requested_by: dict[str, Any] | None = None
    finished_at: datetime | None = None
    cursor: UUID | None = None
    outlets: int = 0
    failed: int = 0
    judged: int = 0
    hits: int = 0
    gaps: Mapping[str, int] = field(default_factory=Counter)

    @property
    def state(self) -> SurveyState:
        """Waiting, running or done."""
        if self.finished_at is not None:
            return SurveyState.DONE
        return SurveyState.WAITING if self.cursor is None else SurveyState.RUNNING


@dataclass(frozen=True)
class Surveyed:
    """That an outlet was surveyed for a night: answers given, hits told, and what could not be judged."""

    outlet_id: UUID
    night: datetime
    run_id: UUID
    judged: int
    hits: int
    unjudged: Sequence[dict[str, str]]


class SurveyStore:
    """Reads and writes runs and nights."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, run: Run) -> None:
        """A new run; one that is there already stays as it is."""
        await self._session.execute(insert(SurveyRunRow).values(_values(run)).on_conflict_do_nothing())

    async def save(self, run: Run) -> None:
        """Write how far a run has come."""
        values = _values(run)
        changes = {
            name: values[name] for name in ("finished_at", "cursor", "outlets", "failed", "judged", "hits", "gaps")
        }
        statement = insert(SurveyRunRow).values(values)
        await self._session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changes))

    async def find(self, run_id: UUID, *, lock: bool = False) -> Run | None:
        """One run."""
        query = select(SurveyRunRow).where(SurveyRunRow.id == run_id)
        row = (await self._session.execute(query.with_for_update() if lock else query)).scalar_one_or_none()
        return None if row is None else _run(row)

    async def open_runs(self) -> list[Run]:
        """Runs that are not finished, those asked for first first."""
        query = select(SurveyRunRow).where(col(SurveyRunRow.finished_at).is_(None))
        query = query.order_by(col(SurveyRunRow.requested_at), col(SurveyRunRow.id)).limit(MOST_OPEN)
        return [_run(row) for row in (await self._session.execute(query)).scalars()]

    async def select(self, after: tuple[datetime, UUID] | None, limit: int) -> list[Run]:
        """The latest runs first."""
        query = select(SurveyRunRow)
        key = tuple_(col(SurveyRunRow.requested_at), col(SurveyRunRow.id))
        if after is not None:
            query = query.where(key < tuple_(*after))
        query = query.order_by(col(SurveyRunRow.requested_at).desc(), col(SurveyRunRow.id).desc()).limit(limit)
        return [_run(row) for row in (await self._session.execute(query)).scalars()]

    async def night_before(self, night: datetime) -> datetime | None:
        """The last night before for which a nightly run has ended."""
        query = select(func.max(SurveyRunRow.night)).where(
            col(SurveyRunRow.trigger) == SurveyTrigger.NIGHTLY.value,
            col(SurveyRunRow.finished_at).is_not(None),
            col(SurveyRunRow.night) < night,
        )
        return (await self._session.execute(query)).scalar_one()

    async def outlets(self, run: Run, limit: int) -> list[UUID]:
        """Outlets in use that a run has still to look at, a page in order of their id."""
        query = select(OutletRow.id).where(col(OutletRow.outlet)["active"].as_boolean())
        if run.outlet_id is not None:
            query = query.where(OutletRow.id == run.outlet_id)
        if run.enterprise_id is not None:
            query = query.where(OutletRow.enterprise_id == run.enterprise_id)
        if run.cursor is not None:
            query = query.where(col(OutletRow.id) > run.cursor)
        return list((await self._session.execute(query.order_by(col(OutletRow.id)).limit(limit))).scalars())

    async def last_nights(self, outlet_ids: Iterable[UUID]) -> dict[UUID, datetime]:
        """The last night for which each of these outlets was surveyed."""
        query = select(SurveyNightRow.outlet_id, func.max(SurveyNightRow.night)).where(
            among(SurveyNightRow.outlet_id, outlet_ids)
        )
        rows = await self._session.execute(query.group_by(col(SurveyNightRow.outlet_id)))
        return {row[0]: row[1] for row in rows}

    async def keep(self, nights: Sequence[Surveyed]) -> None:
        """Write nights; a night surveyed again is written over."""
        for part in chunks(sorted(nights, key=lambda one: one.outlet_id)):
            statement = insert(SurveyNightRow).values([{**vars(one), "unjudged": list(one.unjudged)} for one in part])
            changes = {name: statement.excluded[name] for name in ("run_id", "judged", "hits", "unjudged")}
            await self._session.execute(
                statement.on_conflict_do_update(index_elements=["outlet_id", "night"], set_=changes)
            )

    async def forget(self, before: datetime) -> None:
        """Delete what is older than is kept."""
        await self._session.execute(delete(SurveyNightRow).where(col(SurveyNightRow.night) < before))
        await self._session.execute(
            delete(SurveyRunRow).where(col(SurveyRunRow.night) < before, col(SurveyRunRow.finished_at).is_not(None))
        )


def _values(run: Run) -> dict[str, Any]:
    return {**vars(run), "trigger": run.trigger.value, "gaps": dict(run.gaps)}


def _run(row: SurveyRunRow) -> Run:
    return Run(
        row.id, row.night, SurveyTrigger(row.trigger), row.requested_at, row.outlet_id, row.enterprise_id,
        row.requested_by, row.finished_at, row.cursor, row.outlets, row.failed, row.judged, row.hits, Counter(row.gaps),
    )  # fmt: skip

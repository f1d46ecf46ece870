"""Surveys of history: what the leader does each night, and when a person asks."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import FastAPI

from services.detection.gateways import Column, Readings
from services.detection.service import load_rulebook
from services.detection.service.neighbours import NeighbourDesk, report_neighbours
from services.detection.service.survey_desk import Page, SurveyDesk, last_night, report
from services.detection.store.surveys import Run
from shared.clients.base import ServiceCallError
from shared.contracts.ingest import ReadingKind
from shared.errors import TooLargeError
from shared.logging import get_logger

log = get_logger(__name__)

History = Mapping[str, Column]


@dataclass
class Nightly:
    """Goes on with every run that is not finished, a page of outlets in a transaction."""

    app: FastAPI
    readings: Readings

    async def run(self, read_until: datetime) -> None:
        """All runs that are due when everything up to `read_until` has been looked at."""
        hazardous = await self.readings.hazardous()
        night = last_night(read_until).astimezone(UTC)
        async with self.app.state.db.transaction() as session:
            runs = await self._desk(session, hazardous).open_runs(night)
        for run in runs:
            if run.night <= night:
                await self._go_on(run, hazardous)

    async def _go_on(self, run: Run, hazardous: frozenset[str]) -> None:
        while run.finished_at is None:
            async with self.app.state.db.transaction() as session:
                pages = await self._desk(session, hazardous).prepare(run)
            if not pages:
                run = await self._finish(run, hazardous)
                continue
            histories = await self._read(pages)
            rulebook = load_rulebook()
            reports = [await asyncio.to_thread(report, rulebook, page, histories[page.outlet.id]) for page in pages]
            async with self.app.state.db.transaction() as session:
                run = await self._desk(session, hazardous).keep(run, reports)
        log.info("surveyed", night=run.night.isoformat(), outlets=run.outlets, failed=run.failed, hits=run.hits)

    async def _finish(self, run: Run, hazardous: frozenset[str]) -> Run:
        """Compare the outlets of each group, then end the run."""
        rulebook, told = load_rulebook(), []
        async with self.app.state.db.transaction() as session:
            groups = await NeighbourDesk(session, rulebook).prepare(run)
        for group in groups:
            told += await asyncio.to_thread(report_neighbours, rulebook, group, await self._read(group))
        async with self.app.state.db.transaction() as session:
            return await self._desk(session, hazardous).finish(run, told)

    async def _read(self, pages: Sequence[Page]) -> dict[UUID, History | None]:
        """Hour means of each outlet by factor; None where ingest gave none in time."""
        found: dict[UUID, History | None] = {page.outlet.id: {} for page in pages}
        wanted = [page for page in pages if page.series]
        if not wanted:
            return found
        since, until = min(page.since for page in wanted), max(page.last for page in wanted)
        ids = [page.outlet.id for page in wanted]
        try:
            columns = await self.readings.history_of_outlets(ids, ReadingKind.HOUR, since, until)
        except (ServiceCallError, TooLargeError) as error:
            log.warning("history_not_read", outlets=len(ids), error=error.message)
            return dict.fromkeys(found)
        for page in wanted:
            begin, end = page.since.timestamp(), page.last.timestamp()
            of_outlet = columns.get(page.outlet.id, {})
            found[page.outlet.id] = {factor: column.between(begin, end) for factor, column in of_outlet.items()}
        return found

    def _desk(self, session: Any, hazardous: frozenset[str]) -> SurveyDesk:
        return SurveyDesk(session, load_rulebook(), self.app.state.clock.now(), hazardous)

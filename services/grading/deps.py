"""Wiring: one request = one transaction, committed before the answer. Other services are asked before it."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Header, Path, Request

from services.grading.domain.facts import as_of
from services.grading.domain.freezing import Measured
from services.grading.rules import rule_versions
from services.grading.service import FactsService, GradeService, ListService
from shared.auth import Principal, require
from shared.calendar import Quarter
from shared.contracts.grading import ImportList
from shared.http import version_from

QUARTER = r"^\d{4}Q[1-4]$"
QuarterPath = Annotated[str, Path(pattern=QUARTER, description="as in 2026Q4")]
PublicQuarter = Annotated[str, Path(pattern=rf"{QUARTER}|^latest$", description="as in 2026Q4, or latest")]

Reader = Annotated[Principal, Depends(require("grades:read"))]
Writer = Annotated[Principal, Depends(require("grades:write"))]
Publisher = Annotated[Principal, Depends(require("grades:publish"))]


async def get_lists(request: Request) -> AsyncIterator[ListService]:
    """Lists in the request's transaction."""
    state = request.app.state
    async with state.db.transaction() as session:
        yield ListService(session, state.clock.now(), rule_versions())


async def get_grades(request: Request) -> AsyncIterator[GradeService]:
    """Grades in the request's transaction."""
    async with request.app.state.db.transaction() as session:
        yield GradeService(session)


async def get_measured(request: Request, quarter: QuarterPath, _caller: Writer) -> Measured:
    """Completeness from ingest, asked before the transaction begins."""
    state = request.app.state
    wanted = Quarter.parse(quarter)
    measured: Measured = await state.ingest.measure(wanted, as_of(wanted, state.clock.now()))
    return measured


async def get_import(request: Request, rows: ImportList, _caller: Publisher) -> ImportList:
    """The list to take over, its enterprises known: those the feed has not brought yet are asked from ingest."""
    state = request.app.state
    async with state.db.transaction() as session:
        unknown = await FactsService(session).find_unknown(row.enterprise_id for row in rows.rows)
    fetched = await state.ingest.fetch_enterprises(unknown)
    if fetched:
        async with state.db.transaction() as session:
            await FactsService(session).keep(fetched)
    return rows


def get_seen_version(if_match: Annotated[str | None, Header()] = None) -> int:
    """The version a decision is based on."""
    return version_from(if_match)


Lists = Annotated[ListService, Depends(get_lists, scope="function")]
Grades = Annotated[GradeService, Depends(get_grades, scope="function")]
MeasuredNow = Annotated[Measured, Depends(get_measured, scope="function")]
Taken = Annotated[ImportList, Depends(get_import, scope="function")]
SeenVersion = Annotated[int, Depends(get_seen_version)]

"""Wiring of marks."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Header, Request

from services.ingest.deps.state import clock_of, db_of, intake_of
from services.ingest.service.evidence import EvidenceService
from services.ingest.service.mark_facts import MarkInsight
from services.ingest.service.marks import MarkService
from shared.auth import Caller, Principal, require
from shared.errors import ForbiddenError
from shared.http import version_from

SCOPES = frozenset({"marks:write", "marks:review"})


async def may_act_on_marks(caller: Caller) -> Principal:
    """Somebody who hands in marks or reviews them; the table says which acts are whose."""
    if SCOPES.isdisjoint(caller.scopes):
        raise ForbiddenError("this needs the scope marks:write or marks:review", scope="marks:write")
    return caller


MayReadMarks = Annotated[Principal, Depends(require("readings:read"))]
MayActOnMarks = Annotated[Principal, Depends(may_act_on_marks)]


async def read_marks(request: Request, caller: MayReadMarks) -> AsyncIterator[MarkService]:
    """Marks for who may read readings."""
    async with db_of(request).transaction() as session:
        yield MarkService(session, clock_of(request).now, caller)


async def write_marks(request: Request, caller: MayActOnMarks) -> AsyncIterator[MarkService]:
    """Marks for who hands them in or reviews them."""
    async with db_of(request).transaction() as session:
        yield MarkService(session, clock_of(request).now, caller)


async def read_insight(request: Request, caller: MayReadMarks) -> AsyncIterator[MarkInsight]:
    """Facts and checks for who may read readings."""
    async with db_of(request).transaction() as session:
        marks = MarkService(session, clock_of(request).now, caller)
        yield MarkInsight(session, marks, intake_of(request).dictionaries)


async def write_evidence(request: Request, caller: MayActOnMarks) -> AsyncIterator[EvidenceService]:
    """Evidence of marks for who hands it in."""
    async with db_of(request).transaction() as session:
        yield EvidenceService(session, MarkService(session, clock_of(request).now, caller), caller)


async def read_evidence(request: Request, caller: MayReadMarks) -> AsyncIterator[EvidenceService]:
    """Evidence for who may read readings."""
    async with db_of(request).transaction() as session:
        yield EvidenceService(session, MarkService(session, clock_of(request).now, caller), caller)


async def mark_version(if_match: Annotated[str | None, Header(description='version seen, as in "3"')] = None) -> int:
    """The version an act is about."""
    return version_from(if_match)


MarkReader = Annotated[MarkService, Depends(read_marks, scope="function")]
MarkWriter = Annotated[MarkService, Depends(write_marks, scope="function")]
Insight = Annotated[MarkInsight, Depends(read_insight, scope="function")]
EvidenceWriter = Annotated[EvidenceService, Depends(write_evidence, scope="function")]
EvidenceReader = Annotated[EvidenceService, Depends(read_evidence, scope="function")]
MarkVersion = Annotated[int, Depends(mark_version)]

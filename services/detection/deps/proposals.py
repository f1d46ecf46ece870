"""Wiring of proposals to retune rules."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from services.detection.service.proposals import ProposalService
from services.detection.store.proposals import ProposalFilter
from shared.auth import Principal, require
from shared.contracts.detection.proposals import ProposalState
from shared.contracts.ingest import Code


async def _read(
    request: Request, caller: Annotated[Principal, Depends(require("anomalies:read"))]
) -> AsyncIterator[ProposalService]:
    async with request.app.state.db.transaction() as session:
        yield ProposalService(session, request.app.state.clock.now, caller)


async def _write(
    request: Request, caller: Annotated[Principal, Depends(require("backtests:write"))]
) -> AsyncIterator[ProposalService]:
    async with request.app.state.db.transaction() as session:
        yield ProposalService(session, request.app.state.clock.now, caller)


async def get_filter(state: ProposalState | None = None, rule: Code | None = None) -> ProposalFilter:
    """Filters from the query."""
    return ProposalFilter(state, rule)


ProposalReader = Annotated[ProposalService, Depends(_read, scope="function")]
ProposalWriter = Annotated[ProposalService, Depends(_write, scope="function")]
WantedProposals = Annotated[ProposalFilter, Depends(get_filter)]

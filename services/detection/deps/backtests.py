"""Wiring of backtests and proposals."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from services.detection.service.backtests import BacktestService
from services.detection.store.backtests import BacktestFilter
from shared.auth import Principal, require
from shared.contracts.detection.backtests import BacktestState
from shared.contracts.ingest import Code


async def _read(
    request: Request, caller: Annotated[Principal, Depends(require("anomalies:read"))]
) -> AsyncIterator[BacktestService]:
    async with request.app.state.db.transaction() as session:
        yield BacktestService(session, request.app.state.clock.now, caller)


async def _write(
    request: Request, caller: Annotated[Principal, Depends(require("backtests:write"))]
) -> AsyncIterator[BacktestService]:
    async with request.app.state.db.transaction() as session:
        yield BacktestService(session, request.app.state.clock.now, caller)


async def get_filter(state: BacktestState | None = None, rule: Code | None = None) -> BacktestFilter:
    """Filters from the query."""
    return BacktestFilter(state, rule)


BacktestReader = Annotated[BacktestService, Depends(_read, scope="function")]
BacktestWriter = Annotated[BacktestService, Depends(_write, scope="function")]
WantedBacktests = Annotated[BacktestFilter, Depends(get_filter)]

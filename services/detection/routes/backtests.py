"""HTTP of backtests."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.detection.deps.backtests import BacktestReader, BacktestWriter, WantedBacktests
from services.detection.routes.cursors import time_cursor
from shared.contracts.detection.backtests import BacktestIn, BacktestOut
from shared.http import Page, link_next

router = APIRouter(prefix="/v1/backtests", tags=["backtests"])


@router.get("")
async def list_backtests(
    request: Request,
    response: Response,
    service: BacktestReader,
    which: WantedBacktests,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[BacktestOut]:
    """Backtests 回测, the latest first, without results."""
    page = await service.list_backtests(which, time_cursor(cursor), limit)
    link_next(request, response, page.next)
    return page


@router.post("", status_code=202)
async def ask(given: BacktestIn, service: BacktestWriter) -> BacktestOut:
    """Try a change of rules on history; it runs by itself, one at a time."""
    return await service.ask(given)


@router.get("/{backtest_id}")
async def get_backtest(backtest_id: UUID, service: BacktestReader) -> BacktestOut:
    """One backtest: how far it is, and its result beside the rules in force."""
    return await service.get_backtest(backtest_id)


@router.post("/{backtest_id}/cancel")
async def cancel(backtest_id: UUID, service: BacktestWriter) -> BacktestOut:
    """Stop one that waits or runs."""
    return await service.cancel(backtest_id)

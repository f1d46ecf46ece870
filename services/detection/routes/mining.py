"""HTTP of the mining bench. Reports take seconds; one that would take too long ends with `mining_timeout`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.detection.deps.mining import Asked, Mining, Similar
from shared.contracts.detection.mining import (
    BunchingReport,
    DigitReport,
    MiningTrade,
    PeerReport,
    RepeatReport,
    SimilarReport,
    TwinReport,
)

router = APIRouter(prefix="/v1/mining", tags=["mining"])


@router.get("/trades")
async def list_mining_trades(service: Mining) -> list[MiningTrade]:
    """Trades 行业 with their outlets in use, and how many monitor each factor."""
    return await service.list_trades()


@router.get("/similar")
async def find_similar(
    service: Similar,
    anomaly: UUID,
    limit: Annotated[int, Query(ge=1, le=50)] = 20,
    trade_only: Annotated[bool, Query(description="only outlets of the same trade")] = False,  # noqa: FBT002
) -> SimilarReport:
    """Episodes most like an anomaly 相似异常, by shape, rule, factor and duration, with the distance taken apart."""
    return await service.find_similar(anomaly, limit, trade_only=trade_only)


@router.get("/digits")
async def report_digits(service: Mining, ask: Asked) -> DigitReport:
    """Last digits 末位数字 of one outlet and its trade, or of a trade. Evidence to rank by, never to act on."""
    return await service.report_digits(ask)


@router.get("/bunching")
async def report_bunching(service: Mining, ask: Asked) -> BunchingReport:
    """Values about the limit 贴限堆积 in bins of 2 % of it, with the number expected if nobody shaved them."""
    return await service.report_bunching(ask)


@router.get("/repeats")
async def report_repeats(service: Mining, ask: Asked) -> RepeatReport:
    """Repeated windows 重复片段 of one outlet, or of each outlet of a trade, exact and under noise."""
    return await service.report_repeats(ask)


@router.get("/twins")
async def report_twins(service: Mining, ask: Asked) -> TwinReport:
    """Outlets whose series are too alike 孪生排口: one against its trade, or all pairs of a trade."""
    return await service.report_twins(ask)


@router.get("/peers")
async def report_peers(service: Mining, ask: Asked) -> PeerReport:
    """Distribution of a factor at each outlet of a trade 同行业比对; z beyond 3 stands apart."""
    return await service.report_peers(ask)

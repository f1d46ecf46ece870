"""Calls on the mining bench. They may take half a minute."""

from typing import Any, TypeVar
from uuid import UUID

from shared.clients.base import ServiceClient
from shared.contracts.detection.mining import (
    BunchingReport,
    DigitReport,
    MiningAsk,
    MiningTrade,
    PeerReport,
    RepeatReport,
    SimilarReport,
    TwinReport,
)
from shared.contracts.ingest import Wire

PATIENCE = 45.0
"""Seconds; the service gives up before that."""
Report = TypeVar("Report", bound=Wire)


class MiningCalls(ServiceClient):
    """Calls on the mining bench."""

    async def list_mining_trades(self) -> list[MiningTrade]:
        """Trades with their outlets and factors."""
        return [MiningTrade.model_validate(item) for item in await self.get_json("/v1/mining/trades")]

    async def find_similar(self, anomaly_id: UUID, *, trade_only: bool = False, limit: int = 20) -> SimilarReport:
        """Episodes most like an anomaly."""
        given = {"anomaly": str(anomaly_id), "trade_only": str(trade_only).lower(), "limit": limit}
        return await self._mine("similar", given, SimilarReport)

    async def report_digits(self, ask: MiningAsk) -> DigitReport:
        """Last digits."""
        return await self._mine("digits", _given(ask), DigitReport)

    async def report_bunching(self, ask: MiningAsk) -> BunchingReport:
        """Values about the limit."""
        return await self._mine("bunching", _given(ask), BunchingReport)

    async def report_repeats(self, ask: MiningAsk) -> RepeatReport:
        """Repeated windows."""
        return await self._mine("repeats", _given(ask), RepeatReport)

    async def report_twins(self, ask: MiningAsk) -> TwinReport:
        """Twin outlets."""
        return await self._mine("twins", _given(ask), TwinReport)

    async def report_peers(self, ask: MiningAsk) -> PeerReport:
        """Distributions within the trade."""
        return await self._mine("peers", _given(ask), PeerReport)

    async def _mine(self, report: str, params: dict[str, Any], model: type[Report]) -> Report:
        response = await self.request("GET", f"/v1/mining/{report}", params=params, timeout=PATIENCE, retry=False)
        return model.model_validate_json(response.content)


def _given(ask: MiningAsk) -> dict[str, Any]:
    return ask.model_dump(mode="json", exclude_none=True)

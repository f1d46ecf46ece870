"""Calls on backtests and on proposals that come of them."""

from uuid import UUID

from shared.clients.base import ServiceClient
from shared.contracts.detection.backtests import BacktestIn, BacktestOut, BacktestState
from shared.contracts.detection.proposals import ProposalDecision, ProposalEvent, ProposalOut, ProposalState
from shared.http import Page


class BacktestCalls(ServiceClient):
    """Calls on backtests."""

    async def list_backtests(
        self, *, state: BacktestState | None = None, rule: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[BacktestOut]:
        """Backtests, the latest first, without results."""
        answer = await self.get_json("/v1/backtests", state=state, rule=rule, cursor=cursor, limit=limit)
        return Page[BacktestOut].model_validate(answer)

    async def get_backtest(self, backtest_id: UUID) -> BacktestOut:
        """One backtest with its result."""
        return BacktestOut.model_validate(await self.get_json(f"/v1/backtests/{backtest_id}"))

    async def start_backtest(self, given: BacktestIn) -> BacktestOut:
        """Ask for one."""
        return BacktestOut.model_validate(await self.post_json("/v1/backtests", given))

    async def cancel_backtest(self, backtest_id: UUID) -> BacktestOut:
        """Stop one that waits or runs."""
        return BacktestOut.model_validate(await self.post_json(f"/v1/backtests/{backtest_id}/cancel"))


class ProposalCalls(ServiceClient):
    """Calls on proposals to retune rules."""

    async def list_proposals(
        self, *, state: ProposalState | None = None, rule: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[ProposalOut]:
        """Proposals, the latest first."""
        answer = await self.get_json("/v1/proposals", state=state, rule=rule, cursor=cursor, limit=limit)
        return Page[ProposalOut].model_validate(answer)

    async def get_proposal(self, proposal_id: UUID) -> ProposalOut:
        """One proposal with its backtest."""
        return ProposalOut.model_validate(await self.get_json(f"/v1/proposals/{proposal_id}"))

    async def decide_proposal(
        self, proposal_id: UUID, event: ProposalEvent, version: int, reason: str = ""
    ) -> ProposalOut:
        """Accept, decline or withdraw it."""
        answer = await self.post_json(
            f"/v1/proposals/{proposal_id}/{event.value}", ProposalDecision(reason=reason),
            headers={"If-Match": f'"{version}"'},
        )  # fmt: skip
        return ProposalOut.model_validate(answer)

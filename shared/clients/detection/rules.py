"""Calls on what rules have done, and on their evaluation."""

from shared.clients.base import ServiceClient
from shared.contracts.detection.evaluation import EvaluationOut
from shared.contracts.detection.rules import RuleActivityOut


class RuleCalls(ServiceClient):
    """Calls on what rules have done, and on their evaluation."""

    async def get_activity(self, days: int = 30) -> RuleActivityOut:
        """Anomalies, hits and suppressed hits of each rule in the last days."""
        return RuleActivityOut.model_validate(await self.get_json("/v1/rules/activity", days=days))

    async def get_evaluation(self) -> EvaluationOut:
        """The last evaluation of the rules."""
        return EvaluationOut.model_validate(await self.get_json("/v1/evaluation"))

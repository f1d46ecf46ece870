"""Calls on surveys of history."""

from shared.clients.base import ServiceClient
from shared.contracts.detection.surveys import SurveyIn, SurveyRunOut
from shared.http import Page


class SurveyCalls(ServiceClient):
    """Calls on surveys of history."""

    async def list_survey_runs(self, limit: int = 50, cursor: str | None = None) -> Page[SurveyRunOut]:
        """Runs, the latest first."""
        return Page[SurveyRunOut].model_validate(await self.get_json("/v1/surveys", limit=limit, cursor=cursor))

    async def start_survey_run(self, given: SurveyIn) -> SurveyRunOut:
        """Have the last night judged again."""
        return SurveyRunOut.model_validate(await self.post_json("/v1/surveys", given))

"""Typed client of grading."""

from uuid import UUID

from shared.clients.base import ServiceClient
from shared.contracts.grading import (
    ColourInForce,
    GradeList,
    GradeListSummary,
    GradeOut,
    ImportList,
    Override,
    Publication,
    PublicList,
)
from shared.http import etag_of


class GradingClient(ServiceClient):
    """Three-colour lists and grades."""

    service = "grading"

    async def list_lists(self) -> list[GradeListSummary]:
        """All lists, newest quarter first; drafts only for those who may see them."""
        return [GradeListSummary.model_validate(item) for item in await self.get_json("/v1/lists")]

    async def get_list(self, quarter: str, *, state: str = "published") -> GradeList:
        """The published list of a quarter, or its draft."""
        return GradeList.model_validate(await self.get_json(f"/v1/lists/{quarter}", state=state))

    async def draft_list(self, quarter: str) -> GradeList:
        """Compute (again) the draft of a quarter from the facts as they are now."""
        return GradeList.model_validate(await self.post_json(f"/v1/lists/{quarter}/draft"))

    async def override(self, quarter: str, override: Override, version: int) -> GradeList:
        """Move one enterprise by one level in the draft."""
        answer = await self.post_json(
            f"/v1/lists/{quarter}/overrides", override, headers={"If-Match": etag_of(version)}
        )
        return GradeList.model_validate(answer)

    async def publish(self, quarter: str, publication: Publication, version: int) -> GradeList:
        """Publish the draft."""
        answer = await self.post_json(
            f"/v1/lists/{quarter}/publication", publication, headers={"If-Match": etag_of(version)}
        )
        return GradeList.model_validate(answer)

    async def import_list(self, quarter: str, rows: ImportList) -> GradeList:
        """Take over a list made before Sanse."""
        return GradeList.model_validate(await self.post_json(f"/v1/lists/{quarter}/import", rows))

    async def get_grade(self, enterprise_id: UUID) -> GradeOut:
        """One enterprise's colour in force, why, and its history."""
        return GradeOut.model_validate(await self.get_json(f"/v1/grades/{enterprise_id}"))

    async def list_colours(self) -> list[ColourInForce]:
        """The colour in force of every enterprise."""
        return [ColourInForce.model_validate(item) for item in await self.get_json("/v1/grades")]

    async def public_list(self, quarter: str = "latest") -> PublicList:
        """What residents see; no token needed."""
        return PublicList.model_validate(await self.get_json(f"/v1/lists/{quarter}/public"))

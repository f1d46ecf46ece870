"""Calls on derived means and rates."""

from datetime import date, datetime
from uuid import UUID

from shared.clients.base import ServiceClient
from shared.contracts.ingest.means import (
    DayOut,
    DifferenceOut,
    MeanKind,
    MeanOut,
    MeanProgress,
    MeanSettingsIn,
    MeanSettingsOut,
    RateDefinition,
    RateOut,
    RateUnit,
    RecomputeIn,
    RecomputeOut,
    SubstituteOut,
)
from shared.http import Page


class MeanCalls(ServiceClient):
    """Calls on derived means and rates."""

    async def list_means(  # noqa: PLR0913 - which ones, and which page
        self, outlet_id: UUID, kind: MeanKind, since: datetime, until: datetime, *, factor: str | None = None,
        cursor: str | None = None, limit: int = 500,
    ) -> Page[MeanOut]:  # fmt: skip
        """Derived means by time and factor, the reported ones beside them."""
        answer = await self.get_json(
            f"/v1/outlets/{outlet_id}/means", kind=kind.value, since=since, until=until, factor=factor, cursor=cursor,
            limit=limit,
        )  # fmt: skip
        return Page[MeanOut].model_validate(answer)

    async def list_mean_versions(self, outlet_id: UUID, kind: MeanKind, factor: str, at: datetime) -> list[MeanOut]:
        """All versions of one mean, the one in force first."""
        answer = await self.get_json(f"/v1/outlets/{outlet_id}/means/history", kind=kind.value, factor=factor, at=at)
        return [MeanOut.model_validate(item) for item in answer]

    async def list_substitutes(
        self, outlet_id: UUID, since: datetime, until: datetime, *, factor: str | None = None,
        cursor: str | None = None, limit: int = 500,
    ) -> Page[SubstituteOut]:  # fmt: skip
        """Substituted hours in force."""
        answer = await self.get_json(
            f"/v1/outlets/{outlet_id}/substitutes", since=since, until=until, factor=factor, cursor=cursor, limit=limit
        )
        return Page[SubstituteOut].model_validate(answer)

    async def list_differences(
        self, since: datetime, until: datetime, *, outlet_id: UUID | None = None, cursor: str | None = None,
        limit: int = 200,
    ) -> Page[DifferenceOut]:  # fmt: skip
        """Means whose reported value is beyond the tolerance."""
        answer = await self.get_json(
            "/v1/means/differences", since=since, until=until, outlet_id=outlet_id, cursor=cursor, limit=limit
        )
        return Page[DifferenceOut].model_validate(answer)

    async def get_mean_settings(self, outlet_id: UUID) -> MeanSettingsOut:
        """How the means of an outlet are made."""
        return MeanSettingsOut.model_validate(await self.get_json(f"/v1/outlets/{outlet_id}/mean-settings"))

    async def set_mean_settings(self, outlet_id: UUID, given: MeanSettingsIn) -> MeanSettingsOut:
        """Set how the means of an outlet are made from now on."""
        answer = await self.request("PUT", f"/v1/outlets/{outlet_id}/mean-settings", json=given.model_dump(mode="json"))
        return MeanSettingsOut.model_validate(answer.json())

    async def recompute_means(self, outlet_id: UUID, given: RecomputeIn) -> RecomputeOut:
        """Put a span in line to be made again."""
        return RecomputeOut.model_validate(await self.post_json(f"/v1/outlets/{outlet_id}/means/recompute", given))

    async def mean_progress(self) -> MeanProgress:
        """How far the making of means is."""
        return MeanProgress.model_validate(await self.get_json("/v1/means/progress"))

    async def list_rates(  # noqa: PLR0913 - which ones, and which page
        self, unit: RateUnit, since: datetime, until: datetime, *, enterprise_id: UUID | None = None,
        outlet_id: UUID | None = None, cursor: str | None = None, limit: int = 200,
    ) -> Page[RateOut]:  # fmt: skip
        """Rates by outlet and period."""
        answer = await self.get_json(
            "/v1/rates", unit=unit.value, since=since, until=until, enterprise_id=enterprise_id, outlet_id=outlet_id,
            cursor=cursor, limit=limit,
        )  # fmt: skip
        return Page[RateOut].model_validate(answer)

    async def rate_definition(self) -> RateDefinition:
        """How rates are defined."""
        return RateDefinition.model_validate(await self.get_json("/v1/rates/definition"))

    async def list_outlet_days(self, outlet_id: UUID, since: date, until: date) -> list[DayOut]:
        """Days of an outlet, hour by hour."""
        answer = await self.get_json(f"/v1/outlets/{outlet_id}/days", since=since, until=until)
        return [DayOut.model_validate(item) for item in answer]

"""Calls on the rest of 一企一档: contacts, analysers, operation, power-use points, standards."""

from collections.abc import Sequence
from uuid import UUID

from shared.clients.base import ServiceClient
from shared.contracts.ingest.base import Medium
from shared.contracts.ingest.dossier import Ending, EntryIn, EntryOut, LogLine, Part, VersionOut
from shared.contracts.ingest.standards import ExceedanceRule, StandardOut, StandardUse, UseOut
from shared.http import Page

PATHS = {
    Part.PERMIT: "permits", Part.CONTACT: "contacts", Part.ANALYSER: "analysers", Part.OPERATION: "operations",
    Part.POWER_POINT: "power-points", Part.VIDEO: "videos", Part.CHANGE: "changes",
}  # fmt: skip


class DossierCalls(ServiceClient):
    """Calls on the rest of 一企一档: contacts, analysers, operation, power-use points, standards."""

    async def list_entries(
        self, *, part: Sequence[Part] | None = None, enterprise_id: UUID | None = None, outlet_id: UUID | None = None,
        ended: bool = False, cursor: str | None = None, limit: int = 500,
    ) -> Page[EntryOut]:  # fmt: skip
        """Entries of the dossier by part."""
        answer = await self.get_json(
            "/v1/dossier", part=[item.value for item in part] if part else None, enterprise_id=enterprise_id,
            outlet_id=outlet_id, ended=str(ended).lower(), cursor=cursor, limit=limit,
        )  # fmt: skip
        return Page[EntryOut].model_validate(answer)

    async def get_entry(self, entry_id: UUID) -> EntryOut:
        """One entry."""
        return EntryOut.model_validate(await self.get_json(f"/v1/dossier/{entry_id}"))

    async def put_entry(self, entry: EntryIn, *, reason: str = "") -> EntryOut:
        """Register or change an entry of any part."""
        answer = await self.request(
            "POST", f"/v1/{PATHS[entry.PART]}", json=entry.model_dump(mode="json"),
            params={"reason": reason} if reason else None,
        )  # fmt: skip
        return EntryOut.model_validate(answer.json())

    async def end_entry(self, entry_id: UUID, reason: str) -> EntryOut:
        """End an entry."""
        return EntryOut.model_validate(await self.post_json(f"/v1/dossier/{entry_id}/end", Ending(reason=reason)))

    async def list_versions(self, entry_id: UUID) -> list[VersionOut]:
        """Every content the entry had."""
        return [VersionOut.model_validate(item) for item in await self.get_json(f"/v1/dossier/{entry_id}/versions")]

    async def change_log(self, outlet_id: UUID, *, limit: int = 100) -> list[LogLine]:
        """The change log of an outlet."""
        answer = await self.get_json(f"/v1/outlets/{outlet_id}/changes", limit=limit)
        return [LogLine.model_validate(item) for item in answer]

    async def list_standards(self, *, medium: Medium | None = None, trade: str | None = None) -> list[StandardOut]:
        """Standards with their classes."""
        answer = await self.get_json("/v1/standards", medium=medium.value if medium else None, trade=trade)
        return [StandardOut.model_validate(item) for item in answer]

    async def list_exceedance_rules(self) -> list[ExceedanceRule]:
        """Which mean counts as an exceedance."""
        return [ExceedanceRule.model_validate(item) for item in await self.get_json("/v1/exceedance-rules")]

    async def use_standard(self, outlet_id: UUID, use: StandardUse) -> UseOut:
        """Preview or apply a class of a standard."""
        return UseOut.model_validate(await self.post_json(f"/v1/outlets/{outlet_id}/standard", use))

"""Calls on commands to devices."""

from datetime import datetime
from uuid import UUID, uuid4

from shared.clients.base import ServiceClient
from shared.contracts.ingest import ReadingKind
from shared.contracts.ingest.commands import (
    CommandDecision,
    CommandDetail,
    CommandIn,
    CommandKindOut,
    CommandOut,
    CommandSettingIn,
    CommandSettingOut,
    CommandState,
    GapsOut,
)
from shared.http import Page


class CommandCalls(ServiceClient):
    """Calls on commands to devices."""

    async def command_catalogue(self) -> list[CommandKindOut]:
        """Commands on offer."""
        return [CommandKindOut.model_validate(item) for item in await self.get_json("/v1/command-catalogue")]

    async def send_command(self, command: CommandIn, key: str | None = None) -> CommandOut:
        """Give a command; a repeat under the same key gives the same one."""
        headers = {"Idempotency-Key": key or uuid4().hex}
        return CommandOut.model_validate(await self.post_json("/v1/commands", command, headers=headers))

    async def list_commands(  # noqa: PLR0913 - filters
        self, *, state: CommandState | None = None, open_: bool | None = None, code: str | None = None,
        device_id: UUID | None = None, outlet_id: UUID | None = None, mn: str | None = None,
        cursor: str | None = None, limit: int = 100,
    ) -> Page[CommandOut]:  # fmt: skip
        """Commands, the newest first."""
        answer = await self.get_json(
            "/v1/commands", state=state, open=None if open_ is None else str(open_).lower(), code=code,
            device_id=device_id, outlet_id=outlet_id, mn=mn, cursor=cursor, limit=limit,
        )  # fmt: skip
        return Page[CommandOut].model_validate(answer)

    async def get_command(self, command_id: UUID) -> CommandDetail:
        """One command with its exchange."""
        return CommandDetail.model_validate(await self.get_json(f"/v1/commands/{command_id}"))

    async def approve_command(self, command_id: UUID, version: int, reason: str = "") -> CommandOut:
        """Approve another person's command."""
        return await self._decide(command_id, "approve", version, reason)

    async def cancel_command(self, command_id: UUID, version: int, reason: str = "") -> CommandOut:
        """Cancel a command that was not sent yet."""
        return await self._decide(command_id, "cancel", version, reason)

    async def list_gaps(self, outlet_id: UUID, kind: ReadingKind, since: datetime, until: datetime) -> GapsOut:
        """What is missing of an outlet's minute or hour data."""
        answer = await self.get_json(f"/v1/outlets/{outlet_id}/gaps", kind=kind, since=since, until=until)
        return GapsOut.model_validate(answer)

    async def get_command_setting(self, device_id: UUID) -> CommandSettingOut:
        """What the platform does with a device by itself."""
        return CommandSettingOut.model_validate(await self.get_json(f"/v1/devices/{device_id}/command-setting"))

    async def set_command_setting(self, device_id: UUID, setting: CommandSettingIn) -> CommandSettingOut:
        """Change it."""
        answer = await self.post_json(f"/v1/devices/{device_id}/command-setting", setting, method="PUT")
        return CommandSettingOut.model_validate(answer)

    async def _decide(self, command_id: UUID, what: str, version: int, reason: str) -> CommandOut:
        answer = await self.post_json(
            f"/v1/commands/{command_id}/{what}", CommandDecision(reason=reason),
            headers={"If-Match": f'"{version}"'},
        )  # fmt: skip
        return CommandOut.model_validate(answer)

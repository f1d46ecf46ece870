"""HTTP of commands to devices."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import AwareDatetime

from services.ingest.deps.commands import CommandReader, CommandWriter, GapReader, MayReadCommands
from services.ingest.domain.commands.catalogue import catalogue
from services.ingest.routes.answers import page_of
from services.ingest.routes.command_answers import command_detail, command_out, kind_out
from services.ingest.routes.cursors import number_cursor
from services.ingest.store.commands import Filter
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
from shared.http import MAX_PAGE, Page, etag_of, link_next, version_from

router = APIRouter(prefix="/v1", tags=["commands"])
IfMatch = Annotated[str | None, Header(description='the version you saw, as in "3"')]


@router.get("/command-catalogue")
async def command_catalogue(_caller: MayReadCommands) -> list[CommandKindOut]:
    """Commands on offer, with parameters, rights and what they do."""
    return [kind_out(kind) for kind in catalogue().values()]


@router.post("/commands", status_code=201)
async def send_command(
    command: CommandIn, service: CommandWriter, response: Response,
    idempotency_key: Annotated[str | None, Header(description="a repeat within 24 h gives the same command")] = None,
) -> CommandOut:  # fmt: skip
    """Ask something of a device. It is sent when the device is connected and has nothing else to do."""
    made = await service.send_command(command, idempotency_key)
    response.headers["ETag"] = etag_of(made.command.version)
    return command_out(made)


@router.get("/commands")
async def list_commands(  # noqa: PLR0913, PLR0917 - filters
    service: CommandReader, request: Request, response: Response, state: CommandState | None = None,
    open_: Annotated[bool | None, Query(alias="open", description="true: not over yet")] = None,
    code: Annotated[str | None, Query(max_length=40)] = None,
    device_id: UUID | None = None, outlet_id: UUID | None = None, enterprise_id: UUID | None = None,
    mn: Annotated[str | None, Query(max_length=64)] = None,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> Page[CommandOut]:  # fmt: skip
    """Commands, the newest first."""
    wanted = Filter(state, open_, code, device_id, outlet_id, mn, enterprise_id)
    found = await service.list_commands(wanted, before=number_cursor(cursor), limit=limit + 1)
    page = page_of(found, limit, command_out, lambda item: [item.command.number])
    link_next(request, response, page.next)
    return page


@router.get("/commands/{command_id}")
async def get_command(command_id: UUID, service: CommandReader, response: Response) -> CommandDetail:
    """One command with every frame sent and received."""
    shown, lines = await service.get_command(command_id)
    response.headers["ETag"] = etag_of(shown.command.version)
    return command_detail(shown, lines)


@router.post("/commands/{command_id}/approve")
async def approve_command(
    command_id: UUID, decision: CommandDecision, service: CommandWriter, if_match: IfMatch = None
) -> CommandOut:
    """Approve another person's command."""
    return command_out(await service.approve(command_id, decision, version_from(if_match)))


@router.post("/commands/{command_id}/cancel")
async def cancel_command(
    command_id: UUID, decision: CommandDecision, service: CommandWriter, if_match: IfMatch = None
) -> CommandOut:
    """Take a command back before it is sent."""
    return command_out(await service.cancel(command_id, decision, version_from(if_match)))


@router.get("/outlets/{outlet_id}/gaps")
async def list_gaps(
    outlet_id: UUID, service: GapReader, kind: ReadingKind, since: AwareDatetime, until: AwareDatetime
) -> GapsOut:
    """What is missing of minute (at most 8 days) or hour data (at most 100 days) from `since` to before `until`."""
    return await service.list_gaps(outlet_id, kind, since, until)


@router.get("/devices/{device_id}/command-setting")
async def get_command_setting(device_id: UUID, service: CommandReader) -> CommandSettingOut:
    """What the platform does with a device by itself."""
    return CommandSettingOut(**(await service.get_setting(device_id))._asdict())


@router.put("/devices/{device_id}/command-setting")
async def set_command_setting(device_id: UUID, setting: CommandSettingIn, service: CommandWriter) -> CommandSettingOut:
    """Change what the platform does with a device by itself."""
    return CommandSettingOut(**(await service.set_setting(device_id, setting))._asdict())

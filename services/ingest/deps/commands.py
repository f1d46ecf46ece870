"""Wiring of commands."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from services.ingest.deps.state import clock_of, db_of, intake_of
from services.ingest.service.commands import SCOPE, CommandService
from services.ingest.service.gaps import GapService
from shared.auth import Principal, require

MayReadCommands = Annotated[Principal, Depends(require("registry:read"))]
MayCommand = Annotated[Principal, Depends(require(SCOPE))]


async def read_commands(request: Request, caller: MayReadCommands) -> AsyncIterator[CommandService]:
    """Commands for who may read the registry."""
    async with db_of(request).transaction() as session:
        yield CommandService(session, clock_of(request).now, caller)


async def write_commands(request: Request, caller: MayCommand) -> AsyncIterator[CommandService]:
    """Commands for who may give them."""
    async with db_of(request).transaction() as session:
        yield CommandService(session, clock_of(request).now, caller)


async def read_gaps(request: Request, caller: MayReadCommands) -> AsyncIterator[GapService]:
    """Gaps for who may read the registry."""
    async with db_of(request).transaction() as session:
        yield GapService(session, intake_of(request), clock_of(request).now, caller)


CommandReader = Annotated[CommandService, Depends(read_commands, scope="function")]
CommandWriter = Annotated[CommandService, Depends(write_commands, scope="function")]
GapReader = Annotated[GapService, Depends(read_gaps, scope="function")]

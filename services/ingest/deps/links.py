"""Wiring of links: one request = one transaction, committed before the answer."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from services.ingest.deps import MayReadPackets, MayReadRegistry, MayWriteRegistry
from services.ingest.deps.state import clock_of, db_of
from services.ingest.service.links import LinkService


async def read_links(request: Request, caller: MayReadRegistry) -> AsyncIterator[LinkService]:
    """Links for who may read the registry."""
    async with db_of(request).transaction() as session:
        yield LinkService(session, clock_of(request).now, caller)


async def write_links(request: Request, caller: MayWriteRegistry) -> AsyncIterator[LinkService]:
    """Settings of devices for who may change the registry."""
    async with db_of(request).transaction() as session:
        yield LinkService(session, clock_of(request).now, caller)


async def read_strangers(request: Request, caller: MayReadPackets) -> AsyncIterator[LinkService]:
    """Unknown devices for who may read the journal."""
    async with db_of(request).transaction() as session:
        yield LinkService(session, clock_of(request).now, caller)


LinkReader = Annotated[LinkService, Depends(read_links, scope="function")]
LinkWriter = Annotated[LinkService, Depends(write_links, scope="function")]
StrangerReader = Annotated[LinkService, Depends(read_strangers, scope="function")]

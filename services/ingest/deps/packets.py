"""Wiring of acts on the quarantine."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from services.ingest.deps.state import clock_of, db_of, intake_of
from services.ingest.service.packets import PacketService
from services.ingest.service.retries import RetryService
from shared.auth import Principal, require

MayRetryPackets = Annotated[Principal, Depends(require("packets:retry"))]


async def act_on_packets(request: Request, caller: MayRetryPackets) -> AsyncIterator[PacketService]:
    """The quarantine for who may act on it."""
    async with db_of(request).transaction() as session:
        yield PacketService(session, clock_of(request).now, caller)


def retry_packets(request: Request, caller: MayRetryPackets) -> RetryService:
    """Re-tries for who may; the service commits before it returns."""
    return RetryService(db_of(request), intake_of(request), clock_of(request).now, caller)


PacketActor = Annotated[PacketService, Depends(act_on_packets, scope="function")]
Retries = Annotated[RetryService, Depends(retry_packets)]

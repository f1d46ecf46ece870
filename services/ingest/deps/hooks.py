"""Wiring of webhooks."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from services.ingest.deps.state import clock_of, db_of
from services.ingest.service.hooks import HookService
from shared.auth import Principal, require


async def hook_service(
    request: Request, caller: Annotated[Principal, Depends(require("hooks:admin"))]
) -> AsyncIterator[HookService]:
    """Webhooks for who may keep them."""
    async with db_of(request).transaction() as session:
        yield HookService(session, clock_of(request).now, caller, request.app.state.settings.hook_networks)


Hooks = Annotated[HookService, Depends(hook_service, scope="function")]

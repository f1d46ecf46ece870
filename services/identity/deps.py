"""Wiring: one request = one transaction, committed before the answer."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from services.identity.service import AccountService, ClientService, KeyService, SessionService
from shared.auth import Principal, Role, current_principal, require

LONGEST_ADDRESS = 45


async def get_accounts(request: Request) -> AsyncIterator[AccountService]:
    """Accounts and organisations in the request's transaction."""
    state = request.app.state
    async with state.db.transaction() as session:
        yield AccountService(session, state.passwords, state.wall)


async def get_clients(request: Request) -> AsyncIterator[ClientService]:
    """API clients in the request's transaction."""
    async with request.app.state.db.transaction() as session:
        yield ClientService(session, request.app.state.wall)


async def get_sessions(request: Request) -> AsyncIterator[SessionService]:
    """Sessions in the request's transaction."""
    state = request.app.state
    async with state.db.transaction() as session:
        yield SessionService(session, state.passwords, state.guard, state.wall)


async def get_keys(request: Request) -> AsyncIterator[KeyService]:
    """Signing keys in the request's transaction."""
    async with request.app.state.db.transaction() as session:
        yield KeyService(session, request.app.state.wall)


async def remote_address(request: Request) -> str:
    """The address a person comes from: the peer, or what the portal says of it with its own token."""
    peer = request.client.host if request.client else ""
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    if not forwarded or "Authorization" not in request.headers:
        return peer
    caller = await current_principal(request)
    return forwarded[:LONGEST_ADDRESS] if caller.has(Role.SERVICE) else peer


Accounts = Annotated[AccountService, Depends(get_accounts, scope="function")]
Clients = Annotated[ClientService, Depends(get_clients, scope="function")]
Sessions = Annotated[SessionService, Depends(get_sessions, scope="function")]
Keys = Annotated[KeyService, Depends(get_keys, scope="function")]
Admin = Annotated[Principal, Depends(require("accounts:admin"))]
Address = Annotated[str, Depends(remote_address)]

"""Wiring of SensorThings: a bearer token, or the id and secret of an API client for tools that know no tokens."""

import base64
import binascii
from typing import Annotated

from fastapi import Depends, Request

from services.ingest.deps.state import clock_of, db_of, intake_of
from services.ingest.gateways import ClientLogins
from services.ingest.service.sta import StaService
from shared.auth import Principal, TokenVerifier, current_principal
from shared.errors import ForbiddenError, UnauthenticatedError


async def caller_of(request: Request) -> Principal:
    """The caller, who may read registry and readings."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        logins: ClientLogins = request.app.state.client_logins
        verifier: TokenVerifier = request.app.state.verifier
        principal = await verifier.verify(await logins.token(*_credentials(given)))
    else:
        principal = await current_principal(request)
    for scope in ("registry:read", "readings:read"):
        if scope not in principal.scopes:
            raise ForbiddenError(f"this needs the scope {scope}", scope=scope)
    return principal


def _credentials(text: str) -> tuple[str, str]:
    try:
        client_id, colon, secret = base64.b64decode(text.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise UnauthenticatedError("the Authorization header cannot be read") from error
    if not colon or not client_id or not secret:
        raise UnauthenticatedError("send the id and the secret of an API client")
    return client_id, secret


def sta_service(request: Request, caller: Annotated[Principal, Depends(caller_of)]) -> StaService:
    """SensorThings for who may read."""
    return StaService(db_of(request), intake_of(request), clock_of(request), caller)


Sta = Annotated[StaService, Depends(sta_service)]

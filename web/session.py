"""Who is looking: the session cookie, exchanged at identity for a short-lived access token.

The cookie holds an opaque token that only identity can resolve. The access token stays in this process's
memory until shortly before it ends, so that a revoked session stops working within its short life.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Response
from pydantic import AwareDatetime

from shared.auth import Principal, Role, TokenVerifier
from shared.clients.base import ServiceCallError
from shared.clock import monotonic, wall
from shared.contracts.identity import SessionToken
from shared.errors import ForbiddenError, UnauthenticatedError
from web.backends import Backends

RENEW_BEFORE = 30.0
"""Seconds of life that an access token must still have to be used."""
MOST_SESSIONS = 10_000
UNAUTHORIZED = 401


class LoginNeededError(UnauthenticatedError):
    """Nobody is logged in, or the session ended: the error page leads to the log-in."""

    code = "login_needed"


@dataclass(frozen=True)
class Viewer:
    """A logged-in person with the five services speaking in their name."""

    principal: Principal
    backends: Backends
    session_token: str

    def has(self, *roles: Role) -> bool:
        """Whether the person has one of these roles."""
        return self.principal.has(*roles)

    def name(self, language: str) -> str:
        """The person's name in the reader's language, where there is one."""
        return (language == "en" and self.principal.name_en) or self.principal.name

    def organisation(self, language: str) -> str:
        """The organisation's name in the reader's language, where there is one."""
        return (language == "en" and self.principal.organisation_name_en) or self.principal.organisation_name


@dataclass(frozen=True)
class _Entry:
    access_token: str
    principal: Principal
    good_until: float


class SessionCache:
    """Access tokens by session, bounded; the least recently used is dropped first."""

    def __init__(self, backends: Backends, verifier: TokenVerifier) -> None:
        self._backends = backends
        self._verifier = verifier
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    async def resolve(self, session_token: str) -> Viewer | None:
        """The person a session belongs to; None where identity does not know it any more."""
        key = hashlib.sha256(session_token.encode()).hexdigest()
        entry = self._entries.get(key)
        if entry is None or monotonic() >= entry.good_until:
            entry = await self._exchange(session_token)
            if entry is None:
                self._entries.pop(key, None)
                return None
            self._entries[key] = entry
            while len(self._entries) > MOST_SESSIONS:
                self._entries.popitem(last=False)
        self._entries.move_to_end(key)
        return Viewer(entry.principal, self._backends.as_user(entry.access_token), session_token)

    def forget(self, session_token: str) -> None:
        """Drop a session that was ended here."""
        self._entries.pop(hashlib.sha256(session_token.encode()).hexdigest(), None)

    async def _exchange(self, session_token: str) -> _Entry | None:
        try:
            token = await self._backends.identity.access_token(SessionToken(session_token=session_token))
        except ServiceCallError as error:
            if error.status == UNAUTHORIZED:
                return None
            raise
        principal = await self._verifier.verify(token.access_token)
        life = max(1.0, token.expires_in - RENEW_BEFORE)
        return _Entry(token.access_token, principal, monotonic() + life)


def cookie_name(*, secure: bool) -> str:
    """`__Host-` binds the cookie to this host and path; browsers take it over TLS only."""
    return "__Host-sanse" if secure else "sanse"


def keep_session(response: Response, session_token: str, expires_at: AwareDatetime, *, secure: bool) -> None:
    """Set the session cookie."""
    response.set_cookie(
        cookie_name(secure=secure),
        session_token,
        max_age=max(0, int((expires_at - wall()).total_seconds())),
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def end_session(response: Response, *, secure: bool) -> None:
    """Remove the session cookie."""
    response.delete_cookie(cookie_name(secure=secure), path="/", secure=secure, httponly=True, samesite="lax")


async def find_viewer(request: Request) -> Viewer | None:
    """FastAPI dependency: the person, or None; also left in `request.state` for the page frame."""
    request.state.viewer = None
    token = request.cookies.get(cookie_name(secure=request.app.state.settings.secure), "")
    if token:
        sessions: SessionCache = request.app.state.sessions
        request.state.viewer = await sessions.resolve(token)
    viewer: Viewer | None = request.state.viewer
    return viewer


MaybeViewer = Annotated[Viewer | None, Depends(find_viewer)]


async def need_viewer(viewer: MaybeViewer) -> Viewer:
    """FastAPI dependency: the person; without one the log-in page comes first."""
    if viewer is None:
        raise LoginNeededError("log in to see this page")
    return viewer


SomeViewer = Annotated[Viewer, Depends(need_viewer)]


class RoleNeeded:
    """FastAPI dependency: a person with one of these roles. The services decide; this only spares a dead end."""

    def __init__(self, *roles: Role) -> None:
        self._roles = roles

    async def __call__(self, viewer: SomeViewer) -> Viewer:
        """The person."""
        if not viewer.has(*self._roles):
            raise ForbiddenError("your role does not use this page", roles=sorted(viewer.principal.roles))
        return viewer


SUPERVISORS = (Role.SUPERVISOR, Role.SUPERVISOR_LEAD)
BUREAU = (Role.OFFICER, Role.SECTION_HEAD)
STAFF = (*SUPERVISORS, *BUREAU, Role.ADMIN, Role.AUDITOR)

EnterpriseViewer = Annotated[Viewer, Depends(RoleNeeded(Role.ENTERPRISE))]
SupervisorViewer = Annotated[Viewer, Depends(RoleNeeded(*SUPERVISORS))]
BureauViewer = Annotated[Viewer, Depends(RoleNeeded(*BUREAU))]
StaffViewer = Annotated[Viewer, Depends(RoleNeeded(*STAFF))]

"""Sessions of people: log-in, exchange for an access token, end."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.domain.accounts import Account, LoginFailedError, normal_username
from services.identity.domain.clients import digest
from services.identity.domain.keys import signing_key
from services.identity.domain.sessions import KEEP, Session, check_open, is_open, open_session
from services.identity.domain.tokens import claims, grant_to_person, sign
from services.identity.passwords import LoginGuard, Passwords
from services.identity.store.keys import KeyStore
from services.identity.store.people import PeopleStore
from services.identity.store.sessions import SessionStore
from shared import audit
from shared.contracts.identity import AccessToken, Login
from shared.logging import get_logger

log = get_logger(__name__)
TOKEN_BYTES = 32


@dataclass(frozen=True)
class Opened:
    """A new session with its token, which only the caller ever has."""

    session: Session
    account: Account
    token: str


class SessionService:
    """Opens, exchanges and ends sessions."""

    def __init__(
        self, session: AsyncSession, passwords: Passwords, guard: LoginGuard, now: Callable[[], datetime]
    ) -> None:
        self._session = session
        self._people = PeopleStore(session)
        self._sessions = SessionStore(session)
        self._keys = KeyStore(session)
        self._passwords = passwords
        self._guard = guard
        self._now = now

    async def log_in(self, login: Login, address: str) -> Opened:
        """A new session with a new token, every time; `LoginFailedError` never says which part was wrong."""
        username = normal_username(login.username)
        counted = username or login.username
        async with self._guard.turn(counted, address):
            account = await self._people.find_account(username) if username else None
            stored = account.password_hash if account else None
            right, better = await self._passwords.verify(login.password.get_secret_value(), stored)
            if account is None or not right or not account.active:
                await self._guard.note_failure(counted, address)
                log.warning("login_failed", account=str(account.id) if account else None, address=address)
                raise LoginFailedError("username or password is wrong")
        if better is not None:
            account = replace(account, password_hash=better)
            await self._people.save_account(account)
        return await self._open(account, address)

    async def access_token(self, session_token: str) -> AccessToken:
        """A short-lived access token; `SessionEndedError` where the session or account is closed."""
        now = self._now()
        session, account = check_open(await self._sessions.find(digest(session_token)), now)
        await self._sessions.mark_used(session.id, now)
        grant = grant_to_person(account)
        key = signing_key(await self._keys.list_keys(), now)
        return AccessToken(
            access_token=sign(claims(grant, now, uuid4().hex), key),
            expires_in=int(grant.life.total_seconds()),
            scope=grant.scope,
        )

    async def log_out(self, session_token: str) -> None:
        """End a session; one that is over or unknown is no error, so that nothing is told of it."""
        now = self._now()
        found = await self._sessions.find(digest(session_token))
        if found is None or not is_open(found[0], now):
            return
        session, account = found
        await self._sessions.end(session.id, now)
        await self._record(account, "session.end", session, now)
        log.info("logout", account=str(account.id), session=str(session.id))

    async def purge(self) -> int:
        """Remove rows of sessions that are long over; how many."""
        return await self._sessions.purge(self._now() - KEEP)

    async def _open(self, account: Account, address: str) -> Opened:
        now = self._now()
        token = secrets.token_urlsafe(TOKEN_BYTES)
        session = open_session(uuid4(), account, now)
        await self._sessions.add(session, digest(token))
        await self._record(account, "session.open", session, now)
        log.info("login", account=str(account.id), session=str(session.id), address=address)
        return Opened(session, account, token)

    async def _record(self, account: Account, action: str, session: Session, at: datetime) -> None:
        actor = audit.Actor(str(account.id), account.name_zh, account.organisation.name_zh)
        after = {"session": str(session.id)}
        await audit.record(self._session, actor, action, f"account:{account.id}", at=at, after=after)

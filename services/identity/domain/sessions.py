"""Sessions 会话 of people: how long one lasts. Real time, whatever the simulated clock says."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.identity.domain.accounts import Account
from shared.errors import UnauthenticatedError

IDLE = timedelta(hours=8)
"""A session that was not used for this long has ended: a working day with its breaks."""
ABSOLUTE = timedelta(hours=24)
"""Longest life of a session, used or not: a new log-in every day."""
KEEP = timedelta(days=7)
"""How long the row of a session that is over stays."""


class SessionEndedError(UnauthenticatedError):
    """The session is unknown, ended, expired, or its account was closed."""

    code = "session_ended"


@dataclass(frozen=True)
class Session:
    """A log-in that goes on."""

    id: UUID
    account_id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None


def open_session(session_id: UUID, account: Account, now: datetime) -> Session:
    """A new session of an account."""
    return Session(session_id, account.id, now, now, now + ABSOLUTE)


def is_open(session: Session, now: datetime) -> bool:
    """Whether the session may still be exchanged for an access token."""
    return session.ended_at is None and now < session.expires_at and now - session.last_used_at < IDLE


def check_open(found: tuple[Session, Account] | None, now: datetime) -> tuple[Session, Account]:
    """What was found, when the session goes on and its account is active; `SessionEndedError` otherwise."""
    if found is None or not found[1].active or not is_open(found[0], now):
        raise SessionEndedError("the session has ended; log in again")
    return found

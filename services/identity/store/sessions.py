"""Sessions in SQL."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, or_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.identity.domain.accounts import Account
from services.identity.domain.sessions import Session
from services.identity.store.people import account_from
from services.identity.tables import AccountRow, OrganisationRow, SessionRow

PURGE = 1000
"""Most rows one purge removes, so that its locks stay short."""


class SessionStore:
    """Reads and writes sessions in one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, opened: Session, token_sha256: bytes) -> None:
        """Insert a new session."""
        self._session.add(
            SessionRow(
                id=opened.id, token_sha256=token_sha256, account_id=opened.account_id, created_at=opened.created_at,
                last_used_at=opened.last_used_at, expires_at=opened.expires_at, ended_at=opened.ended_at,
            )
        )  # fmt: skip
        await self._session.flush()

    async def find(self, token_sha256: bytes) -> tuple[Session, Account] | None:
        """The session with this token and its account, if there is one; the session is locked."""
        query = (
            select(SessionRow, AccountRow, OrganisationRow)
            .join(AccountRow, col(AccountRow.id) == col(SessionRow.account_id))
            .join(OrganisationRow, col(OrganisationRow.id) == col(AccountRow.organisation_id))
            .where(col(SessionRow.token_sha256) == token_sha256)
            .with_for_update(of=SessionRow)
        )
        found = (await self._session.execute(query)).first()
        if found is None:
            return None
        row, account, organisation = found
        session = Session(row.id, row.account_id, row.created_at, row.last_used_at, row.expires_at, row.ended_at)
        return session, account_from(account, organisation)

    async def mark_used(self, session_id: UUID, at: datetime) -> None:
        """Note a use: the idle time starts again."""
        await self._session.execute(update(SessionRow).where(col(SessionRow.id) == session_id).values(last_used_at=at))

    async def end(self, session_id: UUID, at: datetime) -> None:
        """End one session."""
        await self._session.execute(update(SessionRow).where(col(SessionRow.id) == session_id).values(ended_at=at))

    async def end_all_of(self, account_id: UUID, at: datetime) -> None:
        """End every session of an account."""
        await self._session.execute(
            update(SessionRow)
            .where(col(SessionRow.account_id) == account_id, col(SessionRow.ended_at).is_(None))
            .values(ended_at=at)
        )

    async def purge(self, before: datetime) -> int:
        """Remove sessions that were over before a time, at most `PURGE`; how many."""
        over = or_(col(SessionRow.expires_at) < before, col(SessionRow.ended_at) < before)
        some = select(SessionRow.id).where(over).limit(PURGE)
        removed = await self._session.execute(
            delete(SessionRow).where(col(SessionRow.id).in_(some)).returning(col(SessionRow.id))
        )
        return len(removed.all())

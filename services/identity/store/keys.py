"""Signing keys in SQL."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.identity.domain.keys import SigningKey
from services.identity.tables import SigningKeyRow

MOST_KEYS = 50
START_LOCK = 7_260_005


class KeyStore:
    """Reads and writes signing keys in one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def take_turn(self) -> None:
        """Wait until no other replica starts or rotates, until the end of the transaction."""
        await self._session.execute(text("set local lock_timeout = '30s'"))
        await self._session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": START_LOCK})

    async def list_keys(self) -> list[SigningKey]:
        """The newest keys, newest first."""
        query = select(SigningKeyRow).order_by(col(SigningKeyRow.created_at).desc()).limit(MOST_KEYS)
        return [SigningKey(row.kid, row.private_jwk, row.created_at) for row in await self._session.scalars(query)]

    async def add(self, key: SigningKey) -> None:
        """Insert a new key."""
        self._session.add(SigningKeyRow(kid=key.kid, private_jwk=key.private_jwk, created_at=key.created_at))
        await self._session.flush()

    async def remove(self, key: SigningKey) -> None:
        """Destroy a key that signs nothing that is alive."""
        await self._session.delete(await self._session.get_one(SigningKeyRow, key.kid))

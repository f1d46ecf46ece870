"""Idempotency keys: what was asked under a key and what was answered, in the transaction of the effect."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession


class Earlier(NamedTuple):
    """An earlier use of a key."""

    body_hash: bytes
    answer: dict[str, Any]


class IdempotencyStore:
    """Keys of one caller in the caller's transaction."""

    def __init__(self, session: AsyncSession, caller: str) -> None:
        self._session = session
        self._caller = caller

    async def claim(self, key: str, body_hash: bytes, at: datetime) -> Earlier | None:
        """Take a key for this transaction; or what was done under it before.

        A second transaction with the same key waits here until the first has ended.
        """
        taken = await self._session.execute(
            text(
                "insert into idempotency_key(caller, key, body_hash, at) values(:caller, :key, :hash, :at)"
                " on conflict do nothing returning key"
            ),
            {"caller": self._caller, "key": key, "hash": body_hash, "at": at},
        )
        if taken.first() is not None:
            return None
        row = (
            await self._session.execute(
                text("select body_hash, answer from idempotency_key where caller = :caller and key = :key"),
                {"caller": self._caller, "key": key},
            )
        ).one()
        return Earlier(bytes(row.body_hash), row.answer)

    async def keep(self, key: str, answer: dict[str, Any]) -> None:
        """Keep the answer beside the key."""
        await self._session.execute(
            text("update idempotency_key set answer = :answer where caller = :caller and key = :key").bindparams(
                bindparam("answer", type_=JSONB)
            ),
            {"caller": self._caller, "key": key, "answer": answer},
        )


async def forget_before(session: AsyncSession, at: datetime) -> None:
    """Drop keys older than `at`."""
    await session.execute(text("delete from idempotency_key where at < :at"), {"at": at})

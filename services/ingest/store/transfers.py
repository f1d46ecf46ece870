"""The SQL of jobs. The state only moves from the one the caller saw (`source`)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.ingest.domain.transfers import Transfer
from services.ingest.tables import TransferRow
from shared.contracts.ingest.transfers import TransferDirection, TransferState
from shared.errors import NotFoundError


class TransferNotFoundError(NotFoundError):
    """No such job, or not this caller's."""

    code = "transfer_not_found"


def _transfer(row: TransferRow) -> Transfer:
    fields = row.model_dump()
    fields["state"] = TransferState(row.state)
    fields["direction"] = TransferDirection(row.direction)
    return Transfer(**fields)


class TransferStore:
    """Reads and writes in the caller's transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, transfer: Transfer) -> None:
        """A new job."""
        self._session.add(TransferRow(**vars(transfer)))
        await self._session.flush()

    async def get(self, transfer_id: UUID, *, lock: bool = False) -> Transfer:
        """One job; raises when there is none."""
        row = await self._session.get(TransferRow, transfer_id, with_for_update=lock or None, populate_existing=True)
        if row is None:
            raise TransferNotFoundError("no such job", transfer_id=str(transfer_id))
        return _transfer(row)

    async def list_newest(
        self, *, owner: str | None, organisation: UUID | None, tenant: UUID | None,
        direction: TransferDirection | None, after: tuple[datetime, UUID] | None, limit: int,
    ) -> list[Transfer]:  # fmt: skip
        """Newest first; `owner` None sees all. With a `tenant` only that enterprise's."""
        query = select(TransferRow).order_by(col(TransferRow.created_at).desc(), col(TransferRow.id).desc())
        if owner is not None:
            mine = col(TransferRow.owner) == owner
            query = query.where(
                mine if organisation is None else or_(mine, col(TransferRow.organisation) == organisation)
            )
        if tenant is not None:
            query = query.where(col(TransferRow.tenant) == tenant)
        if direction is not None:
            query = query.where(col(TransferRow.direction) == direction.value)
        if after is not None:
            query = query.where(tuple_(col(TransferRow.created_at), col(TransferRow.id)) < after)
        return [_transfer(row) for row in (await self._session.execute(query.limit(limit))).scalars()]

    async def count_open(self, owner: str) -> int:
        """Jobs of somebody that have not ended."""
        open_ = [TransferState.QUEUED.value, TransferState.RUNNING.value]
        query = select(func.count()).where(col(TransferRow.owner) == owner, col(TransferRow.state).in_(open_))
        return (await self._session.execute(query)).scalar_one()

    async def next_queued(self) -> Transfer | None:
        """The oldest job that waits, locked; None when there is none or others have them."""
        query = (
            select(TransferRow)
            .where(col(TransferRow.state) == TransferState.QUEUED.value)
            .order_by(col(TransferRow.created_at))
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        row = (await self._session.execute(query)).scalar_one_or_none()
        return None if row is None else _transfer(row)

    async def list_lost(self, before: datetime) -> list[Transfer]:
        """Running jobs without a beat since, locked."""
        query = (
            select(TransferRow)
            .where(col(TransferRow.state) == TransferState.RUNNING.value, col(TransferRow.beat_at) < before)
            .limit(100)
            .with_for_update(skip_locked=True)
        )
        return [_transfer(row) for row in (await self._session.execute(query)).scalars()]

    async def list_expired(self, now: datetime) -> list[Transfer]:
        """Ended jobs whose file is due to go, locked."""
        query = (
            select(TransferRow)
            .where(col(TransferRow.expires_at) < now, col(TransferRow.file_size).is_not(None))
            .limit(500)
            .with_for_update(skip_locked=True)
        )
        return [_transfer(row) for row in (await self._session.execute(query)).scalars()]

    async def change(self, transfer_id: UUID, source: TransferState, **values: Any) -> bool:
        """Change a job that is in state `source`; whether it was."""
        statement = (
            update(TransferRow)
            .where(col(TransferRow.id) == transfer_id, col(TransferRow.state) == source.value)
            .values(**values)
        )
        return bool((await self._session.execute(statement)).rowcount)  # type: ignore[attr-defined]

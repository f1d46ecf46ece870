"""Overrides: kept for ever, active until taken back, replaced or lapsed."""

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.grading.domain.lists import Override
from services.grading.tables import OverrideRow

_OVERRIDE = TypeAdapter(Override)


class OverrideStore:
    """Reads and writes overrides in one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_active(self, quarter: str) -> list[Override]:
        """Overrides that count in the quarter's draft, oldest first."""
        query = select(OverrideRow).where(col(OverrideRow.quarter) == quarter, col(OverrideRow.ended_at).is_(None))
        rows = await self._session.scalars(query.order_by(col(OverrideRow.made_at), col(OverrideRow.id)))
        return [_OVERRIDE.validate_python(row.model_dump()) for row in rows]

    async def add(self, override: Override, version: int) -> None:
        """Keep an override; `version` is the draft it was made on."""
        self._session.add(OverrideRow(**asdict(override), version=version))
        await self._session.flush()

    async def end(self, ids: Collection[UUID], *, at: datetime, by: str) -> None:
        """Let overrides count no more: replaced, withdrawn or lapsed."""
        await self._session.execute(
            update(OverrideRow).where(col(OverrideRow.id).in_(ids)).values(ended_at=at, ended_by=by)
        )

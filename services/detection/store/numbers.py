"""Readable numbers of the year."""

from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.detection.tables import NumberRow
from shared.clock import PARK_ZONE


async def take_number(session: AsyncSession, letter: str, now: datetime) -> str:
    """The next number of the park's year, as `B-2026-0007`."""
    year = now.astimezone(PARK_ZONE).year
    statement = insert(NumberRow).values(day=f"{letter}{year}", last=1)
    counted = statement.on_conflict_do_update(index_elements=["day"], set_={"last": col(NumberRow.last) + 1}).returning(
        col(NumberRow.last)
    )
    return f"{letter}-{year}-{(await session.execute(counted)).scalar_one():04d}"

"""Local versions of rules."""

from datetime import date
from uuid import UUID

from sqlalchemy import func, insert, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.detection.domain.backtests.versions import LocalVersion
from services.detection.tables import RuleVersionRow

MOST_VERSIONS = 2000


class RuleVersionStore:
    """Reads and writes local versions."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def listed(self) -> tuple[LocalVersion, ...]:
        """All of them; there are few."""
        query = select(RuleVersionRow).order_by(col(RuleVersionRow.rule), col(RuleVersionRow.number))
        rows = await self._session.execute(query.limit(MOST_VERSIONS))
        return tuple(_version(row) for row in rows.scalars())

    async def next_number(self, rule: str) -> int:
        """The number of the next version of a rule."""
        query = select(func.max(RuleVersionRow.number)).where(col(RuleVersionRow.rule) == rule)
        return int((await self._session.execute(query)).scalar_one() or 0) + 1

    async def add(self, one: LocalVersion, proposal_id: UUID) -> None:
        """A new version that comes of a proposal."""
        await self._session.execute(
            insert(RuleVersionRow).values(
                id=one.id, rule=one.rule, number=one.number, settings=[dict(entry) for entry in one.settings],
                valid_from=one.valid_from, valid_to=one.valid_to, proposal_id=proposal_id,
            )
        )  # fmt: skip

    async def end(self, proposal_id: UUID, day: date) -> None:
        """Let the version of a proposal hold no longer from that day on; one that has not begun never does."""
        last = func.greatest(day, RuleVersionRow.valid_from)
        where = col(RuleVersionRow.proposal_id) == proposal_id
        await self._session.execute(update(RuleVersionRow).where(where).values(valid_to=last))


def _version(row: RuleVersionRow) -> LocalVersion:
    return LocalVersion(row.id, row.rule, row.number, tuple(row.settings), row.valid_from, row.valid_to)

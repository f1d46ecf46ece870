"""Cases in SQL. The row of a case is the lock for all that belongs to it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, insert, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.casework.domain.cases.model import Case
from services.casework.domain.registry import Placed
from services.casework.store.rows import case_columns, case_of, placed_of
from services.casework.tables import metadata
from shared.clock import PARK_ZONE
from shared.contracts.casework import CaseState
from shared.errors import NotFoundError

CASES = metadata.tables["cases"]
ENTERPRISES = metadata.tables["enterprise_copy"]
OUTLETS = metadata.tables["outlet_copy"]
FACTORS = metadata.tables["factor_name"]
REPLIES = metadata.tables["replies"]


def placed_select() -> Select[Any]:
    """Cases with the names around them: one row a case."""
    return (
        select(
            CASES,
            *(ENTERPRISES.c[name].label(f"e_{name}")
              for name in ("code", "name_zh", "name_en", "version", "colour", "colour_weight")),
            *(OUTLETS.c[name].label(f"o_{name}") for name in ("code", "name_zh", "name_en", "medium", "version")),
            *(FACTORS.c[name].label(f"f_{name}") for name in ("name_zh", "name_en")),
        )
        .join(ENTERPRISES, ENTERPRISES.c.id == CASES.c.enterprise_id)
        .join(OUTLETS, OUTLETS.c.id == CASES.c.outlet_id)
        .outerjoin(FACTORS, FACTORS.c.code == CASES.c.factor)
    )  # fmt: skip


def _as_uuid(key: str) -> UUID | None:
    try:
        return UUID(key)
    except ValueError:
        return None


class CaseStore:
    """Cases, their replies and numbers."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_id(self, key: str) -> UUID:
        """The id of a case named by id or number; `NotFoundError` where there is none."""
        identity = _as_uuid(key)
        condition = CASES.c.id == identity if identity else CASES.c.no == key
        found = (await self._session.execute(select(CASES.c.id).where(condition))).scalar_one_or_none()
        if found is None:
            raise NotFoundError("no such case", case=key[:60])
        return UUID(str(found))

    async def find_id_by_no(self, no: str) -> UUID | None:
        """The id of a case by its number, or None."""
        found: UUID | None = (
            await self._session.execute(select(CASES.c.id).where(CASES.c.no == no))
        ).scalar_one_or_none()
        return found

    async def lock(self, case_id: UUID) -> Case:
        """One case, locked until the end of the transaction."""
        return (await self.lock_many([case_id]))[case_id]

    async def lock_many(self, case_ids: Iterable[UUID]) -> dict[UUID, Case]:
        """Cases by id, locked in the order of their ids, so that two such calls never wait for each other."""
        wanted = set(case_ids)
        rows = await self._session.execute(
            select(CASES).where(CASES.c.id.in_(wanted)).order_by(CASES.c.id).with_for_update()
        )
        found = {row["id"]: case_of(row) for row in rows.mappings()}
        if missing := wanted - found.keys():
            raise NotFoundError("no such case", case=str(next(iter(missing))))
        return found

    async def lock_touched(self, case_ids: set[UUID], series: set[tuple[UUID, str]]) -> dict[UUID, Case]:
        """Cases of these ids, and unscreened cases of these (outlet, factor), locked in the order of ids."""
        unscreened = (CASES.c.state == CaseState.SCREENING) & tuple_(CASES.c.outlet_id, CASES.c.factor).in_(series)
        rows = await self._session.execute(
            select(CASES).where(CASES.c.id.in_(case_ids) | unscreened).order_by(CASES.c.id).with_for_update()
        )
        return {row["id"]: case_of(row) for row in rows.mappings()}

    async def lock_due(self, now: datetime, limit: int) -> list[Case]:
        """Cases whose next escalation is due, those that somebody works on just now left out."""
        rows = await self._session.execute(
            select(CASES).where(CASES.c.escalates_at <= now).order_by(CASES.c.escalates_at).limit(limit)
            .with_for_update(skip_locked=True)
        )  # fmt: skip
        return [case_of(row) for row in rows.mappings()]

    async def get_placed(self, case_id: UUID) -> Placed:
        """A case with the names around it."""
        row = (await self._session.execute(placed_select().where(CASES.c.id == case_id))).mappings().one_or_none()
        if row is None:
            raise NotFoundError("no such case", case=str(case_id))
        return placed_of(row)

    async def add(self, case: Case) -> None:
        """A new case."""
        await self._session.execute(insert(CASES).values(case_columns(case)))

    async def save(self, case: Case) -> None:
        """The case as it is now."""
        await self._session.execute(update(CASES).where(CASES.c.id == case.id).values(case_columns(case)))

    async def take_numbers(self, kind: str, now: datetime, count: int) -> list[str]:
        """The next `count` numbers as `WX-2026-000184`: dense, because the counter is locked until the commit."""
        year = now.astimezone(PARK_ZONE).year
        last: int = (
            await self._session.execute(
                text(
                    "insert into numbers(kind, year, last) values(:kind, :year, :count)"
                    " on conflict(kind, year) do update set last = numbers.last + :count returning last"
                ),
                {"kind": kind, "year": year, "count": count},
            )
        ).scalar_one()
        return [f"{kind}-{year}-{number:06d}" for number in range(last - count + 1, last + 1)]

    async def add_reply(self, reply: dict[str, Any]) -> None:
        """A reply; columns of `replies`."""
        await self._session.execute(insert(REPLIES).values(reply))

    async def list_replies(self, case_id: UUID) -> Sequence[Any]:
        """Replies of a case, first round first; mappings of columns."""
        rows = await self._session.execute(
            select(REPLIES).where(REPLIES.c.case_id == case_id).order_by(REPLIES.c.round)
        )
        return rows.mappings().all()

"""Commands' SQL: rows in, domain objects out."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.ingest.domain.commands.life import IN_FLIGHT
from services.ingest.domain.commands.model import Command, Person
from services.ingest.tables import (
    CommandExchangeRow,
    CommandRow,
    CommandSettingRow,
    HistoryTryRow,
)
from shared.contracts.ingest.commands import CommandOrigin, CommandState
from shared.errors import NotFoundError

CHANNEL = "ingest_command"
"""PostgreSQL channel that tells gateways of work."""
MOST_KEPT = 300
"""Frames kept of one exchange; a fetch of history may bring thousands, and each is in the journal too."""


class CommandNotFoundError(NotFoundError):
    """No such command."""

    code = "command_not_found"


class Line(NamedTuple):
    """One frame of an exchange."""

    at: datetime
    sent: bool
    cn: str
    frame: str
    note: str


class Filter(NamedTuple):
    """What of the list is wanted; None for all."""

    state: CommandState | None = None
    open: bool | None = None
    code: str | None = None
    device_id: UUID | None = None
    outlet_id: UUID | None = None
    mn: str | None = None
    only: UUID | None = None
    """One enterprise."""


class Setting(NamedTuple):
    """What the platform does with a device by itself."""

    device_id: UUID
    calibrate_clock: bool = True
    fetch_history: bool = True
    initialise: bool = False
    initialised_at: datetime | None = None


class Place(NamedTuple):
    """Where a device stands, by name."""

    outlet_code: str
    outlet_name_zh: str
    outlet_name_en: str
    enterprise_name_zh: str
    enterprise_name_en: str


FINAL = ("done", "refused", "failed", "timed_out", "cancelled", "expired")


def _command(row: CommandRow) -> Command:
    changed: dict[str, Any] = {
        "state": CommandState(row.state),
        "origin": CommandOrigin(row.origin),
        "requested_by": Person(**row.requested_by),
        "approved_by": Person(**row.approved_by) if row.approved_by else None,
        "result": tuple((key, value) for key, value in row.result),
    }
    return Command(**{**row.model_dump(), **changed})


def _values(command: Command) -> dict[str, Any]:
    values = asdict(command)
    del values["number"]
    return values


class CommandStore:
    """Reads and writes in the caller's transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, command: Command) -> Command:
        """Add a command; the database numbers it. Gateways are told after the commit."""
        statement = insert(CommandRow).values(**_values(command)).returning(col(CommandRow.number))
        number = (await self._session.execute(statement)).scalar_one()
        await self.wake(command.mn)
        return replace(command, number=number or 0)

    async def save(self, command: Command) -> None:
        """Write a command back."""
        values = _values(command)
        key = values.pop("id")
        table = CommandRow.__table__  # type: ignore[attr-defined]
        await self._session.execute(table.update().where(table.c.id == key).values(**values))

    async def wake(self, mn: str) -> None:
        """Tell gateways, after the commit, that there is something to do for a device."""
        await self._session.execute(text("select pg_notify(:channel, :mn)"), {"channel": CHANNEL, "mn": mn})

    async def get(self, command_id: UUID, *, lock: bool = False) -> Command:
        """One command; raises when there is none."""
        row = await self._session.get(CommandRow, command_id, with_for_update=lock or None, populate_existing=True)
        if row is None:
            raise CommandNotFoundError("no such command", command_id=str(command_id))
        return _command(row)

    async def list_commands(self, wanted: Filter, *, before: int | None, limit: int) -> list[Command]:
        """Newest first."""
        query = select(CommandRow).order_by(col(CommandRow.number).desc()).limit(limit)
        for name in ("code", "device_id", "outlet_id", "mn"):
            value = getattr(wanted, name)
            if value is not None:
                query = query.where(getattr(CommandRow, name) == value)
        if wanted.state is not None:
            query = query.where(col(CommandRow.state) == wanted.state.value)
        if wanted.open is not None:
            final = col(CommandRow.state).in_(FINAL)
            query = query.where(~final if wanted.open else final)
        if wanted.only is not None:
            query = query.where(col(CommandRow.enterprise_id) == wanted.only)
        if before is not None:
            query = query.where(col(CommandRow.number) < before)
        return [_command(row) for row in (await self._session.execute(query)).scalars()]

    async def places(self, outlet_ids: Iterable[UUID]) -> dict[UUID, Place]:
        """Names of outlets and their enterprises."""
        query = text(
            "select o.id, o.code, o.name_zh, o.name_en, e.name_zh, e.name_en from outlet o"
            " join enterprise e on e.id = o.enterprise_id where o.id = any(:ids)"
        )
        rows = await self._session.execute(query, {"ids": list(set(outlet_ids))})
        return {row[0]: Place(*row[1:]) for row in rows}

    # --- for gateways ---

    async def queued(self, after: int, limit: int) -> list[tuple[int, UUID, str, CommandOrigin]]:
        """Waiting commands of devices that have none under way, in order: number, id, MN, origin."""
        busy = select(CommandRow.mn).where(col(CommandRow.state).in_([state.value for state in IN_FLIGHT]))
        query = (
            select(CommandRow.number, CommandRow.id, CommandRow.mn, CommandRow.origin)
            .where(col(CommandRow.state) == "queued", col(CommandRow.number) > after, col(CommandRow.mn).not_in(busy))
            .order_by(col(CommandRow.number)).limit(limit)
        )  # fmt: skip
        rows = await self._session.execute(query)
        return [(number or 0, id_, mn, CommandOrigin(origin)) for number, id_, mn, origin in rows]

    async def claim(self, command_id: UUID) -> Command | None:
        """A waiting command, locked; None where another gateway has it or its device is busy by now."""
        query = select(CommandRow).where(CommandRow.id == command_id, col(CommandRow.state) == "queued")
        query = query.with_for_update(skip_locked=True).execution_options(populate_existing=True)
        row = (await self._session.execute(query)).scalar_one_or_none()
        return None if row is None else _command(row)

    async def next_qn(self, at: datetime) -> int:
        """Unix milliseconds of a QN that was never given, not before `at`."""
        statement = "update command_qn set last = greatest(last + 1, :now) returning last"
        now = int(at.timestamp() * 1000)
        return int((await self._session.execute(text(statement), {"now": now})).scalar_one())

    async def open_of(self, mns: Iterable[str], ended_since: datetime) -> list[Command]:
        """Commands of these devices that are under way, or ended since."""
        under_way = col(CommandRow.state).in_([state.value for state in IN_FLIGHT])
        late = col(CommandRow.state).in_(["timed_out", "failed"]) & (col(CommandRow.finished_at) >= ended_since)
        query = select(CommandRow).where(col(CommandRow.mn).in_(list(mns)), under_way | late)
        query = query.order_by(col(CommandRow.number).desc()).with_for_update()
        rows = await self._session.execute(query.execution_options(populate_existing=True))
        return [_command(row) for row in rows.scalars()]

    async def under_way(self) -> list[Command]:
        """All commands whose end is awaited."""
        query = select(CommandRow).where(col(CommandRow.state).in_([state.value for state in IN_FLIGHT]))
        return [_command(row) for row in (await self._session.execute(query)).scalars()]

    async def overdue(self, wall: datetime, limit: int) -> list[Command]:
        """Commands under way from which nothing came in time; those another gateway holds are left out."""
        query = select(CommandRow).where(
            col(CommandRow.state).in_([state.value for state in IN_FLIGHT]), col(CommandRow.due_at) < wall
        )
        query = query.limit(limit).with_for_update(skip_locked=True).execution_options(populate_existing=True)
        return [_command(row) for row in (await self._session.execute(query)).scalars()]

    async def outlived(self, now: datetime, limit: int) -> list[Command]:
        """Commands that waited longer than they are valid."""
        query = select(CommandRow).where(
            col(CommandRow.state).in_(["queued", "awaiting_approval"]), col(CommandRow.valid_until) < now
        )
        query = query.limit(limit).with_for_update(skip_locked=True).execution_options(populate_existing=True)
        return [_command(row) for row in (await self._session.execute(query)).scalars()]

    async def latest_of(self, device_id: UUID, code: str) -> datetime | None:
        """When this command was last asked of a device."""
        query = select(func.max(CommandRow.requested_at)).where(CommandRow.device_id == device_id)
        return (await self._session.execute(query.where(CommandRow.code == code))).scalar_one()

    async def has_open(self, device_id: UUID, code: str) -> bool:
        """Whether a device has such a command that is not over."""
        query = select(CommandRow.id).where(CommandRow.device_id == device_id, CommandRow.code == code)
        query = query.where(col(CommandRow.state).not_in(FINAL)).limit(1)
        return (await self._session.execute(query)).first() is not None

    # --- exchange ---

    async def add_lines(self, command_id: UUID, lines: Sequence[Line]) -> None:
        """Append frames, up to `MOST_KEPT` in all; the last places are left for answers."""
        query = select(func.count()).select_from(CommandExchangeRow).where(CommandExchangeRow.command_id == command_id)
        kept: int = (await self._session.execute(query)).scalar_one()
        for line in lines:
            room = MOST_KEPT if line.cn.startswith("90") or line.sent else MOST_KEPT - 20
            if kept < room:
                await self._session.execute(insert(CommandExchangeRow).values(command_id=command_id, **line._asdict()))
                kept += 1

    async def lines_of(self, command_id: UUID) -> list[Line]:
        """The exchange in order."""
        query = select(CommandExchangeRow).where(CommandExchangeRow.command_id == command_id)
        query = query.order_by(col(CommandExchangeRow.id)).limit(MOST_KEPT)
        rows = (await self._session.execute(query)).scalars()
        return [Line(row.at, row.sent, row.cn, row.frame, row.note) for row in rows]


class CommandSettingStore:
    """Settings of devices and tries for history, in the caller's transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, device_id: UUID) -> Setting:
        """The setting of a device; the defaults without one."""
        row = await self._session.get(CommandSettingRow, device_id, populate_existing=True)
        return Setting(device_id) if row is None else Setting(**row.model_dump())

    async def save(self, setting: Setting) -> None:
        """Add or replace."""
        values = setting._asdict()
        statement = insert(CommandSettingRow).values(**values)
        await self._session.execute(statement.on_conflict_do_update(index_elements=["device_id"], set_=values))

    async def to_initialise(self, limit: int) -> list[UUID]:
        """Devices to be given the first sequence."""
        query = select(CommandSettingRow.device_id).where(
            col(CommandSettingRow.initialise), col(CommandSettingRow.initialised_at).is_(None)
        )
        return list((await self._session.execute(query.limit(limit))).scalars())

    async def tries(self, device_id: UUID, kind: str) -> dict[date, tuple[int, datetime]]:
        """Tries for the gaps of each day: how many, and when again."""
        query = select(HistoryTryRow).where(HistoryTryRow.device_id == device_id, HistoryTryRow.kind == kind)
        rows = (await self._session.execute(query)).scalars()
        return {row.day: (row.tries, row.next_at) for row in rows}

    async def note_try(self, device_id: UUID, kind: str, day: date, tries: int, next_at: datetime) -> None:
        """One more try."""
        values = {"device_id": device_id, "kind": kind, "day": day, "tries": tries, "next_at": next_at}
        statement = insert(HistoryTryRow).values(**values)
        await self._session.execute(
            statement.on_conflict_do_update(index_elements=["device_id", "kind", "day"], set_=values)
        )

    async def forget_tries(self, before: date) -> None:
        """Drop tries of days long past."""
        await self._session.execute(text("delete from history_try where day < :day"), {"day": before})

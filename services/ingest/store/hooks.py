"""SQL of webhooks: the list, the queue of deliveries, and how far the outbox was read."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.ingest.domain.hooks import Delivery, Hook, Next, Tried
from services.ingest.tables.hooks import HookDeliveryRow, HookRow
from shared.contracts.ingest.hooks import DeliveryState
from shared.errors import NotFoundError

_WAITING = "select hook_id, count(*) from hook_delivery where state = 'waiting' group by hook_id"
_FAN_OUT = """with news as (
  select seq, event_id, type, data, time from outbox where seq > :seq order by seq limit :limit),
made as (
  insert into hook_delivery(hook_id, event_id, type, body, state, attempts, problem, created_at, next_at)
  select h.id, n.event_id, n.type,
    json_build_object('type', n.type, 'timestamp', to_char(n.time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      'data', n.data)::text, 'waiting', 0, '', :now, :now
  from news n join hook h on h.active and n.type = any(h.types)
  order by n.seq
  on conflict do nothing returning 1)
select (select max(seq) from news) as seq, (select count(*) from news) as read, (select count(*) from made) as made"""
_CLAIM = """update hook_delivery d set next_at = :lease, attempts = d.attempts + 1
from (select d.id from hook_delivery d join hook h on h.id = d.hook_id
  where d.state = 'waiting' and d.next_at <= :now and h.active order by d.next_at, d.id limit :limit
  for update of d skip locked) due
join hook h on true where d.id = due.id and h.id = d.hook_id
returning d.id, d.hook_id, d.event_id, d.body, d.attempts, h.url, h.secret"""


class Due(NamedTuple):
    """A delivery that is to be tried now; `attempts` counts this try."""

    id: int
    hook_id: UUID
    event_id: UUID
    body: str
    attempts: int
    url: str
    secret: str


class Fanned(NamedTuple):
    """What one step over the outbox read and made."""

    read: int
    made: int


def _hook(row: HookRow, waiting: int = 0) -> Hook:
    return Hook(**{**row.model_dump(), "types": tuple(row.types), "waiting": waiting})


class HookStore:
    """Webhooks in the caller's transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_hooks(self, limit: int) -> list[Hook]:
        """All, by name, with how many deliveries wait."""
        waiting = {row[0]: row[1] for row in await self._session.execute(text(_WAITING))}
        rows = await self._session.execute(select(HookRow).order_by(col(HookRow.name), col(HookRow.id)).limit(limit))
        return [_hook(row, waiting.get(row.id, 0)) for row in rows.scalars()]

    async def get(self, hook_id: UUID, *, lock: bool = False) -> Hook:
        """One webhook."""
        row = await self._session.get(HookRow, hook_id, with_for_update=lock, populate_existing=True)
        if row is None:
            raise NotFoundError("no such webhook", hook_id=str(hook_id))
        waiting = {line[0]: line[1] for line in await self._session.execute(text(_WAITING))}
        return _hook(row, waiting.get(hook_id, 0))

    async def count(self) -> int:
        """How many there are."""
        number: int = (await self._session.execute(text("select count(*) from hook"))).scalar_one()
        return number

    async def save(self, hook: Hook) -> None:
        """Add or replace."""
        values: dict[str, Any] = asdict(hook)
        del values["waiting"]
        await self._session.merge(HookRow(**{**values, "types": list(hook.types)}))
        await self._session.flush()

    # --- deliveries ---

    async def list_deliveries(self, hook_id: UUID, *, before: int | None, limit: int) -> list[Delivery]:
        """The newest first."""
        query = select(HookDeliveryRow).where(col(HookDeliveryRow.hook_id) == hook_id)
        if before is not None:
            query = query.where(col(HookDeliveryRow.id) < before)
        rows = await self._session.execute(query.order_by(col(HookDeliveryRow.id).desc()).limit(limit))
        return [Delivery(**{**row.model_dump(), "state": DeliveryState(row.state)}) for row in rows.scalars()]

    async def add_delivery(self, hook_id: UUID, event_id: UUID, type_: str, body: str, at: datetime) -> None:
        """One message outside the feed."""
        self._session.add(
            HookDeliveryRow(
                hook_id=hook_id, event_id=event_id, type=type_, body=body, state=DeliveryState.WAITING.value,
                attempts=0, status=None, problem="", created_at=at, next_at=at, delivered_at=None,
            )
        )  # fmt: skip
        await self._session.flush()

    async def send_again(self, hook_id: UUID, delivery_id: int, at: datetime) -> None:
        """Put a delivery back into the queue with all its tries before it."""
        row = await self._session.get(HookDeliveryRow, delivery_id, with_for_update=True)
        if row is None or row.hook_id != hook_id:
            raise NotFoundError("no such delivery", delivery_id=delivery_id)
        row.state, row.attempts, row.next_at, row.delivered_at = DeliveryState.WAITING.value, 0, at, None
        await self._session.flush()

    async def fan_out(self, now: datetime, limit: int) -> Fanned:
        """Make the deliveries of the next events of the outbox, and move the cursor, in one transaction."""
        await self._session.execute(text("select feed_sequence()"))
        seq = (await self._session.execute(text("select seq from hook_cursor for update"))).scalar_one()
        row = (await self._session.execute(text(_FAN_OUT), {"seq": seq, "limit": limit, "now": now})).one()
        if row.read:
            await self._session.execute(text("update hook_cursor set seq = :seq"), {"seq": row.seq})
        return Fanned(row.read, row.made)

    async def claim(self, now: datetime, limit: int, lease: timedelta) -> list[Due]:
        """Deliveries to try now; nobody else gets them before the lease ends."""
        rows = await self._session.execute(text(_CLAIM), {"now": now, "lease": now + lease, "limit": limit})
        return [Due(*row) for row in rows]

    async def settle(self, due: Due, tried: Tried, follows: Next, now: datetime) -> None:
        """Note how a try ended; only the try that still holds the claim counts."""
        await self._session.execute(
            text(
                "update hook_delivery set state = :state, status = :status, problem = :problem, next_at = :next_at,"
                " delivered_at = :delivered_at where id = :id and attempts = :attempts and state = 'waiting'"
            ),
            {
                "state": follows.state.value, "status": tried.status, "problem": tried.problem,
                "next_at": follows.next_at, "delivered_at": now if tried.taken else None, "id": due.id,
                "attempts": due.attempts,
            },
        )  # fmt: skip
        failing = "null" if tried.taken else "coalesce(failing_since, :now)"
        await self._session.execute(
            text(f"update hook set failing_since = {failing} where id = :id"),
            {"id": due.hook_id} if tried.taken else {"id": due.hook_id, "now": now},
        )

    async def switch_off(self, before: datetime) -> list[UUID]:
        """Switch off what has been failing since before a time; their ids."""
        rows = await self._session.execute(
            text(
                "update hook set active = false, switched_off = true, version = version + 1"
                " where active and failing_since < :before returning id"
            ),
            {"before": before},
        )
        return [row[0] for row in rows]

    async def forget_before(self, before: datetime) -> None:
        """Drop deliveries that ended before a time."""
        await self._session.execute(
            text("delete from hook_delivery where state <> 'waiting' and created_at < :before"), {"before": before}
        )

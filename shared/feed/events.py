"""The outbox: its tables and the sequencer that numbers committed rows without gaps, and what an event looks like."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.logging import request_id

FEED_DDL = (
    """create table outbox(
  id bigint generated always as identity primary key,
  seq bigint,
  event_id uuid not null default uuidv7(),
  type text not null, subject text not null,
  time timestamptz not null,
  data jsonb not null, traceparent text)""",
    "create unique index outbox_seq on outbox(seq) where seq is not null",
    "create index outbox_new on outbox(id) where seq is null",
    "create table feed_head(one bool primary key default true check(one), seq bigint not null, epoch uuid not null)",
    "insert into feed_head values(true, 0, gen_random_uuid())",
    # Two statements on purpose: the second takes its snapshot after the lock is held.
    """create function feed_sequence(maxn int default 1000) returns int language plpgsql volatile as $$
declare h bigint; n int;
begin
  select seq into h from feed_head where one for update skip locked;
  if not found then return 0; end if;
  with b as materialized (select id, row_number() over (order by id) rn
                            from (select id from outbox where seq is null order by id limit maxn) q)
  update outbox o set seq = h + b.rn from b where o.id = b.id and o.seq is null;
  get diagnostics n = row_count;
  if n > 0 then update feed_head set seq = h + n where one; end if;
  return n;
end $$""",
    """create table feed_cursor(
  feed text primary key, seq bigint not null default 0, epoch uuid,
  updated_at timestamptz not null default clock_timestamp())""",
    "create table feed_seen(source text not null, id uuid not null, primary key(source, id))",
    """create table feed_parked(
  feed text not null, seq bigint not null, event jsonb not null, error text not null,
  parked_at timestamptz not null default clock_timestamp(), primary key(feed, seq))""",
)
"""Statements a service's first migration runs, one by one."""


class Event(BaseModel):
    """A CloudEvents 1.0 envelope. `sequence` is the feed position, zero-padded to 20 digits."""

    specversion: str = "1.0"
    id: UUID
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str = "application/json"
    sequence: str
    traceparent: str | None = None
    data: dict[str, Any]

    @property
    def seq(self) -> int:
        """Feed position as a number."""
        return int(self.sequence)


_INSERT = text(
    "insert into outbox(type, subject, time, data, traceparent)"
    " values(:type, :subject, :time, cast(cast(:data as text) as jsonb), :trace)"
)


async def publish(session: AsyncSession, event_type: str, subject: str, data: dict[str, Any], *, at: datetime) -> None:
    """Write one event in the caller's transaction. Call it last: after the row locks, before the commit.

    `data` must be JSON (times as ISO text, ids as text): pass `model.model_dump(mode="json")`.
    """
    row = {
        "type": event_type,
        "subject": subject,
        "time": at,
        "data": orjson.dumps(data).decode(),
        "trace": request_id.get() or None,
    }
    await session.execute(_INSERT, row)


async def publish_all(
    session: AsyncSession, event_type: str, events: Sequence[tuple[str, dict[str, Any], datetime]]
) -> None:
    """Write many events of one type, each (subject, data, time), in order; otherwise as `publish`."""
    if events:
        trace = request_id.get() or None
        rows = [
            {"type": event_type, "subject": subject, "time": at, "data": orjson.dumps(data).decode(), "trace": trace}
            for subject, data, at in events
        ]
        await session.execute(_INSERT, rows)

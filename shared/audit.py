"""Audit trail: one row for every change, in the same transaction, chained by SHA-256 in each service.

The row is the JSON text itself; `hash = sha256(previous hash || payload)`. Reading columns are generated
from the text by PostgreSQL, so that they cannot differ from it. Whoever rewrites one row breaks the chain
at that place; `verify()` finds it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.auth import Principal
from shared.logging import request_id

AUDIT_DDL = (
    """create table audit_entry(
  id bigint primary key,
  payload text not null,
  hash bytea not null,
  at text generated always as ((payload::jsonb)->>'at') stored,
  actor text generated always as ((payload::jsonb)->>'actor') stored,
  action text generated always as ((payload::jsonb)->>'action') stored,
  subject text generated always as ((payload::jsonb)->>'subject') stored)""",
    "create index audit_entry_subject on audit_entry(subject, id)",
    "create index audit_entry_actor on audit_entry(actor, id)",
    "create table audit_head(one bool primary key default true check(one), id bigint not null, hash bytea not null)",
    "insert into audit_head values(true, 0, ''::bytea)",
    """create function audit_append(entry text) returns bigint language plpgsql volatile as $$
declare h audit_head; digest bytea;
begin
  select * into h from audit_head where one for update;
  digest := sha256(h.hash || convert_to(entry, 'UTF8'));
  insert into audit_entry(id, payload, hash) values(h.id + 1, entry, digest);
  update audit_head set id = h.id + 1, hash = digest where one;
  return h.id + 1;
end $$""",
    # Append only: not even the service's own role changes or removes a row by accident.
    """create function audit_refuse() returns trigger language plpgsql as $$
begin raise exception 'audit entries are append-only'; end $$""",
    """create trigger audit_append_only before update or delete on audit_entry
  for each row execute function audit_refuse()""",
    """create trigger audit_no_truncate before truncate on audit_entry
  for each statement execute function audit_refuse()""",
)
"""Statements a service's first migration runs, one by one."""


@dataclass(frozen=True)
class Actor:
    """Who did it: a person with organisation, or the system itself."""

    subject: str
    name: str
    organisation: str

    @classmethod
    def of(cls, principal: Principal) -> "Actor":
        """The actor a token names."""
        return cls(principal.subject, principal.name, principal.organisation_name)


SYSTEM = Actor("system", "system", "")


async def record(  # noqa: PLR0913 - who, what, on which, when, from, to
    session: AsyncSession,
    actor: Actor,
    action: str,
    subject: str,
    *,
    at: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> int:
    """Append one entry in the caller's transaction; its number. `subject` reads `case:<id>`."""
    payload = orjson.dumps(
        {
            "at": at.isoformat(), "actor": actor.subject, "actor_name": actor.name, "organisation": actor.organisation,
            "action": action, "subject": subject, "before": before, "after": after, "reason": reason,
            "request_id": request_id.get(),
        },
        option=orjson.OPT_SORT_KEYS,
        default=str,
    ).decode()  # fmt: skip
    number: int = (await session.execute(text("select audit_append(:entry)"), {"entry": payload})).scalar_one()
    return number


@dataclass(frozen=True)
class Verdict:
    """Outcome of a check of the chain. `broken_at` is the first entry that does not fit, if any."""

    entries: int
    broken_at: int | None
    head: str


async def verify(session: AsyncSession) -> Verdict:
    """Walk the chain from the first entry; finds a changed, removed or inserted row at its place."""
    digest, expected = b"", 0
    rows = await session.stream(text("select id, payload, hash from audit_entry order by id"))
    async for row in rows:
        expected += 1
        digest = hashlib.sha256(digest + row.payload.encode()).digest()
        if row.id != expected or digest != row.hash:
            return Verdict(expected, expected, digest.hex())
    head = (await session.execute(text("select id, hash from audit_head"))).one()
    if head.id != expected or head.hash != digest:
        return Verdict(expected, expected + 1, digest.hex())
    return Verdict(expected, None, digest.hex())


@dataclass(frozen=True)
class AuditEntry:
    """One row as read back."""

    id: int
    payload: dict[str, Any]
    hash: str


async def entries(
    session: AsyncSession, *, subject: str | None = None, before_id: int | None = None, limit: int = 100
) -> list[AuditEntry]:
    """Newest first, at most `limit`; `before_id` pages on."""
    rows = await session.execute(
        text(
            "select id, payload, hash from audit_entry"
            " where (cast(:subject as text) is null or subject = :subject)"
            " and (cast(:before as bigint) is null or id < :before) order by id desc limit :limit"
        ),
        {"subject": subject, "before": before_id, "limit": limit},
    )
    return [AuditEntry(row.id, orjson.loads(row.payload), row.hash.hex()) for row in rows]

"""The SQL of parameter changes with their registration."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.parameters import ParameterChange, Terms

# The entry speaks of the factor's analyser, or the change of none in particular.
_LIST = """select c.id, c.device_id, c.outlet_id, o.enterprise_id, c.factor, c.code, c.before, c.after, c.at,
  exists(select 1 from dossier_entry e join dossier_version v on v.entry_id = e.id
    where e.outlet_id = c.outlet_id and e.part = 'analyser' and (c.factor = '' or e.data->>'factor' = c.factor)
    and v.changed_at between c.at - cast(:before as interval) and c.at + cast(:after as interval)) as registered
  from parameter_change c join outlet o on o.id = c.outlet_id
  where (cast(:enterprise as uuid) is null or o.enterprise_id = :enterprise)
  and (cast(:outlet as uuid) is null or c.outlet_id = :outlet)
  and (cast(:since as timestamptz) is null or c.at >= :since)
  and (cast(:last_at as timestamptz) is null or (c.at, c.id) < (:last_at, cast(:last_id as uuid)))
  order by c.at desc, c.id desc limit :limit"""


class Which(NamedTuple):
    """Which changes to list; None does not restrict."""

    enterprise_id: UUID | None = None
    outlet_id: UUID | None = None
    since: datetime | None = None


class ParameterStore:
    """Reads in the caller's transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_changes(
        self, which: Which, near: Terms, *, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[ParameterChange]:
        """The latest first."""
        rows = await self._session.execute(
            text(_LIST),
            {
                "before": near.before, "after": near.after, "enterprise": which.enterprise_id,
                "outlet": which.outlet_id, "since": which.since, "last_at": after[0] if after else None,
                "last_id": after[1] if after else None, "limit": limit,
            },
        )  # fmt: skip
        return [ParameterChange(**row) for row in rows.mappings()]

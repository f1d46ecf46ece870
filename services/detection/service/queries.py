"""What people and other services ask of detection."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.service.judging import precision_of_rules
from services.detection.service.rulebook import Rulebook
from services.detection.service.wire import anomaly_out, open_anomaly
from services.detection.store import AnomalyStore, Filters, SeriesStore
from shared.auth import Principal
from shared.clock import PARK_ZONE
from shared.contracts.detection import AnomalyOut, OpenSummary, RuleOut, Severity
from shared.errors import InvalidError, NotFoundError
from shared.http import Page, decode_cursor, encode_cursor

MOST_OUTLETS = 5000
WORST_SHOWN = 4


class AnomalyNotFoundError(NotFoundError):
    """No such anomaly, or none this caller may know of."""

    code = "anomaly_not_found"


class AnomalyService:
    """Lists and shows anomalies and rules."""

    def __init__(self, session: AsyncSession, rulebook: Rulebook, now: datetime) -> None:
        self._session = session
        self._now = now
        self._anomalies = AnomalyStore(session)
        self._series = SeriesStore(session)
        self._rulebook = rulebook

    async def list_anomalies(
        self, caller: Principal, filters: Filters, cursor: str | None, limit: int
    ) -> Page[AnomalyOut]:
        """Newest start first; an enterprise sees its own only."""
        if caller.tenant is not None:
            if filters.enterprise_id not in {None, caller.tenant}:
                return Page(items=[])
            filters = replace(filters, enterprise_id=caller.tenant)
        rows = await self._anomalies.select(filters, _after(cursor), limit + 1)
        outlets = await self._series.outlets({row.episode.outlet_id for row in rows})
        known = await self._precisions(caller)
        items = [anomaly_out(row, outlets.get(row.episode.outlet_id), known) for row in rows[:limit]]
        more = encode_cursor(items[-1].started_at.isoformat(), str(items[-1].id)) if len(rows) > limit else None
        return Page(items=items, next=more)

    async def open_summary(self, caller: Principal) -> list[OpenSummary]:
        """Open anomalies by outlet; an enterprise sees its own only."""
        found = await self._anomalies.open_by_outlet(caller.tenant, MOST_OUTLETS, WORST_SHOWN)
        return [
            OpenSummary(
                outlet_id=outlet_id, enterprise_id=enterprise_id, a=counts[Severity.A], b=counts[Severity.B],
                c=counts[Severity.C], worst=[open_anomaly(one) for one in worst],
            )
            for outlet_id, enterprise_id, counts, worst in found
        ]  # fmt: skip

    async def get_anomaly(self, caller: Principal, anomaly_id: UUID) -> AnomalyOut:
        """One anomaly."""
        found = await self._anomalies.find(anomaly_id)
        if found is None or caller.tenant not in {None, found.enterprise_id}:
            raise AnomalyNotFoundError(f"no anomaly {anomaly_id}", anomaly_id=str(anomaly_id))
        outlets = await self._series.outlets([found.episode.outlet_id])
        return anomaly_out(found, outlets.get(found.episode.outlet_id), await self._precisions(caller))

    async def _precisions(self, caller: Principal) -> dict[str, float]:
        """Of rules, for those who judge; an enterprise is not told how often others were wrongly asked."""
        return await precision_of_rules(self._session, self._now) if caller.tenant is None else {}

    def list_rules(self) -> list[RuleOut]:
        """Rules in force today."""
        return self._rulebook.listed(self._now.astimezone(PARK_ZONE).date())


def _after(cursor: str | None) -> tuple[datetime, UUID] | None:
    if cursor is None:
        return None
    try:
        started, last = decode_cursor(cursor)
        return datetime.fromisoformat(started).astimezone(UTC), UUID(last)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise InvalidError("the cursor is not valid; start again without it", field="cursor") from error

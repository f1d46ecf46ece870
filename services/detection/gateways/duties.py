"""What detection asks of ingest about duties: checks due, records, marks, parameters, means, clocks."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from services.detection.domain.duties.late_mark import VOID
from shared.clients.ingest import IngestClient
from shared.clock import PARK_ZONE
from shared.contracts.ingest.links import LinkedDevice, LinkFilter
from shared.contracts.ingest.marks import MarkOut, MarkState, OutletBudget
from shared.contracts.ingest.means import DayOut, DifferenceOut, MeanKind, MeanOut
from shared.contracts.ingest.parameters import ParameterChangeOut
from shared.contracts.ingest.qa import QaDueOut, QaOut, QaState
from shared.http import Page
from shared.logging import get_logger

log = get_logger(__name__)

Item = TypeVar("Item")
PAGE, MOST_PAGES = 200, 100
"""At most 20,000 items of a kind at a look: what is beyond is told in the log and seen when others are done with."""
RECENT = timedelta(days=3)
"""Records and differences that came late are still looked at."""
MARKS_SINCE = timedelta(days=35)
CHECKS_SINCE, MOST_CHECKS = timedelta(days=365), 500
"""Records of an outlet in which drift is looked for: the latest of a year."""


@dataclass(frozen=True)
class Facts:
    """What ingest knows that bears on duties, at one moment."""

    due: list[QaDueOut] = field(default_factory=list)
    records: list[QaOut] = field(default_factory=list)
    changes: list[ParameterChangeOut] = field(default_factory=list)
    differences: list[DifferenceOut] = field(default_factory=list)
    marks: list[MarkOut] = field(default_factory=list)
    devices: list[LinkedDevice] = field(default_factory=list)


@dataclass(frozen=True)
class Shares:
    """What ingest counted for some outlets since `month` began, and in the year; their day means of the last days,
    their checks of the last year.
    """

    outlet_ids: tuple[UUID, ...]
    month: datetime
    days: Mapping[UUID, Sequence[DayOut]]
    means: Mapping[UUID, Sequence[MeanOut]]
    budgets: Sequence[OutletBudget]
    records: Sequence[QaOut]


@dataclass
class DutySources:
    """Reads them page by page; a call that fails fails the look, the next one makes up for it."""

    client: IngestClient

    async def facts(self, now: datetime) -> Facts:
        """Of all outlets."""
        client, since = self.client, now - RECENT
        states = [state for state in MarkState if state not in VOID]
        return Facts(
            due=await client.list_qa_due(state=[QaState.OVERDUE, QaState.FAILED]),
            records=await _all("qa", lambda at: client.list_qa_records(since=since, cursor=at, limit=PAGE)),
            changes=await _all(
                "parameters", lambda at: client.list_parameter_changes(since=since, cursor=at, limit=PAGE)
            ),
            differences=await _all(
                "differences", lambda at: client.list_differences(since, now, cursor=at, limit=PAGE)
            ),
            marks=await _all(
                "marks",
                lambda at: client.list_marks(
                    state=states, since=now - MARKS_SINCE, until=now, cursor=at, limit=PAGE
                ),
            ),
            devices=await _all(
                "links", lambda at: client.list_links(which=LinkFilter.CLOCK_OFF.value, cursor=at, limit=PAGE)
            ),
        )  # fmt: skip

    async def shares(self, outlet_ids: Sequence[UUID], now: datetime) -> Shares:
        """Days of the month so far, day means of late, and yearly budgets of these outlets."""
        local = now.astimezone(PARK_ZONE)
        month = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        days: dict[UUID, list[DayOut]] = {}
        means: dict[UUID, list[MeanOut]] = {}
        budgets: list[OutletBudget] = []
        records: list[QaOut] = []
        for one in outlet_ids:
            if local.date() > month.date():
                days[one] = await self.client.list_outlet_days(one, month.date(), local.date())
            means[one] = (await self.client.list_means(one, MeanKind.DAY, now - RECENT, now)).items
            checks = await self.client.list_qa_records(outlet_id=one, since=now - CHECKS_SINCE, limit=MOST_CHECKS)
            records += checks.items
            held = await self.client.mark_budgets(one, local.year)
            budgets += [OutletBudget(outlet_id=one, **budget.model_dump()) for budget in held]
        return Shares(tuple(outlet_ids), month, days, means, budgets, records)


async def _all(what: str, read: Callable[[str | None], Awaitable[Page[Item]]]) -> list[Item]:
    return [item async for page in _pages(what, read) for item in page.items]


async def _pages(what: str, read: Callable[[str | None], Awaitable[Page[Item]]]) -> AsyncIterator[Page[Item]]:
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await read(cursor)
        yield page
        cursor = page.next
        if cursor is None:
            return
    log.warning("duties_left_out", what=what, looked_at=PAGE * MOST_PAGES)

"""Use cases on rates: transmission, validity and their product by outlet and period, and days hour by hour."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.completeness import BLANK_DAY, HourCounts, count, definition, hour_states, rates, whole_hour
from services.ingest.domain.means.periods import HOURS_A_DAY, date_of, day_of, moment, start_of
from services.ingest.domain.means.rules import quantities
from services.ingest.service.means import check_span
from services.ingest.store.outlet_days import Day, OutletDayStore, Seen
from services.ingest.store.registry import RegistryStore
from shared.auth import Principal
from shared.calendar import Quarter
from shared.clock import PARK_ZONE, Clock
from shared.contracts.ingest import Completeness
from shared.contracts.ingest.means import DayOut, HourStateOut, RateDefinition, RateOut, RateUnit
from shared.db import raw
from shared.errors import InvalidError, TooLargeError

MOST_OUTLETS = 10_000
MOST_ROWS = 20_000
"""Outlets of a page times periods."""
MOST_DAYS = 400


class RateService:
    """Use cases in the caller's transaction."""

    def __init__(self, session: AsyncSession, clock: Clock, caller: Principal) -> None:
        self._session = session
        self._clock = clock
        self._caller = caller

    async def completeness(
        self, since: datetime, until: datetime, *, enterprise_id: UUID | None, outlet_id: UUID | None
    ) -> list[Completeness]:
        """Transmission and validity rates by outlet in use over one span, from the states of its hours."""
        check_span(since, until)
        if enterprise_id is not None:
            self._caller.check_may_see(enterprise_id)
        first, last = whole_hour(since), whole_hour(until)
        counts = await OutletDayStore(await raw(self._session)).counts(
            first, last, enterprise_id=self._caller.tenant or enterprise_id, outlet_id=outlet_id, limit=MOST_OUTLETS
        )
        now = self._clock.now()
        return [rates(one, since, until, now) for one in counts]

    async def list_rates(  # noqa: PLR0913 - which ones, and where the page begins
        self, unit: RateUnit, since: datetime, until: datetime, *, enterprise_id: UUID | None,
        outlet_id: UUID | None, after: tuple[str, UUID] | None, limit: int,
    ) -> tuple[list[RateOut], Seen | None]:  # fmt: skip
        """Rates of whole periods that begin in the span, by outlet and time; and the outlet a next page comes after.

        `limit` counts outlets.
        """
        check_span(since, until)
        if enterprise_id is not None:
            self._caller.check_may_see(enterprise_id)
        starts = periods_in(unit, since, until)
        if limit * len(starts) > MOST_ROWS:
            raise TooLargeError(f"more than {MOST_ROWS} rows; ask for fewer outlets or periods", limit=MOST_ROWS)
        store = OutletDayStore(await raw(self._session))
        outlets = await store.seen(
            enterprise_id=self._caller.tenant or enterprise_id, outlet_id=outlet_id, after=after, limit=limit + 1
        )
        page = outlets[:limit]
        if not page or not starts:
            return [], None
        counted = await store.period_counts(
            [one.point for one in page], unit.value, starts[0], next_period(unit, starts[-1])
        )
        now = self._clock.now()
        found = [_rate(one, unit, start, counted.get((one.point, start), {}), now) for one in page for start in starts]
        return found, page[-1] if len(outlets) > limit else None

    async def list_days(self, outlet_id: UUID, since: date, until: date) -> list[DayOut]:
        """Days of an outlet from `since` to before `until`, hour by hour."""
        if not since < until or (until - since).days > MOST_DAYS:
            raise InvalidError(f"from 1 to {MOST_DAYS} days", field="until")
        outlet = await RegistryStore(self._session).get_outlet(outlet_id)
        self._caller.check_may_see(outlet.enterprise_id)
        store = OutletDayStore(await raw(self._session))
        first = (await store.first_hours([outlet.point])).get(outlet.point)
        days = await store.list_days(outlet.point, moment(start_of(since)), moment(start_of(until)))
        now = self._clock.now()
        starts = [start_of(since + timedelta(days=number)) for number in range((until - since).days)]
        return [_day(start, days.get(start, Day(BLANK_DAY, 0)), first, now) for start in starts]

    @staticmethod
    def definition() -> RateDefinition:
        """How rates are defined."""
        return RateDefinition(
            formulas=definition()["formulas"], source=definition()["source"],
            hour_states=[
                HourStateOut(
                    letter=state.letter, name_zh=state.zh, name_en=state.en, expected=state.expected,
                    received=state.received, valid=state.valid,
                )
                for state in hour_states().values()
            ],
        )  # fmt: skip


def next_period(unit: RateUnit, start: datetime) -> datetime:
    """Start of the period after the one that begins at `start`."""
    if unit is RateUnit.QUARTER:
        return Quarter.of(start).end
    local = start.astimezone(PARK_ZONE)
    if unit is RateUnit.DAY:
        return local + timedelta(days=1)
    return (local + timedelta(days=32)).replace(day=1)


def period_of(unit: RateUnit, at: datetime) -> datetime:
    """Start of the period that holds `at`."""
    if unit is RateUnit.QUARTER:
        return Quarter.of(at).start
    day = at.astimezone(PARK_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    return day if unit is RateUnit.DAY else day.replace(day=1)


def periods_in(unit: RateUnit, since: datetime, until: datetime) -> list[datetime]:
    """Starts of the periods that begin in the span, and of the one that holds `since`."""
    starts = [period_of(unit, since)]
    while (following := next_period(unit, starts[-1])) < until:
        starts.append(following)
    return starts


def _rate(outlet: Seen, unit: RateUnit, start: datetime, row: Mapping[str, Any], now: datetime) -> RateOut:
    counts = HourCounts(
        outlet.outlet_id, outlet.enterprise_id, outlet.first_at, row.get("stopped", 0), row.get("received", 0),
        row.get("valid", 0), row.get("late", 0),
    )  # fmt: skip
    told = count(counts, start, next_period(unit, start), now)
    return RateOut(
        outlet_id=outlet.outlet_id,
        enterprise_id=outlet.enterprise_id,
        unit=unit,
        at=start.astimezone(UTC),
        **dict(told),
    )


def _day(start: int, day: Day, first: int | None, now: datetime) -> DayOut:
    states = hour_states()
    known = [states[letter] for letter in day.states]
    late = [hour for hour in range(HOURS_A_DAY) if day.late >> hour & 1]
    counts = HourCounts(
        UUID(int=0), UUID(int=0), None if first is None else moment(first),
        day.states.count("S"), sum(state.received for state in known), sum(state.valid for state in known), len(late),
    )  # fmt: skip
    told = count(counts, moment(start), moment(day_of(start + 26 * 3600)), now)
    return DayOut(day=date_of(start), states=_shown(start, day.states, first, now), late_hours=late, **dict(told))


def _shown(start: int, states: str, first: int | None, now: datetime) -> str:
    """Hours that are not over, or before the outlet's first reading, are blank: nothing is said of them."""
    over = (int(now.timestamp()) - 60 * quantities().grace_minutes["hour"] - start) // 3600
    known = HOURS_A_DAY if first is None else (first - start) // 3600
    return "".join(" " if letter == "." and not known <= hour < over else letter for hour, letter in enumerate(states))

"""Completeness 完整率: rates of outlets, and a month of one outlet day by day and hour by hour."""

import asyncio
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from shared.calendar import Quarter
from shared.clock import PARK_ZONE
from shared.contracts.ingest import OutletOut
from shared.contracts.ingest.means import DayOut, MeanKind, MeanOut, RateOut, RateUnit
from web.frame import set_frame
from web.labels import name_of
from web.pages.public import BOM
from web.render import render
from web.session import SomeViewer, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
LIST = "pages/completeness/list.html"
CALENDAR = "pages/completeness/calendar.html"
OUTLETS_A_PAGE = 200
MEANS_A_DAY = 1000
FULL, FAIR = 0.95, 0.90
"""Shares of transmission times validity from which a day looks full, and fair (assessment of data, TVR 90 %)."""
SORTS = {
    "code": lambda line: (line.outlet.code, str(line.outlet.id)),
    "transmission": lambda line: _rank(line.rate.transmission),
    "validity": lambda line: _rank(line.rate.validity),
    "tvr": lambda line: _rank(line.rate.tvr),
    "late": lambda line: -line.rate.late,
}


def _rank(share: float | None) -> float:
    return 2.0 if share is None else share


@dataclass(frozen=True)
class Line:
    """An outlet with its rates."""

    outlet: OutletOut
    enterprise: str
    rate: RateOut


@dataclass(frozen=True)
class Period:
    """What the list is of: a month or a quarter, by its first day."""

    unit: RateUnit
    start: datetime

    @classmethod
    def of(cls, unit: str, at: str, now: datetime) -> "Period":
        """From the query; what cannot be read is the running month."""
        chosen = RateUnit.QUARTER if unit == RateUnit.QUARTER else RateUnit.MONTH
        try:
            day = date.fromisoformat(at)
            moment = datetime(day.year, day.month, day.day, tzinfo=PARK_ZONE)
        except ValueError:
            moment = now
        start = Quarter.of(moment).start if chosen is RateUnit.QUARTER else _month_of(moment)
        return cls(chosen, start)

    @property
    def end(self) -> datetime:
        """First moment after it."""
        return (
            Quarter.of(self.start).end if self.unit is RateUnit.QUARTER else _month_of(self.start + timedelta(days=32))
        )

    @property
    def before(self) -> date:
        """First day of the period before."""
        return Period.of(self.unit, (self.start - timedelta(days=1)).date().isoformat(), self.start).start.date()

    def query(self, **changes: str) -> str:
        """As a query string."""
        values = {"unit": self.unit.value, "at": self.start.date().isoformat(), **changes}
        return "&".join(f"{key}={value}" for key, value in values.items())


def _month_of(moment: datetime) -> datetime:
    return moment.astimezone(PARK_ZONE).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


@dataclass(frozen=True)
class Asked:
    """What the list shows."""

    unit: Annotated[str, Query(max_length=10)] = "month"
    at: Annotated[str, Query(max_length=10)] = ""
    sort: Annotated[str, Query(max_length=20)] = "code"
    cursor: Annotated[str, Query(max_length=400)] = ""


Choice = Annotated[Asked, Depends()]


async def _lines(viewer: Viewer, period: Period, asked: Asked) -> tuple[list[Line], str | None]:
    ingest = viewer.backends.ingest
    cursor = asked.cursor or None
    page, outlets, enterprises = await asyncio.gather(
        ingest.list_rates(period.unit, period.start, period.end, cursor=cursor, limit=OUTLETS_A_PAGE),
        ingest.list_outlets(cursor=cursor, limit=2 * OUTLETS_A_PAGE),
        ingest.list_enterprises(limit=1000),
    )
    known = {outlet.id: outlet for outlet in outlets.items}
    names = {enterprise.id: name_of(enterprise) for enterprise in enterprises.items}
    lines = [
        Line(known[rate.outlet_id], names.get(rate.enterprise_id, ""), rate)
        for rate in page.items
        if rate.outlet_id in known
    ]
    return sorted(lines, key=SORTS.get(asked.sort, SORTS["code"])), page.next


@router.get("/completeness")
async def list_completeness(request: Request, viewer: SomeViewer, asked: Choice) -> Response:
    """Outlets with their rates of a month or quarter."""
    now = request.app.state.settings.clock.now()
    period = Period.of(asked.unit, asked.at, now)
    lines, following = await _lines(viewer, period, asked)
    return render(
        request, LIST, block="list", lines=lines, period=period, asked=asked, following=following, now=now,
        units=[RateUnit.MONTH, RateUnit.QUARTER], level=level, full=FULL, fair=FAIR,
    )  # fmt: skip


@router.get("/completeness.csv")
async def download_completeness(request: Request, viewer: SomeViewer, asked: Choice) -> Response:
    """The same as CSV, all pages."""
    period = Period.of(asked.unit, asked.at, request.app.state.settings.clock.now())
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([
        "period", "enterprise", "outlet", "name", "hours", "stopped", "expected", "received", "valid", "late",
        "transmission", "validity", "transmission_validity",
    ])  # fmt: skip
    step = asked
    while True:
        lines, following = await _lines(viewer, period, step)
        for line in lines:
            rate = line.rate
            shares = [
                "" if share is None else round(share, 4) for share in (rate.transmission, rate.validity, rate.tvr)
            ]
            writer.writerow([
                period.start.date().isoformat(), safe(line.enterprise), safe(line.outlet.code),
                safe(name_of(line.outlet)), rate.hours, rate.stopped, rate.expected, rate.received, rate.valid,
                rate.late, *shares,
            ])  # fmt: skip
        if following is None:
            break
        step = Asked(asked.unit, asked.at, asked.sort, following)
    name = f"completeness-{period.unit.value}-{period.start.date().isoformat()}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(BOM + out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def level(share: float | None) -> str:
    """How a share looks: full, fair, poor, or none."""
    if share is None:
        return "none"
    return "full" if share >= FULL else "fair" if share >= FAIR else "poor"


def look(day: DayOut) -> str:
    """How a day looks in the calendar: stopped all day, or as its share."""
    if day.stopped and not day.expected:
        return "stopped"
    return level(day.tvr)


def weeks(days: Sequence[DayOut]) -> list[list[DayOut | None]]:
    """Days of a month in rows from Monday to Sunday, None beside it."""
    cells: list[DayOut | None] = [None] * days[0].day.weekday()
    cells += days
    cells += [None] * (-len(cells) % 7)
    return [cells[start : start + 7] for start in range(0, len(cells), 7)]


@router.get("/completeness/{outlet_id}")
async def show_completeness(
    request: Request, viewer: SomeViewer, outlet_id: UUID,
    month: Annotated[str, Query(max_length=10)] = "", day: Annotated[str, Query(max_length=10)] = "",
    factor: Annotated[str, Query(max_length=40)] = "",
) -> Response:  # fmt: skip
    """A month of an outlet: days, and the hours of one of them with what the device said beside the derived."""
    ingest = viewer.backends.ingest
    now = request.app.state.settings.clock.now()
    period = Period.of("month", day or (f"{month}-01" if month else ""), now)
    since, until = period.start.date(), period.end.date()
    outlet, days, definition, factors = await asyncio.gather(
        ingest.get_outlet(outlet_id), ingest.list_outlet_days(outlet_id, since, until), ingest.rate_definition(),
        ingest.list_factors(),
    )  # fmt: skip
    enterprise = await ingest.get_enterprise(outlet.enterprise_id)
    chosen = next((one for one in days if one.day.isoformat() == day), None)
    means = await _means_of(viewer, outlet_id, chosen) if chosen else []
    order = [item.factor for item in outlet.factors]
    codes = sorted(
        {mean.factor for mean in means},
        key=lambda code: (code not in order, order.index(code) if code in order else 0, code),
    )
    picked = factor if factor in codes else next(iter(codes), "")
    names = {item.code: name_of(item) for item in factors}
    return render(
        request, CALENDAR, block="hours", outlet=outlet, enterprise=enterprise, weeks=weeks(days), chosen=chosen,
        period=period, states={state.letter: state for state in definition.hour_states}, look=look, now=now,
        codes=codes, factor=picked, names=names, means=_by_hour(means, picked), month=period.start.strftime("%Y-%m"),
    )  # fmt: skip


async def _means_of(viewer: Viewer, outlet_id: UUID, day: DayOut) -> list[MeanOut]:
    start = datetime(day.day.year, day.day.month, day.day.day, tzinfo=PARK_ZONE)
    page = await viewer.backends.ingest.list_means(
        outlet_id, MeanKind.HOUR, start, start + timedelta(days=1), limit=MEANS_A_DAY
    )
    return page.items


def _by_hour(means: Sequence[MeanOut], factor: str) -> dict[int, MeanOut]:
    return {mean.at.astimezone(PARK_ZONE).hour: mean for mean in means if mean.factor == factor}

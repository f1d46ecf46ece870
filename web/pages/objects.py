"""Enterprises and outlets: facts, curves, the same data as a table and as CSV."""

import asyncio
import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from shared.clients.base import ServiceCallError
from shared.clock import PARK_ZONE
from shared.contracts.detection import AnomalyOut
from shared.contracts.ingest import FactorOut, OutletOut, ReadingKind, Series
from shared.logging import get_logger
from web.charts import RANGES, Chart, Window, anomaly_bands
from web.frame import set_frame
from web.labels import name_of
from web.pages.commands import COMMANDERS
from web.pages.curves import MINUTE_WINDOW, read_series
from web.pages.dossier import enterprise_dossier, outlet_dossier
from web.pages.public import BOM
from web.render import render
from web.session import SomeViewer, Viewer

log = get_logger(__name__)
router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
LIST = "pages/objects/enterprises.html"
ENTERPRISE = "pages/objects/enterprise.html"
OUTLET = "pages/objects/outlet.html"
TABLE = "pages/objects/table.html"
MOST_ROWS = 1500
DEFAULT_RANGE = "24h"
NOT_FOUND = 404


@router.get("/enterprises")
async def list_enterprises(
    request: Request,
    viewer: SomeViewer,
    q: Annotated[str, Query(max_length=100)] = "",
    cursor: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """Enterprises with their colour."""
    backends = viewer.backends
    found, colours = await asyncio.gather(
        backends.ingest.list_enterprises(q=q or None, cursor=cursor or None, limit=100), backends.grading.list_colours()
    )
    by_id = {item.enterprise_id: item.colour for item in colours}
    return render(request, LIST, block="list", enterprises=found, colours=by_id, q=q, cursor=cursor)


@router.get("/enterprises/{enterprise_id}")
async def show_enterprise(request: Request, viewer: SomeViewer, enterprise_id: UUID) -> Response:
    """One enterprise: facts, outlets, colour, cases."""
    backends = viewer.backends
    enterprise, outlets, cases, grade, dossier = await asyncio.gather(
        backends.ingest.get_enterprise(enterprise_id),
        backends.ingest.list_outlets(enterprise_id=enterprise_id),
        backends.casework.list_cases(enterprise_id=enterprise_id, sort="newest", limit=20),
        _grade(viewer, enterprise_id),
        enterprise_dossier(viewer, enterprise_id),
    )
    return render(request, ENTERPRISE, enterprise=enterprise, outlets=outlets.items, cases=cases.items, grade=grade,
                  dossier=dossier)  # fmt: skip


async def _grade(viewer: Viewer, enterprise_id: UUID) -> Any:
    try:
        return await viewer.backends.grading.get_grade(enterprise_id)
    except ServiceCallError as error:
        if error.status != NOT_FOUND:
            raise
        return None


@dataclass(frozen=True)
class Choice:
    """What of an outlet is shown: factor, averaging and span."""

    factor: Annotated[str, Query(max_length=40)] = ""
    kind: Annotated[str, Query(max_length=10)] = ""
    range: Annotated[str, Query(max_length=5)] = DEFAULT_RANGE
    until: Annotated[str, Query(max_length=40)] = ""


Chosen = Annotated[Choice, Depends()]


@dataclass(frozen=True)
class Seen:
    """A choice with its outlet and data."""

    outlet: OutletOut
    factor: str
    factors: dict[str, FactorOut]
    kind: ReadingKind
    range: str
    window: Window
    series: Series

    @property
    def factor_name(self) -> str:
        """Name of the factor, or its code where the tables lack it."""
        return self.name(self.factor)

    def name(self, code: str) -> str:
        """Name of a factor code."""
        return name_of(self.factors[code]) if code in self.factors else code

    def query(self, **changes: str) -> str:
        """The choice as a query string."""
        values = {"factor": self.factor, "kind": self.kind.value, "range": self.range, **changes}
        return "&".join(f"{key}={value}" for key, value in values.items())


def _until(text: str, now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(text) if text else now
    except ValueError:
        return now
    return at if at.tzinfo else at.replace(tzinfo=PARK_ZONE)


def _kind(text: str, window: Window) -> ReadingKind:
    if text in set(ReadingKind):
        return ReadingKind(text)
    return ReadingKind.MINUTE if window.until - window.since < MINUTE_WINDOW else ReadingKind.HOUR


async def _look(request: Request, viewer: Viewer, outlet_id: UUID, choice: Choice) -> Seen | OutletOut:
    ingest = viewer.backends.ingest
    outlet, factors = await asyncio.gather(ingest.get_outlet(outlet_id), ingest.list_factors())
    codes = [item.factor for item in outlet.factors]
    if not codes:
        return outlet
    factor = choice.factor if choice.factor in codes else codes[0]
    chosen_range = choice.range if choice.range in RANGES else DEFAULT_RANGE
    until = _until(choice.until, request.app.state.settings.clock.now())
    window = Window(until - RANGES[chosen_range], until)
    kind = _kind(choice.kind, window)
    series = await read_series(ingest, outlet, factor, kind, window)
    return Seen(outlet, factor, {item.code: item for item in factors}, kind, chosen_range, window, series)


async def _anomalies(viewer: Viewer, outlet_id: UUID, window: Window) -> list[AnomalyOut]:
    try:
        page = await viewer.backends.detection.list_anomalies(
            outlet_id=outlet_id, since=window.since, until=window.until, limit=100
        )
    except ServiceCallError as error:
        log.warning("no_anomalies", outlet=str(outlet_id), detail=error.message)
        return []
    return page.items


@router.get("/outlets/{outlet_id}")
async def show_outlet(request: Request, viewer: SomeViewer, outlet_id: UUID, choice: Chosen) -> Response:
    """One outlet: curve, limits, loggers."""
    seen = await _look(request, viewer, outlet_id, choice)
    outlet = seen if isinstance(seen, OutletOut) else seen.outlet
    enterprise, devices, dossier = await asyncio.gather(
        viewer.backends.ingest.get_enterprise(outlet.enterprise_id),
        viewer.backends.ingest.list_devices(outlet_id=outlet_id),
        outlet_dossier(viewer, outlet_id),
    )
    chart, anomalies = None, []
    if isinstance(seen, Seen):
        anomalies = await _anomalies(viewer, outlet_id, seen.window)
        chart = Chart(seen.series, seen.window, seen.factor_name, anomaly_bands(anomalies, seen.factor))
    return render(
        request, OUTLET, block="chart", outlet=outlet, enterprise=enterprise, devices=devices.items,
        seen=seen if isinstance(seen, Seen) else None, chart=chart, charts=[chart] if chart else [],
        dossier=dossier, factor_name=str,
        anomalies=anomalies, may_command=viewer.has(*COMMANDERS), ranges=list(RANGES),
        kinds=[ReadingKind.MINUTE, ReadingKind.HOUR, ReadingKind.DAY],
    )  # fmt: skip


def table_rows(series: Series) -> list[tuple[datetime, float | None, str]]:
    """Time, value and flag of each reading, the newest first."""
    rows = [
        (datetime.fromtimestamp(series.t0 + index * series.step, UTC), value, series.flags.get(index, "N"))
        for index, value in enumerate(series.v)
    ]
    return rows[::-1]


@router.get("/outlets/{outlet_id}/table")
async def show_table(request: Request, viewer: SomeViewer, outlet_id: UUID, choice: Chosen) -> Response:
    """The curve's data as a table."""
    seen = await _look(request, viewer, outlet_id, choice)
    if isinstance(seen, OutletOut):
        return render(request, TABLE, outlet=seen, seen=None, rows=[], total=0, ranges=list(RANGES))
    rows = [row for row in table_rows(seen.series) if row[1] is not None or row[2] != "N"]
    return render(
        request, TABLE, outlet=seen.outlet, seen=seen, rows=rows[:MOST_ROWS], total=len(rows), ranges=list(RANGES)
    )


@router.get("/outlets/{outlet_id}/series.csv")
async def download_series(request: Request, viewer: SomeViewer, outlet_id: UUID, choice: Chosen) -> Response:
    """The curve's data as CSV in Beijing time; values and flags as stored."""
    seen = await _look(request, viewer, outlet_id, choice)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["time", "outlet", "factor", "value", "unit", "flag"])
    name = "readings.csv"
    if isinstance(seen, Seen):
        name = f"{seen.outlet.code}-{seen.factor}-{seen.kind.value}.csv"
        for at, value, flag in reversed(table_rows(seen.series)):
            told = [seen.outlet.code, seen.factor, "" if value is None else value, seen.series.unit, flag]
            writer.writerow([at.astimezone(PARK_ZONE).isoformat(), *told])
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(BOM + out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)

"""The outlet's data browser: curves of several factors under one cursor, limits, marks, gaps; the same as a table."""

import asyncio
import csv
import io
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.clock import PARK_ZONE
from shared.contracts.detection import AnomalyOut
from shared.contracts.ingest import ReadingKind, Series
from shared.contracts.ingest.marks import MarkOut
from shared.logging import get_logger
from web.browse import Look, columns_of, gap_bands, gaps_of, read_factors, read_kind, read_window, rows_of, summary_of
from web.charts import RANGES, Chart, anomaly_bands, mark_bands
from web.frame import set_frame
from web.i18n import gettext
from web.pages.mark_forms import mark_link
from web.pages.public import BOM
from web.render import render
from web.session import SomeViewer, Viewer

log = get_logger(__name__)
router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
PAGE = "pages/browser/data.html"
TABLE = "pages/browser/table.html"
CHART_POINTS, TABLE_POINTS = 10_000, 20_000
ROWS_A_PAGE = 500
MOST_GAPS = 12
KINDS = (ReadingKind.REALTIME, ReadingKind.MINUTE, ReadingKind.HOUR, ReadingKind.DAY)
Text = Annotated[str, Query(max_length=40)]


@dataclass(frozen=True)
class Asked:
    """The query of the browser."""

    factor: Annotated[list[str] | None, Query(max_length=20)] = None
    kind: Text = ""
    range: Text = ""
    since: Text = ""
    until: Text = ""


Query_ = Annotated[Asked, Depends()]


async def _look(request: Request, viewer: Viewer, outlet_id: UUID, asked: Asked) -> Look:
    ingest = viewer.backends.ingest
    outlet, factors = await asyncio.gather(ingest.get_outlet(outlet_id), ingest.list_factors())
    now = request.app.state.settings.clock.now()
    window, range_, understood = read_window(asked.since, asked.until, asked.range, now)
    problem = "" if understood else gettext("From and to must be times, in this order, at most 400 days apart.")
    names = {item.code: item for item in factors}
    chosen = read_factors(asked.factor or (), outlet)
    return Look(outlet, names, chosen, read_kind(asked.kind, window), window, range_, problem)


async def _series(viewer: Viewer, look: Look, max_points: int) -> list[Series]:
    calls = (
        viewer.backends.ingest.get_series(
            look.outlet.id, code, kind=look.kind, since=look.window.since, until=look.window.until,
            max_points=max_points,
        )
        for code in look.factors
    )  # fmt: skip
    return await asyncio.gather(*calls)


async def _marks(viewer: Viewer, look: Look) -> list[MarkOut]:
    page = await viewer.backends.ingest.list_marks(
        outlet_id=look.outlet.id, since=look.window.since, until=look.window.until, limit=100
    )
    return page.items


async def _anomalies(viewer: Viewer, look: Look) -> list[AnomalyOut]:
    try:
        page = await viewer.backends.detection.list_anomalies(
            outlet_id=look.outlet.id, since=look.window.since, until=look.window.until, limit=100
        )
    except ServiceCallError as error:  # the curve is of use without them
        log.warning("no_anomalies", outlet=str(look.outlet.id), detail=error.message)
        return []
    return page.items


@router.get("/outlets/{outlet_id}/data")
async def browse(request: Request, viewer: SomeViewer, outlet_id: UUID, asked: Query_) -> Response:
    """Curves, numbers, marks and gaps."""
    look = await _look(request, viewer, outlet_id, asked)
    series, marks, anomalies = await asyncio.gather(
        _series(viewer, look, CHART_POINTS), _marks(viewer, look), _anomalies(viewer, look)
    )
    now = request.app.state.settings.clock.now()
    gaps = {one.factor: gaps_of(one, now) for one in series}
    charts = [
        Chart(
            one, look.window, look.name(one.factor),
            [*anomaly_bands(anomalies, one.factor), *mark_bands(marks, one.factor, now), *gap_bands(gaps[one.factor])],
        )
        for one in series
    ]  # fmt: skip
    longest = sorted(
        ((code, gap) for code, found in gaps.items() for gap in found), key=lambda pair: pair[1].until - pair[1].since
    )
    return render(
        request, PAGE, block="browser", look=look, charts=charts, marks=marks, kinds=KINDS, ranges=list(RANGES),
        summaries={one.factor: summary_of(one, now) for one in series}, gaps=longest[::-1][:MOST_GAPS],
        gap_count=len(longest), may_fetch="devices:command" in viewer.principal.scopes,
        marking=mark_link(viewer, outlet_id, look.window, look.factors, now), own=viewer.has(Role.ENTERPRISE),
    )  # fmt: skip


@router.get("/outlets/{outlet_id}/data/table")
async def browse_table(
    request: Request, viewer: SomeViewer, outlet_id: UUID, asked: Query_,
    page: Annotated[int, Query(ge=1, le=1000)] = 1,
) -> Response:  # fmt: skip
    """The same data as a table."""
    look = await _look(request, viewer, outlet_id, asked)
    series = await _series(viewer, look, TABLE_POINTS)
    rows = rows_of(series)
    start = (page - 1) * ROWS_A_PAGE
    return render(
        request, TABLE, look=look, series=series, rows=rows[start : start + ROWS_A_PAGE], total=len(rows), page=page,
        more=len(rows) > start + ROWS_A_PAGE, enveloped=any(one.agg != "raw" for one in series),
    )  # fmt: skip


@router.get("/outlets/{outlet_id}/data.csv")
async def download(request: Request, viewer: SomeViewer, outlet_id: UUID, asked: Query_) -> Response:
    """The table as CSV in Beijing time, values and flags as stored."""
    look = await _look(request, viewer, outlet_id, asked)
    until = look.window.until - timedelta(seconds=1)
    table = await viewer.backends.ingest.read_arrow([outlet_id], look.kind, look.window.since, until)
    units = {item.factor: item.unit for item in look.outlet.factors}
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["time", *(text for code in look.factors for text in (f"{code} ({units[code]})", f"{code} flag"))])
    for at, cells in columns_of(table.to_pydict(), look.factors):
        told = [text for value, flag in cells for text in ("" if value is None else value, flag)]
        writer.writerow([at.astimezone(PARK_ZONE).isoformat(), *told])
    name = f"{look.outlet.code}-{look.kind.value}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(BOM + out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)

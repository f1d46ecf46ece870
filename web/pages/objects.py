"""Enterprises and outlets: facts, curves, dossier."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import RedirectResponse, Response

from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.clock import PARK_ZONE
from shared.contracts.detection import AnomalyOut
from shared.contracts.ingest import FactorOut, OutletOut, ReadingKind, Series
from shared.logging import get_logger
from web.acts import local_time
from web.charts import RANGES, Chart, Window, anomaly_bands
from web.frame import set_frame
from web.labels import name_of
from web.pages.commands import COMMANDERS
from web.pages.curves import MINUTE_WINDOW, read_series
from web.pages.dossier import WRITERS, enterprise_dossier, outlet_dossier
from web.pages.mark_forms import mark_link
from web.render import render
from web.session import SomeViewer, Viewer

log = get_logger(__name__)
router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
LIST = "pages/objects/enterprises.html"
ENTERPRISE = "pages/objects/enterprise.html"
OUTLET = "pages/objects/outlet.html"
DEFAULT_RANGE = "24h"
NOT_FOUND, MOVED = 404, 301


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
    return render(request, LIST, block="list", enterprises=found, colours=by_id, q=q, cursor=cursor,
                  may_write=viewer.has(*WRITERS))  # fmt: skip


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
                  dossier=dossier, may_write=viewer.has(*WRITERS))  # fmt: skip


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
    chart, anomalies, marking = None, [], ""
    if isinstance(seen, Seen):
        marking = mark_link(viewer, outlet_id, seen.window, [seen.factor], request.app.state.settings.clock.now())
        anomalies = await _anomalies(viewer, outlet_id, seen.window)
        chart = Chart(seen.series, seen.window, seen.factor_name, anomaly_bands(anomalies, seen.factor))
    return render(
        request, OUTLET, block="chart", outlet=outlet, enterprise=enterprise, devices=devices.items,
        seen=seen if isinstance(seen, Seen) else None, chart=chart, charts=[chart] if chart else [],
        dossier=dossier, factor_name=str, may_write=viewer.has(*WRITERS), marking=marking,
        own=viewer.has(Role.ENTERPRISE),
        anomalies=anomalies, may_command=viewer.has(*COMMANDERS), ranges=list(RANGES),
        kinds=[ReadingKind.MINUTE, ReadingKind.HOUR, ReadingKind.DAY],
    )  # fmt: skip


def _moved(outlet_id: UUID, page: str, choice: Choice) -> Response:
    """On to the data browser, which shows the same and more: factor, averaging and span stay."""
    asked = {"factor": choice.factor, "kind": choice.kind, "range": choice.range}
    if choice.until:
        asked |= _span(choice)
    query = urlencode({key: value for key, value in asked.items() if value})
    return RedirectResponse(f"/outlets/{outlet_id}/{page}?{query}", MOVED)


def _span(choice: Choice) -> dict[str, str]:
    try:
        until = datetime.fromisoformat(choice.until)
        until = until if until.tzinfo else until.replace(tzinfo=PARK_ZONE)
        since = until - RANGES.get(choice.range, RANGES[DEFAULT_RANGE])
        return {"range": "", "since": local_time(since), "until": local_time(until)}
    except (ValueError, OverflowError):  # no time, or one at the edge of the calendar: the span up to now
        return {}


@router.get("/outlets/{outlet_id}/table")
async def show_table(outlet_id: UUID, choice: Chosen) -> Response:
    """The former address of the table."""
    return _moved(outlet_id, "data/table", choice)


@router.get("/outlets/{outlet_id}/series.csv")
async def download_series(outlet_id: UUID, choice: Chosen) -> Response:
    """The former address of the CSV."""
    return _moved(outlet_id, "data.csv", choice)

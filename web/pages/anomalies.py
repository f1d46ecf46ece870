"""One anomaly: what was measured around it, why it is one, how grave, what people found, what is like it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.casework import CaseSummary
from shared.contracts.detection import AnomalyOut
from shared.contracts.detection.anomalies import WHOLE_OUTLET
from shared.contracts.ingest import OutletOut, ReadingKind, Series
from shared.logging import get_logger
from web.acts import local_time
from web.charts import RANGES, Chart, Window, anomaly_bands, chosen, mark_bands
from web.frame import set_frame
from web.i18n import gettext
from web.pages.curves import MINUTE_WINDOW, marks_in, read_series
from web.places import factor_names
from web.render import render
from web.session import BUREAU, STAFF, SUPERVISORS, RoleNeeded, SomeViewer, Viewer
from web.several import curve_among

log = get_logger(__name__)
router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
PAGE, SIMILAR = "pages/objects/anomaly.html", "pages/objects/similar.html"
MOST_CASES = 100
MOST_CHILDREN = 100
MOST_BANDS = 100
MOST_CURVES = 5
MOST_SIMILAR = 5
WIDEST = timedelta(days=32)
"""Beyond this the page shows the newest part; the data browser has the rest."""
Staff = Annotated[Viewer, Depends(RoleNeeded(*STAFF))]


def cases_of(anomaly: AnomalyOut, cases: list[CaseSummary]) -> list[CaseSummary]:
    """Cases of the same outlet whose span of time touches the anomaly's."""
    return [
        case
        for case in cases
        if case.outlet_id == anomaly.outlet_id
        and case.anomaly_started_at <= anomaly.last_at
        and case.anomaly_last_at >= anomaly.started_at
    ]


def _window(anomaly: AnomalyOut, range_: str, now: datetime) -> Window:
    window = chosen(range_ or None, anomaly.started_at, anomaly.last_at, now)
    return Window(max(window.since, window.until - WIDEST), window.until)


def curves_of(anomaly: AnomalyOut, outlet: OutletOut) -> list[str]:
    """Factors whose curves are shown: that of the anomaly, then others of the outlet, those with a limit first."""
    own = list(anomaly.factors) or [anomaly.factor]
    first = curve_among(anomaly.factors) or anomaly.factor
    limited = {limit.factor for limit in outlet.limits}
    others = sorted((item.factor for item in outlet.factors), key=lambda code: (code not in own, code not in limited))
    return list(dict.fromkeys([*([] if first == WHOLE_OUTLET else [first]), *others]))[:MOST_CURVES]


async def _charts(viewer: Viewer, anomaly: AnomalyOut, outlet: OutletOut, names: Mapping[str, str], window: Window,
                  now: datetime) -> list[Chart]:  # fmt: skip
    """Curves under one cursor; none where ingest does not answer."""
    ingest = viewer.backends.ingest
    kind = anomaly.kind
    if kind in {ReadingKind.MINUTE, ReadingKind.REALTIME} and window.until - window.since > MINUTE_WINDOW:
        kind = ReadingKind.HOUR
    try:
        series, marks, around = await asyncio.gather(
            asyncio.gather(
                *(read_series(ingest, outlet, code, kind, window) for code in curves_of(anomaly, outlet))
            ),
            marks_in(ingest, outlet.id, window.since, window.until), _around(viewer, anomaly, window),
        )  # fmt: skip
    except ServiceCallError as error:
        log.warning("no_chart", anomaly=anomaly.no, detail=error.message)
        return []
    return [
        Chart(one, window, names.get(one.factor, one.factor),
              [*anomaly_bands(around, one.factor), *mark_bands(marks, one.factor, now)])
        for one in _full(series)
    ]  # fmt: skip


def _full(series: Sequence[Series]) -> list[Series]:
    """The anomaly's own curve even where it is empty, of the others those with values."""
    return [one for place, one in enumerate(series) if place == 0 or any(value is not None for value in one.v)]


async def _around(viewer: Viewer, anomaly: AnomalyOut, window: Window) -> list[AnomalyOut]:
    page = await viewer.backends.detection.list_anomalies(
        outlet_id=anomaly.outlet_id, since=window.since, until=window.until, limit=MOST_BANDS
    )
    return [anomaly, *(one for one in page.items if one.id != anomaly.id)]


@router.get("/anomalies/{anomaly_id}")
async def show_anomaly(
    request: Request, viewer: SomeViewer, anomaly_id: UUID, range: Annotated[str, Query(max_length=5)] = ""  # noqa: A002 - the address says range
) -> Response:  # fmt: skip
    """One anomaly with curves, basis, grade, verdict, recurrences and history."""
    backends = viewer.backends
    anomaly, context = await asyncio.gather(
        backends.detection.get_anomaly(anomaly_id), backends.detection.get_context(anomaly_id)
    )
    enterprise, outlet, factors, cases = await asyncio.gather(
        backends.ingest.get_enterprise(anomaly.enterprise_id),
        backends.ingest.get_outlet(anomaly.outlet_id),
        backends.ingest.list_factors(),
        backends.casework.list_cases(enterprise_id=anomaly.enterprise_id, sort="newest", limit=MOST_CASES),
    )
    names = factor_names(factors)
    now = request.app.state.settings.clock.now()
    window = _window(anomaly, range, now)
    several = gettext("%(n)s factors") % {"n": len(anomaly.factors)} if anomaly.factors else ""
    charts, children = await asyncio.gather(
        _charts(viewer, anomaly, outlet, names, window, now), _children(viewer, anomaly)
    )
    return render(
        request, PAGE, anomaly=anomaly, enterprise=enterprise, outlet=outlet, context=context,
        factor_name=several or names.get(anomaly.factor, anomaly.factor), names=names,
        charts=charts, cases=cases_of(anomaly, cases.items), children=children,
        parent=await backends.detection.get_anomaly(anomaly.parent_id) if anomaly.parent_id else None,
        verdicts={one.anomaly_id: one for one in context.verdicts}, ranges=list(RANGES), range=range,
        since=local_time(window.since), until=local_time(window.until), own=viewer.has(Role.ENTERPRISE),
        staff=viewer.has(*STAFF), may_suppress=viewer.has(*SUPERVISORS, *BUREAU),
        hazardous=any(one.code == anomaly.factor and one.hazardous for one in factors),
    )  # fmt: skip


@router.get("/anomalies/{anomaly_id}/similar")
async def show_similar(request: Request, viewer: Staff, anomaly_id: UUID) -> Response:
    """Episodes most like it, here or elsewhere; fetched when the page is there, since readings are compared for it."""
    found, factors = await asyncio.gather(
        viewer.backends.detection.find_similar(anomaly_id, limit=MOST_SIMILAR), viewer.backends.ingest.list_factors()
    )
    names = factor_names(factors)
    return render(request, SIMILAR, block="similar", found=found, names=names, anomaly=found.anomaly)


async def _children(viewer: Viewer, anomaly: AnomalyOut) -> list[AnomalyOut]:
    """The anomalies that a parent stands for, by factor."""
    if not anomaly.factors:
        return []
    page = await viewer.backends.detection.list_anomalies(parent_id=anomaly.id, limit=MOST_CHILDREN)
    return sorted(page.items, key=lambda one: (one.factor, one.started_at))

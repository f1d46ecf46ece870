"""One anomaly: what was measured, why it is one, and the cases it belongs to. Points of a grade lead here."""

import asyncio
from collections.abc import Mapping
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from shared.clients.base import ServiceCallError
from shared.contracts.casework import CaseSummary
from shared.contracts.detection import AnomalyOut
from shared.logging import get_logger
from web.charts import Chart, anomaly_bands, around
from web.frame import set_frame
from web.i18n import gettext
from web.labels import name_of
from web.pages.curves import read_series
from web.render import render
from web.session import SomeViewer, Viewer
from web.several import curve_among

log = get_logger(__name__)
router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
PAGE = "pages/objects/anomaly.html"
MOST_CASES = 100
MOST_CHILDREN = 200


def cases_of(anomaly: AnomalyOut, cases: list[CaseSummary]) -> list[CaseSummary]:
    """Cases of the same outlet whose span of time touches the anomaly's."""
    return [
        case
        for case in cases
        if case.outlet_id == anomaly.outlet_id
        and case.anomaly_started_at <= anomaly.last_at
        and case.anomaly_last_at >= anomaly.started_at
    ]


async def _chart(viewer: Viewer, anomaly: AnomalyOut, names: Mapping[str, str], request: Request) -> Chart | None:
    ingest, factor = viewer.backends.ingest, curve_among(anomaly.factors) or anomaly.factor
    window = around(anomaly.started_at, anomaly.last_at, request.app.state.settings.clock.now())
    try:
        outlet = await ingest.get_outlet(anomaly.outlet_id)
        series = await read_series(ingest, outlet, factor, anomaly.kind, window)
    except ServiceCallError as error:
        log.warning("no_chart", anomaly=anomaly.no, detail=error.message)
        return None
    return Chart(series, window, names.get(factor, factor), anomaly_bands([anomaly], anomaly.factor))


@router.get("/anomalies/{anomaly_id}")
async def show_anomaly(request: Request, viewer: SomeViewer, anomaly_id: UUID) -> Response:
    """One anomaly with its curve."""
    backends = viewer.backends
    anomaly = await backends.detection.get_anomaly(anomaly_id)
    enterprise, outlet, factors, cases = await asyncio.gather(
        backends.ingest.get_enterprise(anomaly.enterprise_id),
        backends.ingest.get_outlet(anomaly.outlet_id),
        backends.ingest.list_factors(),
        backends.casework.list_cases(enterprise_id=anomaly.enterprise_id, sort="newest", limit=MOST_CASES),
    )
    names = {factor.code: name_of(factor) for factor in factors}
    several = gettext("%(n)s factors") % {"n": len(anomaly.factors)} if anomaly.factors else ""
    chart = await _chart(viewer, anomaly, names, request)
    return render(
        request, PAGE, anomaly=anomaly, enterprise=enterprise, outlet=outlet,
        factor_name=several or names.get(anomaly.factor, anomaly.factor), names=names,
        charts=[chart] if chart else [], cases=cases_of(anomaly, cases.items),
        children=await _children(viewer, anomaly),
        parent=await backends.detection.get_anomaly(anomaly.parent_id) if anomaly.parent_id else None,
    )  # fmt: skip


async def _children(viewer: Viewer, anomaly: AnomalyOut) -> list[AnomalyOut]:
    """The anomalies that a parent stands for, by factor."""
    if not anomaly.factors:
        return []
    page = await viewer.backends.detection.list_anomalies(parent_id=anomaly.id, limit=MOST_CHILDREN)
    return sorted(page.items, key=lambda one: (one.factor, one.started_at))

"""Fetching the data of charts from ingest."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from shared.clients.base import ServiceCallError
from shared.clients.ingest import IngestClient
from shared.contracts.casework import CaseDetail, CaseSummary
from shared.contracts.detection.anomalies import WHOLE_OUTLET
from shared.contracts.ingest import OutletOut, ReadingKind, Series
from shared.contracts.ingest.marks import MarkOut
from shared.contracts.ingest.readings import SparkAsk
from shared.logging import get_logger
from web.charts import Chart, Window, anomaly_bands, around, case_bands, chosen, mark_bands
from web.i18n import gettext
from web.labels import name_of
from web.several import codes_of, curve_of, names_for

log = get_logger(__name__)
MOST_POINTS = 4000
MOST_MARKS = 200
SPARK_POINTS = 120
SPARK_WINDOW = timedelta(days=1)
SPARK_WINDOW_HOURS = timedelta(days=3)
SPARK_MOST = timedelta(days=95)
"""A small curve shows so much at most: the newest part of a long episode."""
MINUTE_WINDOW = timedelta(days=8)
"""Beyond this an hour curve says the same with a sixtieth of the points."""
HOUR_RULES = frozenset({"EX-H", "EX-D"})
FLOW_FACTORS = ("w00000", "a00000")


async def read_series(
    ingest: IngestClient, outlet: OutletOut, factor: str, kind: ReadingKind, window: Window
) -> Series:
    """A chart's series of a registered outlet."""
    return await ingest.get_series(
        outlet.id, factor, kind=kind, since=window.since, until=window.until, max_points=MOST_POINTS
    )


def _spark_ask(case: CaseSummary, now: datetime) -> SparkAsk:
    by_hour = case.rule in HOUR_RULES
    started, last = case.anomaly_started_at, case.anomaly_last_at
    window = around(started, last, now, least=SPARK_WINDOW_HOURS if by_hour else SPARK_WINDOW)
    window = Window(max(window.since, window.until - SPARK_MOST), window.until)
    kinds = [ReadingKind.HOUR, ReadingKind.MINUTE]
    if not by_hour and window.until - window.since < MINUTE_WINDOW:
        kinds.reverse()
    return SparkAsk(
        outlet_id=case.outlet_id, factor=curve_of(case), kinds=kinds, since=window.since, until=window.until
    )  # fmt: skip


async def sparks(ingest: IngestClient, cases: Sequence[CaseSummary], now: datetime) -> dict[str, Chart | None]:
    """Small curves of the queue's rows by case number, in one call; None where ingest does not answer."""
    drawn = [case for case in cases if case.factor != WHOLE_OUTLET]
    asks = [_spark_ask(case, now) for case in drawn]
    if not asks:
        return dict.fromkeys(case.no for case in cases)
    try:
        found = await ingest.get_sparks(asks, max_points=SPARK_POINTS)
    except ServiceCallError as error:
        log.warning("no_sparks", detail=error.message)
        return dict.fromkeys(case.no for case in cases)
    return dict.fromkeys(case.no for case in cases) | {
        case.no: None
        if series is None
        else Chart(series, Window(ask.since, ask.until), name_of(case, "factor_name"), case_bands(case))
        for case, ask, series in zip(drawn, asks, found, strict=True)
    }


async def marks_in(ingest: IngestClient, outlet_id: UUID, since: datetime, until: datetime) -> list[MarkOut]:
    """Marks of an outlet with a moment in a span; none where ingest does not answer."""
    try:
        return (await ingest.list_marks(outlet_id=outlet_id, since=since, until=until, limit=MOST_MARKS)).items
    except ServiceCallError as error:
        log.warning("no_marks", outlet=str(outlet_id), detail=error.message)
        return []


async def covering(ingest: IngestClient, case: CaseDetail) -> list[MarkOut]:
    """Marks that speak of the factor of a case in the time of its episode, with their effect or without."""
    marks = await marks_in(ingest, case.outlet_id, case.anomaly_started_at, case.anomaly_last_at)
    factors = {case.factor, *codes_of(case)}
    return [mark for mark in marks if not mark.factors or not factors.isdisjoint(mark.factors)]


def _kinds(case: CaseDetail, window: Window) -> list[ReadingKind]:
    shown = next((item.kind for item in case.anomaly_list if item.factor == curve_of(case)), ReadingKind.HOUR)
    if window.until - window.since > MINUTE_WINDOW and shown in {ReadingKind.MINUTE, ReadingKind.REALTIME}:
        shown = ReadingKind.HOUR
    return [shown, *(kind for kind in (ReadingKind.MINUTE, ReadingKind.HOUR) if kind is not shown)]


async def case_charts(
    ingest: IngestClient, case: CaseDetail, now: datetime, *, chosen_range: str | None = None, with_flow: bool = False
) -> list[Chart]:
    """The curve of a case's factor, and of the flow below it.

    None where ingest does not answer, or where the outlet as a whole is meant.
    """
    if case.factor == WHOLE_OUTLET:
        return []
    window = chosen(chosen_range, case.anomaly_started_at, case.anomaly_last_at, now)
    factor = curve_of(case)
    bands = anomaly_bands(case.anomaly_list, factor)
    marks = await marks_in(ingest, case.outlet_id, window.since, window.until)
    bands += mark_bands(marks, factor, window.until)
    charts: list[Chart] = []
    try:
        for kind in _kinds(case, window):
            series = await ingest.get_series(
                case.outlet_id, factor, kind=kind, since=window.since, until=window.until, max_points=MOST_POINTS
            )
            charts = [Chart(series, window, await _name(ingest, case, factor), bands)]
            if not charts[0].empty:
                break
        if with_flow and charts:
            charts += await _flow(ingest, case, charts[0])
    except ServiceCallError as error:
        log.warning("no_chart", case=case.no, detail=error.message)
    return charts


async def _name(ingest: IngestClient, case: CaseDetail, factor: str) -> str:
    if factor == case.factor:
        return name_of(case, "factor_name")
    return (await names_for(ingest, case.anomaly_list)).get(factor, factor)


async def _flow(ingest: IngestClient, case: CaseDetail, first: Chart) -> list[Chart]:
    outlet = await ingest.get_outlet(case.outlet_id)
    factor = next((f.factor for f in outlet.factors if f.factor in FLOW_FACTORS and f.factor != curve_of(case)), None)
    if factor is None:
        return []
    series = await read_series(ingest, outlet, factor, first.series.kind, first.window)
    chart = Chart(series, first.window, gettext("Flow"), anomaly_bands(case.anomaly_list, curve_of(case)))
    return [] if chart.empty else [chart]

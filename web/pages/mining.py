"""The mining bench 异常数据挖掘: choose an outlet or a trade, a factor and a span; one page a report, and its CSV."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.clients.detection import DetectionClient
from shared.contracts.detection.mining import MiningAsk, MiningTrade
from shared.contracts.ingest import OutletOut
from shared.errors import NotFoundError
from web import mining_sheets
from web.frame import set_frame
from web.i18n import gettext
from web.labels import TABLES, label, name_of, trade
from web.mining_charts import box, digit_bars, digit_spark, limit_bars, limit_spark, overlay, range_of, shape
from web.mining_view import KINDS, Pick, PickError, as_csv, firm_name, noisy_reasons, outlet_name, reason_text, scaled
from web.mining_words import BESIDES, REPORTS
from web.pages.public import BOM
from web.render import render
from web.session import BUREAU, SUPERVISORS, RoleNeeded, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
HOME = "pages/mining/home.html"
SIMILAR = "pages/mining/similar.html"
LATEST = 8
SHOWN = frozenset({404, 413, 422, 503})
"""Refusals that the page itself explains."""
Miner = Annotated[Viewer, Depends(RoleNeeded(*SUPERVISORS, *BUREAU, Role.ADMIN, Role.AUDITOR))]
Picked = Annotated[Pick, Depends()]


class Kind(NamedTuple):
    """One report: who makes it, and how it becomes a sheet."""

    call: Callable[[DetectionClient, MiningAsk], Awaitable[Any]]
    sheet: Callable[[Any], Iterator[list[object]]]


CALLS: dict[str, Kind] = {
    "digits": Kind(lambda client, ask: client.report_digits(ask), mining_sheets.digits),
    "bunching": Kind(lambda client, ask: client.report_bunching(ask), mining_sheets.bunching),
    "repeats": Kind(lambda client, ask: client.report_repeats(ask), mining_sheets.repeats),
    "twins": Kind(lambda client, ask: client.report_twins(ask), mining_sheets.twins),
    "peers": Kind(lambda client, ask: client.report_peers(ask), mining_sheets.peers),
}
CHARTS: dict[str, Any] = {
    "digit_bars": digit_bars, "digit_spark": digit_spark, "limit_bars": limit_bars, "limit_spark": limit_spark,
    "overlay": overlay, "shape": shape, "box": box, "range_of": range_of,
    "scaled": scaled, "noisy_reasons": noisy_reasons, "outlet_name": outlet_name,
    "firm_name": firm_name, "reason_text": reason_text,
}  # fmt: skip


@dataclass(frozen=True)
class Choices:
    """What may be chosen, by names."""

    trades: list[MiningTrade]
    by_firm: dict[UUID, list[OutletOut]]
    firms: dict[UUID, Any]
    names: dict[str, Any]
    factors: list[str]

    def first(self) -> str:
        """A place to begin with: the trade with most outlets."""
        known = [one for one in self.trades if one.trade]
        return f"trade:{max(known, key=lambda one: one.outlets).trade}" if known else ""

    def factor_of(self, place: str) -> str:
        """The factor to begin with: one with a limit if there is any, the one most outlets of the place monitor."""
        kind, _, named = place.partition(":")
        items = [item for items in self.by_firm.values() for item in items]
        limited = {limit.factor for item in items for limit in item.limits}
        counts = next((one.factors for one in self.trades if kind == "trade" and one.trade == named), {})
        for item in items:
            if str(item.id) == named:
                counts = {one.factor: 1 for one in item.factors}
        return max(
            sorted(counts), key=lambda code: (code in limited, counts[code]), default=next(iter(self.factors), "")
        )


async def _choices(viewer: Viewer) -> Choices:
    backends = viewer.backends
    trades, firms, outlets, factors = await asyncio.gather(
        backends.detection.list_mining_trades(), backends.ingest.list_enterprises(limit=1000),
        backends.ingest.list_outlets(limit=1000), backends.ingest.list_factors(),
    )  # fmt: skip
    owners = {item.id: item for item in firms.items}
    by_firm: dict[UUID, list[OutletOut]] = {}
    for item in outlets.items:
        if item.active and item.enterprise_id in owners:
            by_firm.setdefault(item.enterprise_id, []).append(item)
    codes = sorted({one.factor for items in by_firm.values() for item in items for one in item.factors})
    names = {item.code: item for item in factors}
    return Choices(trades, by_firm, owners, names, codes)


async def _picked(request: Request, viewer: Viewer, pick: Pick) -> tuple[Pick, Choices]:
    choices = await _choices(viewer)
    place = pick.place or choices.first()
    now = request.app.state.settings.clock.now()
    return pick.filled(now, place, choices.factor_of(place)), choices


@router.get("/mining")
async def show_bench(request: Request, viewer: Miner, pick: Picked) -> Response:
    """The start of the bench: the form, what each report asks, and the latest anomalies to find similar ones of."""
    (picked, choices), latest = await asyncio.gather(
        _picked(request, viewer, pick), viewer.backends.detection.list_anomalies(limit=LATEST)
    )
    places = {item.id: item for items in choices.by_firm.values() for item in items}
    return render(
        request, HOME, pick=picked, choices=choices, reports=REPORTS, latest=latest.items, places=places,
        kinds=KINDS, besides=BESIDES, report="", errors={},
    )  # fmt: skip


@router.get("/mining/similar")
async def show_similar(
    request: Request, viewer: Miner, anomaly: UUID,
    trade_only: Annotated[str, Query(max_length=5)] = "",
) -> Response:  # fmt: skip
    """Episodes most like an anomaly."""
    only = trade_only == "1"
    factors = await viewer.backends.ingest.list_factors()
    report, problem = None, ""
    try:
        report = await viewer.backends.detection.find_similar(anomaly, trade_only=only)
    except ServiceCallError as error:
        if error.status not in SHOWN - {404}:
            raise
        problem = _problem(error)
    return render(
        request, SIMILAR, status=503 if problem else 200, found=report, problem=problem, only=only, anomaly_id=anomaly,
        names={item.code: item for item in factors}, **CHARTS,
    )  # fmt: skip


@router.get("/mining/similar.csv")
async def download_similar(
    viewer: Miner, anomaly: UUID, trade_only: Annotated[str, Query(max_length=5)] = ""
) -> Response:
    """The same as CSV."""
    report = await viewer.backends.detection.find_similar(anomaly, trade_only=trade_only == "1", limit=50)
    return _file(as_csv(mining_sheets.similar(report)), f"similar-{report.anomaly.no}")


@router.get("/mining/{report}.csv")
async def download_report(request: Request, viewer: Miner, report: str, pick: Picked) -> Response:
    """A report as CSV."""
    kind = _kind(report)
    picked, _ = await _picked(request, viewer, pick)
    try:
        ask = picked.ask()
    except PickError:
        return await _page(request, viewer, report, pick)
    found = await kind.call(viewer.backends.detection, ask)
    return _file(as_csv(kind.sheet(found)), f"{report}-{ask.factor}-{picked.since}-{picked.until}")


@router.get("/mining/{report}")
async def show_report(request: Request, viewer: Miner, report: str, pick: Picked) -> Response:
    """One report."""
    _kind(report)
    return await _page(request, viewer, report, pick)


async def _page(request: Request, viewer: Viewer, report: str, pick: Pick) -> Response:
    picked, choices = await _picked(request, viewer, pick)
    found, status, said = None, 200, ""
    try:
        found = await CALLS[report].call(viewer.backends.detection, picked.ask())
    except PickError as error:
        status, said = 422, label(error.code, "mining_problem")
    except ServiceCallError as error:
        if error.status not in SHOWN:
            raise
        status, said = error.status, _problem(error)
    return render(
        request, f"pages/mining/{report}.html", status=status, found=found, problem=said, pick=picked, choices=choices,
        report=report, reports=REPORTS, kinds=KINDS, besides=BESIDES, unit=found.unit if found else "",
        scope=_scope(choices, picked), **CHARTS,
    )  # fmt: skip


def _scope(choices: Choices, pick: Pick) -> str:
    kind, _, named = pick.place.partition(":")
    if kind == "park":
        return gettext("Whole park")
    if kind == "trade":
        return trade(named)
    outlets = [item for items in choices.by_firm.values() for item in items if str(item.id) == named]
    return f"{outlets[0].code} {name_of(outlets[0])}" if outlets else ""


def _problem(error: ServiceCallError) -> str:
    """Why the service made no report, in the reader's language; its own words where the reason is new."""
    listed = error.context.get("errors")
    codes = [str(item.get("code")) for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    known = [code for code in (*codes, error.code) if code in TABLES["mining_problem"]]
    return label(known[0], "mining_problem") if known else error.message


def _kind(report: str) -> Kind:
    if report not in CALLS:
        raise NotFoundError("no such report")
    return CALLS[report]


def _file(text: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"}
    return Response(BOM + text, media_type="text/csv; charset=utf-8", headers=headers)

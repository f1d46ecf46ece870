"""Marks 标记: the month of an outlet, what waits for somebody, one mark, and what may be done with it."""

import asyncio
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import Response

from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest import OutletOut, ReadingKind
from shared.contracts.ingest.marks import MarkAct, MarkEvent, MarkOut, MarkState
from web.acts import FormError, parse_local_time, parse_version
from web.charts import Chart, Window, mark_bands
from web.frame import set_frame
from web.htmx import redirect
from web.i18n import gettext
from web.labels import name_of
from web.mark_calendar import month_from, month_of
from web.pages.curves import read_series
from web.pages.mark_forms import hand_in_files, said
from web.pages.uploads import form_files
from web.refusals import RETRY_STATUS
from web.render import render
from web.session import SomeViewer, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
LIST = "pages/marks/list.html"
REVIEW = "pages/marks/review.html"
PAGE = "pages/marks/detail.html"
TO_DO = (MarkState.PROPOSED, MarkState.QUERIED)
TO_REVIEW = (MarkState.PENDING,)
OPEN = (MarkState.PROPOSED, MarkState.PENDING, MarkState.QUERIED)
MOST = 500
PAD = timedelta(hours=6)
TAKEN = RETRY_STATUS | {413, 415}


async def outlets_of(viewer: Viewer, mark_outlet: UUID | None = None) -> list[OutletOut]:
    """Outlets a person chooses among: of the own enterprise, or of the enterprise of a chosen outlet."""
    ingest = viewer.backends.ingest
    if viewer.has(Role.ENTERPRISE) or mark_outlet is None:
        return (await ingest.list_outlets(limit=1000)).items
    chosen = await ingest.get_outlet(mark_outlet)
    return (await ingest.list_outlets(enterprise_id=chosen.enterprise_id, limit=1000)).items


@router.get("/marks")
async def list_marks(
    request: Request, viewer: SomeViewer,
    outlet: Annotated[str, Query(max_length=40)] = "", month: Annotated[str, Query(max_length=7)] = "",
) -> Response:  # fmt: skip
    """The month of an outlet with its marks; for staff without an outlet the review queue."""
    chosen = UUID(outlet) if _is_id(outlet) else None
    if chosen is None and not viewer.has(Role.ENTERPRISE):
        return await _queue(request, viewer)
    ingest, now = viewer.backends.ingest, request.app.state.settings.clock.now()
    outlets = await outlets_of(viewer, chosen)
    shown = next((item for item in outlets if item.id == chosen), outlets[0] if outlets else None)
    first = month_from(month, now)
    span = month_of(first, (), now)
    if shown is None:
        return render(request, LIST, outlets=[], outlet=None, month=span, items=[], waiting=[], budgets=[], own=True)
    found, waiting, budgets = await asyncio.gather(
        ingest.list_marks(outlet_id=shown.id, since=span.since, until=span.until, limit=MOST),
        ingest.list_marks(enterprise_id=shown.enterprise_id, state=OPEN, limit=MOST),
        ingest.mark_budgets(shown.id, first.year),
    )
    return render(
        request, LIST, outlets=outlets, outlet=shown, month=month_of(first, found.items, now), items=found.items,
        waiting=[mark for mark in waiting.items if waits(mark)], budgets=budgets, own=viewer.has(Role.ENTERPRISE),
    )  # fmt: skip


async def _queue(request: Request, viewer: Viewer) -> Response:
    view = request.query_params.get("view", "review")
    states = {"review": TO_REVIEW, "asked": TO_DO, "all": ()}.get(view, TO_REVIEW)
    ingest = viewer.backends.ingest
    cursor = request.query_params.get("cursor", "")[:500] or None
    found, enterprises = await asyncio.gather(
        ingest.list_marks(state=states, cursor=cursor, limit=50), ingest.list_enterprises(limit=1000)
    )
    names = {item.id: item for item in enterprises.items}
    outlets = await asyncio.gather(*(ingest.get_outlet(one) for one in {mark.outlet_id for mark in found.items}))
    return render(
        request, REVIEW, block="list", found=found, view=view, enterprises=names,
        outlets={item.id: item for item in outlets}, cursor=cursor,
    )  # fmt: skip


def waits(mark: MarkOut) -> bool:
    """Whether the enterprise has something to do: confirm, answer, or prove."""
    return mark.state in TO_DO or (mark.evidence_due_at is not None and not mark.evidence)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


@router.get("/marks/{mark_id}")
async def show_mark(request: Request, viewer: SomeViewer, mark_id: UUID) -> Response:
    """One mark."""
    return await _show(request, viewer, await viewer.backends.ingest.get_mark(mark_id))


async def _show(request: Request, viewer: Viewer, mark: MarkOut, status: int = 200, **typed: Any) -> Response:
    ingest, now = viewer.backends.ingest, request.app.state.settings.clock.now()
    outlet, enterprise, versions, codes, factors = await asyncio.gather(
        ingest.get_outlet(mark.outlet_id), ingest.get_enterprise(mark.enterprise_id),
        ingest.list_mark_versions(mark.id), ingest.list_mark_codes(), ingest.list_factors(),
    )  # fmt: skip
    names = {item.code: name_of(item) for item in factors}
    fields = {"event": "", "reason": "", "until": "", "errors": {}, **typed}
    return render(
        request, PAGE, status=status, mark=mark, outlet=outlet, enterprise=enterprise, versions=versions,
        codes={item.code: item for item in codes}, names=names, own=viewer.has(Role.ENTERPRISE),
        charts=await _charts(viewer, mark, outlet, names, now), **fields,
    )  # fmt: skip


async def _charts(viewer: Viewer, mark: MarkOut, outlet: OutletOut, names: dict[str, str], now: Any) -> list[Chart]:
    """The readings around the mark: the flow where there is one, and the first factor it speaks of."""
    end = min(mark.until or now, mark.since + timedelta(days=14))
    window = Window(mark.since - PAD, min(end + PAD, now))
    own = [item.factor for item in outlet.factors]
    flow = [code for code in ("w00000", "a00000") if code in own]
    factors = list(dict.fromkeys([*(mark.factors or own)[:1], *flow]))
    kind = ReadingKind.MINUTE if window.until - window.since < timedelta(days=2) else ReadingKind.HOUR
    charts = []
    try:
        for factor in factors:
            series = await read_series(viewer.backends.ingest, outlet, factor, kind, window)
            if all(value is None for value in series.v) and kind is ReadingKind.MINUTE:
                series = await read_series(viewer.backends.ingest, outlet, factor, ReadingKind.HOUR, window)
            charts.append(Chart(series, window, names.get(factor, factor), mark_bands([mark], factor, window.until)))
    except ServiceCallError:
        return []
    return charts


@router.post("/marks/{mark_id}/events")
async def act_on_mark(  # noqa: PLR0913, PLR0917 - the fields of the form
    request: Request, viewer: SomeViewer, mark_id: UUID,
    event: Annotated[str, Form(max_length=20)] = "", version: Annotated[str, Form(max_length=10)] = "",
    reason: Annotated[str, Form(max_length=2000)] = "", until: Annotated[str, Form(max_length=30)] = "",
    since: Annotated[str, Form(max_length=30)] = "", code: Annotated[str, Form(max_length=40)] = "",
    untrue: Annotated[str, Form(max_length=5)] = "",
) -> Response:  # fmt: skip
    """Do the chosen thing; files go first."""
    ingest = viewer.backends.ingest
    typed = {"event": event, "reason": reason, "until": until}
    try:
        known = parse_version(version)
        act = _parse(event, reason, {"since": since, "until": until, "code": code}, untrue=bool(untrue))
        files = form_files(await request.form())
        if files:
            known = (await hand_in_files(viewer, mark_id, files)).version
        await ingest.act_on_mark(mark_id, act, known)
    except FormError as error:
        return await _show(request, viewer, await ingest.get_mark(mark_id), 422, errors=error.errors, **typed)
    except ServiceCallError as error:
        if error.status not in TAKEN:
            raise
        mark = await ingest.get_mark(mark_id)
        return await _show(request, viewer, mark, error.status, errors={"event": said(error)}, **typed)
    return redirect(request, f"/marks/{mark_id}")


def _parse(event: str, reason: str, given: dict[str, str], *, untrue: bool) -> MarkAct:
    if event not in set(MarkEvent):
        raise FormError({"event": gettext("Choose what is to be done.")})
    times = {}
    for name in ("since", "until"):
        if given[name]:
            try:
                times[name] = parse_local_time(given[name])
            except ValueError:
                raise FormError({"event": gettext("Give date and time.")}) from None
    return MarkAct(event=MarkEvent(event), reason=reason.strip(), code=given["code"] or None, untrue=untrue, **times)


@router.post("/marks/{mark_id}/evidence")
async def add_evidence(request: Request, viewer: SomeViewer, mark_id: UUID) -> Response:
    """Files that prove a mark, from a computer or a phone's camera."""
    try:
        async with request.form() as form:
            await hand_in_files(viewer, mark_id, form_files(form))
    except FormError as error:
        mark = await viewer.backends.ingest.get_mark(mark_id)
        return await _show(request, viewer, mark, 422, errors=error.errors)
    except ServiceCallError as error:
        if error.status not in TAKEN:
            raise
        mark = await viewer.backends.ingest.get_mark(mark_id)
        return await _show(request, viewer, mark, error.status, errors={"files": said(error)})
    return redirect(request, f"/marks/{mark_id}")


@router.get("/marks/files/{evidence_id}")
async def read_file(viewer: SomeViewer, evidence_id: UUID) -> Response:
    """A file, to save."""
    answer = await viewer.backends.ingest.read_mark_evidence(evidence_id)
    kept = ("content-type", "content-disposition", "content-security-policy", "x-content-type-options", "etag")
    headers = {name: answer.headers[name] for name in kept if name in answer.headers}
    return Response(answer.content, headers={**headers, "Cache-Control": "private, no-store"})

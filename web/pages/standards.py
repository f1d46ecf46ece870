"""Discharge standards: what they say, whether it was verified, and how a class becomes an outlet's limits."""

import asyncio
from datetime import date, datetime, time
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import Response

from shared.clients.base import ServiceCallError
from shared.clock import PARK_ZONE
from shared.contracts.ingest import Medium
from shared.contracts.ingest.standards import StandardUse, UseOut
from web.frame import set_frame
from web.htmx import redirect
from web.i18n import gettext
from web.pages.dossier import WRITERS, factor_names
from web.render import render
from web.session import SomeViewer, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
LIST = "pages/standards/list.html"
USE = "pages/standards/use.html"
INVALID = 422


@router.get("/standards")
async def list_standards(
    request: Request, viewer: SomeViewer, medium: Annotated[str, Query(max_length=10)] = ""
) -> Response:
    """All standards, and what counts as an exceedance."""
    ingest = viewer.backends.ingest
    chosen = Medium(medium) if medium in set(Medium) else None
    standards, rules, names = await asyncio.gather(
        ingest.list_standards(medium=chosen), ingest.list_exceedance_rules(), factor_names(viewer)
    )
    return render(request, LIST, standards=standards, rules=rules, names=names, medium=medium, media=list(Medium))


async def _page(request: Request, viewer: Viewer, outlet_id: UUID, chosen: str, since: str, **more: Any) -> Response:
    ingest = viewer.backends.ingest
    outlet, names = await asyncio.gather(ingest.get_outlet(outlet_id), factor_names(viewer))
    options = [
        (f"{item.id}/{one.id}", f"{item.number} {one.name_zh}")
        for item in await ingest.list_standards(medium=outlet.medium)
        for one in item.classes
    ]
    context: dict[str, Any] = {"use": None, "errors": {}, "status": 200, **more}
    return render(
        request, USE, outlet=outlet, names=names, options=options, chosen=chosen, since=since,
        may_write=viewer.has(*WRITERS), **context,
    )  # fmt: skip


def _use(chosen: str, since: str, accept: list[str], *, preview: bool) -> StandardUse:
    standard, _, class_id = chosen.partition("/")
    at = datetime.combine(date.fromisoformat(since), time(), PARK_ZONE)
    return StandardUse(standard=standard, class_id=class_id, valid_from=at, accept=accept, preview=preview)


async def _try(
    viewer: Viewer, outlet_id: UUID, chosen: str, since: str, accept: list[str], *, preview: bool
) -> tuple[UseOut | None, dict[str, str]]:
    try:
        use = _use(chosen, since, accept, preview=preview)
    except ValueError:
        return None, {"since": gettext("Give a date.")}
    try:
        return await viewer.backends.ingest.use_standard(outlet_id, use), {}
    except ServiceCallError as error:
        if error.status != INVALID:
            raise
        return None, {"since" if error.context.get("field") == "valid_from" else "class": error.message}


@router.get("/outlets/{outlet_id}/standard")
async def preview_standard(
    request: Request, viewer: SomeViewer, outlet_id: UUID,
    chosen: Annotated[str, Query(alias="class", max_length=80)] = "", since: Annotated[str, Query(max_length=10)] = "",
) -> Response:  # fmt: skip
    """Choose a class and see what it would set."""
    since = since or request.app.state.settings.clock.now().astimezone(PARK_ZONE).date().isoformat()
    if not chosen:
        return await _page(request, viewer, outlet_id, chosen, since)
    use, errors = await _try(viewer, outlet_id, chosen, since, [], preview=True)
    return await _page(request, viewer, outlet_id, chosen, since, use=use, errors=errors)


@router.post("/outlets/{outlet_id}/standard")
async def apply_standard(
    request: Request, viewer: SomeViewer, outlet_id: UUID,
    chosen: Annotated[str, Form(alias="class", max_length=80)], since: Annotated[str, Form(max_length=10)],
    accept: Annotated[list[str] | None, Form(max_length=100)] = None,
) -> Response:  # fmt: skip
    """Set the limits that the preview showed."""
    use, errors = await _try(viewer, outlet_id, chosen, since, accept or [], preview=False)
    if use is None:
        return await _page(request, viewer, outlet_id, chosen, since, errors=errors, status=INVALID)
    return redirect(request, f"/outlets/{outlet_id}")

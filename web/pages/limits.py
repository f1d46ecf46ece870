"""The form of a limit 限值: set one from a date on, by hand."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from shared.clients.base import ServiceCallError
from shared.contracts.ingest import OutletOut
from web.acts import FormError
from web.frame import set_frame
from web.htmx import redirect
from web.pages.dossier import factor_names
from web.pages.registry import WriterViewer
from web.refusals import check_invalid
from web.registry_forms import LIMIT_KINDS, LimitStart, Typed, filled, limit_refusal, read_limit, typed_in
from web.render import render
from web.session import SomeViewer, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
LIMIT = "pages/registry/limit.html"
INVALID = 422
Code = Annotated[str, Query(max_length=40)]


async def _limit_form(
    request: Request, viewer: Viewer, outlet: OutletOut, typed: Typed, errors: Mapping[str, str] | None = None
) -> Response:
    names = await factor_names(viewer)
    factors = [(item.factor, f"{names.get(item.factor, item.factor)} {item.unit}".strip()) for item in outlet.factors]
    return render(
        request, LIMIT, status=INVALID if errors else 200, outlet=outlet, typed=filled(typed), errors=errors or {},
        factors=factors, kinds=LIMIT_KINDS,
    )  # fmt: skip


@router.get("/outlets/{outlet_id}/limits/new")
async def new_limit(
    request: Request, viewer: WriterViewer, outlet_id: UUID, factor: Code = "", averaging: Code = ""
) -> Response:
    """The form of a limit, filled with the one in force."""
    outlet = await viewer.backends.ingest.get_outlet(outlet_id)
    now = request.app.state.settings.clock.now()
    return await _limit_form(request, viewer, outlet, LimitStart(factor, averaging).typed(outlet, now))


@router.post("/outlets/{outlet_id}/limits/new")
async def set_limit(request: Request, viewer: SomeViewer, outlet_id: UUID) -> Response:
    """Set a limit from a date on; the one before it ends there."""
    outlet = await viewer.backends.ingest.get_outlet(outlet_id)
    typed = typed_in(await request.form())
    try:
        await viewer.backends.ingest.add_limit(read_limit(typed, outlet))
    except FormError as error:
        errors = error.errors
    except ServiceCallError as error:
        check_invalid(error)
        errors = limit_refusal(error)
    else:
        return redirect(request, f"/outlets/{outlet_id}#limits")
    return await _limit_form(request, viewer, outlet, typed, errors)

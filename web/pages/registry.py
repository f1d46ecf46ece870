"""Forms of the registry 一企一档: register and change enterprises, and outlets with their factors."""

from collections.abc import Awaitable, Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from shared.clients.base import ServiceCallError
from shared.contracts.ingest import (
    EnterpriseIn,
    EnterpriseOut,
    Medium,
    OutletIn,
    OutletOut,
    PermitClass,
    enterprise_uuid,
    outlet_uuid,
)
from web.acts import FormError
from web.frame import set_frame
from web.htmx import redirect
from web.i18n import gettext
from web.labels import TRADES, name_of, trade
from web.pages.dossier import WRITERS
from web.refusals import check_invalid, refusal
from web.registry_forms import (
    BLANK,
    INTERVALS,
    MOST_ROWS,
    Typed,
    filled,
    read,
    read_rows,
    row_refusal,
    rows_in,
    rows_of,
    typed_in,
    typed_of,
)
from web.render import render
from web.session import RoleNeeded, SomeViewer, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
ENTERPRISE = "pages/registry/enterprise.html"
OUTLET = "pages/registry/outlet.html"
INVALID, NOT_FOUND = 422, 404
WriterViewer = Annotated[Viewer, Depends(RoleNeeded(*WRITERS))]


async def _check_free(call: Awaitable[object]) -> None:
    """Raise `FormError` where a code is taken: the service would change what it belongs to without a word."""
    try:
        await call
    except ServiceCallError as error:
        if error.status != NOT_FOUND:
            raise
        return
    raise FormError({"code": gettext("This code is taken already.")})


# --- enterprises ---


def _enterprise_form(
    request: Request, enterprise: EnterpriseOut | None, typed: Typed, errors: Mapping[str, str] | None = None
) -> Response:
    known = sorted({*TRADES, typed.get("trade", "")} - {""}, key=trade)
    return render(
        request, ENTERPRISE, status=INVALID if errors else 200, enterprise=enterprise, typed=filled(typed),
        errors=errors or {}, trades=[(code, trade(code)) for code in known], classes=list(PermitClass),
    )  # fmt: skip


@router.get("/enterprises/new")
async def new_enterprise(request: Request, viewer: WriterViewer) -> Response:
    """The empty form of an enterprise."""
    del viewer
    return _enterprise_form(request, None, {"active": "1"})


@router.get("/enterprises/{enterprise_id}/edit")
async def edit_enterprise(request: Request, viewer: WriterViewer, enterprise_id: UUID) -> Response:
    """The form of an enterprise, filled."""
    enterprise = await viewer.backends.ingest.get_enterprise(enterprise_id)
    return _enterprise_form(request, enterprise, typed_of(enterprise, EnterpriseIn.model_fields))


@router.post("/enterprises/new")
async def add_enterprise(request: Request, viewer: SomeViewer) -> Response:
    """Register an enterprise."""
    return await _save_enterprise(request, viewer, None)


@router.post("/enterprises/{enterprise_id}/edit")
async def change_enterprise(request: Request, viewer: SomeViewer, enterprise_id: UUID) -> Response:
    """Change an enterprise; its code stays."""
    enterprise = await viewer.backends.ingest.get_enterprise(enterprise_id)
    return await _save_enterprise(request, viewer, enterprise)


async def _save_enterprise(request: Request, viewer: Viewer, enterprise: EnterpriseOut | None) -> Response:
    ingest, typed = viewer.backends.ingest, typed_in(await request.form())
    try:
        given = read(EnterpriseIn, typed, **({"code": enterprise.code} if enterprise else {}))
        if enterprise is None:
            await _check_free(ingest.get_enterprise(enterprise_uuid(given.code)))
        saved = await ingest.add_enterprise(given)
    except FormError as error:
        return _enterprise_form(request, enterprise, typed, error.errors)
    except ServiceCallError as error:
        check_invalid(error)
        return _enterprise_form(request, enterprise, typed, {"form": refusal(error)})
    return redirect(request, f"/enterprises/{saved.id}")


# --- outlets with their factors ---


async def _outlet_form(
    request: Request, viewer: Viewer, enterprise: EnterpriseOut, outlet: OutletOut | None, typed: Typed,
    rows: list[Typed], **more: Any,
) -> Response:  # fmt: skip
    catalogue = await viewer.backends.ingest.list_factors()
    chosen = typed.get("minute_interval", "1")
    intervals = [str(minutes) for minutes in INTERVALS]
    context: dict[str, Any] = {"errors": {}, "status": 200, "added": False, **more}
    return render(
        request, OUTLET, enterprise=enterprise, outlet=outlet, typed=filled(typed), rows=rows, catalogue=catalogue,
        names={item.code: name_of(item) for item in catalogue}, media=list(Medium), most=MOST_ROWS,
        intervals=intervals if chosen in intervals or not chosen.isdigit() else [*intervals, chosen], **context,
    )  # fmt: skip


@router.get("/outlets/new")
async def new_outlet(request: Request, viewer: WriterViewer, enterprise_id: UUID) -> Response:
    """The empty form of an outlet of an enterprise."""
    enterprise = await viewer.backends.ingest.get_enterprise(enterprise_id)
    start = {"active": "1", "medium": Medium.WATER.value, "minute_interval": "1"}
    return await _outlet_form(request, viewer, enterprise, None, start, [dict(BLANK)])


@router.get("/outlets/{outlet_id}/edit")
async def edit_outlet(request: Request, viewer: WriterViewer, outlet_id: UUID) -> Response:
    """The form of an outlet, filled."""
    outlet = await viewer.backends.ingest.get_outlet(outlet_id)
    enterprise = await viewer.backends.ingest.get_enterprise(outlet.enterprise_id)
    typed = typed_of(outlet, set(OutletIn.model_fields) - {"factors"})
    return await _outlet_form(request, viewer, enterprise, outlet, typed, rows_of(outlet) or [dict(BLANK)])


@router.post("/outlets/new")
async def add_outlet(request: Request, viewer: SomeViewer, enterprise_id: UUID) -> Response:
    """Register an outlet, or add and remove rows of its form."""
    enterprise = await viewer.backends.ingest.get_enterprise(enterprise_id)
    return await _save_outlet(request, viewer, enterprise, None)


@router.post("/outlets/{outlet_id}/edit")
async def change_outlet(request: Request, viewer: SomeViewer, outlet_id: UUID) -> Response:
    """Change an outlet, or add and remove rows of its form; its code and enterprise stay."""
    outlet = await viewer.backends.ingest.get_outlet(outlet_id)
    enterprise = await viewer.backends.ingest.get_enterprise(outlet.enterprise_id)
    return await _save_outlet(request, viewer, enterprise, outlet)


async def _save_outlet(
    request: Request, viewer: Viewer, enterprise: EnterpriseOut, outlet: OutletOut | None
) -> Response:
    form = await request.form()
    typed, rows = typed_in(form), rows_in(form)
    act, _, place = typed.get("act", "save").partition("-")
    if act == "add" and len(rows) < MOST_ROWS:
        return await _outlet_form(request, viewer, enterprise, outlet, typed, [*rows, dict(BLANK)], added=True)
    if act == "remove":
        left = [row for index, row in enumerate(rows) if str(index) != place]
        return await _outlet_form(request, viewer, enterprise, outlet, typed, left or [dict(BLANK)])
    catalogue = {item.code: item for item in await viewer.backends.ingest.list_factors()}
    try:
        saved = await viewer.backends.ingest.add_outlet(
            await _outlet_in(viewer, enterprise, outlet, typed, read_rows(rows, catalogue, _codes(outlet)))
        )
    except FormError as error:
        errors = error.errors
    except ServiceCallError as error:
        check_invalid(error)
        errors = row_refusal(error, rows, catalogue)
    else:
        return redirect(request, f"/outlets/{saved.id}")
    return await _outlet_form(request, viewer, enterprise, outlet, typed, rows, errors=errors, status=INVALID)


def _codes(outlet: OutletOut | None) -> set[str]:
    return {item.factor for item in outlet.factors} if outlet else set()


async def _outlet_in(
    viewer: Viewer, enterprise: EnterpriseOut, outlet: OutletOut | None, typed: Typed,
    listed: tuple[list[Any], dict[str, str]],
) -> OutletIn:  # fmt: skip
    factors, errors = listed
    fixed: dict[str, Any] = {"enterprise_id": enterprise.id, "factors": factors}
    try:
        given = read(OutletIn, typed, **fixed, **({"code": outlet.code} if outlet else {}))
    except FormError as error:
        raise FormError({**error.errors, **errors}) from error
    if errors:
        raise FormError(errors)
    if outlet is None:
        await _check_free(viewer.backends.ingest.get_outlet(outlet_uuid(enterprise.code, given.code)))
    return given

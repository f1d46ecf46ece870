"""The form of a data logger 数采仪: register one, move it, take it out of use, give it a password."""

import asyncio
from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from shared.clients.base import ServiceCallError
from shared.contracts.ingest import DeviceIn
from shared.contracts.ingest.links import DeviceDetail
from web.acts import FormError
from web.frame import set_frame
from web.htmx import redirect
from web.i18n import gettext
from web.labels import name_of
from web.pages.devices import MOST_OUTLETS, SetterViewer
from web.refusals import check_invalid, refusal
from web.registry_forms import Typed, filled, parse_owner, read, typed_in, typed_of
from web.render import render
from web.session import SomeViewer, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
DEVICE = "pages/registry/device.html"
INVALID = 422


async def _device_form(
    request: Request, viewer: Viewer, device: DeviceDetail | None, typed: Typed,
    errors: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    ingest = viewer.backends.ingest
    outlets, enterprises = await asyncio.gather(
        ingest.list_outlets(limit=MOST_OUTLETS), ingest.list_enterprises(limit=MOST_OUTLETS)
    )
    names = {item.id: name_of(item) for item in enterprises.items}
    options = [(str(item.id), f"{names.get(item.enterprise_id, '')} {item.code} {name_of(item)}".strip())
               for item in outlets.items]  # fmt: skip
    chosen = typed.get("outlet_id", "")
    kept = {name: value for name, value in typed.items() if name != "password"}
    return render(
        request, DEVICE, status=INVALID if errors else 200, device=device, typed=filled(kept), errors=errors or {},
        outlets=sorted(options, key=lambda pair: pair[1]),
        back=f"/devices/{device.id}" if device else f"/outlets/{chosen}" if chosen in dict(options) else "/devices",
    )  # fmt: skip


@router.get("/devices/new")
async def new_device(
    request: Request, viewer: SetterViewer, outlet_id: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    """The empty form of a data logger."""
    return await _device_form(request, viewer, None, {"outlet_id": outlet_id, "edition": "2017", "active": "1"})


@router.get("/devices/{device_id}/edit")
async def edit_device(request: Request, viewer: SetterViewer, device_id: UUID) -> Response:
    """The form of a data logger, filled; its password is never shown."""
    device = await viewer.backends.ingest.get_device(device_id)
    return await _device_form(request, viewer, device, typed_of(device, ("outlet_id", "edition", "active")))


@router.post("/devices/new")
async def add_device(request: Request, viewer: SomeViewer) -> Response:
    """Register a data logger."""
    return await _save_device(request, viewer, None)


@router.post("/devices/{device_id}/edit")
async def change_device(request: Request, viewer: SomeViewer, device_id: UUID) -> Response:
    """Change a data logger; its MN stays, and its password where none is typed."""
    return await _save_device(request, viewer, await viewer.backends.ingest.get_device(device_id))


async def _save_device(request: Request, viewer: Viewer, device: DeviceDetail | None) -> Response:
    ingest, typed = viewer.backends.ingest, typed_in(await request.form())
    try:
        given = _device_in(typed, device)
        if device is None:
            await _check_free(viewer, given.mn)
        saved = await ingest.add_device(given)
    except FormError as error:
        return await _device_form(request, viewer, device, typed, error.errors)
    except ServiceCallError as error:
        check_invalid(error)
        return await _device_form(request, viewer, device, typed, {"form": refusal(error)})
    return redirect(request, f"/devices/{saved.id}")


def _device_in(typed: Typed, device: DeviceDetail | None) -> DeviceIn:
    """The logger as typed; a password left empty is not said, so that the service keeps what is set."""
    errors, fixed = {}, {"mn": device.mn} if device else {}
    try:
        owner = parse_owner(typed.get("outlet_id", ""))
    except FormError as error:
        owner, errors = UUID(int=0), error.errors
    try:
        given = read(DeviceIn, typed, outlet_id=owner, **fixed)
    except FormError as error:
        errors = {**error.errors, **errors}
    if errors:
        raise FormError(errors)
    if typed.get("no_password"):
        return given.model_copy(update={"password": None})
    if typed.get("password", "").strip():
        return given
    return DeviceIn(**given.model_dump(exclude={"password"}))


async def _check_free(viewer: Viewer, mn: str) -> None:
    """Raise `FormError` where an MN is registered: the service would change its logger without a word."""
    cursor: str | None = None
    while True:
        found = await viewer.backends.ingest.list_links(q=mn, cursor=cursor, limit=100)
        if any(item.mn == mn for item in found.items):
            raise FormError({"mn": gettext("This MN is registered already.")})
        if found.next is None:
            return
        cursor = found.next

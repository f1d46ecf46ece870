"""Devices and links 数采仪与连接: state, history, tolerance and settings; and MNs nobody registered."""

import asyncio
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from pydantic import SecretStr, ValidationError
from starlette.responses import Response

from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest import DeviceIn
from shared.contracts.ingest.links import DeviceDetail, DeviceSettingsChange, LinkFilter, Tolerance
from web.acts import FormError, parse_version
from web.frame import set_frame
from web.htmx import redirect
from web.i18n import gettext
from web.labels import options
from web.packet_words import reason_name
from web.refusals import RETRY_STATUS, refusal
from web.render import render
from web.session import RoleNeeded, SomeViewer, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
LIST = "pages/devices/list.html"
PAGE = "pages/devices/detail.html"
UNKNOWN = "pages/devices/unknown.html"
SETTERS = (Role.OFFICER, Role.ADMIN)
READERS = (Role.SUPERVISOR, Role.SUPERVISOR_LEAD, Role.OFFICER, Role.SECTION_HEAD, Role.ADMIN, Role.AUDITOR)
MOST_OUTLETS = 1000
EDITIONS = ("2005", "2017", "2025")
SetterViewer = Annotated[Viewer, Depends(RoleNeeded(*SETTERS))]
ReaderViewer = Annotated[Viewer, Depends(RoleNeeded(*READERS))]
Text = Annotated[str, Form(max_length=2000)]


@router.get("/devices")
async def list_devices(
    request: Request,
    viewer: SomeViewer,
    which: Annotated[str, Query(max_length=20)] = "all",
    q: Annotated[str, Query(max_length=100)] = "",
    cursor: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """All devices with their links; an enterprise sees its own."""
    chosen = which if which in set(LinkFilter) else LinkFilter.ALL.value
    ingest = viewer.backends.ingest
    devices, summary = await asyncio.gather(
        ingest.list_links(which=chosen, q=q or None, cursor=cursor or None, limit=100), ingest.link_summary()
    )
    counts = summary.model_dump()
    return render(
        request, LIST, block="list", devices=devices, counts=counts, which=chosen, filters=list(LinkFilter), q=q,
        cursor=cursor, staff=viewer.has(*READERS), may_set=viewer.has(*SETTERS),
    )  # fmt: skip


async def _context(viewer: Viewer, device: DeviceDetail, cursor: str = "", **more: Any) -> dict[str, Any]:
    ingest = viewer.backends.ingest
    outlet, history, factors = await asyncio.gather(
        ingest.get_outlet(device.outlet_id), ingest.list_device_history(device.id, cursor=cursor or None, limit=20),
        ingest.list_factors(),
    )  # fmt: skip
    return {
        "names": {item.code: item for item in factors},
        "device": device, "outlet": outlet, "history": history, "may_set": viewer.has(*SETTERS),
        "staff": viewer.has(*READERS), "errors": {}, "editions": EDITIONS,
        "networks": "\n".join(device.settings.networks), "options": options, "reason_name": reason_name,
        "seconds": lambda number: timedelta(seconds=float(number)), **more,
    }  # fmt: skip


@router.get("/devices/{device_id}")
async def show_device(
    request: Request, viewer: SomeViewer, device_id: UUID, cursor: Annotated[str, Query(max_length=500)] = ""
) -> Response:
    """One device: link, history, counts, repairs, settings."""
    device = await viewer.backends.ingest.get_device(device_id)
    return render(request, PAGE, block="history", **await _context(viewer, device, cursor))


def _change(form: dict[str, str], accepted: list[str]) -> DeviceSettingsChange:
    """The settings as typed; empty secrets leave what is set."""
    given: dict[str, Any] = {
        "tolerance": form["tolerance"], "edition": form["edition"], "password_check": form["password_check"],
        "networks": form["networks"].replace(",", " ").split(),
    }  # fmt: skip
    if form["tolerance"] == Tolerance.LEARNT and form["was"] == Tolerance.LEARNT:
        given["accepted"] = accepted
    for name in ("password", "sm4_key"):
        if form[f"no_{name}"]:
            given[name] = SecretStr("")
        elif form[name]:
            given[name] = SecretStr(form[name])
    try:
        return DeviceSettingsChange(**given)
    except ValidationError as error:
        raise FormError({str(item["loc"][0]): item["msg"] for item in error.errors()}) from error


@router.post("/devices/{device_id}/settings")
async def change_settings(  # noqa: PLR0913, PLR0917 - the fields of the form
    request: Request, viewer: SetterViewer, device_id: UUID,
    version: Text = "", tolerance: Text = "", was: Text = "", edition: Text = "", password_check: Text = "",
    networks: Text = "", password: Annotated[str, Form(max_length=24)] = "", no_password: Text = "",
    sm4_key: Annotated[str, Form(max_length=32)] = "", no_sm4_key: Text = "",
    accepted: Annotated[list[str] | None, Form()] = None,
) -> Response:  # fmt: skip
    """Change how its frames are taken."""
    ingest = viewer.backends.ingest
    form = {
        "tolerance": tolerance, "was": was, "edition": edition, "password_check": password_check, "networks": networks,
        "password": password, "no_password": no_password, "sm4_key": sm4_key, "no_sm4_key": no_sm4_key,
    }  # fmt: skip
    try:
        await ingest.change_device_settings(device_id, _change(form, accepted or []), version=parse_version(version))
    except FormError as error:
        errors, status = error.errors, 422
    except ServiceCallError as error:
        if error.status not in RETRY_STATUS:
            raise
        errors, status = _said(error), error.status
    else:
        return redirect(request, f"/devices/{device_id}")
    device = await ingest.get_device(device_id)
    return render(request, PAGE, status=status, **await _context(viewer, device, errors=errors, networks=networks))


def _said(error: ServiceCallError) -> dict[str, str]:
    field = str(error.context.get("field", ""))
    known = {
        "networks": gettext("Give networks such as 10.1.0.0/16 or single addresses, one a line."),
        "sm4_key": gettext("Give 16 characters or 32 hexadecimal digits."),
    }
    return {field: known[field]} if field in known else {"form": refusal(error)}


@router.get("/unknown-devices")
async def list_unknown(
    request: Request,
    viewer: ReaderViewer,
    register: Annotated[str, Query(max_length=64)] = "",
    cursor: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """MNs nobody registered; one of them with the form to register it."""
    return render(request, UNKNOWN, **await _unknown(viewer, register, cursor))


async def _unknown(viewer: Viewer, mn: str, cursor: str = "", **more: Any) -> dict[str, Any]:
    ingest = viewer.backends.ingest
    found = await ingest.list_unknown_devices(cursor=cursor or None, limit=100)
    may = viewer.has(*SETTERS)
    outlets = (await ingest.list_outlets(limit=MOST_OUTLETS)).items if mn and may else []
    known = next((item for item in found.items if item.mn == mn), None)
    return {
        "found": found, "mn": mn if may else "", "may_register": may, "outlets": outlets, "editions": EDITIONS,
        "edition": known.edition if known else "2017", "outlet_id": "", "errors": {}, **more,
    }  # fmt: skip


@router.post("/unknown-devices")
async def register_device(
    request: Request, viewer: SetterViewer, mn: Text = "", outlet_id: Text = "", edition: Text = ""
) -> Response:
    """Register an MN at an outlet; its next frames are taken."""
    try:
        device = await viewer.backends.ingest.add_device(DeviceIn(outlet_id=UUID(outlet_id), mn=mn, edition=edition))
    except ValueError:
        errors = {"outlet_id": gettext("Choose an outlet.")} if not outlet_id else {"mn": gettext("This MN cannot be.")}
        context = await _unknown(viewer, mn, errors=errors, outlet_id=outlet_id)
        return render(request, UNKNOWN, status=422, **context)
    return redirect(request, f"/devices/{device.id}")

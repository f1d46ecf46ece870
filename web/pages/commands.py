"""Commands to data loggers: the list, giving one, its exchange, approving and cancelling, gaps and their fetch."""

import asyncio
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Form, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest.commands import (
    CommandIn,
    CommandKindOut,
    CommandOut,
    CommandSettingIn,
    CommandState,
    ExchangeOut,
)
from web.acts import FormError, parse_version
from web.frame import set_frame
from web.htmx import redirect
from web.orders import Target, find_target, kinds_for, param_errors, read_params, shown_params
from web.refusals import RETRY_STATUS, field_errors
from web.render import render
from web.session import STAFF, RoleNeeded, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
LIST = "pages/commands/list.html"
CHOOSE = "pages/commands/choose.html"
ORDER = "pages/commands/order.html"
PAGE = "pages/commands/detail.html"
COMMANDERS = (Role.SUPERVISOR_LEAD, Role.OFFICER, Role.ADMIN)
READERS = (*STAFF, Role.ENTERPRISE)
VIEWS: dict[str, dict[str, Any]] = {
    "open": {"open_": True},
    "awaiting_approval": {"state": CommandState.AWAITING_APPROVAL},
    "over": {"open_": False},
    "all": {},
}
Commander = Annotated[Viewer, Depends(RoleNeeded(*COMMANDERS))]
Reader = Annotated[Viewer, Depends(RoleNeeded(*READERS))]


@router.get("/commands")
async def list_commands(
    request: Request,
    viewer: Reader,
    view: Annotated[str, Query(max_length=20)] = "all",
    code: Annotated[str, Query(max_length=40)] = "",
    mn: Annotated[str, Query(max_length=64)] = "",
    cursor: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Commands, the newest first."""
    shown = view if view in VIEWS else "all"
    ingest = viewer.backends.ingest
    commands, kinds = await asyncio.gather(
        ingest.list_commands(**VIEWS[shown], code=code or None, mn=mn.strip() or None, cursor=cursor or None, limit=50),
        ingest.command_catalogue(),
    )
    return render(
        request, LIST, block="list", commands=commands, view=shown, views=list(VIEWS), kinds=kinds, code=code, mn=mn,
        may=viewer.has(*COMMANDERS),
    )  # fmt: skip


@router.get("/commands/new")
async def choose_command(
    request: Request,
    viewer: Commander,
    outlet: Annotated[UUID | None, Query()] = None,
    mn: Annotated[str, Query(max_length=64)] = "",
    code: Annotated[str, Query(max_length=40)] = "",
    cursor: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """Choose a device, then a command, then fill it in: each step is an address of its own."""
    ingest = viewer.backends.ingest
    if outlet is None:
        devices, outlets = await asyncio.gather(
            ingest.list_devices(cursor=cursor or None, limit=200), ingest.list_outlets(limit=1000)
        )
        by_id = {item.id: item for item in outlets.items}
        return render(request, CHOOSE, target=None, devices=devices, outlets=by_id, groups=[])
    target, kinds = await asyncio.gather(find_target(ingest, outlet, mn), ingest.command_catalogue())
    offered = kinds_for(target, kinds, viewer)
    chosen = next((kind for kind in offered if kind.code == code), None)
    if chosen is None:
        groups: dict[str, list[Any]] = {}
        for kind in offered:
            groups.setdefault(kind.group, []).append(kind)
        setting = await ingest.get_command_setting(target.device.id)
        return render(request, CHOOSE, target=target, devices=None, outlets={}, groups=groups.items(), setting=setting)
    return render(request, ORDER, **await _order(request, viewer, target, chosen, {}, {}))


async def _order(
    request: Request,
    viewer: Viewer,
    target: Target,
    kind: CommandKindOut,
    typed: dict[str, str],
    errors: dict[str, str],
) -> dict[str, Any]:
    now = request.app.state.settings.clock.now()
    given = {**{name: value for name, value in request.query_params.items() if name in {"since", "until"}}, **typed}
    gaps = await target.gaps(viewer.backends.ingest, kind, given, now)
    factors = {item.code: item for item in await viewer.backends.ingest.list_factors()}
    return {
        "target": target, "kind": kind, "typed": target.filled(kind, given, now), "errors": errors, "gaps": gaps,
        "factors": factors, "key": given.get("key") or uuid4().hex, "reason": typed.get("reason", ""),
    }  # fmt: skip


@router.post("/commands")
async def send_command(
    request: Request,
    viewer: Commander,
    outlet: Annotated[UUID, Form()],
    mn: Annotated[str, Form(max_length=64)],
    code: Annotated[str, Form(max_length=40)],
) -> Response:
    """Give the command; the form's key makes a second press harmless."""
    ingest = viewer.backends.ingest
    target, kinds = await asyncio.gather(find_target(ingest, outlet, mn), ingest.command_catalogue())
    kind = next((item for item in kinds_for(target, kinds, viewer) if item.code == code), None)
    if kind is None:
        return redirect(request, f"/commands/new?outlet={outlet}&mn={quote(mn)}")
    form = await request.form()
    typed = {name: str(value)[:1000] for name, value in form.items() if isinstance(value, str)}
    try:
        made = await _send(viewer, target, kind, typed)
    except FormError as error:
        return render(request, ORDER, status=422, **await _order(request, viewer, target, kind, typed, error.errors))
    return redirect(request, f"/commands/{made.id}")


async def _send(viewer: Viewer, target: Target, kind: CommandKindOut, typed: dict[str, str]) -> CommandOut:
    """Give it; `FormError` with what is wrong, in the reader's language."""
    try:
        order = CommandIn(
            device_id=target.device.id, code=kind.code, params=read_params(kind, typed),
            reason=typed.get("reason", "").strip(),
        )  # fmt: skip
    except ValidationError:
        raise FormError(param_errors(kind, {parameter.name for parameter in kind.parameters})) from None
    try:
        return await viewer.backends.ingest.send_command(order, typed.get("key") or None)
    except ServiceCallError as error:
        if error.status not in RETRY_STATUS:
            raise
        errors = field_errors(error)
        raise FormError(errors | param_errors(kind, set(errors))) from error


@router.post("/commands/setting")
async def set_setting(
    request: Request,
    viewer: Commander,
    outlet: Annotated[UUID, Form()],
    mn: Annotated[str, Form(max_length=64)],
) -> Response:
    """What the platform does with a device by itself."""
    target, form = await find_target(viewer.backends.ingest, outlet, mn), await request.form()
    chosen = {name: name in form for name in CommandSettingIn.model_fields}
    await viewer.backends.ingest.set_command_setting(target.device.id, CommandSettingIn(**chosen))
    return redirect(request, f"/commands/new?outlet={outlet}&mn={quote(mn)}")


@router.get("/commands/{command_id}")
async def show_command(request: Request, viewer: Reader, command_id: UUID) -> Response:
    """One command with its exchange; the page looks again while it is not over."""
    return render(request, PAGE, block="live", **await _detail(viewer, command_id))


def _is_data(line: ExchangeOut) -> bool:
    return not line.sent and line.cn not in {"9011", "9012", "9013"}


async def _detail(viewer: Viewer, command_id: UUID, **more: Any) -> dict[str, Any]:
    """What the page shows; data frames that follow each other are one entry of the timeline."""
    ingest = viewer.backends.ingest
    command, kinds = await asyncio.gather(ingest.get_command(command_id), ingest.command_catalogue())
    kind = next((item for item in kinds if item.code == command.code), None)
    params = shown_params(kind, command.params) if kind else []
    runs: list[list[ExchangeOut]] = []
    for line in command.exchange:
        if runs and _is_data(line) and _is_data(runs[-1][0]):
            runs[-1].append(line)
        else:
            runs.append([line])
    defaults: dict[str, Any] = {"errors": {}, "runs": runs, "params": params, "may": viewer.has(*COMMANDERS)}
    return {"command": command, "events": {item.event.value: item for item in command.allowed}, **defaults, **more}


async def _decide(request: Request, viewer: Viewer, command_id: UUID, what: str, version: str, reason: str) -> Response:
    ingest = viewer.backends.ingest
    call = ingest.approve_command if what == "approve" else ingest.cancel_command
    try:
        await call(command_id, parse_version(version), reason.strip())
    except FormError as error:
        return render(request, PAGE, status=422, **await _detail(viewer, command_id, errors=error.errors))
    except ServiceCallError as error:
        if error.status not in RETRY_STATUS:
            raise
        shown = await _detail(viewer, command_id, errors=field_errors(error))
        return render(request, PAGE, status=error.status, **shown)
    return redirect(request, f"/commands/{command_id}")


@router.post("/commands/{command_id}/approve")
async def approve_command(
    request: Request, viewer: Commander, command_id: UUID, version: Annotated[str, Form(max_length=10)] = "",
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:  # fmt: skip
    """The second person's word."""
    return await _decide(request, viewer, command_id, "approve", version, reason)


@router.post("/commands/{command_id}/cancel")
async def cancel_command(
    request: Request, viewer: Commander, command_id: UUID, version: Annotated[str, Form(max_length=10)] = "",
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:  # fmt: skip
    """Take it back before it is sent."""
    return await _decide(request, viewer, command_id, "cancel", version, reason)

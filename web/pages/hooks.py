"""Webhooks: where ingest's events are sent, and what became of each."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest.hooks import HookIn, HookOut, HookType
from web.acts import FormError, parse_version
from web.frame import set_frame
from web.htmx import redirect
from web.i18n import N_, gettext
from web.render import render
from web.session import RoleNeeded, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
LIST = "pages/hooks/list.html"
PAGE = "pages/hooks/detail.html"
INVALID = 422
WHY = {
    "whole": N_("Give a whole address, such as https://example.org/hook"),
    "port": N_("The port is no number."),
    "parts": N_("The address must not hold a user, a password or a #fragment."),
    "ascii": N_("The address must be of printable ASCII signs."),
    "https": N_("https is needed outside the networks that the operator allows."),
    "private": N_("This is no public address. The operator may allow its network."),
}
AdminViewer = Annotated[Viewer, Depends(RoleNeeded(Role.ADMIN))]
Typed = Annotated[str, Form(max_length=500)]


def _read(name: str, url: str, types: list[str], *, active: bool) -> HookIn:
    errors = {}
    if not name.strip():
        errors["name"] = gettext("Give it a name.")
    if not url.strip().startswith(("https://", "http://")):
        errors["url"] = gettext("Give a whole address, such as https://example.org/hook")
    chosen = [HookType(item) for item in types if item in set(HookType)]
    if not chosen:
        errors["types"] = gettext("Choose at least one event.")
    if errors:
        raise FormError(errors)
    try:
        return HookIn(name=name.strip(), url=url.strip(), types=chosen, active=active)
    except ValidationError as error:
        raise FormError({str(item["loc"][0]): item["msg"] for item in error.errors()}) from error


def _refusal(error: ServiceCallError) -> dict[str, str]:
    if error.status == INVALID and error.code == "hook_address":
        return {"url": gettext(WHY.get(str(error.context.get("why")), WHY["whole"]))}
    raise error


def _typed(hook: HookOut | None = None, **more: Any) -> dict[str, Any]:
    start: dict[str, Any] = {
        "name": hook.name if hook else "", "url": hook.url if hook else "https://",
        "types": [item.value for item in hook.types] if hook else [HookType.DEVICE_STATE.value],
        "active": hook.active if hook else True,
    }  # fmt: skip
    return {"typed": {**start, **more}, "all_types": list(HookType)}


@router.get("/admin/webhooks")
async def list_hooks(request: Request, viewer: AdminViewer) -> Response:
    """All webhooks, and the form of a new one."""
    hooks = await viewer.backends.ingest.list_hooks()
    return render(request, LIST, hooks=hooks, errors={}, **_typed())


@router.post("/admin/webhooks")
async def add_hook(
    request: Request, viewer: AdminViewer, types: Annotated[list[str] | None, Form()] = None,
    name: Typed = "", url: Typed = "",
) -> Response:  # fmt: skip
    """Make a webhook; its secret is on the page that follows and nowhere else."""
    ingest = viewer.backends.ingest
    try:
        hook = await ingest.add_hook(_read(name, url, types or [], active=True))
    except FormError as error:
        errors = error.errors
    except ServiceCallError as error:
        errors = _refusal(error)
    else:
        return render(request, PAGE, **await _context(viewer, hook))
    again = _typed(name=name, url=url, types=types or [])
    return render(request, LIST, status=INVALID, hooks=await ingest.list_hooks(), errors=errors, **again)


async def _context(viewer: Viewer, hook: HookOut, cursor: str = "", **more: Any) -> dict[str, Any]:
    deliveries = await viewer.backends.ingest.list_deliveries(hook.id, cursor=cursor or None, limit=30)
    return {"hook": hook, "deliveries": deliveries, "cursor": cursor, "errors": {}, **_typed(hook), **more}


@router.get("/admin/webhooks/{hook_id}")
async def show_hook(
    request: Request, viewer: AdminViewer, hook_id: UUID, cursor: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """One webhook with its deliveries."""
    hook = await viewer.backends.ingest.get_hook(hook_id)
    return render(request, PAGE, block="deliveries", **await _context(viewer, hook, cursor))


@router.post("/admin/webhooks/{hook_id}")
async def change_hook(  # noqa: PLR0913 - the fields of the form
    request: Request, viewer: AdminViewer, hook_id: UUID, types: Annotated[list[str] | None, Form()] = None,
    name: Typed = "", url: Typed = "", active: Typed = "", version: Typed = "",
) -> Response:  # fmt: skip
    """Save changes."""
    ingest = viewer.backends.ingest
    try:
        given = _read(name, url, types or [], active=bool(active))
        await ingest.change_hook(hook_id, given, parse_version(version))
    except FormError as error:
        errors = error.errors
    except ServiceCallError as error:
        errors = _refusal(error)
    else:
        return redirect(request, f"/admin/webhooks/{hook_id}")
    again = _typed(name=name, url=url, types=types or [], active=bool(active))
    context = await _context(viewer, await ingest.get_hook(hook_id), errors=errors)
    return render(request, PAGE, status=INVALID, **{**context, **again})


@router.post("/admin/webhooks/{hook_id}/test")
async def send_test(request: Request, viewer: AdminViewer, hook_id: UUID) -> Response:
    """Send a test message."""
    await viewer.backends.ingest.send_test_to_hook(hook_id)
    return redirect(request, f"/admin/webhooks/{hook_id}")


@router.post("/admin/webhooks/{hook_id}/secret")
async def rotate_secret(request: Request, viewer: AdminViewer, hook_id: UUID) -> Response:
    """Give it a new secret, shown once."""
    hook = await viewer.backends.ingest.rotate_hook_secret(hook_id)
    return render(request, PAGE, **await _context(viewer, hook))


@router.post("/admin/webhooks/{hook_id}/deliveries/{delivery_id}/replay")
async def replay(request: Request, viewer: AdminViewer, hook_id: UUID, delivery_id: int) -> Response:
    """Send one again."""
    await viewer.backends.ingest.replay_delivery(hook_id, delivery_id)
    return redirect(request, f"/admin/webhooks/{hook_id}")

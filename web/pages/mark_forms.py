"""Handing in a mark: the form, what would come of it while it is filled in, and the files that prove it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import PurePath
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.responses import Response

from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest.marks import MarkCheck, MarkCodeOut, MarkIn, MarkOut
from web.acts import FormError, local_time, parse_local_time
from web.charts import Window
from web.explain import explain, is_known
from web.frame import set_frame
from web.htmx import redirect
from web.i18n import gettext
from web.pages.uploads import MOST_FILES, MOST_NAME, form_files
from web.refusals import RETRY_STATUS, refusal
from web.render import render
from web.session import RoleNeeded, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
PAGE = "pages/marks/new.html"
TAKEN = RETRY_STATUS | {413, 415}
MARKERS = (Role.ENTERPRISE, Role.SUPERVISOR, Role.SUPERVISOR_LEAD, Role.OFFICER, Role.SECTION_HEAD)
MarkViewer = Annotated[Viewer, Depends(RoleNeeded(*MARKERS))]
Text = Annotated[str, Query(max_length=40)]


@dataclass(frozen=True)
class MarkForm:
    """The fields as typed; times are Beijing time."""

    outlet: Annotated[str, Form(max_length=40)] = ""
    code: Annotated[str, Form(max_length=40)] = ""
    since: Annotated[str, Form(max_length=30)] = ""
    until: Annotated[str, Form(max_length=30)] = ""
    reason: Annotated[str, Form(max_length=2000)] = ""
    merge: Annotated[str, Form(max_length=5)] = ""
    go: Annotated[str, Form(max_length=10)] = "check"


def said(error: ServiceCallError) -> str:
    """Why ingest refused a mark or a file, in the reader's language where it is known."""
    problem = f"mark.{error.context.get('problem', '')}"
    if is_known(problem):
        return explain(problem)
    conflict = f"mark.{error.context.get('conflict', '')}"
    if is_known(conflict):
        return explain(conflict, {"no": error.context.get("no"), "name": error.context.get("mark_code")})
    if error.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
        return gettext("This type of file is not accepted. PDF, JPEG, PNG and Excel files are.")
    if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return gettext("The file is larger than allowed.")
    return refusal(error)


async def hand_in_files(viewer: Viewer, mark_id: UUID, files: list[UploadFile]) -> MarkOut:
    """Files to ingest one by one; the mark after the last."""
    if len(files) > MOST_FILES:
        raise FormError({"files": gettext("At most %(n)s files at a time.") % {"n": MOST_FILES}})
    mark = None
    for file in files:
        name = PurePath(str(file.filename).replace("\\", "/")).name[-MOST_NAME:]
        mark = await viewer.backends.ingest.add_mark_evidence(mark_id, name, await file.read())
    if mark is None:
        raise FormError({"files": gettext("Attach at least one file.")})
    return mark


def mark_link(viewer: Viewer, outlet_id: UUID, window: Window, factors: Sequence[str], now: datetime) -> str:
    """The address of the form filled in for what a person looks at; empty for whoever may not hand in marks."""
    if not viewer.has(*MARKERS):
        return ""
    times = {"since": local_time(window.since), "until": local_time(min(window.until, now))}
    return "/marks/new?" + urlencode({"outlet": str(outlet_id), **times, "factor": list(factors)}, doseq=True)


@router.get("/marks/new")
async def show_form(  # noqa: PLR0913 - what may be filled in
    request: Request, viewer: MarkViewer, outlet: Text = "", code: Text = "", since: Text = "", until: Text = "",
    factor: Annotated[list[str] | None, Query(max_length=100)] = None,
) -> Response:  # fmt: skip
    """An empty form, or one filled in for what was looked at."""
    now = request.app.state.settings.clock.now()
    begin = _readable(since) or local_time(now.replace(minute=0))
    form = MarkForm(outlet=outlet, code=code, since=begin, until=_readable(until))
    return await _show(request, viewer, form, factors=factor or [])


def _readable(text: str) -> str:
    try:
        return local_time(parse_local_time(text))
    except ValueError:
        return ""


@router.post("/marks/new")
async def hand_in(request: Request, viewer: MarkViewer, form: Annotated[MarkForm, Depends()]) -> Response:
    """Check the form, or hand the mark in with its files."""
    form_data = await request.form()
    factors = [str(item) for item in form_data.getlist("factors")][:100]
    try:
        given = _parse(form, factors)
        if form.go != "send":
            check = await viewer.backends.ingest.check_mark(given)
            return await _show(request, viewer, form, factors=factors, check=check)
        mark = await viewer.backends.ingest.add_mark(given)
    except FormError as error:
        quiet = form.go != "send"  # while it is being filled in, what is still missing is no fault
        return await _show(request, viewer, form, 200 if quiet else 422, factors=factors,
                           errors={} if quiet else error.errors)  # fmt: skip
    except ServiceCallError as error:
        if error.status not in TAKEN:
            raise
        offer = error.context.get("offer") == "merge"
        return await _show(request, viewer, form, error.status, factors=factors, errors={"form": said(error)},
                           offer=offer)  # fmt: skip
    files = form_files(form_data)
    if files:
        try:
            await hand_in_files(viewer, mark.id, files)
        except (FormError, ServiceCallError):
            # The mark is in; its page says that the evidence is missing and takes it.
            return redirect(request, f"/marks/{mark.id}?files=refused")
    return redirect(request, f"/marks/{mark.id}")


def _parse(form: MarkForm, factors: list[str]) -> MarkIn:
    errors, times = {}, {}
    for name in ("since", "until"):
        text = getattr(form, name)
        if not text and name == "until":
            continue
        try:
            times[name] = parse_local_time(text)
        except ValueError:
            errors[name] = gettext("Give date and time.")
    if not form.code:
        errors["code"] = gettext("Choose what is to be marked.")
    if form.go == "send" and not form.reason.strip():
        errors["reason"] = gettext("This is needed for the decision.")
    if errors:
        raise FormError(errors)
    try:
        return MarkIn(
            outlet_id=UUID(form.outlet), code=form.code, reason=form.reason.strip(), factors=factors,
            merge=bool(form.merge), **times,
        )  # fmt: skip
    except (ValidationError, ValueError) as error:
        raise FormError({"form": str(error)}) from error


async def _show(request: Request, viewer: Viewer, form: MarkForm, status: int = 200, **more: Any) -> Response:
    ingest = viewer.backends.ingest
    outlets = (await ingest.list_outlets(limit=1000)).items
    chosen = next((item for item in outlets if str(item.id) == form.outlet), outlets[0] if outlets else None)
    enterprise = await ingest.get_enterprise(chosen.enterprise_id) if chosen else None
    codes = [code for code in await ingest.list_mark_codes() if not code.trades or _trade(enterprise) in code.trades]
    names = {item.code: item for item in await ingest.list_factors()}
    check: MarkCheck | None = more.get("check")
    context = {"factors": [], "errors": {}, "check": check, "offer": False, **more}
    return render(
        request, PAGE, block="form", status=status, form=form, outlets=outlets, outlet=chosen,
        kinds=_by_kind(codes), codes={code.code: code for code in codes}, names=names,
        own=viewer.has(Role.ENTERPRISE), **context,
    )  # fmt: skip


def _trade(enterprise: Any) -> str:
    return str(enterprise.trade) if enterprise else ""


def _by_kind(codes: list[MarkCodeOut]) -> list[tuple[Any, list[MarkCodeOut]]]:
    kinds = list(dict.fromkeys(code.kind for code in codes))
    return [(kind, [code for code in codes if code.kind is kind]) for kind in kinds]

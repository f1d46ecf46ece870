"""Rectification of problems found: notice, plan, evidence, review."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.casework import EvidenceKind, FindingAct, FindingEvent, FindingOut
from web.acts import FormError, parse_version
from web.frame import set_frame
from web.htmx import redirect
from web.i18n import gettext
from web.pages.uploads import TAKEN_ERRORS, form_files, upload, upload_problem
from web.refusals import RETRY_STATUS, field_errors
from web.render import render
from web.session import SomeViewer, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
LIST = "pages/rectifications/list.html"
PAGE = "pages/rectifications/detail.html"
OPEN_STATES = ("open", "issued", "fixing", "review", "rejected", "overdue")
WITH_FILES = frozenset({FindingEvent.SUBMIT_PLAN, FindingEvent.SUBMIT_EVIDENCE, FindingEvent.VERIFY})
LEAST_TEXT = 2


@router.get("/rectifications")
async def list_rectifications(
    request: Request,
    viewer: SomeViewer,
    all: Annotated[str, Query(max_length=1)] = "",  # noqa: A002 - its name outside
    cursor: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """Problems and their rectification, the first due first."""
    states = None if all else list(OPEN_STATES)
    findings = await viewer.backends.casework.list_findings(state=states, cursor=cursor or None, limit=50)
    return render(request, LIST, block="list", findings=findings, all=bool(all), cursor=cursor)


def _context(viewer: Viewer, finding: FindingOut, **more: Any) -> dict[str, Any]:
    defaults: dict[str, Any] = {"errors": {}, "event": "", "text": "", "days": ""}
    return {
        "finding": finding, "acts": finding.allowed, "with_files": {event.value for event in WITH_FILES},
        "own": viewer.has(Role.ENTERPRISE), **defaults, **more,
    }  # fmt: skip


@router.get("/rectifications/{finding_id}")
async def show_rectification(request: Request, viewer: SomeViewer, finding_id: UUID) -> Response:
    """One problem and what was done about it."""
    finding = await viewer.backends.casework.get_finding(finding_id)
    return render(request, PAGE, **_context(viewer, finding))


def needs_of(finding: FindingOut, event: str) -> list[str]:
    """Fields an event needs."""
    return next((item.needs for item in finding.allowed if item.event == event), [])


def _parse(event: str, text: str, days: str, finding: FindingOut) -> FindingAct:
    chosen = next((item for item in finding.allowed if item.event == event), None)
    if chosen is None:
        raise FormError({"event": gettext("Choose what is to be done.")})
    errors = {}
    if "text" in chosen.needs and len(text) < LEAST_TEXT:
        errors["text"] = gettext("This is needed for the decision.")
    if "days" in chosen.needs and not days.isdigit():
        errors["days"] = gettext("Give a number of days.")
    if errors:
        raise FormError(errors)
    return FindingAct(
        event=FindingEvent(event), text=text, days=int(days) if days.isdigit() and "days" in chosen.needs else None
    )


async def _attach(viewer: Viewer, finding: FindingOut, event: str, files: list[UploadFile]) -> list[UUID]:
    """Ids of the files of an act: the new ones, and where some are needed the enterprise's earlier ones."""
    new = [item.id for item in await upload(viewer, finding.case_id, files, EvidenceKind.DOCUMENT, finding.id)]
    if "evidence_ids" not in needs_of(finding, event):
        return new
    if ids := new + [item.id for item in finding.evidence if item.from_enterprise]:
        return ids
    raise FormError({"files": gettext("Attach at least one file.")})


@router.post("/rectifications/{finding_id}/events")
async def act_on_finding(  # noqa: PLR0913 - the fields of the form
    request: Request,
    viewer: SomeViewer,
    finding_id: UUID,
    event: Annotated[str, Form(max_length=40)] = "",
    version: Annotated[str, Form(max_length=10)] = "",
    text: Annotated[str, Form(max_length=4000)] = "",
    days: Annotated[str, Form(max_length=4)] = "",
) -> Response:
    """Do the chosen thing; files go to casework first and are named in the act."""
    casework = viewer.backends.casework
    finding = await casework.get_finding(finding_id)
    typed = {"event": event, "text": text, "days": days}
    try:
        known = parse_version(version)
        act = _parse(event, text.strip(), days, finding)
        ids = await _attach(viewer, finding, event, form_files(await request.form()))
        act = act.model_copy(update={"evidence_ids": ids})
        await casework.act_on_finding(finding_id, act, known)
    except FormError as error:
        return render(request, PAGE, status=422, **_context(viewer, finding, errors=error.errors, **typed))
    except ServiceCallError as error:
        if error.status not in RETRY_STATUS | TAKEN_ERRORS:
            raise
        finding = await casework.get_finding(finding_id)
        said = {"files": upload_problem(error)} if error.status in {413, 415} else field_errors(error)
        return render(request, PAGE, status=error.status, **_context(viewer, finding, errors=said, **typed))
    request.app.state.frames.forget(viewer)
    return redirect(request, f"/rectifications/{finding_id}")

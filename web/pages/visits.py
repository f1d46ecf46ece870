"""Visits: the list, planning, starting, and the record with the problems found."""

import asyncio
import re
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response

from shared.clients.base import ServiceCallError
from shared.contracts.casework import (
    EvidenceKind,
    FindingIn,
    FindingSeverity,
    VisitAct,
    VisitEvent,
    VisitIn,
    VisitOut,
    VisitType,
)
from web.acts import FormError, parse_local_time, parse_version
from web.frame import set_frame
from web.htmx import redirect
from web.i18n import gettext
from web.pages.uploads import TAKEN_ERRORS, form_files, upload, upload_problem
from web.refusals import RETRY_STATUS, field_errors
from web.render import render
from web.session import StaffViewer, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
LIST = "pages/visits/list.html"
PAGE = "pages/visits/detail.html"
STATES = ("planned", "started", "completed", "cancelled")
MOST_FINDINGS = 4
"""Findings of one form; a visit with more is an exception that the API takes."""


def parse_names(text: str) -> list[str]:
    """Names that stand one a line or separated by commas."""
    names = re.split(r"[,，、;；\n]", text)
    return [name.strip() for name in names if name.strip()]


def parse_plan(case_id: UUID, kind: str, planned_at: str, officers: str) -> VisitIn:
    """The plan of a visit from its form; officers stand one a line or separated by commas."""
    try:
        at = parse_local_time(planned_at)
    except ValueError:
        raise FormError({"planned_at": gettext("Give date and time.")}) from None
    try:
        return VisitIn(case_id=case_id, type=VisitType(kind), planned_at=at, officers=parse_names(officers))
    except (ValidationError, ValueError):
        raise FormError({"officers": gettext("Give the kind of visit and at most ten officers.")}) from None


@dataclass(frozen=True)
class FindingFields:
    """One problem as typed."""

    code: str = ""
    severity: str = "general"
    facts: str = ""
    location: str = ""
    responsible: str = "enterprise"


def read_findings(form: FormData) -> list[FindingFields]:
    """The rows of the record's form in which anything was chosen or typed."""
    rows = []
    for index in range(MOST_FINDINGS):
        given = {
            name: str(form.get(f"{name}-{index}", "")).strip()
            for name in ("code", "severity", "facts", "location", "responsible")
        }
        if given["code"] or given["facts"]:
            rows.append(FindingFields(**given))
    return rows


def parse_findings(rows: list[FindingFields], evidence_ids: list[UUID]) -> list[FindingIn]:
    """Problems found, checked; the files of the record belong to each of them."""
    findings, errors = [], {}
    for index, row in enumerate(rows):
        try:
            findings.append(
                FindingIn(
                    code=row.code, severity=FindingSeverity(row.severity), facts=row.facts, location=row.location,
                    responsible=row.responsible, evidence_ids=evidence_ids,
                )
            )  # fmt: skip
        except (ValidationError, ValueError):
            errors[f"facts-{index}"] = gettext("Choose a code and describe the facts in at least five characters.")
    if errors:
        raise FormError(errors)
    return findings


@router.get("/visits")
async def list_visits(
    request: Request,
    viewer: StaffViewer,
    state: Annotated[str, Query(max_length=20)] = "planned",
    cursor: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """Visits by state, the next planned first."""
    shown = state if state in STATES else "planned"
    visits = await viewer.backends.casework.list_visits(state=shown, cursor=cursor or None, limit=50)
    return render(request, LIST, block="list", visits=visits, state=shown, states=STATES, cursor=cursor)


async def _context(viewer: Viewer, visit: VisitOut, **more: Any) -> dict[str, Any]:
    casework = viewer.backends.casework
    case, codes = await asyncio.gather(casework.get_case(visit.case_no), casework.list_finding_codes())
    found = [finding for finding in case.findings if finding.visit_id == visit.id]
    defaults: dict[str, Any] = {"errors": {}, "record": visit.record, "rows": [], "reason": ""}
    return {
        "visit": visit, "case": case, "codes": codes, "found": found, "most": MOST_FINDINGS,
        "events": {act.event: act for act in visit.allowed}, "blank": FindingFields(), **defaults, **more,
    }  # fmt: skip


@router.get("/visits/{visit_id}")
async def show_visit(request: Request, viewer: StaffViewer, visit_id: UUID) -> Response:
    """One visit with its record."""
    visit = await viewer.backends.casework.get_visit(visit_id)
    return render(request, PAGE, **await _context(viewer, visit))


@router.post("/visits/{visit_id}/events")
async def act_on_visit(
    request: Request,
    viewer: StaffViewer,
    visit_id: UUID,
    event: Annotated[VisitEvent, Form()],
    version: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Start, complete with record and findings, or cancel."""
    casework = viewer.backends.casework
    visit = await casework.get_visit(visit_id)
    form = await request.form()
    record, reason = str(form.get("record", "")).strip(), str(form.get("reason", "")).strip()
    rows = read_findings(form)
    typed = {"record": record, "reason": reason, "rows": rows}
    try:
        known = parse_version(version)
        _check_record(event, record)
        parse_findings(rows, [])
        evidence_ids = await _attach(viewer, visit, form_files(form)) if event is VisitEvent.COMPLETE else []
        act = VisitAct(
            event=event, record=record, reason=reason, findings=parse_findings(rows, evidence_ids),
            officers=parse_names(str(form.get("officers", ""))),
        )  # fmt: skip
        await casework.act_on_visit(visit_id, act, known)
    except FormError as error:
        return render(request, PAGE, status=422, **await _context(viewer, visit, errors=error.errors, **typed))
    except ServiceCallError as error:
        if error.status not in RETRY_STATUS:
            raise
        visit = await casework.get_visit(visit_id)
        errors = field_errors(error)
        return render(request, PAGE, status=error.status, **await _context(viewer, visit, errors=errors, **typed))
    request.app.state.frames.forget(viewer)
    return redirect(request, f"/visits/{visit_id}")


def _check_record(event: VisitEvent, record: str) -> None:
    if event is VisitEvent.COMPLETE and not record:
        raise FormError({"record": gettext("Write what was seen.")})


async def _attach(viewer: Viewer, visit: VisitOut, files: list[UploadFile]) -> list[UUID]:
    try:
        return [item.id for item in await upload(viewer, visit.case_id, files, EvidenceKind.PHOTO)]
    except ServiceCallError as error:
        if error.status not in TAKEN_ERRORS:
            raise
        raise FormError({"files": upload_problem(error)}) from error

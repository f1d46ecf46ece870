"""Grades: an enterprise's own colour and why, the lists, and the draft that the bureau publishes."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from shared.auth import Role
from shared.calendar import Quarter
from shared.clients.base import ServiceCallError
from shared.contracts.grading import (
    Cause,
    Colour,
    GradeList,
    GradeListSummary,
    GradeRow,
    ListState,
    Override,
    Publication,
)
from shared.errors import NotFoundError
from web.acts import FormError, parse_version
from web.frame import set_frame
from web.htmx import is_htmx, redirect
from web.i18n import gettext
from web.refusals import refusal
from web.render import render
from web.session import BUREAU, EnterpriseViewer, RoleNeeded, StaffViewer, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
OWN = "pages/grades/own.html"
LISTS = "pages/grades/lists.html"
LIST = "pages/grades/list.html"
DRAFT = "pages/grades/draft.html"
NOT_FOUND = 404
RETRY_STATUS = frozenset({403, 409, 412, 422})
ORDER = {Colour.RED: 0, Colour.YELLOW: 1, Colour.GREY: 2, Colour.GREEN: 3}
LADDER = (Colour.GREEN, Colour.YELLOW, Colour.RED)

DraftViewer = Annotated[Viewer, Depends(RoleNeeded(*BUREAU, Role.SUPERVISOR_LEAD))]


def cause_link(cause: Cause) -> str:
    """Where the object that gave or took points can be seen; empty where it has no page."""
    if cause.kind == "case":
        return f"/cases/{cause.ref}"
    pages = {
        "anomaly": "/anomalies",
        "visit": "/visits",
        "finding": "/rectifications",
        "completeness": "/outlets",
        "mark": "/marks",
    }
    return f"{pages[cause.kind]}/{cause.ref}" if cause.kind in pages and cause.ref else ""


def sorted_rows(rows: list[GradeRow]) -> list[GradeRow]:
    """Red first, then by risk, then by code."""
    return sorted(rows, key=lambda row: (ORDER[row.colour], -(row.risk or 0.0), row.enterprise_code))


def moved(row: GradeRow) -> bool:
    """Whether the colour differs from the last list's."""
    return row.previous is not None and row.previous is not row.colour


def neighbours(colour: Colour) -> list[Colour]:
    """Colours one level away, to which an override may move."""
    if colour not in LADDER:
        return []
    at = LADDER.index(colour)
    return [LADDER[i] for i in (at - 1, at + 1) if 0 <= i < len(LADDER)]


@dataclass(frozen=True)
class Changes:
    """How a list differs from the one before."""

    up: int
    down: int
    new: int

    @classmethod
    def of(cls, rows: list[GradeRow]) -> "Changes":
        """Counted over all rows; grey on either side counts as neither."""
        rated = [row for row in rows if row.previous in ORDER and row.previous is not Colour.GREY]
        pairs = [(LADDER.index(r.previous), LADDER.index(r.colour)) for r in rated if r.previous and r.colour in LADDER]
        return cls(
            up=sum(after < before for before, after in pairs),
            down=sum(after > before for before, after in pairs),
            new=sum(row.previous is None for row in rows),
        )


@router.get("/grade")
async def show_own_grade(request: Request, viewer: EnterpriseViewer) -> Response:
    """The enterprise's own colour, every point linked to its cause."""
    enterprise_id = viewer.principal.enterprise_id
    if enterprise_id is None:
        raise NotFoundError("this account belongs to no enterprise")
    grade = await viewer.backends.grading.get_grade(enterprise_id)
    return render(request, OWN, grade=grade, cause_link=cause_link)


@router.get("/grades")
async def list_lists(request: Request, viewer: StaffViewer) -> Response:
    """All quarters' lists."""
    return render(request, LISTS, lists=await viewer.backends.grading.list_lists())


def usual_quarter(lists: list[GradeListSummary], now: datetime) -> str:
    """The quarter to show without being asked: the newest with a draft, else the running one."""
    drafts = [item.quarter for item in lists if item.state is ListState.DRAFT]
    return max(drafts, default=str(Quarter.of(now)))


async def _find_draft(viewer: Viewer, quarter: str) -> GradeList | None:
    try:
        return await viewer.backends.grading.get_list(quarter, state="draft")
    except ServiceCallError as error:
        if error.status != NOT_FOUND:
            raise
        return None


async def _draft_context(request: Request, viewer: Viewer, quarter: str, **more: Any) -> dict[str, Any]:
    now = request.app.state.settings.clock.now()
    draft, lists = await asyncio.gather(_find_draft(viewer, quarter), viewer.backends.grading.list_lists())
    asked = Quarter.parse(quarter)
    rows = sorted_rows(draft.rows) if draft else []
    quarters = sorted({str(Quarter.of(now)), str(Quarter.of(now).shift(-1)), *(item.quarter for item in lists)})
    return {
        "quarter": quarter, "quarters": quarters[::-1][:8], "draft": draft, "rows": rows,
        "changes": Changes.of(rows), "moved": moved, "neighbours": neighbours, "cause_link": cause_link,
        "ended": now >= asked.end, "may_publish": viewer.has(*BUREAU), "may_override": viewer.has(*BUREAU),
        "published": [item for item in lists if item.quarter == quarter and item.state is ListState.PUBLISHED],
        "errors": {}, "note": "", "override": {}, **more,
    }  # fmt: skip


def _quarter(text: str) -> str:
    try:
        return str(Quarter.parse(text))
    except ValueError as error:
        raise NotFoundError(str(error)) from error


@router.get("/grades/draft")
async def show_draft(
    request: Request, viewer: DraftViewer, quarter: Annotated[str, Query(max_length=6)] = ""
) -> Response:
    """The draft of a quarter with what changed since the last list."""
    if not quarter:
        lists = await viewer.backends.grading.list_lists()
        quarter = usual_quarter(lists, request.app.state.settings.clock.now())
    return render(request, DRAFT, block="draft", **await _draft_context(request, viewer, _quarter(quarter)))


@router.post("/grades/{quarter}/draft")
async def compute_draft(request: Request, viewer: DraftViewer, quarter: str) -> Response:
    """Compute the draft from the facts as they are now."""
    asked = _quarter(quarter)
    try:
        await viewer.backends.grading.draft_list(asked)
    except ServiceCallError as error:
        if error.status not in RETRY_STATUS:
            raise
        context = await _draft_context(request, viewer, asked, errors={"event": refusal(error)})
        return render(request, DRAFT, block="draft", status=error.status, **context)
    if is_htmx(request):
        return render(request, DRAFT, block="draft", **await _draft_context(request, viewer, asked))
    return redirect(request, f"/grades/draft?quarter={asked}")


@router.post("/grades/{quarter}/overrides")
async def override(  # noqa: PLR0913 - the fields of the form
    request: Request,
    viewer: DraftViewer,
    quarter: str,
    enterprise_id: Annotated[UUID, Form()],
    colour: Annotated[str, Form(max_length=10)] = "",
    reason: Annotated[str, Form(max_length=1000)] = "",
    version: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Move one enterprise by one level, with a reason."""
    asked = _quarter(quarter)
    typed = {"enterprise_id": enterprise_id, "colour": colour, "reason": reason}
    try:
        wish = Override(enterprise_id=enterprise_id, colour=Colour(colour), reason=reason.strip())
        await viewer.backends.grading.override(asked, wish, parse_version(version))
    except (ValidationError, ValueError):
        said = {"override": gettext("Choose a colour and give a reason of at least five characters.")}
        context = await _draft_context(request, viewer, asked, errors=said, override=typed)
        return render(request, DRAFT, block="draft", status=422, **context)
    except FormError as error:
        context = await _draft_context(request, viewer, asked, errors={"event": error.errors["version"]})
        return render(request, DRAFT, block="draft", status=422, **context)
    except ServiceCallError as error:
        if error.status not in RETRY_STATUS:
            raise
        context = await _draft_context(request, viewer, asked, errors={"override": refusal(error)}, override=typed)
        return render(request, DRAFT, block="draft", status=error.status, **context)
    return redirect(request, f"/grades/draft?quarter={asked}")


@router.post("/grades/{quarter}/publication")
async def publish(
    request: Request,
    viewer: DraftViewer,
    quarter: str,
    note: Annotated[str, Form(max_length=1000)] = "",
    version: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Publish the draft; before the quarter's end only with a note, as an interim list."""
    asked = _quarter(quarter)
    try:
        await viewer.backends.grading.publish(asked, Publication(note=note.strip()), parse_version(version))
    except FormError as error:
        context = await _draft_context(request, viewer, asked, errors={"event": error.errors["version"]}, note=note)
        return render(request, DRAFT, block="draft", status=422, **context)
    except ServiceCallError as error:
        if error.status not in RETRY_STATUS:
            raise
        context = await _draft_context(request, viewer, asked, errors={"note": refusal(error)}, note=note)
        return render(request, DRAFT, block="draft", status=error.status, **context)
    return redirect(request, f"/grades/{asked}")


@router.get("/grades/{quarter}")
async def show_list(request: Request, viewer: StaffViewer, quarter: str) -> Response:
    """A published list with every point and its cause."""
    published = await viewer.backends.grading.get_list(_quarter(quarter))
    rows = sorted_rows(published.rows)
    return render(
        request, LIST, grades=published, rows=rows, changes=Changes.of(rows), moved=moved, cause_link=cause_link
    )

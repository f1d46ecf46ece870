"""The bureau's start: judgements it must make or confirm, findings to issue and review, the draft list."""

import asyncio

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from web.frame import set_frame
from web.render import render
from web.session import BureauViewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
PAGE = "pages/approvals.html"
MOST = 20


@router.get("/approvals")
async def show_approvals(request: Request, viewer: BureauViewer) -> Response:
    """What waits for the bureau."""
    casework, grading = viewer.backends.casework, viewer.backends.grading
    cases, findings, visits, lists, counts = await asyncio.gather(
        casework.list_cases(view="replied", sort="priority", limit=MOST),
        casework.list_findings(state=["open", "review"], limit=MOST),
        casework.list_visits(state="planned", limit=MOST),
        grading.list_lists(),
        casework.count_cases(),
    )
    return render(
        request, PAGE, cases=cases.items, findings=findings.items, visits=visits.items, lists=lists[:4], counts=counts
    )

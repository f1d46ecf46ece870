"""The audit chain of casework: who did what, and whether the chain is whole."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from shared.auth import Role
from web.frame import set_frame
from web.render import render
from web.session import BUREAU, RoleNeeded, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
PAGE = "pages/audit.html"
AuditViewer = Annotated[Viewer, Depends(RoleNeeded(*BUREAU, Role.SUPERVISOR_LEAD, Role.ADMIN, Role.AUDITOR))]


@router.get("/audit")
async def show_audit(
    request: Request,
    viewer: AuditViewer,
    subject: Annotated[str, Query(max_length=80)] = "",
    cursor: Annotated[str, Query(max_length=500)] = "",
    verify: Annotated[str, Query(max_length=1)] = "",
) -> Response:
    """Audit rows, newest first; `verify=1` walks the chain."""
    casework = viewer.backends.casework
    entries = await casework.list_audit(subject=subject or None, cursor=cursor or None, limit=50)
    verdict = await casework.verify_audit() if verify else None
    return render(request, PAGE, entries=entries, subject=subject, cursor=cursor, verdict=verdict)

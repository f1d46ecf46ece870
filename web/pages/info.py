"""Pages about the portal itself: interfaces for programs, accessibility."""

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from shared.settings import SERVICES
from web.frame import set_frame
from web.render import render

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])


@router.get("/api")
async def show_interfaces(request: Request) -> Response:
    """Where the interfaces are and how to get a token."""
    return render(request, "pages/api.html", services=SERVICES, urls=request.app.state.settings.urls)


@router.get("/accessibility")
async def show_accessibility(request: Request) -> Response:
    """What was done for people with disabilities, and what is known to be missing."""
    return render(request, "pages/accessibility.html")

"""What htmx tells about a request and is told in an answer; nothing else reads its headers."""

from fastapi import Request
from starlette.responses import RedirectResponse, Response

VARY = "HX-Request, Accept-Language, Cookie"
FRESH = {"Vary": VARY, "Cache-Control": "no-store"}
SEE_OTHER = 303


def is_htmx(request: Request) -> bool:
    """Whether htmx asks for a fragment; going back in history needs the whole page."""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-History-Restore-Request") != "true"


def redirect(request: Request, path: str) -> Response:
    """Go on to another page after a POST: 303, or htmx's own header where it made the request."""
    if is_htmx(request):
        return Response(status_code=200, headers={"HX-Redirect": path, **FRESH})
    return RedirectResponse(path, SEE_OTHER, FRESH)

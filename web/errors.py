"""Errors as pages in the reader's language, or as problem+json for programs. The services' codes travel on."""

import re
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import AppError
from shared.http import problem
from shared.logging import get_logger
from web.htmx import is_htmx, redirect
from web.i18n import N_, gettext
from web.render import render

log = get_logger(__name__)
UNAUTHORIZED = 401
SERVER_ERROR = 500
DATA_PATHS = re.compile(r"^/(api/|sta/|healthz$|readyz$|metrics$|openapi\.json$)")

EXPLANATIONS: dict[int, tuple[str, str]] = {
    400: (N_("This request cannot be understood"), N_("Go back and try again.")),
    401: (N_("Please log in"), N_("Your session has ended.")),
    403: (N_("You may not do this"), N_("Your role does not allow it, or the form came from another site.")),
    404: (N_("Nothing found here"), N_("The address is wrong, or you may not see this object.")),
    405: (N_("This cannot be done here"), N_("Go back and try again.")),
    409: (N_("This cannot be done now"), N_("The state has changed in the meantime. Look at the case again.")),
    412: (N_("Somebody was faster"), N_("This was changed after you opened it. Look again and decide anew.")),
    413: (N_("Too large"), N_("The file or form is larger than allowed.")),
    415: (N_("This type of file is not accepted"), N_("Photos, PDF, Word, Excel, CSV and text files are accepted.")),
    422: (N_("Something in the form is not right"), N_("Go back and correct it.")),
    428: (N_("Please open the page again"), N_("The form did not say which version it belongs to.")),
    429: (N_("Too many tries"), N_("Wait a moment and try again.")),
    500: (N_("Something went wrong on our side"), N_("The error was recorded. Tell us its number if it stays.")),
    502: (N_("A service did not answer rightly"), N_("The error was recorded. Try again in a moment.")),
    503: (N_("A service does not answer for now"), N_("Try again in a moment. Nothing of your input was kept.")),
}  # fmt: skip


def error_page(request: Request, status: int, code: str, detail: str) -> Response:
    """The page of an error; for htmx a note in the corner that leaves the page as it is."""
    title, advice = EXPLANATIONS.get(status, EXPLANATIONS[SERVER_ERROR if status >= SERVER_ERROR else 400])
    response = render(
        request, "pages/error.html", block="error_note", status=status,
        title=gettext(title), advice=gettext(advice), code=code, detail=detail,
    )  # fmt: skip
    if is_htmx(request):
        response.headers["HX-Retarget"] = "#toast"
        response.headers["HX-Reswap"] = "innerHTML"
    return response


def _answer(request: Request, status: int, code: str, detail: str, **extra: Any) -> Response:
    if DATA_PATHS.match(request.url.path):
        return problem(request, status, code, detail, **extra)
    return error_page(request, status, code, detail)


def login_address(request: Request) -> str:
    """The log-in page, coming back here afterwards; a form that was sent comes back to its page."""
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method != "GET":
        back = "/"
    return f"/login?next={quote(back)}" if back != "/" else "/login"


async def on_app_error(request: Request, error: Exception) -> Response:
    """A refusal of ours or of a service."""
    if not isinstance(error, AppError):
        raise error
    if error.status >= SERVER_ERROR:
        log.error("app_error", code=error.code, detail=error.message, path=request.url.path)
    if error.status == UNAUTHORIZED and not DATA_PATHS.match(request.url.path):
        return redirect(request, login_address(request))
    context = dict(error.context)
    errors = context.pop("errors", None) or []
    return _answer(request, error.status, error.code, error.message, context=context, errors=errors)


async def on_validation(request: Request, error: Exception) -> Response:
    """A form or an address whose fields are not of the right kind."""
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0] if error.errors() else {"loc": (), "msg": ""}
    where = ".".join(str(part) for part in first["loc"])
    status = 404 if first["loc"] and first["loc"][0] == "path" else 422
    return _answer(request, status, "invalid", f"{where}: {first['msg']}")


async def on_http(request: Request, error: Exception) -> Response:
    """What the framework refuses: unknown addresses, wrong methods, bodies over the limit."""
    if not isinstance(error, HTTPException):
        raise error
    return _answer(request, error.status_code, f"http_{error.status_code}", str(error.detail))


class LastResort:
    """Pure ASGI, inside the request context: an error nobody expected becomes a page with its number."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; refusals of the middleware inside are answered here too."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except AppError as error:
            if started:
                raise
            await (await on_app_error(Request(scope, receive), error))(scope, receive, send)
        except Exception:
            log.exception("unhandled", path=scope["path"])
            if started:
                raise
            response = _answer(Request(scope, receive), SERVER_ERROR, "internal_error", "")
            MutableHeaders(raw=response.raw_headers)["Connection"] = "close"
            await response(scope, receive, send)


def install(app: FastAPI) -> None:
    """Replace the kernel's JSON handlers by these."""
    app.add_exception_handler(AppError, on_app_error)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)

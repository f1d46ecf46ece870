"""Log-in, log-out, and where a role starts."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import SecretStr
from starlette.responses import Response

from shared.clients.base import ServiceCallError
from shared.contracts.identity import Login, SessionToken
from web.backends import Backends
from web.htmx import redirect
from web.i18n import gettext
from web.menu import start_page
from web.render import render
from web.session import MaybeViewer, cookie_name, end_session, keep_session

router = APIRouter(include_in_schema=False)
PAGE = "pages/login.html"
WRONG = 401
TOO_MANY = 429


def safe_next(path: str) -> str:
    """A path of this portal to go on to; anything that could lead elsewhere becomes the start."""
    inside = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if inside and not path.startswith("/login") else "/"


@router.get("/")
async def start(request: Request, viewer: MaybeViewer) -> Response:
    """To the page this role begins with; residents see the public list."""
    return redirect(request, start_page(viewer))


@router.get("/login")
async def show_login(request: Request, viewer: MaybeViewer, next: str = "/") -> Response:  # noqa: A002 - its name outside
    """The log-in page; who is logged in already goes on."""
    if viewer is not None:
        return redirect(request, safe_next(next))
    return render(request, PAGE, next=safe_next(next), username="", error="")


@router.post("/login")
async def log_in(
    request: Request,
    username: Annotated[str, Form(max_length=60)] = "",
    password: Annotated[str, Form(max_length=200)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002 - its name outside
) -> Response:
    """Open a session at identity and keep its token in the cookie."""
    backends: Backends = request.app.state.backends
    name = username.strip().lower()
    try:
        remote = request.client.host if request.client else ""
        session = await backends.identity.log_in(Login(username=name, password=SecretStr(password)), remote=remote)
    except ServiceCallError as error:
        if error.status not in {WRONG, TOO_MANY, 422}:
            raise
        text = (
            gettext("Too many tries. Wait a minute and try again.")
            if error.status == TOO_MANY
            else gettext("User name or password is not right.")
        )
        status = TOO_MANY if error.status == TOO_MANY else 422
        return render(request, PAGE, status=status, next=safe_next(next), username=name, error=text)
    response = redirect(request, safe_next(next))
    secure = request.app.state.settings.secure
    keep_session(response, session.session_token, session.expires_at, secure=secure)
    return response


@router.post("/logout")
async def log_out(request: Request) -> Response:
    """End the session at identity and here."""
    secure = request.app.state.settings.secure
    token = request.cookies.get(cookie_name(secure=secure), "")
    if token:
        request.app.state.sessions.forget(token)
        try:
            await request.app.state.backends.identity.log_out(SessionToken(session_token=token))
        except ServiceCallError as error:
            if error.status != WRONG:
                raise
    response = redirect(request, "/login")
    end_session(response, secure=secure)
    return response

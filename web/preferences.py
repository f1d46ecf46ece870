"""Language and theme of a request, without JavaScript: `?lang=en` or `?theme=dark` on any page is kept in a cookie."""

from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.i18n import current_language, negotiate, supported

THEMES = ("light", "dark")
LANGUAGE_COOKIE = "lang"
THEME_COOKIE = "theme"
MOST_FIELDS = 100
YEAR = 365 * 24 * 3600


def cookies_of(header: str) -> dict[str, str]:
    """Cookies of a request; one that cannot be read counts as none."""
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}


def _asked(query: str) -> tuple[str, str]:
    if not query:
        return "", ""
    try:
        fields = parse_qs(query, max_num_fields=MOST_FIELDS)
    except ValueError:
        return "", ""
    return fields.get("lang", [""])[0], fields.get("theme", [""])[0]


class Preferences:
    """Pure ASGI: choose language and theme, remember what the query asks for."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._attributes = f"Path=/; Max-Age={YEAR}; SameSite=Lax; HttpOnly" + ("; Secure" if secure else "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request in its language."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        cookies = cookies_of(headers.get(b"cookie", ""))
        asked, theme = _asked(scope["query_string"].decode("latin-1"))
        language = negotiate(asked, cookies.get(LANGUAGE_COOKIE), headers.get(b"accept-language", ""))
        chosen = theme if theme in THEMES else cookies.get(THEME_COOKIE, "")
        scope.setdefault("state", {})["theme"] = chosen if chosen in THEMES else THEMES[0]
        keep = []
        if asked and supported(asked):
            keep.append(f"{LANGUAGE_COOKIE}={language}; {self._attributes}")
        if theme in THEMES:
            keep.append(f"{THEME_COOKIE}={theme}; {self._attributes}")

        async def with_cookies(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(b"set-cookie", cookie.encode("latin-1")) for cookie in keep]
                message["headers"] = [*message.get("headers", []), *added]
            await send(message)

        mark = current_language.set(language)
        try:
            await self._app(scope, receive, with_cookies if keep else send)
        finally:
            current_language.reset(mark)

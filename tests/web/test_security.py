"""Cross-site forms, headers, cookies, sessions, the way through to the services."""

from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from shared.errors import UnauthenticatedError
from shared.testing import running
from tests.web.conftest import URLS, LogIn, make_settings
from tests.web.park import PASSWORD, Park
from web.main import create_app
from web.pages.account import safe_next
from web.proxy import Proxy
from web.security import CSP, DOCS_PATHS, CrossSiteError, check_same_site

LOGIN = {"username": "zhou", "password": PASSWORD}


@pytest.mark.parametrize(
    ("method", "path", "headers", "allowed"),
    [
        ("POST", "/triage/1", {"sec-fetch-site": "same-origin"}, True),
        ("POST", "/triage/1", {"sec-fetch-site": "none"}, True),
        ("POST", "/triage/1", {"sec-fetch-site": "same-site"}, False),
        ("POST", "/triage/1", {"sec-fetch-site": "cross-site"}, False),
        ("POST", "/triage/1", {"sec-fetch-site": "cross-site", "origin": "http://portal", "host": "portal"}, False),
        ("POST", "/triage/1", {"origin": "http://portal:8000", "host": "portal:8000"}, True),
        ("POST", "/triage/1", {"origin": "https://PORTAL", "host": "portal"}, True),
        ("POST", "/triage/1", {"origin": "http://portal:8001", "host": "portal:8000"}, False),
        ("POST", "/triage/1", {"origin": "http://evil", "host": "portal"}, False),
        ("POST", "/triage/1", {"origin": "http://portal.evil", "host": "portal"}, False),
        ("POST", "/triage/1", {"origin": "null", "host": "portal"}, False),
        ("POST", "/triage/1", {"host": "portal"}, False),
        ("POST", "/login", {"host": "portal"}, False),
        ("PUT", "/x", {"host": "portal"}, False),
        ("DELETE", "/x", {"host": "portal"}, False),
        ("GET", "/triage", {"sec-fetch-site": "cross-site"}, True),
        ("HEAD", "/triage", {}, True),
        ("POST", "/api/casework/v1/cases", {"origin": "http://evil", "host": "portal"}, True),
        ("POST", "/apidocs", {"origin": "http://evil", "host": "portal"}, False),
    ],
)
def test_same_site(method: str, path: str, headers: dict[str, str], *, allowed: bool) -> None:
    given = {name.encode(): value for name, value in headers.items()}
    if allowed:
        check_same_site(method, path, given)
    else:
        with pytest.raises(CrossSiteError):
            check_same_site(method, path, given)


async def test_form_of_another_site_gets_a_page_and_does_nothing(client: httpx.AsyncClient, park: Park) -> None:
    answer = await client.post("/login", data=LOGIN, headers={"Origin": "http://evil"})

    assert answer.status_code == 403
    assert "您无权进行此操作" in answer.text
    assert park.sessions == {}


def paths_of(app: FastAPI) -> list[str]:
    routes = [route for router in app.router.routes for route in getattr(router, "routes", [router])]
    found = {getattr(route, "path", "") for route in routes if isinstance(route, APIRoute)}
    return sorted(found | {"/", "/triage", "/login", "/static/css/parts.css", "/static/nothing", "/no/such/page"})


async def test_every_answer_has_the_headers(app: FastAPI, client: httpx.AsyncClient) -> None:
    asked = [path.replace("{", "").replace("}", "") for path in paths_of(app)]
    assert len(asked) > 5

    for path in asked:
        answer = await client.get(path)
        policy = answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert answer.headers["referrer-policy"] == "same-origin", path
        assert answer.headers["x-frame-options"] == "DENY", path
        assert policy == CSP or path in DOCS_PATHS, path
        assert "strict-transport-security" not in answer.headers, path


def test_policy_forbids_inline_code_and_foreign_sources() -> None:
    assert "unsafe" not in CSP
    assert "http" not in CSP
    assert "frame-ancestors 'none'" in CSP


async def test_no_page_has_inline_styles_scripts_or_handlers(log_in: LogIn) -> None:
    import re

    client = await log_in("zhou")
    for path in ("/triage", "/cases/WX-2026-000184", "/grades/2026Q3"):
        page = (await client.get(path)).text
        assert re.findall(r"<style|\sstyle=|\son\w+=|<script>|javascript:", page) == [], path


async def test_cookie_over_http_and_over_tls(park: Park) -> None:
    plain = create_app(make_settings(), park.network())
    secure = create_app(make_settings(public_url="https://portal"), park.network())

    async with running(plain, "portal", headers={"Origin": "http://portal"}) as client:
        first = await client.post("/login", data=LOGIN)
    async with running(secure, "portal", headers={"Origin": "https://portal"}) as client:
        second = await client.post("/login", data=LOGIN)

    assert first.headers["set-cookie"].startswith("sanse=session-zhou-0;")
    assert "HttpOnly" in first.headers["set-cookie"]
    assert "SameSite=lax" in first.headers["set-cookie"]
    assert second.headers["set-cookie"].startswith("__Host-sanse=session-zhou-1;")
    assert {"Secure", "HttpOnly", "Path=/"} <= set(second.headers["set-cookie"].split("; "))
    assert "Domain" not in second.headers["set-cookie"]
    assert second.headers["strict-transport-security"] == "max-age=31536000"


async def test_wrong_password_says_nothing_about_which(client: httpx.AsyncClient) -> None:
    answer = await client.post("/login", data={**LOGIN, "password": "wrong-password"})
    unknown = await client.post("/login", data={**LOGIN, "username": "nobody"})

    assert (answer.status_code, unknown.status_code) == (422, 422)
    assert "用户名或密码不正确" in answer.text
    assert "用户名或密码不正确" in unknown.text
    assert "wrong-password" not in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/cases?view=open", "/cases?view=open"), ("//evil", "/"), ("https://evil", "/"), ("/\\evil", "/"), ("", "/"),
     ("/login", "/"), ("/a\nb", "/")],
)  # fmt: skip
def test_next_stays_inside(path: str, expected: str) -> None:
    assert safe_next(path) == expected


async def test_session_is_exchanged_once_and_ends_at_identity(log_in: LogIn, park: Park) -> None:
    client = await log_in("zhou")
    await client.get("/cases")
    await client.get("/cases")
    assert park.exchanges == 1

    out = await client.post("/logout")
    after = await client.get("/cases")

    assert out.headers["location"] == "/login"
    assert park.sessions == {}
    assert after.headers["location"] == "/login?next=/cases"


async def test_token_that_a_service_refuses_leads_to_login(log_in: LogIn, park: Park) -> None:
    client = await log_in("zhou")
    park.refuse["casework/v1/cases"] = UnauthenticatedError("expired")

    assert (await client.get("/cases")).headers["location"] == "/login?next=/cases"


async def test_bug_becomes_a_page_with_its_number(app: FastAPI, client: httpx.AsyncClient) -> None:
    @app.get("/bug")
    async def bug() -> None:
        raise RuntimeError("secret detail")

    # The route must come before the proxy's and the mount's.
    app.router.routes.insert(0, app.router.routes.pop())

    answer = await client.get("/bug", headers={"X-Request-ID": "bug1"})

    assert answer.status_code == 500
    assert "bug1" in answer.text
    assert "secret" not in answer.text
    assert answer.headers["content-security-policy"] == CSP


@pytest.mark.parametrize(
    ("path", "status"),
    [("/no/such/page", 404), ("/cases/WX-0", 404), ("/visits/not-a-uuid", 404), ("/files/x", 404), ("/grades/x", 404)],
)
async def test_missing_things_are_pages(log_in: LogIn, path: str, status: int) -> None:
    client = await log_in("zhou")

    chinese = await client.get(path)
    english = await client.get(path, headers={"Accept-Language": "en"})

    assert (chinese.status_code, english.status_code) == (status, status)
    assert "没有找到内容" in chinese.text
    assert "Nothing found here" in english.text


async def test_api_takes_bearer_tokens_and_no_cookies(log_in: LogIn, park: Park) -> None:
    client = await log_in("zhou")
    park.headers.clear()

    without = await client.get("/api/casework/v1/cases")
    token = park.tokens.headers(*(), name="system")
    with_token = await client.get("/api/casework/v1/cases?view=open", headers=token)

    assert without.status_code == 401
    assert without.headers["content-type"] == "application/problem+json"
    assert with_token.status_code == 200
    assert with_token.json()["next"] == "more"
    [sent] = park.headers
    assert "cookie" not in sent
    assert sent["authorization"] == token["Authorization"]
    assert sent["x-request-id"] == with_token.headers["x-request-id"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/casework/internal", 404),
        ("/api/elsewhere/v1/x", 404),
        ("/api/casework/v1/%2e%2e/%2e%2e/metrics", 404),
        ("/api/grading/v1/lists/latest/public", 200),
        ("/api/identity/.well-known/jwks.json", 200),
    ],
)
async def test_api_paths(client: httpx.AsyncClient, path: str, status: int) -> None:
    assert (await client.get(path)).status_code == status


async def test_api_refuses_bodies_over_the_limit(app: FastAPI, client: httpx.AsyncClient, park: Park) -> None:
    app.state.proxy = Proxy(URLS, park.network(), max_body=1000)

    answer = await client.post(
        "/api/casework/v1/visits", content=b"x" * 1001, headers={"Authorization": "Bearer x", "Content-Type": "x/y"}
    )

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_service_that_does_not_answer_is_503(park: Park) -> None:
    network = park.network()
    del network.apps["detection"]
    async with running(create_app(make_settings(), network), "portal") as client:
        answer = await client.get("/api/detection/v1/rules", headers={"Authorization": "Bearer x"})

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_health(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/readyz")).status_code == 200
    assert "sanse_http_requests_total" in (await client.get("/metrics")).text
    assert (await client.get("/openapi.json")).json()["info"]["title"] == "Sanse portal"


def test_settings_name_the_missing_variable() -> None:
    from shared.settings import SettingsError
    from web.settings import WebSettings

    with pytest.raises(SettingsError, match="SANSE_INGEST_URL"):
        WebSettings.from_env({})
    full = {
        f"SANSE_{name}_URL": f"http://{name}/" for name in ("INGEST", "DETECTION", "CASEWORK", "GRADING", "IDENTITY")
    }
    settings = WebSettings.from_env({**full, "SANSE_DEMO": "1", "SANSE_WEB_URL": "https://x", "WEB_PORT": "80"})
    assert (settings.demo, settings.secure, settings.port, settings.urls["ingest"]) == (True, True, 80, "http://INGEST")


def test_clock_of_the_demo_is_the_stacks() -> None:
    assert make_settings().clock.now() == datetime(2026, 11, 23, 3, 43, tzinfo=UTC)

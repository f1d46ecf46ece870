"""In a real browser: accessibility, narrow screens, strict policy, htmx and scripts, and the same without scripts."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, sync_playwright

from shared.clock import monotonic
from shared.contracts.ingest import enterprise_uuid, outlet_uuid
from shared.testing import TokenMaker
from tests.web.conftest import make_settings
from tests.web.makers import uid
from tests.web.park import PASSWORD, Park
from web.main import create_app

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("web-browser"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed at /usr/bin/chromium"),
]

REPLIED, WAITING = "WX-2026-000184", "WX-2026-000190"
PAGES = [
    ("zhou", "/triage"),
    ("zhou", f"/cases/{REPLIED}"),
    ("zhou", "/cases"),
    ("zhou", "/visits"),
    ("zhou", f"/visits/{uid('visit WX-2026-000186')}"),
    ("zhou", f"/outlets/{outlet_uuid('E-001', 'DW001')}"),
    ("zhou", f"/enterprises/{enterprise_uuid('E-001')}"),
    ("wang", "/approvals"),
    ("wang", "/grades/draft"),
    ("wang", "/audit?verify=1"),
    ("hengze", "/todo"),
    ("hengze", f"/inquiries/{WAITING}"),
    ("hengze", f"/inquiries/{WAITING}/answer"),
    ("hengze", f"/rectifications/{uid('finding WX-2026-000196')}"),
    ("hengze", "/grade"),
    ("", "/public"),
    ("", "/login"),
    ("", "/no/such/page"),
]
SMALL_TARGETS = """() => [...document.querySelectorAll('a, button, input, select, summary')].filter(e => {
  const b = e.getBoundingClientRect();
  if (!b.width || e.closest('.vh, .skip, p, dd, li.sub, .quote') || e.type === 'hidden') return false;
  return b.height < 23.5 || b.width < 23.5;
}).filter(e => !e.closest('label')).map(e => e.outerHTML.slice(0, 120))"""


@dataclass
class Site:
    """The portal on a port, over a fake park."""

    url: str
    park: Park


@pytest.fixture
def site() -> Iterator[Site]:
    park = Park(TokenMaker())
    server = uvicorn.Server(
        uvicorn.Config(create_app(make_settings(), park.network()), port=0, log_level="error", ws="none")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    late = monotonic() + 20
    while not server.started:
        assert monotonic() < late, "the portal did not start"
        thread.join(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Site(f"http://127.0.0.1:{port}", park)
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def browser() -> Iterator[Browser]:
    """One a test: the driver keeps an event loop running in this thread."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def open_page(browser: Browser, site: Site, who: str = "", **options: Any) -> tuple[Page, list[str]]:
    """A page of somebody logged in, and what its console complains about."""
    page = browser.new_context(base_url=site.url, **options).new_page()
    page.set_default_timeout(10_000)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    if who:
        page.goto("/login")
        page.fill("#username", who)
        page.fill("#password", PASSWORD)
        page.click(".login .btn.pri")
    return page, said


@pytest.mark.parametrize("who", ["zhou", "wang", "hengze", ""])
def test_no_accessibility_violation_in_both_themes_and_languages(browser: Browser, site: Site, who: str) -> None:
    page, said = open_page(browser, site, who, viewport={"width": 1440, "height": 900})
    found = []
    for path in [path for user, path in PAGES if user == who]:
        for theme, language in (("light", "zh"), ("dark", "en")):
            page.goto(f"{path}{'&' if '?' in path else '?'}theme={theme}&lang={language}")
            for violation in Axe().run(page).response["violations"]:
                nodes = [node["html"][:160] for node in violation["nodes"][:3]]
                found.append((path, theme, language, violation["id"], nodes))

    assert found == []
    assert [text for text in said if "404" not in text and "/files/" not in text] == []
    page.context.close()


@pytest.mark.parametrize("who", ["zhou", "wang", "hengze", ""])
def test_narrow_pages_do_not_overflow_and_targets_are_large(browser: Browser, site: Site, who: str) -> None:
    page, _ = open_page(browser, site, who, viewport={"width": 390, "height": 844})
    for path in [path for user, path in PAGES if user == who]:
        for language in ("zh", "en"):
            page.goto(f"{path}{'&' if '?' in path else '?'}lang={language}")
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= 390, (path, language, width)
            assert page.evaluate(SMALL_TARGETS) == [], (path, language)
    page.context.close()


def test_supervisor_decides_with_scripts_and_stays_on_the_page(browser: Browser, site: Site) -> None:
    page, said = open_page(browser, site, "zhou", viewport={"width": 1440, "height": 900}, locale="zh-CN")
    page.wait_for_selector("#preview canvas")
    first = page.get_attribute("#preview", "data-no")

    page.click("#queue tbody tr:nth-child(2) a.ttl")
    page.wait_for_selector("#preview[data-no='WX-2026-000187']")
    assert page.url.endswith("selected=WX-2026-000187")
    page.go_back()
    page.wait_for_selector(f"#preview[data-no='{first}'] canvas")

    page.check("#decision input[value=return_reply]")
    assert page.is_hidden("#visit_at")
    page.select_option("#reason_code", "incomplete")
    page.click("#decision .btn.pri")
    page.wait_for_selector("#reason-error")
    page.fill("#reason", "缺少校准原始记录")
    page.check("#decision input[value=return_reply]")
    page.click("#decision .btn.pri")
    page.wait_for_selector("#triage .note.ok")

    assert [no for no, _ in site.park.acts] == [REPLIED]
    assert [text for text in said if "422" not in text] == []
    page.context.close()


def test_keys_move_through_the_queue_and_can_be_switched_off(browser: Browser, site: Site) -> None:
    page, _ = open_page(browser, site, "zhou", viewport={"width": 1440, "height": 900})
    page.wait_for_selector("#preview canvas")

    page.keyboard.press("j")
    page.wait_for_selector("#preview[data-no='WX-2026-000187']")
    page.keyboard.press("k")
    page.wait_for_selector(f"#preview[data-no='{REPLIED}']")
    page.keyboard.press("?")
    page.uncheck("#keys-on")
    page.click("h1")
    page.keyboard.press("j")
    page.wait_for_timeout(300)

    assert page.get_attribute("#preview", "data-no") == REPLIED
    page.context.close()


def test_whole_work_without_scripts(browser: Browser, site: Site) -> None:
    page, _ = open_page(browser, site, "zhou", java_script_enabled=False, viewport={"width": 1440, "height": 900})
    assert page.is_visible("#preview svg.plain-chart")
    page.click("#queue tbody tr:nth-child(2) a.ttl")
    assert page.get_attribute("#preview", "data-no") == "WX-2026-000187"
    page.goto(f"/triage?selected={REPLIED}")
    page.check("#decision input[value=verify_on_site]")
    page.select_option("#reason_code", "severe")
    page.fill("#visit_at", "2026-11-24T09:30")
    page.fill("#reason", "与校准记录矛盾")
    page.click("#decision .btn.pri")
    assert page.url.endswith(f"/triage?done={REPLIED}")
    page.click("button[aria-label='退出登录'], button[aria-label='Log out']")
    page.context.close()

    page, _ = open_page(browser, site, "hengze", java_script_enabled=False)
    page.click(f"a[href='/inquiries/{WAITING}'] >> nth=0")
    page.click(f"a[href='/inquiries/{WAITING}/answer']")
    page.check("input[value=calibration]")
    page.fill("#statement", "做标样校准后未切回测量状态")
    page.click("button[value=next]")
    page.fill("#actions", "已恢复测量")
    page.click("button[value=next]")
    page.set_input_files("#documents", {"name": "校准.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7"})
    page.click("button[value=stay]")
    assert page.is_visible("text=校准.pdf")
    page.click("button[value=next]")
    page.fill("#signer_role", "环保主管")
    page.click("button[value=send]")
    assert page.is_visible(f"text={WAITING}-1")
    page.context.close()

    assert [no for no, _ in site.park.acts] == [REPLIED, WAITING]

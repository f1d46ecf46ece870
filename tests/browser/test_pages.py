"""Every main page: no axe violation in both themes and languages, no overflow on a phone, no console error."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.browser.person import Person
from tests.live_stack import LiveStack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.xdist_group("stack")]
PAGES = {
    "zhou": [
        "/triage",
        "/triage?view=replied",
        "/cases",
        "/visits",
        "/rectifications",
        "/enterprises",
        "/grades",
        "/commands",
        "/devices",
        "/completeness",
        "/completeness?unit=quarter&sort=tvr",
    ],
    "hengze": ["/todo", "/cases", "/completeness", "/rectifications", "/grade", "/commands", "/devices"],
    "wang": [
        "/approvals",
        "/grades/draft",
        "/audit",
        "/commands/new",
        "/quarantine",
        "/unknown-devices",
        "/imports",
        "/standards",
        "/enterprises/new",
        "/devices/new",
    ],
    "admin": ["/admin/webhooks"],
    "": ["/public", "/public/grades", "/login"],
}
PAGES["hengze"] += ["/marks", "/marks/new", "/quality", "/quality/new"]
PAGES["hengze"] += ["/patrol"]
PAGES["zhou"] += ["/mining", *(f"/mining/{report}" for report in ("digits", "bunching", "repeats", "twins", "peers"))]
PAGES["zhou"] += ["/patrol", "/patrol?view=anomalous", "/rules", "/rules/CONST", "/detection/quality", "/evaluation"]
PAGES["wang"] += ["/detection/quality?by=outlet", "/detection/quality/labels"]
PAGES["zhou"] += ["/marks", "/quality", "/suppressions", "/suppressions/new"]
PAGES["zhou"] += ["/thresholds", "/thresholds/new"]
PAGES["hengze"] += ["/thresholds"]
LOOKS = [("zh", "light"), ("zh", "dark"), ("en", "light"), ("en", "dark")]


def first_case(person: Person) -> list[str]:
    """A case page, and the outlet and enterprise it leads to."""
    person.go("/cases")
    links = person.page.locator("main a[href^='/cases/WX']")
    if links.count() == 0:
        return []
    case = str(links.first.get_attribute("href"))
    person.go(case)
    more = [
        str(person.page.locator(f"main a[href^='/{kind}/']").first.get_attribute("href"))
        for kind in ("enterprises", "outlets")
    ]
    return [case, *more, f"{more[1]}/data", f"{more[1]}/data/table"]


@pytest.mark.parametrize("username", PAGES, ids=lambda name: name or "public")
def test_pages_are_accessible_in_every_look(chromium: Browser, stack: LiveStack, username: str) -> None:
    person = Person(chromium, stack, username)
    paths = PAGES[username] + (first_case(person) if username in {"zhou", "hengze"} else [])
    found = {}
    for language, theme in LOOKS:
        person.go(f"/public?lang={language}&theme={theme}")
        for path in paths:
            person.go(path)
            violations = Axe().run(person.page).response["violations"]
            if violations:
                found[f"{path} {language} {theme}"] = [
                    (one["id"], one["nodes"][0]["html"][:120], len(one["nodes"])) for one in violations
                ]
    person.leave()
    assert found == {}, json.dumps(found, ensure_ascii=False, indent=1)


@pytest.mark.parametrize("username", PAGES, ids=lambda name: name or "public")
def test_nothing_overflows_a_phone(chromium: Browser, stack: LiveStack, username: str) -> None:
    person = Person(chromium, stack, username)
    paths = PAGES[username] + (first_case(person) if username in {"zhou", "hengze", "wang"} else [])
    person.page.set_viewport_size({"width": 390, "height": 844})
    wide = {}
    for path in paths:
        person.go(path)
        width = person.page.evaluate("document.documentElement.scrollWidth")
        if width > 390:
            wide[path] = width
    person.leave()
    assert wide == {}

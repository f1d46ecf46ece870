"""Somebody at a browser."""

import re
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect

from tests.live_stack import LiveStack

TIMEOUT = 15_000


class Person:
    """A browser context of one person, with or without JavaScript; complains about any console error."""

    def __init__(self, chromium: Browser, stack: LiveStack, username: str = "", *, js: bool = True) -> None:
        size = {"width": 1440, "height": 900}
        self.context = chromium.new_context(java_script_enabled=js, locale="zh-CN", viewport=size)
        self.context.set_default_timeout(TIMEOUT)
        self.page: Page = self.context.new_page()
        self.web = stack.url("web")
        self.complaints: list[str] = []
        self.page.on(
            "console", lambda message: self.complaints.append(message.text) if message.type == "error" else None
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        if username:
            self._log_in(stack.login_of(username))

    def _log_in(self, login: dict[str, str]) -> None:
        self.go("/login")
        self.page.fill("input[name=username]", login["username"])
        self.page.fill("input[name=password]", login["password"])
        self.page.click("main form button")
        expect(self.page.locator("nav.side")).to_be_attached(timeout=TIMEOUT)

    def go(self, path: str) -> None:
        answer = self.page.goto(self.web + path)
        assert answer is not None
        assert answer.status == 200, f"{path}: {answer.status}"

    def sees(self, text: str | re.Pattern[str], where: str = "main") -> None:
        expect(self.page.locator(where)).to_contain_text(text, timeout=TIMEOUT)

    def form(self, event: str) -> Locator:
        """The form of an act, opened where it is folded."""
        form = self.page.locator(f"form:has(input[name=event][value={event}])").first
        fold = self.page.locator(f"details.act:has(input[name=event][value={event}])")
        if fold.count() and fold.first.get_attribute("open") is None:
            fold.first.locator("summary").click()
        return form

    def submit(self, button: str | Locator) -> None:
        """Press a button that posts, and wait for the answer to be shown."""
        place = self.page.locator(button) if isinstance(button, str) else button
        with self.page.expect_response(lambda answer: answer.request.method == "POST") as posted:
            place.first.click()
        assert posted.value.status < 400, f"{posted.value.url}: {posted.value.status}"
        self.page.wait_for_load_state("networkidle")

    def leave(self) -> None:
        self.context.close()
        assert self.complaints == []


def photo(folder: Path) -> Path:
    """A picture to upload."""
    from PIL import Image

    path = folder / "现场照片.png"
    Image.new("RGB", (64, 48), "steelblue").save(path)
    return path

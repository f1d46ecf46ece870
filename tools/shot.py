"""`make shot`: screenshots of the main pages of a running stack, in both languages and themes, into build/shots."""

import argparse
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CHROMIUM = os.environ.get("SANSE_CHROMIUM", "/usr/bin/chromium")
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
PAGES: dict[str, list[tuple[str, str]]] = {
    "zhou": [("triage", "/triage"), ("cases", "/cases"), ("visits", "/visits")],
    "hengze": [("todo", "/todo"), ("grade", "/grade")],
    "wang": [("list", "/grades/draft"), ("approvals", "/approvals")],
    "": [("public", "/public"), ("grades", "/public/grades"), ("login", "/login")],
}


@contextmanager
def browser() -> Iterator[Browser]:
    """Headless Chromium of this machine."""
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


def log_in(page: Page, stack: dict[str, Any], username: str) -> None:
    """Log in through the form."""
    login = next(row for row in stack["logins"] if row["username"] == username)
    page.goto(f"{stack['web']}/login")
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", login["password"])
    page.click("main form button")
    page.wait_for_load_state("networkidle")


def shots(stack: dict[str, Any], folder: Path) -> None:
    """Every page × language × theme, and the phone's width in Chinese."""
    folder.mkdir(parents=True, exist_ok=True)
    looks = [("zh", "light", WIDE), ("en", "light", WIDE), ("zh", "dark", WIDE), ("zh", "phone", PHONE)]
    with browser() as chromium:
        for username, pages in PAGES.items():
            for language, look, size in looks:
                context = chromium.new_context(viewport=size, locale="zh-CN" if language == "zh" else "en")
                page = context.new_page()
                if username:
                    log_in(page, stack, username)
                theme = "dark" if look == "dark" else "light"
                page.goto(f"{stack['web']}/public?lang={language}&theme={theme}")
                for name, path in pages:
                    page.goto(stack["web"] + path, wait_until="networkidle")
                    page.screenshot(path=folder / f"{name}-{language}-{look}.png", full_page=True)
                context.close()


def main() -> None:
    """Read the stack's file and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="data", help="the stack's data folder")
    parser.add_argument("--out", default="build/shots")
    options = parser.parse_args()
    note = Path(options.data) / "stack.json"
    if not note.exists():
        parser.error(f"{note} is not there: start the stack first (make up)")
    shots(json.loads(note.read_text(encoding="utf-8")), Path(options.out))
    print(f"pictures in {options.out}")


if __name__ == "__main__":
    main()

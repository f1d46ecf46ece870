"""A real Chromium on the running demo stack."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tools.shot import CHROMIUM, FLAGS


@pytest.fixture
def chromium() -> Iterator[Browser]:
    """Headless Chromium; without one these tests are skipped, except in CI, which installs it.

    One a test: the driver keeps an event loop running in this thread, in which no other test could run one.
    """
    path = shutil.which(CHROMIUM) or shutil.which("chromium")
    if path is None and not os.environ.get("CI"):
        pytest.skip("Chromium is not installed: apt-get install chromium")
    assert path, "CI must install Chromium"
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        running.close()

"""A real server and a real Chromium."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from factories.app import run_installation
from factories.site import Site, serve

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium; without one the tests are skipped, but never in CI."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing. Install it: apt-get install chromium")
        pytest.skip("Chromium is not installed.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def site(chromium: Browser, database_url: str, tmp_path: Path) -> Iterator[Site]:
    """A running server with one user of each role and the project WEB."""
    with run_installation(database_url, tmp_path / "home") as installation, serve(installation.client.app) as address:
        site = Site(address, installation, chromium)
        yield site
        for context in chromium.contexts:
            context.close()
        assert site.complaints == [], "The console must stay empty: an error, or the content policy was violated."

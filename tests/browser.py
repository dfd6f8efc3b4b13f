"""A real Chromium, and the site served for it.

``site.open(path)`` is a Playwright page. The fixture fails its test on anything that the browser
complains about: errors in the console, scripts that break, and what the content security policy
stopped. A test that provokes a complaint takes it out of ``site.complaints`` itself.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.db import connections
from django.test import Client
from django.test.testcases import LiveServerThread
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from pytest_django import Settings

from accounts.models import User

PROGRAMS: Final = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
HOW_TO_GET_ONE: Final = (
    "no Chromium: `apt-get install chromium-headless-shell` (Debian), or set CARAT_CHROMIUM"
    " to the program of any Chromium"
)
ARGUMENTS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE: Final = {"width": 390, "height": 844}
DESKTOP: Final = {"width": 1280, "height": 800}


@dataclass
class Site:
    """The served site, and what a test's browser has complained about."""

    url: str
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str, *, size: dict[str, int] | None = None) -> Page:
        """Open a page of the site in a new tab, of a phone's size unless told."""
        tab = self.context.new_page()
        tab.set_viewport_size({**PHONE, **(size or {})})  # type: ignore[typeddict-item]
        tab.on("console", self._heard)
        tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        tab.goto(f"{self.url}{path}")
        return tab

    def sign_in(self, user: User) -> None:
        """Give the browser a session of this person's."""
        client = Client()
        client.force_login(user)
        self.context.add_cookies(
            [
                {"name": name, "value": cookie.value, "url": self.url}
                for name, cookie in client.cookies.items()
            ]
        )

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text} ({message.location['url']})")


def program() -> str | None:
    """Return the Chromium to use: the one that is named, or the first that is installed."""
    named = os.environ.get("CARAT_CHROMIUM")
    return named or next(filter(None, map(shutil.which, PROGRAMS)), None)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a module's tests; each has a context of its own. Skips when there is none.

    Playwright runs an event loop in this thread, in which Django keeps other connections and would
    refuse to use them: both sides of it begin without any.
    """
    path = program()
    if path is None:
        pytest.skip(HOW_TO_GET_ONE)
    connections.close_all()
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()
        connections.close_all()


@pytest.fixture
def live_site(committed: str, settings: Settings) -> Iterator[str]:
    """Serve the site from the test's own database; its address, on a free port of localhost."""
    server = LiveServerThread("localhost", StaticFilesHandler)
    server.start()
    server.is_ready.wait()
    if server.error:
        raise server.error
    settings.SITE_URL = f"http://localhost:{server.port}"
    yield settings.SITE_URL
    server.terminate()


@pytest.fixture
def site(chromium: Browser, live_site: str) -> Iterator[Site]:
    """The site in a browser with JavaScript."""
    yield from _visit(chromium, live_site, javascript=True)


@pytest.fixture
def plain_site(chromium: Browser, live_site: str) -> Iterator[Site]:
    """The site in a browser without JavaScript."""
    yield from _visit(chromium, live_site, javascript=False)


def _visit(chromium: Browser, url: str, *, javascript: bool) -> Iterator[Site]:
    context = chromium.new_context(java_script_enabled=javascript, locale="en-GB")
    context.set_default_timeout(15_000)
    visited = Site(url=url, context=context)
    yield visited
    context.close()
    assert not visited.complaints, "the browser complained:\n" + "\n".join(visited.complaints)

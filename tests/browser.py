"""A real Chromium for the tests that need one: found, started once a module, and ended."""

import os
import shutil
from collections.abc import Iterator
from typing import Final

import pytest
from django.db import connections
from playwright.sync_api import Browser, sync_playwright

PROGRAMS: Final = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
HOW_TO_GET_ONE: Final = (
    "no Chromium: `apt-get install chromium-headless-shell` (Debian), or set CARAT_CHROMIUM"
    " to the program of any Chromium"
)
ARGUMENTS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def program() -> str | None:
    """Return the Chromium to use: the one that is named, or the first that is installed."""
    named = os.environ.get("CARAT_CHROMIUM")
    return named or next(filter(None, map(shutil.which, PROGRAMS)), None)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a module's tests. Skips when there is none, and says how to get one.

    Playwright runs an event loop in this thread. Django keeps other connections there than outside
    of it, and would refuse to use them: so both sides begin without any, and it is told not to.
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

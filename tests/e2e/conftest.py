"""A whole Carat for a browser: the real site in its server, the real stand-in, a real Chromium.

Every page of a test collects what the browser complains about; at its end there must be nothing.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import pytest
from django.conf import settings
from django.db import connection
from playwright.sync_api import Browser, ConsoleMessage, Error, Page

from tests.standin import ROOT, Standin, running_standin


@dataclass(frozen=True, slots=True)
class WholeSite:
    """Where the site under test answers, and its outside world."""

    url: str
    standin: Standin


@dataclass
class Visitor:
    """A page of a person's own browser, and what it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{self.page.url}: {message.text}")


@pytest.fixture
def whole_site(committed: str, tmp_path: Path) -> Iterator[WholeSite]:
    """The site served by one server, on this test's database, as the app role."""
    port = _free_port()
    url = f"http://localhost:{port}"
    with running_standin(tmp_path, webhook_url=f"http://127.0.0.1:{port}/hooks/stripe/") as outside:
        place = connection.settings_dict
        environment = os.environ | {
            "SITE_URL": url,
            "DATABASE_URL": f"postgresql://{place['USER']}@/{committed}?host={place['HOST']}",
            "REDIS_URL": settings.REDIS_URL,
            "BROKER_URL": settings.BROKER_URL,
            "SECRET_KEY": settings.SECRET_KEY,  # sessions that tests make are the site's too
            "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
            "ALLOW_STANDIN": "true",
            "STRIPE_API_KEY": outside.api_key,
            "STRIPE_WEBHOOK_SECRET": outside.webhook_secret,
            "STRIPE_API_URL": outside.url,
            "STRIPE_CHECKOUT_ORIGIN": outside.url,
            "STANDIN_BANK_URL": f"{outside.url}/bank/",
            "STANDIN_BANK_KEY": outside.bank_key,
            "DJANGO_SETTINGS_MODULE": "tests.e2e.site_settings",
        }
        command = [
            sys.executable, "-m", "granian", "--interface", "asginl", "--host", "127.0.0.1",
            "--port", str(port), "--workers", "1", "config.asgi:application",
        ]  # fmt: skip
        with (tmp_path / "site.log").open("w") as log:
            server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
            relay = subprocess.Popen(
                [sys.executable, "manage.py", "relay"],
                cwd=ROOT, env=environment, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            _await_answer(f"{url}/livez", server, tmp_path / "site.log")
            yield WholeSite(url, outside)
        finally:
            for program in (relay, server):
                program.terminate()
                program.wait(20)


@pytest.fixture
def visit(chromium: Browser, whole_site: WholeSite) -> Iterator[object]:
    """Open a browser of its own: ``visit(width=390, scripts=True)``. Complaints fail the test."""
    visitors: list[Visitor] = []

    def open_browser(*, width: int = 1280, scripts: bool = True) -> Page:
        context = chromium.new_context(
            base_url=whole_site.url,
            viewport={"width": width, "height": 844 if width < 700 else 900},
            java_script_enabled=scripts,
            reduced_motion="reduce",
        )
        context.set_default_timeout(15_000)
        visitor = Visitor(context.new_page())
        visitor.page.on("console", visitor.hear)
        visitor.page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        visitors.append(visitor)
        return visitor.page

    yield open_browser
    for visitor in visitors:
        _shut(visitor.page)
    assert [c for visitor in visitors for c in visitor.complaints] == []


def _shut(page: Page) -> None:
    with contextlib.suppress(Error):  # it may have gone with its browser
        page.context.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_answer(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        assert server.poll() is None, log.read_text()
        try:
            with urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"the site did not answer:\n{log.read_text()}")

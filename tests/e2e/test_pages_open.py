"""Every main page opens in a real browser: no complaint, no sideways scrolling, one heading."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from tests import factories
from tests.e2e.conftest import Visitor, WholeSite
from tests.e2e.test_loop import sign_in

pytestmark = pytest.mark.browser

PUBLIC = ["/", "/discover/", "/help/", "/rates/", "/seals/", "/terms/", "/accounts/signup/"]
FANS = [
    "/me/", "/me/menu/", "/balance/", "/coins/", "/balance/history/", "/balance/limits/",
    "/balance/spending/", "/me/notifications/",
]  # fmt: skip
CREATORS = ["/studio/", "/studio/gifts/", "/studio/payouts/", "/studio/live/", "/studio/videos/"]
WIDTHS = [390, 1280]

type Visit = Callable[..., Page]


def look_at(page: Page, path: str) -> None:
    page.goto(path)
    assert urlsplit(page.url).path == path, "the page led elsewhere"
    hidden = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

    assert page.locator("h1").count() == 1, path
    assert page.evaluate(hidden) == 0, f"{path} scrolls sideways"


@pytest.mark.parametrize("width", WIDTHS)
def test_public_pages_open(visit: Visit, width: int) -> None:
    page = visit(width=width)

    for path in PUBLIC:
        look_at(page, path)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_pages_of_a_creator_open(visit: Visit, whole_site: WholeSite, width: int) -> None:
    page = visit(width=width)
    sign_in(page, factories.make_creator("bob"))

    for path in FANS + CREATORS:
        look_at(page, path)


def test_control_what_the_policy_stops_is_a_complaint(
    chromium: Browser, whole_site: WholeSite
) -> None:
    visitor = Visitor(chromium.new_context(base_url=whole_site.url).new_page())
    visitor.page.on("console", visitor.hear)
    visitor.page.goto("/help/")

    with visitor.page.expect_console_message():
        visitor.page.evaluate("document.body.setAttribute('style', 'color: red')")

    assert any("Content Security Policy" in complaint for complaint in visitor.complaints)
    visitor.page.context.close()

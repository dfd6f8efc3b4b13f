"""Every main page opens in a real browser: no complaint, no sideways scrolling, with a heading."""

import pytest
from playwright.sync_api import Page

from tests import browser, factories
from tests.browser import Site

pytestmark = pytest.mark.browser

PUBLIC = ["/", "/discover/", "/help/", "/rates/", "/seals/", "/terms/", "/accounts/signup/"]
PRIVATE = ["/me/", "/me/menu/", "/balance/", "/coins/", "/balance/history/", "/me/notifications/"]
SIZES = [browser.PHONE, browser.DESKTOP]


def sideways(page: Page) -> int:
    """How many pixels of the page are out of sight to the right."""
    root = "document.documentElement"
    return int(page.evaluate(f"{root}.scrollWidth - {root}.clientWidth"))


@pytest.mark.parametrize("size", SIZES, ids=["phone", "desktop"])
def test_public_pages_open(site: Site, size: dict[str, int]) -> None:
    for path in PUBLIC:
        page = site.open(path, size=size)

        assert page.locator("h1").count() == 1, path
        assert sideways(page) == 0, path


@pytest.mark.parametrize("size", SIZES, ids=["phone", "desktop"])
def test_a_fans_pages_open(site: Site, size: dict[str, int]) -> None:
    site.sign_in(factories.make_user("alice"))

    for path in PRIVATE:
        page = site.open(path, size=size)

        assert page.locator("h1").count() == 1, path
        assert sideways(page) == 0, path


def test_a_fan_signs_in_without_javascript(plain_site: Site) -> None:
    alice = factories.make_user("alice")
    page = plain_site.open("/accounts/login/?next=/balance/")

    page.get_by_label("Email").fill(alice.email)
    page.get_by_label("Password", exact=True).fill(factories.PASSWORD)
    page.locator("main form button[type=submit]").first.click()

    page.wait_for_url("**/balance/")
    assert page.locator("h1").count() == 1


def test_control_what_the_policy_stops_is_heard(site: Site) -> None:
    page = site.open("/help/")

    page.evaluate("document.body.setAttribute('style', 'color: red')")
    page.wait_for_timeout(100)

    assert any("Content Security Policy" in complaint for complaint in site.complaints)
    site.complaints.clear()

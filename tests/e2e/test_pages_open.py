"""Every main page opens in a real browser: no complaint, no sideways scrolling, one heading."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Browser, Page

from accounts import reviewing
from accounts.models import Review, ReviewReason
from tests import factories
from tests.e2e.conftest import Visitor, WholeSite
from tests.e2e.test_loop import sign_in

pytestmark = pytest.mark.browser

PUBLIC = [
    "/", "/discover/", "/help/", "/rates/", "/seals/", "/terms/", "/accounts/signup/",
    "/guardians/",
]  # fmt: skip
FANS = [
    "/me/", "/me/menu/", "/balance/", "/coins/", "/balance/history/", "/balance/limits/",
    "/balance/spending/", "/me/notifications/",
]  # fmt: skip
SAFETY = ["/me/reviews/", "/me/blocks/", "/@alice/report/", "/@alice/"]
CREATORS = ["/studio/", "/studio/gifts/", "/studio/payouts/", "/studio/live/", "/studio/videos/"]
WIDTHS = [390, 1280]

type Visit = Callable[..., Page]


def look_at(page: Page, path: str) -> None:
    page.goto(path)
    hidden = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

    assert urlsplit(page.url).path == path, f"{path} leads to {page.url}"
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
    factories.make_creator("alice")
    bob = factories.make_creator("bob")
    sign_in(page, bob)
    with transaction.atomic():
        review = reviewing.open_review(
            subject_id=bob.pk,
            reason=ReviewReason.SPEND_ABS,
            subject_key=f"user:{bob.pk}",
            grounds=reviewing.Grounds(reasons=["About US$170 in 24 hours."], is_by_rule=True),
            restricts=Review.Restriction.LARGE_PURCHASES,
            at=timezone.now(),
        )

    for path in [*FANS, *CREATORS, *SAFETY, f"/me/reviews/{review.pk}/"]:
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

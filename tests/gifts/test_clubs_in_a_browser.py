"""Joining a club in a real browser: the gift, the badge, the pages, whatever names hold."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from playwright.sync_api import Browser

from accounts.models import User
from gifts.models import Entitlement, Room
from tests.factories import give_coins, make_creator, make_user
from tests.gifts.test_crowd_in_a_browser import EVIL, _answers, say
from tests.gifts.test_room_in_a_browser import aside, open_room
from tests.gifts.world import make_room, send, version
from tests.programs import Programs
from tests.streams import wait_until

pytestmark = pytest.mark.browser


@pytest.fixture
def address(committed: str, tmp_path: Path) -> Iterator[str]:
    """The site with its streams and its relay, on this test's own database."""
    programs = Programs(committed, tmp_path)
    programs.start("stream")
    programs.start("relay")
    wait_until(lambda: _answers(programs.url))
    yield programs.url
    programs.stop()


@pytest.fixture
def browser(chromium: Browser, address: str) -> Browser:
    """Chromium, with the site to visit."""
    return chromium


def cast() -> tuple[User, User, Room]:
    bob = make_creator("bob", display_name=EVIL)
    alice, mallory = make_user("alice"), make_user("mallory", display_name=EVIL, is_ranked=True)
    with transaction.atomic():
        for person in (alice, mallory):
            give_coins(person, 5_000)
    return alice, mallory, make_room(bob)


def test_a_fan_joins_the_club_and_wears_it_and_names_are_words(address: str, browser: Any) -> None:
    alice, mallory, room = aside(cast)
    join, crown = aside(lambda: (version("join-heart").pk, version("club-crown").pk))
    page = open_room(browser, address, room, alice)
    locked = page.locator(f'[data-gift-grid] input[value="{crown}"]')
    assert locked.is_disabled()
    page.get_by_text("Unlocks at club level 2").wait_for(state="attached")

    page.locator(f'label:has(input[value="{join}"])').click()
    page.get_by_role("button", name="Send", exact=True).click()
    page.locator("[data-room-chat] [data-sending]", has_text="Join Heart").wait_for()
    wait_until(lambda: aside(Entitlement.objects.count) == 1)

    aside(lambda: send(mallory, room, "join-heart"))
    joined = page.locator("[data-room-chat] [data-joined]", has_text=EVIL)
    joined.wait_for()
    assert joined.inner_text().split("\n")[-1].endswith("joined the fan club")
    aside(lambda: send(mallory, room, "heart", quantity=60))
    page.locator("[data-room-chat] [data-sending]", has_text="×60").wait_for()
    wait_until(lambda: aside(lambda: send(alice, room, "bouquet", quantity=10).coins) == 100)
    page.locator("[data-room-chat] [data-sending]", has_text="Bouquet").first.wait_for()
    aside(lambda: say(mallory, room, f"{EVIL} hello"))
    line = page.locator("[data-room-chat] [data-kind=say]", has_text="hello")
    line.wait_for()
    assert line.locator(".worn-level").inner_text().split() == ["fan", "level", "2"]
    assert line.locator(".worn-club").inner_text().split() == ["club", "level", "1"]
    assert page.locator("[data-room] img").count() == 0
    page.reload()
    assert page.locator("[data-room-chat] [data-joined]").count() == 2
    assert page.locator("[data-room-chat] [data-kind=say] .worn-level:visible").count() == 1
    assert page.locator(f'[data-gift-grid] input[value="{crown}"]').is_enabled()

    page.goto(f"{address}/@bob/club/")
    page.get_by_role("heading", name="You are at club level 2").wait_for()
    page.get_by_text(EVIL).first.wait_for()
    assert page.locator("main img").count() == 0
    page.goto(f"{address}/me/clubs/")
    page.get_by_role("heading", name="Fan level 2").wait_for()
    assert page.complaints == []

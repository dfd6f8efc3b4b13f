"""Creators' tools in a real browser: the overlay over a picture, and planning a live."""

import struct
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Browser, expect

from accounts.models import User
from gifts import goals, overlays, rooms
from gifts.models import LiveReminder, Room
from tests.factories import give_coins, make_creator, make_user
from tests.gifts.test_room_in_a_browser import aside, signed_in
from tests.gifts.world import make_room, send
from tests.programs import Programs
from wallet import ledger

pytestmark = pytest.mark.browser
EVIL = '<img src=x onerror="alert(1)">'


@pytest.fixture
def address(committed: str, tmp_path: Path) -> Iterator[str]:
    """The site with its streams and its relay, on this test's own database."""
    programs = Programs(committed, tmp_path)
    programs.start("stream")
    programs.start("relay")
    programs.await_pages()
    yield programs.url
    programs.stop()


@pytest.fixture
def browser(chromium: Browser, address: str) -> Browser:
    """Chromium, with the site to visit."""
    return chromium


def cast() -> tuple[User, User, Room]:
    bob, mallory = make_creator("bob"), make_user("mallory", display_name=EVIL, is_ranked=True)
    with transaction.atomic():
        give_coins(mallory, 5_000)
    return bob, mallory, make_room(bob)


def renew(creator: User) -> str:
    return overlays.renew(creator_id=creator.pk, at=timezone.now())


def open_page(browser: Any, url: str, **options: Any) -> Any:
    size = {"width": 1280, "height": 720}
    context = browser.new_context(viewport=options.pop("viewport", size), **options)
    page = context.new_page()
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on(
        "console",
        lambda message: page.complaints.append(message.text) if message.type == "error" else None,
    )
    page.goto(url)
    return page


def corner_alpha(png: bytes) -> int:
    """How opaque the picture's first pixel is, 0 to 255."""
    width, _, depth, colour = struct.unpack(">IIBB", png[16:26])
    assert (depth, colour) == (8, 6), "a picture with transparency"
    chunks, place = b"", 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        if png[place + 4 : place + 8] == b"IDAT":
            chunks += png[place + 8 : place + 8 + length]
        place += 12 + length
    assert width == 1280
    return zlib.decompress(chunks)[
        4
    ]  # after the filter of the first row, which begins from nothing


def test_the_overlay_shows_gifts_goal_and_ranks_on_a_transparent_page(
    address: str, browser: Any
) -> None:
    bob, mallory, room = aside(cast)
    secret = aside(lambda: renew(bob))

    def hope() -> None:
        goals.set_goal(
            goal_id=ledger.new_operation_id(), room_id=room.pk, creator_id=bob.pk,
            words="Encore", target_coins=200, at=timezone.now(),
        )  # fmt: skip

    page = open_page(browser, f"{address}/overlay/{secret}/?sound=on")
    aside(hope)
    page.get_by_text("Encore").wait_for()
    aside(lambda: send(mallory, room, "bouquet", quantity=9))
    page.locator(".gift-banner", has_text=EVIL).wait_for()
    page.locator("[data-goal]", has_text="90 of 200 coins").wait_for()
    page.locator("[data-ranks] > :first-child", has_text="90").wait_for()
    aside(lambda: send(mallory, room, "corgi"))
    page.locator(".gift-show[data-gift=corgi]").wait_for()

    assert page.locator("[data-room] img").count() == 0
    assert corner_alpha(page.screenshot(omit_background=True)) == 0
    assert page.locator("form, input, a, [data-room] button:visible").count() == 0
    assert page.complaints == []


def test_the_overlay_follows_to_the_next_live_and_ends_with_its_address(
    address: str, browser: Any
) -> None:
    bob, mallory, room = aside(cast)
    secret = aside(lambda: renew(bob))
    page = open_page(browser, f"{address}/overlay/{secret}/?show=gifts")
    page.locator(f'[data-place="{room.pk}"]').wait_for()
    aside(lambda: rooms.end_room(room_id=room.pk, by_id=bob.pk, why="Done.", at=timezone.now()))
    following = aside(lambda: make_room(bob))
    page.locator(f'[data-place="{following.pk}"]').wait_for(timeout=45_000)
    aside(lambda: send(mallory, following, "heart"))
    page.locator(".gift-banner", has_text="Heart").wait_for()
    assert page.complaints == []

    fresh = aside(lambda: renew(bob))
    page.get_by_text("No overlay at this address.").wait_for(timeout=45_000)
    answer = page.request.get(f"{address}/overlay/{fresh}/")
    assert answer.status == 200
    assert [words for words in page.complaints if "404" not in words] == []


def test_a_creator_plans_a_live_and_a_fan_is_reminded_in_their_own_clock(
    address: str, browser: Any
) -> None:
    bob, mallory, room = aside(cast)
    aside(lambda: rooms.end_room(room_id=room.pk, by_id=bob.pk, why="Done.", at=timezone.now()))
    day = f"{timezone.now() + timedelta(days=2):%Y-%m-%d}"
    page = open_page(browser, f"{address}/livez")
    sign_in(page, address, bob)
    page.goto(f"{address}/studio/schedule/")
    page.fill("[name=title]", EVIL)
    page.fill("[name=starts_at]", f"{day}T12:30")
    page.get_by_role("button", name="Plan it").click()
    page.get_by_text("Planned. It is on your page").wait_for()

    fan = open_page(browser, f"{address}/livez", timezone_id="Asia/Tokyo")
    sign_in(fan, address, mallory)
    fan.goto(f"{address}/@bob/")
    fan.locator(".planned", has_text=EVIL).wait_for()
    expect(fan.locator("time[data-when]")).to_contain_text("9:30")  # 12:30 UTC in Tokyo
    fan.get_by_role("button", name="Remind me").click()
    fan.get_by_role("button", name="do not remind me any more").wait_for()

    assert aside(LiveReminder.objects.count) == 1
    assert fan.locator(".planned img").count() == 0
    assert page.complaints == fan.complaints == []


def test_a_creator_makes_the_address_renews_and_ends_it(address: str, browser: Any) -> None:
    bob, _, _ = aside(cast)
    page = open_page(browser, f"{address}/livez")
    sign_in(page, address, bob)
    page.goto(f"{address}/studio/overlay/")

    page.get_by_role("button", name="Make the address").click()
    first = page.locator(".tools-address code").inner_text()
    page.get_by_role("button", name="Make a new address").click()
    page.get_by_text("Your address, shown this once").wait_for()
    second = page.locator(".tools-address code").inner_text()
    statuses = [
        page.request.get(address + urlsplit(one).path).status for one in (first, second)
    ]  # fmt: skip
    page.get_by_role("button", name="End the overlay").click()
    page.get_by_text("The address is dead.").wait_for()

    assert statuses == [404, 200]
    assert page.request.get(address + urlsplit(second).path).status == 404
    assert page.complaints == []


def sign_in(page: Any, address: str, viewer: User) -> None:
    key = aside(lambda: signed_in(viewer))
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": key, "url": address}])

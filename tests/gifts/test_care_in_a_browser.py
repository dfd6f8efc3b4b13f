"""Care in a real browser: a big gift taken back, a hidden name, and how long one has watched."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Browser, expect

from accounts.models import OutboxEvent, User
from gifts.models import HeldGift, Room, Sending
from tests.factories import give_coins, make_creator, make_user
from tests.gifts.test_room_in_a_browser import aside, choose, open_room, until
from tests.gifts.world import coins, make_room, send
from tests.programs import Programs

pytestmark = pytest.mark.browser


@pytest.fixture
def programs(committed: str, tmp_path: Path) -> Iterator[Programs]:
    made = Programs(committed, tmp_path)
    made.start("stream")
    made.start("relay")
    made.await_pages()
    yield made
    made.stop()


@pytest.fixture
def address(programs: Programs) -> str:
    return programs.url


@pytest.fixture
def browser(chromium: Browser, address: str) -> Browser:
    return chromium


def cast() -> tuple[User, Room]:
    """Somebody who joined long ago, with 12,000 coins, and bob's room."""
    alice = make_user("alice")
    User.objects.filter(pk=alice.pk).update(joined_at=timezone.now() - timedelta(days=30))
    with transaction.atomic():
        give_coins(alice, 12_000)
    return alice, make_room(make_creator("bob"))


def send_big(page: Any) -> None:
    """Five fireworks, 5,440 coins, with the question answered."""
    choose(page, "Fireworks")
    page.fill("[data-gift-form] [name=quantity]", "5")
    page.click(".gift-send")
    page.locator("dialog[open] button[type=submit]").click()
    page.locator("[data-held-gifts] form").wait_for()


def test_a_big_gift_is_taken_back_within_ten_seconds_and_nobody_saw_it(
    address: str, browser: Any
) -> None:
    alice, room = aside(cast)
    bob = aside(lambda: User.objects.get(handle="bob"))
    watching = open_room(browser, address, room, bob)
    page = open_room(browser, address, room, alice)

    send_big(page)
    assert aside(lambda: coins(alice)) == 6_560
    page.get_by_role("button", name="Take it back").click()
    page.get_by_text("Taken back. Your 5,440 coins are yours again.").wait_for()

    assert aside(lambda: coins(alice)) == 12_000
    assert page.inner_text("[data-nav-coins]").split()[0] == "12,000"
    assert aside(lambda: HeldGift.objects.get().state) == HeldGift.State.TAKEN_BACK
    assert aside(Sending.objects.count) == 0
    assert aside(OutboxEvent.objects.filter(name="gift.sent").count) == 0
    aside(lambda: send(alice, room, "corgi"))  # what comes after it arrives, and it did not
    watching.locator("[data-room-chat] [data-slug=corgi]").wait_for()
    assert watching.locator("[data-slug=fireworks], .gift-show[data-gift=fireworks]").count() == 0
    assert page.complaints == watching.complaints == []


def test_a_combo_with_the_name_hidden_is_somebodys_for_everyone(address: str, browser: Any) -> None:
    alice, room = aside(cast)
    bob = aside(lambda: User.objects.get(handle="bob"))
    watching = open_room(browser, address, room, bob)
    page = open_room(browser, address, room, alice)

    choose(page, "Finger Heart")
    page.locator("[data-gift-form]").get_by_label("Hide my name").check()
    page.click(".gift-send")
    line = watching.locator("[data-room-chat] [data-sending]").first
    expect(line).to_contain_text("Somebody")
    until(page, "document.querySelector('[data-visit-sum]').textContent.includes('€')")

    assert aside(lambda: Sending.objects.get().is_hidden)
    assert "Alice" not in watching.inner_text("[data-room]")
    assert page.locator("[data-gift-form]").get_by_label("Hide my name").is_checked()
    assert page.complaints == watching.complaints == []


def rest(page: Any, minutes: int) -> None:
    """Let so much of the page's time pass."""
    page.clock.run_for(minutes * 60_000)


def test_after_an_hour_in_any_rooms_one_is_told_and_both_ways_on_are_open(
    address: str, browser: Any
) -> None:
    alice, room = aside(cast)
    other = aside(lambda: make_room(make_creator("carol")))
    page = open_room(browser, address, room, alice)
    page.clock.install()
    page.reload()
    dialog = page.locator("dialog[data-break][open]")
    aside(lambda: send(alice, room, "bouquet", quantity=10))

    rest(page, 40)
    page.goto(f"{address}/live/{other.pk}/")
    rest(page, 18)
    assert dialog.count() == 0  # the control: 58 minutes
    rest(page, 3)
    dialog.wait_for()

    words = dialog.inner_text()
    assert "You have watched for 1 hour." in words
    assert "€1.20" in words
    expect(page.get_by_role("dialog", name="Time to look up")).to_be_visible()
    assert "Take a break" in words
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    rest(page, 58)
    assert dialog.count() == 0
    rest(page, 3)
    dialog.wait_for()
    assert "You have watched for 2 hours." in dialog.inner_text()
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog).to_have_count(0)
    rest(page, 61)
    dialog.get_by_role("link", name="Take a break").click()
    page.wait_for_url("**/balance/limits/#break")
    assert page.complaints == []


def test_who_wants_no_reminder_gets_none(address: str, browser: Any) -> None:
    alice, room = aside(cast)
    aside(lambda: User.objects.filter(pk=alice.pk).update(break_after_min=0))
    page = open_room(browser, address, room, alice)
    page.clock.install()
    page.reload()

    rest(page, 125)

    assert page.locator("dialog[data-break]").count() == 0

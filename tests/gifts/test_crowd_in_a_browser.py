"""Around the gift in a real browser, with its stream: goal, top gifters, chat, paid words."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Browser

from accounts.models import Follow, User
from gifts import chat, goals, moderation, services
from gifts.models import ChatMessage, Room
from tests.factories import give_coins, make_creator, make_user
from tests.gifts.test_room_in_a_browser import aside, open_room
from tests.gifts.world import make_room, send, version
from tests.programs import Programs
from tests.streams import wait_until
from wallet import ledger

pytestmark = pytest.mark.browser
EVIL = '<img src=x onerror="alert(1)">'


@pytest.fixture
def address(committed: str, tmp_path: Path) -> Iterator[str]:
    """The site with its streams and its relay, on this test's own database."""
    programs = Programs(committed, tmp_path)
    programs.start("stream")
    programs.start("relay")
    wait_until(lambda: _answers(programs.url))
    yield programs.url
    programs.stop()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/livez").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def browser(chromium: Browser, address: str) -> Browser:
    """Chromium, with the site to visit."""
    return chromium


def cast() -> tuple[User, User, Room]:
    bob = make_creator("bob")
    alice = make_user("alice", is_ranked=True)
    mallory = make_user("mallory", display_name=EVIL, is_ranked=True)
    with transaction.atomic():
        for person in (alice, mallory):
            give_coins(person, 5_000)
    return alice, mallory, make_room(bob)


def say(author: User, room: Room, words: str) -> ChatMessage:
    return chat.say(
        message_id=ledger.new_operation_id(),
        room_id=room.pk,
        author_id=author.pk,
        words=words,
        at=timezone.now(),
    )


def set_goal(room: Room, coins: int) -> None:
    goals.set_goal(
        goal_id=ledger.new_operation_id(),
        room_id=room.pk,
        creator_id=room.creator_id,
        words="Sing the <b>encore</b>",
        target_coins=coins,
        at=timezone.now(),
    )


def test_goal_and_ranks_follow_the_gifts(address: str, browser: Any) -> None:
    alice, mallory, room = aside(cast)
    page = open_room(browser, address, room, alice)
    aside(lambda: set_goal(room, 200))
    page.get_by_text("Sing the <b>encore</b>").wait_for()

    aside(lambda: send(mallory, room, "bouquet", quantity=9))
    page.get_by_text("90 of 200 coins").wait_for()
    aside(lambda: send(alice, room, "bouquet", quantity=12))
    page.get_by_text("Reached: Sing the <b>encore</b>").wait_for()

    assert page.locator("[data-bar]").evaluate("bar => bar.value") == 200
    names = page.locator("[data-ranks] [data-name]").all_inner_texts()
    assert names == ["Alice", EVIL]
    aside(lambda: send(mallory, room, "paper-crane"))
    page.locator("[data-ranks] > :first-child", has_text="189").wait_for()
    assert page.locator("[data-ranks] [data-name]").all_inner_texts() == [EVIL, "Alice"]
    assert page.complaints == []


def test_chat_is_said_once_whatever_the_network_does_and_words_are_words(
    address: str, browser: Any
) -> None:
    alice, mallory, room = aside(cast)
    page = open_room(browser, address, room, alice)
    lost: list[str] = []

    def lose_the_first(route: Any) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.fetch().text())
        route.abort()

    page.route("**/chat/", lose_the_first)
    page.fill(".room-say", "Hello everyone")
    page.press(".room-say", "Enter")
    page.get_by_text("No answer came back.").wait_for()
    page.press(".room-say", "Enter")
    wait_until(lambda: page.input_value(".room-say") == "")
    line = page.locator("[data-room-chat] [data-kind=say]", has_text="Hello everyone")
    line.wait_for()
    assert line.count() == 1
    assert aside(ChatMessage.objects.count) == 1

    evil = aside(lambda: say(mallory, room, f"{EVIL} javascript:alert(1)"))
    page.locator(f'[data-message="{evil.pk}"]', has_text=EVIL).wait_for()
    assert page.locator("[data-room] img").count() == 0
    aside(
        lambda: moderation.remove_message(
            message_id=evil.pk, by_id=room.creator_id, at=timezone.now()
        )
    )
    page.locator(f'[data-message="{evil.pk}"]').wait_for(state="detached")
    assert [words for words in page.complaints if "ERR_FAILED" not in words] == []


def test_paid_words_stay_up_and_their_author_sees_what_is_left(address: str, browser: Any) -> None:
    alice, mallory, room = aside(cast)
    page = open_room(browser, address, room, alice)
    page.select_option("select[name=gift]", str(aside(lambda: version("megaphone").pk)))
    page.fill(".room-say", "Look at me")
    page.click(".room-send")
    page.get_by_text("Highlighted for 100 coins. 4,900 coins left.").wait_for()
    page.locator("[data-highlights]", has_text="Look at me").wait_for()

    def shout() -> None:
        services.send_gift(
            operation_id=ledger.new_operation_id(),
            sender_id=mallory.pk,
            gift_version_id=version("billboard").pk,
            quantity=1,
            room_id=room.pk,
            words=EVIL,
            at=timezone.now(),
        )

    aside(shout)
    page.locator("[data-highlights] > :first-child", has_text=EVIL).wait_for()
    assert page.locator("[data-highlights] > li").count() == 2
    page.reload()
    assert page.locator("[data-highlights] > li").count() == 2
    assert page.complaints == []


def test_a_moderator_opens_a_message_mutes_its_author_and_stays_in_the_room(
    address: str, browser: Any
) -> None:
    _, mallory, room = aside(cast)
    bob = aside(lambda: User.objects.get(handle="bob"))
    page = open_room(browser, address, room, bob)
    aside(lambda: say(mallory, room, "Rude words"))
    page.locator(".chat-line", has_text="Rude words").get_by_label("About this message").click()
    dialog = page.locator("[data-talk-dialog][open]")
    dialog.get_by_text("Report it to our staff").wait_for()
    dialog.get_by_role("button", name="Mute @mallory").click()
    page.get_by_text("@mallory is muted.").wait_for()

    other = open_room(browser, address, room, mallory)
    other.get_by_text("Bob or a moderator has muted you").wait_for()
    assert other.locator("[data-talk-form]").count() == 0
    assert page.complaints == other.complaints == []


def test_following_does_not_leave_the_room(address: str, browser: Any) -> None:
    alice, _, room = aside(cast)
    page = open_room(browser, address, room, alice)
    page.get_by_role("button", name="Follow", exact=True).click()
    page.get_by_role("button", name="Following").wait_for()

    assert page.url == f"{address}/live/{room.pk}/"
    assert aside(Follow.objects.count) == 1
    assert page.complaints == []

"""The room in a real browser, with its stream: gifts on stage, combos, and one gift per intention.

The site and the relay run as programs; at the end of each test the browser has nothing to complain.
"""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connections, transaction
from django.db.models import Sum
from django.utils import timezone
from playwright.sync_api import Browser, expect

from accounts.models import OutboxEvent, User
from gifts import rooms
from gifts.models import Room, Sending, Streak
from tests.factories import give_coins, make_creator, make_user
from tests.gifts.world import coins, make_room, make_video, send
from tests.programs import Programs
from tests.streams import wait_until
from wallet import ledger

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
    """The site of this test's own database."""
    return programs.url


@pytest.fixture
def browser(chromium: Browser, address: str) -> Browser:
    """Chromium, with the site to visit."""
    return chromium


def aside[T](deed: Callable[[], T]) -> T:
    """Do something with the database in a thread of its own."""

    def done() -> T:
        try:
            return deed()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(done).result()


def cast() -> tuple[User, Room]:
    alice = make_user("alice")
    with transaction.atomic():
        give_coins(alice, 5_000)
    return alice, make_room(make_creator("bob"))


def signed_in(viewer: User) -> str:
    session = SessionStore()
    session[SESSION_KEY] = str(viewer.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = viewer.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def rich_mallory() -> User:
    mallory = make_user("mallory", display_name='<img src=x onerror="alert(1)">')
    with transaction.atomic():
        give_coins(mallory, 1_000)
    return mallory


def open_room(browser: Any, address: str, room: Room, viewer: User, **options: Any) -> Any:
    key = aside(lambda: signed_in(viewer))
    size = {"width": 1280, "height": 800}
    context = browser.new_context(viewport=options.pop("viewport", size), **options)
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": key, "url": address}
    context.add_cookies([cookie])
    page = context.new_page()
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on(
        "console",
        lambda message: page.complaints.append(message.text) if message.type == "error" else None,
    )
    page.goto(f"{address}/live/{room.pk}/")
    if options.get("java_script_enabled", True):
        page.locator("[data-room-viewers]:not([hidden])").wait_for()  # it hears the stream
    return page


def choose(page: Any, name: str) -> None:
    page.locator(".gift-cell", has_text=name).first.click()


def until(page: Any, true: str) -> None:
    """Await a condition of the page; its policy lets no script make scripts to wait with."""
    for _ in range(400):
        if page.evaluate(true):
            return
        page.wait_for_timeout(50)
    raise AssertionError(true)


def answer(page: Any, words: str) -> None:
    page.locator("[data-gift-answer]", has_text=words).wait_for()


def test_a_double_click_sends_once_and_the_balance_follows(address: str, browser: Any) -> None:
    alice, room = aside(cast)
    page = open_room(browser, address, room, alice)

    choose(page, "Corgi")
    page.dblclick(".gift-send")
    answer(page, "You sent Corgi to Bob.")

    assert page.inner_text("[data-nav-coins]").split()[0] == "4,701"
    assert page.get_attribute("[data-gift-balance]", "data-coins") == "4701"
    page.locator("[data-room-chat] [data-slug=corgi]").wait_for()
    assert aside(Sending.objects.count) == 1
    assert aside(lambda: coins(alice)) == 4_701
    assert page.complaints == []


def lose_first_answers(page: Any, count: int) -> list[str]:
    """The network loses the answers to the first sends; they had arrived."""
    lost: list[str] = []

    def handle(route: Any) -> None:
        if len(lost) < count:
            lost.append(route.fetch().text())
            route.abort()
        else:
            route.continue_()

    page.route("**/gifts/", handle)
    return lost


def test_a_lost_answer_and_a_second_press_send_once(address: str, browser: Any) -> None:
    alice, room = aside(cast)
    page = open_room(browser, address, room, alice)
    lose_first_answers(page, 1)

    choose(page, "Corgi")
    page.click(".gift-send")
    answer(page, "No answer came back.")
    assert aside(lambda: coins(alice)) == 4_701  # it had arrived
    page.wait_for_timeout(600)  # longer than a double click
    page.click(".gift-send")
    answer(page, "It was sent once.")

    assert aside(lambda: coins(alice)) == 4_701
    assert aside(Sending.objects.count) == 1

    page.wait_for_timeout(600)
    page.click(".gift-send")
    answer(page, "You sent Corgi to Bob.")
    assert aside(lambda: coins(alice)) == 4_402  # another intention is another gift


def test_a_big_gift_is_confirmed_in_a_dialog_and_takes_the_stage_for_its_length(
    address: str, browser: Any
) -> None:
    alice, room = aside(cast)
    page = open_room(browser, address, room, alice)

    choose(page, "Fireworks")
    page.click(".gift-send")
    dialog = page.locator("dialog[open]")
    dialog.wait_for()
    assert "€13.06" in dialog.inner_text()
    assert "3,912" in dialog.inner_text()
    dialog.get_by_role("button", name="Do not send").last.click()
    dialog.wait_for(state="detached")
    assert aside(Sending.objects.count) == 0

    page.wait_for_timeout(600)
    page.click(".gift-send")
    dialog.locator("button[type=submit]").click()
    show = page.locator(".gift-show[data-gift=fireworks]")
    show.wait_for()

    assert page.inner_text(".gift-show-words").strip() == "Alice sent Fireworks"
    assert show.evaluate("show => show.getAnimations()[0].effect.getTiming().duration") == 6_000
    area = "show => show.getBoundingClientRect().height / show.parentElement.clientHeight"
    assert show.evaluate(area) == 1
    show.wait_for(state="detached", timeout=7_500)
    assert aside(lambda: coins(alice)) == 3_912
    assert page.complaints == []


def test_big_gifts_follow_each_other_and_the_dearest_that_waits_is_next(
    address: str, browser: Any
) -> None:
    alice, room = aside(cast)
    page = open_room(browser, address, room, alice)
    page.evaluate(
        """() => { window.shown = []; new MutationObserver(() => {
          const shows = document.querySelectorAll(".gift-show");
          window.together = Math.max(window.together ?? 0, shows.length);
          const last = shows[0]?.querySelector(".gift-show-words").textContent.trim();
          if (last && window.shown.at(-1) !== last) window.shown.push(last);
        }).observe(document.querySelector("[data-gift-stage]"), {childList: true}); }"""
    )

    def gifts() -> None:
        for slug in ("confetti", "shades", "confetti", "corgi"):
            send(alice, room, slug)

    aside(gifts)
    until(page, "window.shown.length === 4")

    assert page.evaluate("window.shown.slice(1)") == [
        "Alice sent Corgi", "Alice sent Shades", "Alice sent Confetti",
    ]  # fmt: skip
    assert page.evaluate("window.together") == 1


def test_others_see_the_gift_arrive_once_and_names_are_words(address: str, browser: Any) -> None:
    alice, room = aside(cast)
    evil = aside(rich_mallory)
    page = open_room(browser, address, room, alice, viewport={"width": 390, "height": 844})

    aside(lambda: send(evil, room, "corgi"))
    aside(lambda: send(evil, room, "heart", quantity=3))
    page.locator(".gift-show[data-gift=corgi]").wait_for()
    banner = page.locator(".gift-banner")
    banner.wait_for()

    name = '<img src=x onerror="alert(1)">'
    assert page.inner_text(".gift-show-words strong") == name
    assert banner.locator("strong").inner_text() == name
    assert banner.locator(".gift-banner-count").inner_text() == "×3"
    assert page.locator("[data-room] img").count() == 0
    assert page.locator("[data-room-chat] [data-slug=corgi]").count() == 1
    assert page.locator("[data-room-chat] [data-slug=heart]").count() == 1
    expect(page.locator("[data-room-captions]")).to_contain_text(name)
    page.locator(".gift-show").wait_for(state="detached")
    assert page.locator("[data-room-chat] [data-sending]").count() == 2
    assert page.complaints == []


def totals() -> tuple[int, int, int, int]:
    """What was booked, what its streaks say, what everyone was told, and in how many ends."""
    ends = OutboxEvent.objects.filter(name="streak.ended")
    return (
        Sending.objects.aggregate(total=Sum("quantity"))["total"] or 0,
        Streak.objects.aggregate(total=Sum("quantity"))["total"] or 0,
        sum(event.payload["quantity"] for event in ends),
        len(ends),
    )


def test_a_held_button_sends_a_combo_that_everyone_sees_grow_and_is_counted_exactly(
    address: str, browser: Any
) -> None:
    alice, room = aside(cast)
    page = open_room(browser, address, room, alice)
    other = open_room(browser, address, room, aside(rich_mallory))
    choose(page, "Rosebud")

    page.hover(".gift-send")
    page.mouse.down()
    page.wait_for_timeout(2_600)
    page.mouse.up()
    growing = other.locator("[data-room-chat] [data-slug=rosebud]")
    growing.wait_for()
    page.locator(".gift-send .combo").wait_for(state="detached")

    def ended() -> bool:
        return OutboxEvent.objects.filter(name="streak.ended").exists()

    while not aside(ended):
        page.wait_for_timeout(50)
    sent, counted, told, ends = aside(totals)
    assert sent == counted == told == 5_000 - aside(lambda: coins(alice))
    assert ends == 1
    assert 6 <= sent <= 13  # five a second
    assert aside(Sending.objects.count) < sent  # several a tick
    for viewer in (page, other):
        line = viewer.locator("[data-room-chat] [data-slug=rosebud]")
        expect(line).to_have_attribute("data-count", str(sent))
        assert line.locator(".chat-count").inner_text() == f"×{sent}"
        assert viewer.complaints == []


def test_taps_lost_answers_and_a_late_end_lose_and_double_nothing(
    address: str, browser: Any
) -> None:
    alice, room = aside(cast)
    page = open_room(browser, address, room, alice)
    lost = lose_first_answers(page, 2)
    choose(page, "Rosebud")

    for _ in range(9):
        page.click(".gift-send")
    page.locator(".gift-send .combo").wait_for(state="detached", timeout=30_000)

    def open_streaks() -> int:
        return Streak.objects.filter(ended_at=None).count()

    while aside(open_streaks):
        page.wait_for_timeout(50)
    sent, counted, told, _ends = aside(totals)
    assert len(lost) == 2
    assert sent == counted == told == 9
    assert aside(lambda: coins(alice)) == 4_991
    assert page.get_attribute("[data-gift-balance]", "data-coins") == "4991"
    lines = page.locator("[data-room-chat] [data-slug=rosebud]")
    shown = [int(line.get_attribute("data-count") or 0) for line in lines.all()]
    assert sum(shown) == 9


def test_a_combo_works_by_keyboard_alone(address: str, browser: Any) -> None:
    alice, room = aside(cast)
    page = open_room(browser, address, room, alice)

    page.locator("[data-gift-grid] input").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    while "gift-send" not in (page.evaluate("document.activeElement.className") or ""):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    answer(page, "Heart to Bob.")
    page.locator(".gift-send .combo").wait_for(state="detached")

    assert aside(lambda: coins(alice)) == 4_998
    assert page.complaints == []


def test_with_reduced_motion_pictures_stand_still_with_their_words(
    address: str, browser: Any
) -> None:
    alice, room = aside(cast)
    page = open_room(browser, address, room, alice, reduced_motion="reduce")

    aside(lambda: send(alice, room, "corgi"))
    aside(lambda: send(alice, room, "heart", quantity=5))
    show = page.locator(".gift-show[data-gift=corgi]")
    show.wait_for()
    page.locator(".gift-banner").wait_for()

    moving = "document.querySelector('[data-gift-stage]').getAnimations({subtree: true}).length"
    assert page.evaluate(moving) == 0
    assert page.locator(".gift-bubble").count() == 0
    assert page.inner_text(".gift-show-words").strip() == "Alice sent Corgi"
    show.wait_for(state="detached", timeout=5_500)
    assert page.complaints == []


def flood(alice: User, room: Room, count: int) -> None:
    """Events of small and big gifts by many people, all at once."""
    events = [
        OutboxEvent(
            name="gift.sent",
            subject=f"room:{room.pk}",
            payload={
                "sending_id": str(ledger.new_operation_id()), "sender": f"Fan {place % 97}",
                "sender_handle": f"fan{place % 97}", "creator_id": room.creator_id,
                "sender_id": alice.pk, "sent_at": timezone.now().isoformat(),
                "gift": "Corgi" if place % 20 == 0 else "Heart",
                "slug": "corgi" if place % 20 == 0 else "heart",
                "category": "animated" if place % 20 == 0 else "hearts",
                "animation_ms": 4_000 if place % 20 == 0 else 1_000,
                "quantity": 1, "coins": 299 if place % 20 == 0 else 1, "streak_id": None,
            },
        )
        for place in range(count)
    ]  # fmt: skip
    OutboxEvent.objects.bulk_create(events)


SUM_OF = "((lines, of) => lines.reduce((sum, line) => sum + Number(line.dataset[of]), 0))"


def test_a_few_gifts_at_once_are_a_line_each(address: str, browser: Any) -> None:
    alice, room = aside(cast)
    page = open_room(browser, address, room, alice)

    aside(lambda: flood(alice, room, 6))

    lines = page.locator("[data-room-chat] [data-sending]")
    expect(lines).to_have_count(6)
    assert lines.filter(has_text="other").count() == 0
    assert page.complaints == []


def test_a_shower_of_gifts_keeps_the_page_small_and_its_words_few(
    address: str, browser: Any
) -> None:
    alice, room = aside(cast)
    page = open_room(browser, address, room, alice)
    page.evaluate(
        """() => { window.most = 0; window.said = 0;
          new MutationObserver(() => { window.said += 1; })
            .observe(document.querySelector("[data-room-captions]"), {childList: true});
          const stage = document.querySelector("[data-gift-stage]");
          const look = () => {
            window.most = Math.max(window.most, stage.querySelectorAll("*").length);
            requestAnimationFrame(look);
          };
          look(); }"""
    )

    for _ in range(5):
        aside(lambda: flood(alice, room, 200))
        page.wait_for_timeout(1_000)

    assert page.locator(".gift-banner").count() <= 3
    assert page.evaluate("window.most") <= 24 * 3 + 3 * 8 + 8
    assert page.evaluate("window.said") <= 6
    banner = page.locator(".gift-banner", has_text="others").first
    banner.wait_for()  # many equal ones became one that counts them all
    assert re.search(r"×\d+", banner.inner_text())
    lines = page.locator("[data-room-chat] [data-sending]")
    wait_until(lambda: lines.evaluate_all(f"lines => {SUM_OF}(lines, 'count')") == 1_000)
    assert lines.evaluate_all(f"lines => {SUM_OF}(lines, 'coins')") == 50 * 299 + 950
    assert lines.count() <= 60  # what somebody can read while it lasts
    assert lines.filter(has_text=re.compile(r"and \d+ others Heart ×\d+")).count() >= 1
    assert page.complaints == []


def test_the_page_follows_the_switch_of_gifts_and_the_end(address: str, browser: Any) -> None:
    alice, room = aside(cast)
    page = open_room(browser, address, room, alice)
    switch: dict[str, Any] = {"room_id": room.pk, "creator_id": room.creator_id}

    aside(lambda: rooms.set_gifts_on(**switch, gifts_on=False))
    page.get_by_text("Bob has switched gifts off.").wait_for()
    assert page.locator("[data-gift-panel]").count() == 0
    aside(lambda: rooms.set_gifts_on(**switch, gifts_on=True))
    choose(page, "Corgi")
    page.click(".gift-send")
    answer(page, "You sent Corgi to Bob.")
    at = timezone.now()
    aside(lambda: rooms.end_room(room_id=room.pk, by_id=room.creator_id, why="Done.", at=at))
    page.get_by_text("This live has ended").wait_for()

    assert page.complaints == []


def test_a_gift_on_a_video_is_shown_without_a_stream(address: str, browser: Any) -> None:
    alice, room = aside(cast)
    page = open_room(browser, address, room, alice)
    video = aside(lambda: make_video(room.creator))
    page.goto(f"{address}/videos/{video.pk}/")

    choose(page, "Perfume")
    page.click(".gift-send")
    page.click(".gift-send")
    page.locator(".gift-banner", has_text="×2").wait_for()
    page.locator(".gift-send .combo").wait_for(state="detached")

    line = page.locator("[data-room-chat] [data-slug=perfume]")
    assert line.count() == 1
    assert line.get_attribute("data-count") == "2"
    assert aside(lambda: coins(alice)) == 4_960
    assert page.complaints == []


def test_everything_works_with_javascript_off(address: str, browser: Any) -> None:
    alice, room = aside(cast)
    page = open_room(browser, address, room, alice, java_script_enabled=False)

    choose(page, "Bouquet")
    page.click(".gift-send")
    page.get_by_text("You sent Bouquet to Bob. 4,990 coins left.").wait_for()
    choose(page, "Fireworks")
    page.click(".gift-send")
    page.get_by_role("button", name="Send Fireworks").click()
    page.get_by_text("You sent Fireworks to Bob. 3,902 coins left.").wait_for()

    assert aside(lambda: coins(alice)) == 3_902

"""The room's script in a real browser: one gift per intention, whatever the network does."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.db import connections, transaction
from playwright.sync_api import Browser

from accounts.models import User
from gifts.models import Room, Sending
from tests.factories import give_coins, make_creator, make_user
from tests.gifts.world import coins, make_room, send

pytestmark = pytest.mark.browser


@pytest.fixture
def address(committed: str) -> Iterator[str]:
    """The site of this test's own database, served in this process."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
    server.set_app(get_wsgi_application())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


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
    context = browser.new_context(viewport={"width": 1280, "height": 800}, **options)
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
    return page


def choose(page: Any, name: str) -> None:
    page.locator(".gift-cell", has_text=name).first.click()


def answer(page: Any, words: str) -> None:
    page.locator("[data-gift-answer]", has_text=words).wait_for()


def test_a_double_click_sends_once_and_the_balance_follows(address: str, browser: Any) -> None:
    alice, room = aside(cast)
    page = open_room(browser, address, room, alice)

    choose(page, "Bouquet")
    page.dblclick(".gift-send")
    answer(page, "You sent Bouquet to Bob.")

    assert page.inner_text("[data-nav-coins]").split()[0] == "4,990"
    assert page.get_attribute("[data-gift-balance]", "data-coins") == "4990"
    page.locator("[data-room-chat] [data-slug=bouquet]").wait_for()
    assert aside(Sending.objects.count) == 1
    assert aside(lambda: coins(alice)) == 4_990
    assert page.complaints == []


def test_a_lost_answer_and_a_second_press_send_once(address: str, browser: Any) -> None:
    alice, room = aside(cast)
    page = open_room(browser, address, room, alice)
    lost: list[str] = []

    def lose_the_first(route: Any) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.fetch().text())
        route.abort()

    page.route("**/gifts/", lose_the_first)
    choose(page, "Perfume")
    page.click(".gift-send")
    answer(page, "No answer came back.")
    assert aside(lambda: coins(alice)) == 4_980  # it had arrived
    page.wait_for_timeout(600)  # longer than a double click
    page.click(".gift-send")
    answer(page, "It was sent once.")

    assert aside(lambda: coins(alice)) == 4_980
    assert aside(Sending.objects.count) == 1

    page.wait_for_timeout(600)
    page.click(".gift-send")
    answer(page, "You sent Perfume to Bob.")
    assert aside(lambda: coins(alice)) == 4_960  # another intention is another gift


def test_a_big_gift_is_confirmed_in_a_dialog_and_takes_the_stage(
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
    page.locator(".gift-show[data-gift=fireworks]").wait_for()

    assert page.inner_text(".gift-show-words") == "Alice sent Fireworks"
    assert aside(lambda: coins(alice)) == 3_912
    assert page.complaints == []


def test_others_see_the_gift_arrive_and_names_are_words(address: str, browser: Any) -> None:
    alice, room = aside(cast)
    evil = aside(rich_mallory)
    page = open_room(browser, address, room, alice)

    aside(lambda: send(evil, room, "corgi"))
    page.locator(".gift-show[data-gift=corgi]").wait_for()

    assert page.inner_text(".gift-show-words strong") == '<img src=x onerror="alert(1)">'
    assert page.locator("[data-room] img").count() == 0
    line = page.locator("[data-room-chat] [data-slug=corgi]")
    page.wait_for_timeout(2_500)  # another look brings the same gift again
    assert line.count() == 1
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

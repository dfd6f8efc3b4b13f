"""The room and the video in the browser's eyes: with forms alone, and with htmx."""

import re
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Standing, User
from gifts import rooms
from gifts.models import Room, Sending
from tests.factories import give_coins
from tests.gifts import world
from tests.gifts.test_sending import raise_price
from tests.gifts.world import coins, make_room, make_video, pending_milli, send, written
from wallet import ledger

HTMX = {"HX-Request": "true"}


@pytest.fixture
def room(bob: User) -> Room:
    return make_room(bob)


@pytest.fixture
def fan(alice: User, client: Client) -> Client:
    """Alice, signed in, with 5,000 coins."""
    give_coins(alice, 5_000)
    client.force_login(alice)
    return client


def form(slug: str = "bouquet", **fields: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "operation_id": str(ledger.new_operation_id()),
        "gift": world.version(slug).pk,
        "quantity": 1,
        "category": "all",
    }
    return values | fields


def operation_in(html: str) -> UUID:
    found = re.search(r'name="operation_id" value="([0-9a-f-]{36})"', html)
    assert found
    return UUID(found[1])


def post(client: Client, room: Room, data: dict[str, Any], **extra: Any) -> Any:
    return client.post(reverse("gifts:send", args=[room.pk]), data, **extra)


# Without JavaScript


def test_the_page_makes_the_id_before_the_first_try(fan: Client, room: Room) -> None:
    page = fan.get(reverse("gifts:room", args=[room.pk]))

    first = operation_in(page.content.decode())
    assert first.version == 7
    assert operation_in(fan.get(reverse("gifts:room", args=[room.pk])).content.decode()) != first


def test_a_form_sends_a_gift_and_leads_back_to_the_room(
    fan: Client, room: Room, alice: User, bob: User
) -> None:
    answer = post(fan, room, form(quantity=3), follow=True)

    assert answer.redirect_chain == [(f"/live/{room.pk}/", 302)]
    html = answer.content.decode()
    assert "You sent 3 × Bouquet to Bob. 4,970 coins left." in html
    assert '<span class="chat-count">×3</span>' in html
    assert coins(alice) == 4_970
    assert pending_milli(bob) == 30_000


def test_a_double_click_on_a_form_sends_once(fan: Client, room: Room, alice: User) -> None:
    same = form()

    post(fan, room, same)
    second = post(fan, room, same, follow=True)

    assert coins(alice) == 4_990
    assert Sending.objects.count() == 1
    assert "Bouquet was sent to Bob already. It was sent once." in second.content.decode()


def test_a_used_id_with_another_gift_is_explained_and_moves_nothing(
    fan: Client, room: Room
) -> None:
    same = form()
    post(fan, room, same)
    before = written()

    answer = post(fan, room, same | {"gift": world.version("perfume").pk})

    assert answer.status_code == 422
    html = answer.content.decode()
    assert "This request was sent before with other contents. Start again." in html
    assert str(operation_in(html)) != same["operation_id"]
    assert written() == before


def test_the_price_stands_in_coins_and_in_the_fans_own_money(fan: Client, room: Room) -> None:
    html = fan.get(reverse("gifts:room", args=[room.pk])).content.decode()

    cell = html[html.index("Swan Lake") : html.index("Night Train")]
    assert "699" in cell
    assert "€8.39" in cell  # 1.20 for 100 coins: 8.388, half up


def test_exclusive_gifts_are_shown_locked_with_what_unlocks_them(fan: Client, room: Room) -> None:
    html = fan.get(reverse("gifts:room", args=[room.pk])).content.decode()

    assert "Unlocks at fan level 5" in html
    unicorn = world.version("unicorn").pk
    assert re.search(rf'value="{unicorn}"[^>]*disabled', html)


def test_a_big_gift_asks_first_and_says_money_and_balance_after(
    fan: Client, room: Room, alice: User
) -> None:
    big = form("fireworks")
    before = written()

    asked = post(fan, room, big)

    html = asked.content.decode()
    assert asked.templates[0].name == "gifts/confirm.html"
    assert "Send Fireworks?" in html
    assert "€13.06" in html  # 1,088 coins
    assert "3,912" in html
    assert str(operation_in(html)) == big["operation_id"]
    assert written() == before

    post(fan, room, big | {"confirmed": "on"})

    assert coins(alice) == 3_912


def test_many_small_gifts_that_cost_much_are_asked_for_too(fan: Client, room: Room) -> None:
    asked = post(fan, room, form("bouquet", quantity=100))

    assert asked.templates[0].name == "gifts/confirm.html"
    assert Sending.objects.count() == 0


def test_a_gift_just_under_the_line_is_sent_at_once(fan: Client, room: Room) -> None:
    post(fan, room, form("heart", quantity=999))

    assert Sending.objects.get().coins == 999


def test_too_few_coins_offer_exactly_what_is_missing(
    client: Client, alice: User, room: Room
) -> None:
    give_coins(alice, 7)
    client.force_login(alice)
    wanted = form("bouquet", quantity=2)

    answer = post(client, room, wanted)

    html = answer.content.decode()
    assert answer.status_code == 422
    assert "This costs 20 coins and you have 7. Nothing was sent." in html
    assert f"/coins/?coins=13&amp;next=%2Flive%2F{room.pk}%2F" in html
    assert "Get the missing 13 coins" in html
    assert str(operation_in(html)) != wanted["operation_id"]
    assert coins(alice) == 7
    assert Sending.objects.count() == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gift": ""}, "Choose a gift first."),
        ({"quantity": "0"}, "Choose a number from 1 to 999."),
        ({"quantity": "1000"}, "Choose a number from 1 to 999."),
        ({"quantity": "1e2"}, "Choose a number from 1 to 999."),
        ({"operation_id": ""}, "Reload the page and try again."),
        (
            {"operation_id": "0b9d9f8e-8c1e-4c2f-9a3b-1f2e3d4c5b6a"},
            "Reload the page and try again.",
        ),
        ({"gift": "99999"}, "This gift is not offered any more. Choose another one."),
    ],
    ids=str,
)
def test_a_mistaken_form_is_explained_and_moves_nothing(
    fan: Client, room: Room, change: dict[str, str], words: str
) -> None:
    before = written()

    answer = post(fan, room, form() | change)

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert written() == before


def test_a_changed_price_shows_the_new_one(fan: Client, room: Room) -> None:
    shown = world.version("bouquet")
    raise_price(shown, price_coins=12)

    html = post(fan, room, form(gift=shown.pk)).content.decode()

    assert "Bouquet now costs 12 coins." in html
    assert Sending.objects.count() == 0


def test_a_refused_account_is_shown_where_to_go(fan: Client, room: Room, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(standing=Standing.RESTRICTED)

    answer = post(fan, room, form(), headers=HTMX)

    assert "Your account is restricted" in answer.content.decode()
    assert Sending.objects.count() == 0


def test_an_ended_room_shows_what_it_came_to(
    fan: Client, room: Room, alice: User, bob: User
) -> None:
    send(alice, room, "bouquet", quantity=3)
    rooms.end_room(room_id=room.pk, by_id=bob.pk, why="Ended by the creator", at=timezone.now())

    page = fan.get(reverse("gifts:room", args=[room.pk]))

    assert "This live has ended" in page.content.decode()
    summary = page.context["summary"]
    assert (summary.gifts, summary.senders, summary.coins) == (3, 1, 30)
    assert summary.diamonds_milli == pending_milli(bob) == 30_000
    assert "data-gift-form" not in page.content.decode()


def test_gifts_switched_off_hide_the_panel_and_say_so(fan: Client, bob: User) -> None:
    html = fan.get(reverse("gifts:room", args=[make_room(bob, gifts_on=False).pk])).content.decode()

    assert "Bob has switched gifts off." in html
    assert "data-gift-form" not in html


def test_a_stranger_sees_the_room_and_the_way_in(client: Client, room: Room) -> None:
    html = client.get(reverse("gifts:room", args=[room.pk])).content.decode()

    assert "Nocturnes at ten" in html
    assert f"/accounts/login/?next=%2Flive%2F{room.pk}%2F" in html
    assert "€" not in html


def test_a_strangers_gift_leads_to_the_way_in_and_back(client: Client, room: Room) -> None:
    answer = post(client, room, form())

    assert answer.headers["Location"] == f"/accounts/login/?next=/live/{room.pk}/"
    assert Sending.objects.count() == 0


def test_a_gift_is_sent_on_a_video(fan: Client, bob: User, alice: User) -> None:
    video = make_video(bob)

    answer = fan.post(reverse("gifts:video_send", args=[video.pk]), form("perfume"), follow=True)

    assert answer.redirect_chain == [(f"/videos/{video.pk}/", 302)]
    assert coins(alice) == 4_980
    shown = {gift.slug for gift in answer.context["gifts"]}
    assert "perfume" in shown
    assert "heart" not in shown


def test_a_hidden_video_is_not_there(fan: Client, bob: User) -> None:
    video = make_video(bob, is_public=False)

    assert fan.get(reverse("gifts:video", args=[video.pk])).status_code == 404
    assert (
        fan.post(reverse("gifts:video_send", args=[video.pk]), form("perfume")).status_code == 404
    )
    assert Sending.objects.count() == 0


def test_names_and_titles_are_shown_as_words(fan: Client, alice: User, bob: User) -> None:
    evil = "<script>alert(1)</script>"
    User.objects.filter(pk=alice.pk).update(display_name='<img src=x onerror="alert(1)">')
    room = make_room(bob, title=evil)
    send(alice, room)

    html = fan.get(reverse("gifts:room", args=[room.pk])).content.decode()

    assert evil not in html
    assert "<img src=x" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;" in html


# With htmx


def test_a_sent_gift_answers_with_the_words_the_balance_and_a_new_id(
    fan: Client, room: Room, alice: User
) -> None:
    sent = form()

    answer = post(fan, room, sent, headers=HTMX)

    html = answer.content.decode()
    assert answer.status_code == 200
    assert "You sent Bouquet to Bob. 4,990 coins left." in html
    assert 'data-coins="4990"' in html
    assert 'hx-swap-oob="innerHTML:[data-nav-coins]"' in html
    assert str(operation_in(html)) != sent["operation_id"]


def test_a_lost_answer_asked_for_again_sends_nothing_more(
    fan: Client, room: Room, alice: User
) -> None:
    sent = form()
    post(fan, room, sent, headers=HTMX)

    again = post(fan, room, sent, headers=HTMX)

    assert "It was sent once." in again.content.decode()
    assert coins(alice) == 4_990


def test_a_big_gift_is_asked_for_in_a_dialog(fan: Client, room: Room) -> None:
    big = form("fireworks")

    html = post(fan, room, big, headers=HTMX).content.decode()

    assert "<dialog" in html
    assert str(operation_in(html)) == big["operation_id"]
    assert Sending.objects.count() == 0


def test_a_refusal_brings_the_gifts_anew_and_a_new_id(fan: Client, room: Room) -> None:
    shown = world.version("bouquet")
    new = raise_price(shown, price_coins=12)
    wanted = form(gift=shown.pk)

    html = post(fan, room, wanted, headers=HTMX).content.decode()

    assert "Bouquet now costs 12 coins." in html
    assert f'value="{new.pk}"' in html
    assert str(operation_in(html)) != wanted["operation_id"]


def test_a_combo_is_one_line_with_all_it_came_to(
    client: Client, alice: User, room: Room, mallory: User
) -> None:
    give_coins(alice, 100)
    give_coins(mallory, 100)
    streak_id = ledger.new_operation_id()
    for quantity in (2, 3):
        send(alice, room, quantity=quantity, streak_id=streak_id)
        send(mallory, room)

    html = client.get(reverse("gifts:room", args=[room.pk])).content.decode()

    lines = re.findall(r'<li class="chat-line" data-kind="gift" data-sending="[^"]+".*?</li>', html)
    assert [re.search(r'data-count="(\d+)"', line)[1] for line in lines] == ["5", "1", "1"]  # type: ignore[index]
    assert f'data-streak="{streak_id}"' in lines[0]
    assert '<span class="chat-count">×5</span>' in lines[0]


def test_a_room_hears_its_stream_from_where_its_lines_end(
    client: Client, alice: User, room: Room, bob: User
) -> None:
    page = client.get(reverse("gifts:room", args=[room.pk])).content.decode()
    rooms.end_room(room_id=room.pk, by_id=bob.pk, why="Done.", at=timezone.now())
    ended = client.get(reverse("gifts:room", args=[room.pk])).content.decode()

    assert re.search(rf'data-events="/live/{room.pk}/events/\?pass=[^"]+&amp;after=0"', page)
    assert "data-events" not in ended


def test_the_answer_to_a_send_brings_lines_only_where_no_stream_does(
    fan: Client, room: Room, bob: User
) -> None:
    video = make_video(bob)

    in_room = post(fan, room, form(), headers=HTMX)
    on_video = fan.post(reverse("gifts:video_send", args=[video.pk]), form(), headers=HTMX)

    assert "data-sending" not in in_room.content.decode()
    assert "data-sending" in on_video.content.decode()
    assert "gift:sent" in in_room["HX-Trigger"]

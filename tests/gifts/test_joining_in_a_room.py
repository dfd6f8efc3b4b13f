"""Who joins a club or becomes a member while the creator is live: told to the room, once."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import events as outbox
from accounts.models import OutboxEvent, User
from config import relay
from gifts import crowd, rooms
from gifts.models import Room, RoomEvent
from tests.factories import make_creator
from tests.gifts.test_hidden_names import give
from tests.gifts.test_memberships import buy, offer
from tests.gifts.test_ranks import fan
from tests.gifts.test_room_log import shown
from tests.gifts.world import coins, make_room, make_video, send
from wallet import ledger
from wallet.models import Operation

EVIL = '<img src=x onerror="alert(1)">'


@pytest.fixture
def room(bob: User) -> Room:
    offer(bob)
    return make_room(bob)


def told(room: Room) -> list[dict[str, Any]]:
    """What viewers are told of who joined."""
    relay.relay(at=timezone.now())
    return [event for event in shown(room) if event["name"] == "club.joined"]


def line_of(room: Room, viewer: User | None = None) -> str:
    """The lines of who joined, as the page has them."""
    client = Client()
    if viewer is not None:
        client.force_login(viewer)
    page = client.get(reverse("gifts:room", args=[room.pk])).content.decode()
    feed = page.split("data-room-chat>")[1].split("</ol>")[0]
    return "".join(f"<li{one}" for one in feed.split("<li") if "data-joined" in one)


def test_a_new_member_is_told_to_the_creators_room(bob: User, room: Room) -> None:
    alice = fan("alice")

    bought = buy(alice, bob)

    (event,) = told(room)
    assert {key: event[key] for key in ("kind", "from", "handle", "level", "club_level")} == {
        "kind": "membership", "from": "Alice", "handle": "alice", "level": None,
        "club_level": None,
    }  # fmt: skip
    assert event["entitlement_id"] == str(bought.entitlement.pk)
    assert "<strong data-from>Alice</strong>" in line_of(room)
    assert "<span data-membership>became a member</span>" in line_of(room)
    assert "<span data-club hidden>" in line_of(room)


def test_whoever_joins_with_the_join_gift_is_told_once(bob: User, room: Room) -> None:
    alice = fan("alice")

    first = send(alice, room, "join-heart")
    send(alice, room, "join-heart")  # already in it

    (event,) = told(room)
    assert (event["kind"], event["from"], event["handle"]) == ("club", "Alice", "alice")
    assert event["entitlement_id"] == str(first.sending_id)
    gifts = [event for event in shown(room) if event["name"] == "gift.sent"]
    assert len(gifts) == 2
    assert "<span data-club>joined the fan club</span>" in line_of(room)


def test_a_gift_sent_again_tells_nothing_more(bob: User, room: Room) -> None:
    alice, key = fan("alice"), ledger.new_operation_id()
    for _ in range(3):
        send(alice, room, "join-heart", operation_id=key)
        buy(alice, bob, operation_id=(month := ledger.new_operation_id()))
        buy(alice, bob, operation_id=month)

    assert [event["kind"] for event in told(room)] == ["club", "membership"]


def test_another_month_of_a_member_is_no_news(bob: User, room: Room) -> None:
    alice = fan("alice")
    buy(alice, bob)
    buy(alice, bob)

    assert len(told(room)) == 1


def test_nobody_is_told_where_no_room_is_live(bob: User, room: Room) -> None:
    alice = fan("alice")
    rooms.end_room(room_id=room.pk, by_id=bob.pk, why="Done.", at=timezone.now())
    buy(alice, bob)
    send(fan("ben"), make_video(bob), "bouquet")

    assert told(room) == []
    assert OutboxEvent.objects.filter(name="club.joined").count() == 0


def test_a_purchase_that_is_refused_tells_nothing(bob: User, room: Room) -> None:
    poor = fan("poor", coins=10)
    with pytest.raises(ledger.InsufficientCoins):
        buy(poor, bob)
    with pytest.raises(ledger.InsufficientCoins):
        send(fan("poorer", coins=0), room, "join-heart")

    assert (told(room), coins(poor)) == ([], 10)


@pytest.mark.parametrize("hidden", [True, False])
def test_a_hidden_name_is_told_to_nobody(bob: User, room: Room, hidden: bool) -> None:
    fans = [fan("zephyrine"), fan("ophelia")]
    for one in fans:
        send(one, room, "heart", quantity=60)  # a level to wear
    assert told(room) == []
    give(fans[0], room, "join-heart", hide_name=hidden)
    month = buy(fans[1], bob, hide_name=hidden).entitlement

    events = told(room)
    words = line_of(room, bob) + str(events)
    memo = Operation.objects.get(pk=month.pk).memo or {}

    assert len(events) == 2
    assert ("zephyrine" in words.lower()) is not hidden  # the control: it is there when shown
    assert ("ophelia" in words.lower()) is not hidden
    assert words.count("Somebody") == (4 if hidden else 0)
    assert (events[1]["level"] is None) is hidden
    assert (memo["from"], memo.get("hidden", False)) == (
        "Somebody" if hidden else "Ophelia",
        hidden,
    )
    assert ("from_handle" in memo) is not hidden


def test_the_page_to_pay_hides_the_name_and_begins_as_the_last_gift_was_sent(
    bob: User, room: Room, client: Client
) -> None:
    alice = fan("alice")
    client.force_login(alice)
    address = reverse("gifts:membership", args=["bob"])
    assert 'name="hide_name" value="on" aria-describedby' in client.get(address).content.decode()
    session = client.session
    session["gifts.hide_name"] = True
    session.save()
    assert '-hint" checked>' in client.get(address).content.decode()

    client.post(
        address,
        {"operation_id": ledger.new_operation_id(), "price_coins": 300, "hide_name": "on"},
    )

    (event,) = told(room)
    assert (event["from"], event["handle"]) == ("Somebody", "")


def test_names_are_words(bob: User, room: Room) -> None:
    mallory = fan("mallory")
    User.objects.filter(pk=mallory.pk).update(display_name=EVIL)
    buy(mallory, bob)
    told(room)

    line = line_of(room)

    assert EVIL not in line
    assert "&lt;img src=x" in line


def test_the_page_names_who_joined_lately_and_not_who_joined_long_ago(
    bob: User, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowd, "RECENT_EVENTS", 3)
    first, second, third = (fan(name) for name in ("ada", "ben", "cleo"))
    buy(first, bob)
    send(first, room)
    send(second, room)
    buy(second, bob)
    buy(third, bob)
    told(room)

    names = [one.name for one in crowd.joined_in(room_id=room.pk)]

    assert RoomEvent.objects.filter(room=room).count() == 5
    assert names == ["Ben", "Cleo"]


def test_the_event_commits_with_the_month(committed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bob, alice = make_creator("bob"), fan("alice")
    offer(bob)
    room = make_room(bob)

    def break_off(*_args: Any, **_facts: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "publish", break_off)
        with pytest.raises(SystemExit):
            buy(alice, bob)
    assert (coins(alice), told(room)) == (10_000, [])
    buy(alice, bob)
    assert (coins(alice), len(told(room))) == (9_700, 1)

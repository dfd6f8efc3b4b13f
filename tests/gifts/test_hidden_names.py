"""Gifts whose sender hid their name: nobody but the sender and staff learns who it was.

One gift of each kind is sent, with and without the name hidden, and everything that shows gifts is
read: with the name shown it must be found there (or the test proves nothing), hidden it must not.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import reports
from accounts.models import OutboxEvent, User
from config import relay
from gifts import crowd, holding, queries, ranks, risk, rooms, services, streaks, views
from gifts.models import (
    ChatMessage,
    FanTotal,
    HeldGift,
    Room,
    RoomEvent,
    RoomGifter,
    Sending,
    Streak,
)
from gifts.services import Intent
from tests import services as callers
from tests.factories import give_coins, make_creator, make_user
from tests.gifts.world import coins, make_room, make_video, version, written
from wallet import ledger
from wallet.models import Operation

FAN_ID = 987_654_321
NAME, HANDLE = "Zephyrine Hush", "zephyrine_h"
MARKS = (NAME, HANDLE, str(FAN_ID))


@pytest.fixture
def fan(db: None) -> User:
    made = make_user(HANDLE, id=FAN_ID, display_name=NAME, is_ranked=True)
    give_coins(made, 10_000)
    return made


@pytest.fixture
def room(bob: User) -> Room:
    return make_room(bob)


def give(
    fan: User, place: Any, slug: str = "bouquet", *, hide_name: bool = True, **more: Any
) -> UUID:
    is_room = isinstance(place, Room)
    wanted: dict[str, Any] = {
        "operation_id": ledger.new_operation_id(),
        "sender_id": fan.pk,
        "gift_version_id": version(slug).pk,
        "quantity": 1,
        "room_id": place.pk if is_room else None,
        "video_id": None if is_room else place.pk,
        "hide_name": hide_name,
        "at": timezone.now(),
    }
    sent = services.send_gift(**(wanted | more))
    return sent.sending_id


def relay_now() -> None:
    relay.relay(at=timezone.now())


def words_gift() -> str:
    return queries.words_offered(at=timezone.now(), viewer=None)[0].gift.slug


def give_each_kind(fan: User, room: Room, *, hide_name: bool) -> UUID:
    """A gift, a combo that ends, one with words and one on a video; the one with words."""
    give(fan, room, hide_name=hide_name)
    streak = ledger.new_operation_id()
    give(fan, room, "heart", streak_id=streak, quantity=3, hide_name=hide_name)
    streaks.end(streak_id=streak, sender_id=fan.pk, at=timezone.now())
    give(fan, make_video(room.creator), hide_name=hide_name)
    said = give(fan, room, words_gift(), words="Play it again", hide_name=hide_name)
    relay_now()
    return said


def signed(person: User | None) -> Client:
    client = Client()
    if person is not None:
        client.force_login(person)
    return client


def pages(room: Room, said: UUID) -> Iterator[tuple[str, str]]:
    """Every page that shows what a creator or a room was given, by whom it is read."""
    bob, mallory = room.creator, make_user("mallory")
    video = room.creator.videos.get()
    for person in (None, mallory, bob):
        who = person.handle if person else "nobody"
        addresses = [
            reverse("gifts:room", args=[room.pk]),
            reverse("gifts:video", args=[video.pk]),
        ]
        if person:
            addresses.append(reverse("gifts:message", args=[room.pk, said]))
            addresses.append(reverse("report_message", args=[room.pk, said]))
        if person == bob:
            addresses.append(reverse("payouts:earnings"))
        for address in addresses:
            answer = signed(person).get(address)
            assert answer.status_code == 200, address
            yield f"{who} {address}", answer.content.decode()


def api(room: Room, creator: User) -> Iterator[tuple[str, str]]:
    callers.make_service()
    client = callers.caller(callers.token())
    for address in (
        f"/api/v1/rooms/{room.pk}/gifts",
        f"/api/v1/rooms/{room.pk}/messages",
        f"/api/v1/rooms/{room.pk}/top-gifters",
        f"/api/v1/creators/{creator.pk}/earnings/gifts",
    ):
        answer = client.get(address)
        assert answer.status_code == 200, address
        yield address, json.dumps(answer.json())


def stream(room: Room) -> str:
    return json.dumps(list(RoomEvent.objects.filter(room=room).values_list("payload", flat=True)))


def marks_in(text: str) -> list[str]:
    return [mark for mark in MARKS if mark in text]


def test_a_hidden_name_is_in_no_page_no_answer_and_no_event(fan: User, room: Room) -> None:
    said = give_each_kind(fan, room, hide_name=True)

    assert [(where, marks_in(text)) for where, text in pages(room, said) if marks_in(text)] == []
    assert [
        (where, marks_in(text)) for where, text in api(room, room.creator) if marks_in(text)
    ] == []
    assert marks_in(stream(room)) == []
    rooms.end_room(room_id=room.pk, by_id=room.creator_id, why="It is late", at=timezone.now())
    ended = signed(room.creator).get(reverse("gifts:room", args=[room.pk])).content.decode()
    assert marks_in(ended) == []
    assert "Somebody" in ended


def test_control_a_name_that_is_not_hidden_is_in_each_of_them(fan: User, room: Room) -> None:
    said = give_each_kind(fan, room, hide_name=False)

    for where, text in pages(room, said):
        assert marks_in(text), where
    for where, text in api(room, room.creator):
        assert marks_in(text), where
    assert marks_in(stream(room)) == [NAME, HANDLE]


def test_what_a_hidden_gift_writes(fan: User, room: Room) -> None:
    sent = give(fan, room)

    payload = OutboxEvent.objects.get(name="gift.sent").payload
    assert (payload["sender"], payload["sender_handle"]) == ("Somebody", "")
    assert payload["is_hidden"] is True
    memo = Operation.objects.get(pk=sent).memo or {}
    assert (memo["from"], memo["hidden"], "from_handle" in memo) == ("Somebody", True, False)
    assert Sending.objects.get().is_hidden
    give(fan, room, hide_name=False)
    shown = OutboxEvent.objects.filter(name="gift.sent").latest("pk").payload
    assert (shown["sender"], shown["sender_handle"]) == (NAME, HANDLE)
    assert "is_hidden" not in shown


def test_the_sender_sees_that_it_was_they_and_that_the_name_was_hidden(
    fan: User, room: Room
) -> None:
    give(fan, room)
    give(fan, room, hide_name=False)

    page = signed(fan).get(reverse("wallet:history")).content.decode()

    assert page.count("Bouquet to Bob, your name hidden") == 1
    assert page.count("Bouquet to Bob") == 2
    lines = b"".join(signed(fan).get(reverse("wallet:history_csv"))).decode()
    assert lines.count("Bouquet to Bob, your name hidden") == 1


def test_staff_see_who_it_was(fan: User, room: Room, olga: User) -> None:
    give(fan, room)

    page = signed(olga).get(reverse("admin:gifts_sending_changelist")).content.decode()

    assert HANDLE in page


def test_hidden_gifts_count_apart_so_that_no_sum_of_a_named_person_tells_of_them(
    fan: User, room: Room
) -> None:
    give(fan, room, quantity=2, hide_name=False)
    give(fan, room, quantity=5)
    relay_now()

    found = crowd.ranks_of_room(room_id=room.pk)
    assert [(one.handle, one.coins) for one in found.named] == [(HANDLE, 20)]
    assert (found.people, found.coins) == (2, 70)
    week = crowd.ranks_of_week(creator_id=room.creator_id, at=timezone.now())
    assert [(one.handle, one.coins) for one in week.named] == [(HANDLE, 20)]
    told = [event.payload.get("room_coins") for event in RoomEvent.objects.order_by("number")]
    assert told == [20, None]
    assert queries.summary(place=room).senders == 2

    ranks.rebuild(creator_id=room.creator_id)

    assert ranks.audit(creator_id=room.creator_id) == []
    sums = RoomGifter.objects.order_by("is_hidden").values_list("is_hidden", "coins")
    assert list(sums) == [(False, 20), (True, 50)]


def test_control_sums_that_take_no_notice_would_tell(fan: User, room: Room) -> None:
    give(fan, room, quantity=2, hide_name=False)
    give(fan, room, quantity=5)
    relay_now()
    Sending.objects.update(is_hidden=False)
    ranks.rebuild(creator_id=room.creator_id)

    assert [one.coins for one in crowd.ranks_of_room(room_id=room.pk).named] == [70]


def test_the_same_id_with_another_choice_is_a_conflict_and_moves_nothing(
    fan: User, room: Room
) -> None:
    key = ledger.new_operation_id()
    give(fan, room, operation_id=key)
    before = written()

    with pytest.raises(ledger.OperationConflict):
        give(fan, room, operation_id=key, hide_name=False)
    assert give(fan, room, operation_id=key) == key

    assert written() == before
    assert Sending.objects.get().is_hidden


def test_a_combo_shows_its_sender_or_hides_them_from_first_to_last(fan: User, room: Room) -> None:
    streak = ledger.new_operation_id()
    give(fan, room, "heart", streak_id=streak)

    with pytest.raises(streaks.StreakEnded):
        give(fan, room, "heart", streak_id=streak, hide_name=False)

    assert coins(fan) == 9_999
    streaks.end(streak_id=streak, sender_id=fan.pk, at=timezone.now())
    ended = OutboxEvent.objects.get(name="streak.ended").payload
    assert (ended["sender"], ended["coins"]) == ("Somebody", 1)
    assert Streak.objects.get().is_hidden


def test_a_hidden_message_can_be_removed_and_reported_and_its_author_not_muted_by_it(
    fan: User, room: Room
) -> None:
    said = give(fan, room, words_gift(), words="Play it again")
    bob = signed(room.creator)
    address = reverse("gifts:message", args=[room.pk, said])

    assert "Mute" not in bob.get(address).content.decode()
    assert bob.post(address, {"over": "600"}).status_code == 403
    report = bob.get(reverse("report_message", args=[room.pk, said])).content.decode()
    assert "what Somebody said" in report
    assert "Also block them" not in report
    assert bob.post(address).status_code == 302
    assert ChatMessage.objects.get().removed_at is not None


def test_who_is_blocked_is_no_less_blocked_by_hiding(fan: User, room: Room) -> None:
    reports.block(blocker_id=room.creator_id, blocked_id=fan.pk)
    before = written()

    with pytest.raises(risk.BlockedByCreator):
        give(fan, room)

    assert written() == before


def test_many_in_one_call_keep_each_ones_choice(fan: User, room: Room) -> None:
    intents = [
        Intent(
            operation_id=ledger.new_operation_id(),
            sender_id=fan.pk,
            gift_version_id=version("heart").pk,
            quantity=1,
            room_id=room.pk,
            hide_name=hide_name,
        )
        for hide_name in (True, False)
    ]

    services.send_gifts(intents=intents, at=timezone.now())

    kept = dict(Sending.objects.values_list("pk", "is_hidden"))
    assert [kept[intent.operation_id] for intent in intents] == [True, False]


def test_a_service_hides_the_name_when_the_fan_wants_it(fan: User, room: Room) -> None:
    callers.make_service()
    callers.consent(fan, cap=100)
    client = callers.caller(callers.token())
    given = {"fan": fan.pk, "gift_version": version("bouquet").pk, "room": str(room.pk)}
    key = str(ledger.new_operation_id())

    answer = client.post(
        "/api/v1/gift-sends", given | {"hide_name": True}, headers={"Idempotency-Key": key}
    )
    again = client.post("/api/v1/gift-sends", given, headers={"Idempotency-Key": key})

    assert (answer.status_code, answer.json()["hide_name"]) == (201, True)
    assert client.get(f"/api/v1/gift-sends/{key}").json()["hide_name"] is True
    assert (again.status_code, again.json()["code"]) == (422, "operation_conflict")
    listed = client.get(f"/api/v1/rooms/{room.pk}/gifts").json()["results"]
    assert [row["sender"] for row in listed] == [None]


def test_the_form_sends_it_hidden_and_keeps_the_choice_for_the_next(fan: User, room: Room) -> None:
    client = signed(fan)
    address = reverse("gifts:send", args=[room.pk])
    form = {"gift": version("bouquet").pk, "quantity": 1, "hide_name": "on"}

    client.post(address, form | {"operation_id": ledger.new_operation_id()})
    page = client.get(reverse("gifts:room", args=[room.pk])).content.decode()

    assert Sending.objects.get().is_hidden
    assert 'name="hide_name" value="on" checked' in page
    assert "Your name is hidden." in page
    del form["hide_name"]
    client.post(address, form | {"operation_id": ledger.new_operation_id()})
    page = client.get(reverse("gifts:room", args=[room.pk])).content.decode()
    assert 'name="hide_name" value="on" checked' not in page
    assert Sending.objects.filter(is_hidden=True).count() == 1


def test_the_question_before_a_big_gift_keeps_the_choice(fan: User, room: Room) -> None:
    form = {
        "gift": version("bouquet").pk,
        "quantity": 200,
        "hide_name": "on",
        "operation_id": ledger.new_operation_id(),
    }

    page = signed(fan).post(reverse("gifts:send", args=[room.pk]), form).content.decode()

    assert '<input type="hidden" name="hide_name" value="on">' in page
    assert "“Somebody” instead of your name" in page
    assert not Sending.objects.exists()


def test_words_for_nothing_cannot_be_said_without_a_name(fan: User, room: Room) -> None:
    address = reverse("gifts:say", args=[room.pk])
    said = {"message_id": ledger.new_operation_id(), "words": "Hello", "hide_name": "on"}

    answer = signed(fan).post(address, said, headers={"Accept": "application/json"})

    assert answer.status_code == 409
    assert "Nothing was said" in answer.json()["words"]
    assert not ChatMessage.objects.exists()


def test_a_gift_that_waits_keeps_the_choice(committed: str) -> None:
    with transaction.atomic():
        fan = make_user(HANDLE, id=FAN_ID, display_name=NAME)
        give_coins(fan, 10_000)
    room = make_room(make_creator("bob"))
    wanted = Intent(
        operation_id=ledger.new_operation_id(),
        sender_id=fan.pk,
        gift_version_id=version("bouquet").pk,
        quantity=600,
        room_id=room.pk,
        hide_name=True,
    )
    at = timezone.now()
    holding.hold(intent=wanted, at=at)

    with pytest.raises(ledger.OperationConflict):
        holding.hold(intent=replace(wanted, hide_name=False), at=at)
    assert holding.send_due(at=at + holding.UNDO) == 1

    assert HeldGift.objects.get().is_hidden
    assert Sending.objects.get().is_hidden
    assert OutboxEvent.objects.get(name="gift.sent").payload["sender"] == "Somebody"


def test_a_hidden_name_wears_no_badge(fan: User, room: Room) -> None:
    FanTotal.objects.create(gifter=fan, coins=1_000_000)
    shown, hidden = give(fan, room, hide_name=False), give(fan, room)
    words: dict[str, Any] = {"slug": words_gift(), "words": "From nobody"}
    give(fan, room, **words)

    told = {one.payload["sending_id"]: one.payload for one in OutboxEvent.objects.all()}
    assert told[str(shown)]["level"] > 0  # the control
    assert (told[str(hidden)]["level"], told[str(hidden)]["club_level"]) == (None, None)
    badges = [(line.sender if hasattr(line, "sender") else line.author_name, line.badge is None)
              for line in views._lines(room)]  # fmt: skip
    assert sorted(set(badges)) == [("Somebody", True), (NAME, False)]

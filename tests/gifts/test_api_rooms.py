"""Services follow a room's log, and begin and end lives of creators who let them."""

import json
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import consents, valkey
from accounts.models import Scope, Standing, StateChange, User
from config import relay
from gifts import chat, moderation, room_log
from gifts.models import Room, RoomEvent
from tests import services
from tests.factories import give_coins, make_creator, make_user
from tests.gifts.world import make_room, make_video, send, written
from wallet import ledger


@pytest.fixture
def tipbot(committed: str) -> APIClient:
    return services.service()


@pytest.fixture
def bob(committed: str) -> User:
    return make_creator("bob")


@pytest.fixture
def alice(committed: str) -> User:
    alice = make_user("alice")
    with transaction.atomic():
        give_coins(alice, 1_000)
    return alice


def relay_now() -> None:
    relay.relay(at=timezone.now())


def begin(service: APIClient, creator: Any, key: Any = None, **more: Any) -> Any:
    body = {"creator": creator, "title": "Nocturnes at ten"} | more
    headers: Any = {"HTTP_IDEMPOTENCY_KEY": str(key or ledger.new_operation_id())}
    return service.post("/api/v1/rooms", body, **headers)


# The log


def test_the_log_is_what_viewers_get_in_order_by_pages(
    tipbot: APIClient, alice: User, bob: User
) -> None:
    room = make_room(bob)
    for _ in range(5):
        send(alice, room)
    relay_now()

    first = tipbot.get(f"/api/v1/rooms/{room.pk}/events?limit=3").json()
    rest = tipbot.get(f"/api/v1/rooms/{room.pk}/events?after={first['next']}").json()
    none = tipbot.get(f"/api/v1/rooms/{room.pk}/events?after={rest['next']}").json()

    shown: Any = valkey.client().xrange(room_log.stream_of(room.pk))
    assert first["results"] + rest["results"] == [json.loads(f[b"e"]) for _, f in shown]
    assert [(page["next"], page["last"]) for page in (first, rest, none)] == [
        (3, 5),
        (5, 5),
        (5, 5),
    ]
    assert none["results"] == []
    assert "sender_id" not in first["results"][0]


def test_an_empty_log_and_no_room_are_told_apart(tipbot: APIClient, bob: User) -> None:
    room = make_room(bob)

    assert tipbot.get(f"/api/v1/rooms/{room.pk}/events").json() == {
        "results": [], "next": 0, "last": 0,
    }  # fmt: skip
    for nowhere in (ledger.new_operation_id(), make_video(bob).pk):
        answer = tipbot.get(f"/api/v1/rooms/{nowhere}/events")
        assert services.refused(answer) == (404, "not_found")
    for query in ("after=-1", "after=x", "limit=0", "limit=501", "wait=5"):
        answer = tipbot.get(f"/api/v1/rooms/{room.pk}/events?{query}")
        assert services.refused(answer) == (400, "invalid")


def test_a_removed_message_is_told_without_its_words(
    tipbot: APIClient, alice: User, bob: User
) -> None:
    room, ids = make_room(bob), [ledger.new_operation_id() for _ in range(2)]
    for message_id, words in zip(ids, ("Kind words", "Rude words"), strict=True):
        chat.say(
            message_id=message_id, room_id=room.pk, author_id=alice.pk, words=words,
            at=timezone.now(),
        )  # fmt: skip
    moderation.remove_message(message_id=ids[1], by_id=bob.pk, at=timezone.now())
    relay_now()

    told = tipbot.get(f"/api/v1/rooms/{room.pk}/events").json()["results"]

    assert [(one["name"], one.get("words")) for one in told] == [
        ("chat.said", "Kind words"), ("chat.said", ""), ("chat.removed", None),
    ]  # fmt: skip
    kept = RoomEvent.objects.filter(room=room, name="chat.said").values_list("payload", flat=True)
    assert "Rude words" in [payload["words"] for payload in kept]  # control: the log has them


def test_the_log_of_a_room_for_members_needs_the_creators_word(
    tipbot: APIClient, alice: User, bob: User
) -> None:
    room = make_room(bob)
    send(alice, room)
    relay_now()
    address = f"/api/v1/rooms/{room.pk}/events"
    assert tipbot.get(address).status_code == 200  # the control: it is not for members yet
    Room.objects.filter(pk=room.pk).update(for_members=True)

    assert services.refused(tipbot.get(address)) == (403, "consent_missing")
    services.consent(bob, scope=Scope.ROOMS_MANAGE)
    assert tipbot.get(address).json()["last"] == 1


def test_the_log_needs_the_scope(committed: str, bob: User) -> None:
    room = make_room(bob)
    other = services.service("other", ("catalogue:read",))

    answer = other.get(f"/api/v1/rooms/{room.pk}/events")

    assert services.refused(answer) == (403, "scope_missing")


# Live by API


def test_a_live_begins_once_for_each_key(tipbot: APIClient, bob: User) -> None:
    services.consent(bob, scope=Scope.ROOMS_MANAGE)
    key = ledger.new_operation_id()

    first, again = begin(tipbot, "@bob", key), begin(tipbot, bob.pk, key)

    room = Room.objects.get()
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert first.json()["id"] == str(room.pk) == str(key)
    assert (room.creator, room.title, room.state, room.gifts_on) == (
        bob, "Nocturnes at ten", "live", True,
    )  # fmt: skip
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert written().events == 1


def test_the_same_key_with_other_words_is_a_conflict(tipbot: APIClient, bob: User) -> None:
    services.consent(bob, scope=Scope.ROOMS_MANAGE)
    key = ledger.new_operation_id()
    begin(tipbot, "@bob", key)

    answer = begin(tipbot, "@bob", key, title="Something else")

    assert services.refused(answer) == (422, "room_conflict")
    assert Room.objects.get().title == "Nocturnes at ten"


def test_nothing_begins_or_ends_without_the_creators_word(tipbot: APIClient, bob: User) -> None:
    room = make_room(make_creator("carol"))
    services.consent(bob, scope=Scope.GIFTS_SEND)  # another word than this

    answers = [
        begin(tipbot, "@bob"),
        begin(tipbot, "@nobody"),
        tipbot.post(f"/api/v1/rooms/{room.pk}/end"),
        tipbot.post(f"/api/v1/rooms/{room.pk}/gifts-switch", {"gifts_on": False}),
    ]

    assert {services.refused(answer) for answer in answers} == {(403, "consent_missing")}
    assert "The creator has not allowed" in answers[0].json()["detail"]
    assert list(Room.objects.values_list("state", "gifts_on")) == [("live", True)]
    assert written().events == 0


def test_a_revoked_word_ends_it_at_once(tipbot: APIClient, bob: User) -> None:
    given = services.consent(bob, scope=Scope.ROOMS_MANAGE)
    key = ledger.new_operation_id()
    begin(tipbot, "@bob", key)
    consents.revoke(fan_id=bob.pk, consent_id=given.pk, at=timezone.now())

    answer = tipbot.post(f"/api/v1/rooms/{key}/end")

    assert services.refused(answer) == (403, "consent_missing")
    assert Room.objects.get().state == "live"


def test_what_the_studio_refuses_is_refused(tipbot: APIClient, alice: User, bob: User) -> None:
    for person in (alice, bob):
        services.consent(person, scope=Scope.ROOMS_MANAGE)
    live = begin(tipbot, "@bob").json()["id"]

    second = begin(tipbot, "@bob")
    assert services.refused(second) == (409, "already_live")
    assert second.json()["room"] == live
    assert services.refused(begin(tipbot, "@alice")) == (403, "only_creators")
    elsewhere = begin(tipbot, "@bob", stream_url="https://elsewhere.example/live.m3u8")
    assert services.refused(elsewhere) == (400, "address_not_allowed")
    assert services.refused(begin(tipbot, "@bob", title="x")) == (400, "invalid")
    no_key = tipbot.post("/api/v1/rooms", {"creator": "@bob", "title": "Nocturnes"})
    assert services.refused(no_key) == (400, "idempotency_key_missing")
    User.objects.filter(pk=bob.pk).update(standing=Standing.RESTRICTED)
    assert services.refused(begin(tipbot, "@bob")) == (403, "not_in_good_standing")
    assert Room.objects.count() == 1


def test_a_live_ends_once_and_says_by_whom(tipbot: APIClient, bob: User) -> None:
    services.consent(bob, scope=Scope.ROOMS_MANAGE)
    room_id = begin(tipbot, "@bob").json()["id"]

    first, again = (tipbot.post(f"/api/v1/rooms/{room_id}/end").json() for _ in range(2))

    assert first == again
    assert first["state"] == "ended"
    change = StateChange.objects.get(subject_id=room_id)
    assert (change.after, change.by_id) == ("ended", bob.pk)
    assert change.why == "Ended by the service tipbot for the creator"
    assert written().events == 2  # begun and ended


def test_gifts_are_switched_for_the_creator(tipbot: APIClient, bob: User) -> None:
    services.consent(bob, scope=Scope.ROOMS_MANAGE)
    room_id = begin(tipbot, "@bob").json()["id"]

    switched = [
        tipbot.post(f"/api/v1/rooms/{room_id}/gifts-switch", {"gifts_on": on}).json()["gifts_on"]
        for on in (False, False, True)
    ]

    assert switched == [False, False, True]
    assert written().events == 3  # begun, off, on
    tipbot.post(f"/api/v1/rooms/{room_id}/end")
    answer = tipbot.post(f"/api/v1/rooms/{room_id}/gifts-switch", {"gifts_on": False})
    assert services.refused(answer) == (409, "room_ended")

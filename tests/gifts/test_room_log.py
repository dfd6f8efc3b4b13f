"""The log of a room: numbered once, without a gap, and shown from Valkey whatever that has lost."""

import json
import threading
from typing import Any

import pytest
import redis
from django.db import connection, transaction
from django.utils import timezone

from accounts import events as outbox
from accounts import valkey
from accounts.models import OutboxEvent, User
from config import relay
from gifts import events, room_log, rooms
from gifts.models import Room, RoomEvent, RoomLog
from tests.factories import give_coins, make_creator, make_user
from tests.gifts.world import make_room, send
from tests.streams import wait_until


@pytest.fixture
def bob(committed: str) -> User:
    return make_creator("bob")


@pytest.fixture
def room(bob: User) -> Room:
    return make_room(bob)


@pytest.fixture
def alice(committed: str) -> User:
    alice = make_user("alice")
    with transaction.atomic():
        give_coins(alice, 10_000)
    return alice


def relay_now() -> None:
    relay.relay(at=timezone.now())


def gifts_in(room: Room, count: int) -> None:
    """So many events of the room, without the gifts."""
    with transaction.atomic():
        for place in range(count):
            outbox.publish(
                name=events.GIFT_SENT,
                subject=f"room:{room.pk}",
                payload={"sending_id": str(place), "sender_id": 7, "sender": "Alice"},
            )


def logged(room: Room) -> list[int]:
    return [one.number for one in room_log.events_after(room_id=room.pk, number=0, limit=10_000)]


def shown(room: Room) -> list[dict[str, Any]]:
    """What Valkey has of the room."""
    entries: Any = valkey.client().xrange(room_log.stream_of(room.pk))
    found = []
    for number, fields in entries:
        event = json.loads(fields[b"e"])
        assert number == f"{event['number']}-0".encode()
        found.append(event)
    return found


def numbers(room: Room) -> list[int]:
    return [event["number"] for event in shown(room)]


def test_a_gift_is_logged_and_shown_with_what_everyone_may_see(alice: User, room: Room) -> None:
    sent = send(alice, room, "bouquet", quantity=2)
    relay_now()

    (event,) = shown(room)
    assert event.pop("at") == RoomEvent.objects.get().at.isoformat()
    assert event == {
        "number": 1, "name": "gift.sent", "sending_id": str(sent.sending_id), "sender": "Alice",
        "sender_handle": "alice", "gift": "Bouquet", "slug": "bouquet", "category": "hearts",
        "animation_ms": event["animation_ms"], "quantity": 2, "coins": 20, "streak_id": None,
        "streak_quantity": None, "streak_coins": None,
        "level": None,
        "club_level": None,
    }  # fmt: skip
    log = RoomLog.objects.get(room=room)
    assert (log.last_number, log.shown_number) == (1, 1)


def test_what_is_not_for_everyone_is_not_shown(room: Room) -> None:
    with transaction.atomic():
        outbox.publish(name="room.secret", subject=f"room:{room.pk}", payload={"x": 1})
        outbox.publish(name=events.GIFT_SENT, subject="video:x", payload={"sender": "Alice"})
    gifts_in(room, 1)
    relay_now()

    (event,) = shown(room)
    assert "sender_id" not in event
    assert OutboxEvent.objects.filter(relayed_at=None).count() == 0


def test_each_room_counts_for_itself_in_the_order_things_were_committed(
    bob: User, room: Room
) -> None:
    other = make_room(make_creator("ben"))
    for turn in range(3):
        gifts_in(room, 2)
        gifts_in(other, 1)
        if turn:
            relay_now()

    assert (numbers(room), numbers(other)) == ([1, 2, 3, 4, 5, 6], [1, 2, 3])
    sources = RoomEvent.objects.filter(room=room).order_by("number")
    assert list(sources.values_list("outbox_id", flat=True)) == sorted(
        sources.values_list("outbox_id", flat=True)
    )


def test_an_event_that_a_subscriber_must_hear_again_is_numbered_once(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_event: OutboxEvent) -> None:
        raise OSError

    monkeypatch.setitem(relay.SUBSCRIBERS, events.GIFT_SENT, (fail,))
    gifts_in(room, 2)
    relay_now()
    OutboxEvent.objects.update(retry_at=None)
    monkeypatch.delitem(relay.SUBSCRIBERS, events.GIFT_SENT)
    relay_now()

    assert logged(room) == numbers(room) == [1, 2]


def test_a_room_is_shown_before_anybody_is_rung(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen from another session: what is numbered is committed by then."""
    found: list[tuple[int, list[int]]] = []

    def look(_event: OutboxEvent) -> None:
        def read() -> None:
            try:
                found.append((room_log.last_number(room_id=room.pk), numbers(room)))
            finally:
                connection.close()

        aside = threading.Thread(target=read)
        aside.start()
        aside.join(timeout=30)

    monkeypatch.setitem(relay.SUBSCRIBERS, events.GIFT_SENT, (look,))
    gifts_in(room, 2)
    relay_now()

    assert found == [(2, [1, 2]), (2, [1, 2])]


def test_a_queue_that_does_not_answer_holds_no_room_back(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_rung, goes_on, stop = threading.Event(), threading.Event(), threading.Event()

    def wait(_event: OutboxEvent) -> None:
        is_rung.set()
        goes_on.wait(30)

    monkeypatch.setitem(relay.SUBSCRIBERS, "queue.rung", (wait,))
    running = threading.Thread(target=relay.run, kwargs={"stop": stop})
    running.start()
    try:
        with transaction.atomic():
            outbox.publish(name="queue.rung", subject="test:1", payload={})
        assert is_rung.wait(30)
        gifts_in(room, 1)
        wait_until(lambda: numbers(room) == [1])
        assert OutboxEvent.objects.filter(name="queue.rung", relayed_at=None).exists()
    finally:
        stop.set()
        goes_on.set()
        running.join(30)
    assert not running.is_alive()
    assert OutboxEvent.objects.filter(relayed_at=None).count() == 0


def test_a_batch_that_is_rolled_back_leaves_no_number(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    gifts_in(room, 2)
    happened = list(OutboxEvent.objects.all())
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        room_log.number(happened)
        raise ZeroDivisionError
    assert logged(room) == []
    relay_now()
    assert logged(room) == numbers(room) == [1, 2]


def test_many_relays_at_once_leave_no_gap_and_no_double(room: Room) -> None:
    gifts_in(room, 1_200)

    def relays() -> None:
        try:
            relay_now()
        finally:
            connection.close()

    threads = [threading.Thread(target=relays) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    relay_now()

    assert logged(room) == list(range(1, 1_201))
    assert numbers(room) == list(range(1, 1_201))
    assert RoomEvent.objects.values("outbox_id").distinct().count() == 1_200


def test_a_flushed_valkey_is_filled_again_from_the_log(room: Room) -> None:
    gifts_in(room, 5)
    relay_now()
    before = shown(room)
    valkey.client().flushall()
    gifts_in(room, 1)
    relay_now()

    assert shown(room)[:5] == before
    assert numbers(room) == [1, 2, 3, 4, 5, 6]


def test_a_valkey_that_forgot_its_last_second_gets_it_again(room: Room) -> None:
    gifts_in(room, 5)
    relay_now()
    valkey.client().xtrim(room_log.stream_of(room.pk), maxlen=0)
    valkey.client().delete(room_log.stream_of(room.pk))
    for number in (1, 2, 3):
        event = RoomEvent.objects.get(room=room, number=number)
        valkey.client().xadd(
            room_log.stream_of(room.pk), {"e": room_log.text_of(event)}, id=f"{number}-0"
        )
    gifts_in(room, 1)
    relay_now()

    assert numbers(room) == [1, 2, 3, 4, 5, 6]


def test_without_valkey_the_log_goes_on_and_is_shown_later(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setattr(valkey, "client", lambda: redis.Redis(unix_socket_path="/nowhere/valkey"))
        gifts_in(room, 3)
        relay_now()
    assert (logged(room), shown(room)) == ([1, 2, 3], [])
    assert OutboxEvent.objects.filter(relayed_at=None).count() == 0

    relay_now()
    assert numbers(room) == [1, 2, 3]


def test_only_the_end_of_a_long_log_is_kept_for_viewers(room: Room) -> None:
    gifts_in(room, room_log.KEPT + 700)
    relay_now()
    valkey.client().flushall()
    gifts_in(room, 1)
    relay_now()

    last = room_log.KEPT + 701
    assert numbers(room)[-1] == last
    assert numbers(room) == list(range(numbers(room)[0], last + 1))
    assert len(numbers(room)) >= room_log.KEPT


def test_switching_gifts_and_ending_are_shown_once(bob: User, room: Room) -> None:
    for gifts_on in (False, False, True):
        rooms.set_gifts_on(room_id=room.pk, creator_id=bob.pk, gifts_on=gifts_on)
    rooms.end_room(room_id=room.pk, by_id=bob.pk, why="Done.", at=timezone.now())
    relay_now()

    assert [(event["name"], event.get("gifts_on")) for event in shown(room)] == [
        ("room.gifts_switched", False), ("room.gifts_switched", True), ("room.ended", None),
    ]  # fmt: skip


def test_the_log_of_a_room_that_ended_long_ago_is_forgotten(bob: User, room: Room) -> None:
    gifts_in(room, 2)
    relay_now()
    now = timezone.now()
    rooms.end_room(room_id=room.pk, by_id=bob.pk, why="Done.", at=now)
    relay_now()

    assert room_log.forget(at=now + room_log.FORGOTTEN_AFTER) == 0
    assert room_log.forget(at=now + room_log.FORGOTTEN_AFTER * 2) == 3
    assert logged(room) == []

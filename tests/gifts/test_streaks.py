"""Combos: each gift joins its streak or is not posted; the end tells the exact sum, once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, connections, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import OutboxEvent, User
from gifts import services, streaks
from gifts.models import Room, Sending, Streak, Video
from tests.factories import give_coins, make_creator, make_user
from tests.gifts import world
from tests.gifts.world import coins, make_room, make_video, send, written
from wallet import ledger

new_id = ledger.new_operation_id


@pytest.fixture
def room(bob: User) -> Room:
    return make_room(bob)


@pytest.fixture
def rich(alice: User) -> User:
    give_coins(alice, 1_000)
    return alice


def ended() -> list[dict[str, Any]]:
    return [event.payload for event in OutboxEvent.objects.filter(name="streak.ended")]


def end(streak_id: UUID, sender: User) -> bool:
    return streaks.end(streak_id=streak_id, sender_id=sender.pk, at=timezone.now())


def test_gifts_of_a_combo_grow_one_streak_and_each_event_says_how_far(
    rich: User, room: Room
) -> None:
    streak_id = new_id()
    for quantity in (1, 5, 2):
        send(rich, room, "bouquet", quantity=quantity, streak_id=streak_id)

    streak = Streak.objects.get()
    assert (streak.pk, streak.sender_id, streak.room_id) == (streak_id, rich.pk, room.pk)
    assert (streak.quantity, streak.coins, streak.ended_at) == (8, 80, None)
    told = OutboxEvent.objects.filter(name="gift.sent").order_by("pk")
    assert [
        (event.payload["streak_quantity"], event.payload["streak_coins"]) for event in told
    ] == [(1, 10), (6, 60), (8, 80)]
    assert coins(rich) == 920


def test_a_gift_alone_begins_no_streak(rich: User, room: Room) -> None:
    send(rich, room, "bouquet")

    assert not Streak.objects.exists()
    assert "streak_quantity" not in OutboxEvent.objects.get().payload


def test_a_combo_is_ended_once_with_its_sums(rich: User, room: Room) -> None:
    streak_id = new_id()
    send(rich, room, "bouquet", quantity=3, streak_id=streak_id)
    send(rich, room, "bouquet", quantity=4, streak_id=streak_id)

    assert end(streak_id, rich) is True
    assert end(streak_id, rich) is False

    assert ended() == [
        {
            "streak_id": str(streak_id), "sender_id": rich.pk, "sender": "Alice",
            "gift": "Bouquet", "slug": "bouquet", "quantity": 7, "coins": 70,
        }
    ]  # fmt: skip
    assert OutboxEvent.objects.get(name="streak.ended").subject == f"room:{room.pk}"


def test_nothing_joins_a_combo_that_has_ended(rich: User, room: Room) -> None:
    streak_id = new_id()
    send(rich, room, streak_id=streak_id)
    end(streak_id, rich)
    before, balance = written(), coins(rich)

    with pytest.raises(streaks.StreakEnded, match="has ended: nothing was sent"):
        send(rich, room, streak_id=streak_id)

    assert written() == before
    assert coins(rich) == balance
    assert Streak.objects.get().quantity == 1


def test_a_lost_answer_is_given_again_after_the_end(rich: User, room: Room) -> None:
    streak_id, operation_id = new_id(), new_id()
    send(rich, room, quantity=2, streak_id=streak_id, operation_id=operation_id)
    end(streak_id, rich)
    before = written()

    again = send(rich, room, quantity=2, streak_id=streak_id, operation_id=operation_id)

    assert (again.replayed, again.coins) == (True, 2)
    assert written() == before


def test_a_doubled_gift_is_counted_once(rich: User, room: Room) -> None:
    streak_id, operation_id = new_id(), new_id()
    for _ in range(3):
        send(rich, room, quantity=2, streak_id=streak_id, operation_id=operation_id)

    assert (Streak.objects.get().quantity, Streak.objects.get().coins) == (2, 2)


def test_a_refused_gift_does_not_grow_the_combo(rich: User, room: Room) -> None:
    streak_id = new_id()
    send(rich, room, "doughnut", quantity=30, streak_id=streak_id)

    with pytest.raises(ledger.InsufficientCoins):
        send(rich, room, "doughnut", quantity=30, streak_id=streak_id)

    assert (Streak.objects.get().quantity, coins(rich)) == (30, 100)


@pytest.mark.parametrize("other", ["sender", "room", "video", "gift"])
def test_a_combo_takes_no_gift_that_is_not_its_own(
    rich: User, room: Room, mallory: User, other: str
) -> None:
    give_coins(mallory, 100)
    streak_id = new_id()
    send(rich, room, "bouquet", streak_id=streak_id)
    creator = make_creator("ben")
    before = written()
    others: dict[str, tuple[User, Room | Video, str]] = {
        "sender": (mallory, room, "bouquet"),
        "room": (rich, make_room(creator), "bouquet"),
        "video": (rich, make_video(creator), "bouquet"),
        "gift": (rich, room, "rosebud"),
    }
    sender, place, slug = others[other]

    with pytest.raises(streaks.StreakEnded):
        send(sender, place, slug, streak_id=streak_id)

    assert written() == before
    assert (coins(rich), coins(mallory)) == (990, 100)
    assert Streak.objects.get().quantity == 1


def test_only_its_sender_ends_a_combo(rich: User, room: Room, mallory: User) -> None:
    streak_id = new_id()
    send(rich, room, streak_id=streak_id)

    assert end(streak_id, mallory) is False
    assert end(new_id(), rich) is False

    assert Streak.objects.get().ended_at is None
    assert ended() == []


def test_a_combo_that_stands_still_is_ended(rich: User, room: Room) -> None:
    at = timezone.now()
    still, running = new_id(), new_id()
    send(rich, room, quantity=5, streak_id=still, at=at - timedelta(seconds=4))
    send(rich, room, streak_id=running, at=at - timedelta(seconds=2))

    assert streaks.end_idle(at=at) == 1
    assert streaks.end_idle(at=at) == 0

    assert [(one["streak_id"], one["quantity"]) for one in ended()] == [(str(still), 5)]
    assert Streak.objects.get(pk=running).ended_at is None


def test_a_combo_on_a_video_ends_too(rich: User, bob: User) -> None:
    video, streak_id = make_video(bob), new_id()
    send(rich, video, "bouquet", streak_id=streak_id)

    end(streak_id, rich)

    assert OutboxEvent.objects.get(name="streak.ended").subject == f"video:{video.pk}"


def test_many_gifts_at_once_join_their_combos_one_by_one(rich: User, room: Room) -> None:
    streak_id, gone = new_id(), new_id()
    send(rich, room, streak_id=gone)
    end(gone, rich)

    def intent(streak: UUID) -> services.Intent:
        return services.Intent(
            operation_id=new_id(),
            sender_id=rich.pk,
            gift_version_id=world.version("heart").pk,
            quantity=1,
            room_id=room.pk,
            streak_id=streak,
        )

    answers = services.send_gifts(
        intents=[intent(streak_id), intent(gone), intent(streak_id)], at=timezone.now()
    )

    assert [type(answer) for answer in answers] == [
        services.Sent, streaks.StreakEnded, services.Sent,
    ]  # fmt: skip
    assert Streak.objects.get(pk=streak_id).quantity == 2
    assert coins(rich) == 997


def test_a_gift_of_a_combo_costs_no_statement_more(
    rich: User, room: Room, django_assert_num_queries: Any
) -> None:
    heart = world.version("heart").pk

    with django_assert_num_queries(4):  # as one alone: see test_sending
        services.send_gift(
            operation_id=new_id(),
            sender_id=rich.pk,
            gift_version_id=heart,
            quantity=1,
            room_id=room.pk,
            streak_id=new_id(),
            at=timezone.now(),
        )


# The door


def test_the_page_of_a_room_ends_the_viewers_combo(client: Client, rich: User, room: Room) -> None:
    streak_id = new_id()
    send(rich, room, quantity=3, streak_id=streak_id)
    client.force_login(rich)
    address = reverse("gifts:end_streak", args=[room.pk, streak_id])

    assert [client.post(address).status_code for _ in range(2)] == [204, 204]

    assert [one["quantity"] for one in ended()] == [3]
    assert client.get(address).status_code == 405


def test_a_late_gift_tells_the_script_to_begin_anew(client: Client, rich: User, room: Room) -> None:
    streak_id = new_id()
    send(rich, room, streak_id=streak_id)
    end(streak_id, rich)
    client.force_login(rich)
    wanted = {
        "operation_id": str(new_id()), "gift": world.version("heart").pk, "quantity": 1,
        "streak_id": str(streak_id),
    }  # fmt: skip

    answer = client.post(
        reverse("gifts:send", args=[room.pk]), wanted, headers={"HX-Request": "true"}
    )

    assert "gift:late" in answer["HX-Trigger"]
    assert "This combo has ended: nothing was sent." in answer.content.decode()
    assert coins(rich) == 999


# Two connections


@pytest.fixture
def crowd(committed: str) -> tuple[User, Room]:
    alice = make_user("alice")
    with transaction.atomic():
        give_coins(alice, 1_000)
    return alice, make_room(make_creator("bob"))


def aside(deed: Callable[[], Any]) -> Any:
    try:
        return deed()
    finally:
        connections.close_all()


def waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])


def await_a_lock() -> None:
    while not waits_for_a_lock():
        threading.Event().wait(0.01)


def test_an_end_waits_for_the_gift_before_it_and_counts_it(crowd: tuple[User, Room]) -> None:
    alice, room = crowd
    streak_id = new_id()
    send(alice, room, streak_id=streak_id)
    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            Streak.objects.select_for_update().get()  # a gift on its way has the row
            ending = thread.submit(aside, lambda: end(streak_id, alice))
            await_a_lock()
            Sending.objects.create(
                id=new_id(), sender=alice, creator_id=room.creator_id, room=room, quantity=4,
                gift_version=world.version("heart"), coins=4, streak_id=streak_id,
            )  # fmt: skip
        assert ending.result() is True

    assert [one["quantity"] for one in ended()] == [5]


def test_a_gift_that_meets_the_end_is_not_posted(crowd: tuple[User, Room]) -> None:
    alice, room = crowd
    streak_id = new_id()
    send(alice, room, streak_id=streak_id)
    before, balance = written(), coins(alice)
    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            Streak.objects.filter(pk=streak_id).update(ended_at=timezone.now())
            late = thread.submit(aside, lambda: send(alice, room, quantity=9, streak_id=streak_id))
            await_a_lock()
        with pytest.raises(streaks.StreakEnded):
            late.result()

    assert written() == before
    assert coins(alice) == balance
    assert Streak.objects.get().quantity == 1

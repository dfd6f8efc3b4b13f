"""Top gifters: counted once, exactly, named only by choice, and the same after a rebuild."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import OutboxEvent, User
from config import relay
from gifts import crowd, ranks
from gifts.crowd import Ranked
from gifts.models import RankDifference, ReceivedGift, Room, RoomEvent, RoomGifter, WeekGifter
from tests.factories import give_coins, make_creator, make_user
from tests.gifts.world import make_room, make_video, send
from wallet import reversals


def fan(handle: str, *, is_ranked: bool = True, coins: int = 10_000) -> User:
    person = make_user(handle, is_ranked=is_ranked)
    with transaction.atomic():
        give_coins(person, coins)
    return person


def relay_now() -> None:
    relay.relay(at=timezone.now())


@pytest.fixture
def room(bob: User) -> Room:
    return make_room(bob)


def named(room: Room) -> list[tuple[int, str, int]]:
    found = crowd.ranks_of_room(room_id=room.pk)
    return [(one.place, one.handle, one.coins) for one in found.named]


def test_who_gave_most_is_first_and_everyone_counts_but_only_the_willing_are_named(
    room: Room,
) -> None:
    alice, carol, shy = fan("alice"), fan("carol"), fan("shy", is_ranked=False)
    send(alice, room, "bouquet", quantity=3)
    send(carol, room, "perfume", quantity=2)
    send(shy, room, "paper-crane", quantity=10)
    send(alice, room, "perfume")
    relay_now()

    found = crowd.ranks_of_room(room_id=room.pk)
    assert found.named == [
        Ranked(1, "alice", "Alice", 50),
        Ranked(2, "carol", "Carol", 40),
    ]
    assert (found.people, found.coins) == (3, 1_080)
    User.objects.filter(pk=carol.pk).update(standing="suspended")
    assert named(room) == [(1, "alice", 50)]
    assert crowd.ranks_of_room(room_id=room.pk).coins == 1_080


def test_of_equal_sums_whoever_reached_it_first_is_first_also_after_a_rebuild(
    bob: User, room: Room
) -> None:
    carol, alice = fan("carol"), fan("alice")
    now = timezone.now()
    send(alice, room, "bouquet", quantity=2, at=now)
    send(carol, room, "perfume", at=now + timedelta(seconds=1))
    relay_now()
    assert named(room) == [(1, "alice", 20), (2, "carol", 20)]

    send(carol, room, "heart", at=now + timedelta(seconds=2))
    send(alice, room, "heart", at=now + timedelta(seconds=3))
    relay_now()
    before = named(room)
    ranks.rebuild(creator_id=bob.pk)

    assert before == named(room) == [(1, "carol", 21), (2, "alice", 21)]


def test_weeks_begin_on_monday_in_utc_and_take_in_videos(bob: User, room: Room) -> None:
    alice = fan("alice")
    sunday = datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)
    send(alice, room, "bouquet", at=sunday)
    send(alice, make_video(bob), "bouquet", at=sunday + timedelta(seconds=1))
    send(alice, room, "heart", at=sunday + timedelta(seconds=2))
    relay_now()

    last = crowd.ranks_of_week(creator_id=bob.pk, at=sunday)
    this = crowd.ranks_of_week(creator_id=bob.pk, at=sunday + timedelta(days=7))
    assert (last.coins, this.coins) == (10, 11)
    assert [one.coins for one in this.named] == [11]
    assert crowd.ranks_of_room(room_id=room.pk).coins == 11
    assert sorted(WeekGifter.objects.values_list("week", flat=True)) == [
        datetime(2026, 11, 16).date(),  # noqa: DTZ001 - a date
        datetime(2026, 11, 23).date(),  # noqa: DTZ001
    ]
    ranks.rebuild(creator_id=bob.pk)
    assert ranks.audit(creator_id=bob.pk) == []


def test_the_log_tells_what_each_gift_made_of_a_willing_senders_sum(room: Room) -> None:
    alice, shy = fan("alice"), fan("shy", is_ranked=False)
    for sender in (alice, shy, alice):
        send(sender, room, "bouquet")
    relay_now()
    send(alice, room, "heart")
    relay_now()

    told = [event.payload.get("room_coins") for event in RoomEvent.objects.order_by("number")]
    assert told == [10, None, 20, 21]


def test_a_rebuild_and_the_audit_say_what_was_counted(bob: User, room: Room) -> None:
    people = [fan(f"fan_{place}", is_ranked=bool(place % 2)) for place in range(5)]
    video = make_video(bob)
    for turn in range(12):
        send(people[turn % 5], room, "bouquet", quantity=turn + 1)
        send(people[turn % 3], video, "perfume")
        if turn % 4 == 0:
            relay_now()
    assert ranks.audit(creator_id=bob.pk) == []  # some are counted, some wait
    relay_now()
    before = sums()
    assert ranks.audit(creator_id=bob.pk) == []

    ranks.rebuild(creator_id=bob.pk)

    assert sums() == before
    assert all(before.values())


def sums() -> dict[str, list[tuple[object, ...]]]:
    columns = ("coins", "gifts", "taken_coins", "taken_gifts", "reached_at")
    return {
        "rooms": list(
            RoomGifter.objects.order_by("room", "gifter").values_list("gifter", *columns)
        ),
        "weeks": list(WeekGifter.objects.order_by("gifter").values_list("gifter", *columns)),
        "gifts": list(ReceivedGift.objects.order_by("gift").values_list("gift", *columns)),
    }


@pytest.mark.parametrize(
    "harm",
    [
        lambda: RoomGifter.objects.update(coins=9),
        lambda: RoomGifter.objects.update(reached_at=timezone.now() + timedelta(days=1)),
        lambda: RoomGifter.objects.all().delete(),
        lambda: WeekGifter.objects.update(gifts=7),
        lambda: ReceivedGift.objects.update(taken_coins=3, coins=7),
    ],
)
def test_control_a_wrong_sum_is_found_told_to_staff_and_put_right(
    bob: User, room: Room, harm: object
) -> None:
    send(fan("alice"), room, "bouquet")
    relay_now()
    assert callable(harm)
    harm()

    assert len(ranks.audit(creator_id=bob.pk)) == 1
    assert ranks.audit_lately(at=timezone.now()) == 1

    assert ranks.audit(creator_id=bob.pk) == []
    assert ranks.audit_lately(at=timezone.now()) == 0
    difference = RankDifference.objects.get()
    assert (difference.creator, difference.real_coins) == (bob, 10)
    assert RoomGifter.objects.get().coins == 10


def test_a_gift_whose_payment_was_taken_back_leaves_at_the_recount(
    bob: User, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = fan("alice")
    send(alice, room, "perfume")
    lost = send(alice, room, "bouquet", quantity=5)
    relay_now()
    monkeypatch.setattr(reversals, "gifts_taken_back", lambda: [lost.sending_id])

    assert ranks.audit(creator_id=bob.pk) == []  # it leaves at the recount, which is no fault
    assert ranks.audit_lately(at=timezone.now()) == 0

    assert named(room) == [(1, "alice", 20)]
    gifter = RoomGifter.objects.get()
    assert (gifter.coins, gifter.taken_coins, gifter.gifts, gifter.taken_gifts) == (20, 50, 1, 5)
    assert [one.slug for one in crowd.gallery(creator_id=bob.pk)] == ["perfume"]
    send(alice, room, "heart")
    relay_now()
    assert named(room) == [(1, "alice", 21)]
    assert ranks.audit(creator_id=bob.pk) == []


def test_an_event_that_a_subscriber_must_hear_again_counts_once(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_event: OutboxEvent) -> None:
        raise OSError

    with monkeypatch.context() as broken:
        broken.setitem(relay.SUBSCRIBERS, "gift.sent", (fail,))
        send(fan("alice"), room, "bouquet")
        relay_now()
    OutboxEvent.objects.update(retry_at=None)
    relay_now()

    assert named(room) == [(1, "alice", 10)]


def test_many_relays_and_a_rebuild_at_once_count_each_gift_once(committed: str) -> None:
    bob = make_creator("bob")
    rooms = [make_room(bob), make_room(make_creator("ben"))]
    people = [fan(f"fan_{place}") for place in range(4)]
    for turn in range(120):
        send(people[turn % 4], rooms[turn % 2], "heart")

    def at_once(deed: object) -> None:
        try:
            assert callable(deed)
            deed()
        finally:
            connection.close()

    deeds = [relay_now, lambda: ranks.rebuild(creator_id=bob.pk), relay_now, relay_now]
    threads = [threading.Thread(target=at_once, args=[deed]) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    relay_now()

    assert crowd.ranks_of_room(room_id=rooms[0].pk).coins == 60
    assert crowd.ranks_of_room(room_id=rooms[1].pk).coins == 60
    assert ranks.audit(creator_id=bob.pk) == []


def test_choosing_to_be_named_is_on_the_profile_and_off_at_first(
    alice: User, client: Client
) -> None:
    assert not alice.is_ranked
    client.force_login(alice)
    page = client.get("/me/").content.decode()
    assert "Show my name among top gifters" in page
    form = {"display_name": "Alice", "handle": "alice", "language": "en", "time_zone": "UTC"}

    client.post("/me/", form | {"is_ranked": "on"})
    assert User.objects.filter(is_ranked=True).count() == 1
    client.post("/me/", form)
    assert User.objects.filter(is_ranked=True).count() == 0

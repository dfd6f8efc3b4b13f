"""Fan clubs: joined once by the join gift in its own transaction, points, levels, pauses."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from config import relay
from gifts import clubs, risk, sending_texts, services
from gifts.models import ClubGifter, Entitlement, Room, RoomEvent
from tests.database import owner
from tests.factories import make_creator
from tests.gifts.test_ranks import fan
from tests.gifts.world import coins, make_room, make_video, send, version, written
from wallet import ledger


@pytest.fixture
def room(bob: User) -> Room:
    return make_room(bob)


def relay_now() -> None:
    relay.relay(at=timezone.now())


def place(user: User, creator: User, *, at: datetime | None = None) -> clubs.Standing:
    return clubs.standing_of(fan_id=user.pk, creator_id=creator.pk, at=at or timezone.now())


def test_the_join_gift_joins_in_its_own_transaction(bob: User, room: Room) -> None:
    alice = fan("alice")
    at = timezone.now()

    sent = send(alice, room, "join-heart", at=at)

    row = Entitlement.objects.get()
    assert (row.pk, row.fan, row.creator, row.kind) == (sent.sending_id, alice, bob, "club")
    assert (row.coins, row.starts_at, row.ends_at) == (1, at, None)
    assert place(alice, bob).club_level == 1  # at once, whatever is counted yet
    relay_now()
    assert place(alice, bob).points == 1


def test_other_gifts_join_nothing_and_run_the_text_they_ran_before(bob: User, room: Room) -> None:
    alice = fan("alice")
    send(alice, room, "heart")
    relay_now()

    assert Entitlement.objects.count() == 0
    assert (place(alice, bob).points, place(alice, bob).club_level) == (None, None)
    plain = sending_texts.SEND_SQL[False, False, False, False]
    assert "gifts_entitlement" not in plain


def test_joining_again_is_a_gift_and_no_second_place(bob: User, room: Room) -> None:
    alice = fan("alice")
    first = send(alice, room, "join-heart")
    send(alice, room, "join-heart")
    send(alice, make_room(make_creator("ben")), "join-heart")
    relay_now()

    assert coins(alice) == 10_000 - 3
    assert Entitlement.objects.get(creator=bob).pk == first.sending_id
    assert Entitlement.objects.count() == 2
    assert place(alice, bob).points == 2


def test_the_same_join_sent_twice_is_sent_and_joined_once(room: Room) -> None:
    alice, operation_id = fan("alice"), ledger.new_operation_id()
    send(alice, room, "join-heart", operation_id=operation_id)
    after = written()

    again = send(alice, room, "join-heart", operation_id=operation_id)

    assert (again.replayed, written(), Entitlement.objects.count()) == (True, after, 1)


def test_a_join_gift_that_is_refused_joins_nothing(bob: User, room: Room) -> None:
    poor = fan("poor", coins=1)
    send(poor, room, "heart")

    with pytest.raises(ledger.InsufficientCoins):
        send(poor, room, "join-heart")

    assert Entitlement.objects.count() == 0


def test_a_join_gift_in_a_batch_joins_too(bob: User, room: Room) -> None:
    people = [fan("alice"), fan("carol")]
    intents = [
        services.Intent(
            operation_id=ledger.new_operation_id(),
            sender_id=person.pk,
            gift_version_id=version(slug).pk,
            quantity=1,
            room_id=room.pk,
            video_id=None,
        )
        for person in people
        for slug in ("join-heart", "heart")
    ]

    answers = services.send_gifts(intents=intents, at=timezone.now())

    assert all(isinstance(answer, services.Sent) for answer in answers)
    assert sorted(Entitlement.objects.values_list("fan__handle", flat=True)) == ["alice", "carol"]


def at_once(*deeds: Any) -> list[Exception]:
    gate, raised = threading.Barrier(len(deeds)), []

    def run(deed: Any) -> None:
        try:
            gate.wait()
            deed()
        except Exception as error:  # noqa: BLE001 - what was raised is looked at
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[deed]) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return raised


def test_two_joins_at_once_are_two_gifts_and_one_place(committed: str) -> None:
    room, alice = make_room(make_creator("bob")), fan("alice")

    raised = at_once(*[lambda: send(alice, room, "join-heart")] * 4)

    assert raised == []
    assert coins(alice) == 10_000 - 4
    assert Entitlement.objects.count() == 1


def test_control_without_the_constraint_a_second_join_is_a_second_place(committed: str) -> None:
    room, alice = make_room(make_creator("bob")), fan("alice")
    with owner(committed) as server:
        server.execute("DROP INDEX club_joined_once")

    send(alice, room, "join-heart")
    send(alice, room, "join-heart")

    assert Entitlement.objects.count() == 2


# Levels of the club


def test_points_make_club_levels_and_those_unlock_the_clubs_gifts(bob: User, room: Room) -> None:
    alice = fan("alice")
    send(alice, room, "bouquet", quantity=5)
    relay_now()
    with pytest.raises(risk.GiftLocked) as outside:
        send(alice, room, "club-crown")
    assert str(outside.value) == (
        "Club Crown is locked. Unlocks at club level 2."
        " You are not in this creator's fan club: its join gift lets you in."
    )

    send(alice, room, "join-heart")
    relay_now()
    with pytest.raises(risk.GiftLocked) as below:
        send(alice, room, "club-crown")
    assert str(below.value) == (
        "Club Crown is locked. Unlocks at club level 2."
        " You are at club level 1: 49 points more reach it."
    )

    send(alice, room, "heart", quantity=49)
    relay_now()
    send(alice, room, "club-crown")
    relay_now()

    assert place(alice, bob).points == 250
    sent = RoomEvent.objects.filter(name="gift.sent").order_by("number")
    levels = [event.payload["club_level"] for event in sent]
    assert levels == [None, None, 1, 2]


def test_a_club_unlocks_nothing_with_another_creator(room: Room) -> None:
    alice = fan("alice")
    send(alice, room, "join-heart")
    send(alice, room, "perfume", quantity=30)
    relay_now()

    with pytest.raises(risk.GiftLocked):
        send(alice, make_room(make_creator("ben")), "club-crown")


# Pauses


def live(creator: User, *, began: timedelta, ended: timedelta) -> Room:
    """A live of so long ago."""
    now = timezone.now()
    return make_room(creator, state="ended", started_at=now - began, ended_at=now - ended)


def test_a_club_pauses_when_a_live_and_a_week_pass_without_a_point(bob: User) -> None:
    now, day = timezone.now(), timedelta(days=1)
    alice, carol = fan("alice"), fan("carol")
    joining = make_room(bob)
    for person in (alice, carol):
        send(person, joining, "join-heart", at=now - 30 * day)
        send(person, joining, "perfume", quantity=10, at=now - 30 * day)
    Room.objects.update(state="ended", started_at=now - 31 * day, ended_at=now - 29 * day)
    relay_now()
    assert not place(alice, bob).is_paused  # no live since: it is not for the fan to blame

    live(bob, began=10 * day, ended=8 * day)
    send(carol, make_video(bob), "bouquet", at=now - 9 * day)
    relay_now()

    assert place(alice, bob).is_paused
    assert place(alice, bob).club_level is None
    assert not place(alice, bob, at=now - timedelta(days=1, minutes=1)).is_paused
    assert not place(carol, bob).is_paused
    counts = clubs.counts_of(creator_id=bob.pk, at=now)
    assert (counts.members, counts.paused) == (2, 1)


def test_a_paused_member_wears_no_badge_sends_no_club_gift_and_goes_on_with_any_gift(
    bob: User,
) -> None:
    day, now = timedelta(days=1), timezone.now()
    alice, room = fan("alice"), make_room(bob)
    send(alice, room, "join-heart", at=now - 30 * day)
    send(alice, room, "perfume", quantity=10, at=now - 30 * day)
    relay_now()
    live(bob, began=10 * day, ended=8 * day)

    with pytest.raises(risk.GiftLocked) as refusal:
        send(alice, room, "club-crown")
    assert "Your place in the club is paused: any gift" in str(refusal.value)
    send(alice, room, "heart")
    relay_now()

    assert RoomEvent.objects.latest("number").payload["club_level"] is None
    assert place(alice, bob).club_level == 2
    send(alice, room, "club-crown")


# Pages


def test_the_clubs_page_says_how_to_join_and_then_where_one_stands(
    bob: User, room: Room, client: Client
) -> None:
    alice = fan("alice")
    client.force_login(alice)
    before = client.get("/@bob/club/").content.decode()
    send(alice, room, "join-heart")
    send(alice, room, "perfume", quantity=3)
    relay_now()
    after = client.get("/@bob/club/").content.decode()
    own = client.get("/me/clubs/").content.decode()

    assert "Join the club" in before
    assert "Join in the live" in before
    assert "You are at club level 1" in after
    assert "61 of 100 points" in after
    assert "Club level 1, 61 points" in own
    assert "Fan level 2" in own
    assert client.get("/@alice/club/").status_code == 404  # no creator, no club


def test_only_those_who_asked_to_be_are_named_in_the_club(bob: User, room: Room) -> None:
    alice, shy = fan("alice"), fan("shy", is_ranked=False)
    outside = fan("outside")
    for person in (alice, shy):
        send(person, room, "join-heart")
    send(outside, room, "perfume")
    relay_now()

    named = clubs.named_members(creator_id=bob.pk)
    assert [(one.handle, one.level) for one in named] == [("alice", 1)]
    assert clubs.members_count(creator_id=bob.pk) == 2
    assert ClubGifter.objects.count() == 3

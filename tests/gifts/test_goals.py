"""A creator's goal: counted in the order of the room's log, reached once, the creator's alone."""

from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from config import relay
from gifts import goals, rooms
from gifts.models import Goal, Room, RoomEvent
from tests.factories import give_coins, make_creator
from tests.gifts.world import make_room, send
from wallet import ledger


@pytest.fixture
def room(bob: User) -> Room:
    return make_room(bob)


@pytest.fixture
def rich(alice: User) -> User:
    give_coins(alice, 10_000)
    return alice


def set_goal(room: Room, coins: int = 30, goal_id: UUID | None = None, **more: Any) -> Goal:
    facts: dict[str, Any] = {"words": "Sing the encore", "creator_id": room.creator_id} | more
    return goals.set_goal(
        goal_id=goal_id or ledger.new_operation_id(),
        room_id=room.pk,
        target_coins=coins,
        at=timezone.now(),
        **facts,
    )


def relay_now() -> None:
    """Twice: what counting publishes is handed on with the next batch."""
    relay.relay(at=timezone.now())
    relay.relay(at=timezone.now())


def told(room: Room) -> list[tuple[str, int | None]]:
    rows = RoomEvent.objects.filter(room=room).order_by("number")
    return [(row.name, row.payload.get("goal_coins", row.payload.get("coins"))) for row in rows]


def test_gifts_before_the_goal_do_not_count_and_those_after_it_do_until_it_is_reached_once(
    rich: User, room: Room
) -> None:
    send(rich, room, "bouquet")
    goal = set_goal(room)
    send(rich, room, "perfume")
    relay_now()
    send(rich, room, "bouquet", quantity=2)
    send(rich, room, "heart")
    relay_now()

    assert told(room) == [
        ("gift.sent", 10), ("goal.changed", 0), ("gift.sent", 20),
        ("gift.sent", 40), ("gift.sent", 41), ("goal.reached", 40),
    ]  # fmt: skip
    goal.refresh_from_db()
    assert (goal.coins, goal.reached_at is not None) == (41, True)
    assert RoomEvent.objects.get(name="goal.reached").payload == {
        "goal_id": str(goal.pk), "words": "Sing the encore", "target_coins": 30, "coins": 40,
    }  # fmt: skip


def test_a_goal_that_is_changed_keeps_what_was_given_and_another_begins_from_nothing(
    rich: User, room: Room
) -> None:
    goal = set_goal(room, 100)
    send(rich, room, "perfume")
    relay_now()
    set_goal(room, 15, goal.pk, words="Sing two songs")
    relay_now()
    relay_now()
    goal.refresh_from_db()
    assert (goal.coins, goal.words, goal.reached_at is not None) == (20, "Sing two songs", True)

    other = set_goal(room, 50)
    send(rich, room, "bouquet")
    relay_now()

    other.refresh_from_db()
    goal.refresh_from_db()
    assert (other.coins, goal.coins, goal.removed_at is not None) == (10, 20, True)
    names = [name for name, _ in told(room)]
    assert names.count("goal.reached") == 1


def test_a_removed_goal_counts_no_more_and_removing_again_is_no_change(
    rich: User, room: Room
) -> None:
    goal = set_goal(room)
    relay_now()
    for _ in range(2):
        goals.remove_goal(
            goal_id=goal.pk, room_id=room.pk, creator_id=room.creator_id, at=timezone.now()
        )
    send(rich, room, "paper-crane")
    relay_now()

    goal.refresh_from_db()
    assert (goal.coins, goal.reached_at) == (0, None)
    assert [name for name, _ in told(room)] == ["goal.changed", "goal.changed", "gift.sent"]


def test_setting_the_same_goal_again_is_no_change(room: Room) -> None:
    goal = set_goal(room)
    set_goal(room, 30, goal.pk)
    relay_now()

    assert told(room) == [("goal.changed", 0)]


@pytest.mark.parametrize(
    ("words", "coins"), [("Hi", 10), ("x" * 61, 10), ("Sing", 0), ("Sing", 100_000_001)]
)
def test_what_is_no_goal_is_refused(room: Room, words: str, coins: int) -> None:
    with pytest.raises(goals.NotAGoal):
        set_goal(room, coins, words=words)
    assert not Goal.objects.exists()


def test_only_the_creator_sets_and_removes_it_and_only_while_live(room: Room) -> None:
    goal = set_goal(room)
    carol = make_creator("carol")
    with pytest.raises(goals.NotLive):
        set_goal(room, creator_id=carol.pk)
    with pytest.raises(goals.NotLive):
        goals.remove_goal(goal_id=goal.pk, room_id=room.pk, creator_id=carol.pk, at=timezone.now())
    rooms.end_room(room_id=room.pk, by_id=room.creator_id, why="Done.", at=timezone.now())
    with pytest.raises(goals.NotLive):
        set_goal(room)
    assert list(Goal.objects.filter(removed_at=None)) == [goal]


def test_many_relays_lose_nothing_of_a_goal(committed: str) -> None:
    bob = make_creator("bob")
    room = make_room(bob)
    fan = make_creator("ben")
    with transaction.atomic():
        give_coins(fan, 1_000)
    goal = set_goal(room, 1_000)
    for _ in range(30):
        send(fan, room, "heart")
    relay_now()

    goal.refresh_from_db()
    sums = [coins for name, coins in told(room) if name == "gift.sent"]
    assert goal.coins == 30
    assert sums == list(range(1, 31))


def test_the_creators_page_sets_changes_and_removes_it_and_the_room_shows_it(
    rich: User, bob: User, room: Room, client: Client
) -> None:
    client.force_login(bob)
    address = f"/studio/live/{room.pk}/goal/"
    assert "Set a goal" in client.get(f"/live/{room.pk}/").content.decode()
    form = {"goal_id": str(ledger.new_operation_id()), "words": "<b>Encore</b>"}
    assert client.post(address, form | {"target_coins": "0"}).status_code == 422

    client.post(address, form | {"target_coins": "2500"})
    send(rich, room, "perfume")
    relay_now()
    send(rich, room, "perfume")
    relay_now()
    page = client.get(f"/live/{room.pk}/").content.decode()

    assert "&lt;b&gt;Encore&lt;/b&gt;" in page
    assert "2,500" in page
    assert Goal.objects.get().coins == 40
    client.post(address, {"remove": "1"})
    assert Goal.objects.get().removed_at is not None


def test_nobody_else_finds_the_creators_page(rich: User, room: Room, client: Client) -> None:
    client.force_login(rich)
    assert client.get(f"/studio/live/{room.pk}/goal/").status_code == 404

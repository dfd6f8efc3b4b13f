"""A creator's goal: so many coins for something they then do.

Promises: a room has one goal at a time; its progress is what was given after the line of the room's
log that told of it, in the log's own order, so everyone counts the same; it is reached once. The
creator sets, changes and removes it while live.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from accounts import events as outbox
from accounts.models import OutboxEvent
from gifts import events
from gifts.models import Goal, Room

TARGET_MAX: Final = 100_000_000
WORDS_MIN: Final = 3
WORDS_MAX: Final = 60


class NotLive(Exception):
    """Goals are for lives that have not ended, and for their creator."""

    def __init__(self) -> None:
        super().__init__("You are not live in this room any more. Go live, then set a goal.")


class NotAGoal(Exception):
    """The words or the coins of a goal are none."""


@transaction.atomic(durable=True)
def set_goal(
    *, goal_id: UUID, room_id: UUID, creator_id: int, words: str, target_coins: int, at: datetime
) -> Goal:
    """Set a goal that begins from nothing, instead of the one before. Same id: changes that one.

    A change keeps what was given. Locks the room. Raises NotLive, NotAGoal.
    """
    words = " ".join(words.split())
    if not WORDS_MIN <= len(words) <= WORDS_MAX:
        raise NotAGoal(f"Say in {WORDS_MIN} to {WORDS_MAX} characters what you do then.")
    if not 1 <= target_coins <= TARGET_MAX:
        raise NotAGoal(f"Choose from 1 to {TARGET_MAX:,} coins.")
    _lock_live(room_id, creator_id)
    goal = Goal.objects.select_for_update(no_key=True).filter(room=room_id, removed_at=None).first()
    if goal is not None and goal.pk == goal_id:
        if (goal.words, goal.target_coins) == (words, target_coins):
            return goal
        goal.words, goal.target_coins = words, target_coins
        goal.save(update_fields=["words", "target_coins"])
    else:
        if Goal.objects.filter(pk=goal_id).exists():
            raise NotAGoal("This goal was ended. Reload the page and set a new one.")
        Goal.objects.filter(room=room_id, removed_at=None).update(removed_at=at)
        goal = Goal.objects.create(
            id=goal_id, room_id=room_id, words=words, target_coins=target_coins, set_at=at
        )
    _tell(goal)
    return goal


@transaction.atomic(durable=True)
def remove_goal(*, goal_id: UUID, room_id: UUID, creator_id: int, at: datetime) -> None:
    """End a goal; gifts stay given. Again is no change. Locks the room. Raises NotLive."""
    _lock_live(room_id, creator_id)
    removed = Goal.objects.filter(pk=goal_id, room=room_id, removed_at=None).update(removed_at=at)
    if removed:
        outbox.publish(
            name=events.GOAL_CHANGED,
            subject=f"room:{room_id}",
            payload={"goal_id": None, "words": "", "target_coins": 0},
        )


def _lock_live(room_id: UUID, creator_id: int) -> None:
    live = Room.objects.select_for_update(no_key=True).filter(
        pk=room_id, creator_id=creator_id, state=Room.State.LIVE
    )
    if live.first() is None:
        raise NotLive


def _tell(goal: Goal) -> None:
    outbox.publish(
        name=events.GOAL_CHANGED,
        subject=f"room:{goal.room_id}",
        payload={
            "goal_id": str(goal.pk),
            "words": goal.words,
            "target_coins": goal.target_coins,
        },
    )


def count(happened: Sequence[OutboxEvent]) -> Mapping[int, Mapping[str, Any]]:
    """Add these gifts to the goals of their rooms; for each, how far the goal has come by it.

    For the relay, in the transaction that hands the events on, once the logs of their rooms are
    locked. Locks the goals, in order of their ids. A goal that is reached is told of, once.
    """
    assert connection.in_atomic_block, "a gift is counted when it is handed on, or not at all"
    ours = [one for one in happened if one.name in (events.GIFT_SENT, events.GOAL_CHANGED)]
    rooms = {
        UUID(one.subject.removeprefix("room:")) for one in ours if one.subject.startswith("room:")
    }
    if not rooms:
        return {}
    goals = Goal.objects.filter(room__in=rooms, removed_at=None).order_by("pk")
    by_room = {f"room:{goal.room_id}": goal for goal in goals.select_for_update(no_key=True)}
    told = {}
    for event in ours:
        goal = by_room.get(event.subject)
        if goal is not None and _counts(goal, event):
            told[event.pk] = {"goal_coins": goal.coins}
            _reach(goal, at=event.created_at)
    Goal.objects.bulk_update(by_room.values(), ["coins", "has_begun", "reached_at"])
    return told


def _counts(goal: Goal, event: OutboxEvent) -> bool:
    """Let the goal begin with its own event, and add what is given after it."""
    if event.name == events.GOAL_CHANGED:
        is_its_own: bool = str(goal.pk) == event.payload["goal_id"]
        goal.has_begun = goal.has_begun or is_its_own
        return is_its_own
    if goal.has_begun:
        goal.coins += event.payload.get("coins", 0)
    return goal.has_begun


def _reach(goal: Goal, *, at: datetime) -> None:
    if goal.reached_at is None and goal.coins >= goal.target_coins:
        goal.reached_at = at
        outbox.publish(
            name=events.GOAL_REACHED,
            subject=f"room:{goal.room_id}",
            payload={
                "goal_id": str(goal.pk),
                "words": goal.words,
                "target_coins": goal.target_coins,
                "coins": goal.coins,
            },
        )

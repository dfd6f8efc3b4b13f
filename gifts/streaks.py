"""Combos: gifts of one kind in a row, counted as one that grows and ended once, exactly.

Promises: what was charged for a combo is the sum of its gifts, is what its row says, and is what
everyone is told at its end, whatever was lost, doubled or killed meanwhile. A gift joins its streak
in the transaction that posts it, under the lock of the streak's row: after the end none joins, and
the gift that would have is not posted. Only the sender's own gifts lock that row, and its end.

A streak ends when its sender says so, or when nothing joined it for ``IDLE``.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet, Sum

from accounts import events as outbox
from gifts import events
from gifts.models import HIDDEN_NAME, Sending, Streak

IDLE: Final = timedelta(seconds=3)
BATCH: Final = 500

# The parts of the statement that sends a gift (`gifts.services`) by which it joins a streak. The
# row is locked and looked at as it is then: one that has ended, or is not of this sender, place
# and gift, or shows the name otherwise, takes nothing. The gift's event tells how far the combo has
# come with it.
JOINED: Final = {
    "streak": """,
     streak AS (
     INSERT INTO gifts_streak AS running (id, sender_id, room_id, video_id, gift_version_id,
            quantity, coins, is_hidden, started_at, last_at)
     SELECT streak_id, sender_id, room_id, video_id, gift_version_id,
            quantity, coins, is_hidden, sent_at, sent_at FROM item
         ON CONFLICT (id) DO UPDATE SET quantity = running.quantity + excluded.quantity,
            coins = running.coins + excluded.coins,
            last_at = greatest(running.last_at, excluded.last_at)
      WHERE running.ended_at IS NULL AND running.sender_id = excluded.sender_id
        AND running.room_id IS NOT DISTINCT FROM excluded.room_id
        AND running.video_id IS NOT DISTINCT FROM excluded.video_id
        AND running.gift_version_id = excluded.gift_version_id
        AND running.is_hidden = excluded.is_hidden
     RETURNING quantity, coins
     )""",
    "payload": """item.payload || jsonb_build_object(
            'streak_quantity', streak.quantity, 'streak_coins', streak.coins)""",
    "source": "item CROSS JOIN streak",
}


class StreakEnded(Exception):
    """The combo has ended, or was begun with another gift. Nothing was posted."""

    def __init__(self) -> None:
        super().__init__("This combo has ended: nothing was sent. Send again to begin a new one.")


@transaction.atomic(durable=True)
def end(*, streak_id: UUID, sender_id: int, at: datetime) -> bool:
    """End the sender's own combo and tell what it came to. False: there was nothing to end.

    Locks the streak: a gift that is about to join it is waited for, a later one is refused.
    """
    streak = _running().filter(pk=streak_id, sender_id=sender_id).first()
    return streak is not None and _end(streak, at=at)


def end_idle(*, at: datetime) -> int:
    """End the combos that nothing joined for ``IDLE``; how many. Any number may run at once."""
    idle = Streak.objects.filter(ended_at=None, last_at__lt=at - IDLE)
    return sum(_end_idle(pk, at=at) for pk in list(idle.values_list("pk", flat=True)[:BATCH]))


@transaction.atomic(durable=True)
def _end_idle(streak_id: UUID, *, at: datetime) -> bool:
    streak = _running(skip_locked=True).filter(pk=streak_id, last_at__lt=at - IDLE).first()
    return streak is not None and _end(streak, at=at)


def _running(*, skip_locked: bool = False) -> QuerySet[Streak]:
    """Lock what runs. Two statements: what joined while the lock was waited for is summed too."""
    return (
        Streak.objects.filter(ended_at=None)
        .select_for_update(no_key=True, skip_locked=skip_locked)
        .order_by("pk")
    )


def _end(streak: Streak, *, at: datetime) -> bool:
    """Close a locked streak and publish its sums, read now from what was sent."""
    sent = Sending.objects.filter(streak_id=streak.pk).aggregate(
        quantity=Sum("quantity"), coins=Sum("coins")
    )
    streak.quantity, streak.coins, streak.ended_at = sent["quantity"], sent["coins"], at
    streak.save(update_fields=["quantity", "coins", "ended_at"])
    version = streak.gift_version
    outbox.publish(
        name=events.STREAK_ENDED,
        subject=f"room:{streak.room_id}" if streak.room_id else f"video:{streak.video_id}",
        payload={
            "streak_id": str(streak.pk),
            "sender_id": streak.sender_id,
            "sender": HIDDEN_NAME if streak.is_hidden else streak.sender.display_name,
            "gift": version.name,
            "slug": version.gift.slug,
            **sent,
        },
    )
    return True

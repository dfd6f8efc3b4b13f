"""How many watched each live, as its end told: kept for the rules on earnings.

Promises: each end of a live that was committed is noted once, whoever crashes when. They are read
from the outbox up to where no older event can appear any more; what cannot be read is no audience
of nought, but one that is not known.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils.dateparse import parse_datetime

from accounts.models import OutboxEvent
from payouts.models import EarningsWatch, LiveAudience

LIVE_ENDED: Final = "room.ended"  # as gifts publish it
# Longer than any transaction that publishes: until then events with lower numbers may appear.
SETTLED_AFTER: Final = timedelta(minutes=10)
KEEP: Final = timedelta(days=60)  # rules look back half as far
BATCH: Final = 1000


@transaction.atomic(durable=True)
def note_audiences(*, at: datetime) -> None:
    """Note how many watched the lives that have ended since the last time. Locks the watch."""
    watch = EarningsWatch.objects.select_for_update(no_key=True).get()
    events = OutboxEvent.objects.filter(pk__gt=watch.event_id)
    ended = events.filter(name=LIVE_ENDED).values_list("payload", "created_at")
    rows = [
        LiveAudience(
            room_id=payload["room_id"],
            creator_id=payload["creator_id"],
            viewers=payload["peak_viewers"],
            ended_at=parse_datetime(payload.get("ended_at", "")) or created_at,
        )
        for payload, created_at in ended.iterator(chunk_size=BATCH)
        if "peak_viewers" in payload
    ]
    LiveAudience.objects.bulk_create(rows, ignore_conflicts=True, batch_size=BATCH)
    settled = events.filter(created_at__lt=at - SETTLED_AFTER).order_by("-pk")
    watch.event_id = settled.values_list("pk", flat=True).first() or watch.event_id
    watch.save(update_fields=["event_id"])
    LiveAudience.objects.filter(ended_at__lt=at - KEEP).delete()

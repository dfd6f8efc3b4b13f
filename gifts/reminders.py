"""Telling those who asked about a planned live: that it begins, has another time, is cancelled.

Promises: whoever asked is told once of each, whether they follow or not, where they chose to hear
of lives; nobody hears of one live twice. It runs after the commit of its cause, a transaction a
batch: killed anywhere and begun again, nobody is told twice. A change that was overtaken by the
next before it was told is told as that.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from babel import dates
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse

from accounts import creators
from accounts import services as notices
from accounts.models import Block, NoticeKind
from gifts.models import LiveReminder, PlanDeed, PlannedLive

TOLD_A_BATCH: Final = 500


def tell_begun(*, planned_id: UUID, at: datetime) -> int:
    """Tell who asked that it has begun; how many asked."""
    planned = PlannedLive.objects.select_related("room", "creator").get(pk=planned_id)
    if planned.room is None:
        return 0
    told = 0
    for batch in _batches(_asked(planned)):
        creators.tell_asked(
            user_ids=[fan_id for fan_id, _ in batch],
            creator=planned.creator,
            title=planned.room.title,
            path=reverse("gifts:room", args=[planned.room_id]),
            own_key=f"planned:{planned.pk}",
            at=at,
        )
        told += len(batch)
    return told


def tell_moved(*, planned_id: UUID, at: datetime) -> int:
    """Tell who asked that it has another time, or is cancelled; how many were told.

    What has begun by now is not told, nor what is again as it was.
    """
    planned = PlannedLive.objects.select_related("creator").get(pk=planned_id)
    untold = list(planned.deeds.filter(told_at=None).order_by("done_at", "pk"))
    if not untold:
        return 0
    was_at, latest = untold[0].was_at, untold[-1]
    assert was_at is not None, "a plan that is new is told to nobody"
    told = 0
    if planned.room_id is None and (planned.cancelled_at or planned.starts_at != was_at):
        for batch in _batches(_asked(planned).filter(asked_at__lte=latest.done_at)):
            _tell_batch(planned, batch, key=f"plan-deed:{latest.pk}", was_at=was_at)
            told += len(batch)
    PlanDeed.objects.filter(pk__in=[deed.pk for deed in untold]).update(told_at=at)
    return told


def tell_due(*, at: datetime) -> int:
    """Tell what is not told yet, should a message be lost; how many plans."""
    untold = PlanDeed.objects.filter(told_at=None).order_by("planned_id")
    due = list(untold.values_list("planned_id", flat=True).distinct())
    for planned_id in due:
        tell_moved(planned_id=planned_id, at=at)
    return len(due)


@transaction.atomic(durable=True)
def _tell_batch(
    planned: PlannedLive, batch: Sequence[tuple[int, str]], *, key: str, was_at: datetime
) -> None:
    """Tell some fans, each in their own time zone."""
    name, title = planned.creator.display_name, planned.title
    for zone, rows in groupby(sorted(batch, key=lambda row: row[1]), key=lambda row: row[1]):
        before = _written(was_at, zone)
        if planned.cancelled_at:
            head = f"Cancelled: “{title}” by {name}"
            body = f"It was to begin on {before}."
        else:
            head = f"Another time: “{title}” by {name}"
            body = (
                f"It begins on {_written(planned.starts_at, zone)}, not on {before}. "
                "You are still told when it begins."
            )
        notices.notify_many(
            user_ids=[fan_id for fan_id, _ in rows],
            kind=NoticeKind.LIVE,
            subject_key=key,
            title=head,
            body=body,
            path=reverse("accounts:creator", args=[planned.creator.handle]),
        )


def _written(moment: datetime, zone: str) -> str:
    local = moment.astimezone(ZoneInfo(zone))
    return f"{dates.format_date(local, 'EEEE d MMMM', locale='en')} at {local:%H:%M %Z}"


def _asked(planned: PlannedLive) -> QuerySet[LiveReminder]:
    blocked = Block.objects.filter(blocker_id=planned.creator_id).values("blocked_id")
    return LiveReminder.objects.filter(planned=planned).exclude(fan_id__in=blocked)


def _batches(asked: QuerySet[LiveReminder]) -> Iterator[list[tuple[int, str]]]:
    """Give who asked, some at a time, with their time zones."""
    after = 0
    rows = asked.order_by("fan_id").values_list("fan_id", "fan__time_zone")
    while batch := list(rows.filter(fan_id__gt=after)[:TOLD_A_BATCH]):
        yield batch
        after = batch[-1][0]

"""Planning lives, and telling those who asked when one begins.

Promises: a creator plans a bounded number, each for a time to come; what has begun, was cancelled
or was missed is not changed any more; who asked is told once when it begins, whether they follow or
not, and nobody hears of one live twice. ``rooms.start_room`` says which plan a live fulfils.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.urls import reverse

from accounts import creators
from accounts import queries as people_queries
from accounts import risk as people
from accounts.models import Block, User
from gifts import rooms
from gifts.models import LiveReminder, PlannedLive

PLANNED_MAX: Final = 20
AHEAD_MAX: Final = timedelta(days=90)
TOLD_A_BATCH: Final = 500


class TooManyPlanned(Exception):
    """The creator has planned as many as there may be."""

    def __init__(self) -> None:
        super().__init__(f"You have {PLANNED_MAX} planned already. Cancel one to plan another.")


class NotAPlan(Exception):
    """The time of a planned live makes no sense."""


class PlanOver(Exception):
    """The planned live has begun, was cancelled or was missed."""

    def __init__(self) -> None:
        super().__init__("This live has begun, was cancelled or is over. Plan a new one.")


@transaction.atomic(durable=True)
def plan(
    *, planned_id: UUID, creator_id: int, title: str, words: str, starts_at: datetime, at: datetime
) -> PlannedLive:
    """Plan a live. The same id again returns the same plan. Locks the creator's row.

    Raises rooms.NotACreator, rooms.IdTaken, NotAPlan, TooManyPlanned, and ``accounts.risk``'s.
    """
    creator = User.objects.select_for_update(no_key=True).get(pk=creator_id)
    if not creator.is_creator:
        raise rooms.NotACreator
    people.check_may_earn(creator, at)
    earlier = PlannedLive.objects.filter(pk=planned_id).first()
    if earlier is not None:
        if earlier.creator_id != creator_id:
            raise rooms.IdTaken
        return earlier
    _check_time(starts_at, at)
    coming = PlannedLive.objects.filter(
        creator=creator, cancelled_at=None, room=None, starts_at__gte=at - PlannedLive.LATE
    )
    if coming.count() >= PLANNED_MAX:
        raise TooManyPlanned
    return PlannedLive.objects.create(
        id=planned_id,
        creator=creator,
        title=title,
        words=words,
        starts_at=starts_at,
        planned_at=at,
    )


@transaction.atomic(durable=True)
def change(
    *, planned_id: UUID, creator_id: int, title: str, words: str, starts_at: datetime, at: datetime
) -> PlannedLive:
    """Change a creator's own plan. Who asked stays reminded. Locks the plan.

    Raises PlannedLive.DoesNotExist, PlanOver, NotAPlan.
    """
    planned = _locked(planned_id, creator_id)
    if not planned.is_open(at):
        raise PlanOver
    if starts_at != planned.starts_at:
        _check_time(starts_at, at)
    planned.title, planned.words, planned.starts_at = title, words, starts_at
    planned.save(update_fields=["title", "words", "starts_at"])
    return planned


@transaction.atomic(durable=True)
def cancel(*, planned_id: UUID, creator_id: int, at: datetime) -> None:
    """Cancel a creator's own plan. Again is no change. Locks the plan.

    Raises PlannedLive.DoesNotExist, PlanOver.
    """
    planned = _locked(planned_id, creator_id)
    if planned.cancelled_at is not None:
        return
    if planned.room_id is not None:
        raise PlanOver
    planned.cancelled_at = at
    planned.save(update_fields=["cancelled_at"])


@transaction.atomic(durable=True)
def ask(*, planned_id: UUID, fan_id: int, at: datetime) -> None:
    """Ask to be told when it begins. Again is no change.

    Raises PlannedLive.DoesNotExist, PlanOver, creators.Blocked.
    """
    planned = PlannedLive.objects.get(pk=planned_id)
    if not planned.is_open(at):
        raise PlanOver
    if people_queries.is_blocked(blocker_id=planned.creator_id, blocked_id=fan_id):
        raise creators.Blocked("You cannot be reminded of this creator's lives.")
    LiveReminder.objects.get_or_create(planned=planned, fan_id=fan_id, defaults={"asked_at": at})


@transaction.atomic(durable=True)
def unask(*, planned_id: UUID, fan_id: int) -> None:
    """Not ask any more. Again is no change."""
    LiveReminder.objects.filter(planned_id=planned_id, fan_id=fan_id).delete()


def tell_reminded(*, planned_id: UUID, at: datetime) -> int:
    """Tell who asked that it has begun; how many asked. A transaction a batch, resumable."""
    planned = PlannedLive.objects.select_related("room", "creator").get(pk=planned_id)
    if planned.room is None:
        return 0
    asked = (
        LiveReminder.objects.filter(planned=planned)
        .exclude(
            fan_id__in=Block.objects.filter(blocker_id=planned.creator_id).values("blocked_id")
        )
        .order_by("fan_id")
    )
    told, after = 0, 0
    while ids := list(
        asked.filter(fan_id__gt=after).values_list("fan_id", flat=True)[:TOLD_A_BATCH]
    ):
        creators.tell_asked(
            user_ids=ids,
            creator=planned.creator,
            title=planned.room.title,
            path=reverse("gifts:room", args=[planned.room_id]),
            own_key=f"planned:{planned.pk}",
            at=at,
        )
        told, after = told + len(ids), ids[-1]
    return told


def _check_time(starts_at: datetime, at: datetime) -> None:
    if not at < starts_at <= at + AHEAD_MAX:
        raise NotAPlan(f"Choose a time to come, within {AHEAD_MAX.days} days.")


def _locked(planned_id: UUID, creator_id: int) -> PlannedLive:
    rows = PlannedLive.objects.select_for_update(no_key=True)
    return rows.get(pk=planned_id, creator_id=creator_id)

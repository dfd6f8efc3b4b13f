"""Planning lives: by the creator, by a service for them; cancelled by staff, too.

Promises: a creator plans a bounded number, each for a time to come; what has begun, was cancelled
or was missed is not changed any more. Whoever asked to be told when it begins is told, too, when
its time becomes another one or it is cancelled: after the commit, by ``reminders``. A deed is done
once for an id. ``rooms.start_room`` says which plan a live fulfils.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.urls import reverse

from accounts import creators
from accounts import events as outbox
from accounts import queries as people_queries
from accounts import risk as people
from accounts import services as notices
from accounts.models import NoticeKind, StateChange, User
from gifts import events, rooms
from gifts.models import LiveReminder, PlanDeed, PlannedLive
from wallet import ledger

PLANNED_MAX: Final = 20
AHEAD_MAX: Final = timedelta(days=90)


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


class PlanConflict(Exception):
    """The id was used before, for other words or another time."""

    def __init__(self) -> None:
        super().__init__("This key planned or changed a live otherwise. Make a new key.")


@transaction.atomic(durable=True)
def plan(
    *,
    planned_id: UUID,
    creator_id: int,
    title: str,
    words: str,
    starts_at: datetime,
    is_exact: bool = False,
    at: datetime,
) -> PlannedLive:
    """Plan a live. The same id again is the same plan; ``is_exact``: if the same was asked.

    Locks the creator's row. Raises rooms.NotACreator, rooms.IdTaken, NotAPlan, TooManyPlanned,
    PlanConflict, and ``accounts.risk``'s.
    """
    creator = User.objects.select_for_update(no_key=True).get(pk=creator_id)
    if not creator.is_creator:
        raise rooms.NotACreator
    people.check_may_earn(creator, at)
    earlier = PlannedLive.objects.filter(pk=planned_id).first()
    if earlier is not None:
        if earlier.creator_id != creator_id:
            raise rooms.IdTaken
        first = PlanDeed.objects.filter(pk=planned_id).first()
        if is_exact and first and not first.asks(title=title, words=words, starts_at=starts_at):
            raise PlanConflict
        return earlier
    _check_time(starts_at, at)
    coming = PlannedLive.objects.filter(
        creator=creator, cancelled_at=None, room=None, starts_at__gte=at - PlannedLive.LATE
    )
    if coming.count() >= PLANNED_MAX:
        raise TooManyPlanned
    planned = PlannedLive.objects.create(
        id=planned_id,
        creator=creator,
        title=title,
        words=words,
        starts_at=starts_at,
        planned_at=at,
    )
    _note(planned, deed_id=planned_id, was_at=None, at=at)
    return planned


@transaction.atomic(durable=True)
def change(
    *,
    change_id: UUID,
    planned_id: UUID,
    creator_id: int,
    title: str,
    words: str,
    starts_at: datetime,
    at: datetime,
) -> PlanDeed:
    """Change a creator's own plan, or move it to another time; the same id again is no change.

    Who asked stays reminded, and is told of another time. Locks the plan.

    Raises PlannedLive.DoesNotExist, rooms.IdTaken, PlanConflict, PlanOver, NotAPlan.
    """
    planned = _locked(planned_id, creator_id)
    earlier = PlanDeed.objects.filter(pk=change_id).first()
    if earlier is not None:
        if earlier.planned_id != planned_id:
            raise rooms.IdTaken
        if not earlier.asks(title=title, words=words, starts_at=starts_at):
            raise PlanConflict
        return earlier
    if not planned.is_open(at):
        raise PlanOver
    was_at = planned.starts_at
    if starts_at != was_at:
        _check_time(starts_at, at)
    planned.title, planned.words, planned.starts_at = title, words, starts_at
    planned.save(update_fields=["title", "words", "starts_at"])
    return _note(planned, deed_id=change_id, was_at=was_at, at=at)


@transaction.atomic(durable=True)
def cancel(
    *, planned_id: UUID, creator_id: int, why: str = "Cancelled by the creator", at: datetime
) -> PlannedLive:
    """Cancel a creator's own plan. Again is no change. Locks the plan.

    Raises PlannedLive.DoesNotExist, PlanOver.
    """
    planned = _locked(planned_id, creator_id)
    _cancel(planned, by_id=creator_id, why=why, at=at)
    return planned


@transaction.atomic(durable=True)
def cancel_as_staff(*, planned_id: UUID, by_id: int, why: str, at: datetime) -> PlannedLive:
    """Cancel somebody's plan; its creator reads why. Again is no change. Locks the plan.

    Raises PlannedLive.DoesNotExist, PlanOver.
    """
    planned = PlannedLive.objects.select_for_update(no_key=True).get(pk=planned_id)
    if _cancel(planned, by_id=by_id, why=why, at=at):
        notices.notify(
            user_id=planned.creator_id,
            kind=NoticeKind.ACCOUNT,
            subject_key=f"planned-cancelled:{planned.pk}",
            title=f"Our staff cancelled “{planned.title}”",
            body=f"Reason: {why}",
            path=reverse("gifts:schedule"),
        )
    return planned


def _cancel(planned: PlannedLive, *, by_id: int, why: str, at: datetime) -> bool:
    if planned.cancelled_at is not None:
        return False
    if not planned.is_open(at):
        raise PlanOver
    planned.cancelled_at = at
    planned.save(update_fields=["cancelled_at"])
    StateChange.objects.create(
        subject_type="gifts.plannedlive",
        subject_id=str(planned.pk),
        before="planned",
        after="cancelled",
        why=why,
        by_id=by_id,
        at=at,
    )
    _note(planned, deed_id=ledger.new_operation_id(), was_at=planned.starts_at, at=at)
    return True


def _note(
    planned: PlannedLive, *, deed_id: UUID, was_at: datetime | None, at: datetime
) -> PlanDeed:
    """Keep what was done, and have it told where the time that was known is not any more."""
    starts_at = None if planned.cancelled_at else planned.starts_at
    is_news = was_at is not None and starts_at != was_at
    if is_news:
        outbox.publish(
            name=events.PLAN_MOVED,
            subject=f"planned:{planned.pk}",
            payload={"planned_id": str(planned.pk)},
        )
    return PlanDeed.objects.create(
        id=deed_id,
        planned=planned,
        title=planned.title,
        words=planned.words,
        starts_at=starts_at,
        was_at=was_at,
        done_at=at,
        told_at=None if is_news else at,
    )


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


def _check_time(starts_at: datetime, at: datetime) -> None:
    if not at < starts_at <= at + AHEAD_MAX:
        raise NotAPlan(f"Choose a time to come, within {AHEAD_MAX.days} days.")


def _locked(planned_id: UUID, creator_id: int) -> PlannedLive:
    rows = PlannedLive.objects.select_for_update(no_key=True)
    return rows.get(pk=planned_id, creator_id=creator_id)

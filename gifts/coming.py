"""Reads of planned lives: what comes, for everyone, for a creator's page, and for the creator.

Promises: what has begun or was cancelled is in none; nothing of suspended creators is shown.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Exists, OuterRef, QuerySet, TextChoices

from accounts.models import Standing, User
from gifts.models import LiveReminder, PlannedLive

COMING_MAX: Final = 12


class State(TextChoices):
    """What became of a plan."""

    PLANNED = "planned", "Planned"
    BEGUN = "begun", "Begun"
    MISSED = "missed", "Did not begin"
    CANCELLED = "cancelled", "Cancelled"


@dataclass(frozen=True, slots=True)
class Coming:
    """A planned live as a viewer sees it. ``is_missed``: it should have begun an hour ago."""

    planned: PlannedLive
    is_missed: bool
    is_due: bool
    is_asked: bool
    is_own: bool


def coming_up(*, viewer: User | None, at: datetime, limit: int = COMING_MAX) -> list[Coming]:
    """List what everyone's creators plan, the soonest first; what was missed is left out."""
    return _seen(_kept(at - PlannedLive.LATE), viewer, at)[:limit]


def coming_from(
    *, creator_ids: Collection[int], viewer: User | None, at: datetime, limit: int = COMING_MAX
) -> list[Coming]:
    """List what some creators plan, the soonest first; what was missed is left out."""
    rows = _kept(at - PlannedLive.LATE).filter(creator_id__in=creator_ids)
    return _seen(rows, viewer, at)[:limit]


def planned_by(*, creator_id: int, viewer: User | None, at: datetime) -> list[Coming]:
    """List what a creator plans, and for a day what they missed, the soonest first."""
    return _seen(_kept(at - PlannedLive.GONE).filter(creator_id=creator_id), viewer, at)


def state_of(planned: PlannedLive, *, at: datetime) -> State:
    """Say what became of a plan by then."""
    if planned.cancelled_at is not None:
        return State.CANCELLED
    if planned.room_id is not None:
        return State.BEGUN
    return State.PLANNED if planned.is_open(at) else State.MISSED


def in_state(
    rows: QuerySet[PlannedLive], state: str | None, *, at: datetime
) -> QuerySet[PlannedLive]:
    """Leave the plans in a state; all where none is named."""
    if state not in State.values:
        return rows
    since = at - PlannedLive.LATE
    kept = rows.filter(cancelled_at=None)
    return {
        State.PLANNED: kept.filter(room=None, starts_at__gte=since),
        State.MISSED: kept.filter(room=None, starts_at__lt=since),
        State.BEGUN: kept.exclude(room=None),
        State.CANCELLED: rows.exclude(cancelled_at=None),
    }[State(state)]


def _kept(since: datetime) -> QuerySet[PlannedLive]:
    return (
        PlannedLive.objects.filter(cancelled_at=None, room=None, starts_at__gte=since)
        .exclude(creator__standing=Standing.SUSPENDED)
        .select_related("creator")
        .order_by("starts_at", "pk")
    )


def _seen(rows: QuerySet[PlannedLive], viewer: User | None, at: datetime) -> list[Coming]:
    viewer_id = viewer.pk if viewer else 0
    asked = LiveReminder.objects.filter(planned=OuterRef("pk"), fan_id=viewer_id)
    return [
        Coming(
            planned=row,
            is_missed=not row.is_open(at),
            is_due=row.starts_at <= at,
            is_asked=row.is_asked,
            is_own=row.creator_id == viewer_id,
        )
        for row in rows.annotate(is_asked=Exists(asked))[: 2 * COMING_MAX]
    ]

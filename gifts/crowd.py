"""Reads of what a room's people did together: who gave most, the goal, what was said, what came.

Promises: reads only; nobody is named among gifters who did not ask to be, and nobody who is
suspended; sums count everyone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum

from accounts.models import Standing
from gifts.models import Goal, GiftVersion, ReceivedGift, Room, RoomGifter, WeekGifter

TOP_MAX: Final = 10
GALLERY_MAX: Final = 60


@dataclass(frozen=True, slots=True)
class Ranked:
    """One of the top gifters, who asked to be named."""

    place: int
    handle: str
    name: str
    coins: int


@dataclass(frozen=True, slots=True)
class Ranks:
    """The top gifters who may be named, and how many gave how much in all."""

    named: list[Ranked]
    people: int
    coins: int


@dataclass(frozen=True, slots=True)
class Received:
    """A gift a creator was given, how often, and when last."""

    slug: str
    name: str
    count: int
    latest_at: datetime


def monday(at: datetime) -> date:
    """The first day of the ISO week of a moment, in UTC."""
    day = at.astimezone(UTC).date()
    return day - timedelta(days=day.weekday())


def ranks_of_room(*, room_id: UUID, limit: int = TOP_MAX) -> Ranks:
    """Who gave most in a room."""
    return _ranks(RoomGifter.objects.filter(room_id=room_id), limit)


def ranks_of_week(*, creator_id: int, at: datetime, limit: int = TOP_MAX) -> Ranks:
    """Who gave a creator most in the week of a moment, live and on videos."""
    return _ranks(WeekGifter.objects.filter(creator_id=creator_id, week=monday(at)), limit)


def _ranks(rows: QuerySet[Any], limit: int) -> Ranks:
    counting = rows.filter(coins__gt=0)
    sums = counting.aggregate(people=Count("pk"), given=Sum("coins", default=0))
    named = (
        counting.filter(gifter__is_ranked=True, gifter__is_active=True)
        .exclude(gifter__standing=Standing.SUSPENDED)
        .order_by("-coins", "reached_at", "gifter_id")
        .values_list("gifter__handle", "gifter__display_name", "coins")[:limit]
    )
    ranked = [Ranked(place, *row) for place, row in enumerate(named, start=1)]
    return Ranks(ranked, sums["people"], int(sums["given"]))


def goal_of(*, room_id: UUID) -> Goal | None:
    """The room's goal, reached or not; None when there is none."""
    return Goal.objects.filter(room_id=room_id, removed_at=None).first()


def gallery(*, creator_id: int, limit: int = GALLERY_MAX) -> list[Received]:
    """List each gift a creator was ever given, the latest first, as it is called now."""
    rows = list(
        ReceivedGift.objects.filter(creator_id=creator_id, gifts__gt=0)
        .order_by("-reached_at", "gift_id")
        .values_list("gift_id", "gift__slug", "gifts", "reached_at")[:limit]
    )
    names = _names([row[0] for row in rows])
    return [Received(slug, names[gift_id], count, at) for gift_id, slug, count, at in rows]


def _names(gift_ids: Sequence[int]) -> dict[int, str]:
    versions = GiftVersion.objects.filter(gift_id__in=gift_ids).order_by("gift_id", "-version")
    return dict(versions.distinct("gift_id").values_list("gift_id", "name"))

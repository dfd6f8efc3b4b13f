"""Reads of what a room's people did together: who gave most, the goal, what was said, what came.

Promises: reads only; nobody is named among gifters who did not ask to be, with gifts they hid their
name with, or while suspended; sums count everyone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum

from accounts.models import Standing
from gifts import events
from gifts.models import (
    ChatMessage,
    ChatRules,
    Entitlement,
    GiftVersion,
    Goal,
    Moderator,
    Mute,
    ReceivedGift,
    Room,
    RoomEvent,
    RoomGifter,
    RoomLog,
    WeekGifter,
)

TOP_MAX: Final = 10
NAMED_AT_THE_END: Final = 3
GALLERY_MAX: Final = 60
MESSAGES_MAX: Final = 60
RECENT_EVENTS: Final = 500
JOINED_MAX: Final = 20
HIGHLIGHT_MAX: Final = timedelta(hours=1)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """What a room's page shows of its people. ``closed``: why the viewer cannot talk, if so."""

    ranks: Ranks
    week: Ranks
    goal: Goal | None
    highlighted: list[ChatMessage]
    slow_s: int
    may_moderate: bool
    closed: str
    words_offered: Sequence[Any]
    message_id: UUID


@dataclass(frozen=True, slots=True)
class Ending:
    """What a live came to besides its gifts."""

    ranks: Ranks
    goal: Goal | None
    messages: int
    peak_viewers: int


@dataclass(slots=True)
class Joined:
    """Somebody who joined the creator's club, or became a member, while the room was live."""

    entitlement_id: str
    kind: str
    name: str
    handle: str
    joined_at: datetime
    badge: Any = None

    @property
    def is_member(self) -> bool:
        """Whether they pay by the month."""
        return self.kind == Entitlement.Kind.MEMBERSHIP


@dataclass(frozen=True, slots=True)
class Received:
    """A gift a creator was given, how often, and when last."""

    slug: str
    name: str
    count: int
    latest_at: datetime
    art: str | None


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
        counting.filter(is_hidden=False, gifter__is_ranked=True, gifter__is_active=True)
        .exclude(gifter__standing=Standing.SUSPENDED)
        .order_by("-coins", "reached_at", "gifter_id")
        .values_list("gifter__handle", "gifter__display_name", "coins")[:limit]
    )
    ranked = [Ranked(place, *row) for place, row in enumerate(named, start=1)]
    return Ranks(ranked, sums["people"], int(sums["given"]))


def ending_of(*, room_id: UUID) -> Ending:
    """Sum up what a live came to besides its gifts."""
    peak = RoomLog.objects.filter(pk=room_id).values_list("peak_viewers", flat=True).first()
    return Ending(
        ranks=ranks_of_room(room_id=room_id, limit=NAMED_AT_THE_END),
        goal=goal_of(room_id=room_id),
        messages=ChatMessage.objects.filter(room_id=room_id, removed_at=None).count(),
        peak_viewers=peak or 0,
    )


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
    now = names_and_art([row[0] for row in rows])
    return [
        Received(slug, now[gift_id][0], count, at, now[gift_id][1])
        for gift_id, slug, count, at in rows
    ]


def names_and_art(gift_ids: Sequence[int]) -> dict[int, tuple[str, str | None]]:
    """What gifts are called now, and the digest of their artwork."""
    versions = GiftVersion.objects.filter(gift_id__in=gift_ids).order_by("gift_id", "-version")
    rows = versions.distinct("gift_id").values_list("gift_id", "name", "art_id")
    return {gift_id: (name, art) for gift_id, name, art in rows}


# What is said, and who joined


def joined_in(*, room_id: UUID) -> list[Joined]:
    """List who joined among the last things that happened in a room, oldest first."""
    log = RoomLog.objects.filter(pk=room_id).first()
    if log is None:
        return []
    rows = RoomEvent.objects.filter(
        room_id=room_id, number__gt=log.last_number - RECENT_EVENTS, name=events.CLUB_JOINED
    )
    newest = list(rows.order_by("-number")[:JOINED_MAX])
    return [
        Joined(
            row.payload["entitlement_id"],
            row.payload["kind"],
            row.payload["from"],
            row.payload["handle"],
            row.at,
        )
        for row in reversed(newest)
    ]


def messages_of(*, room_id: UUID, limit: int = MESSAGES_MAX) -> list[ChatMessage]:
    """List the newest messages of a room, oldest first, without those that were removed."""
    rows = ChatMessage.objects.filter(room_id=room_id, removed_at=None).select_related("author")
    return list(reversed(rows.order_by("-said_at", "-pk")[:limit]))


def highlighted(*, room_id: UUID, at: datetime) -> list[ChatMessage]:
    """List the messages whose price still keeps them up, the dearest first."""
    paid = ChatMessage.objects.filter(
        room_id=room_id, removed_at=None, highlight_s__gt=0, said_at__gt=at - HIGHLIGHT_MAX
    ).select_related("author")
    rows = paid.order_by("-paid_coins", "-said_at", "pk")
    return [row for row in rows if row.highlighted_until > at]


def page_of_messages(
    *, room_id: UUID, after: Sequence[Any] | None, limit: int
) -> list[ChatMessage]:
    """List a room's messages, newest first, after the one of that time and id."""
    rows = ChatMessage.objects.filter(room_id=room_id, removed_at=None).select_related("author")
    if after is not None:
        said_at, message_id = after
        rows = rows.filter(said_at__lte=said_at).exclude(said_at=said_at, pk__gte=message_id)
    return list(rows.order_by("-said_at", "-pk")[:limit])


def message(*, room_id: UUID, message_id: UUID) -> ChatMessage | None:
    """Find a message of a room, removed or not."""
    rows = ChatMessage.objects.select_related("author", "room__creator")
    return rows.filter(pk=message_id, room_id=room_id).first()


def without_removed(told: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take the words out of what was told of messages that were removed since."""
    ids = [one.get("message_id", one.get("sending_id")) for one in told]
    said = {id_ for id_, one in zip(ids, told, strict=True) if id_ and one.get("words")}
    if not said:
        return list(told)
    rows = ChatMessage.objects.filter(pk__in=said, removed_at__isnull=False)
    gone = said & {str(pk) for pk in rows.values_list("pk", flat=True)}
    return [
        one | {"words": ""} if id_ in gone and "words" in one else one
        for id_, one in zip(ids, told, strict=True)
    ]


def rules_of(*, creator_id: int) -> ChatRules:
    """How people talk in a creator's rooms."""
    return ChatRules.objects.filter(pk=creator_id).first() or ChatRules(creator_id=creator_id)


def mute_of(*, creator_id: int, person_id: int, at: datetime) -> Mute | None:
    """Whether somebody is muted in a creator's rooms, and until when."""
    rows = Mute.objects.filter(creator_id=creator_id, person_id=person_id)
    return rows.filter(Q(until=None) | Q(until__gt=at)).first()


def mutes_of(*, creator_id: int, at: datetime) -> QuerySet[Mute]:
    """List who is muted in a creator's rooms, latest first."""
    rows = Mute.objects.filter(creator_id=creator_id).filter(Q(until=None) | Q(until__gt=at))
    return rows.select_related("person").order_by("-muted_at", "pk")


def may_moderate(*, creator_id: int, person_id: int) -> bool:
    """Whether somebody keeps order in a creator's rooms."""
    if creator_id == person_id:
        return True
    return Moderator.objects.filter(creator_id=creator_id, person_id=person_id).exists()


def moderators_of(*, creator_id: int) -> QuerySet[Moderator]:
    """List whom a creator named, latest first."""
    rows = Moderator.objects.filter(creator_id=creator_id)
    return rows.select_related("person").order_by("-named_at", "pk")


def crowd_of(
    *,
    room: Room,
    viewer_id: int | None,
    words_offered: Sequence[Any],
    message_id: UUID,
    at: datetime,
) -> Crowd:
    """Gather what a live room's page shows of its people."""
    creator_id, rules = room.creator_id, rules_of(creator_id=room.creator_id)
    mute = viewer_id and mute_of(creator_id=creator_id, person_id=viewer_id, at=at)
    return Crowd(
        ranks=ranks_of_room(room_id=room.pk),
        week=ranks_of_week(creator_id=creator_id, at=at),
        goal=goal_of(room_id=room.pk),
        highlighted=highlighted(room_id=room.pk, at=at),
        slow_s=rules.slow_s,
        may_moderate=viewer_id is not None
        and may_moderate(creator_id=creator_id, person_id=viewer_id),
        closed=muted_words(room.creator.display_name, mute.until) if mute else "",
        words_offered=words_offered,
        message_id=message_id,
    )


def muted_words(creator: str, until: datetime | None) -> str:
    """Tell somebody that they are muted."""
    if until is None:
        return f"{creator} or a moderator has muted you. You cannot talk in their rooms."
    return (
        f"{creator} or a moderator has muted you until {until:%-d %B, %H:%M} UTC. "
        "You can talk in their rooms again after that."
    )

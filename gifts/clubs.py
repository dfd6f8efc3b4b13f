"""Reads of fan levels, clubs and memberships: who has reached what, and who may enter where.

Promises: reads only. Levels come from gifts that were counted and not taken back. A club pauses by
itself when its member lets a live of the creator and ``PAUSED_AFTER`` pass without a point, and
goes on with the next; nothing runs for it. Whoever hides their level wears no badge anywhere.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from accounts.models import Standing as AccountStanding
from accounts.models import User
from gifts import levels
from gifts.models import (
    ClubGifter,
    Entitlement,
    FanTotal,
    MembershipOffer,
    Moderator,
    Room,
    Video,
)

Kind = Entitlement.Kind

# A week from the end of a live, as in the field (domain facts 1.4: fan clubs).
PAUSED_AFTER: Final = timedelta(days=7)
# Whether a live went by, and the week after it, since the member's last point. The join is one.
PAUSED_SQL: Final = (
    """EXISTS (
       SELECT FROM gifts_room AS live
        WHERE live.creator_id = member.creator_id
          AND live.started_at > greatest(member.starts_at, points.reached_at)
          AND live.ended_at < {at}::timestamptz - interval '"""
    f"""{PAUSED_AFTER.days} days')"""
)
NAMED_MAX: Final = 10


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody has given, and their points in a creator's club; None: not in it."""

    coins_given: int
    points: int | None
    is_paused: bool

    @property
    def level(self) -> int:
        """Their fan level; 0 before the first gift."""
        return levels.fan_level(self.coins_given)

    @property
    def club_level(self) -> int | None:
        """Their level in the club; None outside it and while it is paused."""
        if self.points is None or self.is_paused:
            return None
        return levels.club_level(self.points)

    @property
    def fan_progress(self) -> levels.Progress:
        """How far they are over all creators."""
        return levels.fan_progress(self.coins_given)

    @property
    def club_progress(self) -> levels.Progress:
        """How far they are in the club, paused or not."""
        return levels.club_progress(self.points or 0)


NOBODY: Final = Standing(0, None, is_paused=False)


@dataclass(frozen=True, slots=True)
class Badge:
    """What is worn beside a name; None where there is nothing to wear."""

    level: int | None
    club_level: int | None

    @property
    def tier(self) -> int:
        """Which of five looks the level has: a new one every ten."""
        return min((self.level or 0) // 10, 4)


@dataclass(frozen=True, slots=True)
class Lock:
    """Why a gift cannot be sent yet: what unlocks it, and how far that is."""

    unlocks: str
    missing: str


def badge(standing: Standing, *, is_shown: bool) -> dict[str, int | None]:
    """Give what an event tells of its sender's badge."""
    if not is_shown:
        return {"level": None, "club_level": None}
    return {"level": standing.level or None, "club_level": standing.club_level}


def lock_of(unlock_level: int | None, club_level: int | None, standing: Standing) -> Lock | None:
    """Say what locks a gift for somebody; None: nothing does. Where both are asked, one does."""
    if unlock_level is None and club_level is None:
        return None
    if unlock_level is not None and standing.level >= unlock_level:
        return None
    if club_level is not None and (standing.club_level or 0) >= club_level:
        return None
    ways, missing = [], []
    if unlock_level is not None:
        more = levels.FAN_LEVELS[min(unlock_level, len(levels.FAN_LEVELS)) - 1]
        ways.append(f"fan level {unlock_level}")
        missing.append(
            f"You are at level {standing.level}: gifts of {_coins(more - standing.coins_given)}"
            " more reach it."
        )
    if club_level is not None:
        ways.append(f"club level {club_level}")
        missing.append(_missing_in_club(club_level, standing))
    return Lock(f"Unlocks at {' or '.join(ways)}", " ".join(missing))


def _missing_in_club(club_level: int, standing: Standing) -> str:
    if standing.points is None:
        return "You are not in this creator's fan club: its join gift lets you in."
    if standing.is_paused:
        return "Your place in the club is paused: any gift to this creator lets it go on."
    more = levels.CLUB_LEVELS[min(club_level, len(levels.CLUB_LEVELS)) - 1] - standing.points
    return f"You are at club level {standing.club_level}: {_points(more)} more reach it."


def _coins(count: int) -> str:
    return f"{count:,} {'coin' if count == 1 else 'coins'}"


def _points(count: int) -> str:
    return f"{count:,} {'point' if count == 1 else 'points'}"


# Where somebody stands

_CLUBS_SQL: Final = f"""
SELECT member.creator_id, member.fan_id, coalesce(points.coins, 0),
       {PAUSED_SQL.format(at="%(at)s")}, member.starts_at
  FROM gifts_entitlement AS member
  LEFT JOIN gifts_clubgifter AS points
         ON points.creator_id = member.creator_id AND points.gifter_id = member.fan_id
 WHERE member.kind = 'club' AND member.revoked_at IS NULL
"""  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True)
class Place:
    """Somebody's place in a club."""

    creator_id: int
    fan_id: int
    points: int
    is_paused: bool
    joined_at: datetime


def _places(where: str, values: Mapping[str, Any], *, at: datetime) -> list[Place]:
    with connection.cursor() as cursor:
        cursor.execute(f"{_CLUBS_SQL} AND {where}", {**values, "at": at})
        return [Place(*row) for row in cursor.fetchall()]


def coins_given(*, fan_id: int) -> int:
    """What a fan has given to all creators."""
    found = FanTotal.objects.filter(pk=fan_id).values_list("coins", flat=True).first()
    return found or 0


def standing_of(*, fan_id: int | None, creator_id: int, at: datetime) -> Standing:
    """Where a fan stands, over all and with one creator. Strangers have reached nothing."""
    if fan_id is None:
        return NOBODY
    places = _places(
        "member.fan_id = %(fan)s AND member.creator_id = %(creator)s",
        {"fan": fan_id, "creator": creator_id},
        at=at,
    )
    place = places[0] if places else None
    return Standing(
        coins_given(fan_id=fan_id),
        place.points if place else None,
        place.is_paused if place else False,
    )


def badges(*, handles: Collection[str], creator_id: int, at: datetime) -> dict[str, Badge]:
    """Give the badges of these people in a creator's places, by handle; of who shows theirs."""
    shown = User.objects.filter(handle__in=set(handles), shows_level=True)
    people = list(shown.values_list("pk", "handle", "given__coins"))
    places = _places(
        "member.creator_id = %(creator)s AND member.fan_id = ANY(%(fans)s)",
        {"creator": creator_id, "fans": [pk for pk, _, _ in people]},
        at=at,
    )
    by_fan = {place.fan_id: place for place in places}
    worn = {}
    for pk, handle, coins in people:
        place = by_fan.get(pk)
        standing = Standing(
            coins or 0, place.points if place else None, place.is_paused if place else False
        )
        worn[handle] = Badge(standing.level or None, standing.club_level)
    return worn


def badge_of(author: User, *, creator_id: int, at: datetime) -> dict[str, int | None]:
    """Give what an event tells of its author's badge."""
    worn = badges(handles=[author.handle], creator_id=creator_id, at=at).get(author.handle)
    return {
        "level": worn.level if worn else None,
        "club_level": worn.club_level if worn else None,
    }


# Clubs


@dataclass(frozen=True, slots=True)
class OwnClub:
    """A club somebody is in, with how far they are."""

    creator: User
    standing: Standing
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Named:
    """A member among the first, who asked to be named. Points would tell of hidden gifts."""

    handle: str
    name: str
    level: int


@dataclass(frozen=True, slots=True)
class ClubCounts:
    """How many are in a club, how many of them are paused, and how many have a membership."""

    members: int
    paused: int
    paying: int


def clubs_of(*, fan_id: int, at: datetime) -> list[OwnClub]:
    """List the clubs a fan is in, most points first."""
    places = _places("member.fan_id = %(fan)s", {"fan": fan_id}, at=at)
    creators = User.objects.in_bulk([place.creator_id for place in places])
    given = coins_given(fan_id=fan_id)
    rows = sorted(places, key=lambda place: (-place.points, place.creator_id))
    return [
        OwnClub(creators[row.creator_id], Standing(given, row.points, row.is_paused), row.joined_at)
        for row in rows
    ]


def members_count(*, creator_id: int) -> int:
    """How many are in a creator's club, paused or not."""
    return _in_club(creator_id).count()


def counts_of(*, creator_id: int, at: datetime) -> ClubCounts:
    """Count who is in a creator's club."""
    places = _places("member.creator_id = %(creator)s", {"creator": creator_id}, at=at)
    paying = _memberships(at=at).filter(creator_id=creator_id, starts_at__lte=at)
    return ClubCounts(
        len(places),
        sum(place.is_paused for place in places),
        paying.values("fan_id").distinct().count(),
    )


def named_members(*, creator_id: int, limit: int = NAMED_MAX) -> list[Named]:
    """List who has most points in a club, of those who asked to be named among gifters."""
    rows = (
        ClubGifter.objects.filter(
            creator_id=creator_id,
            coins__gt=0,
            gifter__in=_in_club(creator_id).values("fan_id"),
            gifter__is_ranked=True,
            gifter__is_active=True,
        )
        .exclude(gifter__standing=AccountStanding.SUSPENDED)
        .order_by("-coins", "reached_at", "gifter_id")
    )
    first = rows.values_list("gifter__handle", "gifter__display_name", "coins")[:limit]
    return [Named(handle, name, levels.club_level(coins)) for handle, name, coins in first]


def _in_club(creator_id: int) -> QuerySet[Entitlement]:
    return Entitlement.objects.filter(creator_id=creator_id, kind=Kind.CLUB, revoked_at=None)


# Memberships


def offer_of(*, creator_id: int) -> MembershipOffer | None:
    """The creator's membership, if it can be had."""
    return MembershipOffer.objects.filter(pk=creator_id, is_on=True).first()


def _memberships(*, at: datetime) -> QuerySet[Entitlement]:
    """What has not ended, begun or not."""
    return Entitlement.objects.filter(kind=Kind.MEMBERSHIP, revoked_at=None, ends_at__gt=at)


def periods_of(*, fan_id: int, creator_id: int, at: datetime) -> list[Entitlement]:
    """List the periods a fan has paid for that have not ended, the first first."""
    rows = _memberships(at=at).filter(fan_id=fan_id, creator_id=creator_id)
    return list(rows.order_by("starts_at", "pk"))


def paid_until(*, fan_id: int, creator_id: int, at: datetime) -> datetime | None:
    """Until when a fan who is a member now has paid, over periods without a gap; None: no member.

    Periods are bought end to start; a gap is there only where a bank took one back.
    """
    until = None
    for period in periods_of(fan_id=fan_id, creator_id=creator_id, at=at):
        if period.starts_at > (until or at):
            break
        until = period.ends_at
    return until


def memberships_of(*, fan_id: int, at: datetime) -> list[tuple[User, datetime]]:
    """List whose member a fan is now, and until when, what ends first first."""
    running = _memberships(at=at).filter(fan_id=fan_id, starts_at__lte=at)
    creators = User.objects.filter(pk__in=running.values("creator_id"))
    found = [
        (creator, paid_until(fan_id=fan_id, creator_id=creator.pk, at=at)) for creator in creators
    ]
    rows = [(creator, until) for creator, until in found if until is not None]
    return sorted(rows, key=lambda row: (row[1], row[0].pk))


def entitlements(
    *, creator_id: int | None, fan_id: int | None, after: UUID | None, limit: int
) -> list[Entitlement]:
    """List what fans have with creators, newest first, after the one of that id."""
    rows = Entitlement.objects.select_related("fan", "creator").order_by("-pk")
    if creator_id is not None:
        rows = rows.filter(creator_id=creator_id)
    if fan_id is not None:
        rows = rows.filter(fan_id=fan_id)
    if after is not None:
        rows = rows.filter(pk__lt=after)
    return list(rows[:limit])


# Who may enter


def who_may_enter(*, creator_id: int, people: Collection[int], at: datetime) -> set[int]:
    """Of these people, say who may enter what a creator shows to members."""
    wanted = list(people)
    members = _memberships(at=at).filter(
        creator_id=creator_id, fan_id__in=wanted, starts_at__lte=at
    )
    moderators = Moderator.objects.filter(creator_id=creator_id, person_id__in=wanted)
    staff = User.objects.filter(pk__in=wanted, is_staff=True)
    return (
        set(members.values_list("fan_id", flat=True))
        | set(moderators.values_list("person_id", flat=True))
        | set(staff.values_list("pk", flat=True))
        | ({creator_id} & set(wanted))
    )


def may_enter(*, place: Room | Video, viewer_id: int | None, at: datetime) -> bool:
    """Whether somebody may see a place and what happens there."""
    if not place.for_members:
        return True
    if viewer_id is None:
        return False
    return bool(who_may_enter(creator_id=place.creator_id, people=[viewer_id], at=at))

"""Reads of gifts: the catalogue with what it costs the viewer, places, and what they were sent."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import BigIntegerField, Case, Count, F, Q, QuerySet, Sum, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce
from django.utils import timezone
from djmoney.money import Money

from accounts.models import Block, User
from gifts import clubs, passes
from gifts.models import (
    HIDDEN_NAME,
    Category,
    GiftVersion,
    Overlay,
    Room,
    Sending,
    Streak,
    Video,
)
from wallet import queries as wallets
from wallet import reversals
from wallet.models import Channel, Operation, Price

FEED_MAX: Final = 60
ENDED_MAX: Final = 12
BIG_CATEGORIES: Final = frozenset({Category.ANIMATED, Category.EXCLUSIVE})


@dataclass(frozen=True, slots=True)
class Shown:
    """A gift of the catalogue with what its coins cost the viewer; None where that is unknown."""

    version_id: int
    slug: str
    name: str
    category: str
    price_coins: int
    money: Money | None
    unlock_level: int | None
    is_streakable: bool
    is_join_gift: bool
    lock: clubs.Lock | None = None  # None: the viewer may send it
    art: str | None = None  # the digest of its artwork; None: our own drawing


@dataclass(frozen=True, slots=True)
class WordsOffer:
    """A gift that carries words, and for how long they are highlighted."""

    gift: Shown
    highlight_s: int


@dataclass(slots=True)
class FeedLine:
    """A gift that was sent, as everyone sees it."""

    sending_id: UUID
    sender: str
    sender_handle: str
    gift: str
    slug: str
    category: str
    quantity: int
    coins: int
    sent_at: datetime
    animation_ms: int
    streak_id: UUID | None  # a combo is one line with all it came to
    badge: clubs.Badge | None = None
    art: str | None = None
    is_reversed: bool = False  # its payment was taken back, and the creator's diamonds with it

    @property
    def tier(self) -> str:
        """How big it is shown: a bubble, on the stage, or over the whole picture."""
        return self.category if self.category in BIG_CATEGORIES else "small"


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of a room or a video."""

    gifts: int
    senders: int
    coins: int
    diamonds_milli: int


def coin_rate(*, viewer: User | None, at: datetime) -> Price | None:
    """Return what coins cost the viewer; None for strangers and where coins are not sold."""
    region = wallets.region_for(str(viewer.country.code)) if viewer else None
    return wallets.rate_for(region, Channel.WEB, at) if region else None


def versions_in_force(*, at: datetime) -> QuerySet[GiftVersion]:
    """Return the version of each gift that is offered at that time."""
    latest = (
        GiftVersion.objects.filter(valid_from__lte=at)
        .order_by("gift_id", "-valid_from", "-version")
        .distinct("gift_id")
    )
    return (
        GiftVersion.objects.filter(pk__in=latest.values("pk"))
        .filter(Q(retired_at=None) | Q(retired_at__gt=at))
        .select_related("gift")
        .order_by("price_coins", "pk")
    )


def catalogue(
    *,
    at: datetime,
    viewer: User | None,
    on_videos: bool = False,
    creator_id: int | None = None,
) -> list[Shown]:
    """List the gifts offered, cheapest first; on videos only those that may be sent there.

    Those that carry words are chosen where one writes them: ``words_offered``. What is locked for
    the viewer says so; by a club, for the creator's place it is shown in.
    """
    versions = versions_in_force(at=at).filter(highlight_s=0)
    if on_videos:
        versions = versions.filter(on_videos=True)
    rate = coin_rate(viewer=viewer, at=at)
    fan_id = viewer.pk if viewer else None
    standing = clubs.standing_of(fan_id=fan_id, creator_id=creator_id or 0, at=at)
    return [_shown(version, rate, standing) for version in versions]


def gifts_of_clubs(*, at: datetime) -> list[GiftVersion]:
    """List the gifts that a level in a club unlocks, by that level."""
    versions = versions_in_force(at=at).filter(club_level__isnull=False)
    return list(versions.order_by("club_level", "price_coins", "pk"))


def join_gift(*, at: datetime) -> GiftVersion | None:
    """The gift that joins a club, the cheapest where there are several."""
    return versions_in_force(at=at).filter(is_join_gift=True).first()


def words_offered(*, at: datetime, viewer: User | None) -> list[WordsOffer]:
    """List the gifts that carry words, cheapest first, and how long each shows them."""
    versions = versions_in_force(at=at).filter(highlight_s__gt=0)
    rate = coin_rate(viewer=viewer, at=at)
    return [WordsOffer(_shown(version, rate), version.highlight_s) for version in versions]


def offer(*, version_id: int, viewer: User | None, at: datetime) -> Shown | None:
    """Find one version as it is shown, in force or not."""
    version = GiftVersion.objects.filter(pk=version_id).select_related("gift").first()
    return None if version is None else _shown(version, coin_rate(viewer=viewer, at=at))


def _shown(
    version: GiftVersion, rate: Price | None, standing: clubs.Standing = clubs.NOBODY
) -> Shown:
    return Shown(
        version_id=version.pk,
        slug=version.gift.slug,
        name=version.name,
        category=version.category,
        price_coins=version.price_coins,
        money=wallets.value_at(rate, version.price_coins) if rate else None,
        unlock_level=version.unlock_level,
        is_streakable=version.is_streakable,
        is_join_gift=version.is_join_gift,
        lock=clubs.lock_of(version.unlock_level, version.club_level, standing),
        art=version.art_id,
    )


def live_rooms(*, creator_ids: Collection[int] | None = None) -> QuerySet[Room]:
    """List who is live, latest first; all, or some creators."""
    rooms = Room.objects.filter(state=Room.State.LIVE).select_related("creator")
    if creator_ids is not None:
        rooms = rooms.filter(creator_id__in=creator_ids)
    return rooms.order_by("-started_at", "pk")


def live_room_of(*, creator_id: int) -> Room | None:
    """Find the creator's live, if there is one."""
    return Room.objects.filter(creator_id=creator_id, state=Room.State.LIVE).first()


def ended_rooms(*, creator_id: int, limit: int = ENDED_MAX) -> list[Room]:
    """List a creator's last lives, the latest first, each with the coins it brought."""
    rooms = Room.objects.filter(creator_id=creator_id, state=Room.State.ENDED)
    rooms = rooms.annotate(coins=Coalesce(Sum("gifters__coins"), 0))
    return list(rooms.order_by("-started_at", "pk")[:limit])


def videos(*, creator_id: int | None = None) -> QuerySet[Video]:
    """List public videos, latest first; all, or one creator's."""
    rows = Video.objects.filter(is_public=True).select_related("creator")
    if creator_id is not None:
        rows = rows.filter(creator_id=creator_id)
    return rows.order_by("-posted_at", "pk")


def place(*, room_id: UUID | None = None, video_id: UUID | None = None) -> Room | Video | None:
    """Find a room, live or ended, or a public video, with its creator."""
    if room_id is not None:
        return Room.objects.select_related("creator").filter(pk=room_id).first()
    return videos().filter(pk=video_id).first() if video_id else None


def who_may_watch(*, room_id: UUID, people: Collection[passes.Who]) -> set[passes.Who]:
    """Of those who watch a room, say who still may (None: strangers); nobody once it has ended."""
    room = Room.objects.filter(pk=room_id, state=Room.State.LIVE).first()
    if room is None:
        return set()
    ids = [one for one in people if isinstance(one, int)]
    known = User.objects.filter(pk__in=ids, is_active=True)
    blocked = Block.objects.filter(blocker_id=room.creator_id, blocked_id__in=ids)
    let_in = set(known.exclude(pk__in=blocked.values("blocked_id")).values_list("pk", flat=True))
    if room.for_members:
        let_in &= clubs.who_may_enter(creator_id=room.creator_id, people=let_in, at=timezone.now())
    allowed: set[passes.Who] = {*let_in} if room.for_members else {*let_in, None}
    if any(isinstance(one, str) for one in people):
        overlays = Overlay.objects.filter(creator_id=room.creator_id).values_list("pk", flat=True)
        allowed |= {passes.overlay_key(pk) for pk in overlays}
    return allowed & set(people)


def latest_gifts(
    *, place: Room | Video, after: datetime | None = None, limit: int = FEED_MAX
) -> list[FeedLine]:
    """List the newest gifts of a place, oldest first, of those sent after a moment.

    The gifts of a combo are one line, where its first one stands, with all it has come to.
    Gifts commit in another order than they were sent in, so whoever asks again looks a little
    further back than the last they saw and leaves out what they know. Those that carry words are
    shown as what was said.
    """
    rows = Sending.objects.filter(**_in(place), gift_version__highlight_s=0)
    if after is not None:
        rows = rows.filter(sent_at__gt=after)
    newest = rows.order_by("-sent_at", "-pk").values_list(
        "pk",
        Case(When(is_hidden=True, then=Value(HIDDEN_NAME)), default=F("sender__display_name")),
        Case(When(is_hidden=True, then=Value("")), default=F("sender__handle")),
        "gift_version__name",
        "gift_version__gift__slug",
        "gift_version__category",
        "quantity",
        "coins",
        "sent_at",
        "gift_version__animation_ms",
        "streak_id",
        "gift_version__art_id",
    )[:limit]
    lines = _joined([FeedLine(*row) for row in reversed(newest)])
    if after is not None:
        return lines  # just sent: no bank has taken such a payment back yet
    taken_back = reversals.reversed_gifts(operation_ids=[line.sending_id for line in lines])
    return [replace(line, is_reversed=line.sending_id in taken_back) for line in lines]


def _joined(lines: Sequence[FeedLine]) -> list[FeedLine]:
    """Make one line of each combo's gifts."""
    ids = {line.streak_id for line in lines if line.streak_id is not None}
    if not ids:
        return list(lines)
    rows = Streak.objects.filter(pk__in=ids).values_list("pk", "quantity", "coins")
    sums = {pk: (quantity, coins) for pk, quantity, coins in rows}
    joined: dict[UUID, FeedLine] = {}
    for line in lines:
        if line.streak_id not in sums:
            joined[line.sending_id] = line
        elif line.streak_id not in joined:
            quantity, coins = sums[line.streak_id]
            joined[line.streak_id] = replace(line, quantity=quantity, coins=coins)
    return list(joined.values())


def page_of_rooms(*, after: Sequence[Any] | None, limit: int) -> list[Room]:
    """List who is live, latest first, after the room of that start and id."""
    rooms = live_rooms()
    if after is not None:
        started_at, room_id = after
        rooms = rooms.filter(
            Q(started_at__lt=started_at) | Q(started_at=started_at, pk__gt=room_id)
        )
    return list(rooms[:limit])


def page_of_gifts(*, room: Room, after: Sequence[Any] | None, limit: int) -> list[Sending]:
    """List a room's gifts, newest first, after the gift of that time and id."""
    rows = Sending.objects.filter(room=room).select_related("sender", "gift_version__gift")
    if after is not None:
        sent_at, sending_id = after
        rows = rows.filter(sent_at__lte=sent_at).exclude(sent_at=sent_at, pk__gte=sending_id)
    return list(rows.order_by("-sent_at", "-pk")[:limit])


def sending_of(*, client_id: str, sending_id: UUID) -> Sending | None:
    """Find a gift that this service sent."""
    return Sending.objects.filter(pk=sending_id, client_id=client_id).first()


def summary(*, place: Room | Video) -> Summary:
    """Sum up what a place was sent: gifts, people, coins, and the diamonds they became.

    Whoever hid their name counts apart from what they sent under it, so the number tells nothing.
    """
    counted = Sending.objects.filter(**_in(place)).aggregate(
        gifts=Coalesce(Sum("quantity"), 0),
        senders=Count("sender_id", distinct=True, filter=Q(is_hidden=False))
        + Count("sender_id", distinct=True, filter=Q(is_hidden=True)),
        coins=Coalesce(Sum("coins"), 0),
    )
    diamonds = (
        Operation.objects.filter(pk__in=Sending.objects.filter(**_in(place)).values("pk"))
        .annotate(
            milli=Cast(KT("request__coins"), BigIntegerField()) * F("card__diamonds_per_coin_milli")
        )
        .aggregate(total=Coalesce(Sum("milli"), 0))
    )
    return Summary(**counted, diamonds_milli=int(diamonds["total"]))


def _in(place: Room | Video) -> dict[str, UUID]:
    return {"room_id" if isinstance(place, Room) else "video_id": place.pk}

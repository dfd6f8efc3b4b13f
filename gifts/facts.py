"""The facts a sending is judged by, read in one statement.

Every gift pays for this read, so it is one statement that the server keeps planned. It locks
nothing: what changes between it and the posting was true when the sender pressed the button.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounts import statements
from accounts.models import User
from gifts import clubs
from wallet.money import half_up

# What the rules of accounts.risk and a gift's memo need to know of a person, in the model's order.
PERSON_FIELDS: Final = (
    "id", "handle", "display_name", "country", "birth_date", "standing", "standing_until",
    "terms_due_at", "kind", "is_creator", "is_active", "joined_at",
)  # fmt: skip

# One row per wanted sending: who, to whom, where, which version was shown and which is in force,
# and what a coin costs the sender. One statement, because every gift reads it.
_FACTS: Final = """
SELECT {sender}, {creator},
       coalesce(room.title, video.title), coalesce(room.gifts_on, video.gifts_on),
       coalesce(room.state = 'live', video.is_public),
       shown.id, gift.slug, shown.name, shown.category, shown.price_coins, shown.on_videos,
       shown.animation_ms, shown.unlock_level, shown.highlight_s, shown.club_level,
       shown.is_join_gift, shown.art_id,
       current.id, gift.slug, current.name, current.category, current.price_coins,
       current.on_videos, current.animation_ms, current.unlock_level, current.highlight_s,
       current.club_level, current.is_join_gift, current.art_id,
       rate.coins, rate.amount_minor, rate.currency,
       wanted.client_id = '' OR EXISTS (
       SELECT FROM accounts_consent AS consent
        WHERE consent.fan_id = wanted.sender_id AND consent.client_id = wanted.client_id
          AND consent.scope = 'gifts:send' AND consent.revoked_at IS NULL
          AND consent.until > %(at)s::timestamptz),
       EXISTS (
       SELECT FROM accounts_block AS block
        WHERE block.blocker_id = creator.id AND block.blocked_id = wanted.sender_id),
       sender.shows_level, given.coins, club.points, club.is_paused,
       CASE WHEN coalesce(room.for_members, video.for_members)
            THEN sender.is_staff OR EXISTS (
                 SELECT FROM gifts_entitlement AS membership
                  WHERE membership.fan_id = wanted.sender_id
                    AND membership.creator_id = creator.id
                    AND membership.kind = 'membership' AND membership.revoked_at IS NULL
                    AND membership.starts_at <= %(at)s::timestamptz
                    AND membership.ends_at > %(at)s::timestamptz)
              OR EXISTS (
                 SELECT FROM gifts_moderator AS moderator
                  WHERE moderator.creator_id = creator.id
                    AND moderator.person_id = wanted.sender_id)
            ELSE true END
  FROM {wanted} AS wanted
  JOIN accounts_user AS sender ON sender.id = wanted.sender_id
  LEFT JOIN gifts_room AS room ON room.id = wanted.room_id
  LEFT JOIN gifts_video AS video ON video.id = wanted.video_id
  LEFT JOIN accounts_user AS creator ON creator.id = coalesce(room.creator_id, video.creator_id)
  LEFT JOIN gifts_giftversion AS shown ON shown.id = wanted.version_id
  LEFT JOIN gifts_gift AS gift ON gift.id = shown.gift_id
  LEFT JOIN LATERAL (
       SELECT latest.id, latest.name, latest.category, latest.price_coins, latest.on_videos,
              latest.animation_ms, latest.unlock_level, latest.highlight_s, latest.retired_at,
              latest.club_level, latest.is_join_gift, latest.art_id
         FROM gifts_giftversion AS latest
        WHERE latest.gift_id = shown.gift_id AND latest.valid_from <= %(at)s::timestamptz
        ORDER BY latest.valid_from DESC, latest.version DESC LIMIT 1
       ) AS current ON current.retired_at IS NULL OR current.retired_at > %(at)s::timestamptz
  LEFT JOIN wallet_regioncountry AS home ON home.country = sender.country
  LEFT JOIN LATERAL (
       SELECT price.coins, price.amount_minor, price.currency FROM wallet_price AS price
        WHERE price.region_id = home.region_id AND price.channel = 'web'
          AND price.package_id IS NULL AND price.valid_from <= %(at)s::timestamptz
        ORDER BY price.valid_from DESC LIMIT 1
       ) AS rate ON true
  LEFT JOIN gifts_fantotal AS given ON given.gifter_id = wanted.sender_id
  LEFT JOIN LATERAL (
       SELECT coalesce(points.coins, 0) AS points, {paused} AS is_paused
         FROM gifts_entitlement AS member
         LEFT JOIN gifts_clubgifter AS points
                ON points.creator_id = member.creator_id AND points.gifter_id = member.fan_id
        WHERE member.fan_id = wanted.sender_id AND member.creator_id = creator.id
          AND member.kind = 'club' AND member.revoked_at IS NULL
       ) AS club ON true
 ORDER BY wanted.n
"""


def _facts_sql(*, wanted: str) -> str:
    return _FACTS.format(
        wanted=wanted,
        paused=clubs.PAUSED_SQL.format(at="%(at)s"),
        sender=", ".join(f"sender.{field}" for field in PERSON_FIELDS),
        creator=", ".join(f"creator.{field}" for field in PERSON_FIELDS),
    )


FACTS_OF_ONE_SQL: Final = _facts_sql(
    wanted="""(SELECT %(sender)s::bigint AS sender_id, %(version)s::bigint AS version_id,
               %(room)s::uuid AS room_id, %(video)s::uuid AS video_id,
               %(client)s::text AS client_id, 1 AS n)"""
)
FACTS_OF_MANY_SQL: Final = _facts_sql(
    wanted="""(SELECT * FROM unnest(%(senders)s::bigint[], %(versions)s::bigint[],
                                  %(rooms)s::uuid[], %(videos)s::uuid[], %(clients)s::text[])
               WITH ORDINALITY AS item (sender_id, version_id, room_id, video_id, client_id, n))"""
)


@dataclass(frozen=True, slots=True)
class Offer:
    """One version of a gift."""

    id: int
    slug: str
    name: str
    category: str
    price_coins: int
    on_videos: bool
    animation_ms: int
    unlock_level: int | None
    highlight_s: int
    club_level: int | None
    is_join_gift: bool
    art: str | None  # the digest of its artwork; None: our own drawing


OFFER_FIELDS: Final = len(fields(Offer))


@dataclass(frozen=True, slots=True)
class CoinRate:
    """What coins cost a person: an exact ratio of minor units to coins."""

    coins: int
    amount_minor: int
    currency: str

    def minor(self, coins: int) -> int:
        """The price of that many coins, rounded half up to the minor unit as a charge is."""
        return half_up(Fraction(self.amount_minor * coins, self.coins))


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFacts:
    """All that decides whether a gift may be sent. ``creator`` is None when the place is unknown.

    The people have only the fields of ``PERSON_FIELDS`` loaded.
    """

    place: str  # "room" or "video"
    place_id: UUID
    title: str
    gifts_on: bool
    is_open: bool
    quantity: int
    sender: User
    creator: User | None
    shown: Offer | None
    current: Offer | None
    rate: CoinRate | None
    is_allowed: bool = True  # in person, or under the sender's consent
    is_blocked: bool = False  # the creator has blocked the sender
    words: str = ""
    shows_level: bool = True
    standing: clubs.Standing = clubs.NOBODY  # the sender's, over all and with this creator
    may_enter: bool = True  # the place is for everyone, or for the sender too


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody wants to send, and where: a room or a video."""

    sender_id: int
    gift_version_id: int
    quantity: int
    room_id: UUID | None
    video_id: UUID | None
    client_id: str = ""  # the service that sends for the sender; none: the sender in person
    words: str = ""  # of a gift that carries some


def send_facts(wanted: Wanted, *, at: datetime) -> SendFacts:
    """Read the facts of a wanted sending. One statement; locks nothing.

    Raises User.DoesNotExist when there is no such sender.
    """
    with statements.prepared_cursor() as cursor:
        cursor.execute(
            FACTS_OF_ONE_SQL,
            {
                "sender": wanted.sender_id,
                "version": wanted.gift_version_id,
                "room": wanted.room_id,
                "video": wanted.video_id,
                "client": wanted.client_id,
                "at": at,
            },
        )
        row = cursor.fetchone()
    if row is None:
        raise User.DoesNotExist
    return _facts(wanted, row)


def send_facts_of(wanted: Sequence[Wanted], *, at: datetime) -> list[SendFacts]:
    """Read the facts of each wanted sending, in order. One statement; locks nothing."""
    with connection.cursor() as cursor:
        cursor.execute(
            FACTS_OF_MANY_SQL,
            {
                "senders": [item.sender_id for item in wanted],
                "versions": [item.gift_version_id for item in wanted],
                "rooms": [item.room_id for item in wanted],
                "videos": [item.video_id for item in wanted],
                "clients": [item.client_id for item in wanted],
                "at": at,
            },
        )
        return [_facts(item, row) for item, row in zip(wanted, cursor.fetchall(), strict=True)]


def _facts(wanted: Wanted, row: tuple[Any, ...]) -> SendFacts:
    place_id = wanted.room_id or wanted.video_id
    assert place_id is not None, "a gift is sent somewhere"
    people = len(PERSON_FIELDS)
    sender, creator, (title, gifts_on, is_open), shown, current, rate, judged, reached = _cut(
        row, people, people, 3, OFFER_FIELDS, OFFER_FIELDS, 3, 2, 5
    )
    shows_level, coins_given, points, is_paused, may_enter = reached
    return SendFacts(
        place="room" if wanted.room_id else "video",
        place_id=place_id,
        title=title or "",
        gifts_on=bool(gifts_on),
        is_open=bool(is_open),
        quantity=wanted.quantity,
        sender=User.from_db(None, PERSON_FIELDS, sender),
        creator=None if creator[0] is None else User.from_db(None, PERSON_FIELDS, creator),
        shown=None if shown[0] is None else Offer(*shown),
        current=None if current[0] is None else Offer(*current),
        rate=None if rate[0] is None else CoinRate(*rate),
        is_allowed=judged[0],
        is_blocked=judged[1],
        words=wanted.words,
        shows_level=shows_level,
        standing=clubs.Standing(coins_given or 0, points, bool(is_paused)),
        may_enter=may_enter,
    )


def _cut(row: tuple[Any, ...], *widths: int) -> Iterator[tuple[Any, ...]]:
    start = 0
    for width in widths:
        yield row[start : start + width]
        start += width
    assert start == len(row), "every column has its place"

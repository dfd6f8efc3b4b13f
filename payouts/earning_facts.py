"""What the rules on earnings go by: sums and shares of each creator's last gifts, read from the
ledger and from what accounts and purchases have in common.

Promises: gifts are summed where they are, by the database: however many there are, what comes here
is a row for each creator who earned enough to be looked at, and a row for each of their traits.
Nothing is decided here, and nothing that lasts is written: the sums in between live in temporary
tables that end with the caller's transaction. Devices, networks and cards are known as keyed hashes
alone. A gift with a hidden name counts for whoever sent it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from django.conf import settings
from django.db import connection

from payouts import earning_traits, rings

WINDOW: Final = timedelta(days=30)  # what the rules look back over
# Less than the smallest payout is nothing to hold: 2,000 diamonds were US$10 under the first card
# (``PAYOUT_MINIMUM_USD_CENTS``).
LOOKED_AT_MILLI: Final = 2_000_000
# An edge of the gift graph: an amount worth a payout or half of one, and a tenth of what either
# side moves, so that friends' small gifts bind nobody together. Our own.
EDGE_MILLI: Final = 1_000_000
EDGE_PART: Final = 10


class Trait(StrEnum):
    """What can be so of one who sends gifts to a creator."""

    OWN = "own"  # shares a device, a card or a payout account with the creator
    HOME = "home"  # the same, or a network that few people use
    ONE_HAND = "one_hand"  # is one of several behind the same device, card or small network
    FRESH = "fresh"  # joined, paid, gave it all within days, and only to this creator
    FRESH_CARD = "fresh_card"  # the same, paid by gift cards
    DEVOTED = "devoted"  # gives less than a third of all to anybody else
    BIG = "big"  # as fresh, with one very large gift
    NEAR = "near"  # pays again and again just below what is looked at
    BACK = "back"  # asks payments back, or their bank does
    HOPPER = "hopper"  # buys at the prices of several regions
    CLAIMED = "claimed"  # may be a minor, as somebody said or we have decided
    BORROWED = "borrowed"  # new, devoted, and pays with what was somebody else's long before
    STRANGER = "stranger"  # does not follow the creator


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What those with a trait gave, how many they are, and who gave most of it."""

    milli: int = 0
    senders: int = 0
    first_ids: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Earner:
    """All that the rules know of one creator's earnings since a moment. In thousandths."""

    creator_id: int
    milli: int
    senders: int
    top_two_milli: int  # of those who give to hardly anybody else
    top_ids: Sequence[int] = ()
    near_days: int = 0  # days on which senders paid just below what is looked at
    followers: int = 0  # counted no further than ``followers_min``
    viewers: int | None = None  # at most at once, the mean of their lives; None: not known
    # What the operator asks for.
    followers_min: int = 50
    viewers_min: int = 5
    silent_days: int = 0  # without a gift, before the first of these
    ring: Share = Share()
    shares: Mapping[Trait, Share] = field(default_factory=dict)

    def share(self, trait: Trait) -> Share:
        return self.shares.get(trait, Share())

    def as_json(self) -> dict[str, Any]:
        """Write the numbers down as they were."""
        return {
            "milli": self.milli,
            "senders": self.senders,
            "top_two_milli": self.top_two_milli,
            "near_days": self.near_days,
            "followers": self.followers,
            "viewers": self.viewers,
            "silent_days": self.silent_days,
            "ring": [self.ring.milli, self.ring.senders],
            "shares": {str(name): [one.milli, one.senders] for name, one in self.shares.items()},
        }


# From which transaction on to look: of the latest period that was open at that moment.
SINCE_XID_SQL: Final = """
SELECT coalesce((SELECT xid_from::text::bigint FROM ledger.period
                  WHERE opened_at <= %(since)s ORDER BY id DESC LIMIT 1), 0)
"""
# What each sender gave to each creator, by the lot that paid.
PARTS_SQL: Final = """
CREATE TEMPORARY TABLE earned_part ON COMMIT DROP AS
SELECT earner.owner_id AS creator_id, t.home_id AS sender_id, t.lot_id,
       sum(t.amount)::bigint AS milli, count(DISTINCT t.op_id) AS gifts,
       coalesce(sum(t.amount) FILTER (
           WHERE o.recorded_at < sender.joined_at + %(fresh)s), 0)::bigint AS fresh_milli,
       coalesce(max(t.amount) FILTER (
           WHERE o.recorded_at < sender.joined_at + %(fresh)s), 0)::bigint AS fresh_most_milli,
       coalesce(sum(t.amount) FILTER (
           WHERE o.recorded_at < lot.created_at + %(quick)s), 0)::bigint AS quick_milli,
       coalesce(sum(t.amount) FILTER (WHERE lot.hold_class = 3), 0)::bigint AS card_milli,
       min(o.recorded_at) AS first_at
  FROM ledger.transfer AS t
  JOIN ledger.account AS earner ON earner.id = t.credit_account_id
  JOIN ledger.operation AS o ON o.id = t.op_id
  JOIN ledger.lot AS lot ON lot.id = t.lot_id
  LEFT JOIN accounts_user AS sender ON sender.id = t.home_id
 WHERE t.code = 21 AND {which} AND o.recorded_at > %(since)s
 GROUP BY 1, 2, 3
"""
_OF_ALL: Final = "t.xid >= %(xid)s::text::xid8"
_OF_SOME: Final = """t.credit_account_id = ANY(ARRAY(
    SELECT id FROM ledger.account WHERE owner_id = ANY(%(creators)s::bigint[]) AND code = 210))"""
PAIRS_SQL: Final = """
CREATE TEMPORARY TABLE earned_pair ON COMMIT DROP AS
SELECT creator_id, sender_id, sum(milli)::bigint AS milli, sum(gifts) AS gifts,
       sum(fresh_milli)::bigint AS fresh_milli,
       max(fresh_most_milli) AS fresh_most_milli, sum(quick_milli)::bigint AS quick_milli,
       sum(card_milli)::bigint AS card_milli, min(first_at) AS first_at
  FROM earned_part GROUP BY 1, 2
"""
EARNERS_SQL: Final = """
CREATE TEMPORARY TABLE earner ON COMMIT DROP AS
SELECT creator_id, sum(milli)::bigint AS milli, count(*) AS senders, min(first_at) AS first_at
  FROM earned_pair GROUP BY 1 HAVING sum(milli) >= %(least)s
"""
# Devices, cards and networks that more than one person uses, and how many do.
PRINTS_SQL: Final = """
CREATE TEMPORARY TABLE shared_print ON COMMIT DROP AS
SELECT user_id, kind, digest, first_seen_at, people
  FROM (SELECT user_id, kind, digest, first_seen_at,
               count(*) OVER (PARTITION BY kind, digest) AS people
          FROM accounts_fingerprint) AS print
 WHERE people > 1
"""
MAIN_SQL: Final = """
SELECT earner.creator_id, earner.milli, earner.senders,
       coalesce((SELECT sum(milli)::bigint FROM (SELECT milli FROM earned_pair AS pair
          JOIN earned_trait AS trait USING (creator_id, sender_id)
          WHERE pair.creator_id = earner.creator_id AND trait.trait = 'devoted'
          ORDER BY milli DESC LIMIT 2) AS top), 0),
       ARRAY(SELECT sender_id FROM earned_pair AS pair
              WHERE pair.creator_id = earner.creator_id ORDER BY milli DESC, sender_id LIMIT 5),
       (SELECT count(*) FROM (SELECT 1 FROM accounts_follow AS follow
          WHERE follow.creator_id = earner.creator_id LIMIT %(followers)s) AS counted),
       (SELECT round(avg(viewers))::int FROM payouts_liveaudience AS live
         WHERE live.creator_id = earner.creator_id AND live.ended_at > %(since)s),
       greatest(0, earner.first_at::date - coalesce(
           (SELECT max(day) FROM payouts_earningsday AS earned
             WHERE earned.creator_id = earner.creator_id AND earned.diamonds_milli > 0
               AND earned.day < (earner.first_at AT TIME ZONE 'UTC')::date),
           profile.opened_at::date, earner.first_at::date))
  FROM earner LEFT JOIN accounts_creatorprofile AS profile USING (creator_id)
 ORDER BY earner.creator_id
"""
EDGES_SQL: Final = """
SELECT pair.sender_id, pair.creator_id, pair.milli
  FROM earned_pair AS pair JOIN earner ON earner.creator_id = pair.creator_id
  JOIN earner AS giver ON giver.creator_id = pair.sender_id
  JOIN (SELECT sender_id, sum(milli) AS milli FROM earned_pair GROUP BY 1) AS given
       ON given.sender_id = pair.sender_id
 WHERE pair.milli >= %(edge)s AND pair.milli * %(part)s >= earner.milli
   AND pair.milli * %(part)s >= given.milli
"""


def earners(
    *, since: datetime, at: datetime, creator_ids: Collection[int] | None = None
) -> Iterator[Earner]:
    """Read all creators who earned enough since then to be looked at, or those named.

    The caller's transaction holds temporary tables until it ends.
    """
    assert connection.in_atomic_block, "temporary tables end with the transaction"
    values: dict[str, Any] = {
        "since": since,
        "at": at,
        "least": LOOKED_AT_MILLI,
        "edge": EDGE_MILLI,
        "part": EDGE_PART,
        "followers": settings.EARNINGS_FOLLOWERS_MIN,
        "creators": list(creator_ids or ()),
        **earning_traits.VALUES,
    }
    with connection.cursor() as cursor:
        _sum_up(cursor, values, is_of_all=creator_ids is None)
        near_days, shares = _shares(cursor, values)
        cursor.execute(EDGES_SQL, values)
        ring_of = _ring_of(cursor.fetchall())
        cursor.execute(MAIN_SQL, values)
        rows = cursor.fetchall()
        cursor.execute("DROP TABLE earned_part, earned_pair, earner, shared_print, earned_trait")
    for creator_id, milli, senders, top_two, top_ids, followers, viewers, silent in rows:
        yield Earner(
            creator_id=creator_id, milli=milli, senders=senders, top_two_milli=top_two,
            top_ids=tuple(top_ids), followers_min=settings.EARNINGS_FOLLOWERS_MIN,
            viewers_min=settings.EARNINGS_VIEWERS_MIN, followers=followers, viewers=viewers,
            silent_days=silent,
            near_days=near_days.get(creator_id, 0), ring=ring_of.get(creator_id, Share()),
            shares=shares.get(creator_id, {}),
        )  # fmt: skip


def _sum_up(cursor: Any, values: dict[str, Any], *, is_of_all: bool) -> None:
    """Make the temporary tables, with what the planner needs to know of them."""
    if is_of_all:
        cursor.execute(SINCE_XID_SQL, values)
        values["xid"] = cursor.fetchone()[0]
    cursor.execute(PARTS_SQL.format(which=_OF_ALL if is_of_all else _OF_SOME), values)
    for table, sql in (
        ("earned_pair", PAIRS_SQL), ("earner", EARNERS_SQL), ("shared_print", PRINTS_SQL),
    ):  # fmt: skip
        cursor.execute(sql, values)
        cursor.execute(f"ANALYZE {table}")


def _shares(
    cursor: Any, values: Mapping[str, Any]
) -> tuple[dict[int, int], dict[int, dict[Trait, Share]]]:
    """Say of each creator what those with each trait gave, and on how many near days they paid."""
    cursor.execute(earning_traits.CREATE_SQL)
    for trait, sql in earning_traits.SQL.items():
        cursor.execute(sql, {**values, "trait": str(Trait(trait))})
    cursor.execute("CREATE INDEX ON earned_trait (creator_id)")
    cursor.execute("CREATE INDEX ON earned_pair (creator_id)")
    cursor.execute("ANALYZE earned_trait")
    cursor.execute(earning_traits.SUMS_SQL)
    near_days: dict[int, int] = {}
    shares: dict[int, dict[Trait, Share]] = {}
    for creator_id, name, milli, senders, first_ids, days in cursor.fetchall():
        trait = Trait(name)
        share = Share(milli=milli, senders=senders, first_ids=tuple(first_ids))
        shares.setdefault(creator_id, {})[trait] = share
        if trait == Trait.NEAR:
            near_days[creator_id] = days
    return near_days, shares


def _ring_of(edges: Sequence[tuple[int, int, int]]) -> dict[int, Share]:
    """Say of each creator in a ring what its members gave them, and how many they are."""
    found: dict[int, Share] = {}
    for group in rings.rings((sender, creator) for sender, creator, _ in edges):
        inside = [edge for edge in edges if edge[0] in group and edge[1] in group]
        for member in group:
            found[member] = Share(
                milli=sum(milli for _, creator, milli in inside if creator == member),
                senders=len(group),
                first_ids=tuple(sorted(group))[:5],
            )
    return found

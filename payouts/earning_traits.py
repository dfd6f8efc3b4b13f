"""What is remarkable about who sends gifts, each as one statement over all creators at once.

Promises: each statement reads the temporary tables of ``earning_facts`` and adds a row to
``earned_trait`` for each creator and sender of whom the trait is true. Numbers stand here with
where they come from; how much of it is too much is for the rules.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from wallet import rules

# The first days of an account: as ``wallet.rules.NEW_BIG_AGE``.
FRESH: Final = rules.NEW_BIG_AGE
# How soon coins are spent that were bought to be sent on, not to be kept. Our own.
QUICK: Final = timedelta(days=1)
# A household shares a network, and so do some flats; a university or a phone company puts hundreds
# behind one (RFC 6888 asks for it): there it says nothing. Our own bounds.
HOME_PEOPLE_MAX: Final = 12
# A device in a library is used by many. Beyond this it says nothing of who sits there.
DEVICE_PEOPLE_MAX: Final = 50
HANDS_MIN: Final = 3  # accounts on one device or card
NETWORK_HANDS_MIN: Final = 5  # accounts on one small network: more than most households have
# Just below: within a fifth under the amount from which ``wallet.rules`` has somebody look.
NEAR_FROM: Final = 80  # percent
NEAR_DAYS_MIN: Final = 2
NEAR_DAYS_PART: Final = 60  # percent of the days on which the sender paid anything
REFUNDS_MIN: Final = 2
# Who travels buys now and then elsewhere. Our own.
AWAY_MIN: Final = 2  # purchases outside the region in which the sender buys most
AWAY_PART: Final = 25  # percent of the sender's purchases
# A card is somebody else's when they paid with it a month before its new user first did.
BORROWED_AFTER: Final = timedelta(days=30)
BORROWER_AGE: Final = timedelta(days=60)
# Again and again, and nearly all to one creator: couples share cards, and give here and there.
BORROWED_GIFTS: Final = 4

VALUES: Final[Mapping[str, Any]] = {
    "fresh": FRESH,
    "quick": QUICK,
    "home": HOME_PEOPLE_MAX,
    "device": DEVICE_PEOPLE_MAX,
    "hands": HANDS_MIN,
    "network_hands": NETWORK_HANDS_MIN,
    "near_from": NEAR_FROM,
    "near_days": NEAR_DAYS_MIN,
    "near_part": NEAR_DAYS_PART,
    "limits": sorted(day for day, _month in rules.SPEND_ABS.values()),
    "refunds": REFUNDS_MIN,
    "away": AWAY_MIN,
    "away_part": AWAY_PART,
    "borrowed_after": BORROWED_AFTER,
    "borrower_age": BORROWER_AGE,
    "borrowed_gifts": BORROWED_GIFTS,
    "big": rules.NEW_BIG_COINS * 1000,
}

CREATE_SQL: Final = """
CREATE TEMPORARY TABLE earned_trait (
    creator_id bigint, sender_id bigint, trait text, days bigint NOT NULL DEFAULT 0
) ON COMMIT DROP
"""
SUMS_SQL: Final = """
SELECT creator_id, trait, sum(pair.milli)::bigint, count(*),
       (array_agg(sender_id ORDER BY pair.milli DESC, sender_id))[1:5], sum(days)::bigint
  FROM earned_trait JOIN earned_pair AS pair USING (creator_id, sender_id)
  JOIN earner USING (creator_id)
 GROUP BY 1, 2
"""
_ADD: Final = "INSERT INTO earned_trait (creator_id, sender_id, trait) "
_SHARED: Final = """
  FROM earned_pair AS pair JOIN earner USING (creator_id)
  JOIN shared_print AS mine ON mine.user_id = pair.creator_id
  JOIN shared_print AS theirs
    ON theirs.user_id = pair.sender_id AND (theirs.kind, theirs.digest) = (mine.kind, mine.digest)
"""
_SAME_ACCOUNT: Final = """
SELECT pair.creator_id, pair.sender_id, %(trait)s
  FROM earned_pair AS pair JOIN earner USING (creator_id)
  JOIN payouts_destination AS mine ON mine.creator_id = pair.creator_id
  JOIN payouts_destination AS theirs
    ON theirs.creator_id = pair.sender_id AND theirs.mark = mine.mark
"""
_OWN: Final = f"""
SELECT pair.creator_id, pair.sender_id, %(trait)s {_SHARED}
 WHERE mine.kind <> 'network' AND mine.people <= %(device)s
 UNION {_SAME_ACCOUNT}
"""
_HOME: Final = f"""
{_OWN} UNION
SELECT pair.creator_id, pair.sender_id, %(trait)s {_SHARED}
 WHERE mine.kind = 'network' AND mine.people <= %(home)s
"""
_ONE_HAND: Final = """
SELECT DISTINCT creator_id, sender_id, %(trait)s
  FROM (SELECT pair.creator_id, pair.sender_id, print.kind,
               count(*) OVER (PARTITION BY pair.creator_id, print.kind, print.digest) AS hands
          FROM earned_pair AS pair JOIN earner USING (creator_id)
          JOIN shared_print AS print ON print.user_id = pair.sender_id
         WHERE print.people <= CASE print.kind WHEN 'network' THEN %(home)s ELSE %(device)s END
       ) AS hand
 WHERE hands >= CASE kind WHEN 'network' THEN %(network_hands)s ELSE %(hands)s END
"""
# Joined, paid and gave within days, nearly all to this creator and as soon as it was paid.
_FRESH: Final = """
SELECT pair.creator_id, pair.sender_id, %(trait)s
  FROM earned_pair AS pair JOIN earner USING (creator_id)
  JOIN (SELECT sender_id, sum(milli) AS milli FROM earned_pair GROUP BY 1) AS given
       USING (sender_id)
 WHERE pair.fresh_milli * 10 >= pair.milli * 9 AND pair.quick_milli * 10 >= pair.milli * 9
   AND pair.milli * 10 >= given.milli * 9
"""
# Who gives a third and more to others is somebody's fan; to launder so would cost that third.
_DEVOTED: Final = """
SELECT pair.creator_id, pair.sender_id, %(trait)s
  FROM earned_pair AS pair JOIN earner USING (creator_id)
  JOIN (SELECT sender_id, sum(milli) AS milli FROM earned_pair GROUP BY 1) AS given
       USING (sender_id)
 WHERE pair.milli * 3 > given.milli * 2
"""
# What was paid on each day, in US cents at the latest rates: for rules alone, nothing is charged.
_NEAR: Final = """
INSERT INTO earned_trait (creator_id, sender_id, trait, days)
WITH rate AS (
    SELECT DISTINCT ON (fx.currency) fx.currency, fx.per_usd, unit.scale
      FROM (SELECT currency, per_usd, quoted_at FROM wallet_fxrate
             WHERE quoted_at <= %(at)s
             UNION ALL SELECT 'USD', 1, %(at)s) AS fx
      JOIN ledger.unit AS unit ON unit.code = fx.currency
     ORDER BY fx.currency, fx.quoted_at DESC
), paid AS (
    SELECT bought.buyer_id, (bought.paid_at AT TIME ZONE 'UTC')::date AS day,
           sum(bought.gross_minor / power(10::numeric, rate.scale) / rate.per_usd * 100) AS cents
      FROM wallet_purchase AS bought JOIN rate USING (currency)
     WHERE bought.paid_at > %(since)s GROUP BY 1, 2
), near AS (
    SELECT buyer_id AS sender_id, count(*) AS days,
           count(*) FILTER (WHERE EXISTS (
               SELECT 1 FROM unnest(%(limits)s::bigint[]) AS looked (at_cents)
                WHERE cents <= at_cents AND cents * 100 >= at_cents * %(near_from)s)) AS near_days
      FROM paid GROUP BY 1
)
SELECT pair.creator_id, pair.sender_id, %(trait)s, near.near_days
  FROM near JOIN earned_pair AS pair USING (sender_id) JOIN earner USING (creator_id)
 WHERE near.near_days >= %(near_days)s AND near.near_days * 100 >= near.days * %(near_part)s
"""
_BACK: Final = """
WITH back AS (
    SELECT bought.buyer_id AS sender_id
      FROM wallet_refund AS refund JOIN wallet_purchase AS bought ON bought.id = refund.purchase_id
     WHERE refund.requested_at > %(since)s AND refund.state NOT IN ('denied', 'cancelled')
     GROUP BY 1 HAVING count(*) >= %(refunds)s
     UNION
    SELECT bought.buyer_id
      FROM wallet_dispute AS dispute
      JOIN wallet_purchase AS bought ON bought.id = dispute.purchase_id
     WHERE dispute.learnt_at > %(since)s AND dispute.state <> 'won'
)
SELECT pair.creator_id, pair.sender_id, %(trait)s
  FROM back JOIN earned_pair AS pair USING (sender_id) JOIN earner USING (creator_id)
"""
_HOPPER: Final = """
WITH hopper AS (
    SELECT buyer_id AS sender_id
      FROM (SELECT buyer_id, count(*) AS purchases FROM wallet_purchase
             WHERE paid_at > %(since)s GROUP BY buyer_id, region_id) AS place
     GROUP BY 1
    HAVING sum(purchases) - max(purchases) >= %(away)s
       AND (sum(purchases) - max(purchases)) * 100 >= sum(purchases) * %(away_part)s
)
SELECT pair.creator_id, pair.sender_id, %(trait)s
  FROM hopper JOIN earned_pair AS pair USING (sender_id) JOIN earner USING (creator_id)
"""
_CLAIMED: Final = """
SELECT DISTINCT pair.creator_id, pair.sender_id, %(trait)s
  FROM accounts_review AS review
  JOIN earned_pair AS pair ON pair.sender_id = review.subject_id JOIN earner USING (creator_id)
 WHERE review.reason = 'minor_claim'
   AND (review.state IN ('opened', 'assigned', 'appealed')
        OR coalesce(nullif(review.final_outcome, ''), review.outcome) = 'upheld')
"""
_BORROWED: Final = """
SELECT DISTINCT pair.creator_id, pair.sender_id, %(trait)s
  FROM earned_pair AS pair JOIN earner USING (creator_id)
  JOIN accounts_user AS sender ON sender.id = pair.sender_id
   AND sender.joined_at > %(at)s - %(borrower_age)s::interval
  JOIN shared_print AS theirs ON theirs.user_id = pair.sender_id AND theirs.kind = 'instrument'
  JOIN shared_print AS earlier ON earlier.digest = theirs.digest AND earlier.kind = theirs.kind
   AND earlier.first_seen_at <= theirs.first_seen_at - %(borrowed_after)s::interval
  JOIN (SELECT sender_id, sum(milli) AS milli FROM earned_pair GROUP BY 1) AS given
       ON given.sender_id = pair.sender_id
 WHERE pair.gifts >= %(borrowed_gifts)s AND pair.milli * 3 > given.milli * 2
"""
_STRANGER: Final = """
SELECT pair.creator_id, pair.sender_id, %(trait)s
  FROM earned_pair AS pair JOIN earner USING (creator_id)
 WHERE NOT EXISTS (SELECT 1 FROM accounts_follow AS follow
                    WHERE follow.creator_id = pair.creator_id AND follow.fan_id = pair.sender_id)
"""

SQL: Final[Mapping[str, str]] = {
    "own": _ADD + _OWN,
    "home": _ADD + _HOME,
    "one_hand": _ADD + _ONE_HAND,
    "fresh": _ADD + _FRESH,
    "fresh_card": _ADD + _FRESH + " AND pair.card_milli * 10 >= pair.milli * 9",
    "devoted": _ADD + _DEVOTED,
    "big": _ADD + _FRESH + " AND pair.fresh_most_milli >= %(big)s",
    "near": _NEAR,
    "back": _ADD + _BACK,
    "hopper": _ADD + _HOPPER,
    "claimed": _ADD + _CLAIMED,
    "borrowed": _ADD + _BORROWED,
    "stranger": _ADD + _STRANGER,
}

"""Counting gifts: who gave most in a room and in a week, what a creator was given, and what a fan
gave one creator and all of them, ever, from which levels come (``levels``).

Promises: each gift is counted once, in the transaction that hands its event on, so sums are exact
whoever crashes when; they can be made again from the gifts themselves at any time (``rebuild``),
and ``audit`` says where they differ. A gift whose payment a bank took back stops counting at the
next ``rebuild``. Of equal sums, whoever reached it first is first. Who did not ask to be named is
counted and never named; what somebody hid their name with is counted apart, so that no sum of
theirs tells of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from accounts.models import OutboxEvent
from gifts import events
from gifts.models import RankDifference, WeekGifter
from wallet import reversals

AUDITED: Final = timedelta(days=9)  # this week and the last one

# Adds up a batch. Keys are taken in order, so that two relays never wait for each other in a ring.
_ITEMS: Final = """
item AS (
  SELECT * FROM unnest(%(rooms)s::uuid[], %(creators)s::bigint[], %(gifters)s::bigint[],
                       %(slugs)s::text[], %(coins)s::bigint[], %(gifts)s::bigint[],
                       %(hidden)s::boolean[], %(sent)s::timestamptz[])
           AS item (room_id, creator_id, gifter_id, slug, coins, gifts, is_hidden, sent_at)
)"""
_ADDED: Final = """
INSERT INTO {table} AS counted ({keys}, coins, gifts, taken_coins, taken_gifts, reached_at)
SELECT {chosen}, sum(item.coins), sum(item.gifts), 0, 0, max(item.sent_at)
  FROM item {source} GROUP BY {chosen} ORDER BY {chosen}
    ON CONFLICT ({keys}) DO UPDATE
   SET coins = counted.coins + excluded.coins, gifts = counted.gifts + excluded.gifts,
       reached_at = greatest(counted.reached_at, excluded.reached_at)
"""
_WEEK: Final = "(date_trunc('week', {sent_at} AT TIME ZONE 'UTC'))::date"
ADD_SQL: Final = f"""
WITH {_ITEMS},
room AS ({
    _ADDED.format(
        table="gifts_roomgifter",
        keys="room_id, gifter_id, is_hidden",
        chosen="item.room_id, item.gifter_id, item.is_hidden",
        source="WHERE item.room_id IS NOT NULL",
    )
} RETURNING room_id, gifter_id, is_hidden, coins),
week AS ({
    _ADDED.format(
        table="gifts_weekgifter",
        keys="creator_id, week, gifter_id, is_hidden",
        chosen=f"item.creator_id, {_WEEK.format(sent_at='item.sent_at')}, item.gifter_id,"
        " item.is_hidden",
        source="",
    )
}),
received AS ({
    _ADDED.format(
        table="gifts_receivedgift",
        keys="creator_id, gift_id",
        chosen="item.creator_id, gift.id",
        source="JOIN gifts_gift AS gift ON gift.slug = item.slug",
    )
}),
club AS ({
    _ADDED.format(
        table="gifts_clubgifter",
        keys="creator_id, gifter_id",
        chosen="item.creator_id, item.gifter_id",
        source="",
    )
}),
given AS (
INSERT INTO gifts_fantotal AS counted (gifter_id, coins)
SELECT item.gifter_id, sum(item.coins) FROM item GROUP BY 1 ORDER BY 1
    ON CONFLICT (gifter_id) DO UPDATE SET coins = counted.coins + excluded.coins
)
SELECT room.room_id, room.gifter_id, room.coins
  FROM room JOIN accounts_user AS gifter ON gifter.id = room.gifter_id
 WHERE NOT room.is_hidden
   AND gifter.is_ranked AND gifter.is_active AND gifter.standing <> 'suspended'
"""  # noqa: S608 - our own words

# The same sums from the gifts themselves, of those whose events were handed on.
_RECOUNT: Final = """
SELECT {chosen},
       coalesce(sum(sent.coins) FILTER (WHERE NOT sent.is_taken), 0) AS coins,
       coalesce(sum(sent.quantity) FILTER (WHERE NOT sent.is_taken), 0) AS gifts,
       coalesce(sum(sent.coins) FILTER (WHERE sent.is_taken), 0) AS taken_coins,
       coalesce(sum(sent.quantity) FILTER (WHERE sent.is_taken), 0) AS taken_gifts,
       coalesce(max(sent.sent_at) FILTER (WHERE NOT sent.is_taken), max(sent.sent_at)) AS reached_at
  FROM (SELECT sending.*, version.gift_id, sending.id = ANY(%(taken)s::uuid[]) AS is_taken
          FROM gifts_sending AS sending
          JOIN gifts_giftversion AS version ON version.id = sending.gift_version_id
         WHERE sending.creator_id = %(creator)s AND sending.id::text <> ALL (ARRAY(
               SELECT payload->>'sending_id' FROM accounts_outboxevent
                WHERE relayed_at IS NULL AND heard_by IS NULL AND name = %(event)s))
       ) AS sent
 WHERE {where} GROUP BY {chosen}
"""
# Of each table: its keys, where they are in a gift, which gifts it counts, and whose rows they are.
_THEIRS: Final = "counted.creator_id = %(creator)s"
TABLES: Final = {
    "gifts_roomgifter": (
        ("room_id", "gifter_id", "is_hidden"),
        ("sent.room_id", "sent.sender_id", "sent.is_hidden"),
        "sent.room_id IS NOT NULL",
        "counted.room_id IN (SELECT id FROM gifts_room WHERE creator_id = %(creator)s)",
    ),
    "gifts_weekgifter": (
        ("creator_id", "week", "gifter_id", "is_hidden"),
        (
            "sent.creator_id",
            _WEEK.format(sent_at="sent.sent_at"),
            "sent.sender_id",
            "sent.is_hidden",
        ),
        "true",
        _THEIRS,
    ),
    "gifts_receivedgift": (
        ("creator_id", "gift_id"),
        ("sent.creator_id", "sent.gift_id"),
        "true",
        _THEIRS,
    ),
    "gifts_clubgifter": (
        ("creator_id", "gifter_id"),
        ("sent.creator_id", "sent.sender_id"),
        "true",
        _THEIRS,
    ),
}
# What a fan gave to all creators is the sum of what they gave to each. The rows of the fans of one
# creator are locked in the order in which counting locks them, and only then summed: what other
# creators' gifts added meanwhile is in the sum.
_LOCK_TOTALS: Final = """
INSERT INTO gifts_fantotal AS counted (gifter_id, coins)
SELECT gifter_id, 0 FROM unnest(%(fans)s::bigint[]) AS gifter_id ORDER BY 1
    ON CONFLICT (gifter_id) DO UPDATE SET coins = counted.coins
"""
_SUM_TOTALS: Final = """
UPDATE gifts_fantotal AS counted SET coins = given.coins
  FROM (SELECT fan.id, coalesce(sum(club.coins), 0) AS coins
          FROM unnest(%(fans)s::bigint[]) AS fan (id)
          LEFT JOIN gifts_clubgifter AS club ON club.gifter_id = fan.id GROUP BY fan.id) AS given
 WHERE counted.gifter_id = given.id AND counted.coins <> given.coins
"""
_AUDIT_TOTALS: Final = """
SELECT club.gifter_id, coalesce(min(counted.coins), 0), sum(club.coins)::bigint
  FROM gifts_clubgifter AS club LEFT JOIN gifts_fantotal AS counted USING (gifter_id)
 WHERE club.gifter_id IN (SELECT gifter_id FROM gifts_clubgifter WHERE creator_id = %(creator)s)
 GROUP BY club.gifter_id HAVING coalesce(min(counted.coins), 0) <> sum(club.coins) ORDER BY 1
"""
# Creators of whose gifts a bank took one back that still counts.
_LATELY_TAKEN: Final = """
SELECT DISTINCT sent.creator_id
  FROM (SELECT creator_id, sender_id, sum(coins) AS coins FROM gifts_sending
         WHERE id = ANY(%(taken)s::uuid[]) GROUP BY creator_id, sender_id) AS sent
  JOIN gifts_clubgifter AS club
    ON club.creator_id = sent.creator_id AND club.gifter_id = sent.sender_id
 WHERE club.taken_coins < sent.coins
"""
# What was taken back since the last rebuild is no difference: it leaves at the next one.
_AUDIT: Final = """
SELECT concat_ws(' ', {keys}), coalesce(counted.coins + counted.taken_coins, 0),
       coalesce(real.coins + real.taken_coins, 0)
  FROM (SELECT * FROM {table} AS counted WHERE {theirs}) AS counted
  FULL JOIN (SELECT {named} FROM ({recount}) AS found ({columns})) AS real USING ({keys})
 WHERE counted.coins + counted.taken_coins IS DISTINCT FROM real.coins + real.taken_coins
    OR counted.gifts + counted.taken_gifts IS DISTINCT FROM real.gifts + real.taken_gifts
    OR counted.taken_coins > real.taken_coins
    OR (counted.taken_coins = real.taken_coins AND counted.reached_at <> real.reached_at)
 ORDER BY 1
"""
_REBUILD: Final = """
INSERT INTO {table} AS counted ({keys}, coins, gifts, taken_coins, taken_gifts, reached_at)
{recount}
    ON CONFLICT ({keys}) DO UPDATE
   SET coins = excluded.coins, gifts = excluded.gifts, taken_coins = excluded.taken_coins,
       taken_gifts = excluded.taken_gifts, reached_at = excluded.reached_at
"""
_SUMS: Final = "coins, gifts, taken_coins, taken_gifts, reached_at"


@dataclass(frozen=True, slots=True)
class Difference:
    """A sum that is not what the gifts add up to. ``what``: the table and the row's keys."""

    what: str
    counted_coins: int
    real_coins: int


def count(happened: Sequence[OutboxEvent]) -> Mapping[int, Mapping[str, Any]]:
    """Count these gifts; for each of a person who may be named, what they gave in the room by it.

    For the relay, in the transaction that hands the events on, so that each counts once. Waits for
    a rebuild of the same creators.
    """
    assert connection.in_atomic_block, "a gift is counted when it is handed on, or not at all"
    sent = [one for one in happened if one.name == events.GIFT_SENT and "coins" in one.payload]
    if not sent:
        return {}
    with connection.cursor() as cursor:
        _hold(cursor, {one.payload["creator_id"] for one in sent}, shared=True)
        cursor.execute(
            ADD_SQL,
            {
                "rooms": [_room_of(one) for one in sent],
                "creators": [one.payload["creator_id"] for one in sent],
                "gifters": [one.payload["sender_id"] for one in sent],
                "slugs": [one.payload["slug"] for one in sent],
                "coins": [one.payload["coins"] for one in sent],
                "gifts": [one.payload["quantity"] for one in sent],
                "hidden": [_is_hidden(one) for one in sent],
                "sent": [one.payload["sent_at"] for one in sent],
            },
        )
        totals = {(room_id, gifter_id): coins for room_id, gifter_id, coins in cursor.fetchall()}
    told = {}
    for one in reversed(sent):  # the sums are those after the last
        key = (_room_of(one), one.payload["sender_id"])
        if key in totals and not _is_hidden(one):
            told[one.pk] = {"room_coins": totals[key]}
            totals[key] -= one.payload["coins"]
    return told


def _is_hidden(event: OutboxEvent) -> bool:
    return bool(event.payload.get("is_hidden"))


def _room_of(event: OutboxEvent) -> UUID | None:
    kind, _, place_id = event.subject.partition(":")
    return UUID(place_id) if kind == "room" else None


@transaction.atomic(durable=True)
def rebuild(*, creator_id: int) -> None:
    """Make the sums of one creator's gifts again from the gifts. The relay waits meanwhile."""
    _rebuild(creator_id)


def _rebuild(creator_id: int) -> None:
    values = _values(creator_id)
    with connection.cursor() as cursor:
        _hold(cursor, {creator_id}, shared=False)
        fans = _fans(cursor, values)
        for table, (keys, chosen, where, theirs) in TABLES.items():
            cursor.execute(f"DELETE FROM {table} AS counted WHERE {theirs}", values)  # noqa: S608
            recount = _RECOUNT.format(chosen=", ".join(chosen), where=where)
            sql = _REBUILD.format(table=table, keys=", ".join(keys), recount=recount)
            cursor.execute(sql, values)
        locked = {"fans": sorted(fans | _fans(cursor, values))}
        cursor.execute(_LOCK_TOTALS, locked)
        cursor.execute(_SUM_TOTALS, locked)


def _fans(cursor: Any, values: Mapping[str, Any]) -> set[int]:
    cursor.execute("SELECT gifter_id FROM gifts_clubgifter WHERE creator_id = %(creator)s", values)
    return {row[0] for row in cursor.fetchall()}


def audit(*, creator_id: int) -> list[Difference]:
    """Say which sums are not what the creator's gifts add up to. One look at a time a table."""
    found: list[Difference] = []
    values = _values(creator_id)
    with connection.cursor() as cursor:
        for table, (keys, chosen, where, theirs) in TABLES.items():
            recount = _RECOUNT.format(chosen=", ".join(chosen), where=where)
            columns = f"{', '.join(keys)}, {_SUMS}"
            cursor.execute(
                _AUDIT.format(
                    table=table,
                    keys=", ".join(keys),
                    theirs=theirs,
                    recount=recount,
                    named=columns,
                    columns=columns,
                ),
                values,
            )
            noun = table.removeprefix("gifts_")
            found += [Difference(f"{noun} {row[0]}", row[1], row[2]) for row in cursor.fetchall()]
        cursor.execute(_AUDIT_TOTALS, values)
        found += [Difference(f"fantotal {row[0]}", row[1], row[2]) for row in cursor.fetchall()]
    return found


def audit_lately(*, at: datetime) -> int:
    """Audit every creator of this week and the last, note what differs for staff, put it right.

    Gifts that were taken back meanwhile stop counting, however old they are. Says how many sums
    differed.
    """
    weeks = WeekGifter.objects.filter(week__gt=(at - AUDITED).date())
    creators = set(weeks.values_list("creator_id", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(_LATELY_TAKEN, {"taken": reversals.gifts_taken_back()})
        creators |= {row[0] for row in cursor.fetchall()}
    return sum(_put_right(creator_id, at=at) for creator_id in sorted(creators))


@transaction.atomic(durable=True)
def _put_right(creator_id: int, *, at: datetime) -> int:
    differences = audit(creator_id=creator_id)
    RankDifference.objects.bulk_create(
        RankDifference(
            creator_id=creator_id,
            what=one.what[:120],
            counted_coins=one.counted_coins,
            real_coins=one.real_coins,
            found_at=at,
        )
        for one in differences
    )
    _rebuild(creator_id)
    return len(differences)


@transaction.atomic(durable=True)
def see_differences(*, ids: Iterable[int], at: datetime) -> int:
    """Note that staff looked at these differences; how many were new."""
    return RankDifference.objects.filter(pk__in=list(ids), seen_at=None).update(seen_at=at)


def _values(creator_id: int) -> dict[str, Any]:
    return {
        "creator": creator_id,
        "event": events.GIFT_SENT,
        "taken": reversals.gifts_taken_back(),
    }


def _hold(cursor: Any, creator_ids: Iterable[int], *, shared: bool) -> None:
    """Let counting and rebuilding of a creator's sums take turns, until the commit."""
    cursor.execute(
        f"SELECT pg_advisory_xact_lock{'_shared' if shared else ''}"  # noqa: S608 - our own words
        "(hashtextextended('gifts.ranks:' || id, 0))"
        "  FROM (SELECT id FROM unnest(%s::bigint[]) AS id ORDER BY id) AS ordered",
        [sorted(creator_ids)],
    )

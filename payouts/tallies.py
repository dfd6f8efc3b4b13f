"""Counting what creators earn, from the ledger, after the fact.

Promises: each gift and each loss is counted once, whoever crashes when: the ledger is read in the
order of its transactions, up to the fold horizon, below which nothing can appear any more, and the
cursor moves in the transaction that adds the sums. The sums can be made again at any time: of one
creator (``rebuild``), or of all from the beginning (``start_over``); ``audit`` says where they
differ. A gift with a hidden name is counted for nobody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection, transaction

from payouts.models import EVER, HIDDEN, EarningsCursor

TRANSFERS_A_STEP: Final = 50_000
STEPS_MAX: Final = 40

# Gifts and losses of a range of transactions, or of one creator's accounts. A loss counts on its
# own day, in the place and under the card and for the fan whose gift it reverses.
_BY_XID: Final = "t.xid >= %(from)s::text::xid8 AND t.xid < %(to)s::text::xid8"
_EARNED_OF: Final = (
    f"t.credit_account_id = ANY(%(accounts)s::bigint[]) AND {_BY_XID}"  # no index needs the range
)
_TAKEN_OF: Final = f"t.debit_account_id = ANY(%(accounts)s::bigint[]) AND {_BY_XID}"
_MOVED: Final = """
earned AS MATERIALIZED (
  SELECT t.op_id, a.owner_id AS creator_id, a.card_id, sum(t.amount)::bigint AS milli
    FROM ledger.transfer AS t JOIN ledger.account AS a ON a.id = t.credit_account_id
   WHERE {earned} AND t.code = 21 GROUP BY t.op_id, a.owner_id, a.card_id
), taken AS MATERIALIZED (
  SELECT t.op_id, gift.op_id AS gift_op_id, owner.owner_id AS creator_id, earner.card_id,
         sum(t.amount)::bigint AS milli
    FROM ledger.transfer AS t
    JOIN ledger.account AS owner ON owner.id = t.debit_account_id
    JOIN ledger.account AS earner ON earner.owner_id = owner.owner_id AND earner.code = 210
    JOIN ledger.transfer AS gift
      ON gift.credit_account_id = earner.id AND gift.id = t.reverses_id AND gift.code = 21
   WHERE {taken} AND t.code = 76 GROUP BY t.op_id, gift.op_id, owner.owner_id, earner.card_id
), moved AS MATERIALIZED (
  SELECT earned.creator_id, (o.recorded_at AT TIME ZONE 'UTC')::date AS day, o.home_id, o.context,
         o.memo, earned.card_id, coalesce((o.memo ->> 'quantity')::bigint, 1) AS gifts,
         (o.request ->> 'coins')::bigint AS coins, earned.milli, 0::bigint AS taken_milli,
         o.recorded_at
    FROM earned JOIN ledger.operation AS o ON o.id = earned.op_id
   UNION ALL
  SELECT taken.creator_id, (loss.recorded_at AT TIME ZONE 'UTC')::date, o.home_id, o.context,
         o.memo, taken.card_id, 0, 0, 0, taken.milli, NULL
    FROM taken JOIN ledger.operation AS o ON o.id = taken.gift_op_id
    JOIN ledger.operation AS loss ON loss.id = taken.op_id
)"""
_SUMS: Final = """coalesce(sum(gifts), 0)::bigint AS gifts,
       coalesce(sum(coins), 0)::bigint AS coins,
       coalesce(sum(milli), 0)::bigint AS diamonds_milli,
       coalesce(sum(taken_milli), 0)::bigint AS taken_milli"""
_DAYS: Final = f"""
SELECT creator_id, day, coalesce(context, '') AS place, coalesce(memo ->> 'slug', '') AS gift,
       card_id, {_SUMS} FROM moved GROUP BY 1, 2, 3, 4, 5"""  # noqa: S608 - our own words
_GIFTERS: Final = f"""
SELECT creator_id, month, CASE WHEN memo ? 'hidden' THEN {HIDDEN} ELSE home_id END AS gifter_id,
       {_SUMS}
  FROM moved CROSS JOIN unnest(ARRAY[date_trunc('month', day)::date, '{EVER}'::date]) AS month
 GROUP BY 1, 2, 3"""  # noqa: S608 - our own words
_LABELS: Final = """
SELECT DISTINCT ON (creator_id, key) creator_id, key, words
  FROM moved CROSS JOIN LATERAL (VALUES (coalesce(context, ''), memo ->> 'where'),
                                        ('gift:' || (memo ->> 'slug'), memo ->> 'gift')
                                ) AS label (key, words)
 WHERE recorded_at IS NOT NULL AND label.key <> '' AND words <> ''
 ORDER BY creator_id, key, recorded_at DESC"""
_ADD: Final = """
INSERT INTO {table} AS counted ({keys}, gifts, coins, diamonds_milli, taken_milli)
SELECT {keys}, gifts, coins, diamonds_milli, taken_milli FROM ({sums}) AS found
    ON CONFLICT ({keys}) DO UPDATE
   SET gifts = counted.gifts + excluded.gifts, coins = counted.coins + excluded.coins,
       diamonds_milli = counted.diamonds_milli + excluded.diamonds_milli,
       taken_milli = counted.taken_milli + excluded.taken_milli
"""
_NAME: Final = f"""
INSERT INTO payouts_earningslabel AS label (creator_id, key, words) {_LABELS}
    ON CONFLICT (creator_id, key) DO UPDATE SET words = excluded.words
 WHERE label.words <> excluded.words
"""
TABLES: Final[Mapping[str, tuple[str, str]]] = {
    "payouts_earningsday": ("creator_id, day, place, gift, card_id", _DAYS),
    "payouts_giftermonth": ("creator_id, month, gifter_id", _GIFTERS),
}
_AUDIT: Final = """
SELECT concat_ws(' ', {keys}), coalesce(counted.diamonds_milli, 0),
       coalesce(found.diamonds_milli, 0)
  FROM (SELECT * FROM {table} WHERE creator_id = %(creator)s) AS counted
  FULL JOIN ({sums}) AS found USING ({keys})
 WHERE (counted.gifts, counted.coins, counted.diamonds_milli, counted.taken_milli)
       IS DISTINCT FROM (found.gifts, found.coins, found.diamonds_milli, found.taken_milli)
 ORDER BY 1
"""
# How far this step goes: to the horizon, or to the transaction that fills it. At least one.
_STEP_ENDS: Final = """
SELECT s.horizon::text::bigint,
       (SELECT greatest(t.xid::text::bigint, %(from)s::bigint + 1) FROM ledger.transfer AS t
         WHERE t.xid >= %(from)s::text::xid8 AND t.xid < s.horizon
         ORDER BY t.xid OFFSET %(most)s LIMIT 1)
  FROM ledger.fold_state AS s
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """A sum that is not what the ledger adds up to. ``what``: the table and the row's keys."""

    what: str
    counted_milli: int
    real_milli: int


def count_earnings() -> int:
    """Count what the ledger has folded since the last time; how many steps it took.

    Any number may run: one at a time counts, the others leave at once.
    """
    for steps in range(STEPS_MAX):
        if not _step():
            return steps
    return STEPS_MAX


@transaction.atomic(durable=True)
def _step() -> bool:
    """Take the next transactions; whether there may be more. Locks the cursor."""
    cursor_row = _cursor(wait=False)
    if cursor_row is None:
        return False
    with connection.cursor() as cursor:
        begins = cursor_row.xid
        cursor.execute(_STEP_ENDS, {"from": begins, "most": TRANSFERS_A_STEP})
        horizon, full = cursor.fetchone()
        if begins > horizon:  # a ledger that was restored elsewhere counts transactions anew
            _empty(cursor, cursor_row)
            return True
        ends = horizon if full is None else min(horizon, full)
        if ends <= begins:
            return False
        _add(cursor, {"from": begins, "to": ends}, earned=_BY_XID, taken=_BY_XID)
        cursor.execute(
            "UPDATE payouts_earningscursor SET xid = %s, counted_at = clock_timestamp()", [ends]
        )
    return bool(ends < horizon)


@transaction.atomic(durable=True)
def start_over() -> None:
    """Forget all sums: the next counts add all of the ledger up again, from the beginning."""
    row = _cursor(wait=True)
    assert row is not None, "waited for"
    with connection.cursor() as cursor:
        _empty(cursor, row)


@transaction.atomic(durable=True)
def rebuild(*, creator_id: int) -> None:
    """Make the sums of one creator again from the ledger. Counting waits meanwhile."""
    row = _cursor(wait=True)
    assert row is not None, "waited for"
    values = _values(creator_id, row)
    with connection.cursor() as cursor:
        for table in [*TABLES, "payouts_earningslabel"]:
            cursor.execute(f"DELETE FROM {table} WHERE creator_id = %(creator)s", values)  # noqa: S608
        _add(cursor, values, earned=_EARNED_OF, taken=_TAKEN_OF)


@transaction.atomic(durable=True)
def audit(*, creator_id: int) -> list[Difference]:
    """Say which sums are not what the ledger adds up to. Counting waits meanwhile."""
    row = _cursor(wait=True)
    assert row is not None, "waited for"
    values = _values(creator_id, row)
    found: list[Difference] = []
    moved = _MOVED.format(earned=_EARNED_OF, taken=_TAKEN_OF)
    with connection.cursor() as cursor:
        for table, (keys, sums) in TABLES.items():
            sql = _AUDIT.format(table=table, keys=keys, sums=sums)
            cursor.execute(f"WITH {moved} {sql}", values)
            noun = table.removeprefix("payouts_")
            found += [Difference(f"{noun} {row[0]}", *row[1:]) for row in cursor.fetchall()]
    return found


def _add(cursor: Any, values: Mapping[str, Any], *, earned: str, taken: str) -> None:
    adds: Sequence[str] = [
        _ADD.format(table=table, keys=keys, sums=sums) for table, (keys, sums) in TABLES.items()
    ]
    moved = _MOVED.format(earned=earned, taken=taken)
    cursor.execute(f"WITH {moved}, days AS ({adds[0]}), gifters AS ({adds[1]}) {_NAME}", values)


def _empty(cursor: Any, row: EarningsCursor) -> None:
    for table in [*TABLES, "payouts_earningslabel"]:
        cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
    EarningsCursor.objects.filter(pk=row.pk).update(xid=0)


def _cursor(*, wait: bool) -> EarningsCursor | None:
    return EarningsCursor.objects.select_for_update(skip_locked=not wait).first()


def _values(creator_id: int, row: EarningsCursor) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM ledger.account WHERE owner_id = %s AND code BETWEEN 210 AND 213",
            [creator_id],
        )
        accounts = [found[0] for found in cursor.fetchall()]
    return {"creator": creator_id, "accounts": accounts, "from": 0, "to": row.xid}

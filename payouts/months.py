"""A creator's month in the ledger: what there was, what moved, what is left; for statements.

Promises: reads the ledger alone, of the creators that were asked for, and nothing of what a fan
paid; every sum follows from transfers whose operations were recorded in the month, so that the
opening and all that moved add up to the closing, for every place where diamonds or money can be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from wallet.models import Account

PENDING, AVAILABLE = int(Account.Code.DIAMOND_PENDING), int(Account.Code.DIAMOND_AVAILABLE)
HELD, OWED = int(Account.Code.DIAMOND_DISPUTED), int(Account.Code.DIAMOND_DEBT)
READY, IN_PAYOUT = int(Account.Code.CASH_PAYABLE), int(Account.Code.CASH_IN_PAYOUT)
PLACES: Final = (PENDING, AVAILABLE, HELD, OWED, READY, IN_PAYOUT)

_LEGS: Final = """
WITH account AS MATERIALIZED (
  SELECT id, owner_id, code AS place, unit, card_id FROM ledger.account
   WHERE owner_id = ANY(%(creators)s::bigint[]) AND code = ANY(%(places)s::integer[])
), leg AS (
  SELECT a.*, t.id AS transfer_id, t.op_id, t.code, t.debit_account_id AS other_id, t.amount
    FROM account AS a JOIN ledger.transfer AS t ON t.credit_account_id = a.id AND {ids}
   UNION ALL
  SELECT a.*, t.id, t.op_id, t.code, t.credit_account_id, -t.amount
    FROM account AS a JOIN ledger.transfer AS t ON t.debit_account_id = a.id AND {ids}
)"""
_THIS_MONTH: Final = "o.recorded_at >= %(begins)s AND o.recorded_at < %(ends)s"
_LATER: Final = _LEGS.format(ids="t.id > %(after)s")
_EARLIER: Final = _LEGS.format(ids="t.id <= %(after)s")

_OPENING: Final = f"""
{_EARLIER}
SELECT owner_id, place, unit, sum(amount)::bigint FROM leg GROUP BY 1, 2, 3
"""  # noqa: S608 - our own words
_OPENING_BESIDE: Final = f"""
{_LATER}
SELECT owner_id, place, unit, sum(leg.amount)::bigint
  FROM leg JOIN ledger.operation AS o ON o.id = leg.op_id AND o.recorded_at < %(begins)s
 GROUP BY 1, 2, 3
"""  # noqa: S608 - our own words
_MOVED: Final = f"""
{_LATER}
SELECT leg.owner_id, leg.place, leg.unit, leg.code, other.code, sum(leg.amount)::bigint
  FROM leg JOIN ledger.operation AS o ON o.id = leg.op_id AND {_THIS_MONTH}
  JOIN ledger.account AS other ON other.id = leg.other_id
 GROUP BY 1, 2, 3, 4, 5
"""  # noqa: S608 - our own words
_DAYS: Final = f"""
{_LATER}, gift AS (
  SELECT leg.owner_id, leg.op_id, sum(leg.amount) FILTER (WHERE leg.code = 21) AS earned,
         -sum(leg.amount) FILTER (WHERE leg.code = 76) AS taken
    FROM leg WHERE leg.code IN (21, 76) GROUP BY 1, 2
)
SELECT gift.owner_id, (o.recorded_at AT TIME ZONE 'UTC')::date,
       coalesce(sum(coalesce((o.memo ->> 'quantity')::bigint, 1))
                  FILTER (WHERE gift.earned IS NOT NULL), 0)::bigint,
       coalesce(sum(gift.earned), 0)::bigint, coalesce(sum(gift.taken), 0)::bigint
  FROM gift JOIN ledger.operation AS o ON o.id = gift.op_id AND {_THIS_MONTH}
 GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 - our own words
_STEPS: Final = f"""
{_LATER}
SELECT leg.owner_id, leg.op_id, o.recorded_at, leg.code, leg.place, leg.unit, leg.card_id,
       o.request ->> 'payout', abs(leg.amount)
  FROM leg JOIN ledger.operation AS o ON o.id = leg.op_id AND {_THIS_MONTH}
 WHERE leg.code BETWEEN 40 AND 59 AND (leg.place <> {IN_PAYOUT} OR leg.code IN (51, 54))
 ORDER BY o.recorded_at, leg.transfer_id
"""  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where a month lies: its moments, and a transfer below which nothing of it can be."""

    begins: datetime
    ends: datetime
    after_transfer: int


@dataclass(frozen=True, slots=True)
class Day:
    """A day on which gifts came, or went again with payments."""

    on: date
    gifts: int
    diamonds_milli: int
    taken_milli: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A leg of a settlement or a payout. ``card_id``: of diamonds that were settled."""

    operation_id: UUID
    at: datetime
    code: int
    unit: int
    card_id: int
    payout_id: str
    amount: int


type Key = tuple[int, int]  # a place and a unit


@dataclass(slots=True, kw_only=True)
class Month:
    """Everything of one creator's. Amounts are signed as the creator has them: debts are below."""

    opening: dict[Key, int] = field(default_factory=dict)
    # By place, unit, the transfers' code and the kind of account on the other side.
    moved: dict[tuple[int, int, int, int], int] = field(default_factory=dict)
    days: list[Day] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing and nothing happened."""
        return not self.moved and not any(self.opening.values())


def of(
    *, creator_ids: Sequence[int], bounds: Bounds, openings: Mapping[int, Mapping[Key, int]]
) -> dict[int, Month]:
    """The months of some creators. ``openings``: those that are known from the month before."""
    months = {creator_id: Month() for creator_id in creator_ids}
    values: dict[str, Any] = {
        "creators": list(creator_ids),
        "places": list(PLACES),
        "begins": bounds.begins,
        "ends": bounds.ends,
        "after": bounds.after_transfer,
    }
    for creator_id, known in openings.items():
        months[creator_id].opening = dict(known)
    unknown = [creator_id for creator_id in creator_ids if creator_id not in openings]
    with connection.cursor() as cursor:
        for sql in (_OPENING, _OPENING_BESIDE) if unknown else ():
            cursor.execute(sql, values | {"creators": unknown})
            for creator_id, place, unit, amount in cursor:
                opening = months[creator_id].opening
                opening[place, unit] = opening.get((place, unit), 0) + amount
        cursor.execute(_MOVED, values)
        for creator_id, place, unit, code, other, amount in cursor:
            months[creator_id].moved[place, unit, code, other] = amount
        cursor.execute(_DAYS, values)
        for creator_id, *numbers in cursor:
            months[creator_id].days.append(Day(*numbers))
        cursor.execute(_STEPS, values)
        for creator_id, op, at, code, _place, unit, card_id, payout_id, amount in cursor:
            step = Step(
                operation_id=op, at=at, code=code, unit=unit, card_id=card_id,
                payout_id=payout_id or "", amount=amount,
            )  # fmt: skip
            months[creator_id].steps.append(step)
    return months

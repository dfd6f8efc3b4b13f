"""What everybody together holds in the ledger, by kind of account: for staff, and for a clock.

Promises: reads only; exact at the instant of the read. It reads every balance there is, so it is
for a task that keeps what it found, never for a page.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Final
from uuid import UUID

from django.db import connection

from wallet import queries
from wallet.models import Account, RateCard
from wallet.money import MILLI, currency_of, decimals

DIA: Final = 2
# Locked accounts have a balance; folded ones a sum, and what came after it.
_BY_KIND: Final = """
SELECT a.code, a.unit, a.card_id, sum(a.sign * (b.credits - b.debits))::bigint
  FROM ledger.account a JOIN ledger.balance b ON b.account_id = a.id
 WHERE a.code = ANY(%(codes)s) AND b.credits <> b.debits
 GROUP BY 1, 2, 3
 UNION ALL
SELECT a.code, a.unit, a.card_id, sum(a.sign * (moved.credits - moved.debits))::bigint
  FROM (SELECT account_id, debits, credits FROM ledger.folded
         UNION ALL
        SELECT t.debit_account_id, t.amount, 0 FROM ledger.transfer t
          JOIN ledger.fold_state s ON t.xid >= s.horizon
         UNION ALL
        SELECT t.credit_account_id, 0, t.amount FROM ledger.transfer t
          JOIN ledger.fold_state s ON t.xid >= s.horizon) AS moved
  JOIN ledger.account a ON a.id = moved.account_id AND a.mode = 'F'
 WHERE a.code = ANY(%(codes)s)
 GROUP BY 1, 2, 3
"""
_MATURING: Final = """
SELECT (date_trunc('week', release_at AT TIME ZONE 'UTC'))::date,
       sum(amount - clawed - released)::bigint
  FROM ledger.bucket WHERE NOT done AND release_at IS NOT NULL GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """One kind of account in one unit: the amount, and what it is in US cents (None: no rate).

    Diamonds are worth what their own card says; ``currency`` is empty for them.
    """

    code: int
    currency: str
    amount: int
    usd_cents: int | None


def by_kind(*, codes: list[int], at: datetime) -> list[Total]:
    """The sum of all accounts of these kinds, by unit; diamonds of all cards in one line."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_KIND, {"codes": codes})
        rows = [(code, unit, card, amount) for code, unit, card, amount in cursor if amount]
    values = {card.pk: Fraction(card.diamond_usd) for card in RateCard.objects.all()}
    found: dict[tuple[int, str], tuple[int, Fraction | None]] = {}
    for code, unit, card, amount in rows:
        currency = "" if unit == DIA else currency_of(unit)
        worth = _worth(amount, currency=currency, a_diamond=values.get(card), at=at)
        sum_so_far, usd_so_far = found.get((code, currency), (0, Fraction(0)))
        whole = None if worth is None or usd_so_far is None else usd_so_far + worth
        found[code, currency] = (sum_so_far + amount, whole)
    return [
        Total(
            code=code,
            currency=currency,
            amount=amount,
            usd_cents=None if usd is None else floor(usd * 100),
        )
        for (code, currency), (amount, usd) in sorted(found.items())
    ]


def _worth(
    amount: int, *, currency: str, a_diamond: Fraction | None, at: datetime
) -> Fraction | None:
    """In US dollars, exact. A debt of diamonds has no card: it is worth nobody knows what."""
    if not currency:
        return None if a_diamond is None else Fraction(amount, MILLI) * a_diamond
    per_usd = usd_rate(currency, at=at)
    return None if per_usd is None else Fraction(amount, 10 ** decimals(currency)) / per_usd


def usd_rate(currency: str, *, at: datetime) -> Fraction | None:
    """Units of the currency for one US dollar, by the latest rate there is, however old."""
    if currency == queries.BASE_CURRENCY:
        return Fraction(1)
    found: Decimal | None = queries.latest_per_usd(currency, at=at)
    return None if found is None else Fraction(found)


def maturing_by_week() -> list[tuple[date, int]]:
    """Diamonds (thousandths) of all creators by the Monday of the week they mature in."""
    with connection.cursor() as cursor:
        cursor.execute(_MATURING)
        return [(week, int(milli)) for week, milli in cursor if milli]


def first_id(at: datetime) -> UUID:
    """The least UUIDv7 of a moment: ids made from then on are no less."""
    return UUID(int=int(at.astimezone(UTC).timestamp()) * 1000 << 80 | 7 << 76 | 2 << 62)


CREATORS: Final = (
    Account.Code.DIAMOND_PENDING,
    Account.Code.DIAMOND_AVAILABLE,
    Account.Code.DIAMOND_DISPUTED,
    Account.Code.DIAMOND_DEBT,
    Account.Code.CASH_PAYABLE,
    Account.Code.CASH_IN_PAYOUT,
)
PLATFORM: Final = (
    Account.Code.PROVIDER_CLEARING,
    Account.Code.BANK,
    Account.Code.DEFERRED_REVENUE,
    Account.Code.TAX_PAYABLE,
    Account.Code.CHARGEBACK_LOSS,
)

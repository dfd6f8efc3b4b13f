"""What lost payments cost: what the books have as a loss, and what was taken back from whom.

Promises: reads only; each figure is a transfer of the ledger, found by the operation that ended the
dispute. A refund returns coins nobody used, so it costs nothing that stands here.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Sum
from djmoney.money import Money

from wallet import history
from wallet.models import Dispute, Transfer
from wallet.money import in_diamonds, money

CODE = Transfer.Code
# What was earned already, and what was taken when all of the payment was gone.
BOOKED: Final = (CODE.LOSS, CODE.LOSS_BEYOND)
HEAD: Final = (
    "Ended (UTC)", "Purchase", "Buyer", "Currency", "Lost", "Booked as a loss", "Bank's fee",
    "Coins unused", "Coins covered", "Coins traced to creators", "Coins owed by the buyer",
    "Diamonds taken from creators", "Of these owed by creators",
)  # fmt: skip
CHUNK: Final = 500
_TOTALS: Final = """
SELECT p.currency, count(DISTINCT d.id), sum(d.lost_minor) FILTER (WHERE t.is_first)::bigint,
       coalesce(sum(t.amount) FILTER (WHERE t.code IN (87, 89)), 0)::bigint,
       coalesce(sum(t.amount) FILTER (WHERE t.code = 88), 0)::bigint
  FROM wallet_dispute d
  JOIN wallet_purchase p ON p.id = d.purchase_id
 CROSS JOIN LATERAL (SELECT true AS is_first, 0 AS code, 0 AS amount
                      UNION ALL
                     SELECT false, code, amount FROM ledger.transfer
                      WHERE op_id = d.id AND code IN (87, 88, 89)) AS t
 WHERE d.ended_at >= %(from)s AND d.ended_at < %(to)s AND d.lost_minor > 0
 GROUP BY p.currency ORDER BY p.currency
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """The losses of some days in one currency."""

    currency: str
    disputes: int
    lost: Money
    booked: Money
    fees: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One lost payment: the money, and from where its coins were taken back."""

    dispute_id: UUID
    purchase_id: UUID
    buyer: str
    at: datetime
    lost: Money
    booked: Money
    fee: Money
    unused_coins: int
    covered_coins: int
    traced_coins: int
    owed_coins: int
    diamonds_milli: int
    debt_milli: int


def totals(*, from_day: date, to_day: date) -> list[Total]:
    """The losses of these UTC days, by currency."""
    begins, ends = _between(from_day, to_day)
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS, {"from": begins, "to": ends})
        return [
            Total(
                currency=currency,
                disputes=disputes,
                lost=money(lost, currency),
                booked=money(booked, currency),
                fees=money(fees, currency),
            )
            for currency, disputes, lost, booked, fees in cursor
        ]


def losses(*, from_day: date, to_day: date, skip: int = 0, limit: int) -> tuple[list[Loss], bool]:
    """Lost payments of disputes that ended on these UTC days, latest first; whether more follow."""
    begins, ends = _between(from_day, to_day)
    rows = list(
        Dispute.objects.filter(ended_at__gte=begins, ended_at__lt=ends, lost_minor__gt=0)
        .select_related("purchase__buyer")
        .order_by("-ended_at", "pk")[skip : skip + limit + 1]
    )
    legs = _legs([row.pk for row in rows[:limit]])
    return [_loss(row, legs) for row in rows[:limit]], len(rows) > limit


def csv_lines(*, from_day: date, to_day: date) -> Iterator[str]:
    """All of them as the lines of a CSV file."""
    yield history.csv_line(HEAD)
    skip, has_more = 0, True
    while has_more:
        found, has_more = losses(from_day=from_day, to_day=to_day, skip=skip, limit=CHUNK)
        skip += CHUNK
        for row in found:
            yield history.csv_line(
                (
                    f"{row.at.astimezone(UTC):%Y-%m-%d %H:%M}",
                    str(row.purchase_id),
                    row.buyer,
                    str(row.lost.currency),
                    row.lost.amount,
                    row.booked.amount,
                    row.fee.amount,
                    row.unused_coins,
                    row.covered_coins,
                    row.traced_coins,
                    row.owed_coins,
                    in_diamonds(row.diamonds_milli),
                    in_diamonds(row.debt_milli),
                )
            )


def _legs(operations: Collection[UUID]) -> Mapping[tuple[UUID, int], int]:
    rows = Transfer.objects.filter(op_id__in=operations, code__in=(*BOOKED, CODE.DISPUTE_FEE))
    summed = rows.values("op_id", "code").annotate(sum=Sum("amount")).order_by("op_id", "code")
    return {(row["op_id"], row["code"]): int(row["sum"]) for row in summed}


def _loss(row: Dispute, legs: Mapping[tuple[UUID, int], int]) -> Loss:
    currency, taken = row.purchase.currency, row.outcome
    assert row.ended_at is not None, "only disputes that ended are asked for"
    return Loss(
        dispute_id=row.pk,
        purchase_id=row.purchase_id,
        buyer=row.purchase.buyer.handle,
        at=row.ended_at,
        lost=row.lost,
        booked=money(sum(legs.get((row.pk, code), 0) for code in BOOKED), currency),
        fee=money(legs.get((row.pk, CODE.DISPUTE_FEE), 0), currency),
        unused_coins=int(taken.get("burned", 0)),
        covered_coins=int(taken.get("covered", 0)),
        traced_coins=int(taken.get("traced", 0)),
        owed_coins=int(taken.get("owed", 0)),
        diamonds_milli=int(taken.get("diamonds", 0)),
        debt_milli=int(taken.get("debt", 0)),
    )


def _between(from_day: date, to_day: date) -> tuple[datetime, datetime]:
    begins = datetime.combine(from_day, time(), UTC)
    return begins, datetime.combine(to_day, time(), UTC) + timedelta(days=1)

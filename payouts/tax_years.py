"""A creator's year in money: what was settled, what it cost and what was paid, by quarter.

Promises: reads the ledger's own legs of the creator's cash, exact in each currency, by the UTC
quarter in which they were booked; it is a summary to work with, and no tax return.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.db.models import IntegerField, Q, Sum
from django.db.models.functions import ExtractQuarter
from djmoney.money import Money

from wallet import history
from wallet.models import Account, Transfer
from wallet.money import currency_of, money

CODE: Final = Transfer.Code
QUARTERS: Final = ("January to March", "April to June", "July to September", "October to December")
CSV_HEAD: Final = ("year", "quarter", "currency", "settled", "fees", "paid_out", "sent_back")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One quarter in one currency; ``quarter`` 0 is the whole year."""

    quarter: int
    currency: str
    settled: Money
    fees: Money
    paid_out: Money
    sent_back: Money

    @property
    def words(self) -> str:
        return QUARTERS[self.quarter - 1] if self.quarter else "The year"


def years(*, creator_id: int, at: datetime) -> list[int]:
    """The years in which the creator had money here, the latest first."""
    accounts = Account.objects.filter(owner_id=creator_id, code=Account.Code.CASH_PAYABLE).order_by(
        "opened_at"
    )
    first = accounts.values_list("opened_at", flat=True).first()
    begins = first.astimezone(UTC).year if first else at.year
    return list(range(at.year, begins - 1, -1))


def summary(*, creator_id: int, year: int) -> list[Line]:
    """Every quarter with a movement, by currency, and the sum of each currency."""
    mine = Q(credit_account__owner_id=creator_id, code__in=(CODE.SETTLE_CASH, CODE.PAYOUT_RETURN))
    mine |= Q(debit_account__owner_id=creator_id, code__in=(CODE.PAYOUT_POST, CODE.PAYOUT_FEE))
    rows = (
        Transfer.objects.filter(
            mine,
            op__recorded_at__gte=datetime(year, 1, 1, tzinfo=UTC),
            op__recorded_at__lt=datetime(year + 1, 1, 1, tzinfo=UTC),
        )
        .annotate(
            quarter=ExtractQuarter("op__recorded_at", tzinfo=UTC, output_field=IntegerField())
        )
        .values("unit", "quarter", "code")
        .annotate(total=Sum("amount"))
        .order_by("unit", "quarter", "code")
    )
    sums: dict[tuple[str, int], dict[int, int]] = {}
    for row in rows:
        for quarter in (row["quarter"], 0):
            of = sums.setdefault((currency_of(row["unit"]), quarter), {})
            of[row["code"]] = of.get(row["code"], 0) + int(row["total"])
    ordered = sorted(sums, key=lambda key: (key[0], key[1] == 0, key[1]))
    return [
        Line(
            quarter=quarter,
            currency=currency,
            settled=money(sums[currency, quarter].get(CODE.SETTLE_CASH, 0), currency),
            fees=money(sums[currency, quarter].get(CODE.PAYOUT_FEE, 0), currency),
            paid_out=money(sums[currency, quarter].get(CODE.PAYOUT_POST, 0), currency),
            sent_back=money(sums[currency, quarter].get(CODE.PAYOUT_RETURN, 0), currency),
        )
        for currency, quarter in ordered
    ]


def as_csv(lines: list[Line], *, year: int) -> str:
    """The quarters as a CSV file; the year's sums are left to whoever adds them."""
    rows = [
        (
            year, line.quarter, line.currency, line.settled.amount, line.fees.amount,
            line.paid_out.amount, line.sent_back.amount,
        )
        for line in lines
        if line.quarter
    ]  # fmt: skip
    return "".join(history.csv_line(row) for row in (CSV_HEAD, *rows))

"""The books beside others: what was bought and not used at a date, what comparing found.

Promises: reads only; answers for any past moment from the transfers recorded before it, so that
the same question has the same answer later, whatever was spent or refunded since.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection
from djmoney.money import Money

from wallet import history
from wallet.models import Account, Reconciliation
from wallet.money import money

HEAD: Final = ("Region", "Currency", "Fans", "Lots", "Coins", "Net value")

_UNUSED: Final = """
    WITH lot AS (
        SELECT t.lot_id,
               sum(CASE WHEN c.code IN (%(wallet)s, %(hold)s) THEN t.amount ELSE 0 END
                 - CASE WHEN d.code IN (%(wallet)s, %(hold)s) THEN t.amount ELSE 0 END) AS coins
          FROM ledger.transfer t
          JOIN ledger.operation o ON o.id = t.op_id
          JOIN ledger.account d ON d.id = t.debit_account_id
          JOIN ledger.account c ON c.id = t.credit_account_id
         WHERE t.unit = 1 AND t.lot_id IS NOT NULL AND o.recorded_at < %(at)s
         GROUP BY t.lot_id
    )
    SELECT coalesce(p.region_id, ''), coalesce(u.code, ''), count(DISTINCT l.home_id), count(*),
           sum(lot.coins)::bigint,
           -- Each lot's net price x coins left / coins bought; rounded once, half up, to the unit.
           floor(sum((l.gross_minor - l.tax_minor) * lot.coins / l.amount) + 0.5)::bigint
      FROM lot
      JOIN ledger.lot l ON l.id = lot.lot_id
      LEFT JOIN ledger.unit u ON u.id = l.cash_unit
      LEFT JOIN wallet_purchase p ON p.id = l.purchase_id
     WHERE lot.coins <> 0
     GROUP BY 1, 2
     ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Unused:
    """The coins of one region and currency that nobody had used; staff gave those with neither."""

    region: str
    currency: str
    fans: int
    lots: int
    coins: int
    net_minor: int

    @property
    def value(self) -> Money | None:
        """What was paid for them without tax, in the currency of their lots."""
        return money(self.net_minor, self.currency) if self.currency else None


def unused(*, at: datetime) -> list[Unused]:
    """Coins in wallets and holds just before ``at``, with their net value, rounded once a line."""
    codes = {"wallet": Account.Code.WALLET.value, "hold": Account.Code.COIN_HOLD.value}
    with connection.cursor() as cursor:
        cursor.execute(_UNUSED, {**codes, "at": at})
        return [Unused(*row) for row in cursor]


def csv_lines(found: Sequence[Unused]) -> Iterator[str]:
    """The same as the lines of a CSV file, that no spreadsheet takes for formulas."""
    yield history.csv_line(HEAD)
    for row in found:
        value = "" if row.value is None else row.value.amount
        yield history.csv_line((row.region, row.currency, row.fans, row.lots, row.coins, value))


def latest_reconciliations() -> tuple[str, ...]:
    """The numbers of the last comparison with each provider that came to its end."""
    ended = Reconciliation.objects.exclude(ended_at=None).order_by("provider", "-started_at")
    return tuple(str(pk) for pk in ended.distinct("provider").values_list("pk", flat=True))

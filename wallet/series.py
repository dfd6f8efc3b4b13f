"""Numbers without a gap: of receipts, and of credit notes, each seller's own series of each.

Promises: numbers run 1, 2, 3 whatever is rolled back, because the next is given under the lock of
its series and commits with the document that bears it; a document is numbered once, whoever else
numbers at the same time.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from wallet.models import CreditNote, CreditNoteSeries, Receipt, ReceiptSeries, Seller

type Series = ReceiptSeries | CreditNoteSeries


def number_all(number: Callable[[Seller], int]) -> int:
    """Let ``number`` give each seller's next numbers until none waits; how many it gave."""
    given = 0
    for seller in Seller.objects.order_by("pk"):
        while (count := number(seller)) > 0:
            given += count
    return given


def number[Row: (Receipt, CreditNote)](
    waiting: QuerySet[Row],
    *,
    series: type[Series],
    seller: Seller,
    facts: Callable[[Row], dict[str, Any]],
    at: datetime,
) -> int:
    """Give the series' next numbers to what waits, in its order; how many.

    In the caller's transaction. Locks the series, then the rows: those that got theirs while the
    lock was waited for do not wait any more.
    """
    assert connection.in_atomic_block, "a number commits with its document"
    counter = _locked(series, seller)
    first = counter.last_number
    for row in waiting.select_for_update(of=("self",)):
        counter.last_number += 1
        row.seller, row.number, row.issued_at = seller, counter.last_number, at
        row.facts = facts(row)
        row.save(update_fields=["seller", "number", "issued_at", "facts"])
    counter.save(update_fields=["last_number"])
    return counter.last_number - first


def _locked(series: type[Series], seller: Seller) -> Series:
    rows: Any = series._default_manager  # noqa: SLF001 - of either kind
    rows.bulk_create([series(seller=seller)], ignore_conflicts=True)
    counter: Series = rows.select_for_update().get(pk=seller.pk)
    return counter

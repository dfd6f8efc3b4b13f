"""Numbers without a gap: of receipts, credit notes, statements, each seller's own series of each.

Promises: numbers run 1, 2, 3 whatever is rolled back, because the next is given under the lock of
its series and commits with the document that bears it; a document is numbered once, whoever else
numbers at the same time.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Model, QuerySet

from wallet.models import Seller


def number_all(number: Callable[[Seller], int]) -> int:
    """Let ``number`` give each seller's next numbers until none waits; how many it gave."""
    given = 0
    for seller in Seller.objects.order_by("pk"):
        while (count := number(seller)) > 0:
            given += count
    return given


def number[Row: Model](
    waiting: QuerySet[Row],
    *,
    series: type[Model],
    seller: Seller,
    facts: Callable[[Row], dict[str, Any]],
    at: datetime,
    also: Sequence[str] = (),
) -> int:
    """Give the series' next numbers to what waits, in its order; how many.

    ``series`` has a row for each seller with its ``last_number``; what waits has ``seller``,
    ``number``, ``issued_at`` and ``facts``, and whatever else ``facts`` writes (``also``).
    In the caller's transaction. Locks the series, then the rows: those that got theirs while the
    lock was waited for do not wait any more.
    """
    assert connection.in_atomic_block, "a number commits with its document"
    counter = _locked(series, seller)
    first: int = counter.last_number
    for row in waiting.select_for_update(of=("self",)):
        counter.last_number += 1
        paper: Any = row
        paper.seller, paper.number, paper.issued_at = seller, counter.last_number, at
        paper.facts = facts(row)
        paper.save(update_fields=["seller", "number", "issued_at", "facts", *also])
    counter.save(update_fields=["last_number"])
    given: int = counter.last_number - first
    return given


def _locked(series: type[Model], seller: Seller) -> Any:
    rows: Any = series._default_manager  # noqa: SLF001 - of every kind
    rows.bulk_create([series(seller=seller)], ignore_conflicts=True)
    return rows.select_for_update().get(pk=seller.pk)

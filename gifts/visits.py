"""What a fan has spent on gifts in this visit: since they signed in, at most the last 12 hours.

Promises: reads only, of the fan's own gifts, by the ledger's index of their wallet; what counts is
what they were shown when they sent each. A gift that waits is not spent yet.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from djmoney.money import Money

from accounts.models import User
from gifts.models import Sending
from wallet.models import Account, Transfer
from wallet.money import money

VISIT_MAX: Final = timedelta(hours=12)
CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit and what was spent in it. ``spent``: a sum a currency; none where none was shown."""

    since: datetime
    coins: int
    spent: Sequence[Money]


def visit_of(*, fan: User, signed_in_at: datetime | None, at: datetime) -> Visit:
    """Sum up the fan's visit; two statements for every 500 gifts in it, and one before."""
    since = max(signed_in_at or at - VISIT_MAX, at - VISIT_MAX)
    sent: dict[UUID, tuple[int, int, str]] = {}
    for ids in _gifts_of(fan.pk):
        rows = Sending.objects.filter(pk__in=ids, sent_at__gte=since)
        found = {
            pk: (coins, minor or 0, currency)
            for pk, coins, minor, currency in rows.values_list(
                "pk", "coins", "shown_minor", "shown_currency"
            )
        }
        sent |= found
        if len(found) < len(ids):
            break  # some were sent before the visit, and the rest before those
    sums: dict[str, int] = {}
    for _, minor, currency in sent.values():
        if currency:
            sums[currency] = sums.get(currency, 0) + minor
    coins = sum(coins for coins, _, _ in sent.values())
    return Visit(since, coins, [money(minor, currency) for currency, minor in sorted(sums.items())])


def _gifts_of(fan_id: int) -> Iterator[set[UUID]]:
    """The fan's gifts from the newest on, some at a time. A gift has a transfer for each lot."""
    wallet = Account.objects.filter(owner_id=fan_id, code=Account.Code.WALLET).first()
    if wallet is None:
        return
    paid = Transfer.objects.filter(debit_account_id=wallet.pk, code=Transfer.Code.GIFT_COINS)
    chunk = list(paid.order_by("-pk").values_list("pk", "op_id")[:CHUNK])
    while chunk:
        yield {operation_id for _, operation_id in chunk}
        rows = paid.filter(pk__lt=chunk[-1][0]).order_by("-pk")
        chunk = list(rows.values_list("pk", "op_id")[:CHUNK]) if len(chunk) == CHUNK else []

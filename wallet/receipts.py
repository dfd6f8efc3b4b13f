"""Receipts: one for each purchase, numbered without a gap by the legal entity that sold.

Promises: the receipt's row is written in the transaction that credits the coins, so none is
missing; its number is given in a transaction of its own right after, under the lock of its seller's
series, so that numbers run 1, 2, 3 with no gap, whatever is rolled back, and buyers never wait for
one another. A numbered receipt does not change, and its file, once handed out, is the same bytes
for good; the database refuses both. It names the buyer by the number of their account alone: a
receipt is kept for years, and what is not in it need not be erased from it.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from wallet import documents, series
from wallet.models import Purchase, Receipt, ReceiptFile, ReceiptSeries, Seller

BATCH: Final = 100


class NoReceiptYet(Exception):
    """The purchase has no numbered receipt."""

    def __init__(self) -> None:
        super().__init__(
            "There is no receipt for this purchase yet. It is made once the coins have arrived."
        )


def open_receipt(purchase: Purchase) -> Receipt:
    """Write the receipt that waits for its number, in the transaction that credits the coins."""
    assert connection.in_atomic_block, "a receipt commits with its coins"
    return Receipt.objects.create(purchase=purchase)


def number_receipts(*, at: datetime) -> int:
    """Number every receipt that waits, oldest first; how many. Any number may run at once."""
    return series.number_all(lambda seller: _number(seller=seller, at=at))


@transaction.atomic(durable=True)
def _number(*, seller: Seller, at: datetime, purchase_id: UUID | None = None) -> int:
    """Give the next numbers of a seller's series to all that waits (a batch), or one purchase's."""
    sold = Q(purchase__region__seller__seller=seller)
    if seller.is_default:
        sold |= Q(purchase__region__seller=None)
    waiting = Receipt.objects.filter(sold, number=None)
    if purchase_id is not None:
        waiting = waiting.filter(purchase_id=purchase_id)
    return series.number(
        waiting.select_related("purchase__region", "purchase__method").order_by("pk")[:BATCH],
        series=ReceiptSeries,
        seller=seller,
        facts=lambda receipt: _facts(receipt, seller=seller, at=at),
        at=at,
    )


def numbered(*, user_id: int, purchase_id: UUID, at: datetime) -> Receipt:
    """Return the person's own receipt, numbered now if it waited still.

    Raises NoReceiptYet, Receipt.DoesNotExist (also for another person's).
    """
    mine = Receipt.objects.select_related("seller", "purchase")
    receipt = mine.get(purchase_id=purchase_id, purchase__buyer_id=user_id)
    if receipt.number is None:
        seller = _seller_in(receipt.purchase.region_id)
        if seller is None:
            raise NoReceiptYet
        _number(seller=seller, at=at, purchase_id=purchase_id)
        receipt = mine.get(pk=receipt.pk)
    return receipt


def receipts_of(*, user_id: int) -> QuerySet[Receipt]:
    """Return the person's receipts, newest first."""
    mine = Receipt.objects.filter(purchase__buyer_id=user_id)
    return mine.select_related("purchase").order_by("-pk")


def document(*, user_id: int, purchase_id: UUID, at: datetime) -> tuple[Receipt, bytes]:
    """Return the person's own receipt and its file; the first asking makes it, for good.

    Raises NoReceiptYet, Receipt.DoesNotExist (also for another person's).
    """
    receipt = numbered(user_id=user_id, purchase_id=purchase_id, at=at)
    kept = ReceiptFile.objects.filter(pk=receipt.pk).first()
    if kept is None:
        assert receipt.issued_at is not None, "it is numbered"
        pdf = documents.receipt_pdf(facts=receipt.facts, issued_at=receipt.issued_at)
        kept, _ = ReceiptFile.objects.get_or_create(receipt=receipt, defaults={"pdf": pdf})
    return receipt, bytes(kept.pdf)


def _seller_in(region_code: str) -> Seller | None:
    """Who sells in the region: named for it, or the default; None while there is nobody."""
    named = Seller.objects.filter(regions__region_id=region_code).first()
    return named or Seller.objects.filter(is_default=True).first()


def _facts(receipt: Receipt, *, seller: Seller, at: datetime) -> dict[str, Any]:
    """All that the receipt says, in the words and figures of this moment."""
    purchase = receipt.purchase
    region, currency = purchase.region, purchase.currency
    return {
        "number": receipt.label,
        "issued": f"{at:%-d %B %Y}",
        "seller": seller_facts(seller),
        "account": str(purchase.buyer_id),
        "region": region.name,
        "purchase": str(purchase.pk),
        "paid": f"{purchase.paid_at:%-d %B %Y, %H:%M} UTC" if purchase.paid_at else "",
        "method": purchase.method.name,
        "coins": f"{purchase.coins:,}",
        "currency": currency,
        "net": documents.figure(purchase.gross_minor - purchase.tax_minor, currency),
        "tax_name": region.tax_name,
        "tax_percent": f"{purchase.tax_bps / 100:g}",
        "tax": documents.figure(purchase.tax_minor, currency),
        "gross": documents.figure(purchase.gross_minor, currency),
    }


def seller_facts(seller: Seller) -> dict[str, Any]:
    """What documents say of who sold, as it is called at this moment."""
    return {
        "name": seller.name,
        "address": seller.address.splitlines(),
        "country": str(seller.country.name),
        "tax_number": seller.tax_number,
        "contact": seller.contact,
    }

"""Credit notes: one for each time money of a purchase went back, whoever began it.

A refund that was paid, one made at the payment company and a lost dispute all take their tax out
of the books, and a document must say so and name the receipt it amends (Directive 2006/112/EC,
articles 90 and 219, 2025): so each has its note, over the amounts as they were booked.

A refund that comes back from the bank puts tax and price into the books again: a second note takes
its note back.

Promises: the note's row is written in the transaction that books the money, so none is missing and
none is there twice; its number comes right after, in a transaction of its own under the lock of
its seller's series of credit notes, so that numbers run 1, 2, 3 with no gap; the seller is the
receipt's, and a receipt has its number before its notes have theirs. What was handed out is the
same bytes for good. A note names the buyer as the receipt does: by the number of their account.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet, Sum, TextChoices

from wallet import documents, receipts, reversals, series
from wallet.models import (
    CreditNote,
    CreditNoteFile,
    CreditNoteSeries,
    Dispute,
    Receipt,
    Refund,
    Seller,
)

BATCH: Final = 100


class Cause(TextChoices):
    """Why money went back: what a fan asked for, or the kind of dispute."""

    REFUND = "refund", "Refund"
    DISPUTE = "dispute", "Payment taken back by the bank"
    PROVIDER_REFUND = "provider_refund", "Refund by the payment company"
    CAME_BACK = "came_back", "Refund that came back"


def of_refund(refund: Refund) -> CreditNote | None:
    """Write the note of a refund, in the transaction that books it; None where no money moved."""
    assert refund.approved_coins is not None, "it was approved"
    return _open(
        operation_id=refund.end_id,
        purchase_id=refund.purchase_id,
        coins=refund.approved_coins,
        refund=refund,
    )


def of_dispute(dispute: Dispute, *, coins: int) -> CreditNote | None:
    """Write the note of a loss, in the transaction that books it; None where no money was lost."""
    return _open(
        operation_id=dispute.pk, purchase_id=dispute.purchase_id, coins=coins, dispute=dispute
    )


def of_return(refund: Refund, *, operation_id: UUID) -> CreditNote | None:
    """Take back the note of a refund that came back, in the transaction that books it again."""
    first = CreditNote.objects.filter(refund=refund).first()
    if first is None:
        return None
    return _open(
        operation_id=operation_id,
        purchase_id=refund.purchase_id,
        coins=first.coins,
        takes_back=first,
    )


def _open(
    *, operation_id: UUID, purchase_id: UUID, coins: int, **cause: Refund | Dispute | CreditNote
) -> CreditNote | None:
    assert connection.in_atomic_block, "a credit note commits with its money"
    booked = reversals.booked_back(operation_id=operation_id)
    if not booked.gross_minor:
        return None
    return CreditNote.objects.create(
        pk=operation_id,
        receipt=Receipt.objects.get(purchase_id=purchase_id),
        coins=coins,
        gross_minor=booked.gross_minor,
        tax_minor=booked.tax_minor,
        **cause,
    )


def number_credit_notes(*, at: datetime) -> int:
    """Number every note whose receipt is numbered, oldest first; how many. Any number may run."""
    return series.number_all(lambda seller: _number(seller=seller, at=at))


@transaction.atomic(durable=True)
def _number(*, seller: Seller, at: datetime, note_id: UUID | None = None) -> int:
    """Give the next numbers of a seller's series to all that waits (a batch), or to one.

    The note that one takes back has its number before it.
    """
    waiting = CreditNote.objects.filter(receipt__seller=seller, number=None)
    if note_id is not None:
        waiting = waiting.filter(Q(pk=note_id) | Q(taken_back_by=note_id))
    told = ("receipt__purchase__method", "refund", "dispute", "takes_back__refund")
    return series.number(
        waiting.select_related(*told).order_by("created_at", "pk")[:BATCH],
        series=CreditNoteSeries,
        seller=seller,
        facts=lambda note: _facts(note, seller=seller, at=at),
        at=at,
    )


def notes_of(*, user_id: int) -> QuerySet[CreditNote]:
    """Return the person's credit notes, newest first."""
    mine = CreditNote.objects.filter(receipt__purchase__buyer_id=user_id)
    return mine.select_related("receipt__purchase", "dispute").order_by("-created_at", "-pk")


def cause_of(note: CreditNote) -> Cause:
    """Why money went back."""
    if note.takes_back_id is not None:
        return Cause.CAME_BACK
    return Cause.REFUND if note.dispute is None else Cause(note.dispute.kind)


def document(*, user_id: int, note_id: UUID, at: datetime) -> tuple[CreditNote, bytes]:
    """Return the person's own credit note and its file; the first asking makes it, for good.

    Raises CreditNote.DoesNotExist (also for another person's), receipts.NoReceiptYet.
    """
    mine = CreditNote.objects.select_related("seller", "receipt__purchase")
    note = mine.get(pk=note_id, receipt__purchase__buyer_id=user_id)
    if note.number is None:
        receipt = receipts.numbered(user_id=user_id, purchase_id=note.receipt.purchase_id, at=at)
        assert receipt.seller is not None, "it is numbered"
        _number(seller=receipt.seller, at=at, note_id=note.pk)
        note = mine.get(pk=note.pk)
    kept = CreditNoteFile.objects.filter(pk=note.pk).first()
    if kept is None:
        assert note.issued_at is not None, "it is numbered"
        pdf = documents.credit_note_pdf(facts=note.facts, issued_at=note.issued_at)
        kept, _ = CreditNoteFile.objects.get_or_create(credit_note=note, defaults={"pdf": pdf})
    return note, bytes(kept.pdf)


def _facts(note: CreditNote, *, seller: Seller, at: datetime) -> dict[str, Any]:
    """All that the note says. Region, tax and total are the receipt's own words and figures."""
    receipt, purchase = note.receipt, note.receipt.purchase
    currency = purchase.currency
    what, detail, moment = _told(note)
    return {
        "number": note.label,
        "issued": f"{at:%-d %B %Y}",
        "seller": receipts.seller_facts(seller),
        **{
            fact: receipt.facts[fact]
            for fact in ("account", "region", "purchase", "currency", "tax_name", "tax_percent")
        },
        "receipt": receipt.facts["number"],
        "receipt_issued": receipt.facts["issued"],
        "what": what,
        "detail": detail,
        "returned": f"{moment:%-d %B %Y, %H:%M} UTC",
        "method": purchase.method.name,
        "takes_back": _label_of(note.takes_back_id),
        "cause": "Dispute" if note.dispute_id else "Refund",
        "cause_id": str(_of_cause(note).pk),
        "net": documents.figure(note.sign * (note.gross_minor - note.tax_minor), currency),
        "tax": documents.figure(note.sign * note.tax_minor, currency),
        "gross": documents.figure(note.sign * note.gross_minor, currency),
        "receipt_gross": receipt.facts["gross"],
        "given_back": documents.figure(
            _given_back(receipt) - note.sign * note.gross_minor, currency
        ),
    }


def _label_of(note_id: UUID | None) -> str:
    """The number of a note as it is now: it may have been given a moment ago."""
    return CreditNote.objects.get(pk=note_id).label if note_id else ""


def _given_back(receipt: Receipt) -> int:
    """What the numbered notes of the receipt gave back of it."""
    numbered = receipt.credit_notes.exclude(number=None)
    given = numbered.aggregate(
        back=Sum("gross_minor", filter=Q(takes_back=None), default=0),
        again=Sum("gross_minor", filter=Q(takes_back__isnull=False), default=0),
    )
    return int(given["back"] - given["again"])


def _told(note: CreditNote) -> tuple[str, str, datetime]:
    """What the note is for, the small print beside it, and when the money moved."""
    coins = f"{note.coins:,} coin{'' if note.coins == 1 else 's'}"
    cause = _of_cause(note)
    if note.takes_back is not None:
        return f"Refund of {coins} that came back", "Before tax", note.created_at
    assert cause.ended_at is not None, "the money went"
    if note.dispute is None:
        return f"{coins} given back", "Before tax", cause.ended_at
    return cause_of(note).label, f"For {coins}, before tax", cause.ended_at


def _of_cause(note: CreditNote) -> Refund | Dispute:
    """The refund or the dispute that the note is about."""
    first = note.takes_back or note
    cause = first.refund or first.dispute
    assert cause is not None, "a note has one cause"
    return cause

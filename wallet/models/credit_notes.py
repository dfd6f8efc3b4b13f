"""Credit notes: what of a receipt was given back, numbered without a gap."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models.functions import Now
from djmoney.money import Money

from wallet.models.receipts import Receipt, Seller
from wallet.models.refunds import Dispute, Refund
from wallet.money import money


class CreditNoteSeries(models.Model):
    """The last number a seller gave to a credit note. Locked by whoever gives the next."""

    seller = models.OneToOneField(
        Seller, models.PROTECT, primary_key=True, related_name="credit_note_series"
    )
    last_number = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "credit note series"

    def __str__(self) -> str:
        return f"{self.seller_id}: {self.last_number}"


class CreditNote(models.Model):
    """What went back of a receipt: waits for its number, then is what it is for good.

    Its id is the operation of the ledger that booked the money, so no operation has two. Amounts
    are as booked, and positive; ``facts`` are all the note says, as they were when it was numbered.
    A refund that came back from the bank has a second note, which takes the first one back.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    receipt = models.ForeignKey(Receipt, models.PROTECT, related_name="credit_notes")
    refund = models.OneToOneField(Refund, models.PROTECT, null=True, related_name="credit_note")
    dispute = models.OneToOneField(Dispute, models.PROTECT, null=True, related_name="credit_note")
    takes_back = models.OneToOneField(
        "self", models.PROTECT, null=True, related_name="taken_back_by"
    )
    coins = models.PositiveIntegerField()
    gross_minor = models.PositiveBigIntegerField()
    tax_minor = models.PositiveBigIntegerField()
    seller = models.ForeignKey(Seller, models.PROTECT, null=True, related_name="credit_notes")
    number = models.PositiveBigIntegerField(null=True)
    facts = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    issued_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["seller", "number"], name="credit_note_number_key"),
            models.CheckConstraint(
                condition=models.Q(number=None, seller=None, issued_at=None)
                | models.Q(number__gte=1, seller__isnull=False, issued_at__isnull=False),
                name="credit_note_numbered_whole",
            ),
            models.CheckConstraint(
                condition=models.Q(refund__isnull=False, dispute=None, takes_back=None)
                | models.Q(refund=None, dispute__isnull=False, takes_back=None)
                | models.Q(refund=None, dispute=None, takes_back__isnull=False),
                name="credit_note_one_cause",
            ),
            models.CheckConstraint(
                condition=models.Q(gross_minor__gte=1, tax_minor__lte=models.F("gross_minor")),
                name="credit_note_amounts",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["created_at"],
                condition=models.Q(number=None),
                name="credit_note_waiting",
            )
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="credit_note_kept", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="credit_note_final",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__number__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.label or "A credit note without a number yet"

    @property
    def label(self) -> str:
        """The number as people read it."""
        return "" if self.number is None else f"{self.seller_id}-CN-{self.number:07d}"

    @property
    def sign(self) -> int:
        """What the note does to its receipt's amount: takes from it, or adds again."""
        return -1 if self.takes_back_id is None else 1

    @property
    def money(self) -> Money:
        return money(self.gross_minor, self.receipt.purchase.currency)


class CreditNoteFile(models.Model):
    """A credit note as it was first handed out: the same bytes whenever it is asked for again."""

    credit_note = models.OneToOneField(
        CreditNote, models.PROTECT, primary_key=True, related_name="file"
    )
    pdf = models.BinaryField()
    made_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="credit_note_file_kept", operation=pgtrigger.Delete | pgtrigger.Update
            )
        ]

    def __str__(self) -> str:
        return f"File of {self.credit_note}"

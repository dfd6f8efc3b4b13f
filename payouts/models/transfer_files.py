"""Files of transfers for the bank, their lines, and what the bank wrote back."""

from collections.abc import Mapping
from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models.functions import Now
from djmoney.money import Money

from payouts.models.payouts import Payout
from wallet.money import money


class SepaBatch(models.Model):
    """Payouts that go to the bank in one file. The file is made when the batch is closed, once.

    What was never handed to the bank can be dissolved; what was, can only be answered.
    """

    class State(models.TextChoices):
        CLOSED = "closed", "To be handed to the bank"
        EXPORTED = "exported", "Handed to the bank"
        ANSWERED = "answered", "Answered in full"
        DISSOLVED = "dissolved", "Dissolved"

    STATE_FIELD: ClassVar[str] = "state"
    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {
        State.CLOSED: frozenset({State.EXPORTED, State.DISSOLVED}),
        State.EXPORTED: frozenset({State.ANSWERED}),
    }

    id = models.UUIDField(primary_key=True, editable=False)  # in hex the file's own name
    state = models.CharField(max_length=9, choices=State, default=State.CLOSED)
    transactions = models.PositiveIntegerField()
    control_sum_minor = models.PositiveBigIntegerField()
    execution_date = models.DateField()
    file_sealed = models.BinaryField()  # ``sepa_batches.file_of`` opens it
    sha256 = models.CharField(max_length=64, unique=True)  # of the file as it is handed out
    needs_two = models.BooleanField()
    closed_at = models.DateTimeField(db_default=Now(), editable=False)
    closed_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    checked_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    approved_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    exported_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "SEPA file"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(transactions__gte=1, control_sum_minor__gte=1),
                name="sepa_batch_holds_something",
            ),
            models.CheckConstraint(
                condition=models.Q(needs_two=False)
                | models.Q(state__in=["closed", "dissolved"])
                | models.Q(checked_by__isnull=False, approved_by__isnull=False)
                & ~models.Q(checked_by=models.F("approved_by")),
                name="sepa_batch_two_people",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["closed", "dissolved"])
                | models.Q(approved_by__isnull=False, exported_at__isnull=False),
                name="sepa_batch_handed_over_by_somebody",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["state", "-closed_at"], name="sepa_batch_latest")]
        triggers: ClassVar = [
            pgtrigger.Protect(name="sepa_batch_kept", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="sepa_batch_frozen",
                fields=[
                    "transactions",
                    "control_sum_minor",
                    "execution_date",
                    "file_sealed",
                    "sha256",
                    "needs_two",
                    "closed_at",
                    "closed_by",
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} ({self.money})"

    @property
    def message_id(self) -> str:
        """The name that the file has at the bank."""
        return self.id.hex

    @property
    def money(self) -> Money:
        return money(self.control_sum_minor, "EUR")


class SepaEntry(models.Model):
    """One payout in one file, and what the bank last said of it."""

    class State(models.TextChoices):
        SENT = "sent", "No answer yet"
        PAID = "paid", "Paid"
        REJECTED = "rejected", "Rejected"
        RETURNED = "returned", "Sent back"
        WITHDRAWN = "withdrawn", "Withdrawn"  # its file was dissolved and never left the house

    STATE_FIELD: ClassVar[str] = "state"
    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {
        State.SENT: frozenset({State.PAID, State.REJECTED, State.RETURNED, State.WITHDRAWN}),
        State.PAID: frozenset({State.RETURNED}),
    }

    batch = models.ForeignKey(SepaBatch, models.PROTECT, related_name="entries")
    payout = models.ForeignKey(Payout, models.PROTECT, related_name="sepa_entries")
    amount_minor = models.PositiveBigIntegerField()
    name = models.CharField(max_length=70)  # as the file has it
    state = models.CharField(max_length=9, choices=State, default=State.SENT)
    reason = models.CharField(max_length=35, blank=True)

    class Meta:
        verbose_name = "SEPA transfer"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["payout"],
                condition=~models.Q(state="withdrawn"),
                name="sepa_entry_once",
            )
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="sepa_entry_kept", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="sepa_entry_frozen", fields=["batch", "payout", "amount_minor", "name"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.end_to_end_id} ({self.money})"

    @property
    def end_to_end_id(self) -> str:
        return self.payout_id.hex

    @property
    def money(self) -> Money:
        return money(self.amount_minor, "EUR")


class BankFile(models.Model):
    """A file that the bank wrote, as it came. The same bytes again are the same file."""

    class Kind(models.TextChoices):
        STATUS = "pain.002", "Payment status (pain.002)"
        RETURNS = "camt.054", "Returns (camt.054)"

    kind = models.CharField(max_length=8, choices=Kind)
    message_id = models.CharField(max_length=35)
    sha256 = models.CharField(max_length=64, unique=True)
    content_sealed = models.BinaryField()
    name = models.CharField(max_length=100, blank=True)
    read_at = models.DateTimeField(db_default=Now(), editable=False)
    read_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")

    class Meta:
        triggers: ClassVar = [
            pgtrigger.Protect(name="bank_file_kept", operation=pgtrigger.Delete | pgtrigger.Update),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.message_id}"


class BankFileLine(models.Model):
    """What a file says of one transfer, and what became of saying it."""

    class Outcome(models.TextChoices):
        WAITING = "waiting", "Not looked at yet"
        DONE = "done", "Done"
        NOTED = "noted", "On its way"
        SAID_BEFORE = "said_before", "Said before"
        UNKNOWN = "unknown", "Not a transfer of ours"
        NOT_SENT = "not_sent", "In no file that was handed over"
        WRONG_AMOUNT = "wrong_amount", "Another amount than ours"
        CONTRADICTS = "contradicts", "Contradicts what was said before"

    # These need a person: the books and the bank do not say the same.
    TROUBLES: ClassVar[frozenset[str]] = frozenset(
        {Outcome.UNKNOWN, Outcome.NOT_SENT, Outcome.WRONG_AMOUNT, Outcome.CONTRADICTS}
    )

    file = models.ForeignKey(BankFile, models.PROTECT, related_name="lines")
    number = models.PositiveIntegerField()
    reference = models.CharField(max_length=35)
    batch_ref = models.CharField(max_length=35, blank=True)
    status = models.CharField(max_length=10)
    reason = models.CharField(max_length=35, blank=True)
    amount_minor = models.PositiveBigIntegerField(null=True)
    currency = models.CharField(max_length=3, blank=True)
    entry = models.ForeignKey(SepaEntry, models.PROTECT, null=True, related_name="lines")
    outcome = models.CharField(max_length=12, choices=Outcome, default=Outcome.WAITING)
    handled_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["file", "number"], name="bank_file_line_once")
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["id"], condition=models.Q(outcome="waiting"), name="bank_file_line_waiting"
            )
        ]

    def __str__(self) -> str:
        return f"{self.reference}: {self.status}"

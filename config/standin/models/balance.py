"""What moved on the merchant's balance: the book that everything else can be checked against."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from config.standin.models.claims import Dispute, Refund
from config.standin.models.payments import Charge


class BalanceKind(models.TextChoices):
    CHARGE = "charge"
    REFUND = "refund"
    REFUND_FAILURE = "refund_failure"
    DISPUTE = "dispute"
    DISPUTE_REVERSAL = "dispute_reversal"


class BalanceTransaction(models.Model):
    """One movement: ``amount_minor`` came (or went, below zero), and the company took its fee."""

    number = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    kind = models.CharField(max_length=20, choices=BalanceKind.choices, default=BalanceKind.CHARGE)
    charge: models.ForeignKey[Charge, Charge] = models.ForeignKey(
        Charge, on_delete=models.PROTECT, related_name="balance_transactions"
    )
    refund: models.ForeignKey[Refund | None, Refund | None] = models.ForeignKey(
        Refund, null=True, on_delete=models.PROTECT, related_name="balance_transactions"
    )
    dispute: models.ForeignKey[Dispute | None, Dispute | None] = models.ForeignKey(
        Dispute, null=True, on_delete=models.PROTECT, related_name="balance_transactions"
    )
    created_at = models.DateTimeField()
    available_at = models.DateTimeField()
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        constraints = (
            # Each thing moves the balance once in each direction, whatever asks for it.
            models.UniqueConstraint(
                fields=["charge"], condition=Q(kind="charge"), name="balance_charge_once"
            ),
            models.UniqueConstraint(
                fields=["refund", "kind"],
                condition=Q(refund__isnull=False),
                name="balance_refund_once",
            ),
            models.UniqueConstraint(
                fields=["dispute", "kind"],
                condition=Q(dispute__isnull=False),
                name="balance_dispute_once",
            ),
        )

    def __str__(self) -> str:
        return self.public_id

    @property
    def source_id(self) -> str:
        """The name of what moved it."""
        return str((self.refund or self.dispute or self.charge).public_id)

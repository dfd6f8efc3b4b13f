"""What the bank moved."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q


class TransferState(models.TextChoices):
    ACCEPTED = "accepted"
    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"


class BankOrder(models.Model):
    """A file of transfers that was taken, once by its name."""

    number = models.BigAutoField(primary_key=True)
    message_id = models.CharField(max_length=35, unique=True)
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return self.message_id


class BankTransfer(models.Model):
    """Money sent to somebody's account, once per reference."""

    number = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    # The file it came in; none when it was asked for by itself.
    order: models.ForeignKey[BankOrder | None, BankOrder | None] = models.ForeignKey(
        BankOrder, null=True, on_delete=models.PROTECT, related_name="transfers"
    )
    reference = models.CharField(max_length=64, unique=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    account = models.CharField(max_length=64)
    name = models.CharField(max_length=140)
    created_at = models.DateTimeField(db_index=True)
    state = models.CharField(max_length=10, choices=TransferState.choices)
    reason = models.CharField(max_length=10, blank=True)
    # When its state changes next, if the account's ending says that it does.
    moves_at = models.DateTimeField(null=True)
    history = models.JSONField(default=list)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0), name="transfer_amount_positive"
            ),
        )
        indexes = (models.Index(fields=["moves_at"], name="transfer_due"),)

    def __str__(self) -> str:
        return self.reference


class BankBreakdown(models.Model):
    """A reference whose first request the bank answered 500 before it had any effect."""

    number = models.BigAutoField(primary_key=True)
    reference = models.CharField(max_length=64, unique=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return self.reference

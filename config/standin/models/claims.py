"""What is claimed back from a payment: refunds, disputes, and issuers' warnings of them."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from config.standin.models.payments import Charge


class RefundStatus(models.TextChoices):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class DisputeStatus(models.TextChoices):
    """The statuses of stripe-python 16.1's Dispute that the stand-in enters."""

    WARNING = "warning_needs_response"
    WARNING_REVIEW = "warning_under_review"
    WARNING_CLOSED = "warning_closed"
    OPEN = "needs_response"
    REVIEW = "under_review"
    WON = "won"
    LOST = "lost"


INQUIRIES = (DisputeStatus.WARNING, DisputeStatus.WARNING_REVIEW)
CONTESTED = (DisputeStatus.OPEN, DisputeStatus.REVIEW)


class Refund(models.Model):
    """Money that goes back to a payer. ``moves_money`` is false for what was never captured."""

    number = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    charge: models.ForeignKey[Charge, Charge] = models.ForeignKey(
        Charge, on_delete=models.PROTECT, related_name="refunds"
    )
    created_at = models.DateTimeField()
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=20, choices=RefundStatus.choices)
    reason = models.CharField(max_length=30, blank=True)
    failure_reason = models.CharField(max_length=60, blank=True)
    metadata = models.JSONField(default=dict)
    moves_money = models.BooleanField(default=True)
    # Where it goes next, and when, if the card says that it does.
    next_status = models.CharField(max_length=20, choices=RefundStatus.choices, blank=True)
    moves_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="refund_amount_positive"),
        )
        indexes = (models.Index(fields=["moves_at"], name="refund_due"),)

    def __str__(self) -> str:
        return self.public_id


class Dispute(models.Model):
    """A payment that its payer's bank questions, or takes back."""

    number = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    charge: models.ForeignKey[Charge, Charge] = models.ForeignKey(
        Charge, on_delete=models.PROTECT, related_name="disputes"
    )
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=30, choices=DisputeStatus.choices)
    reason = models.CharField(max_length=40)
    was_inquiry = models.BooleanField(default=False)
    submissions = models.PositiveIntegerField(default=0)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="dispute_amount_positive"),
            models.UniqueConstraint(
                fields=["charge"],
                condition=Q(status__in=[*INQUIRIES, *CONTESTED]),
                name="dispute_one_open",
            ),
        )

    def __str__(self) -> str:
        return self.public_id


class FraudWarning(models.Model):
    """A card's issuer says that a payment may be fraud."""

    number = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    charge: models.ForeignKey[Charge, Charge] = models.ForeignKey(
        Charge, on_delete=models.PROTECT, related_name="warnings"
    )
    created_at = models.DateTimeField()
    fraud_type = models.CharField(max_length=40)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return self.public_id

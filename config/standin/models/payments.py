"""What was asked for and charged: orders on the hosted page, their payments, their cards."""

from datetime import datetime
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q


class SessionStatus(models.TextChoices):
    OPEN = "open"
    COMPLETE = "complete"
    EXPIRED = "expired"


class IntentStatus(models.TextChoices):
    NEEDS_CARD = "requires_payment_method"
    NEEDS_ACTION = "requires_action"
    NEEDS_CAPTURE = "requires_capture"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


class ChargeStatus(models.TextChoices):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Customer(models.Model):
    """A payer whom the merchant may meet again."""

    number = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    created_at = models.DateTimeField()
    email = models.CharField(max_length=512, blank=True)
    metadata = models.JSONField(default=dict)
    is_deleted = models.BooleanField(default=False)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return self.public_id


class SavedMethod(models.Model):
    """A card that a customer lets the company offer again: its name, never its number."""

    number = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    customer: models.ForeignKey[Customer, Customer] = models.ForeignKey(
        Customer, on_delete=models.PROTECT, related_name="saved_methods"
    )
    created_at = models.DateTimeField()
    card = models.CharField(max_length=20)
    expiry = models.CharField(max_length=7)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["customer", "card"], name="saved_method_once"),
        )

    def __str__(self) -> str:
        return self.public_id


class CheckoutSession(models.Model):
    """One order on the hosted page. It has no payment intent until a card is first tried."""

    number = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=80, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    status = models.CharField(
        max_length=10, choices=SessionStatus.choices, default=SessionStatus.OPEN
    )
    is_paid = models.BooleanField(default=False)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    line_items = models.JSONField()
    client_reference_id = models.CharField(max_length=200, blank=True)
    customer_email = models.CharField(max_length=512, blank=True)
    metadata = models.JSONField(default=dict)
    intent_metadata = models.JSONField(default=dict)
    intent_description = models.CharField(max_length=1000, blank=True)
    success_url = models.TextField()
    cancel_url = models.TextField(blank=True)
    locale = models.CharField(max_length=10, blank=True)
    submit_type = models.CharField(max_length=10, blank=True)
    three_d_secure = models.CharField(max_length=10, default="automatic")
    method_types = models.JSONField(default=list)
    captures_later = models.BooleanField(default=False)
    customer: models.ForeignKey[Customer | None, Customer | None] = models.ForeignKey(
        Customer, null=True, on_delete=models.PROTECT, related_name="sessions"
    )
    makes_customer = models.BooleanField(default=False)
    offers_saving = models.BooleanField(default=False)
    # How many times a card was tried. The page's form carries the next number, so a form sent
    # twice is one try.
    attempts = models.PositiveIntegerField(default=0)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="session_amount_positive"),
        )

    def __str__(self) -> str:
        return self.public_id

    def is_open(self, *, at: datetime) -> bool:
        """Tell whether it can be paid; its time may be over before the clock has closed it."""
        return self.status == SessionStatus.OPEN and at < self.expires_at


class PaymentIntent(models.Model):
    """The payment of one session, whatever number of cards it takes."""

    number = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    session: models.OneToOneField[CheckoutSession, CheckoutSession] = models.OneToOneField(
        CheckoutSession, on_delete=models.PROTECT, related_name="intent"
    )
    created_at = models.DateTimeField()
    status = models.CharField(
        max_length=30, choices=IntentStatus.choices, default=IntentStatus.NEEDS_CARD
    )
    canceled_at = models.DateTimeField(null=True)
    cancellation_reason = models.CharField(max_length=30, blank=True)
    last_error = models.JSONField(null=True)
    # The card that waits for its bank's page: its name, never its number.
    waiting_card = models.CharField(max_length=20, blank=True)
    waiting_expiry = models.CharField(max_length=7, blank=True)
    is_waiting_to_save = models.BooleanField(default=False)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return self.public_id


class Charge(models.Model):
    """One card tried for a payment intent. At most one of an intent's charges succeeds.

    ``details`` are what it shows of the card or the rail. ``turn`` is what its payer's bank does
    once ``turns_at`` has come: a dispute, an inquiry, a warning.
    """

    number = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    intent: models.ForeignKey[PaymentIntent, PaymentIntent] = models.ForeignKey(
        PaymentIntent, on_delete=models.PROTECT, related_name="charges"
    )
    attempt = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=ChargeStatus.choices)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    payment_method_id = models.CharField(max_length=40)
    method_type = models.CharField(max_length=20, default="card")
    details = models.JSONField()
    is_captured = models.BooleanField(default=True)
    capture_before = models.DateTimeField(null=True)
    refund_fate = models.CharField(max_length=20, blank=True)
    turn = models.CharField(max_length=20, blank=True)
    turns_at = models.DateTimeField(null=True)
    failure_code = models.CharField(max_length=40, blank=True)
    decline_code = models.CharField(max_length=40, blank=True)
    failure_message = models.CharField(max_length=200, blank=True)
    settles_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["intent", "attempt"], name="charge_one_per_attempt"),
            models.UniqueConstraint(
                fields=["intent"],
                condition=~Q(status=ChargeStatus.FAILED),
                name="charge_one_takes_money",
            ),
        )
        indexes = (
            models.Index(fields=["status", "settles_at"], name="charge_due"),
            models.Index(fields=["turns_at"], name="charge_turns"),
        )

    def __str__(self) -> str:
        return self.public_id

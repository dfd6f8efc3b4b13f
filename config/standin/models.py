"""The stand-in's book: what it was asked, what it charged, what it told, what the bank moved.

Amounts are integers of minor units. ``number`` is the order of writing, ``public_id`` the name the
outside knows. Nothing here is shared with Carat's database.
"""

from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q


class SessionStatus(models.TextChoices):
    OPEN = "open"
    COMPLETE = "complete"
    EXPIRED = "expired"


class IntentStatus(models.TextChoices):
    NEEDS_CARD = "requires_payment_method"
    NEEDS_ACTION = "requires_action"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


class ChargeStatus(models.TextChoices):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class DeliveryState(models.TextChoices):
    WAITING = "waiting"
    DELIVERED = "delivered"
    DROPPED = "dropped"
    GIVEN_UP = "given_up"


class PlanMode(models.TextChoices):
    DELIVER = "deliver"
    HOLD = "hold"
    DROP = "drop"


class TransferState(models.TextChoices):
    ACCEPTED = "accepted"
    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"


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
    last_error = models.JSONField(null=True)
    # The card that waits for its bank's page: its name, never its number.
    waiting_card = models.CharField(max_length=20, blank=True)
    waiting_expiry = models.CharField(max_length=7, blank=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return self.public_id


class Charge(models.Model):
    """One card tried for a payment intent. At most one of an intent's charges succeeds."""

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
    card = models.JSONField()
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
        indexes = (models.Index(fields=["status", "settles_at"], name="charge_due"),)

    def __str__(self) -> str:
        return self.public_id


class BalanceTransaction(models.Model):
    """What a charge brought the merchant: its amount less the company's fee."""

    number = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    charge: models.OneToOneField[Charge, Charge] = models.OneToOneField(
        Charge, on_delete=models.PROTECT, related_name="balance_transaction"
    )
    created_at = models.DateTimeField()
    available_at = models.DateTimeField()
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return self.public_id


class Event(models.Model):
    """Something that happened, with its object as it stood then."""

    number = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    created_at = models.DateTimeField(db_index=True)
    kind = models.CharField(max_length=60)
    snapshot = models.JSONField()
    request_id = models.CharField(max_length=40, blank=True)
    idempotency_key = models.CharField(max_length=255, blank=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.public_id} {self.kind}"


class Delivery(models.Model):
    """One copy of an event on its way to the merchant; tried until it is taken or too old."""

    number = models.BigAutoField(primary_key=True)
    event: models.ForeignKey[Event, Event] = models.ForeignKey(
        Event, on_delete=models.PROTECT, related_name="deliveries"
    )
    state = models.CharField(max_length=10, choices=DeliveryState.choices)
    tries = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField()
    last_status = models.PositiveIntegerField(null=True)
    last_error = models.CharField(max_length=200, blank=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        indexes = (models.Index(fields=["state", "next_at"], name="delivery_due"),)

    def __str__(self) -> str:
        return f"{self.number} {self.state}"


class DeliveryPlan(models.Model):
    """How events are to be delivered: a single row, changed by tests alone."""

    number = models.BigAutoField(primary_key=True)
    mode = models.CharField(max_length=10, choices=PlanMode.choices, default=PlanMode.DELIVER)
    copies = models.PositiveIntegerField(default=1)
    reorder_seed = models.BigIntegerField(null=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return self.mode


class StoredAnswer(models.Model):
    """The answer first given under an idempotency key; without a status it is still being made."""

    number = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=255, unique=True)
    fingerprint = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    request_id = models.CharField(max_length=40)
    status = models.PositiveIntegerField(null=True)
    body = models.TextField(blank=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return self.key


class BankTransfer(models.Model):
    """Money sent to somebody's account, once per reference."""

    number = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
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


def epoch(moment: datetime) -> int:
    """Return ``moment`` as the payment company writes times: whole seconds since 1970."""
    return int(moment.timestamp())


def moment(seconds: float) -> datetime:
    """Return the time that lies ``seconds`` after 1970."""
    return datetime.fromtimestamp(seconds, tz=UTC)


type Json = dict[str, Any]

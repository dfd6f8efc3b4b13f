"""Purchases, and what providers told us about them."""

from collections.abc import Mapping
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from djmoney.money import Money

from wallet.models.pricing import Channel, HoldClass, PaymentMethod, Region
from wallet.money import CURRENCY_NUMBERS, money


class Purchase(models.Model):
    """Coins somebody is buying or has bought. Its id is also the operation that credits it."""

    class State(models.TextChoices):
        CREATED = "created", "Started"
        PENDING = "pending", "Waiting for payment"
        AUTHORISED = "authorised", "Payment being checked"
        PAID = "paid", "Paid, coins on the way"
        CREDITED = "credited", "Coins arrived"
        FAILED = "failed", "Payment failed"
        EXPIRED = "expired", "Not paid in time"
        CANCELLED = "cancelled", "Cancelled"
        VOIDED = "voided", "Payment let go, not charged"

    STATE_FIELD: ClassVar[str] = "state"
    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {
        State.CREATED: frozenset(
            {
                State.PENDING,
                State.AUTHORISED,
                State.PAID,
                State.FAILED,
                State.EXPIRED,
                State.CANCELLED,
            }
        ),
        State.PENDING: frozenset(
            {State.AUTHORISED, State.PAID, State.FAILED, State.EXPIRED, State.CANCELLED}
        ),
        # Set aside at the buyer's bank: taken, let go because of where the buyer is, or gone.
        State.AUTHORISED: frozenset({State.PAID, State.VOIDED, State.FAILED}),
        # A payment can outlive our patience: money that did arrive is always credited.
        State.FAILED: frozenset({State.AUTHORISED, State.PAID}),
        State.EXPIRED: frozenset({State.AUTHORISED, State.PAID}),
        State.CANCELLED: frozenset({State.AUTHORISED, State.PAID}),
        State.VOIDED: frozenset({State.PAID}),
        State.PAID: frozenset({State.CREDITED}),
    }

    id = models.UUIDField(
        primary_key=True, editable=False
    )  # a UUIDv7, made when the form was shown
    buyer = models.ForeignKey("accounts.User", models.PROTECT, related_name="purchases")
    region = models.ForeignKey(Region, models.PROTECT, related_name="+")
    channel = models.CharField(max_length=10, choices=Channel, default=Channel.WEB)
    method = models.ForeignKey(PaymentMethod, models.PROTECT, related_name="+")
    coins = models.PositiveIntegerField()
    gross_minor = models.PositiveBigIntegerField()
    tax_minor = models.PositiveBigIntegerField()
    tax_bps = models.PositiveIntegerField()
    currency = models.CharField(max_length=3, choices=[(c, c) for c in CURRENCY_NUMBERS])
    state = models.CharField(max_length=10, choices=State, default=State.CREATED)
    checkout_ref = models.CharField(max_length=100, blank=True)
    checkout_url = models.URLField(max_length=1000, blank=True)
    payment_ref = models.CharField(max_length=100, blank=True)
    # The buyer as the provider knows them, so that its page can offer what they saved there.
    customer_ref = models.CharField(max_length=100, blank=True)
    hold_class = models.PositiveSmallIntegerField(choices=HoldClass, null=True)
    fee_minor = models.PositiveBigIntegerField(null=True)
    failure = models.CharField(max_length=200, blank=True)
    # What is known of where the buyer is, and what was decided by it (``wallet.locations``).
    evidence = models.JSONField(default=dict)
    captures_later = models.BooleanField(default=False, db_default=False)
    right_region = models.ForeignKey(
        Region, models.PROTECT, null=True, related_name="+", help_text="Whose price is right."
    )
    corrects = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="+", help_text="The one let go before."
    )
    return_path = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    authorised_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    credited_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    alerted_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["checkout_ref"],
                condition=~models.Q(checkout_ref=""),
                name="purchase_checkout_key",
            ),
            # One payment credits one purchase, whatever notice or fetch brought it.
            models.UniqueConstraint(
                fields=["payment_ref"],
                condition=~models.Q(payment_ref=""),
                name="purchase_payment_key",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    tax_minor__lte=models.F("gross_minor"), coins__gte=1, gross_minor__gte=1
                ),
                name="purchase_amounts",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["buyer", "-created_at"], name="purchase_latest"),
            models.Index(
                fields=["checked_at"],
                condition=models.Q(state__in=["created", "pending", "authorised", "paid"]),
                name="purchase_open",
            ),
        ]
        permissions: ClassVar = [("look_up_purchase", "Can look up purchases at their provider")]

    def __str__(self) -> str:
        return f"{self.coins:,} coins for {self.money}"

    @property
    def money(self) -> Money:
        return money(self.gross_minor, self.currency)

    @property
    def tax(self) -> Money:
        return money(self.tax_minor, self.currency)


class CustomerToForget(models.Model):
    """A buyer as a provider knows them, whom it is asked to forget; deleted when it has.

    Names nobody here: it is what is left of the purchases of somebody who was erased.
    """

    provider = models.CharField(max_length=100)
    customer_ref = models.CharField(max_length=100)
    asked_at = models.DateTimeField()
    tried_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name_plural = "customers to forget"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["provider", "customer_ref"], name="customer_to_forget_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.customer_ref} at {self.provider}"


class ProviderEvent(models.Model):
    """A notice as it came, stored before anything is done about it. A trigger: never believed.

    ``object_ref`` is the checkout, refund, dispute or warning it is about, as ``object_kind`` says.
    """

    class About(models.TextChoices):
        CHECKOUT = "checkout"
        REFUND = "refund"
        DISPUTE = "dispute"
        WARNING = "warning"
        NONE = "none", "Nothing of ours"

    provider = models.CharField(max_length=100)
    event_id = models.CharField(max_length=100)
    kind = models.CharField(max_length=80)
    object_ref = models.CharField(max_length=100)
    object_kind = models.CharField(max_length=10, choices=About, default=About.CHECKOUT)
    body = models.TextField()
    received_at = models.DateTimeField(db_default=Now(), editable=False)
    handled_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "event_id"], name="provider_event_once")
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["id"], condition=models.Q(handled_at=None), name="provider_event_waiting"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"

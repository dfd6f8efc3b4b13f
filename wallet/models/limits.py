"""How much may be spent on coins: by region and way to pay, by the fan's own word, and who tries.

Limits are dated rows, added and never edited. Amounts are in minor units of what the buyer pays,
tax included; no amount means no limit in that window.
"""

from datetime import datetime, timedelta
from typing import ClassVar, Final

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from djmoney.money import Money

from wallet.models.pricing import HoldClass, Region
from wallet.models.purchases import Purchase
from wallet.money import CURRENCY_NUMBERS, money

BPS: Final = 10_000  # basis points in a whole
NEW_FOR: Final = timedelta(days=30)  # our own, near the field's


class Tier(models.TextChoices):
    """How long and how well we know a buyer. VERIFIED comes with payouts' identity checks."""

    NEW = "new", "New account"
    ACTIVE = "active", "Account in use"
    VERIFIED = "verified", "Verified account"


class PaymentKind(models.TextChoices):
    """What a limit is about: ways to pay that share a risk and a law."""

    CARD = "card", "Card"
    WALLET = "wallet", "Payment wallet"
    BANK = "bank", "Bank or instant transfer"
    CARRIER = "carrier", "Phone bill"
    GIFT_CARD = "gift_card", "Gift card"
    APP_STORE = "app_store", "App store"


KIND_OF_CLASS: Final = {
    HoldClass.BANK: PaymentKind.BANK,
    HoldClass.WALLET: PaymentKind.WALLET,
    HoldClass.GIFT_CARD: PaymentKind.GIFT_CARD,
    HoldClass.CARD_3DS: PaymentKind.CARD,
    HoldClass.CARD: PaymentKind.CARD,
    HoldClass.APP_STORE: PaymentKind.APP_STORE,
    HoldClass.CARRIER: PaymentKind.CARRIER,
}


class Window(models.TextChoices):
    """The time a limit looks back over. All roll: they have no first day to wait for."""

    PURCHASE = "purchase", "a purchase"
    DAY = "day", "in any 24 hours"
    WEEK = "week", "in any 7 days"
    MONTH = "month", "in any 30 days"

    @property
    def length(self) -> timedelta:
        return LENGTHS[self]


LENGTHS: Final = {
    Window.PURCHASE: timedelta(0),
    Window.DAY: timedelta(days=1),
    Window.WEEK: timedelta(days=7),
    Window.MONTH: timedelta(days=30),
}


def kind_of(hold_class: int) -> PaymentKind:
    """Return the kind of a payment method by the class of its payments."""
    return KIND_OF_CLASS[HoldClass(hold_class)]


def tier_of(
    *, joined_at: datetime, has_paid: bool, is_verified: bool = False, at: datetime
) -> Tier:
    """Say how far a buyer is trusted: new for 30 days and until something was paid, then active."""
    if is_verified:
        return Tier.VERIFIED
    return Tier.ACTIVE if has_paid and at - joined_at >= NEW_FOR else Tier.NEW


def _amount(words: str) -> "models.PositiveBigIntegerField[int | None, int | None]":
    return models.PositiveBigIntegerField(
        words, null=True, blank=True, validators=[MinValueValidator(1)]
    )


class PurchaseLimit(models.Model):
    """What one person may pay by one kind of payment in a region, from a date on.

    A *hard* row is a cap of law or of the payment network: it is the same for everybody. Another
    row is the operator's own: new accounts get ``new_bps`` of it, verified ones ``verified_bps``.
    Of each sort the row in force is the latest that has begun; the smallest amount counts.
    """

    region = models.ForeignKey(Region, models.PROTECT, related_name="limits")
    kind = models.CharField(max_length=10, choices=PaymentKind)
    is_hard = models.BooleanField("cap of law or network", default=False)
    currency = models.CharField(max_length=3, choices=[(c, c) for c in CURRENCY_NUMBERS])
    purchase_minor = _amount("a purchase")
    day_minor = _amount("in any 24 hours")
    month_minor = _amount("in any 30 days")
    first_day_minor = _amount("in the first 24 hours of a new method")
    new_bps = models.PositiveIntegerField(default=BPS, validators=[MaxValueValidator(100 * BPS)])
    verified_bps = models.PositiveIntegerField(
        default=BPS, validators=[MaxValueValidator(100 * BPS)]
    )
    valid_from = models.DateTimeField()
    source = models.CharField(max_length=200)
    created_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["region", "kind", "is_hard", "valid_from"],
                name="purchase_limit_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(is_hard=False) | models.Q(new_bps=BPS, verified_bps=BPS),
                name="purchase_limit_hard_is_the_same_for_all",
            ),
            models.CheckConstraint(
                condition=models.Q(new_bps__gte=1, new_bps__lte=BPS, verified_bps__gte=BPS),
                name="purchase_limit_trust_grows",
            ),
        ]

    def __str__(self) -> str:
        cap = ", cap" if self.is_hard else ""
        return f"{self.get_kind_display()} in {self.region_id}{cap}"


class SpendingLimits(models.Model):
    """One row a buyer: what they start holds its lock, one purchase at a time; and their break."""

    user = models.OneToOneField(
        "accounts.User", models.CASCADE, primary_key=True, related_name="spending_limits"
    )
    time_out_until = models.DateTimeField(null=True)
    time_out_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "spending limits"

    def __str__(self) -> str:
        return f"Limits of {self.user}"


class OwnLimit(models.Model):
    """A limit a fan set for themselves, or took away (no amount), from a moment on."""

    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="own_limits")
    window = models.CharField(max_length=10, choices=Window)
    amount_minor = models.PositiveBigIntegerField(null=True)
    currency = models.CharField(max_length=3, choices=[(c, c) for c in CURRENCY_NUMBERS])
    asked_at = models.DateTimeField()
    effective_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(amount_minor=None) | models.Q(amount_minor__gte=1),
                name="own_limit_positive",
            ),
            # Only what has not begun can be withdrawn, so what was in force stays known.
            models.CheckConstraint(
                condition=models.Q(withdrawn_at=None)
                | models.Q(withdrawn_at__lte=models.F("effective_at")),
                name="own_limit_withdrawn_before_it_began",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["user", "window", "-effective_at"], name="own_limit_in_force")
        ]

    def __str__(self) -> str:
        return f"{self.money or 'No limit'} {self.get_window_display()}"

    @property
    def money(self) -> Money | None:
        return None if self.amount_minor is None else money(self.amount_minor, self.currency)


class PurchaseAttempt(models.Model):
    """Where a purchase was started from and what it was paid with, as keyed hashes, for a term."""

    purchase = models.OneToOneField(
        Purchase, models.CASCADE, primary_key=True, related_name="attempt"
    )
    network = models.CharField(max_length=64, blank=True)
    instrument = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["network", "at"], name="purchase_attempt_network"),
            models.Index(fields=["at"], name="purchase_attempt_term"),
        ]

    def __str__(self) -> str:
        return f"attempt at {self.purchase_id}"

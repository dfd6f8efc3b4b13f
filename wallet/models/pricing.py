"""What coins cost, where, and by which method. Price rows are dated and never edited in place."""

from fractions import Fraction
from typing import ClassVar, Final

import pghistory
import pgtrigger
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django_countries.fields import CountryField
from djmoney.money import Money

from wallet.money import CURRENCY_NUMBERS, money


class Channel(models.TextChoices):
    WEB = "web", "Web"
    APP = "app", "App store"
    GIFT_CARD = "gift_card", "Gift card"


FIRST_PAYOUTS: Final = 3  # as many of a creator's payouts count as their first
FIRST_HOLD: Final = "0"  # in a rate card's holds: what diamonds wait at least until then


class HoldClass(models.IntegerChoices):
    """How sure a payment is to stay: what its diamonds wait for. The ledger stores the number."""

    BANK = 1, "Bank or instant transfer"
    WALLET = 2, "Payment wallet"
    GIFT_CARD = 3, "Gift card"
    CARD_3DS = 4, "Card, holder authenticated"
    CARD = 5, "Card"
    APP_STORE = 6, "App store"
    CARRIER = 7, "Phone bill"


@pghistory.track()
class Region(models.Model):
    """Countries that share a currency, a tax, prices, and the windows of the law.

    Coins of a purchase that were not used can be given back for ``withdrawal_days`` after the day
    of the purchase: by law, or by our goodwill where the law gives no such right. The money is then
    on its way within ``refund_days`` working days.
    """

    code = models.CharField(max_length=8, primary_key=True)
    name = models.CharField(max_length=40)
    currency = models.CharField(max_length=3, choices=[(c, c) for c in CURRENCY_NUMBERS])
    tax_bps = models.PositiveIntegerField(default=0, validators=[MaxValueValidator(5000)])
    tax_name = models.CharField(max_length=20, default="VAT")
    tax_is_included = models.BooleanField(default=True)
    is_open = models.BooleanField(default=True)
    withdrawal_days = models.PositiveSmallIntegerField(
        default=14,
        validators=[MaxValueValidator(365)],
        help_text="For so many days unused coins can be given back. 0: they cannot.",
    )
    is_goodwill = models.BooleanField(
        "is our goodwill", default=True, help_text="The law gives no such right here; we do."
    )
    refund_days = models.PositiveSmallIntegerField(
        default=7,
        validators=[MinValueValidator(1), MaxValueValidator(30)],
        help_text="Working days within which the money is on its way back.",
    )
    age_min = models.PositiveSmallIntegerField(
        "youngest buyer",
        default=18,
        validators=[MinValueValidator(13), MaxValueValidator(30)],
        help_text="In years. Nobody below the age of our terms buys, whatever stands here.",
    )

    def __str__(self) -> str:
        return f"{self.name} ({self.currency})"


class RegionCountry(models.Model):
    country = CountryField(unique=True)
    region = models.ForeignKey(Region, models.PROTECT, related_name="countries")

    def __str__(self) -> str:
        return f"{self.country}: {self.region_id}"


@pghistory.track()
class CoinPackage(models.Model):
    """A number of coins offered with one tap."""

    coins = models.PositiveIntegerField(unique=True, validators=[MinValueValidator(1)])
    is_offered = models.BooleanField(default=True)

    def __str__(self) -> str:
        return f"{self.coins:,} coins"


class PriceAnnouncement(models.Model):
    """That prices of a region change at a moment, in the words its people read.

    It commits with the prices, and people are told from this row: whoever has an id up to
    ``told_up_to_id`` has been told, and nobody is left once it is ``finished_at``.
    """

    region = models.ForeignKey(Region, models.PROTECT, related_name="+")
    valid_from = models.DateTimeField()
    title = models.CharField(max_length=120)
    body = models.CharField(max_length=500)
    announced_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    announced_at = models.DateTimeField(db_default=Now(), editable=False)
    told_up_to_id = models.BigIntegerField(default=0)
    people_told = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["id"],
                condition=models.Q(finished_at=None),
                name="price_announcement_to_tell",
            )
        ]

    def __str__(self) -> str:
        return self.title


class CardAnnouncement(models.Model):
    """That a rate card begins at a moment, in the words creators and everybody else read.

    It commits with the card, and everybody is told from this row: whoever has an id up to
    ``told_up_to_id`` has been told, and nobody is left once it is ``finished_at``.
    """

    card_id = models.IntegerField(unique=True)
    title = models.CharField(max_length=120)
    creators_body = models.CharField(max_length=500)
    fans_body = models.CharField(max_length=500)
    announced_at = models.DateTimeField(db_default=Now(), editable=False)
    told_up_to_id = models.BigIntegerField(default=0)
    people_told = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["id"],
                condition=models.Q(finished_at=None),
                name="card_announcement_to_tell",
            )
        ]

    def __str__(self) -> str:
        return self.title


@pghistory.track()
class Price(models.Model):
    """What a package costs in a region through a channel from a date on.

    Without a package it is the region's rate for exact amounts: ``amount_minor`` for ``coins``
    coins, kept as that exact ratio. The row in force is the latest that has begun. The database
    refuses to change or delete one. ``announcement`` is how people were told of it; none for the
    opening's prices and for one that changes nothing.
    """

    region = models.ForeignKey(Region, models.PROTECT, related_name="prices")
    channel = models.CharField(max_length=10, choices=Channel, default=Channel.WEB)
    package = models.ForeignKey(
        CoinPackage, models.PROTECT, null=True, blank=True, related_name="prices"
    )
    coins = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    amount_minor = models.PositiveBigIntegerField(validators=[MinValueValidator(1)])
    currency = models.CharField(max_length=3, choices=[(c, c) for c in CURRENCY_NUMBERS])
    valid_from = models.DateTimeField()
    created_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    announcement = models.ForeignKey(
        PriceAnnouncement, models.PROTECT, null=True, related_name="prices"
    )

    class Meta:
        triggers: ClassVar = [
            pgtrigger.Protect(name="stays", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["region", "channel", "package", "valid_from"],
                nulls_distinct=False,
                name="price_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(amount_minor__gte=1, coins__gte=1), name="price_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.coins:,} coins for {self.money} in {self.region_id}"

    @property
    def money(self) -> Money:
        return money(self.amount_minor, self.currency)

    @property
    def minor_per_coin(self) -> Fraction:
        return Fraction(self.amount_minor, self.coins)


@pghistory.track()
class PaymentMethod(models.Model):
    """A way to pay, through one provider adapter, with the hold its diamonds inherit."""

    code = models.SlugField(max_length=20, primary_key=True)
    name = models.CharField(max_length=40)
    provider = models.CharField(max_length=100, help_text="Dotted path of the adapter")
    rail = models.CharField(
        max_length=20,
        default="card",
        help_text="The provider's name for what is paid with: card, paypal, ideal, pix, ...",
    )
    hold_class = models.PositiveSmallIntegerField(choices=HoldClass)
    regions = models.ManyToManyField(Region, related_name="methods", blank=True)
    is_offered = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class MethodFee(models.Model):
    """What a method costs the platform in a currency: a share of the price and a fixed part."""

    method = models.ForeignKey(PaymentMethod, models.CASCADE, related_name="fees")
    currency = models.CharField(max_length=3, choices=[(c, c) for c in CURRENCY_NUMBERS])
    fee_bps = models.PositiveIntegerField(default=0, validators=[MaxValueValidator(5000)])
    fee_minor = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["method", "currency"], name="method_fee_key")
        ]

    def __str__(self) -> str:
        return f"{self.method_id} in {self.currency}"


@pghistory.track()
class FxRate(models.Model):
    """Units of a currency for one US dollar at a time, from a named source. Never edited."""

    currency = models.CharField(max_length=3, choices=[(c, c) for c in CURRENCY_NUMBERS])
    per_usd = models.DecimalField(max_digits=18, decimal_places=8)
    quoted_at = models.DateTimeField()
    source = models.CharField(max_length=60)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["currency", "quoted_at"], name="fx_rate_key"),
            models.CheckConstraint(condition=models.Q(per_usd__gt=0), name="fx_rate_positive"),
        ]

    def __str__(self) -> str:
        return f"1 USD = {self.per_usd.normalize():f} {self.currency}"

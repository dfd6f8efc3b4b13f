"""Gift cards: codes that are coins for whoever enters them first."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from djmoney.money import Money

from wallet.models.pricing import Region
from wallet.models.purchases import Purchase
from wallet.money import CURRENCY_NUMBERS, money

CODES_MAX = 10_000


class GiftCardBatch(models.Model):
    """Cards of one value for one region. Its codes come into being when they are downloaded."""

    class State(models.TextChoices):
        PROPOSED = "proposed", "Waiting for a second person"
        APPROVED = "approved", "Approved, codes not made"
        ISSUED = "issued", "Codes handed out"
        REJECTED = "rejected", "Rejected"
        VOIDED = "voided", "Voided"

    STATE_FIELD: ClassVar[str] = "state"
    TRANSITIONS: ClassVar[Mapping[str, Iterable[str]]] = {
        State.PROPOSED: frozenset({State.APPROVED, State.REJECTED}),
        State.APPROVED: frozenset({State.ISSUED, State.VOIDED}),
        State.ISSUED: frozenset({State.VOIDED}),
    }

    id = models.UUIDField(primary_key=True, editable=False)
    name = models.CharField(max_length=60)
    region = models.ForeignKey(Region, models.PROTECT, related_name="+")
    coins = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    gross_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3, choices=[(c, c) for c in CURRENCY_NUMBERS])
    count = models.PositiveIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(CODES_MAX)]
    )
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.PROPOSED)
    maker = models.ForeignKey("accounts.User", models.PROTECT, related_name="+")
    approver = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField(db_default=Now(), editable=False)
    issued_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "gift-card batch"
        verbose_name_plural = "gift-card batches"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~models.Q(maker=models.F("approver")), name="gift_card_batch_two_people"
            ),
            models.CheckConstraint(
                condition=models.Q(coins__gte=1, gross_minor__gte=1, count__range=(1, CODES_MAX)),
                name="gift_card_batch_amounts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.count:,} cards of {self.coins:,} coins for {self.money}"

    @property
    def money(self) -> Money:
        return money(self.gross_minor, self.currency)


class GiftCard(models.Model):
    """One code, by its SHA-256 alone. It credits one purchase, ever."""

    batch = models.ForeignKey(GiftCardBatch, models.PROTECT, related_name="cards")
    code_hash = models.CharField(max_length=64, unique=True)
    ending = models.CharField(max_length=4, help_text="The code's last four, to talk about it.")
    purchase = models.OneToOneField(Purchase, models.PROTECT, null=True, related_name="gift_card")
    redeemed_at = models.DateTimeField(null=True)
    voided_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "gift card"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(purchase=None, redeemed_at=None)
                | models.Q(purchase__isnull=False, redeemed_at__isnull=False, voided_at=None),
                name="gift_card_redeemed_whole",
            )
        ]

    def __str__(self) -> str:
        return f"Gift card …{self.ending}"


class GiftCardTries(models.Model):
    """Codes that a person got wrong since ``since``. Locked by each try, so they are counted."""

    user = models.OneToOneField("accounts.User", models.CASCADE, primary_key=True, related_name="+")
    since = models.DateTimeField()
    wrong = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.user}: {self.wrong}"

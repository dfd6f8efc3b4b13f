"""What people agreed to: the terms, and which service may act for them."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from accounts.models.people import User


class Terms(models.Model):
    """One version of what people agree to."""

    version = models.CharField(max_length=20, unique=True)
    text = models.TextField()
    effective_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "terms"

    def __str__(self) -> str:
        return f"Terms {self.version}"


class TermsAcceptance(models.Model):
    user = models.ForeignKey(User, models.CASCADE, related_name="terms_acceptances")
    terms = models.ForeignKey(Terms, models.PROTECT, related_name="+")
    accepted_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "terms"], name="terms_accepted_once")
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.terms}"


class Scope(models.TextChoices):
    """What a fan may let a service do for them."""

    GIFTS_SEND = "gifts:send", "Send gifts with your coins"
    BALANCE_READ = "balance:read", "See your balance and history"
    REFUNDS_ASK = "refunds:ask", "Ask to give your unused coins back"
    GIFT_CARDS_REDEEM = "gift-cards:redeem", "Turn gift cards into coins for you"
    REVIEWS_READ = "reviews:read", "See the reviews of your account"
    REVIEWS_APPEAL = "reviews:appeal", "Appeal against reviews of your account"
    ROOMS_MANAGE = "rooms:manage", "Start and end your lives, and switch gifts in them"
    PAYOUTS_CHOOSE = "payouts:choose", "Choose whether your payouts go out by themselves"


class Consent(models.Model):
    """A fan's word that one service may act for them, within a daily cap, until a date."""

    fan = models.ForeignKey(User, models.CASCADE, related_name="consents")
    client = models.ForeignKey("allauth_idp_oidc.Client", models.PROTECT, related_name="+")
    scope = models.CharField(max_length=20, choices=Scope)
    daily_cap_coins = models.PositiveIntegerField(default=0)  # counts for sending only
    until = models.DateTimeField()
    given_at = models.DateTimeField(db_default=Now(), editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["fan", "client", "scope"],
                condition=models.Q(revoked_at=None),
                name="consent_one_in_force",
            )
        ]

    def __str__(self) -> str:
        return f"{self.fan} lets {self.client} {self.scope}"


class ConsentUse(models.Model):
    """The coins a service has spent under one consent on one UTC day."""

    consent = models.ForeignKey(Consent, models.CASCADE, related_name="uses")
    day = models.DateField()
    coins = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["consent", "day"], name="consent_use_once_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.consent} on {self.day}: {self.coins}"

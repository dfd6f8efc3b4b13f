"""Fan levels, fan clubs and memberships: what fans reached, and what they are entitled to."""

from datetime import datetime
from typing import ClassVar

from django.db import models

from gifts.models.ranks import Counted


class FanTotal(models.Model):
    """What a fan has given to all creators: the sum of their rows of ``ClubGifter``."""

    gifter = models.OneToOneField(
        "accounts.User",
        models.PROTECT,
        primary_key=True,
        related_name="given",
        db_constraint=False,
    )
    coins = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"{self.gifter_id}: {self.coins:,}"


class ClubGifter(Counted):
    """What one person gave one creator, ever: the points of a club, whether they joined or not."""

    creator = models.ForeignKey(
        "accounts.User", models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    gifter = models.ForeignKey(
        "accounts.User", models.PROTECT, related_name="+", db_constraint=False
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["creator", "gifter"], name="club_gifter_once")
        ]

    def __str__(self) -> str:
        return f"{self.gifter_id} to {self.creator_id}: {self.coins:,}"


class Entitlement(models.Model):
    """Something a fan has with a creator, and for how long. The ledger's operation has the same id.

    Written in the transaction that spent the coins. The creator is hot, so the keys carry no
    database constraint, as those of sendings.
    """

    class Kind(models.TextChoices):
        CLUB = "club", "Fan club"
        MEMBERSHIP = "membership", "Membership"

    id = models.UUIDField(primary_key=True, editable=False)
    fan = models.ForeignKey(
        "accounts.User", models.PROTECT, related_name="entitlements", db_constraint=False
    )
    creator = models.ForeignKey(
        "accounts.User", models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    kind = models.CharField(max_length=10, choices=Kind)
    coins = models.PositiveBigIntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)  # a club has no end
    revoked_at = models.DateTimeField(null=True)  # a bank took the payment behind it back
    reminded_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["fan", "creator"],
                condition=models.Q(kind="club", revoked_at=None),
                name="club_joined_once",
            ),
            models.UniqueConstraint(
                fields=["fan", "creator", "starts_at"],
                condition=models.Q(kind="membership", revoked_at=None),
                name="membership_period_once",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="club", ends_at=None)
                | models.Q(kind="membership", ends_at__gt=models.F("starts_at")),
                name="entitlement_period",
            ),
            models.CheckConstraint(
                condition=~models.Q(fan=models.F("creator")), name="entitlement_to_another"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["creator", "kind", "-starts_at"], name="entitlement_creator"),
            models.Index(
                fields=["ends_at"],
                condition=models.Q(kind="membership", reminded_at=None, revoked_at=None),
                name="entitlement_unreminded",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.fan_id}: {self.kind} of {self.creator_id}"

    def holds(self, at: datetime) -> bool:
        """Whether it is in force."""
        return (
            self.revoked_at is None
            and self.starts_at <= at
            and (self.ends_at is None or at < self.ends_at)
        )


class MembershipOffer(models.Model):
    """A creator's monthly membership: what it costs, what it gives, and whether it can be had."""

    PRICES: ClassVar[tuple[int, ...]] = (100, 300, 500, 1_000)  # coins a month

    creator = models.OneToOneField(
        "accounts.User", models.PROTECT, primary_key=True, related_name="membership_offer"
    )
    is_on = models.BooleanField(default=False)
    price_coins = models.PositiveIntegerField()
    words = models.CharField(max_length=300, blank=True)
    changed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(price_coins__in=(100, 300, 500, 1_000)),
                name="membership_price_listed",
            )
        ]

    def __str__(self) -> str:
        return f"Membership of {self.creator_id}: {self.price_coins:,} coins"

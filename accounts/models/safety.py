"""What protects people from others: fingerprints, a guardian's claim, reports, and blocks."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from accounts.models.people import User
from accounts.models.reviews import Review


class Fingerprint(models.Model):
    """A device, network or payment instrument somebody used, as a keyed hash, until its term."""

    class Kind(models.TextChoices):
        DEVICE = "device", "Device"
        NETWORK = "network", "Network"
        INSTRUMENT = "instrument", "Payment instrument"

    user = models.ForeignKey(User, models.CASCADE, related_name="fingerprints")
    kind = models.CharField(max_length=10, choices=Kind)
    digest = models.CharField(max_length=64)
    first_seen_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    keep_until = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "kind", "digest"], name="fingerprint_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["kind", "digest"], name="fingerprint_shared"),
            models.Index(fields=["keep_until"], name="fingerprint_term"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.digest[:8]}"


class GuardianClaim(models.Model):
    """Somebody says that a minor in their care uses an account. Counts once their email is proven.

    ``about`` is None when nobody has the handle: the claimant is not told that either way.
    """

    about = models.ForeignKey(User, models.CASCADE, null=True, related_name="+")
    handle = models.CharField(max_length=60)
    name = models.CharField(max_length=80)
    email = models.EmailField(max_length=254)
    relation = models.CharField(max_length=20)
    child_age = models.PositiveSmallIntegerField()
    words = models.CharField(max_length=2000)
    made_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    network = models.CharField(max_length=64)  # the fingerprint of where it came from
    review = models.ForeignKey(Review, models.PROTECT, null=True, related_name="guardian_claims")

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["made_at"],
                condition=models.Q(confirmed_at=None),
                name="guardian_claim_unproven",
            )
        ]

    def __str__(self) -> str:
        return f"Claim {self.pk} about @{self.handle}"


class Report(models.Model):
    """Somebody found a person, a room or a video not right. ``place_key``: as ``room:<id>``."""

    class Reason(models.TextChoices):
        MINOR = "minor", "Somebody under age"
        FRAUD = "fraud", "Fraud, or somebody else's money"
        HARASSMENT = "harassment", "Harassment or hate"
        SEXUAL = "sexual", "Sexual content"
        VIOLENCE = "violence", "Violence or danger"
        OTHER = "other", "Something else"

    reporter = models.ForeignKey(User, models.PROTECT, related_name="reports")
    about = models.ForeignKey(User, models.PROTECT, related_name="+")
    place_key = models.CharField(max_length=80)
    reason = models.CharField(max_length=12, choices=Reason)
    words = models.CharField(max_length=1000, blank=True)
    review = models.ForeignKey(Review, models.PROTECT, related_name="reports")
    reported_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            # A second report by the same person to the same case says nothing new.
            models.UniqueConstraint(fields=["reporter", "review"], name="report_once_a_case")
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()}: {self.place_key}"


class Block(models.Model):
    """One person wants nothing to do with another."""

    blocker = models.ForeignKey(User, models.CASCADE, related_name="blocks")
    blocked = models.ForeignKey(User, models.CASCADE, related_name="+")
    blocked_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["blocker", "blocked"], name="block_once"),
            models.CheckConstraint(
                condition=~models.Q(blocker=models.F("blocked")), name="block_somebody_else"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.blocker} blocks {self.blocked}"

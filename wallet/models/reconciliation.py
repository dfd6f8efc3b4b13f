"""What was found when our books were laid beside a payment company's."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class Reconciliation(models.Model):
    """One comparison of a provider's book with ours, over what was made in a span of time."""

    provider = models.CharField(max_length=100)
    since = models.DateTimeField()
    until = models.DateTimeField()
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True)  # NULL: it did not come to its end
    compared = models.PositiveIntegerField(default=0)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["-started_at"], name="reconciliation_latest")]

    def __str__(self) -> str:
        return f"{self.since:%Y-%m-%d %H:%M} to {self.until:%Y-%m-%d %H:%M}"


class Difference(models.Model):
    """One thing of which the two books say different things, or only one says anything."""

    class Kind(models.TextChoices):
        PAYMENT = "payment", "Payment"
        REFUND = "refund", "Refund"
        DISPUTE = "dispute", "Dispute"
        PAYOUT = "payout", "Payout"

    reconciliation = models.ForeignKey(Reconciliation, models.CASCADE, related_name="differences")
    kind = models.CharField(max_length=8, choices=Kind)
    ref = models.CharField(max_length=100)
    purchase_id = models.UUIDField(null=True)
    ours = models.CharField(max_length=120)
    theirs = models.CharField(max_length=120)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.ref}: we say {self.ours}, they say {self.theirs}"

"""Where creators are paid."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from wallet.money import CURRENCY_NUMBERS


class Destination(models.Model):
    """A bank account in the creator's own name. Never edited: a change is a new row."""

    class Rail(models.TextChoices):
        BANK = "bank", "Bank transfer"

    id = models.UUIDField(primary_key=True, editable=False)
    creator = models.ForeignKey("accounts.User", models.PROTECT, related_name="destinations")
    rail = models.CharField(max_length=10, choices=Rail, default=Rail.BANK)
    holder_name = models.CharField(max_length=70)
    account = models.CharField(max_length=34)
    currency = models.CharField(max_length=3, choices=[(c, c) for c in CURRENCY_NUMBERS])
    added_at = models.DateTimeField(db_default=Now(), editable=False)
    replaced_at = models.DateTimeField(null=True)
    # Set when a bank fails or returns a payout because of the account: nothing more goes there.
    blocked_at = models.DateTimeField(null=True)
    blocked_why = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["creator"],
                condition=models.Q(replaced_at=None),
                name="destination_one_in_use",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_rail_display()} {self.masked} ({self.currency})"

    @property
    def masked(self) -> str:
        """The account as it is shown: its last four signs."""
        return f"•••• {self.account[-4:]}"

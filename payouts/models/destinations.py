"""Where creators are paid."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from wallet.money import CURRENCY_NUMBERS


class Destination(models.Model):
    """An account in the creator's own name. Never edited: a change is a new row.

    The account's number is encrypted (``destinations.account_of`` opens it); ``mark`` tells whether
    two numbers are the same, and only the last four signs are kept to be shown.
    """

    class Rail(models.TextChoices):
        BANK = "bank", "Bank transfer"
        SEPA = "sepa", "SEPA transfer"
        STRIPE = "stripe", "Stripe"

    # Rails whose payouts wait for a file, rather than being called for each.
    IN_FILES: ClassVar[frozenset[str]] = frozenset({Rail.SEPA})

    id = models.UUIDField(primary_key=True, editable=False)
    creator = models.ForeignKey("accounts.User", models.PROTECT, related_name="destinations")
    rail = models.CharField(max_length=10, choices=Rail, default=Rail.BANK)
    holder_name = models.CharField(max_length=70)
    account_sealed = models.BinaryField()
    last4 = models.CharField(max_length=4)
    mark = models.CharField(max_length=64)
    bic = models.CharField(max_length=11, blank=True)
    currency = models.CharField(max_length=3, choices=[(c, c) for c in CURRENCY_NUMBERS])
    added_at = models.DateTimeField(db_default=Now(), editable=False)
    # Not before then: whoever took over an account must not empty it at once.
    usable_at = models.DateTimeField(db_default=Now(), editable=False)
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
        indexes: ClassVar = [models.Index(fields=["mark"], name="destination_same_account")]

    def __str__(self) -> str:
        return f"{self.get_rail_display()} {self.masked} ({self.currency})"

    @property
    def masked(self) -> str:
        """The account as it is shown: its last four signs."""
        return f"•••• {self.last4}"

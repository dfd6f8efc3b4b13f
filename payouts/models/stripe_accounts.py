"""Creators' own accounts at Stripe, which we can transfer to."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class StripeAccount(models.Model):
    """One creator's account at Stripe, as Stripe last showed it. Its name is no secret."""

    id = models.UUIDField(primary_key=True, editable=False)  # what Stripe is asked under
    creator = models.OneToOneField("accounts.User", models.PROTECT, related_name="stripe_account")
    ref = models.CharField(max_length=40, blank=True)  # Stripe's own name; empty: not opened yet
    holder_name = models.CharField(max_length=70)
    currency = models.CharField(max_length=3, blank=True)
    is_submitted = models.BooleanField(default=False)
    is_enabled = models.BooleanField(default=False)  # takes transfers, and is paid out by Stripe
    due = models.JSONField(default=list)  # what Stripe still wants to know
    disabled_reason = models.CharField(max_length=60, blank=True)
    # The destination that it is to become once it is enabled; none: nothing is wanted.
    wanted_id = models.UUIDField(null=True)
    opened_at = models.DateTimeField(db_default=Now(), editable=False)
    fetched_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)  # when to ask Stripe again

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["ref"], condition=~models.Q(ref=""), name="stripe_account_once"
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(due_at__isnull=False),
                name="stripe_account_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.ref[:5]}••••{self.ref[-4:]}" if self.ref else "not opened yet"

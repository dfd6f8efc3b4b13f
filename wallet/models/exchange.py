"""Exchange rates that wait for a second person."""

from collections.abc import Mapping
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from wallet.money import CURRENCY_NUMBERS


class WaitingRate(models.Model):
    """A rate so far from the one before it that another person must agree before it is used.

    ``proposed_by`` is empty where the command read it. The same rate of a moment waits once.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waits for a second person"
        USED = "used", "Used"
        REJECTED = "rejected", "Rejected"

    STATE_FIELD: ClassVar[str] = "state"
    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {
        State.WAITING: frozenset({State.USED, State.REJECTED}),
    }

    currency = models.CharField(max_length=3, choices=[(c, c) for c in CURRENCY_NUMBERS])
    per_usd = models.DecimalField(max_digits=18, decimal_places=8)
    before_per_usd = models.DecimalField(max_digits=18, decimal_places=8)
    quoted_at = models.DateTimeField()
    source = models.CharField(max_length=60)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    proposed_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    proposed_at = models.DateTimeField(db_default=Now(), editable=False)
    decided_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["currency", "quoted_at", "per_usd"], name="waiting_rate_once"
            ),
            models.CheckConstraint(
                condition=models.Q(per_usd__gt=0, before_per_usd__gt=0),
                name="waiting_rate_positive",
            ),
            models.CheckConstraint(
                condition=~models.Q(decided_by=models.F("proposed_by")),
                name="waiting_rate_two_people",
            ),
            models.CheckConstraint(
                condition=models.Q(state="waiting") | models.Q(decided_by__isnull=False),
                name="waiting_rate_decided",
            ),
        ]

    def __str__(self) -> str:
        return f"1 USD = {self.per_usd.normalize():f} {self.currency}"

"""Settlement runs and their lines."""

from collections.abc import Mapping
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from djmoney.money import Money

from wallet.money import CURRENCY_NUMBERS, money


class SettlementRun(models.Model):
    """One periodic settlement: the available diamonds of all eligible creators."""

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"

    STATE_FIELD: ClassVar[str] = "state"
    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {State.RUNNING: frozenset({State.DONE})}

    id = models.UUIDField(primary_key=True, editable=False)
    period_key = models.CharField(
        max_length=40, unique=True
    )  # one run per period, whoever starts it
    cutoff_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State, default=State.RUNNING)
    after_creator_id = models.BigIntegerField(default=0)  # how far it has come: creators by id
    # Why it waits: a rate that is missing or too old. Empty while it can go on.
    stopped_why = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["state"],
                condition=models.Q(state="running"),
                name="settlement_one_running",
            )
        ]

    def __str__(self) -> str:
        return f"Settlement {self.period_key}"


class SettlementLine(models.Model):
    """Diamonds of one creator under one rate card, turned into cash at that card's value."""

    id = models.UUIDField(primary_key=True, editable=False)  # the ledger operation
    run = models.ForeignKey(SettlementRun, models.PROTECT, related_name="lines")
    creator = models.ForeignKey("accounts.User", models.PROTECT, related_name="settlement_lines")
    card_id = models.IntegerField()
    diamonds_milli = models.PositiveBigIntegerField()
    diamond_usd = models.DecimalField(max_digits=12, decimal_places=6)
    currency = models.CharField(max_length=3, choices=[(c, c) for c in CURRENCY_NUMBERS])
    fx_per_usd = models.DecimalField(max_digits=18, decimal_places=8)
    fx_source = models.CharField(max_length=60)
    fx_quoted_at = models.DateTimeField()
    amount_minor = models.PositiveBigIntegerField()
    # Of one minor unit, exact: thousandths of diamonds x 6 decimals of a card x 8 of a rate.
    remainder_minor = models.DecimalField(max_digits=18, decimal_places=17)
    settled_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["run", "creator", "card_id"], name="settlement_line_once"
            ),
            models.CheckConstraint(
                condition=models.Q(remainder_minor__gte=0, remainder_minor__lt=1),
                name="settlement_line_floor",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["creator", "-settled_at"], name="settlement_line_latest")
        ]

    def __str__(self) -> str:
        return f"{self.money} for {self.creator_id}"

    @property
    def money(self) -> Money:
        return money(self.amount_minor, self.currency)

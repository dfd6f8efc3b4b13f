"""Settlement runs and their lines."""

from collections.abc import Mapping
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from djmoney.money import Money

from wallet.money import CURRENCY_NUMBERS, money


class SettlementRun(models.Model):
    """One periodic run over all eligible creators: diamonds become cash, and cash payouts.

    A run of the kind ``payouts`` settles nothing: it pays what a maximum left over. ``expected``
    is what was there when it was planned, by currency: the most that it can come to. A large run
    waits for two members of staff.
    """

    class Kind(models.TextChoices):
        SETTLEMENT = "settlement", "Settlement and payouts"
        PAYOUTS = "payouts", "Payouts alone"

    class State(models.TextChoices):
        PLANNED = "planned", "Waiting for two approvals"
        CHECKED = "checked", "Waiting for one more approval"
        RUNNING = "running", "Running"
        DONE = "done", "Done"

    STATE_FIELD: ClassVar[str] = "state"
    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {
        State.PLANNED: frozenset({State.CHECKED}),
        State.CHECKED: frozenset({State.RUNNING}),
        State.RUNNING: frozenset({State.DONE}),
    }
    OPEN: ClassVar[frozenset[str]] = frozenset({State.PLANNED, State.CHECKED, State.RUNNING})

    id = models.UUIDField(primary_key=True, editable=False)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.SETTLEMENT)
    period_key = models.CharField(
        max_length=40, unique=True
    )  # one run per period, whoever starts it
    cutoff_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State, default=State.RUNNING)
    expected = models.JSONField(default=list)
    needs_approval = models.BooleanField(default=False)
    checked_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    approved_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    # Why it waits: a rate that is missing or too old. Empty while it can go on.
    stopped_why = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(state__in=["planned", "checked", "running"]),
                name="settlement_one_open",
            ),
            models.CheckConstraint(
                condition=models.Q(needs_approval=False)
                | models.Q(state__in=["planned", "checked"])
                | models.Q(checked_by__isnull=False, approved_by__isnull=False),
                name="settlement_approved_when_large",
            ),
            models.CheckConstraint(
                condition=~models.Q(checked_by=models.F("approved_by")),
                name="settlement_two_people",
            ),
        ]

    def __str__(self) -> str:
        return f"Settlement {self.period_key}"


class SettlementChunk(models.Model):
    """A part of a run: the creators from one id to another, done in one transaction.

    Its row lock is the lease: PostgreSQL ends it with the worker that holds it.
    """

    run = models.ForeignKey(SettlementRun, models.PROTECT, related_name="chunks")
    number = models.PositiveIntegerField()
    first_creator_id = models.BigIntegerField()
    last_creator_id = models.BigIntegerField()
    creators = models.PositiveIntegerField()  # with something to settle or pay, as planned
    settled = models.PositiveIntegerField(default=0)  # of them, those who were settled
    paid_out = models.PositiveIntegerField(default=0)
    not_eligible = models.PositiveIntegerField(default=0)
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "number"], name="settlement_chunk_once")
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["run", "number"],
                condition=models.Q(done_at=None),
                name="settlement_chunk_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.number}"


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

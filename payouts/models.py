"""Where creators are paid, settlement runs and their lines, and payouts."""

from collections.abc import Mapping
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from djmoney.money import Money

from wallet.money import CURRENCY_NUMBERS, money


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


class Payout(models.Model):
    """Cash on its way to a creator. Reserved before the rail is called; resolved once.

    ``sending`` is written before the rail is called and ``unknown`` when its answer was unclear or
    never recorded; from both, only a look-up by reference leads on.
    """

    class State(models.TextChoices):
        REQUESTED = "requested", "Waiting for two approvals"
        CHECKED = "checked", "Waiting for one more approval"
        RESERVED = "reserved", "About to be sent"
        SENDING = "sending", "Being sent"
        UNKNOWN = "unknown", "Being looked up"
        SUBMITTED = "submitted", "On its way"
        PAID = "paid", "Paid"
        FAILED = "failed", "Failed"
        RETURNED = "returned", "Returned by the bank"
        CANCELLED = "cancelled", "Cancelled"

    STATE_FIELD: ClassVar[str] = "state"
    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {
        State.REQUESTED: frozenset({State.CHECKED, State.CANCELLED}),
        State.CHECKED: frozenset({State.RESERVED, State.CANCELLED}),
        State.RESERVED: frozenset({State.SENDING, State.CANCELLED}),
        # Back to reserved only when it is certain that no try of this payout reached the bank.
        State.SENDING: frozenset({State.RESERVED, State.UNKNOWN, State.SUBMITTED, State.FAILED}),
        State.UNKNOWN: frozenset({State.SENDING, State.SUBMITTED, State.FAILED}),
        State.SUBMITTED: frozenset({State.PAID, State.FAILED}),
        State.PAID: frozenset({State.RETURNED}),
    }
    CANCELLABLE: ClassVar[frozenset[str]] = frozenset(
        {State.REQUESTED, State.CHECKED, State.RESERVED}
    )

    id = models.UUIDField(primary_key=True, editable=False)  # the rail's reference
    creator = models.ForeignKey("accounts.User", models.PROTECT, related_name="payouts")
    destination = models.ForeignKey(Destination, models.PROTECT, related_name="payouts")
    # The settlement run that started it; none when the creator asked for it.
    run = models.ForeignKey(SettlementRun, models.PROTECT, null=True, related_name="payouts")
    amount_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3, choices=[(c, c) for c in CURRENCY_NUMBERS])
    state = models.CharField(max_length=10, choices=State, default=State.RESERVED)
    reserve_op = models.UUIDField(unique=True, editable=False)
    resolve_op = models.UUIDField(unique=True, editable=False)  # posts or voids, never both
    return_op = models.UUIDField(unique=True, editable=False)
    rail_ref = models.CharField(max_length=100, blank=True)
    failure = models.CharField(max_length=200, blank=True)
    needs_approval = models.BooleanField(default=False)
    checked_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    approved_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    attempts = models.PositiveIntegerField(
        default=0
    )  # numbers the tries: a late answer is told apart
    due_at = models.DateTimeField(null=True)  # when to look at it next; none: it is over
    leased_until = models.DateTimeField(null=True)  # a worker is at it until then
    requested_at = models.DateTimeField(db_default=Now(), editable=False)
    sent_at = models.DateTimeField(null=True)  # the latest try
    submitted_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(amount_minor__gte=1), name="payout_positive"),
            models.CheckConstraint(
                condition=~models.Q(checked_by=models.F("approved_by"))
                & ~models.Q(checked_by=models.F("creator"))
                & ~models.Q(approved_by=models.F("creator")),
                name="payout_two_people",
            ),
            models.CheckConstraint(
                condition=models.Q(needs_approval=False)
                | models.Q(state__in=["requested", "checked", "cancelled"])
                | models.Q(checked_by__isnull=False, approved_by__isnull=False),
                name="payout_approved_when_large",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["creator", "-requested_at"], name="payout_latest"),
            models.Index(
                fields=["due_at"], condition=models.Q(due_at__isnull=False), name="payout_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.money} to {self.creator_id}"

    @property
    def money(self) -> Money:
        return money(self.amount_minor, self.currency)

    @property
    def is_cancellable(self) -> bool:
        return self.state in self.CANCELLABLE
